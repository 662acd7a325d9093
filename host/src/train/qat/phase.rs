//! The graph of a network of integers in training.

use std::convert::Infallible;

use burn_tensor::Tensor;

use super::{IntegerCombine, IntegerLinear};
use crate::graph::{Folded, Function, Graph, Integer, Node, Op, Phase, Source};
use crate::quantize::QuantizeError;
use crate::quantize::exponents::power;
use crate::train::net::{Given, Moved, Spec, moved, walk};
use crate::train::operators;
use crate::train::ops::{Kernels, Table, look_up};

/// In integers whose weights learn: operations say which parameters they have, and how they round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrainableIntegers;

impl Phase for TrainableIntegers {
    type Linear = IntegerLinear;
    type Norm = Infallible;
    type Function = Box<Table>;
    type Combine = IntegerCombine;
    /// Where the elements of a move come from.
    type Note = Option<Moved>;
    type About = Parameters;
}

/// The parameters of a network of integers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parameters {
    /// Names and shapes.
    pub specs: Vec<Spec>,
    /// The values that give the network they were made of.
    pub start: Vec<Vec<f32>>,
}

impl Graph<TrainableIntegers> {
    /// The graph that computes what a quantized network does. Each weight's parameter starts as
    /// near to its float value in `folded` (the graph that was quantized) as still rounds to its
    /// integer.
    ///
    /// # Errors
    /// [`QuantizeError::Scheme`] where the two are not the same network.
    pub fn of(folded: &Graph<Folded>, network: &Graph<Integer>) -> Result<Self, QuantizeError> {
        let about = Parameters::default();
        let mut graph = Self::new(&network.name, network.input, network.output, about);
        for (index, node) in network.nodes.iter().enumerate() {
            let float = folded.nodes.get(index).map(|node| &node.op);
            let (from, to) = (network.first_shape(node), node.shape);
            let mut note = None;
            let op = match &node.op {
                Op::Linear(kind, linear) => {
                    let Some(Op::Linear(_, float)) = float else {
                        return Err(other(&node.name));
                    };
                    if linear.weights.dim() != float.weight.dim() {
                        return Err(other(&node.name));
                    }
                    let linear =
                        IntegerLinear::new(&node.name, *kind, linear, float, &mut graph.about);
                    Op::Linear(*kind, linear)
                }
                Op::Norm(norm) => match *norm {},
                Op::Pointwise(entries) => {
                    let function = match float {
                        Some(Op::Pointwise(function)) => *function,
                        // The table behind the last node, which takes it to the exponent of pixels.
                        None => Function::Identity,
                        Some(_) => return Err(other(&node.name)),
                    };
                    let first = node.inputs.first().copied().unwrap_or(Source::Input);
                    let input = network.source_exponent(first);
                    Op::Pointwise(Box::new(table(entries, node, function, input)))
                }
                Op::Move(movement) => {
                    note = moved(*movement, from, to);
                    Op::Move(*movement)
                }
                Op::Combine(combine, alignment) => {
                    let shapes = network.input_shapes(node);
                    let combine_in = IntegerCombine::new(*combine, alignment, &shapes, to);
                    let Some(combine_in) = combine_in else {
                        return Err(other(&node.name));
                    };
                    Op::Combine(*combine, combine_in)
                }
            };
            graph.push(&node.name, op, node.inputs.clone(), to, note);
        }
        Ok(graph)
    }

    /// Every node's output for integer inputs of shape (batch, latent + classes): whole numbers
    /// from -128 to 127.
    pub fn forward<B: Kernels>(
        &self,
        parameters: &[Tensor<B, 2>],
        inputs: Tensor<B, 2>,
    ) -> Vec<Tensor<B, 2>> {
        walk(self, &Given::Whole(inputs), |_, node, mut inputs| {
            if let Op::Combine(combine, own) = &node.op {
                let shapes = self.input_shapes(node);
                return own.apply(*combine, inputs, &shapes, node.shape);
            }
            // Every other operation has one input.
            let x = inputs.swap_remove(0);
            match &node.op {
                Op::Linear(kind, own) => {
                    let (weight, bias) = own.rounded(parameters);
                    let shapes = [self.first_shape(node), node.shape];
                    let sums = operators::linear_turned(*kind, x, weight, shapes);
                    own.requantized(sums, bias)
                }
                Op::Norm(norm) => match *norm {},
                Op::Pointwise(table) => look_up(x, table),
                Op::Move(_) | Op::Combine(..) => match &node.note {
                    Some(moved) => moved.apply(x),
                    None => x,
                },
            }
        })
    }
}

/// A node's table, and the function's slopes between the middles of its inputs' steps.
fn table(entries: &[i8; 256], node: &Node<Integer>, function: Function, input: i8) -> Table {
    let (input, output) = (i32::from(input), i32::from(node.note.exponent));
    let mut table = Table {
        entries: entries.map(f32::from),
        slopes: [0.0; 256],
    };
    for (q, slope) in (-128i32..).zip(table.slopes.iter_mut()) {
        let at = |x: f64| function.at(x * power(input)) * power(-output);
        let (q, entry) = (f64::from(q), at(f64::from(q)));
        let saturated = !(-128.5..=127.5).contains(&entry);
        if !saturated {
            // Slopes of int8 steps fit a float.
            *slope = (at(q + 0.5) - at(q - 0.5)) as f32;
        }
    }
    table
}

/// The error of a node that another network has.
pub(super) fn other(name: &str) -> QuantizeError {
    QuantizeError::Scheme(format!("has a layer {name} that is not the network's"))
}
