//! Fast runs of quantized and of folded networks for a batch, for calibration and for measurements.

use crate::graph::query::value;
use crate::graph::{
    Folded, Function, Graph, Integer, LinearKind, Node, Op, QuantizedLinear, QuantizedNetwork,
    Shape,
};
use ndarray::{Array1, Array2, ArrayView2, Axis};
use shared::arithmetic::Activation;

/// Samples that a layer with weights takes at a time, so that its floats stay small.
const CHUNK: usize = 256;

/// A folded operation in double precision: each input has shape (batch, elements), `shapes` are a
/// sample's of each, `to` is the output's.
pub fn folded(
    op: &Op<Folded>,
    inputs: &[ArrayView2<f64>],
    shapes: &[Shape],
    to: Shape,
) -> Array2<f64> {
    let (x, from) = (inputs[0], shapes[0]);
    match op {
        Op::Linear(kind, linear) => {
            let sums = kind.sums(x, linear.weight.view(), linear.bias.view(), from, to);
            activate(sums, linear.activation)
        }
        Op::Norm(norm) => match *norm {},
        Op::Pointwise(function) => x.mapv(|v| function.at(v)),
        Op::Move(moved) => moved.run(x, from, to, f64::from(moved.fill())),
        Op::Combine(combine, activation) => activate(combine.run(inputs, shapes, to), *activation),
    }
}

fn activate(y: Array2<f64>, activation: Activation) -> Array2<f64> {
    match Function::of_activation(activation) {
        None => y,
        Some(function) => y.mapv_into(|v| function.at(v)),
    }
}

/// Every folded node's output for a batch of real inputs of shape (batch, latent + classes).
pub fn all_folded(graph: &Graph<Folded>, inputs: ArrayView2<f64>) -> Vec<Array2<f64>> {
    let mut outputs: Vec<Array2<f64>> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let sources = node.inputs.iter();
        let values: Vec<ArrayView2<f64>> = sources
            .map(|&source| value(source, graph.input, inputs, &outputs))
            .collect();
        let output = folded(&node.op, &values, &graph.input_shapes(node), node.shape);
        outputs.push(output);
    }
    outputs
}

/// An operation in integers: each input has shape (batch, elements), `shapes` are a sample's of
/// each, `to` is the output's.
///
/// Products run in floats, exactly: every accumulator stays below 2^24, which quantization has
/// proven.
pub fn integer(
    op: &Op<Integer>,
    inputs: &[ArrayView2<i8>],
    shapes: &[Shape],
    to: Shape,
) -> Array2<i8> {
    let (x, from) = (inputs[0], shapes[0]);
    match op {
        Op::Linear(kind, linear) => linear_layer(*kind, linear, x, from, to),
        Op::Norm(norm) => match *norm {},
        Op::Pointwise(entries) => table(entries, x),
        // An integer of int8.
        Op::Move(moved) => moved.run(x, from, to, moved.fill() as i8),
        Op::Combine(combine, alignment) => combine.run_integer(alignment, inputs, shapes, to),
    }
}

/// Requantized sums of products.
fn linear_layer(
    kind: LinearKind,
    linear: &QuantizedLinear,
    x: ArrayView2<i8>,
    from: Shape,
    to: Shape,
) -> Array2<i8> {
    let weights = linear.weights.mapv(f32::from);
    let none = Array1::zeros(linear.bias.len());
    let channels: Vec<usize> = (0..to.len()).map(|element| to.channel(element)).collect();
    let mut y = Array2::zeros((x.nrows(), to.len()));
    let chunks = x.axis_chunks_iter(Axis(0), CHUNK);
    for (x, mut y) in chunks.zip(y.axis_chunks_iter_mut(Axis(0), CHUNK)) {
        let sums = kind.sums(
            x.mapv(f32::from).view(),
            weights.view(),
            none.view(),
            from,
            to,
        );
        for (sums, mut y) in sums.rows().into_iter().zip(y.rows_mut()) {
            for ((&sum, &channel), y) in sums.iter().zip(&channels).zip(y.iter_mut()) {
                let (bias, shift) = (linear.bias[channel], linear.shifts[channel]);
                // Whole and below 2^24, so the cast is exact.
                *y = linear.activation.round(sum as i32 + bias, shift);
            }
        }
    }
    y
}

/// A table for a batch.
pub fn table(entries: &[i8; 256], x: ArrayView2<i8>) -> Array2<i8> {
    // -128..=127 becomes 0..=255.
    x.mapv(|q| entries[usize::from(q as u8 ^ 0x80)])
}

/// Every node's output for a batch of integer inputs of shape (batch, latent + classes).
pub fn all_nodes(network: &QuantizedNetwork, inputs: ArrayView2<i8>) -> Vec<Array2<i8>> {
    let mut outputs: Vec<Array2<i8>> = Vec::with_capacity(network.nodes.len());
    for node in &network.nodes {
        let output = next(network, node, inputs, &outputs);
        outputs.push(output);
    }
    outputs
}

/// A node's output, given those of the nodes before it.
pub fn next(
    network: &QuantizedNetwork,
    node: &Node<Integer>,
    inputs: ArrayView2<i8>,
    outputs: &[Array2<i8>],
) -> Array2<i8> {
    let sources = node.inputs.iter();
    let values: Vec<ArrayView2<i8>> = sources
        .map(|&source| value(source, network.input, inputs, outputs))
        .collect();
    integer(&node.op, &values, &network.input_shapes(node), node.shape)
}

/// The pictures for a batch of integer inputs, shape (batch, channels * rows * columns): as the
/// last of [`all_nodes`], in the memory of a few samples at a time.
pub fn run(network: &QuantizedNetwork, inputs: ArrayView2<i8>) -> Array2<i8> {
    let mut pictures = Array2::zeros((inputs.nrows(), network.output.len()));
    let chunks = inputs.axis_chunks_iter(Axis(0), CHUNK);
    for (inputs, mut pictures) in chunks.zip(pictures.axis_chunks_iter_mut(Axis(0), CHUNK)) {
        if let Some(last) = all_nodes(network, inputs).pop() {
            pictures.assign(&last);
        }
    }
    pictures
}
