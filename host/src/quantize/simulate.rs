//! Fast runs of quantized and of folded networks for a batch, for calibration and for measurements.

use super::fold::linear::{conv_of_rows, conv_transpose_of_rows};
use super::fold::{Folded, FoldedKind, Linear, source_shape};
use super::{QuantizedLinear, QuantizedNetwork, Step, StepKind};
use crate::forward::conv::{self, no_bias};
use crate::forward::upsample;
use crate::network::{InputSpec, Shape, Source};
use ndarray::{Array2, ArrayView2, Axis, concatenate, s};
use shared::arithmetic::{Activation, rhe, saturate};

/// Samples that a convolution takes at a time, so that its floats stay small.
const CHUNK: usize = 256;

/// What a source gives for a batch: `inputs` has shape (batch, latent + classes), `outputs` are those of the steps.
pub fn value<'a, T>(
    source: Source,
    input: InputSpec,
    inputs: ArrayView2<'a, T>,
    outputs: &'a [Array2<T>],
) -> ArrayView2<'a, T> {
    match source {
        Source::Input => inputs,
        Source::Latent => inputs.slice_move(s![.., ..input.latent]),
        Source::Label => inputs.slice_move(s![.., input.latent..]),
        Source::Node(index) => outputs[index].view(),
    }
}

/// A folded step in double precision: each input has shape (batch, elements), `from` is a sample's of the first.
pub fn folded(step: &Folded, inputs: &[ArrayView2<f64>], from: Shape) -> Array2<f64> {
    let x = inputs[0];
    let to = [step.shape.height, step.shape.width];
    match &step.kind {
        FoldedKind::Dense(linear) | FoldedKind::Embedding(linear) => {
            activate(x.dot(&linear.weight.t()) + &linear.bias, linear)
        }
        FoldedKind::Conv(linear, geometry) => {
            let weight = conv_of_rows(linear.weight.view(), *geometry, |&w| w);
            let y = conv::conv(x, weight.view(), linear.bias.view(), from, to, *geometry);
            activate(y, linear)
        }
        FoldedKind::ConvTranspose(linear, geometry) => {
            let weight = conv_transpose_of_rows(linear.weight.view(), *geometry, |&w| w);
            let bias = linear.bias.view();
            let y = conv::conv_transpose(x, weight.view(), bias, from, to, *geometry);
            activate(y, linear)
        }
        FoldedKind::Table(function) => x.mapv(|v| function.at(v)),
        FoldedKind::Upsample { factor } => upsample(x, from, *factor),
        FoldedKind::Reshape => x.to_owned(),
        FoldedKind::Concat => joined(inputs),
    }
}

fn activate(y: Array2<f64>, linear: &Linear) -> Array2<f64> {
    match linear.activation {
        Activation::None => y,
        Activation::Relu => y.mapv_into(|v| v.max(0.0)),
        Activation::LeakyRelu { slope_shift } => {
            let slope = 2f64.powi(-i32::from(slope_shift));
            y.mapv_into(|v| if v < 0.0 { slope * v } else { v })
        }
    }
}

/// Every folded step's output for a batch of real inputs of shape (batch, latent + classes).
pub fn all_folded(steps: &[Folded], input: InputSpec, inputs: ArrayView2<f64>) -> Vec<Array2<f64>> {
    let mut outputs: Vec<Array2<f64>> = Vec::with_capacity(steps.len());
    for step in steps {
        let values: Vec<ArrayView2<f64>> = step
            .inputs
            .iter()
            .map(|&source| value(source, input, inputs, &outputs))
            .collect();
        let from = source_shape(steps, input, step.inputs[0]);
        let output = folded(step, &values, from);
        outputs.push(output);
    }
    outputs
}

/// A step in integers: each input has shape (batch, elements), `from` is a sample's of the first.
///
/// Products run in floats, exactly: every accumulator stays below 2^24, which quantization has proven.
pub fn step(kind: &StepKind, shape: Shape, inputs: &[ArrayView2<i8>], from: Shape) -> Array2<i8> {
    let x = inputs[0];
    let to = [shape.height, shape.width];
    match kind {
        StepKind::Dense(linear) | StepKind::Embedding(linear) => dense(linear, x),
        StepKind::Conv(linear, geometry) => {
            let weight = conv_of_rows(linear.weights.view(), *geometry, |&w| f32::from(w));
            let bias = no_bias(linear.bias.len());
            convolved(linear, x, shape, |x| {
                conv::conv(x, weight.view(), bias.view(), from, to, *geometry)
            })
        }
        StepKind::ConvTranspose(linear, geometry) => {
            let weight =
                conv_transpose_of_rows(linear.weights.view(), *geometry, |&w| f32::from(w));
            let bias = no_bias(linear.bias.len());
            convolved(linear, x, shape, |x| {
                conv::conv_transpose(x, weight.view(), bias.view(), from, to, *geometry)
            })
        }
        StepKind::Table(entries) => table(entries, x),
        StepKind::Upsample { factor } => upsample(x, from, *factor),
        StepKind::Reshape => x.to_owned(),
        StepKind::Concat { shifts } => {
            let aligned: Vec<Array2<i8>> = inputs
                .iter()
                .zip(shifts)
                .map(|(x, &shift)| align(*x, shift))
                .collect();
            let views: Vec<ArrayView2<i8>> = aligned.iter().map(|part| part.view()).collect();
            joined(&views)
        }
    }
}

