//! Weights and biases, in real numbers and in integers, whatever their columns mean.

use ndarray::{Array1, Array2};
use shared::arithmetic::Activation;

/// `activation(W x + b)` in floating point.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear<T> {
    /// Shape (outputs, columns). What a column is multiplied with, [`super::LinearKind`] says; for
    /// a convolution an output is an output channel.
    pub weight: Array2<T>,
    /// Shape (outputs).
    pub bias: Array1<T>,
    /// What follows; none before folding.
    pub activation: Activation,
}

impl<T> Linear<T> {
    /// Without an activation.
    pub const fn new(weight: Array2<T>, bias: Array1<T>) -> Self {
        Self {
            weight,
            bias,
            activation: Activation::None,
        }
    }
}

/// Bits of a layer's weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum Bits {
    /// int4: -8 to 7.
    #[serde(rename = "int4")]
    Four,
    /// int8: -128 to 127.
    #[default]
    #[serde(rename = "int8")]
    Eight,
}

impl Bits {
    /// 4 or 8.
    pub const fn count(self) -> u8 {
        match self {
            Self::Four => 4,
            Self::Eight => 8,
        }
    }

    /// The smallest and the largest weight.
    pub const fn range(self) -> (i8, i8) {
        match self {
            Self::Four => (-8, 7),
            Self::Eight => (-128, 127),
        }
    }
}

impl std::fmt::Display for Bits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "int{}", self.count())
    }
}

/// Weights and biases in integers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuantizedLinear {
    /// Width of the weights.
    pub bits: Bits,
    /// Shape (outputs, columns), within `bits.range()`; for a convolution an output is an output
    /// channel.
    pub weights: Array2<i8>,
    /// One exponent an output: a weight's real value is `w * 2^exponent`.
    pub weight_exponents: Vec<i8>,
    /// At the accumulator's exponent, which is the input's plus the weight's.
    pub bias: Vec<i32>,
    /// From the accumulator's exponent to the output's.
    pub shifts: Vec<u8>,
    /// What follows the accumulator; none for an embedding.
    pub activation: Activation,
}

impl QuantizedLinear {
    /// The largest magnitude that the accumulator of each output can reach: `sum|w| * 128 + |b|`.
    pub fn accumulator_bounds(&self) -> impl Iterator<Item = i64> + '_ {
        self.weights
            .rows()
            .into_iter()
            .zip(&self.bias)
            .map(|(row, &bias)| {
                let magnitude: i64 = row.iter().map(|&w| i64::from(w.unsigned_abs())).sum();
                magnitude * 128 + i64::from(bias).abs()
            })
    }
}
