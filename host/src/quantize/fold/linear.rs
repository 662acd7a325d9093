//! Weights and biases of one step, whatever its columns mean.

use crate::forward::conv::Geometry;
use crate::network::BatchNorm;
use ndarray::{Array1, Array2, Array4, ArrayView2};
use shared::arithmetic::Activation;

/// `activation(W x + b)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// Shape (outputs, columns), batch normalisation folded in.
    pub weight: Array2<f64>,
    /// Shape (outputs).
    pub bias: Array1<f64>,
    /// What follows.
    pub activation: Activation,
}

impl Linear {
    /// Without an activation.
    pub fn new(weight: Array2<f64>, bias: Array1<f64>) -> Self {
        Self {
            weight,
            bias,
            activation: Activation::None,
        }
    }

    /// Factors on the diagonal, and summands.
    pub fn diagonal(factors: &Array1<f64>, bias: Array1<f64>) -> Self {
        Self::new(Array2::from_diag(factors), bias)
    }

    /// Takes batch normalisation in; `channel` gives the channel of each output.
    pub fn normalise(&mut self, norm: &BatchNorm, channel: impl Fn(usize) -> usize) {
        for (output, mut row) in self.weight.rows_mut().into_iter().enumerate() {
            let channel = channel(output);
            let factor = factor(norm, channel);
            row *= factor;
            self.bias[output] = (self.bias[output] - f64::from(norm.mean[channel])) * factor
                + f64::from(norm.bias[channel]);
        }
    }

    /// Takes in that each column's input is now to be multiplied and added to first.
    pub fn prepend(&mut self, factors: &Array1<f64>, summands: &Array1<f64>) {
        self.bias += &self.weight.dot(summands);
        self.weight *= factors;
    }
}

/// `scale / sqrt(variance + epsilon)`: Jacob et al., "Quantization and Training of Neural Networks for Efficient
/// Integer-Arithmetic-Only Inference" (2018), section 3.2.
fn factor(norm: &BatchNorm, channel: usize) -> f64 {
    // The check of the network made all lengths equal.
    f64::from(norm.scale[channel]) / f64::from(norm.variance[channel] + norm.epsilon).sqrt()
}

/// Factor and summand of each channel of batch normalisation.
pub fn affine(norm: &BatchNorm) -> (Array1<f64>, Array1<f64>) {
    let factor = Array1::from_shape_fn(norm.scale.len(), |channel| factor(norm, channel));
    let summand = Array1::from_shape_fn(norm.scale.len(), |channel| {
        f64::from(norm.bias[channel]) - f64::from(norm.mean[channel]) * factor[channel]
    });
    (factor, summand)
}

/// The rows of a convolution's kernel, (outputs, inputs, rows, columns): columns are kernel row, kernel column, channel.
pub fn rows_of_conv(weight: &Array4<f32>) -> Array2<f64> {
    let (outputs, inputs, rows, columns) = weight.dim();
    Array2::from_shape_fn((outputs, rows * columns * inputs), |(output, at)| {
        let (element, input) = (at / inputs, at % inputs);
        f64::from(weight[[output, input, element / columns, element % columns]])
    })
}

/// The same of a transposed convolution's kernel, (inputs, outputs, rows, columns).
pub fn rows_of_conv_transpose(weight: &Array4<f32>) -> Array2<f64> {
    let (inputs, outputs, rows, columns) = weight.dim();
    Array2::from_shape_fn((outputs, rows * columns * inputs), |(output, at)| {
        let (element, input) = (at / inputs, at % inputs);
        f64::from(weight[[input, output, element / columns, element % columns]])
    })
}

/// Back from rows to (outputs, inputs, rows, columns).
pub fn conv_of_rows<T, U>(
    rows: ArrayView2<T>,
    geometry: Geometry,
    convert: impl Fn(&T) -> U,
) -> Array4<U> {
    let [height, width] = geometry.kernel;
    let inputs = rows.ncols() / (height * width).max(1);
    Array4::from_shape_fn((rows.nrows(), inputs, height, width), |(o, c, u, v)| {
        convert(&rows[[o, (u * width + v) * inputs + c]])
    })
}

/// Back from rows to (inputs, outputs, rows, columns).
pub fn conv_transpose_of_rows<T, U>(
    rows: ArrayView2<T>,
    geometry: Geometry,
    convert: impl Fn(&T) -> U,
) -> Array4<U> {
    let [height, width] = geometry.kernel;
    let inputs = rows.ncols() / (height * width).max(1);
    Array4::from_shape_fn((inputs, rows.nrows(), height, width), |(c, o, u, v)| {
        convert(&rows[[o, (u * width + v) * inputs + c]])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_become_rows_and_come_back() {
        let weight = Array4::from_shape_fn((3, 2, 4, 5), |(a, b, c, d)| {
            (a * 1000 + b * 100 + c * 10 + d) as f32
        });
        let geometry = Geometry {
            kernel: [4, 5],
            stride: [1, 1],
            corner: [0, 0],
        };
        let rows = rows_of_conv(&weight);
        // Output 2, kernel row 3, kernel column 4, channel 1.
        assert_eq!(rows[[2, (3 * 5 + 4) * 2 + 1]], 2134.0);
        let back = |&w: &f64| w as f32;
        assert_eq!(conv_of_rows(rows.view(), geometry, back), weight);
        let rows = rows_of_conv_transpose(&weight);
        // Output 1, kernel row 3, kernel column 4, channel 2.
        assert_eq!(rows[[1, (3 * 5 + 4) * 3 + 2]], 2134.0);
        assert_eq!(conv_transpose_of_rows(rows.view(), geometry, back), weight);
    }
}
