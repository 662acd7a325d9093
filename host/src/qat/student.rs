//! A quantized network as trainable tensors: exact forwards, differentiable backwards.

use burn_tensor::Tensor;
use ndarray::{Array2, ArrayView2};

use super::moves::{channels_first, channels_last, concat, relocate, sources, upsample};
use super::window::Window;
use crate::graph::{
    Combine, Folded, Function, Graph, InputSpec, Integer, Linear, LinearKind, Move, Network, Node,
    Op as GraphOp, Shape, Source,
};
use crate::graph::{QuantizedLinear, QuantizedNetwork};
use crate::quantize::QuantizeError;
use crate::quantize::exponents::power;
use crate::quantize::fixed::on_grid;
use crate::quantize::fold::unfold;
use crate::train::arch::{Spec, Start, tensor, values};
use crate::train::ops::{Grid, Kernels, Table, look_up, round};
use shared::arithmetic::{ACCUMULATOR_LIMIT, Activation};
use shared::image::PIXEL_EXPONENT;
use shared::latent;

/// A trained weight starts at most so far from the integer that it rounds to, in steps of its grid. At the cell's edge the
/// first updates would move many weights at once that rounding had compensated for: the error first grows tenfold.
const NEAR: f64 = 0.25;

/// A bias's parameter is 1 where it moves the output by 2^this steps, before the activation.
const BIAS_EXPONENT: i32 = 2;

/// A weight goes at most so far beyond its range, in steps of its grid: not so far that it would saturate, and learn no
/// more.
const EDGE: f32 = 0.49;

/// Part of the accumulator's limit that weights are shrunk to once they exceed it, so that rounding does not bring them
/// over it again.
const KEPT: f32 = 0.99;

/// What a step computes.
#[derive(Debug, Clone, PartialEq)]
enum Op {
    Linear(Box<Weighted>),
    Table(Box<Table>),
    Upsample([usize; 2]),
    Reshape,
    /// Where each element comes from, and what those are that come from nowhere.
    Relocate(Vec<i32>, f32),
    /// Factors of the parts: 2^-shift.
    Concat(Vec<f32>),
}

/// A step with weights. Its two parameters are weights of shape (outputs, columns) and biases of shape (1, outputs).
///
/// A weight's parameter is in steps of its grid, so that one learning rate crosses as many of them with 4 bits as with 8;
/// a bias's is 1 where it moves the output by 2^[`BIAS_EXPONENT`] steps.
#[derive(Debug, Clone, PartialEq)]
struct Weighted {
    /// Of the weights; the biases' follows.
    parameter: usize,
    window: Option<Window>,
    grid: Grid,
    /// 2^(shift + [`BIAS_EXPONENT`]), one an output.
    bias_scales: Vec<f32>,
    /// 2^-shift, one an output.
    output_scales: Vec<f32>,
    activation: Grid,
    columns: usize,
}

/// A quantized network in training: steps of fixed exponents, whose weights and biases are parameters.
///
/// Tensors have rank 2: (batch, elements), channels last; whole numbers in 32-bit floats, exact because every
/// accumulator stays below 2^24.
#[derive(Debug, Clone, PartialEq)]
pub struct Student {
    network: QuantizedNetwork,
    folded: Graph<Folded>,
    ops: Vec<Op>,
    specs: Vec<Spec>,
    start: Vec<Vec<f32>>,
}