fn joined<T: Clone>(parts: &[ArrayView2<T>]) -> Array2<T> {
    concatenate(Axis(1), parts).expect("one batch")
}

/// A value at an exponent that is larger by `shift`.
fn align(x: ArrayView2<i8>, shift: u8) -> Array2<i8> {
    match shift {
        0 => x.to_owned(),
        _ => x.mapv(|q| saturate(rhe(i32::from(q), u32::from(shift)))),
    }
}

fn dense(linear: &QuantizedLinear, x: ArrayView2<i8>) -> Array2<i8> {
    let weights = linear.weights.mapv(f32::from);
    let products = x.mapv(f32::from).dot(&weights.t());
    let mut y = Array2::zeros(products.dim());
    for (products, mut y) in products.rows().into_iter().zip(y.rows_mut()) {
        let channels = linear.bias.iter().zip(&linear.shifts);
        for ((&product, (&bias, &shift)), y) in products.iter().zip(channels).zip(y.iter_mut()) {
            // Whole and below 2^24, so the cast is exact.
            *y = linear.activation.requantize(product as i32 + bias, shift);
        }
    }
    y
}

/// Requantized sums of products, which `products` gives for some samples: (samples, outputs * pixels).
fn convolved(
    linear: &QuantizedLinear,
    x: ArrayView2<i8>,
    shape: Shape,
    products: impl Fn(ArrayView2<f32>) -> Array2<f32>,
) -> Array2<i8> {
    let pixels = (shape.height * shape.width).max(1);
    let mut y = Array2::zeros((x.nrows(), shape.len()));
    let chunks = x.axis_chunks_iter(Axis(0), CHUNK);
    for (x, mut y) in chunks.zip(y.axis_chunks_iter_mut(Axis(0), CHUNK)) {
        let sums = products(x.mapv(f32::from).view());
        for (sums, mut y) in sums.rows().into_iter().zip(y.rows_mut()) {
            for (element, (&sum, y)) in sums.iter().zip(y.iter_mut()).enumerate() {
                let channel = element / pixels;
                let (bias, shift) = (linear.bias[channel], linear.shifts[channel]);
                // Whole and below 2^24, so the cast is exact.
                *y = linear.activation.requantize(sum as i32 + bias, shift);
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

/// Every step's output for a batch of integer inputs of shape (batch, latent + classes).
pub fn all_steps(network: &QuantizedNetwork, inputs: ArrayView2<i8>) -> Vec<Array2<i8>> {
    let mut outputs: Vec<Array2<i8>> = Vec::with_capacity(network.steps.len());
    for one in &network.steps {
        let output = next(network, one, inputs, &outputs);
        outputs.push(output);
    }
    outputs
}

fn next(
    network: &QuantizedNetwork,
    one: &Step,
    inputs: ArrayView2<i8>,
    outputs: &[Array2<i8>],
) -> Array2<i8> {
    let values: Vec<ArrayView2<i8>> = one
        .inputs
        .iter()
        .map(|&source| value(source, network.input, inputs, outputs))
        .collect();
    let from = network.input_shape(one.inputs[0]);
    step(&one.kind, one.shape, &values, from)
}

/// The pictures for a batch of integer inputs, shape (batch, channels * rows * columns): as the last of [`all_steps`],
/// in the memory of a few samples at a time.
pub fn run(network: &QuantizedNetwork, inputs: ArrayView2<i8>) -> Array2<i8> {
    let mut pictures = Array2::zeros((inputs.nrows(), network.output.len()));
    let chunks = inputs.axis_chunks_iter(Axis(0), CHUNK);
    for (inputs, mut pictures) in chunks.zip(pictures.axis_chunks_iter_mut(Axis(0), CHUNK)) {
        if let Some(last) = all_steps(network, inputs).pop() {
            pictures.assign(&last);
        }
    }
    pictures
}
