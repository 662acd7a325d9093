//! The way through the steps: each one's exponents and weights, calibrated on what the quantized steps before give.

use super::calibrate::{Calibration, integer_inputs};
use super::equalize::{Factors, equalize};
use super::exponents::{self, power};
use super::fixed::{self, Scheme};
use super::flow::{Destination, destination};
use super::fold::{Folded, FoldedKind, Function, Linear, fold, pixels_name, source_shape};
use super::hessian::Hessian;
use super::label::{Fit, fit_label_columns};
use super::patches::Window;
use super::rounding::{Task, alignment, small};
use super::simulate::{self, value};
use super::weights::{Method, covering_exponent};
use super::{Bits, QuantizeError, QuantizedLinear, QuantizedNetwork, Step, StepKind};
use crate::network::{Layer, Network, Source};
use ndarray::{Array1, Array2, ArrayView2, Axis};
use shared::image::{PIXEL_EXPONENT, PixelRange};
use shared::latent::{self, Prior};

/// Exponents are searched on at most this many values of a tensor, taken evenly.
const MAX_SEARCHED: usize = 1 << 17;

/// How many exponents an output may give up so that its layer's accumulators stay within the limit.
const MAX_RAISE: i32 = 12;

/// The most values of all steps that calibration keeps, 256 MiB in double precision: large networks are calibrated on
/// fewer points, each of which has more places.
const MAX_VALUES: usize = 1 << 25;

/// The fewest points that calibration falls back to; a network too large for so many is refused.
const MIN_POINTS: usize = 16;

/// What may be chosen about a quantization.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QuantizeOptions {
    /// Width of the weights of each step that has some, in order; empty for int8 everywhere.
    pub bits: Vec<Bits>,
    /// How weights are rounded.
    pub method: Method,
    /// Widths and exponents that are given, of a network trained for them: then nothing is searched, `bits` and `method`
    /// do not matter, and each weight goes to its nearest. See [`fixed::quantize`].
    pub scheme: Option<Scheme>,
}

/// A network, folded, with its float outputs on calibration inputs: what every quantization of it starts from.
pub struct Prepared<'a> {
    network: &'a Network,
    prior: Prior,
    folded: Vec<Folded>,
    /// Shape (points, latent + classes).
    inputs: Array2<i8>,
    /// Each folded step's float output, shape (points, elements).
    targets: Vec<Array2<f64>>,
    /// What the label's scale and equalization divided each step's output by.
    factors: Vec<Factors>,
}

