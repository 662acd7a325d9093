//! The device's program for a quantized network: its operations, and what each reads and writes.
//!
//! Most nodes are one operation. A reshape is none: its output is another view of the same bytes. A
//! concatenation is one copy a part. A table and a sum work in place where nobody reads their first
//! input again.

use super::PackError;
use super::plan::{Lifetime, Plan, plan};
use crate::graph::{Integer, Node, Op as GraphOp, QuantizedNetwork, Shape, Source};
use shared::latent;
use std::collections::BTreeMap;

/// Bytes of the arena under a name: what becomes a region of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Index of the buffer that it lies in.
    pub buffer: usize,
    /// First byte within the buffer.
    pub start: usize,
    /// What the bytes are.
    pub shape: Shape,
    /// Exponent of the elements.
    pub exponent: i8,
}

/// One operation of the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Op {
    /// Name of the node, with the part's number for a concatenation.
    pub name: String,
    /// Index of the node.
    pub node: usize,
    /// Index of the node's input that is read first: 0 but for a concatenation.
    pub part: usize,
    /// First channel of the output that is written: 0 but for a concatenation.
    pub channel: usize,
    /// Indices of the views that are read, in order.
    pub inputs: Vec<usize>,
    /// Index of the view that is written.
    pub output: usize,
}

/// A network as the device runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The views; the first is the input.
    pub views: Vec<View>,
    /// Length of each buffer; the first is the input's.
    pub buffers: Vec<usize>,
    /// In order of execution.
    pub ops: Vec<Op>,
    /// Index of the picture's view.
    pub output: usize,
}

impl Program {
    /// Lowers a network.
    pub fn new(network: &QuantizedNetwork) -> Self {
        let mut builder = Builder {
            network,
            program: Self {
                views: Vec::new(),
                buffers: Vec::new(),
                ops: Vec::new(),
                output: 0,
            },
            sources: BTreeMap::new(),
        };
        let input = Shape::vector(network.input.len());
        let view = builder.own(input, latent::EXPONENT);
        builder.sources.insert(Source::Input, view);
        for (index, node) in network.nodes.iter().enumerate() {
            let view = builder.node(index, node);
            builder.sources.insert(Source::Node(index), view);
        }
        let mut program = builder.program;
        // Every node makes a view.
        program.output = program.views.len() - 1;
        program.work_in_place(network);
        program
    }

    /// What an observer sees of an operation's output: the channels that are not written yet are 0.
    pub fn observed(&self, network: &QuantizedNetwork, op: &Op, output: &[i8]) -> Vec<i8> {
        let Some(node) = network.nodes.get(op.node) else {
            return Vec::new();
        };
        let mut values = output.to_vec();
        if one_an_input(&node.op) {
            let part = node
                .inputs
                .get(op.part)
                .map(|&s| network.source_shape(s).channels);
            let written = op.channel + part.unwrap_or(0);
            for (element, value) in values.iter_mut().enumerate() {
                if node.shape.channel(element) >= written {
                    *value = 0;
                }
            }
        }
        values
    }

    /// Gives what works in place the buffer of its first input where that is not read again.
    fn work_in_place(&mut self, network: &QuantizedNetwork) {
        for index in 0..self.ops.len() {
            let op = &self.ops[index];
            let Some((&first, others)) = op.inputs.split_first() else {
                continue;
            };
            let may = match &network.nodes[op.node].op {
                GraphOp::Pointwise(_) => true,
                GraphOp::Combine(combine, _) => {
                    let shapes = (self.views[first].shape, self.views[op.output].shape);
                    combine.operator().in_place() && shapes.0 == shapes.1
                }
                GraphOp::Linear(..) | GraphOp::Move(_) => false,
                GraphOp::Norm(norm) => match *norm {},
            };
            let (from, to) = (self.views[first].buffer, self.views[op.output].buffer);
            let reads = |views: &[usize]| views.iter().any(|&view| self.views[view].buffer == from);
            let later = self.ops[index + 1..].iter();
            let read_again = reads(others) || later.clone().any(|op| reads(&op.inputs));
            let whole = self.buffers[from] == self.buffers[to];
            // The input is what the observer has seen, and the picture what is left at the end.
            if may && whole && from != 0 && !read_again && self.views[self.output].buffer != from {
                for view in &mut self.views {
                    if view.buffer == to {
                        view.buffer = from;
                    }
                }
            }
        }
    }

