//! Bias, batch normalisation and activations on the CPU: one pass over the rows where tensor
//! operations take many.
//!
//! Sums over rows are taken in blocks of fixed size, then over the blocks in order: equal to the
//! bit on any number of threads.

use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::super::{Activation, NORM_EPSILON, NormGradients, Normalised};
use super::tensor::tensor;

/// Floats of a block.
const BLOCK: usize = 1 << 14;

/// Floats of a block of whole rows.
fn block(channels: usize) -> usize {
    (BLOCK / channels).max(1) * channels
}

/// One value through an activation.
#[inline(always)]
fn applied(x: f32, activation: Activation) -> f32 {
    match activation {
        Activation::None => x,
        Activation::LeakyRelu(slope) => {
            if x > 0.0 {
                x
            } else {
                x * slope
            }
        }
        Activation::Tanh => x.tanh(),
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
    }
}

/// The derivative at the place where the activation gives `y`.
#[inline(always)]
fn derivative(y: f32, activation: Activation) -> f32 {
    match activation {
        Activation::None => 1.0,
        Activation::LeakyRelu(slope) => {
            if y > 0.0 {
                1.0
            } else {
                slope
            }
        }
        Activation::Tanh => 1.0 - y * y,
        Activation::Sigmoid => y * (1.0 - y),
    }
}

/// Calls a function with the activation as a constant of each arm, so that its loops are compiled
/// without the choice.
macro_rules! for_each_activation {
    ($activation:expr, $fixed:ident => $body:expr) => {
        match $activation {
            Activation::None => {
                let $fixed = Activation::None;
                $body
            }
            Activation::LeakyRelu(slope) => {
                let $fixed = Activation::LeakyRelu(slope);
                $body
            }
            Activation::Tanh => {
                let $fixed = Activation::Tanh;
                $body
            }
            Activation::Sigmoid => {
                let $fixed = Activation::Sigmoid;
                $body
            }
        }
    };
}

/// Adds the sums of all blocks, in order and in 64 bits.
fn total(parts: Vec<Vec<f32>>, channels: usize) -> Vec<f64> {
    let mut sums = vec![0.0; channels];
    for part in parts {
        for (sum, value) in sums.iter_mut().zip(part) {
            *sum += f64::from(value);
        }
    }
    sums
}

fn floats(values: &[f64]) -> Vec<f32> {
    // The parameters and gradients of the trainer are 32-bit floats.
    values.iter().map(|value| *value as f32).collect()
}

/// See [`super::super::Kernels::activate`].
pub(super) fn activate(input: FlexTensor, bias: FlexTensor, activation: Activation) -> FlexTensor {
    let (mut input, bias) = (input.to_contiguous(), bias.to_contiguous());
    let bias = bias.storage::<f32>();
    let columns = input.layout().shape()[1];
    let run = block(bias.len());
    for_each_activation!(activation, fixed => {
        let over = |values: &mut [f32]| {
            for row in values.chunks_exact_mut(bias.len()) {
                for (value, bias) in row.iter_mut().zip(bias) {
                    *value = applied(*value + bias, fixed);
                }
            }
        };
        // A tensor that nobody else holds is changed in place.
        if let Some(values) = input.try_storage_mut::<f32>() {
            values.par_chunks_mut(run).for_each(over);
            return input;
        }
        let mut output = input.storage::<f32>().to_vec();
        output.par_chunks_mut(run).for_each(over);
        tensor(output, columns)
    })
}

/// See [`super::super::Kernels::activate_gradient`].
pub(super) fn activate_gradient(
    output: FlexTensor,
    gradient: FlexTensor,
    channels: usize,
    activation: Activation,
) -> (FlexTensor, FlexTensor) {
    let (output, mut gradient) = (output.to_contiguous(), gradient.to_contiguous());
    let columns = gradient.layout().shape()[1];
    let output = output.storage::<f32>();
    let mut copy = Vec::new();
    let unique = gradient.is_unique();
    if !unique {
        copy = gradient.storage::<f32>().to_vec();
    }
    let values = match gradient.try_storage_mut::<f32>() {
        Some(values) if unique => values,
        _ => copy.as_mut_slice(),
    };
    let run = block(channels);
    let parts: Vec<Vec<f32>> = for_each_activation!(activation, fixed => values
        .par_chunks_mut(run)
        .zip(output.par_chunks(run))
        .map(|(gradient, output)| {
            let mut sums = vec![0.0; channels];
            let rows = gradient.chunks_exact_mut(channels);
            for (gradient, output) in rows.zip(output.chunks_exact(channels)) {
                for ((gradient, output), sum) in gradient.iter_mut().zip(output).zip(&mut sums) {
                    *gradient *= derivative(*output, fixed);
                    *sum += *gradient;
                }
            }
            sums
        })
        .collect());
    let bias = tensor(floats(&total(parts, channels)), channels);
    let input = if unique {
        gradient
    } else {
        tensor(copy, columns)
    };
    (input, bias)
}

