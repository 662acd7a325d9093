//! Where a value's elements go: which weights meet them, and which other values hold them on the
//! way.
//!
//! Scaling a value is possible where every way from it ends in weights, which can make up for it,
//! and nothing on the way but reshapes, repetitions, concatenations and functions that keep
//! factors.

use crate::graph::{Folded, Graph, Op, Shape, Source};

/// An element that does not come from the value.
pub const FOREIGN: usize = usize::MAX;

/// An element that is 0, whatever the value's factors are: padding.
pub const NOTHING: usize = usize::MAX - 1;

/// A value whose elements are (some of) those looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// The node that gives it, or that reads it where it has weights.
    pub node: usize,
    /// Its shape.
    pub shape: Shape,
    /// For each element, which of the value's it is; [`FOREIGN`] and [`NOTHING`] for others.
    pub origin: Vec<usize>,
}

impl Alias {
    /// Which of the value's elements a channel holds; nothing is left out but [`NOTHING`].
    pub fn channel(&self, channel: usize) -> impl Iterator<Item = usize> + '_ {
        let element = move |pixel| self.origin.get(self.shape.at(channel, pixel)).copied();
        let held = (0..self.shape.pixels()).filter_map(element);
        held.filter(|&element| element != NOTHING)
    }
}

/// All places that a value reaches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reach {
    /// Nodes with weights, with what they read.
    pub consumers: Vec<Alias>,
    /// Nodes between, with what they give.
    pub between: Vec<Alias>,
    /// Whether a concatenation puts the value beside one whose exponent is the inputs'.
    pub beside_inputs: bool,
}

/// Follows a value to the weights; `None` where a node on the way does not keep factors, or the
/// picture holds it.
pub fn reach(graph: &Graph<Folded>, value: Source) -> Option<Reach> {
    let mut reach = Reach::default();
    let nodes = &graph.nodes;
    let shape = |source| graph.source_shape(source);
    let len = shape(value).len();
    // The origins of each node's output, where there are some.
    let mut origins: Vec<Option<Vec<usize>>> = vec![None; nodes.len()];
    let first = match value {
        Source::Node(index) if index + 1 == nodes.len() => return None,
        Source::Node(index) => index + 1,
        _ => 0,
    };
    for (index, node) in nodes.iter().enumerate().skip(first) {
        let of = |source: &Source| -> Option<Vec<usize>> {
            if *source == value {
                return Some((0..len).collect());
            }
            match source {
                Source::Node(before) => origins.get(*before).cloned().flatten(),
                _ => None,
            }
        };
        let parts: Vec<Option<Vec<usize>>> = node.inputs.iter().map(of).collect();
        let Some(from) = node.inputs.first().map(|&source| shape(source)) else {
            continue;
        };
        if parts.iter().all(Option::is_none) {
            continue;
        }
        let shapes = graph.input_shapes(node);
        let origin = match &node.op {
            Op::Linear(..) => {
                let origin = parts.into_iter().next().flatten()?;
                reach.consumers.push(Alias {
                    node: index,
                    shape: from,
                    origin,
                });
                continue;
            }
            Op::Norm(norm) => match *norm {},
            Op::Pointwise(function) if !function.keeps_factors() => return None,
            Op::Pointwise(_) => parts.into_iter().next().flatten()?,
            Op::Move(moved) => moved.apply(
                &parts.into_iter().next().flatten()?,
                from,
                node.shape,
                match moved.fill() == 0.0 {
                    true => NOTHING,
                    false => FOREIGN,
                },
            ),
            Op::Combine(combine, _) => {
                let origin = combine.operator().origins(&parts, &shapes, FOREIGN)?;
                let foreign = parts
                    .iter()
                    .zip(&node.inputs)
                    .filter(|(part, _)| part.is_none());
                for (_, &source) in foreign {
                    reach.beside_inputs |= comes_from_inputs(graph, source);
                }
                origin
            }
        };
        if index + 1 == nodes.len() {
            return None;
        }
        reach.between.push(Alias {
            node: index,
            shape: node.shape,
            origin: origin.clone(),
        });
        if let Some(slot) = origins.get_mut(index) {
            *slot = Some(origin);
        }
    }
    Some(reach)
}

/// Whether a value is one of the inputs, its elements moved at most.
fn comes_from_inputs(graph: &Graph<Folded>, mut source: Source) -> bool {
    while let Source::Node(index) = source {
        match graph
            .nodes
            .get(index)
            .map(|node| (&node.op, &node.inputs[..]))
        {
            Some((Op::Move(_), [before])) => source = *before,
            _ => return false,
        }
    }
    true
}

/// How a node is read: by whom, and whether it leads to the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// It is the picture, perhaps after nodes that only move elements.
    Picture,
    /// A table alone reads it, perhaps after nodes that only move elements: the table's node.
    Table(usize),
    /// Anything else.
    Other,
}

/// Where a node's output leads to.
pub fn destination(graph: &Graph<Folded>, node: usize) -> Destination {
    let readers = graph.readers();
    let mut at = node;
    loop {
        if at + 1 == graph.nodes.len() {
            return Destination::Picture;
        }
        let mut own = readers.get(at).cloned().unwrap_or_default();
        own.dedup();
        let [reader] = own[..] else {
            return Destination::Other;
        };
        match &graph.nodes[reader].op {
            Op::Pointwise(_) => return Destination::Table(reader),
            Op::Move(_) => at = reader,
            Op::Combine(combine, _) if combine.operator().hands_on() => at = reader,
            Op::Linear(..) | Op::Combine(..) => return Destination::Other,
            Op::Norm(norm) => match *norm {},
        }
    }
}

