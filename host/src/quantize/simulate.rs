//! Fast runs of quantized and of folded layers for a batch, for calibration and for measurements.

use super::fold::{Folded, FoldedKind};
use super::{QuantizedLinear, QuantizedNetwork, StepKind};
use ndarray::{Array2, ArrayView2};
use shared::arithmetic::Activation;

/// A folded layer in double precision: `x` has shape (batch, inputs).
pub fn folded(step: &Folded, x: ArrayView2<f64>) -> Array2<f64> {
    match &step.kind {
        FoldedKind::Dense {
            weight,
            bias,
            activation,
        } => {
            let y = x.dot(&weight.t()) + bias;
            match activation {
                Activation::None => y,
                Activation::Relu => y.mapv_into(|v| v.max(0.0)),
                Activation::LeakyRelu { slope_shift } => {
                    let slope = 2f64.powi(-i32::from(*slope_shift));
                    y.mapv_into(|v| if v < 0.0 { slope * v } else { v })
                }
            }
        }
        FoldedKind::Table(function) => x.mapv(|v| function.at(v)),
    }
}

/// A dense layer in integers: `x` has shape (batch, inputs).
///
/// The product runs in floats, exactly: every accumulator stays below 2^24, which quantization has proven.
pub fn dense(layer: &QuantizedLinear, x: ArrayView2<i8>) -> Array2<i8> {
    let weights = layer.weights.mapv(f32::from);
    let products = x.mapv(f32::from).dot(&weights.t());
    let mut y = Array2::zeros(products.dim());
    for (products, mut y) in products.rows().into_iter().zip(y.rows_mut()) {
        let channels = layer.bias.iter().zip(&layer.shifts);
        for ((&product, (&bias, &shift)), y) in products.iter().zip(channels).zip(y.iter_mut()) {
            // Whole and below 2^24, so the cast is exact.
            *y = layer.activation.requantize(product as i32 + bias, shift);
        }
    }
    y
}

/// Every step's output for a batch of integer inputs of shape (batch, latent + classes).
pub fn all_steps(network: &QuantizedNetwork, inputs: ArrayView2<i8>) -> Vec<Array2<i8>> {
    let mut outputs: Vec<Array2<i8>> = Vec::with_capacity(network.steps.len());
    for step in &network.steps {
        let x = outputs.last().map_or(inputs, |o| o.view());
        outputs.push(match &step.kind {
            StepKind::Dense(layer) => dense(layer, x),
            StepKind::Table(entries) => table(entries, x),
            // Folding makes no others yet.
            _ => x.to_owned(),
        });
    }
    outputs
}

/// A table for a batch.
pub fn table(entries: &[i8; 256], x: ArrayView2<i8>) -> Array2<i8> {
    // -128..=127 becomes 0..=255.
    x.mapv(|q| entries[usize::from(q as u8 ^ 0x80)])
}
