//! A description of a float network: its layers with shapes, weights and multiplications.

use super::inspect::{Description, LayerRow, input_fact};
use crate::network::{Layer, Network, Node, Shape};
use crate::quantize::fold::{FoldedKind, fold};
use shared::op::{Axis, Taps};

/// Describes a float network that was read from a file of `bytes` bytes.
pub fn network(network: &Network, producer: &str, bytes: usize) -> Description {
    let shapes = network.shapes().unwrap_or_default();
    let mut layers = Vec::new();
    for (node, to) in network.nodes.iter().zip(&shapes) {
        let from = node.inputs.first();
        let from = from.and_then(|source| network.source_shape(*source, &shapes));
        layers.push(row(node, from.unwrap_or(Shape::vector(0)), *to));
    }
    let tables = fold(network).map(|steps| {
        steps
            .iter()
            .filter(|s| matches!(s.kind, FoldedKind::Table(_)))
            .count()
    });
    let mut facts = vec![
        ("producer", producer.to_owned()),
        (
            "input",
            format!(
                "{} float",
                input_fact(network.input.latent, network.input.classes)
            ),
        ),
        ("output", network.output.to_string().replace(' ', "")),
        ("file", format!("{bytes} bytes")),
    ];
    facts.push(match tables {
        Ok(tables) => (
            "as integers",
            format!("possible; {tables} activations become tables"),
        ),
        Err(error) => ("as integers", format!("not possible: {error}")),
    });
    Description {
        format: "float ONNX network",
        name: network.name.clone(),
        facts,
        layers,
        arena: None,
    }
}

fn row(node: &Node, from: Shape, to: Shape) -> LayerRow {
    let windowed = |name: &str, [rows, columns]: [usize; 2], [down, across]: [usize; 2]| {
        format!("{name} {rows}x{columns} stride {down}x{across}")
    };
    // Weights, other parameters, multiplications.
    let (kind, weights, others, macs) = match &node.layer {
        Layer::Dense(dense) => {
            let weights = dense.weight.len();
            (
                "dense".to_owned(),
                weights,
                dense.bias.len(),
                weights as u64,
            )
        }
        Layer::Conv(conv) => {
            let geometry = conv.geometry();
            let taps = |axis| {
                let corner = conv.padding[axis];
                let axis = self::axis(geometry.kernel[axis], conv.stride[axis], corner);
                move |at, len| Axis::conv_taps(&axis, at, len)
            };
            let meetings = both(from, to, taps(0), taps(1));
            let kind = windowed("conv", geometry.kernel, conv.stride);
            let macs = meetings * (from.channels * to.channels) as u64;
            (kind, conv.weight.len(), conv.bias.len(), macs)
        }
        Layer::ConvTranspose(conv) => {
            let geometry = conv.geometry();
            let taps = |axis| {
                let corner = conv.padding[axis];
                let axis = self::axis(geometry.kernel[axis], conv.stride[axis], corner);
                move |at, len| Axis::conv_transpose_taps(&axis, at, len)
            };
            let meetings = both(from, to, taps(0), taps(1));
            let kind = windowed("transposed conv", geometry.kernel, conv.stride);
            let macs = meetings * (from.channels * to.channels) as u64;
            (kind, conv.weight.len(), conv.bias.len(), macs)
        }
        Layer::Embedding { table } => ("embedding".to_owned(), table.len(), 0, table.len() as u64),
        Layer::BatchNorm(norm) => {
            let kind = "batch normalisation".to_owned();
            (kind, 0, 4 * norm.scale.len(), 0)
        }
        Layer::LeakyRelu { slope } => (format!("LeakyReLU {slope}"), 0, 0, 0),
        Layer::Relu => ("ReLU".to_owned(), 0, 0, 0),
        Layer::Tanh => ("tanh".to_owned(), 0, 0, 0),
        Layer::Sigmoid => ("sigmoid".to_owned(), 0, 0, 0),
        Layer::Upsample { factor } => (format!("upsample {}x{}", factor[0], factor[1]), 0, 0, 0),
        Layer::Reshape { .. } => ("reshape".to_owned(), 0, 0, 0),
        Layer::Concat => (format!("concat of {}", node.inputs.len()), 0, 0, 0),
    };
    LayerRow {
        name: node.name.clone(),
        kind,
        output: to.to_string().replace(' ', ""),
        weights: weights as u64,
        work: macs,
        bytes: 4 * (weights + others) as u64,
        ..Default::default()
    }
}

/// A checked network's kernels, strides and paddings are at most 255.
fn axis(kernel: usize, stride: usize, padding: usize) -> Axis {
    Axis {
        kernel: kernel as u32,
        stride: stride.max(1) as u32,
        padding: padding as u32,
        dilation: 1,
    }
}

/// How often an element of a kernel meets an element of the input, over all places of the output.
fn both(
    from: Shape,
    to: Shape,
    rows: impl Fn(u32, u32) -> Taps,
    columns: impl Fn(u32, u32) -> Taps,
) -> u64 {
    // A side is at most 65535.
    let count = |taps: &dyn Fn(u32, u32) -> Taps, from: usize, to: usize| -> u64 {
        let counts = (0..to as u32).map(|at| u64::from(taps(at, from as u32).count));
        counts.sum()
    };
    count(&rows, from.height, to.height) * count(&columns, from.width, to.width)
}
