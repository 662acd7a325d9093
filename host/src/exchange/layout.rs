//! The one place that knows that ONNX has channels first: it turns whole graphs from one layout to
//! the other.
//!
//! In a graph of this program a tensor's elements lie rows, columns, channels; in an ONNX file
//! channels, rows, columns. Pictures mean the same in both, since every operator on them goes by
//! row, column and channel. Only where a picture becomes a vector, or a vector a picture, does the
//! order show. There a layer with weights takes or gives its elements in another order:
//! `permute` moves its weights. `demands` says which order each node needs. Where
//! no layer can give it, `conversion` has a transposition between two reshapes.

use super::conversion::Conversion;
use super::demands::{Demand, Demands};
use super::permute::Permute;
pub use super::picture_order::Layout;
use super::picture_order::{Key, key};
use crate::graph::{Columns, Graph, Move, Node, Op, Phase, Shape, Source};
use crate::ops::Vectors;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// How the elements of a value lie.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Held {
    /// As those of such a picture.
    As(Key),
    /// In an order of their own, which layers with weights take in: for each element now, which it
    /// was.
    Mixed(Rc<[usize]>),
}

impl Held {
    /// For each of so many elements now, which it was.
    fn order(&self, layout: Layout, len: usize) -> Vec<usize> {
        match self {
            Self::Mixed(order) => order.to_vec(),
            Self::As(None) => (0..len).collect(),
            Self::As(Some(key)) => (0..len).map(|at| layout.was(*key, at)).collect(),
        }
    }
}

/// A graph in the other layout.
#[derive(Debug, Clone)]
pub struct Turned<P: Phase> {
    /// The graph.
    pub graph: Graph<P>,
    /// For each node that was there before, what gives its output now, and how its elements lie.
    outputs: Vec<(Source, Held)>,
    layout: Layout,
    /// For each layer whose outputs lie in another order now, by name, which one each of them was.
    pub rows: BTreeMap<String, Vec<usize>>,
}

impl<P: Phase> Turned<P> {
    /// What gives the output of a node that was there before, and which of the elements that it had
    /// each of the elements is that it has now.
    pub fn output(&self, index: usize) -> Option<(Source, Vec<usize>)> {
        let (source, held) = self.outputs.get(index)?;
        let len = self.graph.source_shape(*source).len();
        Some((*source, held.order(self.layout, len)))
    }
}

/// Turns a graph to a layout, from the other one.
pub fn turn<P: Permute>(graph: &Graph<P>, layout: Layout) -> Turned<P> {
    let mut turning = Turning {
        old: graph,
        layout,
        demands: Demands::of(graph),
        new: Graph::new(&graph.name, graph.input, graph.output, graph.about.clone()),
        held: Vec::new(),
        values: Vec::new(),
        made: BTreeMap::new(),
        rows: BTreeMap::new(),
        names: graph.nodes.iter().map(|node| node.name.clone()).collect(),
    };
    for (index, node) in graph.nodes.iter().enumerate() {
        turning.node(index, node);
    }
    // What comes out lies as a picture does.
    if let Some(index) = graph.nodes.len().checked_sub(1) {
        let wanted = key(graph.output);
        let shape = graph.nodes[index].shape;
        turning.values[index] = turning.converted(Source::Node(index), wanted, shape);
        turning.held[index] = Held::As(wanted);
    }
    Turned {
        graph: turning.new,
        outputs: turning.values.into_iter().zip(turning.held).collect(),
        layout,
        rows: turning.rows,
    }
}

struct Turning<'a, P: Permute> {
    old: &'a Graph<P>,
    layout: Layout,
    demands: Demands<'a, P>,
    new: Graph<P>,
    /// How the elements of each old node's value lie now.
    held: Vec<Held>,
    /// The new node that gives each old node's value.
    values: Vec<Source>,
    /// Values in other orders, by whose they are.
    made: BTreeMap<(Source, Key), Source>,
    /// The orders of rows of weights, and of parameters of normalisation, that changed.
    rows: BTreeMap<String, Vec<usize>>,
    names: BTreeSet<String>,
}

