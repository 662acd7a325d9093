//! The float network, run by ndarray: the reference that quantization calibrates on and runtimes are compared with.

pub mod conv;

use crate::network::{Conv, ConvTranspose, Layer, Network, Shape, Source};
use conv::Geometry;
use ndarray::{Array2, Array3, ArrayView2, Axis, concatenate, s};

/// Every node's output for a batch: `inputs` has shape (batch, latent + classes), each result (batch, length).
///
/// The network must have passed [`Network::check`] and the inputs must have its width; other shapes panic.
pub fn all_layers(network: &Network, inputs: ArrayView2<f32>) -> Vec<Array2<f32>> {
    walk(network, inputs, true)
}

/// The last node's output for a batch, shape (batch, channels * height * width). See [`all_layers`].
pub fn run(network: &Network, inputs: ArrayView2<f32>) -> Array2<f32> {
    walk(network, inputs, false).pop().unwrap_or_default()
}

/// Every node's output, or an empty one behind its last reader unless all are kept.
fn walk(network: &Network, inputs: ArrayView2<f32>, keep: bool) -> Vec<Array2<f32>> {
    let shapes = network.shapes().expect("the network was checked");
    let mut last_reader = vec![usize::MAX; network.nodes.len()];
    for (index, node) in network.nodes.iter().enumerate() {
        for source in &node.inputs {
            if let Source::Node(from) = source {
                last_reader[*from] = index;
            }
        }
    }
    let mut outputs: Vec<Array2<f32>> = Vec::with_capacity(network.nodes.len());
    for (index, node) in network.nodes.iter().enumerate() {
        let values: Vec<ArrayView2<f32>> = node
            .inputs
            .iter()
            .map(|source| match source {
                Source::Input => inputs,
                Source::Latent => inputs.slice_move(s![.., ..network.input.latent]),
                Source::Label => inputs.slice_move(s![.., network.input.latent..]),
                Source::Node(from) => outputs[*from].view(),
            })
            .collect();
        // The check saw to at least one input.
        let from = network.source_shape(node.inputs[0], &shapes);
        let output = one_layer(&node.layer, &values, from.expect("an earlier node"));
        outputs.push(output);
        for source in &node.inputs {
            if let Source::Node(from) = source
                && last_reader[*from] == index
                && !keep
            {
                outputs[*from] = Array2::default((0, 0));
            }
        }
    }
    outputs
}

/// One layer's output for a batch; `from` is the shape of a sample of the first input.
pub fn one_layer(layer: &Layer, inputs: &[ArrayView2<f32>], from: Shape) -> Array2<f32> {
    let x = inputs[0];
    match layer {
        // A transposed view of the weights: the product reads them row by row.
        Layer::Dense(dense) => x.dot(&dense.weight.t()) + &dense.bias,
        Layer::Conv(layer) => {
            let to = layer.output_shape(from).expect("the network was checked");
            let (weight, bias) = (layer.weight.view(), layer.bias.view());
            conv::conv(x, weight, bias, from, sides(to), layer.geometry())
        }
        Layer::ConvTranspose(layer) => {
            let to = layer.output_shape(from).expect("the network was checked");
            let (weight, bias) = (layer.weight.view(), layer.bias.view());
            conv::conv_transpose(x, weight, bias, from, sides(to), layer.geometry())
        }
        Layer::BatchNorm(norm) => {
            let factor = &norm.scale / &norm.variance.mapv(|v| (v + norm.epsilon).sqrt());
            let mut y = channels(x, from);
            for channel in 0..from.channels {
                let (mean, factor) = (norm.mean[channel], factor[channel]);
                y.index_axis_mut(Axis(1), channel)
                    .mapv_inplace(|v| (v - mean) * factor + norm.bias[channel]);
            }
            flat(y)
        }
        Layer::LeakyRelu { slope } => x.mapv(|v| if v < 0.0 { slope * v } else { v }),
        Layer::Relu => x.mapv(|v| v.max(0.0)),
        Layer::Tanh => x.mapv(f32::tanh),
        Layer::Sigmoid => x.mapv(|v| 1.0 / (1.0 + (-v).exp())),
        Layer::Upsample { factor } => upsample(x, from, *factor),
        Layer::Reshape { .. } => x.to_owned(),
        Layer::Concat => concatenate(Axis(1), inputs).expect("one batch"),
        Layer::Embedding { table } => x.dot(table),
    }
}

