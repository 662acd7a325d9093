//! Convolutions whose channels are in groups, on the CPU: loops over pixels and places of the
//! kernel. A group of few channels leaves a matrix product nothing to do.
//!
//! Sums are taken in an order that does not depend on the number of threads.

use rayon::prelude::*;

use super::super::Geometry;
use super::tensor::PARTS;

/// One pixel of each picture and the weights of one place of the kernel, a large channel of the
/// group a row.
fn pixel(
    g: Geometry,
    (small, large, tap): (usize, usize, usize),
) -> (
    std::ops::Range<usize>,
    std::ops::Range<usize>,
    std::ops::Range<usize>,
) {
    let place = g.large_group() * g.small.channels;
    let part = |at: usize, len: usize| at * len..(at + 1) * len;
    (
        part(small, g.small.channels),
        part(large, g.large.channels),
        part(tap, place),
    )
}

/// Calls with the places of all products of one pair of pixels: small channel, large channel,
/// weight.
fn products(g: Geometry, mut visit: impl FnMut(usize, usize, usize)) {
    let (large, small) = (g.large_group(), g.small_group());
    for group in 0..g.groups {
        for channel in 0..large {
            for s in group * small..(group + 1) * small {
                visit(s, group * large + channel, channel * g.small.channels + s);
            }
        }
    }
}

/// Whether each channel is a group, in both pictures.
fn is_depthwise(g: Geometry) -> bool {
    g.large_group() == 1 && g.small_group() == 1
}

/// See [`super::super::Kernels::gather`].
pub(super) fn gather(input: &[f32], weight: &[f32], g: Geometry) -> Vec<f32> {
    let mut output = vec![0.0; input.len() / g.large.len() * g.small.len()];
    let pictures = output.par_chunks_mut(g.small.len());
    let pictures = pictures.zip(input.par_chunks(g.large.len()));
    pictures.for_each(|(output, input)| {
        g.taps(|small, large, tap| {
            let (small, large, tap) = pixel(g, (small, large, tap));
            let (output, input) = (&mut output[small], &input[large]);
            let weight = &weight[tap];
            if is_depthwise(g) {
                for ((sum, value), weight) in output.iter_mut().zip(input).zip(weight) {
                    *sum += value * weight;
                }
            } else {
                products(g, |s, l, w| output[s] += input[l] * weight[w]);
            }
        });
    });
    output
}

/// See [`super::super::Kernels::scatter`].
pub(super) fn scatter(input: &[f32], weight: &[f32], g: Geometry) -> Vec<f32> {
    let mut output = vec![0.0; input.len() / g.small.len() * g.large.len()];
    let pictures = output.par_chunks_mut(g.large.len());
    let pictures = pictures.zip(input.par_chunks(g.small.len()));
    pictures.for_each(|(output, input)| {
        g.taps(|small, large, tap| {
            let (small, large, tap) = pixel(g, (small, large, tap));
            let (output, input) = (&mut output[large], &input[small]);
            let weight = &weight[tap];
            if is_depthwise(g) {
                for ((sum, value), weight) in output.iter_mut().zip(input).zip(weight) {
                    *sum += value * weight;
                }
            } else {
                products(g, |s, l, w| output[l] += input[s] * weight[w]);
            }
        });
    });
    output
}

/// See [`super::super::Kernels::weight_gradient`].
pub(super) fn weight_gradient(large: &[f32], small: &[f32], g: Geometry) -> Vec<f32> {
    let [rows, columns] = g.weight();
    let part = (large.len() / g.large.len()).div_ceil(PARTS).max(1);
    let partial = |(large, small): (&[f32], &[f32])| {
        let mut sums = vec![0.0; rows * columns];
        let pictures = large.chunks_exact(g.large.len());
        for (large_picture, small_picture) in pictures.zip(small.chunks_exact(g.small.len())) {
            g.taps(|small, large, tap| {
                let (small, large, tap) = pixel(g, (small, large, tap));
                let (small, large) = (&small_picture[small], &large_picture[large]);
                let sums = &mut sums[tap];
                if is_depthwise(g) {
                    for ((sum, small), large) in sums.iter_mut().zip(small).zip(large) {
                        *sum += small * large;
                    }
                } else {
                    products(g, |s, l, w| sums[w] += small[s] * large[l]);
                }
            });
        }
        sums
    };
    let parts: Vec<Vec<f32>> = large
        .par_chunks(g.large.len() * part)
        .zip(small.par_chunks(g.small.len() * part))
        .map(partial)
        .collect();
    let mut total = vec![0.0; rows * columns];
    for part in parts {
        for (total, value) in total.iter_mut().zip(part) {
            *total += value;
        }
    }
    total
}
