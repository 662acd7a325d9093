//! The float network, run by ndarray: the reference that quantization calibrates on and runtimes
//! are compared with.

use crate::graph::query::value;
use crate::graph::{Float, Network, Op, Shape, Source};
use crate::ops::{activations, batch_norm};
use ndarray::{Array2, ArrayView2};

/// Every node's output for a batch: `inputs` has shape (batch, latent + classes), each result
/// (batch, length).
///
/// The network must have passed [`Network::check`] and the inputs must have its width; other shapes
/// panic.
pub fn all_layers(network: &Network, inputs: ArrayView2<f32>) -> Vec<Array2<f32>> {
    run_nodes(network, inputs, true)
}

/// The last node's output for a batch, shape (batch, height * width * channels). See
/// [`all_layers`].
pub fn run(network: &Network, inputs: ArrayView2<f32>) -> Array2<f32> {
    run_nodes(network, inputs, false).pop().unwrap_or_default()
}

/// Every node's output, or an empty one behind its last reader unless all are kept.
fn run_nodes(network: &Network, inputs: ArrayView2<f32>, keep: bool) -> Vec<Array2<f32>> {
    let last_readers = network.last_readers();
    let mut outputs: Vec<Array2<f32>> = Vec::with_capacity(network.nodes.len());
    for (index, node) in network.nodes.iter().enumerate() {
        let sources = node.inputs.iter();
        let values: Vec<ArrayView2<f32>> = sources
            .map(|&source| value(source, network.input, inputs, &outputs))
            .collect();
        let output = one(&node.op, &values, &network.input_shapes(node), node.shape);
        outputs.push(output);
        for source in &node.inputs {
            if let Source::Node(from) = source
                && last_readers[*from] == Some(index)
                && !keep
            {
                outputs[*from] = Array2::default((0, 0));
            }
        }
    }
    outputs
}

/// One operation's output for a batch; `shapes` are those of the inputs, `to` is the output's.
pub fn one(op: &Op<Float>, inputs: &[ArrayView2<f32>], shapes: &[Shape], to: Shape) -> Array2<f32> {
    // The check saw to at least one input.
    let (x, from) = (inputs[0], shapes[0]);
    match op {
        Op::Linear(kind, linear) => {
            kind.sums(x, linear.weight.view(), linear.bias.view(), from, to)
        }
        Op::Norm(norm) => batch_norm::run(norm, x, from),
        Op::Pointwise(function) => x.mapv(|v| activations::single(*function, v)),
        Op::Move(moved) => moved.run(x, from, to, moved.fill()),
        Op::Combine(combine, ()) => combine.run(inputs, shapes, to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::BatchNorm;
    use ndarray::{array, s};

    fn run_one(op: &Op<Float>, x: Array2<f32>, from: Shape, to: Shape) -> Array2<f32> {
        one(op, &[x.view()], &[from], to)
    }

    #[test]
    fn known_layers() {
        let dense = Op::dense(
            array![[1.0, 2.0], [0.0, -1.0], [3.0, 0.5]],
            array![0.5, 0.0, -1.0],
        );
        let [one_value, two, three] = [1, 2, 3].map(Shape::vector);
        assert_eq!(
            run_one(&dense, array![[2.0, 4.0]], two, three),
            array![[10.5, -4.0, 7.0]]
        );
        let norm = |channels: usize| {
            Op::Norm(BatchNorm {
                scale: array![2.0, 4.0].slice_move(s![..channels]),
                bias: array![1.0, 0.0].slice_move(s![..channels]),
                mean: array![3.0, 1.0].slice_move(s![..channels]),
                variance: array![3.75, 0.75].slice_move(s![..channels]),
                epsilon: 0.25,
            })
        };
        assert_eq!(
            run_one(&norm(1), array![[5.0], [3.0]], one_value, one_value),
            array![[3.0], [1.0]]
        );
        let rows = Shape {
            channels: 2,
            height: 1,
            width: 2,
        };
        // Two channels of two pixels each.
        let picture = |channels: [[f32; 2]; 2]| {
            let mut x = Array2::zeros((1, 4));
            for (channel, pixels) in channels.iter().enumerate() {
                for (pixel, &v) in pixels.iter().enumerate() {
                    x[[0, rows.at(channel, pixel)]] = v;
                }
            }
            x
        };
        assert_eq!(
            run_one(&norm(2), picture([[5.0, 3.0], [2.0, 0.0]]), rows, rows),
            picture([[3.0, 1.0], [4.0, -4.0]])
        );
        // As a slice of a wider batch.
        let wide = array![[5.0, 3.0, 7.0], [3.0, 5.0, 7.0]];
        let latent = wide.slice(s![.., ..1]);
        assert_eq!(
            one(&norm(1), &[latent], &[one_value], one_value),
            array![[3.0], [1.0]]
        );
        assert_eq!(
            run_one(&Op::leaky_relu(0.25), array![[-4.0, 4.0]], two, two),
            array![[-1.0, 4.0]]
        );
        assert_eq!(
            run_one(&Op::SIGMOID, array![[0.0]], one_value, one_value),
            array![[0.5]]
        );
        let table = Op::embedding(&array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        assert_eq!(
            run_one(&table, array![[0.0, 1.0]], two, three),
            array![[4.0, 5.0, 6.0]]
        );
        let blocks = Op::upsample([2, 1]);
        let high = Shape { height: 2, ..rows };
        let doubled = run_one(&blocks, picture([[1.0, 2.0], [3.0, 4.0]]), rows, high);
        let expected = [[1.0, 2.0, 1.0, 2.0], [3.0, 4.0, 3.0, 4.0]];
        for (channel, pixels) in expected.iter().enumerate() {
            for (pixel, &v) in pixels.iter().enumerate() {
                assert_eq!(doubled[[0, high.at(channel, pixel)]], v);
            }
        }
    }
}
