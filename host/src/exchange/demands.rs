//! In which order each node of a graph needs the elements of its inputs, where it is turned to
//! another layout.

use super::picture_order::{Key, key};
use crate::graph::{Columns, Graph, Node, Op, Phase, Source};
use crate::ops::Vectors;

/// What a node demands of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// Nothing: it takes its elements in any order.
    Any,
    /// What is demanded of the node itself, if anything: its elements lie as its input's.
    HandedOn(Option<Key>),
    /// This order.
    Exactly(Key),
}

/// What the nodes of a graph demand.
#[derive(Debug)]
pub struct Demands<'a, P: Phase> {
    graph: &'a Graph<P>,
    /// The order that each node's elements have, whoever reads them; none where that can be chosen.
    fixed: Vec<Option<Key>>,
    /// What the readers of each node demand; none where they take any order.
    wishes: Vec<Option<Key>>,
}

impl<'a, P: Phase> Demands<'a, P> {
    /// Those of a graph.
    pub fn of(graph: &'a Graph<P>) -> Self {
        let mut demands = Self {
            graph,
            fixed: Vec::with_capacity(graph.nodes.len()),
            wishes: vec![None; graph.nodes.len()],
        };
        for node in &graph.nodes {
            let fixed = demands.fixed_of(node);
            demands.fixed.push(fixed);
        }
        if let Some(last) = demands.wishes.last_mut() {
            *last = Some(key(graph.output));
        }
        // Readers come later, so each node's wish is whole when it is its turn.
        for (index, node) in graph.nodes.iter().enumerate().rev() {
            for &source in &node.inputs {
                let wish = match demands.of_input(index, node, source) {
                    Demand::Any => None,
                    Demand::HandedOn(wish) => wish,
                    Demand::Exactly(key) => Some(key),
                };
                if let (Source::Node(before), Some(wish)) = (source, wish) {
                    let own = &mut demands.wishes[before];
                    // Where readers disagree, as vectors lie in both layouts.
                    *own = match *own {
                        Some(other) if other != wish => Some(None),
                        Some(_) | None => Some(wish),
                    };
                }
            }
        }
        demands
    }

    /// What the readers of a node demand of it; none where they take any order.
    pub fn wish(&self, index: usize) -> Option<Key> {
        self.wishes[index]
    }

    /// What a node demands of one of its inputs.
    pub fn of_input(&self, index: usize, node: &Node<P>, source: Source) -> Demand {
        let (from, wish) = (self.graph.source_shape(source), self.wishes[index]);
        let handed_on = match from.is_vector() {
            true => Demand::HandedOn(wish),
            // A picture lies as it does.
            false => Demand::HandedOn(None),
        };
        let vector = node.shape.is_vector();
        match &node.op {
            Op::Linear(kind, _) => match kind.columns() {
                // Columns of weights can be in any order.
                Columns::Elements | Columns::Classes => Demand::Any,
                Columns::Kernel(_) | Columns::Rows { .. } => Demand::Exactly(key(from)),
            },
            Op::Norm(_) | Op::Pointwise(_) => handed_on,
            Op::Move(moved) if moved.operator().keeps_order() => match vector {
                true => handed_on,
                false => Demand::Exactly(key(node.shape)),
            },
            Op::Move(_) => Demand::Exactly(key(from)),
            Op::Combine(_, _) if !vector => Demand::Exactly(key(from)),
            Op::Combine(combine, _) => match (combine.operator().vectors(), wish) {
                (Vectors::Fixed, _) => Demand::Exactly(key(from)),
                (Vectors::Alike, wish) => {
                    Demand::Exactly(wish.or_else(|| self.fixed_of(node)).flatten())
                }
                // They are joined as they are where nobody minds.
                (Vectors::Joined, None) => Demand::Any,
                (Vectors::Joined, Some(_)) => Demand::Exactly(None),
            },
        }
    }

    /// The order that a node's elements have, whoever reads them, where that of the nodes before it
    /// is known.
    fn fixed_of(&self, node: &Node<P>) -> Option<Key> {
        let of = |source: &Source| match source {
            Source::Node(index) => self.fixed[*index],
            Source::Input | Source::Latent | Source::Label => Some(None),
        };
        let vector = node.shape.is_vector();
        match &node.op {
            // Rows of weights can be in any order.
            Op::Linear(kind, _) if kind.window().is_none() => None,
            Op::Norm(_) | Op::Pointwise(_) => node.inputs.first().and_then(of),
            Op::Move(moved) if vector && moved.operator().keeps_order() => {
                node.inputs.first().and_then(of)
            }
            Op::Combine(combine, _) if vector && combine.operator().vectors() == Vectors::Alike => {
                node.inputs.iter().find_map(of)
            }
            Op::Linear(..) | Op::Move(_) | Op::Combine(..) => Some(key(node.shape)),
        }
    }
}