impl Student {
    /// The student that computes what a quantized network does. Each weight's parameter starts as near to its float
    /// value in `folded` (the steps that were quantized) as still rounds to its integer.
    ///
    /// # Errors
    /// [`QuantizeError::Scheme`] where the two are not the same steps.
    pub fn new(folded: &Graph<Folded>, network: &QuantizedNetwork) -> Result<Self, QuantizeError> {
        let mut student = Self {
            network: network.clone(),
            folded: folded.clone(),
            ops: Vec::with_capacity(network.nodes.len()),
            specs: Vec::new(),
            start: Vec::new(),
        };
        for (index, step) in network.nodes.iter().enumerate() {
            let float = folded.nodes.get(index).map(|node| &node.op);
            let first = step.inputs.first().copied().unwrap_or(Source::Input);
            let input = network.source_exponent(first);
            let op = match &step.op {
                GraphOp::Pointwise(entries) => {
                    let function = match float {
                        Some(GraphOp::Pointwise(function)) => *function,
                        // The table behind the last node, which takes it to the exponent of pixels.
                        None => Function::Identity,
                        _ => return Err(other(step)),
                    };
                    Op::Table(Box::new(table(
                        entries,
                        step.note.exponent,
                        function,
                        input,
                    )))
                }
                GraphOp::Norm(norm) => match *norm {},
                GraphOp::Move(Move::Upsample { factor }) => Op::Upsample(*factor),
                GraphOp::Move(Move::Reshape) => Op::Reshape,
                GraphOp::Move(moved) => {
                    let sources = sources(moved, network.source_shape(first), step.shape);
                    Op::Relocate(sources, moved.fill())
                }
                GraphOp::Combine(Combine::Concat, alignment) => {
                    let factor = |&shift: &u8| 2f32.powi(-i32::from(shift));
                    Op::Concat(alignment.shifts.iter().map(factor).collect())
                }
                GraphOp::Combine(
                    Combine::Add
                    | Combine::Mul
                    | Combine::MatMul { .. }
                    | Combine::AveragePool { .. }
                    | Combine::Argmax,
                    _,
                )
                | GraphOp::Linear(LinearKind::Gather { .. }, _) => {
                    let (name, kind) = (&step.name, crate::ops::integer_name(&step.op));
                    let why = format!("has a layer {name}, and a {kind} is not trained so yet");
                    return Err(QuantizeError::Scheme(why));
                }
                GraphOp::Linear(_, linear) => {
                    let Some(float) = float.and_then(GraphOp::linear) else {
                        return Err(other(step));
                    };
                    if linear.weights.dim() != float.weight.dim() {
                        return Err(other(step));
                    }
                    let from = network.source_shape(first);
                    Op::Linear(Box::new(student.weighted(step, linear, float, from)))
                }
            };
            student.ops.push(op);
        }
        Ok(student)
    }

