//! Distillation (Hinton, Vinyals and Dean 2015): the float network teaches its quantized copy, on
//! latents of the prior.

use std::time::{Duration, Instant};

use burn_autodiff::Autodiff;
use burn_flex::Flex;
use burn_tensor::Tensor;
use ndarray::{Array2, ArrayView2};

use super::student::{Student, inputs};
use crate::graph::Network;
use crate::graph::QuantizedNetwork;
use crate::ops::forward;
use crate::quantize::calibrate::{float_inputs, integer_inputs, points};
use crate::quantize::{Prepared, QuantizeError, simulate};
use crate::train::adam::{Adam, AdamConfig};
use crate::train::ops::{Kernels, tensor};
use crate::train::progress::duration;
use shared::image::PIXEL_EXPONENT;

/// Seeds of the pictures that are learned from start here, beside those of calibration and
/// measurements.
pub const LEARNING_SEEDS: u32 = 0x7EAC_0000;

/// Seeds of the pictures by which the best weights are chosen start here.
pub const CHOOSING_SEEDS: u32 = 0x5E1E_0000;

/// The most pictures by which weights are chosen; fewer where pictures are large.
const CHOOSING_POINTS: usize = 1024;

/// The most values of a step's output that choosing keeps at once.
const MAX_VALUES: usize = 1 << 23;

/// How often weights are looked at in the whole of the training.
const LOOKS: u64 = 25;

/// How to distill.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct DistillOptions {
    /// Updates.
    pub steps: u64,
    /// Pictures in an update.
    pub batch: usize,
    /// Learning rate at the start, in steps of the integers: how far an update moves a weight at
    /// most. See [`falling`].
    pub rate: f64,
    /// Chooses other latents.
    pub seed: u32,
}

impl Default for DistillOptions {
    fn default() -> Self {
        Self {
            steps: 2000,
            batch: 128,
            rate: 0.03,
            seed: 0,
        }
    }
}

/// The learning rate after a part `done` of the training, from 0 to 1: the start's times (1 -
/// done)^3. A weight whose best value lies between two integers goes to and fro; it is the many
/// small steps at the end that let it settle. On the shipped conditional GAN with 4-bit weights,
/// 1000 updates give 21.2 dB where the rate falls in a straight line, 21.9 so.
pub fn falling(start: f64, done: f64) -> f64 {
    start * (1.0 - done).clamp(0.0, 1.0).powi(3)
}

/// How far a distillation is; given to the caller's function at each look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Updates done.
    pub step: u64,
    /// How many steps there are.
    pub steps: u64,
    /// Mean squared error of the chosen pictures' values at this step.
    pub error: f64,
    /// The smallest so far.
    pub best: f64,
    /// Updates a second.
    pub rate: f64,
    /// What is left, at this rate.
    pub left: Duration,
}

impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "step {}/{}, {:.1} steps/s, {} left, error {:.5}, best {:.5}",
            self.step,
            self.steps,
            self.rate,
            duration(self.left.as_secs_f64()),
            self.error,
            self.best
        )
    }
}

/// What came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Distilled {
    /// The best network that was seen: never worse, by `best`, than the one that it started as.
    pub network: QuantizedNetwork,
    /// Mean squared error of the chosen pictures' values before the first update, as real numbers.
    pub start: f64,
    /// That of `network`.
    pub best: f64,
    /// The update after which it was reached; 0 for the start.
    pub step: u64,
}

