//! The phases that a network goes through, and what each keeps.

use super::{BatchNorm, Function, Linear, QuantizedLinear, Source};
use shared::arithmetic::{Activation, MAX_SHIFT};
use shared::image::PixelRange;
use shared::latent::Prior;
use std::convert::Infallible;
use std::fmt::Debug;

/// What the operations of a graph hold, and what is kept beside them.
pub trait Phase: Debug + Clone + PartialEq {
    /// Weights and biases.
    type Linear: Debug + Clone + PartialEq;
    /// Batch normalisation; uninhabited where there is none.
    type Norm: Debug + Clone + PartialEq;
    /// A function of one element.
    type Function: Debug + Clone + PartialEq;
    /// What combining needs beside its operator.
    type Combine: Debug + Clone + PartialEq;
    /// What a node carries beside.
    type Note: Debug + Clone + PartialEq;
    /// What the whole graph carries beside.
    type About: Debug + Clone + PartialEq;
}

/// As read or trained: 32-bit floats, batch normalisation and activations are nodes of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Float;

impl Phase for Float {
    type Linear = Linear<f32>;
    type Norm = BatchNorm;
    type Function = Function;
    type Combine = ();
    type Note = ();
    type About = ();
}

/// As it will be computed, in double precision: batch normalisation is in the weights beside it,
/// and activations are in the layers before them where the arithmetic has them.
///
/// A node's note is the index of the float network's node whose output this one's equals, up to its
/// shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Folded;

impl Phase for Folded {
    type Linear = Linear<f64>;
    type Norm = Infallible;
    type Function = Function;
    type Combine = Activation;
    type Note = Source;
    type About = Ending;
}

/// What folding knows of a network's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// What the picture's values mean.
    pub pixel_range: PixelRange,
    /// Name of a table behind the last node, which takes it to the exponent of pixels where it has
    /// another.
    pub pixels: String,
}

/// In integers, as every device and runtime computes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Integer;

impl Phase for Integer {
    type Linear = QuantizedLinear;
    type Norm = Infallible;
    /// `y = table[x + 128]`.
    type Function = Box<[i8; 256]>;
    type Combine = Alignment;
    type Note = IntegerNote;
    type About = Picture;
}

/// How the inputs of a combination come to the exponent of its output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alignment {
    /// What shifts mean, the operator says. For a concatenation, one an input: `y = saturate(shift_round_half_even(x,
    /// shift))`, or `x` where the shift is 0. For a sum, one an input, by which it is shifted left,
    /// and then the sum's. For products and means, the one of what is rounded.
    pub shifts: Vec<u8>,
    /// What follows.
    pub activation: Activation,
}

impl Alignment {
    /// That of an operator with one shift, at least `least`.
    ///
    /// # Errors
    /// The shift, with the number of an input, where the arithmetic has none such.
    pub fn one(shift: i32, least: u8, activation: Activation) -> Result<Self, (usize, i32)> {
        let most = MAX_SHIFT - activation.slope_shift();
        let fits = u8::try_from(shift).ok();
        let fits = fits.filter(|shift| (least..=most).contains(shift));
        let shift = fits.ok_or((0, shift))?;
        Ok(Self {
            shifts: vec![shift],
            activation,
        })
    }

    /// The shift of an operator with one.
    pub fn only(&self) -> u8 {
        self.shifts.first().copied().unwrap_or(0)
    }
}

/// What an integer node carries beside.
#[derive(Debug, Clone, PartialEq)]
pub struct IntegerNote {
    /// What of the float network this node's output equals, a node's output or an input, up to
    /// quantization and shape.
    pub layer: Source,
    /// Exponent of the outputs: real value = output * `2^exponent`.
    pub exponent: i8,
    /// The float layer's output is the real value times this, one factor a channel of the shape;
    /// empty where it is 1. The weights behind it make up for it, so nothing but comparisons with
    /// the float network needs it.
    pub factors: Vec<f64>,
}

/// What an integer network's picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture {
    /// What latent vectors are drawn from.
    pub prior: Prior,
    /// How the picture's elements become grey levels.
    pub pixel_range: PixelRange,
}