    fn weighted(
        &mut self,
        step: &Node<Integer>,
        linear: &QuantizedLinear,
        float: &Linear<f64>,
        from: Shape,
    ) -> Weighted {
        let (outputs, columns) = linear.weights.dim();
        let (low, high) = linear.bits.range();
        let slope = match linear.activation {
            Activation::None => 1.0,
            Activation::Relu => 0.0,
            Activation::LeakyRelu { slope_shift } => 2f32.powi(-i32::from(slope_shift)),
        };
        let shifts = linear.shifts.iter().map(|&shift| i32::from(shift));
        let weighted = Weighted {
            parameter: self.specs.len(),
            window: step
                .op
                .linear_kind()
                .and_then(|kind| kind.taps(from, step.shape))
                .map(|taps| Window::new(&taps)),
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
            activation: Grid {
                slope,
                ..Grid::INT8
            },
            columns,
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
        let biases = linear.bias.iter().zip(&weighted.bias_scales);
        let biases = biases.map(|(&b, scale)| b as f32 / scale).collect();
        for (name, shape, values) in [
            ("weight", [outputs, columns], weights),
            ("bias", [1, outputs], biases),
        ] {
            self.specs.push(Spec {
                name: format!("student.{}.{name}", step.name),
                shape,
                start: Start::Constant(0.0),
            });
            self.start.push(values);
        }
        weighted
    }

    /// What it is given.
    pub fn input(&self) -> InputSpec {
        self.network.input
    }

    /// The network that it started as.
    pub fn network(&self) -> &QuantizedNetwork {
        &self.network
    }

    /// Names and shapes of its parameters, in order; they start as [`Student::start`] says.
    pub fn specs(&self) -> &[Spec] {
        &self.specs
    }

    /// The parameters that give the network it was made of.
    pub fn start<B: Kernels>(&self, device: &B::Device) -> Vec<Tensor<B, 2>> {
        let specs = self.specs.iter().zip(&self.start);
        specs
            .map(|(spec, values)| tensor(values.clone(), spec.shape, device))
            .collect()
    }

    /// Every step's output for integer inputs of shape (batch, latent + classes): whole numbers from -128 to 127,
    /// channels last.
    pub fn all_steps<B: Kernels>(
        &self,
        parameters: &[Tensor<B, 2>],
        inputs: Tensor<B, 2>,
    ) -> Vec<Tensor<B, 2>> {
        let input = self.network.input;
        let mut outputs: Vec<Tensor<B, 2>> = Vec::with_capacity(self.ops.len());
        for (step, op) in self.network.nodes.iter().zip(&self.ops) {
            let of = |source: &Source| match source {
                Source::Input => inputs.clone(),
                Source::Latent => inputs.clone().narrow(1, 0, input.latent),
                Source::Label => inputs.clone().narrow(1, input.latent, input.classes),
                Source::Node(index) => outputs[*index].clone(),
            };
            let from = self.network.source_shape(step.inputs[0]);
            let x = of(&step.inputs[0]);
            let output = match op {
                Op::Linear(weighted) => weighted.apply(parameters, x, from),
                Op::Table(table) => look_up(x, table),
                Op::Upsample(factor) => upsample(x, from, *factor),
                Op::Reshape => channels_last(channels_first(x, from), step.shape),
                Op::Relocate(sources, fill) => relocate(x, sources, *fill),
                Op::Concat(factors) => {
                    let parts = step.inputs.iter().zip(factors);
                    concat(
                        parts.map(|(source, factor)| (of(source), *factor)),
                        step.shape,
                    )
                }
            };
            outputs.push(output);
        }
        outputs
    }

    /// Pictures for integer inputs as real numbers, shape (batch, pixels), channels last.
    pub fn forward<B: Kernels>(
        &self,
        parameters: &[Tensor<B, 2>],
        inputs: Tensor<B, 2>,
    ) -> Tensor<B, 2> {
        let mut outputs = self.all_steps(parameters, inputs.clone());
        let last = self.network.nodes.last().map(|step| step.shape);
        let picture = outputs.pop().unwrap_or(inputs);
        let elements = channels_first(picture, last.unwrap_or(self.network.output));
        channels_last(elements, self.network.output) * 2f32.powi(i32::from(PIXEL_EXPONENT))
    }

    /// The integer inputs of latent vectors as real numbers and labels that are 1 where they are on: each value to its
    /// nearest.
    pub fn integers<B: Kernels>(&self, inputs: Tensor<B, 2>) -> Tensor<B, 2> {
        let spec = self.network.input;
        let step = 2f32.powi(i32::from(latent::EXPONENT));
        let latents = inputs.clone().narrow(1, 0, spec.latent) / step;
        let latents = latents.round().clamp(-128.0, 127.0);
        if spec.classes == 0 {
            return latents;
        }
        let labels = inputs.narrow(1, spec.latent, spec.classes) * f32::from(latent::ONE);
        Tensor::cat(vec![latents, labels], 1)
    }

    /// Brings parameters back to where their integers are valid: within their width, and accumulators below their limit.
    /// To be called after each update.
    pub fn constrain<B: Kernels>(&self, parameters: &mut [Tensor<B, 2>]) {
        for op in &self.ops {
            let Op::Linear(weighted) = op else { continue };
            let Some([weight, bias]) =
                parameters.get_mut(weighted.parameter..weighted.parameter + 2)
            else {
                continue;
            };
            let grid = weighted.grid;
            *weight = weight.clone().clamp(grid.low - EDGE, grid.high + EDGE);
            let limit = ACCUMULATOR_LIMIT as f32;
            // A bias alone may take half of it.
            let device = weight.device();
            let outputs = weighted.bias_scales.len();
            let bias_scale = tensor::<B>(weighted.bias_scales.clone(), [1, outputs], &device);
            let in_steps = bias.clone() * bias_scale.clone();
            *bias = in_steps.clamp(-limit / 2.0, limit / 2.0) / bias_scale.clone();
            if weighted.columns as f32 * -grid.low * 128.0 < limit / 2.0 {
                // No weights of this width reach further.
                continue;
            }
            let weights = weighted.integers(weight.clone()).abs().sum_dim(1) * 128.0;
            let bound = weights.transpose() + (bias.clone() * bias_scale).abs();
            let factor = (bound.recip() * limit).clamp_max(1.0);
            let factor = factor
                .clone()
                .mask_where(factor.clone().lower_elem(1.0), factor * KEPT);
            *weight = weight.clone() * factor.clone().transpose();
            *bias = bias.clone() * factor;
        }
    }

    /// The network that the parameters stand for.
    ///
    /// # Errors
    /// [`QuantizeError::Accumulator`] where an accumulator can leave its range.
    pub fn quantized<B: Kernels>(
        &self,
        parameters: &[Tensor<B, 2>],
    ) -> Result<QuantizedNetwork, QuantizeError> {
        let mut network = self.network.clone();
        for (step, op) in network.nodes.iter_mut().zip(&self.ops) {
            let (Op::Linear(weighted), Some(linear)) = (op, step.op.linear_mut()) else {
                continue;
            };
            let (weight, bias) = weighted.rounded(parameters);
            // Whole numbers within the width's range; no panic where they are not.
            let weights = values(&weight).into_iter().map(|w| w as i8).collect();
            linear.weights = Array2::from_shape_vec(linear.weights.raw_dim(), weights)
                .map_err(|_| other_name(&step.name))?;
            linear.bias = values(&bias).into_iter().map(|b| b as i32).collect();
            for (channel, bound) in linear.accumulator_bounds().enumerate() {
                if bound >= ACCUMULATOR_LIMIT {
                    return Err(QuantizeError::Accumulator {
                        layer: step.name.clone(),
                        channel,
                        bound,
                        weights: linear.weights.ncols(),
                    });
                }
            }
        }
        Ok(network)
    }

    /// The float network of these integers: its weights lie on their grids, and by the scheme it quantizes to the same
    /// integers.
    ///
    /// # Errors
    /// As [`Student::quantized`].
    pub fn float_network<B: Kernels>(
        &self,
        parameters: &[Tensor<B, 2>],
    ) -> Result<Network, QuantizeError> {
        let network = self.quantized(parameters)?;
        let grid = on_grid(&self.folded, &network);
        unfold(&network.name, &grid, network.output)
    }
}

impl Weighted {
    fn integers<B: Kernels>(&self, weight: Tensor<B, 2>) -> Tensor<B, 2> {
        let device = weight.device();
        let one = |value: f32| tensor(vec![value], [1, 1], &device);
        round(weight, one(0.0), one(1.0), self.grid)
    }

