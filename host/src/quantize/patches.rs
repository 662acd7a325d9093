//! What each output of a convolution is a product of: its patch of the input, in gather form for
//! both kinds.
//!
//! Columns are kernel row, kernel column, channel, as [`crate::graph::LinearKind`] says. A
//! transposed convolution's output meets only those elements of the kernel that some input, shifted
//! by the stride, brings there; the others, and those that lie beyond the input, are zeros. With
//! groups, each has patches of its own.

use crate::graph::Taps;
use ndarray::{Array1, Array2, ArrayView2};
use shared::latent::pcg::{Pcg32, split_mix_64};

/// The most patches that a covariance is taken of.
const MAX_PATCHES: usize = 1 << 14;

/// Patches whose products are added up in single precision: 1024 * 128 * 128 is 2^24, so every sum
/// is exact.
const BLOCK: usize = 1 << 10;

/// Writes a group's patch of one place of a sample; `patch` must hold zeros.
fn fill<T: Copy>(taps: &Taps, group: usize, sample: &[T], place: usize, patch: &mut [T]) {
    let (from, channels) = (taps.from, taps.channels());
    let first = group * channels;
    taps.at(place, |element, at| {
        let columns = &mut patch[element * channels..][..channels];
        for (channel, column) in columns.iter_mut().enumerate() {
            *column = sample[from.at(first + channel, at)];
        }
    });
}

/// A group's mean patch over all places of a sample, or of the mean of many samples.
pub fn mean(taps: &Taps, group: usize, sample: &[f64]) -> Array1<f64> {
    let (from, channels) = (taps.from, taps.channels());
    let first = group * channels;
    let mut mean = Array1::zeros(taps.columns());
    for place in 0..taps.places() {
        taps.at(place, |element, at| {
            for channel in 0..channels {
                mean[element * channels + channel] += sample[from.at(first + channel, at)];
            }
        });
    }
    mean / taps.places().max(1) as f64
}

/// Means and second moments of a group's patches of integer samples (samples, elements), in the
/// units of those integers.
///
/// All patches where there are at most 16,384, else so many at places that a generator with a fixed
/// seed draws. Every sum is exact, so the result is the same on all machines. Without `all`, the
/// diagonal alone (as one row).
pub fn moments(
    taps: &Taps,
    group: usize,
    x: ArrayView2<i8>,
    all: bool,
) -> (Array1<f64>, Array2<f64>) {
    let columns = taps.columns();
    let x = x.as_standard_layout();
    let samples: Vec<&[i8]> = x
        .rows()
        .into_iter()
        .filter_map(|row| row.to_slice())
        .collect();
    let total = samples.len() * taps.places();
    let chosen = chosen(total);
    let mut sums = Array1::<f64>::zeros(columns);
    let mut squares = Array2::<f64>::zeros((if all { columns } else { 1 }, columns));
    for block in chosen.chunks(BLOCK) {
        let mut patches = Array2::<f32>::zeros((block.len(), columns));
        let mut patch = vec![0i8; columns];
        for (&index, mut row) in block.iter().zip(patches.rows_mut()) {
            patch.fill(0);
            let (sample, place) = (index / taps.places(), index % taps.places());
            fill(taps, group, samples[sample], place, &mut patch);
            row.iter_mut()
                .zip(&patch)
                .for_each(|(to, &q)| *to = f32::from(q));
        }
        for column in patches.rows() {
            sums.zip_mut_with(&column, |sum, &q| *sum += f64::from(q));
        }
        if all {
            let products = patches.t().dot(&patches);
            squares.zip_mut_with(&products, |sum, &product| *sum += f64::from(product));
        } else {
            let mut diagonal = squares.row_mut(0);
            for row in patches.rows() {
                diagonal.zip_mut_with(&row, |sum, &q| *sum += f64::from(q * q));
            }
        }
    }
    let count = chosen.len().max(1) as f64;
    (sums / count, squares / count)
}