impl<'a> Prepared<'a> {
    /// Folds the network and runs it on latents of the prior, all labels evenly.
    ///
    /// # Errors
    /// [`QuantizeError`] where the network cannot be folded, is far larger than any device, or a layer gives values that
    /// are not finite.
    pub fn new(network: &'a Network, calibration: &Calibration) -> Result<Self, QuantizeError> {
        let mut folded = fold(network)?;
        let mut factors = fit_label_columns(&mut folded, network.input, Fit::Centred)?;
        let values: usize = folded.iter().map(|step| step.shape.len()).sum();
        let most = MAX_VALUES / values.max(1);
        if most < MIN_POINTS {
            return Err(QuantizeError::TooLarge {
                values,
                limit: MAX_VALUES / MIN_POINTS,
            });
        }
        let calibration = Calibration {
            points: calibration.points.min(most),
            ..*calibration
        };
        let prior = calibration.prior;
        let points = calibration.draw(network.input.classes);
        let inputs = integer_inputs(&points, network.input, prior);
        let reals = real(inputs.view(), i32::from(latent::EXPONENT));
        let mut targets = simulate::all_folded(&folded, network.input, reals.view());
        for (step, target) in folded.iter().zip(&targets) {
            if target.iter().any(|v| !v.is_finite()) {
                return Err(QuantizeError::NotFinite {
                    layer: step.name.clone(),
                });
            }
        }
        equalize(&mut folded, network.input, &mut targets, &mut factors)?;
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

    /// What latents are drawn from.
    pub fn prior(&self) -> Prior {
        self.prior
    }

    /// The steps as they will be computed: label columns fitted, channels equalized.
    pub fn folded(&self) -> &[Folded] {
        &self.folded
    }

    /// How many points it was calibrated on: fewer than were asked for where the network is large.
    pub fn points(&self) -> usize {
        self.inputs.nrows()
    }

    /// Names of the steps with weights, in order: one width each.
    pub fn linear_layers(&self) -> Vec<&str> {
        let linear = self.folded.iter();
        let linear = linear.filter(|step| step.kind.linear().is_some());
        linear.map(|step| step.name.as_str()).collect()
    }

    /// Quantizes. The same options always give the same network.
    ///
    /// # Errors
    /// [`QuantizeError`] names the layer and the output.
    pub fn quantize(&self, options: &QuantizeOptions) -> Result<QuantizedNetwork, QuantizeError> {
        if let Some(scheme) = &options.scheme {
            return fixed::quantize(self.network, self.prior, scheme);
        }
        let layers = self.linear_layers();
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
        let mut steps: Vec<Step> = Vec::with_capacity(self.folded.len() + 1);
        let mut outputs: Vec<Array2<i8>> = Vec::with_capacity(self.folded.len());
        for (index, step) in self.folded.iter().enumerate() {
            let inputs = step.inputs.iter();
            let exponents: Vec<i32> = inputs.map(|&s| exponent_of(&steps, s)).collect();
            let width = || bits.next().unwrap_or_default();
            let (kind, exponent) = self.step(index, &exponents, &outputs, options.method, width)?;
            let output = {
                let inputs = step.inputs.iter();
                let values: Vec<ArrayView2<i8>> = inputs
                    .map(|&source| self.integers(source, &outputs))
                    .collect();
                let from = source_shape(&self.folded, self.network.input, step.inputs[0]);
                simulate::step(&kind, step.shape, &values, from)
            };
            outputs.push(output);
            let factors = self.factors.get(index).cloned().flatten();
            steps.push(Step {
                name: step.name.clone(),
                layer: step.layer,
                inputs: step.inputs.clone(),
                kind,
                shape: step.shape,
                exponent: small(exponent, &step.name)?,
                factors: factors.map(|f| f.to_vec()).unwrap_or_default(),
            });
        }
        Ok(finish(steps, &self.folded, self.network, self.prior))
    }

    /// One step in integers, and its output's exponent; `inputs` are its inputs' exponents.
    fn step(
        &self,
        index: usize,
        inputs: &[i32],
        outputs: &[Array2<i8>],
        method: Method,
        bits: impl FnOnce() -> Bits,
    ) -> Result<(StepKind, i32), QuantizeError> {
        let step = &self.folded[index];
        let first = inputs.first().copied().unwrap_or_default();
        Ok(match &step.kind {
            FoldedKind::Dense(linear)
            | FoldedKind::Conv(linear, _)
            | FoldedKind::ConvTranspose(linear, _)
            | FoldedKind::Embedding(linear) => {
                let task = self.task(step, linear, first, outputs, method, bits())?;
                let (linear, exponent) = self.linear(index, &task)?;
                (with_weights(&step.kind, linear), exponent)
            }
            FoldedKind::Table(function) => {
                let exponent = self.table_output(index, *function);
                let table = exponents::table(*function, first, exponent);
                (StepKind::Table(table), exponent)
            }
            FoldedKind::Upsample { factor } => (StepKind::Upsample { factor: *factor }, first),
            FoldedKind::Reshape => (StepKind::Reshape, first),
            FoldedKind::Concat => {
                let exponent = inputs.iter().copied().max().unwrap_or_default();
                let shifts = alignment(inputs, exponent, &step.name)?;
                (StepKind::Concat { shifts }, exponent)
            }
        })
    }

    fn integers<'b>(&'b self, source: Source, outputs: &'b [Array2<i8>]) -> ArrayView2<'b, i8> {
        value(source, self.network.input, self.inputs.view(), outputs)
    }

    fn task<'b>(
        &self,
        step: &'b Folded,
        linear: &'b Linear,
        input_exponent: i32,
        outputs: &[Array2<i8>],
        method: Method,
        bits: Bits,
    ) -> Result<Task<'b>, QuantizeError> {
        let source = step.inputs[0];
        let from = source_shape(&self.folded, self.network.input, source);
        let x = self.integers(source, outputs);
        let mut input_means = column_means(real(x, input_exponent).view());
        let mut float_means = match source {
            Source::Node(before) => column_means(self.targets[before].view()),
            _ => input_means.clone(),
        };
        let window = Window::of(step, from);
        if let Some(window) = window {
            let patch = |means: Array1<f64>| window.mean(&means.to_vec());
            (input_means, float_means) = (patch(input_means), patch(float_means));
        }
        let hessian = match window {
            Some(window) => Hessian::of_patches(x, input_exponent, window),
            None => Hessian::new(&real(x, input_exponent)),
        };
        Ok(Task {
            name: &step.name,
            linear,
            means: linear.weight.dot(&float_means) + &linear.bias,
            bits,
            method,
            input_exponent,
            input_means,
            hessian: hessian.ok_or_else(|| QuantizeError::Hessian {
                layer: step.name.clone(),
            })?,
        })
    }

    /// A step's float outputs, or as many of them as a search needs.
    fn searched(&self, index: usize) -> Vec<f64> {
        let Some(target) = self.targets.get(index) else {
            return Vec::new();
        };
        // A stride that is no multiple of a row's length, so that all channels take part.
        let stride = target.len().div_ceil(MAX_SEARCHED) | 1;
        target.iter().step_by(stride).copied().collect()
    }

    /// Exponent of a table's output.
    fn table_output(&self, index: usize, function: Function) -> i32 {
        if destination(&self.folded, index) == Destination::Picture {
            return i32::from(PIXEL_EXPONENT);
        }
        if let Some(natural) = function.natural_exponent() {
            return i32::from(natural);
        }
        // All zero: any exponent will do.
        exponents::search(&self.searched(index), exponents::squared_error)
            .unwrap_or(i32::from(PIXEL_EXPONENT))
    }

    /// Quantizes a layer with weights and chooses its output's exponent.
    fn linear(
        &self,
        index: usize,
        task: &Task<'_>,
    ) -> Result<(QuantizedLinear, i32), QuantizeError> {
        let values = self.searched(index);
        let searched = match destination(&self.folded, index) {
            Destination::Picture => Some(i32::from(PIXEL_EXPONENT)),
            Destination::Table(table) => match self.folded[table].kind {
                FoldedKind::Table(function) => {
                    let output = self.table_output(table, function);
                    exponents::of_table(function, &values, Some(output)).map(|(input, _)| input)
                }
                _ => None,
            },
            Destination::Other => exponents::search(&values, exponents::squared_error),
        };
        let mut exponent = searched.unwrap_or(i32::from(PIXEL_EXPONENT));
        // A shift of at least 1 bounds the weights' exponents: the largest row may be clipped by one step, not more.
        let rows = task.linear.weight.rows().into_iter();
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
                Ok(linear) => return Ok((linear, exponent)),
                // A coarser output allows coarser weights, and those a smaller accumulator.
                Err(QuantizeError::Accumulator { .. }) if exponent < end => exponent += 1,
                Err(error) => return Err(error),
            }
        }
    }
}

