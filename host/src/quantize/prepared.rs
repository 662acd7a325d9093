//! The way through the layers: each one's exponents and weights, calibrated on what the quantized layers before give.

use super::calibrate::{Calibration, integer_inputs};
use super::equalize::equalize;
use super::exponents::{self, RANGE, power};
use super::fold::{Folded, FoldedKind, Function, fold, pixels_name};
use super::label::fit_label_columns;
use super::weights::{Hessian, Limits, Method, Row, covering_exponent, round_row};
use super::{Bits, QuantizeError, QuantizedDense, QuantizedNetwork, Step, StepKind, simulate};
use crate::network::{Layer, Network};
use ndarray::{Array1, Array2, ArrayView1, Axis};
use shared::arithmetic::{Activation, MAX_SHIFT};
use shared::image::{PIXEL_EXPONENT, PixelRange};
use shared::latent::{self, Prior};

/// Exponents are searched on at most this many values of a tensor, taken evenly.
const MAX_SEARCHED: usize = 1 << 17;

/// How many exponents an output may give up so that its layer's accumulators stay within the limit.
const MAX_RAISE: i32 = 12;

/// What may be chosen about a quantization.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QuantizeOptions {
    /// Width of each dense layer's weights, in order; empty for int8 everywhere.
    pub bits: Vec<Bits>,
    /// How weights are rounded.
    pub method: Method,
}

/// A network, folded, with its float outputs on calibration inputs: what every quantization of it starts from.
pub struct Prepared<'a> {
    network: &'a Network,
    prior: Prior,
    folded: Vec<Folded>,
    /// Shape (points, latent + classes).
    inputs: Array2<i8>,
    /// Each folded layer's float output, shape (points, length).
    targets: Vec<Array2<f64>>,
    /// What equalization divided each layer's output by.
    factors: Vec<Option<Array1<f64>>>,
}

/// What one dense layer is quantized with.
struct Task<'a> {
    name: &'a str,
    weight: &'a Array2<f64>,
    /// What the mean of each accumulator, as a real number, should be: the float layer's.
    means: Array1<f64>,
    activation: Activation,
    bits: Bits,
    method: Method,
    input_exponent: i32,
    input_means: Array1<f64>,
    hessian: Hessian,
}

impl<'a> Prepared<'a> {
    /// Folds the network and runs it on latents of the prior, all labels evenly.
    ///
    /// # Errors
    /// [`QuantizeError`] where the network cannot be folded, or a layer gives values that are not finite.
    pub fn new(network: &'a Network, calibration: &Calibration) -> Result<Self, QuantizeError> {
        let mut folded = fold(network)?;
        fit_label_columns(&mut folded, network.input);
        let prior = calibration.prior;
        let inputs = integer_inputs(
            &calibration.draw(network.input.classes),
            network.input,
            prior,
        );
        let mut targets: Vec<Array2<f64>> = Vec::with_capacity(folded.len());
        for step in &folded {
            let target = match targets.last() {
                Some(before) => simulate::folded(step, before.view()),
                None => simulate::folded(step, real(&inputs, i32::from(latent::EXPONENT)).view()),
            };
            if target.iter().any(|v| !v.is_finite()) {
                return Err(QuantizeError::NotFinite {
                    layer: step.name.clone(),
                });
            }
            targets.push(target);
        }
        let factors = equalize(&mut folded, &mut targets);
        Ok(Self {
            network,
            prior,
            folded,
            inputs,
            targets,
            factors,
        })
    }

