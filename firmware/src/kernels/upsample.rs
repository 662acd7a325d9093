//! Nearest-neighbour upsampling by whole factors.

use shared::layer::{Region, Upsample};

/// [`Upsample`]'s formula. `input` and `output` are the elements of its regions, the former of region `from`.
pub fn upsample(layer: &Upsample, from: &Region, input: &[i8], output: &mut [i8]) {
    let channels = usize::from(from.channels).max(1);
    let row_len = usize::from(from.width).saturating_mul(channels).max(1);
    let [rows, columns] = layer.factor;
    let mut targets = output.chunks_exact_mut(channels);
    for row in input.chunks_exact(row_len) {
        for _ in 0..rows {
            for pixel in row.chunks_exact(channels) {
                for target in targets.by_ref().take(usize::from(columns)) {
                    for (y, &x) in target.iter_mut().zip(pixel) {
                        *y = x;
                    }
                }
            }
        }
    }
}
