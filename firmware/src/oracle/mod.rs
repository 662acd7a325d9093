//! The i64 oracle: every operation by its definition, slow and obvious, for tests on the host and on emulated cores.
//!
//! It shares no arithmetic and no geometry with the kernels: rounding is a division with its remainder, a convolution
//! visits every tap and asks whether it lies on the input, a transposed convolution scatters into a buffer of zeros and
//! crops it. [`model`] makes random images whose golden vectors come from here.

extern crate std;

pub mod model;

use shared::arithmetic::Activation;
use shared::image::Image;
use shared::layer::{Kind, Layout, Region, Weights, Window};
use std::{vec, vec::Vec};

/// `a / 2^shift`, rounded half to even; of what is left, the shift gives the floor.
pub fn divide(a: i64, shift: u32) -> i64 {
    let quotient = a >> shift;
    let twice_the_rest = 2 * (a - (quotient << shift));
    match twice_the_rest.cmp(&(1 << shift)) {
        core::cmp::Ordering::Less => quotient,
        core::cmp::Ordering::Greater => quotient + 1,
        core::cmp::Ordering::Equal => quotient + (quotient & 1),
    }
}

/// The output of an accumulator.
pub fn requantize(sum: i64, shift: u8, activation: Activation) -> i8 {
    let shift = u32::from(shift);
    let rounded = match activation {
        Activation::Relu if sum < 0 => 0,
        Activation::LeakyRelu { slope_shift } if sum < 0 => {
            divide(sum, shift + u32::from(slope_shift))
        }
        Activation::None | Activation::Relu | Activation::LeakyRelu { .. } => divide(sum, shift),
    };
    // Clamped, so the cast loses nothing.
    rounded.clamp(-128, 127) as i8
}

/// Weights as numbers, row after row.
fn unpacked(weights: &Weights<'_>, columns: usize) -> Vec<i64> {
    let Layout::Int4Rows = weights.layout else {
        return weights.values.iter().map(|&w| i64::from(w as i8)).collect();
    };
    let rows = weights.values.chunks(columns.div_ceil(2));
    let row = |row: &[u8]| -> Vec<i64> {
        let nibbles = row.iter().flat_map(|byte| [byte & 15, byte >> 4]);
        let signed = nibbles.map(|n| i64::from(n) - if n >= 8 { 16 } else { 0 });
        signed.take(columns).collect()
    };
    rows.flat_map(row).collect()
}

fn biases(weights: &Weights<'_>) -> Vec<i64> {
    let (biases, _) = weights.bias.as_chunks::<4>();
    biases
        .iter()
        .map(|b| i64::from(i32::from_le_bytes(*b)))
        .collect()
}

/// The outputs of accumulators, whose channels take turns.
pub fn outputs(weights: &Weights<'_>, sums: &[i64]) -> Vec<i8> {
    let shifts = weights.shifts.iter().cycle();
    sums.iter()
        .zip(shifts)
        .map(|(&sum, &shift)| requantize(sum, shift, weights.activation))
        .collect()
}

/// The accumulators of an operation with weights, in the order of its output; none for another operation.
///
/// # Panics
/// Where the lengths do not fit one another.
pub fn sums(kind: &Kind<'_>, from: &Region, to: &Region, x: &[i8]) -> Option<Vec<i64>> {
    let x: Vec<i64> = x.iter().map(|&x| i64::from(x)).collect();
    Some(match kind {
        Kind::Dense(layer) => dense(&layer.weights, &x),
        Kind::Embedding(layer) => embedding(&layer.weights, &x),
        Kind::Conv(layer) => conv(&layer.window, &layer.weights, from, to, &x),
        Kind::ConvTranspose(layer) => conv_transpose(&layer.window, &layer.weights, from, to, &x),
        Kind::Table(_) | Kind::Upsample(_) | Kind::Copy(_) => return None,
    })
}

fn dense(weights: &Weights<'_>, x: &[i64]) -> Vec<i64> {
    let w = unpacked(weights, x.len());
    let products = |row: &[i64]| row.iter().zip(x).map(|(w, x)| w * x).sum::<i64>();
    let rows = w.chunks(x.len()).zip(biases(weights));
    rows.map(|(row, bias)| products(row) + bias).collect()
}

fn embedding(weights: &Weights<'_>, x: &[i64]) -> Vec<i64> {
    let mut sums = biases(weights);
    let w = unpacked(weights, sums.len());
    for (row, x) in w.chunks(sums.len()).zip(x) {
        for (sum, w) in sums.iter_mut().zip(row) {
            *sum += w * x;
        }
    }
    sums
}

/// Rows, columns, channels.
fn shape(region: &Region) -> [usize; 3] {
    region.shape().map(usize::from)
}

