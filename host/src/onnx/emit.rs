//! What both writers have in common: a graph in the making, and the dimensions of its tensors.

use super::build::{int, int64s, node, value};
use super::names::{LABEL, LATENT};
use super::proto::{AttributeProto, GraphProto};
use crate::network::{InputSpec, Shape, Source};

/// A tensor of the graph: its name, and its dimensions without the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tensor {
    pub name: String,
    pub dims: Vec<usize>,
}

impl Tensor {
    pub fn new(name: &str, dims: &[usize]) -> Self {
        Self {
            name: name.to_owned(),
            dims: dims.to_vec(),
        }
    }
}

/// The dimensions of a shape: one for a vector, else channels, rows, columns.
pub(super) fn dims(shape: Shape) -> Vec<usize> {
    match (shape.height, shape.width) {
        (1, 1) => vec![shape.channels],
        (height, width) => vec![shape.channels, height, width],
    }
}

/// Channels, rows and columns, of a vector as well.
pub(super) fn picture(shape: Shape) -> [usize; 3] {
    [shape.channels, shape.height, shape.width]
}

/// A graph in the making.
pub(super) struct Emitter {
    pub graph: GraphProto,
    input: InputSpec,
    latent: Tensor,
    /// What each node or step so far gives.
    pub outputs: Vec<Tensor>,
}

impl Emitter {
    /// A graph with its inputs, and with the whole input where somebody reads that.
    pub fn new(
        name: String,
        element_type: i32,
        input: InputSpec,
        latent: Tensor,
        joined: bool,
    ) -> Self {
        let mut emitter = Self {
            graph: GraphProto {
                name,
                ..Default::default()
            },
            input,
            latent,
            outputs: Vec::new(),
        };
        let latent = value(&emitter.latent.name, element_type, &emitter.latent.dims);
        emitter.graph.input.push(latent);
        if input.classes > 0 {
            let label = value(LABEL, element_type, &[input.classes]);
            emitter.graph.input.push(label);
            if joined {
                let axis = vec![int("axis", 1)];
                emitter.push("Concat", "join", &[LATENT, LABEL], "input", axis);
            }
        }
        emitter
    }

    pub fn push(
        &mut self,
        op: &str,
        name: &str,
        inputs: &[&str],
        output: &str,
        attributes: Vec<AttributeProto>,
    ) {
        let node = node(op, name, inputs, output, attributes);
        self.graph.node.push(node);
    }

    /// The tensor of a source.
    pub fn source(&self, source: Source) -> Tensor {
        match source {
            Source::Input if self.input.classes > 0 => Tensor::new("input", &[self.input.len()]),
            Source::Input | Source::Latent => self.latent.clone(),
            Source::Label => Tensor::new(LABEL, &[self.input.classes]),
            // Both networks have their nodes in order, which was checked.
            Source::Node(index) => self.outputs[index].clone(),
        }
    }

    /// A source with other dimensions; free where it has them already.
    pub fn with_dims(&mut self, source: Source, dims: &[usize], name: &str) -> String {
        let from = self.source(source);
        if from.dims == dims {
            return from.name;
        }
        let to = Tensor::new(name, dims);
        self.reshape(&from.name, &to, name, &format!("{name}:shape"));
        to.name
    }

    /// Reshape; 0 copies the batch.
    pub fn reshape(&mut self, from: &str, to: &Tensor, name: &str, constant: &str) {
        let target: Vec<i64> = std::iter::once(0)
            .chain(to.dims.iter().map(|&d| d as i64))
            .collect();
        self.graph.initializer.push(int64s(constant, &target));
        self.push("Reshape", name, &[from, constant], &to.name, vec![]);
    }

    /// The parts of a concatenation along the channels, and its dimensions: vectors where all parts are, else pictures.
    pub fn parts(
        &mut self,
        sources: &[(Source, Shape)],
        to: Shape,
        name: &str,
    ) -> (Vec<String>, Vec<usize>) {
        let flat = |source: &(Source, Shape)| self.source(source.0).dims.len() == 1;
        let flat = sources.iter().all(flat);
        let of = |shape: Shape| {
            if flat {
                dims(shape)
            } else {
                picture(shape).to_vec()
            }
        };
        let mut names = Vec::with_capacity(sources.len());
        for (at, (source, shape)) in sources.iter().enumerate() {
            names.push(self.with_dims(*source, &of(*shape), &format!("{name}:part{at}")));
        }
        (names, of(to))
    }
}
