//! Transposed convolution, in gather form: each output is computed once, from the elements that reach it.

use super::slide::{Direction, slide};
use shared::layer::{ConvTranspose, Region};

/// [`ConvTranspose`]'s formula. `input` and `output` are the elements of its regions `from` and `to`. No zeros are
/// inserted between elements: of the kernel's taps, one in `stride` on each axis meets an element, and only those are
/// multiplied.
pub fn conv_transpose(
    layer: &ConvTranspose<'_>,
    from: &Region,
    to: &Region,
    input: &[i8],
    output: &mut [i8],
) {
    let direction = Direction {
        transposed: true,
        tap_step: layer.window.stride,
        input_step: 1usize.wrapping_neg(),
    };
    let regions = (from, to);
    slide(
        &layer.window,
        &layer.weights,
        direction,
        regions,
        input,
        output,
    );
}
