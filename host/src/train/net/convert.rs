//! From the trainer's tensors to the float network that is exported.
//!
//! The trainer has weights as (inputs, outputs), the network as (outputs, inputs); the elements of
//! dense layers go to the order that [`Shape`] says.

use burn_tensor::Tensor;
use ndarray::{Array1, Array2};

use super::moves::order;
use super::{LinearParameters, Moments, NormParameters, Trainable};
use crate::graph::{
    BatchNorm, Float, Function, Graph, Linear, LinearKind, Move, Network, Node, Op, Shape,
};
use crate::train::ops::{Activation, Geometry, Kernels, NORM_EPSILON, values};

impl Graph<Trainable> {
    /// The network of these parameters and moments. A vector that a dense layer gives and a reshape
    /// behind it takes apart has the order of the picture that comes of it.
    pub fn float<B: Kernels>(
        &self,
        name: &str,
        parameters: &[Tensor<B, 2>],
        moments: &[Moments<B>],
    ) -> Network {
        let mut network = Network::new(name, self.input, self.output, ());
        for (index, node) in self.nodes.iter().enumerate() {
            let orders = [self.order_before(node), self.order_behind(index)];
            let op: Op<Float> = match &node.op {
                Op::Linear(kind, own) => {
                    let shapes = [self.first_shape(node), node.shape];
                    Op::Linear(*kind, linear(*kind, *own, parameters, shapes, &orders))
                }
                Op::Norm(own) => {
                    let spread = node.shape.is_vector().then_some(orders[1].as_slice());
                    Op::Norm(norm(*own, parameters, moments, spread))
                }
                Op::Pointwise(function) => Op::Pointwise(match function {
                    Activation::None => Function::Identity,
                    Activation::LeakyRelu(0.0) => Function::Relu,
                    Activation::LeakyRelu(slope) => Function::LeakyRelu(*slope),
                    Activation::Tanh => Function::Tanh,
                    Activation::Sigmoid => Function::Sigmoid,
                }),
                Op::Move(movement) => Op::Move(*movement),
                Op::Combine(combine, ()) => Op::Combine(*combine, ()),
            };
            network.push(node.name.clone(), op, node.inputs.clone(), node.shape, ());
        }
        network
    }

    /// The order of the elements that a node reads first.
    fn order_before(&self, node: &Node<Trainable>) -> Vec<usize> {
        order(self.first_shape(node))
    }

    /// The order of the elements that a node gives: that of the picture which a reshape makes of
    /// them.
    fn order_behind(&self, index: usize) -> Vec<usize> {
        let readers = self.readers();
        let mut at = index;
        while let [reader] = readers[at].as_slice() {
            let node = &self.nodes[*reader];
            match &node.op {
                Op::Move(Move::Reshape) if self.nodes[index].shape.is_vector() => {
                    return order(node.shape);
                }
                Op::Norm(_) | Op::Pointwise(_) => at = *reader,
                Op::Move(_) | Op::Linear(..) | Op::Combine(..) => break,
            }
        }
        order(self.nodes[index].shape)
    }
}

fn linear<B: Kernels>(
    kind: LinearKind,
    own: LinearParameters,
    parameters: &[Tensor<B, 2>],
    [from, to]: [Shape; 2],
    [before, behind]: &[Vec<usize>; 2],
) -> Linear<f32> {
    let parameter = &parameters[own.weight];
    let ([rows, columns], weight) = (parameter.dims(), values(parameter));
    let at = |row: usize, column: usize| weight[row * columns + column];
    let weight = match kind {
        LinearKind::Dense => Array2::from_shape_fn((columns, rows), |(output, input)| {
            at(before[input], behind[output])
        }),
        LinearKind::Embedding | LinearKind::Gather { .. } => {
            Array2::from_shape_fn((columns, rows), |(output, row)| at(row, behind[output]))
        }
        LinearKind::Conv(_) => {
            Array2::from_shape_fn((columns, rows), |(output, column)| at(column, output))
        }
        LinearKind::ConvTranspose(window) => {
            let g = Geometry::of(window, to, from);
            let (large, small) = (g.large_group(), g.small_group());
            let shape = (to.channels, window.area() * small);
            Array2::from_shape_fn(shape, |(output, column)| {
                let (tap, input) = (column / small, column % small);
                let group = output / large;
                at(tap * large + output % large, group * small + input)
            })
        }
    };
    let outputs = weight.nrows();
    let bias = match own.bias {
        None => Array1::zeros(outputs),
        Some(bias) => {
            let bias = values(&parameters[bias]);
            match kind.window() {
                Some(_) => Array1::from_vec(bias),
                None => behind.iter().map(|place| bias[*place]).collect(),
            }
        }
    };
    Linear::new(weight, bias)
}

/// One value a channel. Where a vector becomes a picture behind it, each element has its channel's:
/// `behind` is the order of a vector's elements.
fn norm<B: Kernels>(
    own: NormParameters,
    parameters: &[Tensor<B, 2>],
    moments: &[Moments<B>],
    behind: Option<&[usize]>,
) -> BatchNorm {
    let channel = |tensor: &Tensor<B, 2>| -> Array1<f32> {
        let values = values(tensor);
        match behind {
            Some(behind) => behind
                .iter()
                .map(|place| values[place % own.channels])
                .collect(),
            None => Array1::from_vec(values),
        }
    };
    let moments = &moments[own.moments];
    BatchNorm {
        scale: channel(&parameters[own.scale]),
        bias: channel(&parameters[own.bias]),
        mean: channel(&moments.mean),
        variance: channel(&moments.variance),
        epsilon: NORM_EPSILON as f32,
    }
}
