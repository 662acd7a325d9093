//! Where a value's elements go: which weights meet them, and which other values hold them on the way.
//!
//! Scaling a value is possible where every way from it ends in weights, which can make up for it, and nothing on the
//! way but reshapes, repetitions, concatenations and functions that keep factors.

use super::fold::{Folded, FoldedKind, source_shape};
use crate::network::{InputSpec, Shape, Source};

/// An element that does not come from the value.
pub const FOREIGN: usize = usize::MAX;

/// A value whose elements are (some of) those looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The step that gives it, or that reads it where it has weights.
    pub step: usize,
    /// Its shape.
    pub shape: Shape,
    /// For each element, which of the value's it is; [`FOREIGN`] for others.
    pub origin: Vec<usize>,
}

/// All places that a value reaches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reach {
    /// Steps with weights, with what they read.
    pub sinks: Vec<Held>,
    /// Steps between, with what they give.
    pub between: Vec<Held>,
    /// Whether a concatenation puts the value beside one whose exponent is the inputs'.
    pub beside_inputs: bool,
}

/// Follows a value to the weights; `None` where a step on the way does not keep factors, or the picture holds it.
pub fn reach(steps: &[Folded], input: InputSpec, value: Source) -> Option<Reach> {
    let mut reach = Reach::default();
    let shape = |source| source_shape(steps, input, source);
    let len = shape(value).len();
    // The origins of each step's output, where there are some.
    let mut origins: Vec<Option<Vec<usize>>> = vec![None; steps.len()];
    let first = match value {
        Source::Node(index) if index + 1 == steps.len() => return None,
        Source::Node(index) => index + 1,
        _ => 0,
    };
    for (index, step) in steps.iter().enumerate().skip(first) {
        let of = |source: &Source| -> Option<Vec<usize>> {
            if *source == value {
                return Some((0..len).collect());
            }
            match source {
                Source::Node(before) => origins.get(*before).cloned().flatten(),
                _ => None,
            }
        };
        let parts: Vec<Option<Vec<usize>>> = step.inputs.iter().map(of).collect();
        let Some(from) = step.inputs.first().map(|&source| shape(source)) else {
            continue;
        };
        if parts.iter().all(Option::is_none) {
            continue;
        }
        let origin = match &step.kind {
            FoldedKind::Dense(_)
            | FoldedKind::Conv(..)
            | FoldedKind::ConvTranspose(..)
            | FoldedKind::Embedding(_) => {
                let origin = parts.into_iter().next().flatten()?;
                reach.sinks.push(Held {
                    step: index,
                    shape: from,
                    origin,
                });
                continue;
            }
            FoldedKind::Table(function) if !function.keeps_factors() => return None,
            FoldedKind::Table(_) | FoldedKind::Reshape => parts.into_iter().next().flatten()?,
            FoldedKind::Upsample { factor } => {
                upsampled(&parts.into_iter().next().flatten()?, from, *factor)
            }
            FoldedKind::Concat => {
                let mut whole = Vec::with_capacity(step.shape.len());
                for (part, &source) in parts.into_iter().zip(&step.inputs) {
                    match part {
                        Some(part) => whole.extend(part),
                        None => {
                            reach.beside_inputs |= comes_from_inputs(steps, source);
                            whole.extend(std::iter::repeat_n(FOREIGN, shape(source).len()));
                        }
                    }
                }
                whole
            }
        };
        if index + 1 == steps.len() {
            return None;
        }
        reach.between.push(Held {
            step: index,
            shape: step.shape,
            origin: origin.clone(),
        });
        if let Some(slot) = origins.get_mut(index) {
            *slot = Some(origin);
        }
    }
    Some(reach)
}

/// Whether a value is one of the inputs, reshaped or repeated at most.
fn comes_from_inputs(steps: &[Folded], mut source: Source) -> bool {
    while let Source::Node(index) = source {
        match steps.get(index).map(|step| (&step.kind, &step.inputs[..])) {
            Some((FoldedKind::Reshape | FoldedKind::Upsample { .. }, [before])) => source = *before,
            _ => return false,
        }
    }
    true
}

fn upsampled(origin: &[usize], from: Shape, factor: [usize; 2]) -> Vec<usize> {
    let width = from.width * factor[1];
    let mut all = Vec::with_capacity(origin.len() * factor[0] * factor[1]);
    for row in origin.chunks(from.width.max(1)) {
        for _ in 0..factor[0] {
            all.extend((0..width).map(|column| row[column / factor[1]]));
        }
    }
    all
}

