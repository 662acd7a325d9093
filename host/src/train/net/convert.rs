//! From the trainer's tensors to the float network that is exported.
//!
//! The trainer has weights as (inputs, outputs), the network as (outputs, inputs).

use burn_tensor::Tensor;
use ndarray::{Array1, Array2};

use super::{LinearParameters, Moments, NormParameters, Trainable};
use crate::graph::{BatchNorm, Float, Function, Graph, Linear, LinearKind, Network, Op, Shape};
use crate::train::operators;
use crate::train::ops::{Activation, Kernels, NORM_EPSILON, values};

impl Graph<Trainable> {
    /// The network of these parameters and moments.
    pub fn float<B: Kernels>(
        &self,
        name: &str,
        parameters: &[Tensor<B, 2>],
        moments: &[Moments<B>],
    ) -> Network {
        let mut network = Network::new(name, self.input, self.output, ());
        for node in &self.nodes {
            let op: Op<Float> = match &node.op {
                Op::Linear(kind, own) => {
                    let shapes = [self.first_shape(node), node.shape];
                    Op::Linear(*kind, linear(*kind, *own, parameters, shapes))
                }
                Op::Norm(own) => Op::Norm(norm(*own, parameters, moments, node.shape)),
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
}

fn linear<B: Kernels>(
    kind: LinearKind,
    own: LinearParameters,
    parameters: &[Tensor<B, 2>],
    [from, to]: [Shape; 2],
) -> Linear<f32> {
    let parameter = &parameters[own.weight];
    let ([_, columns], weight) = (parameter.dims(), values(parameter));
    let shape = kind.operator().weight_dim(from, to);
    let weight = Array2::from_shape_fn(shape, |(output, column)| {
        let [row, column] = operators::place(kind, output, column, [from, to]);
        weight[row * columns + column]
    });
    let outputs = weight.nrows();
    let bias = match own.bias {
        None => Array1::zeros(outputs),
        Some(bias) => Array1::from_vec(values(&parameters[bias])),
    };
    Linear::new(weight, bias)
}

/// One value a channel. Where a vector becomes a picture behind it, each element has that of its
/// channel in the picture.
fn norm<B: Kernels>(
    own: NormParameters,
    parameters: &[Tensor<B, 2>],
    moments: &[Moments<B>],
    shape: Shape,
) -> BatchNorm {
    let channel = |tensor: &Tensor<B, 2>| -> Array1<f32> {
        let values = values(tensor);
        Array1::from_shape_fn(shape.channels, |channel| values[channel % own.channels])
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
