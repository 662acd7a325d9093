//! Convolutions.

use super::record::put_weights;
use super::{
    OpFault, Operator, Record, Region, Sink, WeightShape, Weights, Window, operand, window,
};
use core::fmt;

/// A convolution (in the sense of neural networks: a cross-correlation) with stride `s`, dilation
/// `d` and padding `p`: `y[r][c][o] = requantize(b[o] + sum over i, j, n of x[r*s + i*d - p][c*s +
/// j*d - p][n] * w[o][i][j][n])`.
///
/// With groups, the channels of input and output fall into as many equal parts, and each part of
/// the output sees its own part of the input alone: as many groups as channels make a depthwise
/// convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv<'a> {
    /// Kernel, stride, padding and dilation.
    pub window: Window,
    /// Number of groups, at least 1; divides the channels of input and output.
    pub groups: u16,
    /// One row an output channel; its columns in the order rows of the kernel, columns of the
    /// kernel, input channels of the group.
    pub weights: Weights<'a>,
}

impl<'a> Operator<'a> for Conv<'a> {
    const CODE: u8 = 3;
    const NAME: &'static str = "conv";
    const INPUTS: [usize; 2] = [1, 1];

    fn decode(record: &mut Record<'a>, from: &[Region], to: &Region) -> Result<Self, OpFault> {
        let from = operand(from, 0);
        let (window, groups) = window::decode(record, false, &from, to)?;
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
        window::work(&self.window, self.groups, false, &operand(from, 0), to)
    }
}