impl Conv {
    /// How its kernel moves.
    pub fn geometry(&self) -> Geometry {
        let (_, _, rows, columns) = self.weight.dim();
        Geometry {
            kernel: [rows, columns],
            stride: self.stride,
            corner: [self.padding[0], self.padding[1]],
        }
    }
}

impl ConvTranspose {
    /// How its kernel moves.
    pub fn geometry(&self) -> Geometry {
        let (_, _, rows, columns) = self.weight.dim();
        Geometry {
            kernel: [rows, columns],
            stride: self.stride,
            corner: [self.padding[0], self.padding[1]],
        }
    }
}

/// Each element of a batch's pictures as a block of `factor` equal ones.
pub fn upsample<T: Copy>(x: ArrayView2<T>, from: Shape, factor: [usize; 2]) -> Array2<T> {
    let (height, width) = (from.height * factor[0], from.width * factor[1]);
    Array2::from_shape_fn((x.nrows(), from.channels * height * width), |(n, at)| {
        let (rest, column) = (at / width, at % width / factor[1]);
        let (channel, row) = (rest / height, rest % height / factor[0]);
        x[(n, (channel * from.height + row) * from.width + column)]
    })
}

fn sides(shape: Shape) -> [usize; 2] {
    [shape.height, shape.width]
}

/// A batch as (batch, channels, pixels).
fn channels(x: ArrayView2<f32>, from: Shape) -> Array3<f32> {
    let shape = (x.nrows(), from.channels, from.height * from.width);
    // A product or a concatenation may come with its axes the other way round, a part of the input is a slice.
    x.as_standard_layout()
        .into_owned()
        .into_shape_with_order(shape)
        .expect("whole samples")
}

fn flat(x: Array3<f32>) -> Array2<f32> {
    let (batch, channels, pixels) = x.dim();
    x.into_shape_with_order((batch, channels * pixels))
        .expect("the same elements")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{BatchNorm, Dense};
    use ndarray::array;

    fn run_one(layer: &Layer, x: Array2<f32>, from: Shape) -> Array2<f32> {
        one_layer(layer, &[x.view()], from)
    }

    #[test]
    fn known_layers() {
        let dense = Layer::Dense(Dense {
            weight: array![[1.0, 2.0], [0.0, -1.0], [3.0, 0.5]],
            bias: array![0.5, 0.0, -1.0],
        });
        let two = Shape::vector(2);
        assert_eq!(
            run_one(&dense, array![[2.0, 4.0]], two),
            array![[10.5, -4.0, 7.0]]
        );
        let norm = |channels: usize| {
            Layer::BatchNorm(BatchNorm {
                scale: array![2.0, 4.0].slice_move(s![..channels]),
                bias: array![1.0, 0.0].slice_move(s![..channels]),
                mean: array![3.0, 1.0].slice_move(s![..channels]),
                variance: array![3.75, 0.75].slice_move(s![..channels]),
                epsilon: 0.25,
            })
        };
        assert_eq!(
            run_one(&norm(1), array![[5.0], [3.0]], Shape::vector(1)),
            array![[3.0], [1.0]]
        );
        let rows = Shape {
            channels: 2,
            height: 1,
            width: 2,
        };
        assert_eq!(
            run_one(&norm(2), array![[5.0, 3.0, 2.0, 0.0]], rows),
            array![[3.0, 1.0, 4.0, -4.0]]
        );
        // As a slice of a wider batch.
        let wide = array![[5.0, 3.0, 7.0], [3.0, 5.0, 7.0]];
        let latent = wide.slice(s![.., ..1]);
        assert_eq!(
            one_layer(&norm(1), &[latent], Shape::vector(1)),
            array![[3.0], [1.0]]
        );
        let leaky = Layer::LeakyRelu { slope: 0.25 };
        assert_eq!(
            run_one(&leaky, array![[-4.0, 4.0]], two),
            array![[-1.0, 4.0]]
        );
        let one = Shape::vector(1);
        assert_eq!(run_one(&Layer::Sigmoid, array![[0.0]], one), array![[0.5]]);
        let table = Layer::Embedding {
            table: array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],
        };
        assert_eq!(
            run_one(&table, array![[0.0, 1.0]], two),
            array![[4.0, 5.0, 6.0]]
        );
        let blocks = Layer::Upsample { factor: [2, 1] };
        assert_eq!(
            run_one(&blocks, array![[1.0, 2.0, 3.0, 4.0]], rows),
            array![[1.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 4.0]]
        );
    }
}
