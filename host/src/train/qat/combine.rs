//! Combinations of integers: exact sums and products, rounded once.

use burn_tensor::Tensor;

use super::linear::int8_grid;
use crate::graph::{Alignment, Combine, Shape};
use crate::train::operators::{self, At, Scales};
use crate::train::ops::{Grid, Kernels};

/// How a combination rounds.
#[derive(Debug, Clone, PartialEq)]
pub struct IntegerCombine {
    scales: Scales,
    /// The activation, and the range of int8.
    grid: Grid,
}

impl IntegerCombine {
    /// That of an operation with these shifts. None where it should have another number of them,
    /// or of inputs.
    pub(super) fn new(
        combine: Combine,
        alignment: &Alignment,
        shapes: &[Shape],
        to: Shape,
    ) -> Option<Self> {
        Some(Self {
            scales: operators::scales(combine, &alignment.shifts, At { shapes, to })?,
            grid: int8_grid(alignment.activation),
        })
    }

    /// The output of an operation with these inputs.
    pub(super) fn apply<B: Kernels>(
        &self,
        combine: Combine,
        inputs: Vec<Tensor<B, 2>>,
        shapes: &[Shape],
        to: Shape,
    ) -> Tensor<B, 2> {
        operators::integers(combine, inputs, &self.scales, self.grid, At { shapes, to })
    }
}