/// The step of a folded one with weights.
pub(super) fn with_weights(kind: &FoldedKind, linear: QuantizedLinear) -> StepKind {
    match kind {
        FoldedKind::Conv(_, geometry) => StepKind::Conv(linear, *geometry),
        FoldedKind::ConvTranspose(_, geometry) => StepKind::ConvTranspose(linear, *geometry),
        FoldedKind::Embedding(_) => StepKind::Embedding(linear),
        _ => StepKind::Dense(linear),
    }
}

/// The exponent of a source of steps.
pub(super) fn exponent_of(steps: &[Step], source: Source) -> i32 {
    i32::from(match source {
        Source::Node(index) => steps.get(index).map_or(0, |step| step.exponent),
        _ => latent::EXPONENT,
    })
}

/// The whole network; where the last step's exponent is not that of pixels, a table takes it there.
pub(super) fn finish(
    mut steps: Vec<Step>,
    folded: &[Folded],
    network: &Network,
    prior: Prior,
) -> QuantizedNetwork {
    if let Some(last) = steps.last()
        && last.exponent != PIXEL_EXPONENT
    {
        let to = i32::from(PIXEL_EXPONENT);
        let table = exponents::table(Function::Identity, i32::from(last.exponent), to);
        steps.push(Step {
            name: pixels_name(folded, network),
            layer: last.layer,
            inputs: vec![Source::Node(steps.len() - 1)],
            kind: StepKind::Table(table),
            shape: last.shape,
            exponent: PIXEL_EXPONENT,
            factors: Vec::new(),
        });
    }
    QuantizedNetwork {
        name: network.name.clone(),
        input: network.input,
        prior,
        steps,
        output: network.output,
        pixel_range: pixel_range(network),
    }
}

fn real(x: ArrayView2<i8>, exponent: i32) -> Array2<f64> {
    let step = power(exponent);
    x.mapv(|q| f64::from(q) * step)
}

fn column_means(x: ArrayView2<f64>) -> Array1<f64> {
    x.mean_axis(Axis(0))
        .unwrap_or_else(|| Array1::zeros(x.ncols()))
}

/// What the picture's values mean: those that cannot be negative start at black.
pub fn pixel_range(network: &Network) -> PixelRange {
    let mut at = network.nodes.len().checked_sub(1);
    while let Some(node) = at.and_then(|index| network.nodes.get(index)) {
        match (&node.layer, node.inputs.first()) {
            (Layer::Reshape { .. } | Layer::Upsample { .. }, Some(Source::Node(before))) => {
                at = Some(*before);
            }
            (Layer::Sigmoid | Layer::Relu, _) => return PixelRange::Unit,
            _ => break,
        }
    }
    PixelRange::Signed
}
