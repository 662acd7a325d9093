//! Graphs that grow, with the parameters of their nodes.

use super::moves::moved;
use super::{LinearParameters, NormParameters, Spec, Start, Trainable};
use crate::graph::{Combine, Graph, InputSpec, LinearKind, Move, Op, Shape, Source};
use crate::train::operators;
use crate::train::ops::Activation;

/// A graph that grows.
#[derive(Debug)]
pub struct Builder {
    graph: Graph<Trainable>,
    norms: usize,
}

impl Builder {
    /// A graph without nodes; its name is the first part of the parameters' names.
    pub fn new(name: &str, input: InputSpec) -> Self {
        Self {
            graph: Graph::new(name, input, Shape::vector(0), Vec::new()),
            norms: 0,
        }
    }

    /// The graph, whose last node gives the output.
    pub fn done(mut self) -> Graph<Trainable> {
        if let Some(last) = self.graph.nodes.last() {
            self.graph.output = last.shape;
        }
        self.graph
    }

    /// Shape of a source.
    pub fn shape(&self, source: Source) -> Shape {
        self.graph.source_shape(source)
    }

    /// Appends a linear operation with weights of its own and, where wanted, a bias.
    pub fn linear(
        &mut self,
        name: &str,
        kind: LinearKind,
        source: Source,
        to: Shape,
        has_bias: bool,
    ) -> Source {
        let from = self.shape(source);
        let (shape, fan_in) = operators::weights(kind, from, to);
        let start = Start::Uniform(1.0 / (fan_in as f32).sqrt());
        let weight = self.parameter(name, "weight", shape, start);
        let bias = has_bias.then(|| {
            let outputs = match kind.window() {
                Some(_) => to.channels,
                None => to.len(),
            };
            self.parameter(name, "bias", [1, outputs], start)
        });
        let op = Op::Linear(kind, LinearParameters { weight, bias });
        self.graph.push(name, op, vec![source], to, None)
    }

    /// Appends batch normalisation of so many channels.
    pub fn norm(&mut self, name: &str, source: Source, channels: usize) -> Source {
        let vector = [1, channels];
        let norm = NormParameters {
            scale: self.parameter(name, "scale", vector, Start::Constant(1.0)),
            bias: self.parameter(name, "bias", vector, Start::Constant(0.0)),
            moments: self.norms,
            channels,
        };
        self.norms += 1;
        let shape = self.shape(source);
        let op = Op::Norm(norm);
        self.graph.push(name, op, vec![source], shape, None)
    }

    /// Appends a function of each element.
    pub fn pointwise(&mut self, name: &str, function: Activation, source: Source) -> Source {
        let (shape, op) = (self.shape(source), Op::Pointwise(function));
        self.graph.push(name, op, vec![source], shape, None)
    }

    /// Appends a move of elements.
    pub fn moved(&mut self, name: &str, movement: Move, source: Source, to: Shape) -> Source {
        let note = moved(movement, self.shape(source), to);
        let op = Op::Move(movement);
        self.graph.push(name, op, vec![source], to, note)
    }

    /// Appends a combination.
    pub fn combine(
        &mut self,
        name: &str,
        combine: Combine,
        sources: Vec<Source>,
        to: Shape,
    ) -> Source {
        let op = Op::Combine(combine, ());
        self.graph.push(name, op, sources, to, None)
    }

    fn parameter(&mut self, node: &str, what: &str, shape: [usize; 2], start: Start) -> usize {
        let name = format!("{}.{node}.{what}", self.graph.name);
        let specs = &mut self.graph.about;
        specs.push(Spec { name, shape, start });
        specs.len() - 1
    }
}
