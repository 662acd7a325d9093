//! Label embedding: rows of a table, weighted by a label.

use shared::layer::Embedding;

/// [`Embedding`]'s formula. `input` and `output` are the elements of its regions.
///
/// Accumulators wrap, and in a checked image none comes near to wrapping.
pub fn embedding(layer: &Embedding<'_>, input: &[i8], output: &mut [i8]) {
    let weights = &layer.weights;
    // A region has at most 16 MiB.
    let row_len = (weights.layout.row_len(output.len() as u32) as usize).max(1);
    // Of a one-hot label a single element, of one between two labels a few.
    let first = input.iter().position(|&x| x != 0).unwrap_or(0);
    let last = input.iter().rposition(|&x| x != 0);
    let label = last.and_then(|last| input.get(first..=last));
    let label = label.unwrap_or_default();
    let table = weights
        .values
        .get(first.saturating_mul(row_len)..)
        .unwrap_or_default();
    let channels = output.iter_mut().zip(weights.biases().zip(weights.shifts));
    for (column, (y, (bias, &shift))) in channels.enumerate() {
        let mut sum = bias;
        for (row, &x) in table.chunks_exact(row_len).zip(label) {
            if x != 0 {
                let weight = weights.layout.weight(row, column);
                sum = sum.wrapping_add(i32::from(weight) * i32::from(x));
            }
        }
        *y = weights.activation.requantize(sum, shift);
    }
}
