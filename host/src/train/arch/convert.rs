//! From the trainer's tensors to the layers of a [`crate::network::Network`].
//!
//! The trainer has channels last and weights as (inputs, outputs); the network has channels first and weights as ONNX.

use burn_tensor::Tensor;
use ndarray::{Array1, Array2, Array4};

use super::{Block, Map, Moments, Stack, values};
use crate::network::{BatchNorm, Conv, ConvTranspose, Dense, Layer, Shape};
use crate::train::ops::{Activation, Geometry, Kernels, NORM_EPSILON};

/// The layers of a stack with their names. A dense layer is followed by a reshape where a picture comes of it; batch
/// normalisation of such a layer comes before the reshape, with one entry a value, so that it folds into the layer.
pub fn layers<B: Kernels>(
    stack: &Stack,
    parameters: &[Tensor<B, 2>],
    moments: &[Moments<B>],
) -> Vec<(String, Layer)> {
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
        layers.push((block.name(), linear(block, &weight, bias)));
        if let (true, Some(moments)) = (block.norm, moments.next()) {
            let norm = BatchNorm {
                scale: channel(&own[1]),
                bias: channel(&own[2]),
                mean: channel(&moments.mean),
                variance: channel(&moments.variance),
                epsilon: NORM_EPSILON as f32,
            };
            layers.push((format!("norm{}", block.index), Layer::BatchNorm(norm)));
        }
        let activation = match block.activation {
            Activation::None => None,
            Activation::LeakyRelu(slope) => {
                let layer = if slope == 0.0 {
                    Layer::Relu
                } else {
                    Layer::LeakyRelu { slope }
                };
                Some((format!("activation{}", block.index), layer))
            }
            Activation::Tanh => Some(("tanh".to_owned(), Layer::Tanh)),
            Activation::Sigmoid => Some(("sigmoid".to_owned(), Layer::Sigmoid)),
        };
        layers.extend(activation);
        if matches!(block.map, Map::Dense) && !is_vector {
            let last = block.index + 1 == stack.blocks.len();
            let name = if last {
                "picture".to_owned()
            } else {
                format!("reshape{}", block.index)
            };
            let shape = block.output;
            layers.push((name, Layer::Reshape { shape }));
        }
    }
    layers
}

/// The linear map of a block.
fn linear(block: &Block, weight: &[f32], bias: Array1<f32>) -> Layer {
    match block.map {
        Map::Dense => {
            let (rows, columns) = (order(block.input), order(block.output));
            let outputs = columns.len();
            let weight = Array2::from_shape_fn((outputs, rows.len()), |(o, i)| {
                weight[rows[i] * outputs + columns[o]]
            });
            Layer::Dense(Dense { weight, bias })
        }
        Map::Conv(g) => Layer::Conv(Conv {
            weight: kernel(g, weight),
            bias,
            stride: g.stride,
            padding: g.padding(),
        }),
        Map::ConvTranspose(g) => Layer::ConvTranspose(ConvTranspose {
            weight: kernel(g, weight),
            bias,
            stride: g.stride,
            padding: g.padding(),
            output_padding: [0; 2],
        }),
    }
}

/// Weights as (small channels, large channels, rows, columns): (outputs, inputs) for a convolution, (inputs, outputs) for
/// a transposed one.
fn kernel(g: Geometry, weight: &[f32]) -> Array4<f32> {
    let (small, large, [rows, columns]) = (g.small.channels, g.large.channels, g.kernel);
    Array4::from_shape_fn((small, large, rows, columns), |(s, l, y, x)| {
        weight[((y * columns + x) * large + l) * small + s]
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
