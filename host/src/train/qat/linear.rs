//! Linear operations whose weights and biases are rounded.

use burn_tensor::Tensor;

use super::Parameters;
use crate::graph::{Columns, Linear, LinearKind, QuantizedLinear};
use crate::quantize::exponents::power;
use crate::train::net::{Spec, Start};
use crate::train::ops::{Grid, Kernels, round, tensor};
use shared::arithmetic::{ACCUMULATOR_LIMIT, Activation};

/// A trained weight starts at most so far from the integer that it rounds to, in steps of its grid.
/// At the cell's edge the first updates would move many weights at once that rounding had
/// compensated for: the error first grows tenfold.
const NEAR: f64 = 0.25;

/// A bias's parameter is 1 where it moves the output by 2^this steps, before the activation.
const BIAS_EXPONENT: i32 = 2;

/// A weight goes at most so far beyond its range, in steps of its grid: not so far that it would
/// saturate, and learn no more.
const EDGE: f32 = 0.49;

/// Part of the accumulator's limit that weights are shrunk to once they exceed it, so that rounding
/// does not bring them over it again.
const KEPT: f32 = 0.99;

/// A linear operation. Its two parameters are weights of shape (outputs, columns) and biases of
/// shape (1, outputs).
///
/// A weight's parameter is in steps of its grid, so that one learning rate crosses as many of them
/// with 4 bits as with 8; a bias's is 1 where it moves the output by 2^`BIAS_EXPONENT` steps.
#[derive(Debug, Clone, PartialEq)]
pub struct IntegerLinear {
    /// Place of the weights among the parameters; the biases' follows.
    pub parameter: usize,
    grid: Grid,
    /// 2^(shift + [`BIAS_EXPONENT`]), one an output.
    bias_scales: Vec<f32>,
    /// 2^-shift, one an output.
    output_scales: Vec<f32>,
    activation: Grid,
    columns: usize,
    /// A table of rows has none: its numbers are the output.
    has_bias: bool,
}

/// What an activation does to the numbers that are rounded to int8.
pub(super) fn int8_grid(activation: Activation) -> Grid {
    let slope = match activation {
        Activation::None => 1.0,
        Activation::Relu => 0.0,
        Activation::LeakyRelu { slope_shift } => 2f32.powi(-i32::from(slope_shift)),
    };
    Grid {
        slope,
        ..Grid::INT8
    }
}

impl IntegerLinear {
    /// Takes the place of the next two parameters, which start at a node's integers.
    pub(super) fn new(
        name: &str,
        kind: LinearKind,
        linear: &QuantizedLinear,
        float: &Linear<f64>,
        parameters: &mut Parameters,
    ) -> Self {
        let (outputs, columns) = linear.weights.dim();
        let (low, high) = linear.bits.range();
        let shifts = linear.shifts.iter().map(|&shift| i32::from(shift));
        let own = Self {
            parameter: parameters.specs.len(),
            grid: Grid {
                low: f32::from(low),
                high: f32::from(high),
                slope: 1.0,
            },
            bias_scales: shifts
                .clone()
                .map(|shift| 2f32.powi(shift + BIAS_EXPONENT))
                .collect(),
            output_scales: shifts.map(|shift| 2f32.powi(-shift)).collect(),
            activation: int8_grid(linear.activation),
            columns,
            has_bias: !matches!(kind.columns(), Columns::Rows { .. }),
        };
        let mut weights = Vec::with_capacity(outputs * columns);
        for (output, row) in linear.weights.rows().into_iter().enumerate() {
            let inverse = power(-i32::from(linear.weight_exponents[output]));
            for (&q, &w) in row.iter().zip(float.weight.row(output)) {
                let q = f64::from(q);
                // Zero where the float weight is no number.
                let off = (w * inverse - q).clamp(-NEAR, NEAR);
                let off = if off.is_nan() { 0.0 } else { off };
                // At most 128.25: exact enough in a float.
                weights.push((q + off) as f32);
            }
        }
        // Below 2^24: exact in a float.
        let biases = linear.bias.iter().zip(&own.bias_scales);
        let biases = biases.map(|(&b, scale)| b as f32 / scale).collect();
        for (what, shape, values) in [
            ("weight", [outputs, columns], weights),
            ("bias", [1, outputs], biases),
        ] {
            parameters.specs.push(Spec {
                name: format!("student.{name}.{what}"),
                shape,
                start: Start::Constant(0.0),
            });
            parameters.start.push(values);
        }
        own
    }

    fn integers<B: Kernels>(&self, weight: Tensor<B, 2>) -> Tensor<B, 2> {
        let device = weight.device();
        let one = |value: f32| tensor(vec![value], [1, 1], &device);
        round(weight, one(0.0), one(1.0), self.grid)
    }

    /// Weights and biases as whole numbers.
    pub(super) fn rounded<B: Kernels>(
        &self,
        parameters: &[Tensor<B, 2>],
    ) -> (Tensor<B, 2>, Tensor<B, 2>) {
        let weight = self.integers(parameters[self.parameter].clone());
        let bias = parameters[self.parameter + 1].clone();
        let (device, shape) = (bias.device(), bias.dims());
        if !self.has_bias {
            return (weight, Tensor::zeros(shape, &device));
        }
        let limit = ACCUMULATOR_LIMIT as f32;
        let grid = Grid {
            low: -limit,
            high: limit,
            slope: 1.0,
        };
        let scales = tensor(self.bias_scales.clone(), shape, &device);
        (
            weight,
            round(bias, Tensor::zeros(shape, &device), scales, grid),
        )
    }

    /// From accumulators to outputs.
    pub(super) fn requantized<B: Kernels>(
        &self,
        sums: Tensor<B, 2>,
        bias: Tensor<B, 2>,
    ) -> Tensor<B, 2> {
        let (device, shape) = (bias.device(), bias.dims());
        let scales = tensor(self.output_scales.clone(), shape, &device);
        round(sums, bias, scales, self.activation)
    }

    /// Brings parameters back to where their integers are valid: within their width, and
    /// accumulators below their limit.
    pub(super) fn constrain<B: Kernels>(&self, parameters: &mut [Tensor<B, 2>]) {
        let Some([weight, bias]) = parameters.get_mut(self.parameter..self.parameter + 2) else {
            return;
        };
        let grid = self.grid;
        *weight = weight.clone().clamp(grid.low - EDGE, grid.high + EDGE);
        let limit = ACCUMULATOR_LIMIT as f32;
        // A bias alone may take half of it.
        let device = weight.device();
        let outputs = self.bias_scales.len();
        let bias_scale = tensor::<B>(self.bias_scales.clone(), [1, outputs], &device);
        let in_steps = bias.clone() * bias_scale.clone();
        *bias = in_steps.clamp(-limit / 2.0, limit / 2.0) / bias_scale.clone();
        if self.columns as f32 * -grid.low * 128.0 < limit / 2.0 {
            // No weights of this width reach further.
            return;
        }
        let weights = self.integers(weight.clone()).abs().sum_dim(1) * 128.0;
        let bound = weights.transpose() + (bias.clone() * bias_scale).abs();
        let factor = (bound.recip() * limit).clamp_max(1.0);
        let factor = factor
            .clone()
            .mask_where(factor.clone().lower_elem(1.0), factor * KEPT);
        *weight = weight.clone() * factor.clone().transpose();
        *bias = bias.clone() * factor;
    }
}
