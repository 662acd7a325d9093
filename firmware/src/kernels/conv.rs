//! Convolution, in gather form: each output is computed once, from the elements under the kernel.

use super::slide::{Direction, slide};
use shared::layer::{Conv, Region};

/// [`Conv`]'s formula. `input` and `output` are the elements of its regions `from` and `to`. Padding costs nothing:
/// only taps that meet an element are multiplied, and a row of taps is one run of products.
pub fn conv(layer: &Conv<'_>, from: &Region, to: &Region, input: &[i8], output: &mut [i8]) {
    let direction = Direction {
        transposed: false,
        tap_step: [1, 1],
        input_step: 1,
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
