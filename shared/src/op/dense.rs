//! Fully connected layers.

use super::record::put_weights;
use super::{OpFault, Operator, Record, Region, Sink, WeightShape, Weights, elements, operand};

/// A fully connected layer: `y = requantize(W x + b)`, with the elements of `x` in the order of
/// their region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dense<'a> {
    /// One row an element of `y`, one column an element of `x`.
    pub weights: Weights<'a>,
}

impl<'a> Operator<'a> for Dense<'a> {
    const CODE: u8 = 1;
    const NAME: &'static str = "dense";
    const INPUTS: [usize; 2] = [1, 1];

    fn decode(record: &mut Record<'a>, from: &[Region], to: &Region) -> Result<Self, OpFault> {
        let weights = record.weights(WeightShape::dense(&operand(from, 0), to))?;
        Ok(Self { weights })
    }

    fn encode(&self, sink: &mut dyn Sink) -> Option<()> {
        put_weights(&self.weights, sink)
    }

    fn check(&self, from: &[Region], to: &Region) -> Result<(), OpFault> {
        self.weights
            .check(&WeightShape::dense(&operand(from, 0), to))
    }

    fn weights(&self, from: &[Region], to: &Region) -> Option<(Weights<'a>, WeightShape)> {
        Some((self.weights, WeightShape::dense(&operand(from, 0), to)))
    }

    fn work(&self, from: &[Region], to: &Region) -> u64 {
        elements(&operand(from, 0)) * elements(to)
    }
}