/// How a step is read: by whom, and whether it leads to the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// It is the picture, perhaps after steps that only move elements.
    Picture,
    /// A table alone reads it, perhaps after steps that only move elements: the table's step.
    Table(usize),
    /// Anything else.
    Other,
}

/// Where a step's output leads to.
pub fn destination(steps: &[Folded], step: usize) -> Destination {
    let mut at = step;
    loop {
        if at + 1 == steps.len() {
            return Destination::Picture;
        }
        let readers = steps.iter().enumerate().skip(at + 1);
        let mut readers = readers.filter(|(_, reader)| reader.inputs.contains(&Source::Node(at)));
        let (Some((reader, next)), None) = (readers.next(), readers.next()) else {
            return Destination::Other;
        };
        match next.kind {
            FoldedKind::Table(_) => return Destination::Table(reader),
            FoldedKind::Reshape | FoldedKind::Upsample { .. } | FoldedKind::Concat => at = reader,
            _ => return Destination::Other,
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
    pub fn unite_channels(&mut self, held: &Held) {
        let pixels = (held.shape.height * held.shape.width).max(1);
        for channel in held.origin.chunks(pixels) {
            for pair in channel.windows(2) {
                self.unite(pair[0], pair[1]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fold::fold;
    use super::*;
    use crate::network::{Dense, Layer, Network, Node};
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
        let dense = |inputs, outputs| {
            Layer::Dense(Dense {
                weight: Array2::ones((outputs, inputs)),
                bias: Array1::ones(outputs),
            })
        };
        let node = |name: &str, inputs: &[Source], layer| Node {
            name: name.into(),
            inputs: inputs.to_vec(),
            layer,
        };
        let table = Array2::ones((3, 8));
        let n = Source::Node;
        Network {
            name: "flow".into(),
            input: InputSpec {
                latent: 2,
                classes: 3,
            },
            nodes: vec![
                node("a", &[Source::Latent], dense(2, 4)),
                node(
                    "shape",
                    &[n(0)],
                    Layer::Reshape {
                        shape: shape(1, 2, 2),
                    },
                ),
                node("relu", &[n(1)], Layer::Relu),
                node("up", &[n(2)], Layer::Upsample { factor: [1, 2] }),
                node("b", &[Source::Label], Layer::Embedding { table }),
                node(
                    "plane",
                    &[n(4)],
                    Layer::Reshape {
                        shape: shape(1, 2, 4),
                    },
                ),
                node("join", &[n(3), n(5)], Layer::Concat),
                node("c", &[n(6)], dense(16, 5)),
                node("tanh", &[n(7)], Layer::Tanh),
            ],
            output: Shape::vector(5),
        }
    }

    #[test]
    fn elements_are_followed_to_the_weights() {
        let network = network();
        let steps = fold(&network).unwrap();
        let names: Vec<&str> = steps.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(
            names,
            ["a", "shape", "up", "b", "plane", "join", "c", "c.tanh"]
        );
        let found = reach(&steps, network.input, Source::Node(0)).unwrap();
        let between: Vec<usize> = found.between.iter().map(|held| held.step).collect();
        assert_eq!((between, found.sinks.len()), (vec![1, 2, 5], 1));
        let foreign = [FOREIGN; 8];
        assert_eq!(
            found.sinks[0].origin,
            [&[0, 0, 1, 1, 2, 2, 3, 3], &foreign[..]].concat()
        );
        assert!(!found.beside_inputs);
        let mut groups = Groups::new(4);
        groups.unite_channels(&found.between[0]);
        assert!((0..4).all(|element| groups.of(element) == 0 && !groups.is_fixed(element)));
        let label = reach(&steps, network.input, Source::Label).unwrap();
        assert_eq!(
            (label.sinks[0].step, &label.sinks[0].origin[..]),
            (3, &[0, 1, 2][..])
        );
        // tanh keeps no factors, and nothing follows the last step.
        assert_eq!(reach(&steps, network.input, Source::Node(6)), None);
        assert_eq!(reach(&steps, network.input, Source::Node(7)), None);
        assert_eq!(destination(&steps, 6), Destination::Table(7));
        assert_eq!(destination(&steps, 7), Destination::Picture);
        assert_eq!(destination(&steps, 0), Destination::Other);
    }

    #[test]
    fn a_group_with_a_foreign_element_is_fixed() {
        let held = |origin: &[usize]| Held {
            step: 0,
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
