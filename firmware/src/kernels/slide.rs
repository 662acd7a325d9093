//! A window's way over an input, pixel by pixel of the output: what both convolutions have in
//! common.

use super::Operands;
use super::sums::{Runs, Step, sums};
use shared::op::{Axis, Taps, Weights, Window};

/// Computes every output of a convolution, transposed or not, whose channels fall into groups. A
/// pixel's taps are found once and serve all channels of its group.
pub(super) fn slide(
    window: &Window,
    groups: u16,
    weights: &Weights<'_>,
    transposed: bool,
    operands: &Operands<'_>,
    output: &mut [i8],
) {
    if groups <= 1 {
        return one_group(window, weights, transposed, operands, [0, 1], output);
    }
    let (from, _) = operands.first();
    let outputs = usize::from(operands.to.channels / groups);
    let columns = window
        .taps()
        .wrapping_mul(u32::from(from.channels / groups));
    let bytes = (weights.layout.row_len(columns) as usize).wrapping_mul(outputs);
    for group in 0..usize::from(groups) {
        let parts = || {
            Some(Weights {
                values: part(weights.values, group, bytes)?,
                bias: part(weights.bias, group, outputs.checked_mul(4)?)?,
                shifts: part(weights.shifts, group, outputs)?,
                ..*weights
            })
        };
        let Some(own) = parts() else { return };
        one_group(
            window,
            &own,
            transposed,
            operands,
            [group, usize::from(groups)],
            output,
        );
    }
}

/// One of several parts of equal length.
fn part(all: &[u8], index: usize, len: usize) -> Option<&[u8]> {
    all.get(index.checked_mul(len)?..)?.get(..len)
}

/// The outputs of one group of so many.
fn one_group(
    window: &Window,
    weights: &Weights<'_>,
    transposed: bool,
    operands: &Operands<'_>,
    [group, groups]: [usize; 2],
    output: &mut [i8],
) {
    let ((from, input), to) = (operands.first(), operands.to);
    let all = usize::from(from.channels);
    let (channels, outputs) = (all / groups, usize::from(to.channels) / groups);
    // Products of what a checked image holds fit; others wrap, and then lie outside of the weights
    // or the input.
    let kernel_row = usize::from(window.kernel[1]).wrapping_mul(channels);
    let input_row = usize::from(from.width).wrapping_mul(all);
    let columns = window.taps().wrapping_mul(channels as u32);
    let row_len = weights.layout.row_len(columns) as usize;
    // From one tap that meets an element to the next; backwards in a transposed convolution, modulo
    // the word.
    let steps = |axis: Axis| {
        let [tap, input] = axis.steps(transposed).map(|step| step as usize);
        (
            tap,
            if transposed {
                input.wrapping_neg()
            } else {
                input
            },
        )
    };
    let (tap_down, input_down) = steps(window.rows());
    let (tap_right, input_right) = steps(window.columns());
    let mut outer = Step {
        count: 0,
        weight: tap_down.wrapping_mul(kernel_row),
        input: input_down.wrapping_mul(input_row),
    };
    let mut inner = Step {
        count: 0,
        weight: tap_right.wrapping_mul(channels),
        input: input_right.wrapping_mul(all),
    };
    // Taps that lie side by side, as their elements do, are one run.
    let joined = inner.weight == channels && inner.input == channels;
    let taps = |axis: Axis, at, len: u16| -> Taps {
        if transposed {
            axis.conv_transpose_taps(at, u32::from(len))
        } else {
            axis.conv_taps(at, u32::from(len))
        }
    };
    let first = group.wrapping_mul(channels);
    let mut pixels = output.chunks_exact_mut(usize::from(to.channels).max(1));
    for row in 0..u32::from(to.height) {
        let rows = taps(window.rows(), row, from.height);
        outer.count = rows.count;
        let weight = (rows.tap as usize).wrapping_mul(kernel_row);
        let element = (rows.input as usize)
            .wrapping_mul(input_row)
            .wrapping_add(first);
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
                input: element.wrapping_add((columns.input as usize).wrapping_mul(all)),
                outer,
                inner,
            };
            let pixel = pixels.next().map(|pixel| match groups {
                1 => pixel,
                _ => {
                    let own = pixel.get_mut(group.wrapping_mul(outputs)..);
                    own.and_then(|own| own.get_mut(..outputs))
                        .unwrap_or_default()
                }
            });
            let Some(pixel) = pixel else { return };
            sums(weights, row_len, &runs, input, pixel);
        }
    }
}
