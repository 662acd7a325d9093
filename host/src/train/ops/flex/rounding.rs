//! Rounding on the CPU: one pass where tensor operations take ten.

use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::super::{Grid, Rounded, Table};
use super::tensor::tensor;

/// Floats of a block.
const BLOCK: usize = 1 << 14;

/// See [`super::super::Kernels::round`].
pub(super) fn round(
    input: FlexTensor,
    bias: FlexTensor,
    scale: FlexTensor,
    grid: Grid,
) -> Rounded<FlexTensor> {
    let (input, bias, scale) = (
        input.to_contiguous(),
        bias.to_contiguous(),
        scale.to_contiguous(),
    );
    let (bias, scale) = (bias.storage::<f32>(), scale.storage::<f32>());
    let columns = input.layout().shape()[1];
    let mut output = input.storage::<f32>().to_vec();
    let mut derivative = vec![0.0; output.len()];
    let Grid { low, high, slope } = grid;
    let one = |value: &mut f32, derivative: &mut f32, bias: f32, scale: f32| {
        let x = (*value + bias) * scale;
        let factor = if x < 0.0 { slope } else { 1.0 };
        let rounded = (x * factor).round_ties_even();
        let inside = low <= rounded && rounded <= high;
        *value = rounded.clamp(low, high);
        *derivative = if inside { scale * factor } else { 0.0 };
    };
    if let (&[bias], &[scale]) = (bias, scale) {
        let blocks = output.par_chunks_mut(BLOCK);
        let blocks = blocks.zip(derivative.par_chunks_mut(BLOCK));
        blocks.for_each(|(values, derivatives)| {
            for (value, derivative) in values.iter_mut().zip(derivatives) {
                one(value, derivative, bias, scale);
            }
        });
    } else {
        let run = (BLOCK / bias.len()).max(1) * bias.len();
        let blocks = output.par_chunks_mut(run);
        let blocks = blocks.zip(derivative.par_chunks_mut(run));
        blocks.for_each(|(values, derivatives)| {
            let rows = values.chunks_exact_mut(bias.len());
            for (row, derivatives) in rows.zip(derivatives.chunks_exact_mut(bias.len())) {
                let channels = bias.iter().zip(scale);
                for ((value, derivative), (&bias, &scale)) in
                    row.iter_mut().zip(derivatives).zip(channels)
                {
                    one(value, derivative, bias, scale);
                }
            }
        });
    }
    Rounded {
        output: tensor(output, columns),
        derivative: tensor(derivative, columns),
    }
}

/// See [`super::super::Kernels::look_up`].
pub(super) fn look_up(input: FlexTensor, table: &Table) -> Rounded<FlexTensor> {
    let input = input.to_contiguous();
    let columns = input.layout().shape()[1];
    let mut output = input.storage::<f32>().to_vec();
    let mut derivative = vec![0.0; output.len()];
    let blocks = output.par_chunks_mut(BLOCK);
    let blocks = blocks.zip(derivative.par_chunks_mut(BLOCK));
    blocks.for_each(|(values, derivatives)| {
        for (value, derivative) in values.iter_mut().zip(derivatives) {
            // The cast saturates to 0 to 255.
            let place = usize::from((*value + 128.0) as u8);
            (*value, *derivative) = (table.entries[place], table.slopes[place]);
        }
    });
    Rounded {
        output: tensor(output, columns),
        derivative: tensor(derivative, columns),
    }
}
