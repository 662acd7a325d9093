//! From the trainer's tensors to the layers of a [`crate::graph::Network`].
//!
//! The trainer has channels last and weights as (inputs, outputs); the network has channels first and weights as ONNX.

use burn_tensor::Tensor;
use ndarray::{Array1, Array2, Array4};

use super::{Block, Map, Moments, Stack, values};
use crate::graph::{BatchNorm, Float, Function, Op, Shape, Window};
use crate::train::ops::{Activation, Geometry, Kernels, NORM_EPSILON};

/// The layers of a stack with their names. A dense layer is followed by a reshape where a picture comes of it; batch
/// normalisation of such a layer comes before the reshape, with one entry a value, so that it folds into the layer.
pub fn layers<B: Kernels>(
    stack: &Stack,
    parameters: &[Tensor<B, 2>],
    moments: &[Moments<B>],
) -> Vec<(String, Op<Float>, Shape)> {
    let mut layers = Vec::new();
    let mut moments = moments.iter();
    for (block, own) in stack.with(parameters) {
        let is_vector = block.output == Shape::vector(block.output.len());
        let channel = |tensor: &Tensor<B, 2>| -> Array1<f32> {
            let values = values(tensor);
            if matches!(block.map, Map::Dense) {
                spread(&values, block.output)
            } else {
                Array1::from_vec(values)
            }
        };
        let weight = values(&own[0]);
        let bias = if block.norm {
            let outputs = if matches!(block.map, Map::Dense) {
                block.output.len()
            } else {
                block.output.channels
            };
            Array1::zeros(outputs)
        } else {
            channel(&own[1])
        };
        // A dense layer gives a vector, whatever comes of it.
        let shape = match block.map {
            Map::Dense => Shape::vector(block.output.len()),
            Map::Conv(_) | Map::ConvTranspose(_) => block.output,
        };
        layers.push((block.name(), linear(block, &weight, bias), shape));
        if let (true, Some(moments)) = (block.norm, moments.next()) {
            let norm = BatchNorm {
                scale: channel(&own[1]),
                bias: channel(&own[2]),
                mean: channel(&moments.mean),
                variance: channel(&moments.variance),
                epsilon: NORM_EPSILON as f32,
            };
            layers.push((format!("norm{}", block.index), Op::Norm(norm), shape));
        }
        let numbered = |function| (format!("activation{}", block.index), function);
        let activation = match block.activation {
            Activation::None => None,
            Activation::LeakyRelu(0.0) => Some(numbered(Function::Relu)),
            Activation::LeakyRelu(slope) => Some(numbered(Function::LeakyRelu(slope))),
            Activation::Tanh => Some(("tanh".to_owned(), Function::Tanh)),
            Activation::Sigmoid => Some(("sigmoid".to_owned(), Function::Sigmoid)),
        };
        layers.extend(activation.map(|(name, function)| (name, Op::Pointwise(function), shape)));
        if matches!(block.map, Map::Dense) && !is_vector {
            let last = block.index + 1 == stack.blocks.len();
            let name = if last {
                "picture".to_owned()
            } else {
                format!("reshape{}", block.index)
            };
            layers.push((name, Op::reshape(), block.output));
        }
    }
    layers
}

/// The linear map of a block.
fn linear(block: &Block, weight: &[f32], bias: Array1<f32>) -> Op<Float> {
    let window = |g: Geometry| {
        let [top, left, ..] = g.padding();
        Window::new([g.kernel; 2], [g.stride; 2], [top, left])
    };
    match block.map {
        Map::Dense => {
            let (rows, columns) = (order(block.input), order(block.output));
            let outputs = columns.len();
            let weight = Array2::from_shape_fn((outputs, rows.len()), |(o, i)| {
                weight[rows[i] * outputs + columns[o]]
            });
            Op::dense(weight, bias)
        }
        Map::Conv(g) => Op::conv(&kernel(g, weight), bias, window(g)),
        Map::ConvTranspose(g) => Op::conv_transpose(&kernel(g, weight), bias, window(g)),
    }
}

/// Weights as (small channels, large channels, rows, columns): (outputs, inputs) for a convolution, (inputs, outputs) for
/// a transposed one.
fn kernel(g: Geometry, weight: &[f32]) -> Array4<f32> {
    let (small, large, k) = (g.small.channels, g.large.channels, g.kernel);
    Array4::from_shape_fn((small, large, k, k), |(s, l, y, x)| {
        weight[((y * k + x) * large + l) * small + s]
    })
}

/// For each place of a picture with the channels first, its place with the channels last.
fn order(shape: Shape) -> Vec<usize> {
    let pixels = shape.height * shape.width;
    (0..shape.len())
        .map(|i| (i % pixels) * shape.channels + i / pixels)
        .collect()
}

/// One value for each element of a picture with the channels first, from one for each element or for each channel.
fn spread(values: &[f32], shape: Shape) -> Array1<f32> {
    let order = order(shape);
    order
        .iter()
        .map(|place| values[place % values.len()])
        .collect()
}
