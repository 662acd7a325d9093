//! Copying one part of a concatenation.

use shared::arithmetic::{rhe, saturate};
use shared::layer::{Copy, Region};

/// As [`struct@Copy`] says. `input` and `output` are the elements of its regions `from` and `to`.
pub fn copy(layer: &Copy, from: &Region, to: &Region, input: &[i8], output: &mut [i8]) {
    let channels = usize::from(from.channels).max(1);
    let start = usize::from(layer.channel_offset);
    let pixels = output.chunks_exact_mut(usize::from(to.channels).max(1));
    for (pixel, part) in pixels.zip(input.chunks_exact(channels)) {
        let Some((before, rest)) = pixel.split_at_mut_checked(start) else {
            return;
        };
        for (y, &x) in rest.iter_mut().zip(part) {
            *y = match layer.shift {
                0 => x,
                shift => saturate(rhe(i32::from(x), u32::from(shift))),
            };
        }
        if before.is_empty() {
            rest.get_mut(channels..).unwrap_or_default().fill(0);
        }
    }
}
