//! Label embeddings.

use super::record::put_weights;
use super::{OpFault, Operator, Record, Region, Sink, WeightShape, Weights, elements, operand};

/// The rows of a table, weighted by a one-hot label: `y = requantize(sum over c of x[c] * row[c] +
/// b)`. Classes with `x[c] = 0` cost nothing, so that a one-hot label picks a row, and a walk
/// between two labels mixes two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Embedding<'a> {
    /// One row a class, one column an element of `y`; bias and shift are those of the columns.
    pub weights: Weights<'a>,
}

impl<'a> Operator<'a> for Embedding<'a> {
    const CODE: u8 = 7;
    const NAME: &'static str = "embedding";
    const INPUTS: [usize; 2] = [1, 1];

    fn decode(record: &mut Record<'a>, from: &[Region], to: &Region) -> Result<Self, OpFault> {
        let weights = record.weights(WeightShape::embedding(&operand(from, 0), to))?;
        Ok(Self { weights })
    }

    fn encode(&self, sink: &mut dyn Sink) -> Option<()> {
        put_weights(&self.weights, sink)
    }

    fn check(&self, from: &[Region], to: &Region) -> Result<(), OpFault> {
        self.weights
            .check(&WeightShape::embedding(&operand(from, 0), to))
    }

    fn weights(&self, from: &[Region], to: &Region) -> Option<(Weights<'a>, WeightShape)> {
        Some((self.weights, WeightShape::embedding(&operand(from, 0), to)))
    }

    /// The most, for a label that weights every class; a one-hot label costs one row of it.
    fn work(&self, from: &[Region], to: &Region) -> u64 {
        elements(&operand(from, 0)) * elements(to)
    }
}