    /// Weights and biases as whole numbers.
    fn rounded<B: Kernels>(&self, parameters: &[Tensor<B, 2>]) -> (Tensor<B, 2>, Tensor<B, 2>) {
        let weight = self.integers(parameters[self.parameter].clone());
        let bias = parameters[self.parameter + 1].clone();
        let (device, shape) = (bias.device(), bias.dims());
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

    fn apply<B: Kernels>(
        &self,
        parameters: &[Tensor<B, 2>],
        x: Tensor<B, 2>,
        from: Shape,
    ) -> Tensor<B, 2> {
        let (weight, bias) = self.rounded(parameters);
        let (device, shape) = (bias.device(), bias.dims());
        let sums = match &self.window {
            Some(window) => window.apply(x, weight),
            None => channels_first(x, from).matmul(weight.transpose()),
        };
        let scales = tensor(self.output_scales.clone(), shape, &device);
        round(sums, bias, scales, self.activation)
    }
}

/// A node's table, and the function's slopes between the middles of its inputs' steps.
fn table(entries: &[i8; 256], output: i8, function: Function, input: i8) -> Table {
    let (input, output) = (i32::from(input), i32::from(output));
    let mut table = Table {
        entries: entries.map(f32::from),
        slopes: [0.0; 256],
    };
    for (q, slope) in (-128i32..).zip(table.slopes.iter_mut()) {
        let at = |x: f64| function.at(x * power(input)) * power(-output);
        let (q, entry) = (f64::from(q), at(f64::from(q)));
        let saturated = !(-128.5..=127.5).contains(&entry);
        if !saturated {
            // Slopes of int8 steps fit a float.
            *slope = (at(q + 0.5) - at(q - 0.5)) as f32;
        }
    }
    table
}

fn other(step: &Node<Integer>) -> QuantizeError {
    other_name(&step.name)
}

fn other_name(name: &str) -> QuantizeError {
    QuantizeError::Scheme(format!("has a layer {name} that is not the network's"))
}

/// Integer inputs as a tensor.
pub(super) fn inputs<B: Kernels>(inputs: ArrayView2<i8>, device: &B::Device) -> Tensor<B, 2> {
    let values = inputs.iter().map(|&q| f32::from(q)).collect();
    tensor(values, [inputs.nrows(), inputs.ncols()], device)
}
