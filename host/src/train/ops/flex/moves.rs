//! Moves of elements on the CPU, a sample at a time.

use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::super::Origins;
use super::tensor::tensor;

/// Floats that one thread moves at least.
const LEAST: usize = 1 << 14;

/// See [`super::super::Kernels::relocate`].
pub(super) fn relocate(input: FlexTensor, origins: &Origins) -> FlexTensor {
    let input = input.to_contiguous();
    let input = input.storage::<f32>();
    let (inputs, outputs) = (origins.inputs().max(1), origins.places().len());
    let mut output = vec![0.0; input.len() / inputs * outputs];
    let rows = output.par_chunks_exact_mut(outputs.max(1));
    rows.zip(input.par_chunks_exact(inputs))
        .with_min_len(LEAST.div_ceil(outputs.max(1)))
        .for_each(|(output, input)| {
            for (value, place) in output.iter_mut().zip(origins.places()) {
                let found = input.get(*place as usize).copied();
                *value = found.unwrap_or(origins.constant());
            }
        });
    tensor(output, outputs)
}

/// See [`super::super::Kernels::relocate_gradient`].
pub(super) fn relocate_gradient(gradient: FlexTensor, origins: &Origins) -> FlexTensor {
    let gradient = gradient.to_contiguous();
    let gradient = gradient.storage::<f32>();
    let (inputs, outputs) = (origins.inputs(), origins.places().len().max(1));
    let mut sums = vec![0.0; gradient.len() / outputs * inputs];
    let rows = sums.par_chunks_exact_mut(inputs.max(1));
    rows.zip(gradient.par_chunks_exact(outputs))
        .with_min_len(LEAST.div_ceil(outputs))
        .for_each(|(sums, gradient)| {
            for (value, place) in gradient.iter().zip(origins.places()) {
                if let Some(sum) = sums.get_mut(*place as usize) {
                    *sum += value;
                }
            }
        });
    tensor(sums, inputs)
}