    /// The network that all this is about.
    pub fn network(&self) -> &'a Network {
        self.network
    }

    /// The layers as they will be computed.
    pub fn folded(&self) -> &[Folded] {
        &self.folded
    }

    /// Names of the dense layers, in order: one width each.
    pub fn dense_layers(&self) -> Vec<&str> {
        let dense = self
            .folded
            .iter()
            .filter(|step| matches!(step.kind, FoldedKind::Dense { .. }));
        dense.map(|step| step.name.as_str()).collect()
    }

    /// Quantizes. The same options always give the same network.
    ///
    /// # Errors
    /// [`QuantizeError`] names the layer and the output.
    pub fn quantize(&self, options: &QuantizeOptions) -> Result<QuantizedNetwork, QuantizeError> {
        let layers = self.dense_layers();
        let bits = if options.bits.is_empty() {
            vec![Bits::Eight; layers.len()]
        } else {
            options.bits.clone()
        };
        if bits.len() != layers.len() {
            let (found, expected) = (bits.len(), layers.len());
            return Err(QuantizeError::Widths {
                found,
                expected,
                layers: layers.join(", "),
            });
        }
        let mut bits = bits.into_iter();
        let mut steps: Vec<Step> = Vec::new();
        let mut x = self.inputs.clone();
        let mut exponent = i32::from(latent::EXPONENT);
        for (index, step) in self.folded.iter().enumerate() {
            let last = index + 1 == self.folded.len();
            let kind = match &step.kind {
                FoldedKind::Dense {
                    weight,
                    bias,
                    activation,
                } => {
                    let inputs = real(&x, exponent);
                    let means = match index
                        .checked_sub(1)
                        .and_then(|before| self.targets.get(before))
                    {
                        Some(before) => weight.dot(&column_means(before)) + bias,
                        None => weight.dot(&column_means(&inputs)) + bias,
                    };
                    let hessian = Hessian::new(&inputs).ok_or_else(|| QuantizeError::Hessian {
                        layer: step.name.clone(),
                    })?;
                    let task = Task {
                        name: &step.name,
                        weight,
                        means,
                        activation: *activation,
                        bits: bits.next().unwrap_or_default(),
                        method: options.method,
                        input_exponent: exponent,
                        input_means: column_means(&inputs),
                        hessian,
                    };
                    let (dense, to) = self.dense(index, &task)?;
                    x = simulate::dense(&dense, x.view());
                    exponent = to;
                    StepKind::Dense(dense)
                }
                FoldedKind::Table(function) => {
                    let to = self.table_output(index, *function)?;
                    let table = exponents::table(*function, exponent, to);
                    x = simulate::table(&table, x.view());
                    exponent = to;
                    StepKind::Table(table)
                }
            };
            let exponent_of_step = small(exponent, &step.name)?;
            steps.push(Step {
                name: step.name.clone(),
                layer: step.layer,
                kind,
                len: x.ncols(),
                exponent: exponent_of_step,
                factors: self
                    .factors
                    .get(index)
                    .cloned()
                    .flatten()
                    .map(|f| f.to_vec())
                    .unwrap_or_default(),
            });
            if last && exponent_of_step != PIXEL_EXPONENT {
                let pixels =
                    exponents::table(Function::Identity, exponent, i32::from(PIXEL_EXPONENT));
                steps.push(Step {
                    name: pixels_name(&self.folded, self.network),
                    layer: step.layer,
                    kind: StepKind::Table(pixels),
                    len: x.ncols(),
                    exponent: PIXEL_EXPONENT,
                    factors: Vec::new(),
                });
            }
        }
        Ok(QuantizedNetwork {
            name: self.network.name.clone(),
            input: self.network.input,
            prior: self.prior,
            steps,
            output: self.network.output,
            pixel_range: pixel_range(self.network),
        })
    }

    /// A folded layer's float outputs, or as many of them as a search needs.
    fn searched(&self, index: usize) -> Vec<f64> {
        let Some(target) = self.targets.get(index) else {
            return Vec::new();
        };
        // A stride that is no multiple of a row's length, so that all channels take part.
        let stride = target.len().div_ceil(MAX_SEARCHED) | 1;
        target.iter().step_by(stride).copied().collect()
    }

    /// Exponent of a table's output.
    fn table_output(&self, index: usize, function: Function) -> Result<i32, QuantizeError> {
        if index + 1 == self.folded.len() {
            return Ok(i32::from(PIXEL_EXPONENT));
        }
        if let Some(natural) = function.natural_exponent() {
            return Ok(i32::from(natural));
        }
        // All zero: any exponent will do.
        Ok(
            exponents::search(&self.searched(index), exponents::squared_error)
                .unwrap_or(i32::from(PIXEL_EXPONENT)),
        )
    }

    /// Quantizes a dense layer and chooses its output's exponent.
    fn dense(&self, index: usize, task: &Task<'_>) -> Result<(QuantizedDense, i32), QuantizeError> {
        let next = self.folded.get(index + 1);
        let values = self.searched(index);
        let searched = match next.map(|step| &step.kind) {
            Some(FoldedKind::Table(function)) => {
                let output = self.table_output(index + 1, *function)?;
                exponents::of_table(*function, &values, Some(output)).map(|(input, _)| input)
            }
            Some(FoldedKind::Dense { .. }) => exponents::search(&values, exponents::squared_error),
            None => Some(i32::from(PIXEL_EXPONENT)),
        };
        let mut exponent = searched.unwrap_or(i32::from(PIXEL_EXPONENT));
        // A shift of at least 1 bounds the weights' exponents: the largest row may be clipped by one step, not more.
        let rows = task.weight.rows().into_iter();
        let covering = rows
            .filter_map(|row| covering_exponent(row, task.bits))
            .max();
        let needed = covering.map_or(exponent, |covering| covering + task.input_exponent);
        if exponent < needed {
            // The last layer's too: a table then takes its output to that of pixels.
            exponent = needed;
        }
        let end = exponent + MAX_RAISE;
        loop {
            match task.quantize(exponent) {
                Ok(dense) => return Ok((dense, exponent)),
                // A coarser output allows coarser weights, and those a smaller accumulator.
                Err(QuantizeError::Accumulator { .. }) if exponent < end => exponent += 1,
                Err(error) => return Err(error),
            }
        }
    }
}

