//! One layer's weights, biases and shifts for a given exponent of its output.

use super::QuantizeError;
use super::exponents::{RANGE, power};
use super::hessian::Hessian;
use super::weights::{Limits, Method, Row, round_row};
use crate::graph::{Bits, Linear, QuantizedLinear};
use ndarray::{Array1, Array2, ArrayView1};
use shared::arithmetic::{Activation, MAX_SHIFT};

/// What one layer is quantized with.
pub struct Task<'a> {
    /// Name of the node.
    pub name: &'a str,
    /// The weights in real numbers.
    pub linear: &'a Linear<f64>,
    /// What the mean of each accumulator, as a real number, should be: the float layer's.
    pub means: Array1<f64>,
    /// Width of the weights.
    pub bits: Bits,
    /// How they are rounded.
    pub method: Method,
    /// Exponent of what they meet.
    pub input_exponent: i32,
    /// What the rows meet: one for all, or for a convolution one a group of outputs.
    pub met: Vec<Met>,
}

/// What the columns of rows are multiplied with.
pub struct Met {
    /// The mean of each, as a real number.
    pub means: Array1<f64>,
    /// What rounding errors cost.
    pub hessian: Hessian,
}

/// What a row's exponent may be between these exponents of input and output.
pub fn limits(input: i32, output: i32, activation: Activation) -> Limits {
    let span = output - input;
    Limits {
        low: span - i32::from(MAX_SHIFT - activation.slope_shift()),
        high: span - 1,
    }
}

impl Task<'_> {
    /// Each row and its bias, or the bound that it cannot keep. Rows are independent: any number of
    /// threads gives the same result.
    fn round_rows(&self, limits: Limits) -> Vec<Result<(Row, i32), i64>> {
        let outputs = self.linear.weight.nrows();
        let each = outputs.div_ceil(self.met.len().max(1)).max(1);
        let round = |channel: usize| {
            let met = &self.met[channel / each];
            let mean = self.means.get(channel).copied().unwrap_or(0.0);
            // The bias takes in what rounding, here and before, did to the mean.
            let bias_at = |row: &Row| {
                let products = row
                    .weights
                    .iter()
                    .zip(&met.means)
                    .map(|(&w, m)| f64::from(w) * m);
                let weighted = products.sum::<f64>() * power(row.exponent);
                (mean - weighted) * power(-self.input_exponent - row.exponent)
            };
            let row = self.linear.weight.row(channel);
            round_row(row, &met.hessian, self.bits, self.method, limits, bias_at)
        };
        let threads = std::thread::available_parallelism()
            .map_or(1, usize::from)
            .min(outputs)
            .max(1);
        let (round, share) = (&round, outputs.div_ceil(threads));
        std::thread::scope(|scope| {
            let parts: Vec<_> = (0..threads)
                .map(|thread| {
                    let rows = thread * share..((thread + 1) * share).min(outputs);
                    scope.spawn(move || rows.map(round).collect::<Vec<_>>())
                })
                .collect();
            // A panic in a thread is a bug of this program; it goes on as one.
            parts
                .into_iter()
                .flat_map(|part| part.join().unwrap_or_else(|e| std::panic::resume_unwind(e)))
                .collect()
        })
    }

    /// Rounds the layer for an output at this exponent.
    ///
    /// # Errors
    /// [`QuantizeError`] names the layer and the output.
    pub fn quantize(&self, output_exponent: i32) -> Result<QuantizedLinear, QuantizeError> {
        let activation = self.linear.activation;
        let limits = limits(self.input_exponent, output_exponent, activation);
        if !RANGE.contains(&output_exponent) || !RANGE.contains(&limits.high) {
            let weights = self.linear.weight.iter();
            return Err(QuantizeError::Exponent {
                layer: self.name.to_owned(),
                largest: weights.fold(0f64, |largest, w| largest.max(w.abs())),
            });
        }
        let (outputs, columns) = self.linear.weight.dim();
        let mut weights = Array2::zeros((outputs, columns));
        let (mut weight_exponents, mut bias, mut shifts) = (vec![], vec![], vec![]);
        let rows = self.round_rows(limits);
        for (channel, (row, mut rounded)) in rows.into_iter().zip(weights.rows_mut()).enumerate() {
            let (row, bias_of_row) = row.map_err(|bound| QuantizeError::Accumulator {
                layer: self.name.to_owned(),
                channel,
                bound,
                weights: columns,
            })?;
            rounded.assign(&ArrayView1::from(&row.weights));
            let shift = output_exponent - self.input_exponent - row.exponent;
            shifts.push(shift_of(shift, activation, self.name, channel)?);
            weight_exponents.push(small(row.exponent, self.name)?);
            bias.push(bias_of_row);
        }
        Ok(QuantizedLinear {
            bits: self.bits,
            weights,
            weight_exponents,
            bias,
            shifts,
            activation,
        })
    }
}

/// A shift that the arithmetic has.
///
/// # Errors
/// [`QuantizeError::Shift`] for others.
pub fn shift_of(
    shift: i32,
    activation: Activation,
    layer: &str,
    channel: usize,
) -> Result<u8, QuantizeError> {
    let allowed = u8::try_from(shift)
        .ok()
        .filter(|&s| activation.allows_shift(s));
    allowed.ok_or_else(|| QuantizeError::Shift {
        layer: layer.to_owned(),
        channel,
        shift,
    })
}

/// An exponent as a node states it.
///
/// # Errors
/// [`QuantizeError::Exponent`] beyond a byte.
pub fn small(exponent: i32, layer: &str) -> Result<i8, QuantizeError> {
    i8::try_from(exponent).map_err(|_| QuantizeError::Exponent {
        layer: layer.to_owned(),
        largest: power(exponent),
    })
}
