//! Who reads what in a float network, once nodes that change nothing are looked through and unread
//! ones are left out.

use super::super::QuantizeError;
use crate::graph::query::live;
use crate::graph::{Combine, Float, GraphError, LinearKind, Move, Network, Node, Op, Source};

/// A checked network's nodes that matter.
pub struct Reads<'a> {
    network: &'a Network,
    /// What stands for each node's output: the node itself, or what it hands on unchanged.
    alias: Vec<Source>,
    /// For each node, which nodes read it; a node that reads it twice is there twice.
    readers: Vec<Vec<usize>>,
    live: Vec<bool>,
    /// The node that gives the picture.
    pub output: usize,
}

impl<'a> Reads<'a> {
    /// Checks the network and finds its readers.
    ///
    /// # Errors
    /// [`QuantizeError::Network`], also where the output does not come from a layer with weights.
    pub fn new(network: &'a Network) -> Result<Self, QuantizeError> {
        network.check()?;
        let count = network.nodes.len();
        let mut reads = Self {
            network,
            alias: Vec::with_capacity(count),
            readers: vec![Vec::new(); count],
            live: vec![false; count],
            output: 0,
        };
        for (index, node) in network.nodes.iter().enumerate() {
            let alias = reads.handed_on(node);
            reads.alias.push(alias.unwrap_or(Source::Node(index)));
        }
        reads.output = reads.output()?;
        reads.find_readers();
        let has_weights = |index: &usize| network.nodes[*index].op.linear().is_some();
        if !reads.live().any(|index| has_weights(&index)) {
            return Err(GraphError::NoWeights.into());
        }
        Ok(reads)
    }

    /// The nodes that the picture depends on, in order.
    pub fn live(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.live.len()).filter(|&index| self.live[index])
    }

    /// What a node reads, looking through what changes nothing.
    pub fn inputs(&self, node: usize) -> Vec<Source> {
        let inputs = self.network.nodes[node].inputs.iter();
        inputs.map(|&source| self.resolve(source)).collect()
    }

    /// How often a node's output is read; the picture counts once.
    pub fn reads(&self, node: usize) -> usize {
        self.readers[node].len() + usize::from(node == self.output)
    }

    /// Whether all that a node's output goes into is fully connected layers, perhaps reshaped on
    /// the way.
    pub fn feeds_dense_alone(&self, node: usize) -> bool {
        node != self.output
            && self.readers[node]
                .iter()
                .all(|&reader| match &self.network.nodes[reader].op {
                    Op::Linear(kind, _) => *kind == LinearKind::Dense,
                    Op::Move(moved) => {
                        moved.operator().keeps_order() && self.feeds_dense_alone(reader)
                    }
                    Op::Norm(_) | Op::Pointwise(_) | Op::Combine(..) => false,
                })
    }

    fn resolve(&self, source: Source) -> Source {
        match source {
            Source::Node(index) => self.alias.get(index).copied().unwrap_or(source),
            // Without a label both are the same.
            Source::Latent if self.network.input.classes == 0 => Source::Input,
            _ => source,
        }
    }

    /// What a node hands on unchanged.
    fn handed_on(&self, node: &Node<Float>) -> Option<Source> {
        let first = self.resolve(*node.inputs.first()?);
        match &node.op {
            Op::Move(Move::Reshape) => {
                (self.network.source_shape(first) == node.shape).then_some(first)
            }
            Op::Combine(Combine::Concat, ()) => {
                (node.inputs == [Source::Latent, Source::Label]).then_some(Source::Input)
            }
            Op::Linear(..) | Op::Norm(_) | Op::Pointwise(_) | Op::Move(_) | Op::Combine(..) => None,
        }
    }

    /// The last node, or what it only gives the picture's shape to: vectors can be pictures as they
    /// are.
    fn output(&self) -> Result<usize, QuantizeError> {
        let mut output = self.alias.last().copied();
        loop {
            let Some(Source::Node(index)) = output else {
                return Err(GraphError::NoWeights.into());
            };
            let node = &self.network.nodes[index];
            let from = node.inputs.first().map(|&source| self.resolve(source));
            match (&node.op, from) {
                (Op::Move(Move::Reshape), Some(Source::Node(before)))
                    if self.network.nodes[before].shape.is_vector() =>
                {
                    output = from;
                }
                _ => return Ok(index),
            }
        }
    }

    fn find_readers(&mut self) {
        self.live = live(self.live.len(), self.output, |index| self.inputs(index));
        for index in (0..=self.output).rev().filter(|&index| self.live[index]) {
            for source in self.inputs(index) {
                if let Source::Node(before) = source {
                    self.readers[before].push(index);
                }
            }
        }
    }
}
