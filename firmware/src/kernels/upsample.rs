//! Nearest-neighbour upsampling by whole factors.

use shared::layer::{Region, Upsample};

/// [`Upsample`]'s formula. `input` and `output` are the elements of its regions, the former of region `from`.
pub fn upsample(layer: &Upsample, from: &Region, input: &[i8], output: &mut [i8]) {
    let channels = usize::from(from.channels).max(1);
    let [rows, columns] = layer.factor.map(|factor| usize::from(factor).max(1));
    let input_row = channels.saturating_mul(usize::from(from.width).max(1));
    let output_row = input_row.saturating_mul(columns);
    let groups = output.chunks_exact_mut(output_row.saturating_mul(rows));
    for (row, group) in input.chunks_exact(input_row).zip(groups) {
        let (first, others) = group.split_at_mut_checked(output_row).unwrap_or_default();
        let targets = first.chunks_exact_mut(channels * columns);
        for (pixel, targets) in row.chunks_exact(channels).zip(targets) {
            for target in targets.chunks_exact_mut(channels) {
                write(target, pixel);
            }
        }
        for other in others.chunks_exact_mut(output_row) {
            write(other, first);
        }
    }
}

/// A copy that cannot panic, over the shorter of both.
fn write(to: &mut [i8], from: &[i8]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = from;
    }
}