    /// Plans the arena.
    ///
    /// # Errors
    /// [`PackError::TooLarge`] where it is longer than an image can state.
    pub fn plan(&self) -> Result<Plan, PackError> {
        // A buffer that a table took over holds nothing any more, and so has no lifetime.
        plan(&self.buffers, &self.lifetimes())
    }

    /// When each buffer holds something: from the operation that writes it first to the last one
    /// that needs it. The input is there at 0, the first operation is 1, and who shows the picture
    /// comes behind the last.
    pub fn lifetimes(&self) -> Vec<Option<Lifetime>> {
        let mut lifetimes: Vec<Option<Lifetime>> = vec![None; self.buffers.len()];
        let mut touch = |view: usize, at: usize| {
            let lifetime = self
                .views
                .get(view)
                .and_then(|view| lifetimes.get_mut(view.buffer));
            if let Some(lifetime) = lifetime {
                let seen = lifetime.get_or_insert(Lifetime {
                    first: at,
                    last: at,
                });
                seen.last = seen.last.max(at);
            }
        };
        touch(0, 0);
        for (index, op) in self.ops.iter().enumerate() {
            for &input in &op.inputs {
                touch(input, index + 1);
            }
            touch(op.output, index + 1);
        }
        touch(self.output, self.ops.len() + 1);
        lifetimes
    }
}

struct Builder<'a> {
    network: &'a QuantizedNetwork,
    program: Program,
    /// The views so far, by what they hold.
    sources: BTreeMap<Source, usize>,
}

impl Builder<'_> {
    fn push(&mut self, view: View) -> usize {
        self.program.views.push(view);
        self.program.views.len() - 1
    }

    /// A view of a buffer of its own.
    fn own(&mut self, shape: Shape, exponent: i8) -> usize {
        self.program.buffers.push(shape.len());
        self.push(View {
            buffer: self.program.buffers.len() - 1,
            start: 0,
            shape,
            exponent,
        })
    }

    /// The view of what a node reads; of a part of the input a new one, the first time.
    fn source(&mut self, source: Source) -> usize {
        if let Some(&view) = self.sources.get(&source) {
            return view;
        }
        let spec = self.network.input;
        let start = match source {
            Source::Label => spec.latent,
            Source::Latent if spec.classes == 0 => return 0,
            Source::Latent | Source::Input | Source::Node(_) => 0,
        };
        let view = self.push(View {
            buffer: 0,
            start,
            shape: self.network.source_shape(source),
            exponent: latent::EXPONENT,
        });
        self.sources.insert(source, view);
        view
    }

    /// Appends a node's operations and gives the view of its output.
    fn node(&mut self, index: usize, node: &Node<Integer>) -> usize {
        let inputs = node.inputs.iter();
        let inputs: Vec<usize> = inputs.map(|&source| self.source(source)).collect();
        // A picture, where the last node gives a vector.
        let last = index + 1 == self.network.nodes.len();
        let shape = match last && self.network.output.len() == node.shape.len() {
            true => self.network.output,
            false => node.shape,
        };
        if let (GraphOp::Move(moved), Some(&from)) = (&node.op, inputs.first())
            && moved.operator().keeps_order()
        {
            let from = self.program.views[from];
            return self.push(View { shape, ..from });
        }
        let output = self.own(shape, node.note.exponent);
        if !one_an_input(&node.op) {
            self.program.ops.push(Op {
                name: node.name.clone(),
                node: index,
                part: 0,
                channel: 0,
                inputs,
                output,
            });
            return output;
        }
        let mut channel = 0;
        for (part, (&input, &source)) in inputs.iter().zip(&node.inputs).enumerate() {
            self.program.ops.push(Op {
                name: format!("{}[{part}]", node.name),
                node: index,
                part,
                channel,
                inputs: vec![input],
                output,
            });
            channel += self.network.source_shape(source).channels;
        }
        output
    }
}

/// Whether a node is one operation an input.
fn one_an_input(op: &GraphOp<Integer>) -> bool {
    match op {
        GraphOp::Combine(combine, _) => combine.operator().one_an_input(),
        GraphOp::Linear(..) | GraphOp::Norm(_) | GraphOp::Pointwise(_) | GraphOp::Move(_) => false,
    }
}