impl Task<'_> {
    /// Each row and its bias, or the bound that it cannot keep. Rows are independent: any number of threads gives the
    /// same result.
    fn round_rows(&self, limits: Limits) -> Vec<Result<(Row, i32), i64>> {
        let round = |channel: usize| {
            let mean = self.means.get(channel).copied().unwrap_or(0.0);
            // The bias takes in what rounding, here and before, did to the mean.
            let bias_at = |row: &Row| {
                let products = row
                    .weights
                    .iter()
                    .zip(&self.input_means)
                    .map(|(&w, m)| f64::from(w) * m);
                let weighted = products.sum::<f64>() * power(row.exponent);
                (mean - weighted) * power(-self.input_exponent - row.exponent)
            };
            let row = self.weight.row(channel);
            round_row(row, &self.hessian, self.bits, self.method, limits, bias_at)
        };
        let outputs = self.weight.nrows();
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

    fn quantize(&self, output_exponent: i32) -> Result<QuantizedDense, QuantizeError> {
        let span = output_exponent - self.input_exponent;
        let limits = Limits {
            low: span - i32::from(MAX_SHIFT - self.activation.slope_shift()),
            high: span - 1,
        };
        if !RANGE.contains(&output_exponent) || !RANGE.contains(&limits.high) {
            let largest = self
                .weight
                .iter()
                .fold(0f64, |largest, w| largest.max(w.abs()));
            return Err(QuantizeError::Exponent {
                layer: self.name.to_owned(),
                largest,
            });
        }
        let (outputs, inputs) = self.weight.dim();
        let mut weights = Array2::zeros((outputs, inputs));
        let (mut weight_exponents, mut bias, mut shifts) = (vec![], vec![], vec![]);
        let rows = self.round_rows(limits);
        for (channel, (row, mut rounded)) in rows.into_iter().zip(weights.rows_mut()).enumerate() {
            let layer = || self.name.to_owned();
            let (row, bias_of_row) = row.map_err(|bound| QuantizeError::Accumulator {
                layer: layer(),
                channel,
                bound,
                weights: inputs,
            })?;
            rounded.assign(&ArrayView1::from(&row.weights));
            let shift = span - row.exponent;
            let allowed = u8::try_from(shift)
                .ok()
                .filter(|&s| self.activation.allows_shift(s));
            shifts.push(allowed.ok_or_else(|| QuantizeError::Shift {
                layer: layer(),
                channel,
                shift,
            })?);
            weight_exponents.push(small(row.exponent, self.name)?);
            bias.push(bias_of_row);
        }
        Ok(QuantizedDense {
            bits: self.bits,
            weights,
            weight_exponents,
            bias,
            shifts,
            activation: self.activation,
        })
    }
}

fn small(exponent: i32, layer: &str) -> Result<i8, QuantizeError> {
    i8::try_from(exponent).map_err(|_| QuantizeError::Exponent {
        layer: layer.to_owned(),
        largest: power(exponent),
    })
}

fn real(x: &Array2<i8>, exponent: i32) -> Array2<f64> {
    let step = power(exponent);
    x.mapv(|q| f64::from(q) * step)
}

fn column_means(x: &Array2<f64>) -> Array1<f64> {
    x.mean_axis(Axis(0))
        .unwrap_or_else(|| Array1::zeros(x.ncols()))
}

/// What the picture's values mean: those that cannot be negative start at black.
pub fn pixel_range(network: &Network) -> PixelRange {
    match network.layers.last() {
        Some(Layer::Sigmoid | Layer::Relu) => PixelRange::Unit,
        _ => PixelRange::Signed,
    }
}