/// See [`super::super::Kernels::normalise`].
pub(super) fn normalise(
    input: FlexTensor,
    scale: FlexTensor,
    bias: FlexTensor,
    activation: Activation,
) -> Normalised<FlexTensor> {
    let (input, scale, bias) = (
        input.to_contiguous(),
        scale.to_contiguous(),
        bias.to_contiguous(),
    );
    let columns = input.layout().shape()[1];
    let (x, scale, bias) = (
        input.storage::<f32>(),
        scale.storage::<f32>(),
        bias.storage::<f32>(),
    );
    let channels = scale.len();
    let run = block(channels);
    let count = (x.len() / channels).max(1) as f64;
    let sums = |over: &(dyn Fn(&mut [f32], &[f32]) + Sync)| -> Vec<f64> {
        let part = |values: &[f32]| {
            let mut sums = vec![0.0; channels];
            for row in values.chunks_exact(channels) {
                over(&mut sums, row);
            }
            sums
        };
        total(x.par_chunks(run).map(part).collect(), channels)
    };
    let mean = sums(&|sums, row| {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    });
    let mean = floats(&mean.iter().map(|sum| sum / count).collect::<Vec<_>>());
    let variance = sums(&|sums, row| {
        for ((sum, value), mean) in sums.iter_mut().zip(row).zip(&mean) {
            let centred = value - mean;
            *sum += centred * centred;
        }
    });
    let variance: Vec<f64> = variance.iter().map(|sum| sum / count).collect();
    let factor: Vec<f32> = scale
        .iter()
        .zip(&variance)
        .map(|(scale, variance)| scale / (variance + NORM_EPSILON).sqrt() as f32)
        .collect();
    let mut output = vec![0.0; x.len()];
    // Slices of one known length let the compiler drop its checks within the loops.
    let (mean_of, factor, bias) = (&mean[..channels], &factor[..channels], &bias[..channels]);
    for_each_activation!(activation, fixed => output
    .par_chunks_mut(run)
    .zip(x.par_chunks(run))
    .for_each(|(output, x)| {
        let rows = output.chunks_exact_mut(channels);
        for (output, x) in rows.zip(x.chunks_exact(channels)) {
            for i in 0..channels {
                output[i] = applied((x[i] - mean_of[i]) * factor[i] + bias[i], fixed);
            }
        }
    }));
    Normalised {
        output: tensor(output, columns),
        mean: tensor(mean, channels),
        variance: tensor(floats(&variance), channels),
    }
}

/// See [`super::super::Kernels::normalise_gradient`].
pub(super) fn normalise_gradient(
    input: FlexTensor,
    scale: FlexTensor,
    done: Normalised<FlexTensor>,
    gradient: FlexTensor,
    activation: Activation,
) -> NormGradients<FlexTensor> {
    let (input, scale, gradient) = (
        input.to_contiguous(),
        scale.to_contiguous(),
        gradient.to_contiguous(),
    );
    let output = done.output.to_contiguous();
    let columns = input.layout().shape()[1];
    let (x, scale) = (input.storage::<f32>(), scale.storage::<f32>());
    let (gradient, output) = (gradient.storage::<f32>(), output.storage::<f32>());
    let (mean, variance) = (done.mean.to_contiguous(), done.variance.to_contiguous());
    let mean = mean.storage::<f32>();
    let channels = scale.len();
    let run = block(channels);
    let count = (x.len() / channels).max(1) as f32;
    let (mean, scale) = (&mean[..channels], &scale[..channels]);
    let inverse: Vec<f32> = variance
        .storage::<f32>()
        .iter()
        .map(|variance| 1.0 / (f64::from(*variance) + NORM_EPSILON).sqrt() as f32)
        .collect();
    let inverse = &inverse[..channels];

    // Sums over the rows of the gradient before the activation: alone, and along the normalised
    // input.
    let parts: Vec<Vec<f32>> = for_each_activation!(activation, fixed => x
        .par_chunks(run)
        .zip(gradient.par_chunks(run))
        .zip(output.par_chunks(run))
        .map(|((x, gradient), output)| {
            let mut sums = vec![0.0; 2 * channels];
            let (alone, along) = sums.split_at_mut(channels);
            let along = &mut along[..channels];
            let rows = x.chunks_exact(channels).zip(gradient.chunks_exact(channels));
            for ((x, gradient), output) in rows.zip(output.chunks_exact(channels)) {
                let (x, gradient) = (&x[..channels], &gradient[..channels]);
                let output = &output[..channels];
                for i in 0..channels {
                    let value = gradient[i] * derivative(output[i], fixed);
                    alone[i] += value;
                    along[i] += value * (x[i] - mean[i]) * inverse[i];
                }
            }
            sums
        })
        .collect());
    let sums = floats(&total(parts, 2 * channels));
    let (of_bias, of_scale) = (&sums[..channels], &sums[channels..2 * channels]);
    let mut result = vec![0.0; x.len()];
    for_each_activation!(activation, fixed => result
    .par_chunks_mut(run)
    .zip(x.par_chunks(run))
    .zip(gradient.par_chunks(run))
    .zip(output.par_chunks(run))
    .for_each(|(((result, x), gradient), output)| {
        let rows = result.chunks_exact_mut(channels).zip(x.chunks_exact(channels));
        let rows = rows.zip(gradient.chunks_exact(channels));
        for (((result, x), gradient), output) in rows.zip(output.chunks_exact(channels)) {
            for i in 0..channels {
                let value = gradient[i] * derivative(output[i], fixed);
                let normal = (x[i] - mean[i]) * inverse[i];
                let rest = value - (of_bias[i] + normal * of_scale[i]) / count;
                result[i] = rest * scale[i] * inverse[i];
            }
        }
    }));
    NormGradients {
        input: tensor(result, columns),
        scale: tensor(of_scale.to_vec(), channels),
        bias: tensor(of_bias.to_vec(), channels),
    }
}