fn conv(window: &Window, weights: &Weights<'_>, from: &Region, to: &Region, x: &[i64]) -> Vec<i64> {
    let ([height, width, inputs], [rows, columns, outputs]) = (shape(from), shape(to));
    let [kh, kw] = window.kernel.map(usize::from);
    let [stride_down, stride_right] = window.stride.map(usize::from);
    let [top, left] = window.padding.map(usize::from);
    let (w, bias) = (unpacked(weights, kh * kw * inputs), biases(weights));
    let mut y = Vec::with_capacity(rows * columns * outputs);
    for (row, column) in (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c))) {
        for (output, &bias) in bias.iter().enumerate() {
            let mut sum = bias;
            for (i, j) in (0..kh).flat_map(|i| (0..kw).map(move |j| (i, j))) {
                // Counted from the first row and column of the padding.
                let (r, c) = (row * stride_down + i, column * stride_right + j);
                if r < top || r >= top + height || c < left || c >= left + width {
                    continue;
                }
                let pixel = ((r - top) * width + (c - left)) * inputs;
                let tap = ((output * kh + i) * kw + j) * inputs;
                for n in 0..inputs {
                    sum += x[pixel + n] * w[tap + n];
                }
            }
            y.push(sum);
        }
    }
    y
}

fn conv_transpose(
    window: &Window,
    weights: &Weights<'_>,
    from: &Region,
    to: &Region,
    x: &[i64],
) -> Vec<i64> {
    let ([height, width, inputs], [rows, columns, outputs]) = (shape(from), shape(to));
    let [kh, kw] = window.kernel.map(usize::from);
    let [stride_down, stride_right] = window.stride.map(usize::from);
    let [top, left] = window.padding.map(usize::from);
    let (w, bias) = (unpacked(weights, kh * kw * inputs), biases(weights));
    // Everything that is reached, padding and output padding included.
    let full_height = ((height - 1) * stride_down + kh).max(top + rows);
    let full_width = ((width - 1) * stride_right + kw).max(left + columns);
    let mut full = vec![0i64; full_height * full_width * outputs];
    for (r, c) in (0..height).flat_map(|r| (0..width).map(move |c| (r, c))) {
        for (i, j) in (0..kh).flat_map(|i| (0..kw).map(move |j| (i, j))) {
            let at = ((r * stride_down + i) * full_width + c * stride_right + j) * outputs;
            for output in 0..outputs {
                let tap = ((output * kh + i) * kw + j) * inputs;
                for n in 0..inputs {
                    full[at + output] += x[(r * width + c) * inputs + n] * w[tap + n];
                }
            }
        }
    }
    let mut y = Vec::with_capacity(rows * columns * outputs);
    for (row, column) in (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c))) {
        let at = ((row + top) * full_width + column + left) * outputs;
        y.extend(full[at..].iter().zip(&bias).map(|(sum, bias)| sum + bias));
    }
    y
}

/// The output of an operation, whole; `before` is what its output region held.
///
/// # Panics
/// Where the lengths do not fit one another.
pub fn output(kind: &Kind<'_>, from: &Region, to: &Region, x: &[i8], before: &[i8]) -> Vec<i8> {
    if let Some((sums, weights)) = sums(kind, from, to, x).zip(kind.weights()) {
        return outputs(weights, &sums);
    }
    let ([_, width, inputs], [rows, columns, outputs]) = (shape(from), shape(to));
    match kind {
        Kind::Table(table) => x
            .iter()
            .map(|&q| table.entries[(i16::from(q) + 128) as usize] as i8)
            .collect(),
        Kind::Upsample(layer) => {
            let [down, right] = layer.factor.map(usize::from);
            let mut y = Vec::with_capacity(to.len() as usize);
            for (row, column) in (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c))) {
                let pixel = (row / down * width + column / right) * inputs;
                y.extend(&x[pixel..pixel + inputs]);
            }
            y
        }
        Kind::Copy(layer) => {
            let start = usize::from(layer.channel_offset);
            let mut y = before.to_vec();
            for (i, y) in y.iter_mut().enumerate() {
                let (pixel, channel) = (i / outputs, i % outputs);
                if (start..start + inputs).contains(&channel) {
                    let x = i64::from(x[pixel * inputs + channel - start]);
                    *y = requantize(x, layer.shift, Activation::None);
                } else if start == 0 {
                    *y = 0;
                }
            }
            y
        }
        other => unreachable!("{other:?} has weights"),
    }
}

/// The output of every operation of an image for an input, in order.
///
/// # Panics
/// Where the input has another length than the image's.
pub fn run(image: &Image<'_>, input: &[i8]) -> Vec<Vec<i8>> {
    let mut arena = vec![0i8; image.arena_len()];
    let bytes = |region: &Region| region.offset as usize..region.end() as usize;
    arena[bytes(&image.input())].copy_from_slice(input);
    image
        .ops()
        .map(|op| {
            let (from, to) = (image.region(op.input()), image.region(op.output()));
            let y = output(
                &op.kind,
                &from,
                &to,
                &arena[bytes(&from)],
                &arena[bytes(&to)],
            );
            arena[bytes(&to)].copy_from_slice(&y);
            y
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_rounds_half_to_even() {
        for (a, shift, expected) in [
            (5, 1, 2),
            (7, 1, 4),
            (-5, 1, -2),
            (-7, 1, -4),
            (-1, 1, 0),
            (3, 2, 1),
            (-6, 2, -2),
            (9, 0, 9),
        ] {
            assert_eq!(divide(a, shift), expected, "{a} / 2^{shift}");
        }
        // Against floats, which are exact here.
        for a in -5000i64..5000 {
            for shift in 0..14 {
                let real = a as f64 / f64::from(1u32 << shift);
                assert_eq!(divide(a, shift) as f64, real.round_ties_even());
            }
        }
    }
}