impl<P: Permute> Turning<'_, P> {
    fn held(&self, source: Source) -> Held {
        match source {
            Source::Node(index) => self.held[index].clone(),
            Source::Input | Source::Latent | Source::Label => Held::As(None),
        }
    }

    fn value(&self, source: Source) -> Source {
        match source {
            Source::Node(index) => self.values[index],
            Source::Input | Source::Latent | Source::Label => source,
        }
    }

    /// An old node's value in the order of such a picture, and in this shape.
    fn converted(&mut self, source: Source, wanted: Key, shape: Shape) -> Source {
        let (held, value) = (self.held(source), self.value(source));
        // Only what no node demands in an order is mixed.
        let Held::As(own) = held else { return value };
        if own == wanted {
            return value;
        }
        if let Some(&made) = self.made.get(&(source, wanted)) {
            return made;
        }
        let steps = Conversion::between(own, wanted, shape.len(), self.layout);
        let made = steps
            .iter()
            .fold(value, |value, step| self.turned(value, step, shape));
        self.made.insert((source, wanted), made);
        made
    }

    /// A value with its elements in another order, and in this shape.
    fn turned(&mut self, from: Source, step: &Conversion, shape: Shape) -> Source {
        let node = match from {
            Source::Node(index) => self.new.nodes.get(index),
            Source::Input | Source::Latent | Source::Label => None,
        };
        let note = P::moved(node.map(|node| &node.note));
        let base = node.map_or("input", |node| node.name.as_str()).to_owned();
        let order = step.order;
        let nodes = [
            ("matrix", Op::reshape(), step.from),
            ("transposed", Op::Move(Move::Transpose { order }), step.to),
            ("turned", Op::reshape(), shape),
        ];
        nodes.into_iter().fold(from, |from, (what, op, shape)| {
            let name = self.unique(&format!("{base}.{what}"));
            self.new.push(name, op, vec![from], shape, note.clone())
        })
    }

    fn unique(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut count = 1;
        while !self.names.insert(name.clone()) {
            count += 1;
            name = format!("{wanted}_{count}");
        }
        name
    }

    fn node(&mut self, index: usize, node: &Node<P>) {
        let mut inputs = Vec::with_capacity(node.inputs.len());
        let mut parts = Vec::with_capacity(node.inputs.len());
        for &source in &node.inputs {
            let from = self.old.source_shape(source);
            match self.demands.of_input(index, node, source) {
                Demand::Exactly(wanted) => {
                    inputs.push(self.converted(source, wanted, from));
                    parts.push((Held::As(wanted), from));
                }
                // What is handed on, whoever needs it in an order brings into that.
                Demand::Any | Demand::HandedOn(_) => {
                    inputs.push(self.value(source));
                    parts.push((self.held(source), from));
                }
            }
        }
        let mut op = node.op.clone();
        let held = self.given(index, node, &mut op, &parts);
        let (shape, note) = (node.shape, node.note.clone());
        let value = self.new.push(&node.name, op, inputs, shape, note);
        self.values.push(value);
        self.held.push(held);
    }

    /// How what a node gives lies, where its inputs lie so; parameters are brought into the order
    /// that this takes.
    fn given(
        &mut self,
        index: usize,
        node: &Node<P>,
        op: &mut Op<P>,
        parts: &[(Held, Shape)],
    ) -> Held {
        let natural = || (Held::As(None), Shape::vector(0));
        let (first, from) = parts.first().cloned().unwrap_or_else(natural);
        let vector = node.shape.is_vector();
        match op {
            Op::Linear(kind, _) if kind.window().is_some() => Held::As(key(node.shape)),
            Op::Linear(kind, linear) => {
                let by_element = matches!(kind.columns(), Columns::Elements | Columns::Classes);
                if by_element && first != Held::As(None) {
                    P::columns(linear, &first.order(self.layout, from.len()));
                }
                let held = Held::As(self.demands.wish(index).flatten());
                if held != Held::As(None) {
                    let order = held.order(self.layout, node.shape.len());
                    P::rows(linear, &order);
                    self.rows.insert(node.name.clone(), order);
                }
                held
            }
            Op::Norm(norm) => {
                if vector && first != Held::As(None) {
                    let order = first.order(self.layout, from.len());
                    P::norm(norm, &order);
                    self.rows.insert(node.name.clone(), order);
                }
                first
            }
            Op::Pointwise(_) => first,
            Op::Move(moved) if moved.operator().keeps_order() => first,
            Op::Combine(combine, _) if vector => match combine.operator().vectors() {
                Vectors::Fixed => Held::As(key(node.shape)),
                Vectors::Alike => first,
                Vectors::Joined => self.joined(parts),
            },
            Op::Move(_) | Op::Combine(..) => Held::As(key(node.shape)),
        }
    }

    fn joined(&self, parts: &[(Held, Shape)]) -> Held {
        if parts.iter().all(|(held, _)| *held == Held::As(None)) {
            return Held::As(None);
        }
        let mut joined = Vec::new();
        for (held, shape) in parts {
            let start = joined.len();
            let order = held.order(self.layout, shape.len());
            joined.extend(order.into_iter().map(|at| start + at));
        }
        Held::Mixed(joined.into())
    }
}

/// A picture's elements as an ONNX file has them.
pub fn channels_first<T: Copy>(shape: Shape, elements: &[T]) -> Vec<T> {
    let pixels = 0..shape.pixels();
    let at = |channel: usize| pixels.clone().map(move |pixel| shape.at(channel, pixel));
    let indices = (0..shape.channels).flat_map(at);
    indices
        .filter_map(|index| elements.get(index).copied())
        .collect()
}