/// Elements of a value in groups that must have one factor; union by the smaller index.
#[derive(Debug, Clone)]
pub struct Groups {
    /// One an element, and one for all that has no factor.
    parents: Vec<usize>,
}

impl Groups {
    /// Each element by itself.
    pub fn new(len: usize) -> Self {
        Self {
            parents: (0..=len).collect(),
        }
    }

    /// The group of an element; [`Groups::fixed`] for foreign ones.
    pub fn of(&mut self, element: usize) -> usize {
        let mut at = element.min(self.fixed());
        while self.parents[at] != at {
            self.parents[at] = self.parents[self.parents[at]];
            at = self.parents[at];
        }
        at
    }

    /// The index that stands for elements that must keep their scale.
    pub fn fixed(&self) -> usize {
        self.parents.len() - 1
    }

    /// Whether an element must keep its scale.
    pub fn is_fixed(&mut self, element: usize) -> bool {
        self.of(element) == self.of(self.fixed())
    }

    fn unite(&mut self, a: usize, b: usize) {
        let (a, b) = (self.of(a), self.of(b));
        self.parents[a.max(b)] = a.min(b);
    }

    /// All elements of a channel get one factor.
    pub fn unite_channels(&mut self, alias: &Alias) {
        for channel in 0..alias.shape.channels {
            for (a, b) in alias.channel(channel).zip(alias.channel(channel).skip(1)) {
                self.unite(a, b);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fold::fold;
    use super::*;
    use crate::graph::{InputSpec, Network};
    use ndarray::{Array1, Array2};

    fn shape(channels: usize, height: usize, width: usize) -> Shape {
        Shape {
            channels,
            height,
            width,
        }
    }

    /// dense (4) -> 1 x 2 x 2 -> twice as wide -> beside the dense output of the label -> dense.
    fn network() -> Network {
        let dense =
            |inputs, outputs| Op::dense(Array2::ones((outputs, inputs)), Array1::ones(outputs));
        let input = InputSpec {
            latent: 2,
            classes: 3,
        };
        let (small, wide, n) = (shape(1, 2, 2), shape(1, 2, 4), Source::Node);
        let mut network = Network::new("flow", input, Shape::vector(5), ());
        let table = Op::embedding(&Array2::ones((3, 8)));
        for (name, inputs, op, shape) in [
            ("a", vec![Source::Latent], dense(2, 4), Shape::vector(4)),
            ("shape", vec![n(0)], Op::reshape(), small),
            ("relu", vec![n(1)], Op::RELU, small),
            ("up", vec![n(2)], Op::upsample([1, 2]), wide),
            ("b", vec![Source::Label], table, Shape::vector(8)),
            ("plane", vec![n(4)], Op::reshape(), wide),
            ("join", vec![n(3), n(5)], Op::concat(), shape(2, 2, 4)),
            ("c", vec![n(6)], dense(16, 5), Shape::vector(5)),
            ("tanh", vec![n(7)], Op::TANH, Shape::vector(5)),
        ] {
            network.push(name, op, inputs, shape, ());
        }
        network
    }

    #[test]
    fn elements_are_followed_to_the_weights() {
        let network = network();
        let steps = fold(&network).unwrap();
        let names: Vec<&str> = steps.nodes.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(
            names,
            ["a", "shape", "up", "b", "plane", "join", "c", "c.tanh"]
        );
        let found = reach(&steps, Source::Node(0)).unwrap();
        let between: Vec<usize> = found.between.iter().map(|held| held.node).collect();
        assert_eq!((between, found.consumers.len()), (vec![1, 2, 5], 1));
        let both = shape(2, 2, 4);
        for pixel in 0..8 {
            let origin = |channel| found.consumers[0].origin[both.at(channel, pixel)];
            assert_eq!((origin(0), origin(1)), (pixel / 2, FOREIGN));
        }
        assert!(!found.beside_inputs);
        let mut groups = Groups::new(4);
        groups.unite_channels(&found.between[0]);
        assert!((0..4).all(|element| groups.of(element) == 0 && !groups.is_fixed(element)));
        let label = reach(&steps, Source::Label).unwrap();
        assert_eq!(
            (label.consumers[0].node, &label.consumers[0].origin[..]),
            (3, &[0, 1, 2][..])
        );
        // tanh keeps no factors, and nothing follows the last step.
        assert_eq!(reach(&steps, Source::Node(6)), None);
        assert_eq!(reach(&steps, Source::Node(7)), None);
        assert_eq!(destination(&steps, 6), Destination::Table(7));
        assert_eq!(destination(&steps, 7), Destination::Picture);
        assert_eq!(destination(&steps, 0), Destination::Other);
    }

    #[test]
    fn a_group_with_a_foreign_element_is_fixed() {
        let held = |origin: &[usize]| Alias {
            node: 0,
            shape: shape(1, 1, origin.len()),
            origin: origin.to_vec(),
        };
        let mut groups = Groups::new(3);
        groups.unite_channels(&held(&[2, FOREIGN]));
        groups.unite_channels(&held(&[0, 1]));
        let fixed: Vec<bool> = (0..3).map(|element| groups.is_fixed(element)).collect();
        assert_eq!(fixed, [false, false, true]);
        assert_eq!(groups.of(1), 0);
    }
}