/// Indices of patches, place by place and sample by sample.
fn chosen(total: usize) -> Vec<usize> {
    if total <= MAX_PATCHES {
        return (0..total).collect();
    }
    let mut random = Pcg32::new(split_mix_64(total as u64), 0x7061_7463_6865_7300);
    // One in each of so many equal parts, so that all samples take part. The product stays below
    // 2^64.
    let part = |index: usize| (index as u64 * total as u64 / MAX_PATCHES as u64) as usize;
    (0..MAX_PATCHES)
        .map(|index| {
            let (low, high) = (part(index), part(index + 1));
            low + random.next_u32() as usize % (high - low).max(1)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::random::Random;
    use crate::graph::{LinearKind, Shape, Window};
    use crate::ops;

    fn any_taps(random: &mut Random) -> Option<Taps> {
        let groups = 1 + random.below(3);
        let from = Shape {
            channels: groups * (1 + random.below(3)),
            height: 1 + random.below(5),
            width: 1 + random.below(5),
        };
        let kernel = [1 + random.below(4), 1 + random.below(4)];
        let stride = [1 + random.below(3), 1 + random.below(3)];
        let mut window = Window {
            dilation: [1 + random.below(3), 1 + random.below(2)],
            groups,
            ..Window::new(kernel, stride, [0, 0])
        };
        let [top, left, bottom, right] =
            [0, 1, 2, 3].map(|side| random.below(window.extent(side % 2)));
        let added = stride.map(|s| random.below(s));
        window.padding = [top, left];
        let far = [bottom, right];
        let outputs = 2 * groups;
        if random.below(2) == 0 {
            let to = ops::conv_transpose::output(window, from, outputs, far, added)?;
            LinearKind::ConvTranspose(window).taps(from, to)
        } else {
            let to = ops::conv::output(window, from, outputs, far)?;
            LinearKind::Conv(window).taps(from, to)
        }
    }

    /// All patches of a group of one sample, (places, columns).
    fn patches(taps: &Taps, group: usize, sample: &[f64]) -> Array2<f64> {
        let mut patches = Array2::zeros((taps.places(), taps.columns()));
        for (place, mut row) in patches.rows_mut().into_iter().enumerate() {
            fill(taps, group, sample, place, row.as_slice_mut().unwrap());
        }
        patches
    }

    #[test]
    fn products_of_patches_are_the_convolution() {
        let mut random = Random::new(5);
        let mut tried = 0;
        while tried < 300 {
            let Some(taps) = any_taps(&mut random) else {
                continue;
            };
            tried += 1;
            let x =
                Array2::from_shape_simple_fn((1, taps.from.len()), || f64::from(random.normal()));
            let (groups, to) = (taps.window.groups, taps.to);
            let dim = (to.channels, taps.columns());
            let rows = Array2::from_shape_simple_fn(dim, || f64::from(random.normal()));
            let bias = Array1::zeros(to.channels);
            let kind = match taps.transposed {
                true => LinearKind::ConvTranspose(taps.window),
                false => LinearKind::Conv(taps.window),
            };
            let expected = kind.sums(x.view(), rows.view(), bias.view(), taps.from, to);
            let outputs = to.channels / groups;
            let mut met = 0;
            for group in 0..groups {
                let patches = patches(&taps, group, x.as_slice().unwrap());
                let first = group * outputs;
                let rows = rows.slice(ndarray::s![first..first + outputs, ..]);
                let found = rows.dot(&patches.t());
                for ((channel, pixel), found) in found.indexed_iter() {
                    let expected = expected[[0, to.at(first + channel, pixel)]];
                    assert!((found - expected).abs() < 1e-9, "{taps:?}");
                }
                let found = mean(&taps, group, x.as_slice().unwrap());
                let expected = patches.mean_axis(ndarray::Axis(0)).unwrap();
                assert!((&found - &expected).iter().all(|d| d.abs() < 1e-12));
                // Every input differs from zero, so an element of a patch does where it meets one.
                met += (patches.iter().filter(|&&v| v != 0.0).count() * outputs) as u64;
            }
            assert_eq!(taps.products(), met);
        }
    }

    #[test]
    fn moments_are_those_of_all_patches() {
        let mut random = Random::new(6);
        for _ in 0..50 {
            let Some(taps) = any_taps(&mut random) else {
                continue;
            };
            let x = Array2::from_shape_simple_fn((7, taps.from.len()), || {
                random.below(256) as u8 as i8
            });
            let group = taps.window.groups - 1;
            let all: Vec<Array2<f64>> = x
                .rows()
                .into_iter()
                .map(|row| patches(&taps, group, &row.mapv(f64::from).to_vec()))
                .collect();
            let views: Vec<ArrayView2<f64>> = all.iter().map(|part| part.view()).collect();
            let all: Array2<f64> = ndarray::concatenate(ndarray::Axis(0), &views).unwrap();
            let expected = all.t().dot(&all) / all.nrows() as f64;
            let (means, found) = moments(&taps, group, x.view(), true);
            assert!((&found - &expected).iter().all(|d| d.abs() < 1e-6));
            let mean = all.mean_axis(ndarray::Axis(0)).unwrap();
            assert!((&means - &mean).iter().all(|d| d.abs() < 1e-9));
            let (_, diagonal) = moments(&taps, group, x.view(), false);
            assert!(
                (&diagonal.row(0) - &expected.diag())
                    .iter()
                    .all(|d| d.abs() < 1e-6)
            );
        }
    }

    #[test]
    fn many_places_are_drawn_from_evenly() {
        let total = 3 * MAX_PATCHES + 100;
        let chosen = super::chosen(total);
        assert_eq!(chosen.len(), MAX_PATCHES);
        assert!(chosen.is_sorted() && chosen.iter().all(|&index| index < total));
        let places: std::collections::BTreeSet<usize> = chosen.iter().map(|i| i % 100).collect();
        assert_eq!(places.len(), 100);
        assert_eq!(super::chosen(total), chosen);
    }
}
