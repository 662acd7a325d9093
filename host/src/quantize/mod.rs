//! From a float network to integers: the arithmetic of `shared::arithmetic`, exponents that are powers of two.
//!
//! [`fold`] makes steps of the network's nodes: batch normalisation goes into the weights beside it, activations into
//! the layers before them. [`label`] fits the weights that meet the label, [`equalize`] makes hidden channels fill int8,
//! both along the ways that [`flow`] finds. [`calibrate`] draws the inputs that all is calibrated on; [`Prepared`] holds
//! the result. [`Prepared::quantize`] goes through the steps in order, each calibrated on what the quantized steps
//! before it give: [`exponents`] searches the scales, [`weights`] rounds by the [`hessian`] of what the weights meet,
//! which for convolutions are [`patches`]. [`fixed`] quantizes with nothing left to choose, for networks trained with
//! quantization in the loop. [`widths`] chooses 8 or 4 bits a layer for a flash budget, [`simulate`] runs the result
//! fast, [`oracle`] slowly and obviously, [`report`] says what it costs.

pub mod calibrate;
pub mod equalize;
mod error;
pub mod exponents;
pub mod fixed;
pub mod flow;
pub mod fold;
pub mod hessian;
pub mod label;
pub mod linalg;
pub mod oracle;
pub mod patches;
pub mod prepared;
pub mod report;
pub mod rounding;
pub mod simulate;
#[cfg(test)]
mod tests;
pub mod weights;
pub mod widths;

pub use error::QuantizeError;
pub use fixed::Scheme;
pub use prepared::{Prepared, QuantizeOptions};
pub use weights::Method;

use crate::forward::conv::Geometry;
use crate::network::{InputSpec, Shape, Source};
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

/// A layer that multiplies weights, in integers. What a column of the weights is multiplied with depends on the layer:
/// see [`StepKind`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuantizedLinear {
    /// Width of the weights.
    pub bits: Bits,
    /// Shape (outputs, columns), within `bits.range()`; for a convolution an output is an output channel.
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

/// What a step of a quantized network does. Tensors are (channels, rows, columns) in that order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepKind {
    /// Fully connected. Columns: the input's elements in the order channels, rows, columns. The output is a vector.
    Dense(QuantizedLinear),
    /// A convolution, as [`crate::network::Conv`]. Columns: kernel row, kernel column, input channel, the last fastest.
    Conv(QuantizedLinear, Geometry),
    /// A transposed convolution, as [`crate::network::ConvTranspose`]. Columns as a convolution's; a column is
    /// multiplied with the input that meets its element of the kernel at the output's place, where there is one.
    ConvTranspose(QuantizedLinear, Geometry),
    /// Of [`Source::Label`]: the class's row of a table. Columns: classes.
    Embedding(QuantizedLinear),
    /// `y = table[x + 128]`.
    Table(Box<[i8; 256]>),
    /// Each element becomes a block of equal ones.
    Upsample {
        /// Rows and columns of the block.
        factor: [usize; 2],
    },
    /// The same elements in the same order, with another shape.
    Reshape,
    /// All inputs, one after the other along the channels.
    Concat {
        /// One an input: `y = saturate(rhe(x, shift))`, or `x` where the shift is 0. The output's exponent is each input's plus
        /// its shift.
        shifts: Vec<u8>,
    },
}

impl StepKind {
    /// The weights, where the step has some.
    pub fn linear(&self) -> Option<&QuantizedLinear> {
        match self {
            Self::Dense(linear)
            | Self::Conv(linear, _)
            | Self::ConvTranspose(linear, _)
            | Self::Embedding(linear) => Some(linear),
            Self::Table(_) | Self::Upsample { .. } | Self::Reshape | Self::Concat { .. } => None,
        }
    }

    /// As [`StepKind::linear`], to be changed.
    pub fn linear_mut(&mut self) -> Option<&mut QuantizedLinear> {
        match self {
            Self::Dense(linear)
            | Self::Conv(linear, _)
            | Self::ConvTranspose(linear, _)
            | Self::Embedding(linear) => Some(linear),
            Self::Table(_) | Self::Upsample { .. } | Self::Reshape | Self::Concat { .. } => None,
        }
    }

    /// The kind in a word or two, for tables and messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Dense(_) => "dense",
            Self::Conv(..) => "conv",
            Self::ConvTranspose(..) => "conv transpose",
            Self::Embedding(_) => "embedding",
            Self::Table(_) => "table",
            Self::Upsample { .. } => "upsample",
            Self::Reshape => "reshape",
            Self::Concat { .. } => "concat",
        }
    }
}

/// One step of a quantized network.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The layer's name; no two are equal.
    pub name: String,
    /// Which of the float network's nodes this step's output equals, up to quantization and shape.
    pub layer: usize,
    /// One for every kind but [`StepKind::Concat`]; [`Source::Node`] is the step with this index.
    pub inputs: Vec<Source>,
    /// What it does.
    pub kind: StepKind,
    /// Shape of the output.
    pub shape: Shape,
    /// Exponent of the outputs: real value = output * `2^exponent`.
    pub exponent: i8,
    /// The float layer's output is the real value times this, one factor a channel of `shape`; empty where it is 1. The
    /// weights behind it make up for it, so nothing but comparisons with the float network needs it.
    pub factors: Vec<f64>,
}

/// A generator in integers, independent of any file format.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantizedNetwork {
    /// Short name.
    pub name: String,
    /// What the first steps are given, at exponent [`latent::EXPONENT`]; a label that is on is [`latent::ONE`].
    pub input: InputSpec,
    /// What latent vectors are drawn from.
    pub prior: Prior,
    /// In order of execution; the last one gives the picture, at exponent [`shared::image::PIXEL_EXPONENT`].
    pub steps: Vec<Step>,
    /// Shape of the picture: the last step's, or what a last step that gives a vector is shaped to.
    pub output: Shape,
    /// How the picture's elements become grey levels.
    pub pixel_range: PixelRange,
}

impl QuantizedNetwork {
    /// Exponent of a source.
    pub fn input_exponent(&self, source: Source) -> i8 {
        match source {
            Source::Node(index) => self.steps.get(index).map_or(0, |step| step.exponent),
            Source::Input | Source::Latent | Source::Label => latent::EXPONENT,
        }
    }

    /// Shape of a source; without elements where there is no such step.
    pub fn input_shape(&self, source: Source) -> Shape {
        match source {
            Source::Input => Shape::vector(self.input.len()),
            Source::Latent => Shape::vector(self.input.latent),
            Source::Label => Shape::vector(self.input.classes),
            Source::Node(index) => self
                .steps
                .get(index)
                .map_or(Shape::vector(0), |step| step.shape),
        }
    }

    /// Number of elements that a step is given, all its inputs together.
    pub fn input_len(&self, step: &Step) -> usize {
        step.inputs
            .iter()
            .map(|&source| self.input_shape(source).len())
            .sum()
    }

    /// The width of the weights of each step that has some, in order.
    pub fn bits(&self) -> Vec<Bits> {
        let linear = self.steps.iter().filter_map(|step| step.kind.linear());
        linear.map(|linear| linear.bits).collect()
    }
}
