//! Operations of integers, slowly and obviously, with the channels last.

use super::combine::mean_factor;
use crate::graph::{Alignment, Combine, LinearKind, QuantizedLinear, Shape, Window};
use shared::arithmetic::Activation;

/// `x / 2^shift`, rounded half to even, negative ones through the slope, saturated.
fn requantized(x: i64, shift: u32, activation: Activation) -> i64 {
    let shift = match activation {
        Activation::LeakyRelu { slope_shift } if x < 0 => shift + u32::from(slope_shift),
        _ => shift,
    };
    let (whole, rest) = (x.div_euclid(1 << shift), x.rem_euclid(1 << shift));
    let up = match (2 * rest).cmp(&(1 << shift)) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Greater => 1,
        std::cmp::Ordering::Equal => whole.rem_euclid(2),
    };
    (whole + up).clamp(-128, 127)
}

/// The large picture's pixel that a place of the kernel meets at a pixel of the small one.
fn meets(w: Window, large: Shape, [y, x]: [usize; 2], [u, v]: [usize; 2]) -> Option<usize> {
    let row = w.large(0, y, u, large.height)?;
    let column = w.large(1, x, v, large.width)?;
    Some(row * large.width + column)
}

/// Calls with each pixel of the small picture, place of the kernel, and pixel of the large picture.
fn each(w: Window, small: Shape, large: Shape, mut visit: impl FnMut(usize, usize, usize)) {
    for y in 0..small.height {
        for x in 0..small.width {
            for tap in 0..w.area() {
                let place = [tap / w.kernel[1], tap % w.kernel[1]];
                if let Some(pixel) = meets(w, large, [y, x], place) {
                    visit(y * small.width + x, tap, pixel);
                }
            }
        }
    }
}

/// What a node computes.
pub(super) enum Slow {
    Reshape,
    Linear(LinearKind, QuantizedLinear),
    Combine(Combine, Alignment),
}

/// What a node gives for its inputs, channels last.
pub(super) fn slow(own: &Slow, x: &[&[i64]], from: &[Shape], to: Shape) -> Vec<i64> {
    let mut sums = vec![0i64; to.len()];
    let (channels, at) = (to.channels, |i: usize, input: usize| -> i64 {
        let own = from[input].len();
        x[input][if own == to.len() { i } else { i % own }]
    });
    match own {
        Slow::Linear(kind, linear) => {
            let weight = |output: usize, column: usize| i64::from(linear.weights[(output, column)]);
            match kind {
                LinearKind::Conv(w) => {
                    let (seen, given) = (from[0].channels / w.groups, channels / w.groups);
                    each(*w, to, from[0], |small, tap, large| {
                        for o in 0..channels {
                            for c in 0..seen {
                                let value = x[0][large * from[0].channels + o / given * seen + c];
                                sums[small * channels + o] += value * weight(o, tap * seen + c);
                            }
                        }
                    });
                }
                LinearKind::ConvTranspose(w) => {
                    let (seen, given) = (from[0].channels / w.groups, channels / w.groups);
                    each(*w, from[0], to, |small, tap, large| {
                        for o in 0..channels {
                            for c in 0..seen {
                                let value = x[0][small * from[0].channels + o / given * seen + c];
                                sums[large * channels + o] += value * weight(o, tap * seen + c);
                            }
                        }
                    });
                }
                LinearKind::Gather { rows } => {
                    // A whole number, as argmax gives it.
                    let row = usize::try_from(x[0][0]).unwrap_or(0).min(rows - 1);
                    return (0..to.len()).map(|output| weight(output, row)).collect();
                }
                LinearKind::Dense | LinearKind::Embedding => {
                    for (output, sum) in sums.iter_mut().enumerate() {
                        for (column, value) in x[0].iter().enumerate() {
                            *sum += value * weight(output, column);
                        }
                    }
                }
            }
            let outputs = sums.iter().enumerate();
            outputs
                .map(|(i, sum)| {
                    let output = i % channels;
                    let shift = u32::from(linear.shifts[output]);
                    let sum = sum + i64::from(linear.bias[output]);
                    requantized(sum, shift, linear.activation)
                })
                .collect()
        }
        Slow::Reshape => x[0].to_vec(),
        Slow::Combine(combine, Alignment { shifts, activation }) => {
            let shift = shifts.last().map_or(0, |shift| u32::from(*shift));
            let rounded = |sum: i64, shift: u32| requantized(sum, shift, *activation);
            match combine {
                Combine::Add => (0..to.len())
                    .map(|i| {
                        let parts = 0..x.len();
                        rounded(parts.map(|part| at(i, part) << shifts[part]).sum(), shift)
                    })
                    .collect(),
                Combine::Mul => {
                    let products = (0..to.len()).map(|i| at(i, 0) * at(i, 1));
                    products.map(|product| rounded(product, shift)).collect()
                }
                Combine::MatMul { transposed } => {
                    let (inner, across) = (from[0].channels, to.channels);
                    for (i, sum) in sums.iter_mut().enumerate() {
                        let (matrix, row) = (i / across / to.width, i / across % to.width);
                        for k in 0..inner {
                            let a = x[0][(matrix * to.width + row) * inner + k];
                            let place = match transposed {
                                true => (matrix * across + i % across) * inner + k,
                                false => (matrix * inner + k) * across + i % across,
                            };
                            *sum += a * x[1][place];
                        }
                    }
                    sums.iter().map(|sum| rounded(*sum, shift)).collect()
                }
                Combine::AveragePool {
                    window,
                    count_include_pad,
                } => {
                    let mut counts = vec![0; to.len()];
                    each(*window, to, from[0], |small, _, large| {
                        for c in 0..channels {
                            sums[small * channels + c] += x[0][large * channels + c];
                            counts[small * channels + c] += 1;
                        }
                    });
                    let pairs = sums.iter().zip(counts);
                    pairs
                        .map(|(sum, inside)| {
                            let count = if *count_include_pad {
                                window.area()
                            } else {
                                inside
                            };
                            rounded(sum * i64::from(mean_factor(count)), shift)
                        })
                        .collect()
                }
                Combine::Argmax => x[0]
                    .chunks(from[0].channels)
                    .map(|pixel| {
                        let most = pixel.iter().max();
                        pixel
                            .iter()
                            .position(|value| Some(value) == most)
                            .unwrap_or(0) as i64
                    })
                    .collect(),
                Combine::Concat => (0..to.len())
                    .map(|i| {
                        let (pixel, channel) = (i / channels, i % channels);
                        let part = usize::from(channel >= from[0].channels);
                        let before = part * from[0].channels;
                        let own = from[part].channels;
                        let value = x[part][pixel * own + channel - before];
                        rounded(value, u32::from(shifts[part]))
                    })
                    .collect(),
            }
        }
    }
}
