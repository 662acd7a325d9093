//! Combinations of integers: exact sums and products, rounded once.
//!
//! All numbers stay below 2^24, so that 32-bit floats hold them exactly: the check of a quantized
//! network proves it.

use burn_tensor::Tensor;

use super::linear::int8_grid;
use crate::graph::{Alignment, Combine, Shape};
use crate::train::ops::combine::{self, Product};
use crate::train::ops::{Geometry, Grid, Kernels, pool, round, tensor};
use shared::op::reciprocal;

/// How a combination rounds.
#[derive(Debug, Clone, PartialEq)]
pub struct IntegerCombine {
    /// What each input is multiplied with: a power of two.
    inputs: Vec<f32>,
    /// What the result is multiplied with, before it is rounded: one for all, or one an element.
    output: Vec<f32>,
    /// The activation, and the range of int8.
    grid: Grid,
}

impl IntegerCombine {
    /// That of an operation with these shifts:
    /// - a concatenation: one an input, by which it is rounded;
    /// - a sum: one an input, by which it is multiplied, then the one by which the sum is rounded;
    /// - products and means: the one by which they are rounded;
    /// - the number of the largest channel: none.
    ///
    /// None where there are not so many.
    pub(super) fn new(
        combine: Combine,
        alignment: &Alignment,
        shapes: &[Shape],
        to: Shape,
    ) -> Option<Self> {
        let down = |shift: &u8| 2f32.powi(-i32::from(*shift));
        let up = |shift: &u8| 2f32.powi(i32::from(*shift));
        let shifts = alignment.shifts.as_slice();
        let none = vec![1.0; shapes.len()];
        let (inputs, output) = match (combine, shifts) {
            (Combine::Concat, shifts) => (shifts.iter().map(down).collect(), vec![1.0]),
            (Combine::Add, [ups @ .., last]) => (ups.iter().map(up).collect(), vec![down(last)]),
            (Combine::Mul | Combine::MatMul { .. }, [shift]) => (none, vec![down(shift)]),
            (
                Combine::AveragePool {
                    window,
                    count_include_pad,
                },
                [shift],
            ) => {
                let g = Geometry::of(window.each_channel(to.channels), shapes[0], to);
                let counts = pool::window_counts(g, count_include_pad);
                let factors = counts.iter().flat_map(|count| {
                    // At most 2^16, and a power of two times it.
                    let count = u32::try_from(*count).unwrap_or(u32::MAX);
                    let factor = reciprocal(count) as f32 * down(shift);
                    std::iter::repeat_n(factor, to.channels)
                });
                (none, factors.collect())
            }
            (Combine::Argmax, []) => (none, vec![1.0]),
            (
                Combine::Add
                | Combine::Mul
                | Combine::MatMul { .. }
                | Combine::AveragePool { .. }
                | Combine::Argmax,
                _,
            ) => return None,
        };
        let takes = match combine {
            Combine::Concat | Combine::Add => 1..=usize::MAX,
            Combine::Mul | Combine::MatMul { .. } => 2..=2,
            Combine::AveragePool { .. } | Combine::Argmax => 1..=1,
        };
        (inputs.len() == shapes.len() && takes.contains(&shapes.len())).then_some(Self {
            inputs,
            output,
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
        let mut inputs = inputs;
        let exact = match combine {
            Combine::Concat => {
                let parts = inputs.into_iter().zip(&self.inputs);
                let parts = parts.map(|(x, factor)| match factor {
                    1.0 => x,
                    _ => rounded(x, &[*factor], Grid::INT8),
                });
                return combine::concat(parts.collect(), to);
            }
            Combine::Argmax => {
                return combine::argmax(inputs.swap_remove(0), shapes[0].channels);
            }
            Combine::Add => {
                let parts = inputs.into_iter().zip(&self.inputs);
                let mut parts = parts.map(|(x, factor)| match factor {
                    1.0 => x,
                    factor => x * *factor,
                });
                let first = parts.next().expect("a sum has parts");
                combine::add(first, parts, to.channels)
            }
            Combine::Mul => {
                let b = inputs.swap_remove(1);
                combine::mul(inputs.swap_remove(0), b, to.channels)
            }
            Combine::MatMul { transposed } => {
                let product = Product::of(shapes[0], shapes[1], transposed);
                let b = inputs.swap_remove(1);
                combine::matmul(inputs.swap_remove(0), b, product)
            }
            Combine::AveragePool { window, .. } => {
                let g = Geometry::of(window.each_channel(to.channels), shapes[0], to);
                pool::window_sums(inputs.swap_remove(0), g)
            }
        };
        rounded(exact, &self.output, self.grid)
    }
}

/// Times its scale, one for all or one an element, rounded and saturated.
fn rounded<B: Kernels>(x: Tensor<B, 2>, scales: &[f32], grid: Grid) -> Tensor<B, 2> {
    let (device, shape) = (x.device(), [1, scales.len()]);
    let scales = tensor(scales.to_vec(), shape, &device);
    round(x, Tensor::zeros(shape, &device), scales, grid)
}
