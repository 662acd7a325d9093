//! From a float network to integers: the arithmetic of `shared::arithmetic`, exponents that are powers of two.
//!
//! [`fold`] takes batch normalisation into the layers before it; [`calibrate`] runs the float network on latents of the
//! prior; [`equalize`] makes hidden channels fill int8; [`Prepared`] holds all that. [`Prepared::quantize`] goes through the layers in order, each calibrated on what the
//! quantized layers before it give: [`exponents`] searches the scales, [`weights`] rounds. [`widths`] chooses 8 or 4
//! bits a layer for a flash budget, [`oracle`] runs the result slowly and obviously, [`report`] says what it costs.

pub mod calibrate;
pub mod equalize;
mod error;
pub mod exponents;
pub mod fold;
pub mod label;
pub mod linalg;
pub mod oracle;
pub mod prepared;
pub mod report;
pub mod simulate;
pub mod weights;
pub mod widths;

pub use error::QuantizeError;
pub use prepared::{Prepared, QuantizeOptions};
pub use weights::Method;

use crate::network::{InputSpec, Shape};
use ndarray::Array2;
use shared::arithmetic::Activation;
use shared::image::PixelRange;
use shared::latent::{self, Prior};

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

/// A fully connected layer in integers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuantizedDense {
    /// Width of the weights.
    pub bits: Bits,
    /// Shape (outputs, inputs), within `bits.range()`.
    pub weights: Array2<i8>,
    /// One exponent an output: a weight's real value is `w * 2^exponent`.
    pub weight_exponents: Vec<i8>,
    /// At the accumulator's exponent, which is the input's plus the weight's.
    pub bias: Vec<i32>,
    /// From the accumulator's exponent to the output's.
    pub shifts: Vec<u8>,
    /// What follows the accumulator.
    pub activation: Activation,
}

impl QuantizedDense {
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

/// What a step of a quantized network does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepKind {
    /// A fully connected layer with its activation.
    Dense(QuantizedDense),
    /// `y = table[x + 128]`.
    Table(Box<[i8; 256]>),
}

/// One step of a quantized network.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The layer's name; no two are equal.
    pub name: String,
    /// Which of the float network's layers this step's output equals, up to quantization.
    pub layer: usize,
    /// What it does.
    pub kind: StepKind,
    /// Number of outputs.
    pub len: usize,
    /// Exponent of the outputs: real value = output * `2^exponent`.
    pub exponent: i8,
    /// The float layer's output is the real value times this, one factor an output; empty where it is 1. The next
    /// step's weights make up for it, so nothing but comparisons with the float network needs it.
    pub factors: Vec<f64>,
}

/// A generator in integers, independent of any file format.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantizedNetwork {
    /// Short name.
    pub name: String,
    /// What the first step is given, at exponent [`latent::EXPONENT`].
    pub input: InputSpec,
    /// What latent vectors are drawn from.
    pub prior: Prior,
    /// In order of execution; the last one's exponent is [`shared::image::PIXEL_EXPONENT`].
    pub steps: Vec<Step>,
    /// Shape of the picture.
    pub output: Shape,
    /// How the picture's elements become grey levels.
    pub pixel_range: PixelRange,
}

impl QuantizedNetwork {
    /// Exponent of what a step is given.
    pub fn input_exponent(&self, step: usize) -> i8 {
        let before = step
            .checked_sub(1)
            .and_then(|before| self.steps.get(before));
        before.map_or(latent::EXPONENT, |before| before.exponent)
    }

    /// Length of what a step is given.
    pub fn input_len(&self, step: usize) -> usize {
        let before = step
            .checked_sub(1)
            .and_then(|before| self.steps.get(before));
        before.map_or(self.input.len(), |before| before.len)
    }

    /// The width of each dense layer's weights, in order.
    pub fn bits(&self) -> Vec<Bits> {
        let bits = |step: &Step| match &step.kind {
            StepKind::Dense(dense) => Some(dense.bits),
            StepKind::Table(_) => None,
        };
        self.steps.iter().filter_map(bits).collect()
    }
}
