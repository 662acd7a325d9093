//! Transposed convolutions.

use super::record::put_weights;
use super::{
    OpFault, Operator, Record, Region, Sink, WeightShape, Weights, Window, operand, window,
};
use core::fmt;

/// A transposed convolution: each element of `x` adds its products with the kernel to `y` where
/// `y_row + p = x_row * s + i * d` (padding `p`, stride `s`, dilation `d`), and likewise along the
/// columns; then bias, activation and requantization. Groups are those of [`Conv`](super::Conv).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvTranspose<'a> {
    /// Kernel, stride, padding and dilation.
    pub window: Window,
    /// Number of groups, at least 1; divides the channels of input and output.
    pub groups: u16,
    /// One row an output channel; its columns in the order rows of the kernel, columns of the
    /// kernel, input channels of the group.
    pub weights: Weights<'a>,
}

impl<'a> Operator<'a> for ConvTranspose<'a> {
    const CODE: u8 = 4;
    const NAME: &'static str = "transposed conv";
    const INPUTS: [usize; 2] = [1, 1];

    fn decode(record: &mut Record<'a>, from: &[Region], to: &Region) -> Result<Self, OpFault> {
        let from = operand(from, 0);
        let (window, groups) = window::decode(record, true, &from, to)?;
        let weights = record.weights(WeightShape::conv(&window, groups, &from, to))?;
        Ok(Self {
            window,
            groups,
            weights,
        })
    }

    fn encode(&self, sink: &mut dyn Sink) -> Option<()> {
        window::encode(&self.window, self.groups, sink)?;
        put_weights(&self.weights, sink)
    }

    fn check(&self, from: &[Region], to: &Region) -> Result<(), OpFault> {
        let shape = WeightShape::conv(&self.window, self.groups, &operand(from, 0), to);
        self.weights.check(&shape)
    }

    fn weights(&self, from: &[Region], to: &Region) -> Option<(Weights<'a>, WeightShape)> {
        let shape = WeightShape::conv(&self.window, self.groups, &operand(from, 0), to);
        Some((self.weights, shape))
    }

    fn attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        window::attributes(&self.window, self.groups, f)
    }

    fn work(&self, from: &[Region], to: &Region) -> u64 {
        window::work(&self.window, self.groups, true, &operand(from, 0), to)
    }
}
