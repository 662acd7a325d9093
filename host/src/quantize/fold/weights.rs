//! What folding does to weights and biases, whatever their columns mean.

use crate::graph::{BatchNorm, Linear};
use ndarray::{Array1, Array2};

/// Factors on the diagonal, and summands.
pub fn diagonal(factors: &Array1<f64>, bias: Array1<f64>) -> Linear<f64> {
    Linear::new(Array2::from_diag(factors), bias)
}

/// Takes batch normalisation in; `channel` gives the channel of each output.
pub fn normalise(linear: &mut Linear<f64>, norm: &BatchNorm, channel: impl Fn(usize) -> usize) {
    for (output, mut row) in linear.weight.rows_mut().into_iter().enumerate() {
        let channel = channel(output);
        let factor = norm.factor(channel);
        row *= factor;
        linear.bias[output] = (linear.bias[output] - f64::from(norm.mean[channel])) * factor
            + f64::from(norm.bias[channel]);
    }
}

/// Takes in that each column's input is now to be multiplied and added to first.
pub fn prepend(linear: &mut Linear<f64>, factors: &Array1<f64>, summands: &Array1<f64>) {
    linear.bias += &linear.weight.dot(summands);
    linear.weight *= factors;
}