/// Trains a quantized network of `prepared` to draw what the float network draws. The same
/// arguments give the same network on the same kind of machine; it runs on the CPU.
///
/// # Errors
/// [`QuantizeError::Scheme`] where `start` is another network's.
pub fn distill(
    prepared: &Prepared<'_>,
    start: &QuantizedNetwork,
    options: &DistillOptions,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Distilled, QuantizeError> {
    type B = Autodiff<Flex>;
    let (network, device) = (prepared.network(), Default::default());
    let student = Student::new(prepared.folded(), start)?;
    let mut parameters = student.start::<Flex>(&device);
    let adam = AdamConfig {
        beta1: 0.5,
        beta2: 0.999,
        epsilon: 1e-12,
    };
    let mut adam = Adam::new(adam, &parameters);
    let chosen = Chosen::new(network, start);
    let first = chosen.error(start);
    let mut done = Distilled {
        network: start.clone(),
        start: first,
        best: first,
        step: 0,
    };
    let (began, steps) = (Instant::now(), options.steps);
    let scale = 2f32.powi(-i32::from(PIXEL_EXPONENT));
    let mut seed = LEARNING_SEEDS.wrapping_add(options.seed.wrapping_mul(0x9E37_79B1));
    for step in 1..=steps {
        let points = points(seed, options.batch, network.input.classes);
        // Batches are far below 2^32.
        seed = seed.wrapping_add(options.batch as u32);
        let given = integer_inputs(&points, network.input, start.about.prior);
        let wanted = pictures::<B>(taught(network, &given), &device);
        let tracked: Vec<Tensor<B, 2>> = parameters
            .iter()
            .map(|parameter| Tensor::from_inner(parameter.clone()).require_grad())
            .collect();
        let drawn = student.forward(&tracked, inputs(given.view(), &device));
        let loss = ((drawn - wanted) * scale).square().mean();
        let gradients = loss.backward();
        let gradients = tracked
            .iter()
            .map(|parameter| {
                let zero = || parameter.clone().inner().zeros_like();
                parameter.grad(&gradients).unwrap_or_else(zero)
            })
            .collect();
        let rate = falling(options.rate, (step - 1) as f64 / steps as f64);
        adam.step(step, rate, &mut parameters, gradients);
        student.constrain(&mut parameters);
        if step % steps.div_ceil(LOOKS) == 0 || step == steps {
            // Weights whose accumulators leave their range are not for choosing.
            let error = match student.quantized(&parameters) {
                Ok(network) => {
                    let error = chosen.error(&network);
                    if error < done.best {
                        (done.best, done.step, done.network) = (error, step, network);
                    }
                    error
                }
                Err(_) => f64::INFINITY,
            };
            let rate = step as f64 / began.elapsed().as_secs_f64().max(1e-9);
            progress(&Progress {
                step,
                steps,
                error,
                best: done.best,
                rate,
                left: Duration::from_secs_f64((steps - step) as f64 / rate.max(1e-9)),
            });
        }
    }
    Ok(done)
}

/// A network's pictures as a tensor.
pub fn pictures<B: Kernels>(pictures: Array2<f32>, device: &B::Device) -> Tensor<B, 2> {
    let shape = [pictures.nrows(), pictures.ncols()];
    tensor(pictures.into_iter().collect(), shape, device)
}

/// The float network's pictures, within what int8 pixels can show.
fn taught(network: &Network, given: &Array2<i8>) -> Array2<f32> {
    let step = 2f32.powi(i32::from(PIXEL_EXPONENT));
    let pictures = forward::run(network, float_inputs(given, network.input).view());
    pictures.mapv_into(|v| v.clamp(-128.0 * step, 127.0 * step))
}

/// The pictures by which weights are chosen.
struct Chosen {
    given: Array2<i8>,
    wanted: Array2<f32>,
}

impl Chosen {
    fn new(network: &Network, quantized: &QuantizedNetwork) -> Self {
        let largest = quantized.nodes.iter().map(|step| step.shape.len()).max();
        let count = (MAX_VALUES / largest.unwrap_or(1).max(1)).clamp(16, CHOOSING_POINTS);
        let points = points(CHOOSING_SEEDS, count, network.input.classes);
        let given = integer_inputs(&points, network.input, quantized.about.prior);
        let wanted = taught(network, &given);
        Self { given, wanted }
    }

    /// Mean squared error of pixels as real numbers, in the integers' own arithmetic.
    fn error(&self, network: &QuantizedNetwork) -> f64 {
        let drawn = simulate::run(network, self.given.view());
        mean_square(drawn.view(), self.wanted.view())
    }
}

fn mean_square(drawn: ArrayView2<i8>, wanted: ArrayView2<f32>) -> f64 {
    let step = 2f64.powi(i32::from(PIXEL_EXPONENT));
    let pairs = drawn.iter().zip(wanted);
    let squares = pairs.map(|(&q, &w)| (f64::from(q) * step - f64::from(w)).powi(2));
    squares.sum::<f64>() / drawn.len().max(1) as f64
}
