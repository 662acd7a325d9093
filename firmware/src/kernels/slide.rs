//! A window's way over an input, pixel by pixel of the output: what both convolutions have in common.

use super::sums::{Runs, Step, sums};
use shared::layer::{Axis, Region, Taps, Weights, Window};

/// In which order taps meet elements.
#[derive(Clone, Copy)]
pub(super) struct Direction {
    /// Whether taps are those of a transposed convolution.
    pub transposed: bool,
    /// From one such tap to the next, of the rows and of the columns.
    pub tap_step: [u8; 2],
    /// From one such element to the next; modulo the word, so that it may go back.
    pub input_step: usize,
}

/// Computes every output of a convolution in one direction or the other. A pixel's taps are found once and serve all its
/// channels.
pub(super) fn slide(
    window: &Window,
    weights: &Weights<'_>,
    direction: Direction,
    (from, to): (&Region, &Region),
    input: &[i8],
    output: &mut [i8],
) {
    let channels = usize::from(from.channels);
    // Products of what a checked image holds fit; others wrap, and then lie outside of the weights or the input.
    let kernel_row = usize::from(window.kernel[1]).wrapping_mul(channels);
    let input_row = usize::from(from.width).wrapping_mul(channels);
    let columns = window.taps().wrapping_mul(u32::from(from.channels));
    let row_len = weights.layout.row_len(columns) as usize;
    let mut outer = Step {
        count: 0,
        weight: usize::from(direction.tap_step[0]).wrapping_mul(kernel_row),
        input: direction.input_step.wrapping_mul(input_row),
    };
    let mut inner = Step {
        count: 0,
        weight: usize::from(direction.tap_step[1]).wrapping_mul(channels),
        input: direction.input_step.wrapping_mul(channels),
    };
    // Taps that lie side by side, as their elements do, are one run.
    let joined = inner.weight == channels && inner.input == channels;
    let taps = |axis: Axis, at, len: u16| -> Taps {
        if direction.transposed {
            axis.conv_transpose_taps(at, u32::from(len))
        } else {
            axis.conv_taps(at, u32::from(len))
        }
    };
    let mut pixels = output.chunks_exact_mut(usize::from(to.channels).max(1));
    for row in 0..u32::from(to.height) {
        let rows = taps(window.rows(), row, from.height);
        outer.count = rows.count;
        let weight = (rows.tap as usize).wrapping_mul(kernel_row);
        let element = (rows.input as usize).wrapping_mul(input_row);
        for column in 0..u32::from(to.width) {
            let columns = taps(window.columns(), column, from.width);
            let mut len = channels;
            inner.count = columns.count;
            if joined {
                len = len.wrapping_mul(columns.count as usize);
                inner.count = 1;
            }
            let runs = Runs {
                len,
                weight: weight.wrapping_add((columns.tap as usize).wrapping_mul(channels)),
                input: element.wrapping_add((columns.input as usize).wrapping_mul(channels)),
                outer,
                inner,
            };
            let Some(pixel) = pixels.next() else { return };
            sums(weights, row_len, &runs, input, pixel);
        }
    }
}
