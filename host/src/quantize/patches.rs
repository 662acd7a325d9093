//! What each output of a convolution is a product of: its patch of the input, in gather form for both kinds.
//!
//! Columns are kernel row, kernel column, channel, as in [`super::StepKind`]. A transposed convolution's output meets
//! only those elements of the kernel that some input, shifted by the stride, brings there; the others, and those that
//! lie beyond the input, are zeros.

use super::fold::{Folded, FoldedKind};
use crate::forward::conv::Geometry;
use crate::network::Shape;
use ndarray::{Array1, Array2, ArrayView2};
use shared::latent::pcg::{Pcg32, split_mix_64};

/// The most patches that a covariance is taken of.
const MAX_PATCHES: usize = 1 << 14;

/// Patches whose products are added up in single precision: 1024 * 128 * 128 is 2^24, so every sum is exact.
const BLOCK: usize = 1 << 10;

/// A convolution's shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// How the kernel moves.
    pub geometry: Geometry,
    /// The input.
    pub from: Shape,
    /// Rows and columns of the output.
    pub to: [usize; 2],
    /// Whether it is a transposed one.
    pub transposed: bool,
}

impl Window {
    /// Of a step with an input of shape `from`; `None` where it is no convolution.
    pub fn of(step: &Folded, from: Shape) -> Option<Self> {
        Some(Self {
            geometry: step.kind.geometry()?,
            from,
            to: [step.shape.height, step.shape.width],
            transposed: matches!(step.kind, FoldedKind::ConvTranspose(..)),
        })
    }

    /// Length of a patch.
    pub fn columns(&self) -> usize {
        self.geometry.kernel[0] * self.geometry.kernel[1] * self.from.channels
    }

    /// Number of outputs of a channel.
    pub fn places(&self) -> usize {
        self.to[0] * self.to[1]
    }

    /// The input's row or column that an element of the kernel meets at an output's.
    fn met(&self, axis: usize, output: usize, element: usize) -> Option<usize> {
        let (corner, stride) = (self.geometry.corner[axis], self.geometry.stride[axis]);
        let len = [self.from.height, self.from.width][axis];
        let input = if self.transposed {
            let distance = (output + corner).checked_sub(element)?;
            if !distance.is_multiple_of(stride) {
                return None;
            }
            distance / stride
        } else {
            (output * stride + element).checked_sub(corner)?
        };
        (input < len).then_some(input)
    }

    /// Calls `visit(element of the kernel, input's place)` for all elements that meet one at an output's place.
    pub fn meetings(&self, place: usize, mut visit: impl FnMut(usize, usize)) {
        let (row, column) = (place / self.to[1].max(1), place % self.to[1].max(1));
        for u in 0..self.geometry.kernel[0] {
            let Some(i) = self.met(0, row, u) else {
                continue;
            };
            for v in 0..self.geometry.kernel[1] {
                if let Some(j) = self.met(1, column, v) {
                    visit(u * self.geometry.kernel[1] + v, i * self.from.width + j);
                }
            }
        }
    }

    /// How many pairs of an output's place and an element of the kernel meet an input: the products that are worth
    /// computing, for one input and one output channel.
    pub fn products(&self) -> u64 {
        let along = |axis: usize| -> u64 {
            let pairs = (0..self.to[axis])
                .flat_map(|output| (0..self.geometry.kernel[axis]).map(move |u| (output, u)));
            pairs
                .filter(|&(output, u)| self.met(axis, output, u).is_some())
                .count() as u64
        };
        along(0) * along(1)
    }

    /// Writes the patch of one place of a sample, channels, rows, columns; `patch` must hold zeros.
    fn fill<T: Copy>(&self, sample: &[T], place: usize, patch: &mut [T]) {
        let (channels, pixels) = (self.from.channels, self.from.height * self.from.width);
        self.meetings(place, |element, at| {
            let columns = &mut patch[element * channels..][..channels];
            for (channel, column) in columns.iter_mut().enumerate() {
                *column = sample[channel * pixels + at];
            }
        });
    }

    /// The mean patch over all places of a sample, or of the mean of many samples.
    pub fn mean(&self, sample: &[f64]) -> Array1<f64> {
        let channels = self.from.channels;
        let pixels = self.from.height * self.from.width;
        let mut mean = Array1::zeros(self.columns());
        for place in 0..self.places() {
            self.meetings(place, |element, at| {
                for channel in 0..channels {
                    mean[element * channels + channel] += sample[channel * pixels + at];
                }
            });
        }
        mean / self.places().max(1) as f64
    }

    /// Means and second moments of patches of integer samples (samples, elements), in the units of those integers.
    ///
    /// All patches where there are at most 16,384, else so many at places that a generator with a fixed seed draws.
    /// Every sum is exact, so the result is the same on all machines. Without `all`, the diagonal alone (as one row).
    pub fn moments(&self, x: ArrayView2<i8>, all: bool) -> (Array1<f64>, Array2<f64>) {
        let columns = self.columns();
        let x = x.as_standard_layout();
        let samples: Vec<&[i8]> = x
            .rows()
            .into_iter()
            .filter_map(|row| row.to_slice())
            .collect();
        let total = samples.len() * self.places();
        let chosen = self.chosen(total);
        let mut sums = Array1::<f64>::zeros(columns);
        let mut squares = Array2::<f64>::zeros((if all { columns } else { 1 }, columns));
        for block in chosen.chunks(BLOCK) {
            let mut patches = Array2::<f32>::zeros((block.len(), columns));
            let mut patch = vec![0i8; columns];
            for (&index, mut row) in block.iter().zip(patches.rows_mut()) {
                patch.fill(0);
                let (sample, place) = (index / self.places(), index % self.places());
                self.fill(samples[sample], place, &mut patch);
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
    fn chosen(&self, total: usize) -> Vec<usize> {
        if total <= MAX_PATCHES {
            return (0..total).collect();
        }
        let mut random = Pcg32::new(split_mix_64(total as u64), 0x7061_7463_6865_7300);
        // One in each of so many equal parts, so that all samples take part. The product stays below 2^64.
        let part = |index: usize| (index as u64 * total as u64 / MAX_PATCHES as u64) as usize;
        (0..MAX_PATCHES)
            .map(|index| {
                let (low, high) = (part(index), part(index + 1));
                low + random.next_u32() as usize % (high - low).max(1)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fold::linear::{conv_of_rows, conv_transpose_of_rows};
    use super::*;
    use crate::forward::conv::{conv, conv_transpose, no_bias};
    use crate::network::ConvTranspose;
    use crate::synthetic::Random;
    use ndarray::Array4;

    fn any_window(random: &mut Random) -> Option<Window> {
        let from = Shape {
            channels: 1 + random.below(3),
            height: 1 + random.below(5),
            width: 1 + random.below(5),
        };
        let kernel = [1 + random.below(4), 1 + random.below(4)];
        let stride = [1 + random.below(3), 1 + random.below(3)];
        let padding = [0, 1, 2, 3].map(|side| random.below(kernel[side % 2]));
        let output_padding = stride.map(|s| random.below(s));
        let transposed = random.below(2) == 0;
        let weight = |a, b| Array4::zeros((a, b, kernel[0], kernel[1]));
        let to = if transposed {
            let (weight, bias) = (weight(from.channels, 1), Array1::zeros(1));
            let layer = ConvTranspose {
                weight,
                bias,
                stride,
                padding,
                output_padding,
            };
            layer.output_shape(from)?
        } else {
            let (weight, bias) = (weight(1, from.channels), Array1::zeros(1));
            let layer = crate::network::Conv {
                weight,
                bias,
                stride,
                padding,
            };
            layer.output_shape(from)?
        };
        Some(Window {
            geometry: Geometry {
                kernel,
                stride,
                corner: [padding[0], padding[1]],
            },
            from,
            to: [to.height, to.width],
            transposed,
        })
    }

    /// All patches of one sample, (places, columns).
    fn patches(window: &Window, sample: &[f64]) -> Array2<f64> {
        let mut patches = Array2::zeros((window.places(), window.columns()));
        for (place, mut row) in patches.rows_mut().into_iter().enumerate() {
            window.fill(sample, place, row.as_slice_mut().unwrap());
        }
        patches
    }

    #[test]
    fn products_of_patches_are_the_convolution() {
        let mut random = Random::new(5);
        let mut tried = 0;
        while tried < 300 {
            let Some(window) = any_window(&mut random) else {
                continue;
            };
            tried += 1;
            let x =
                Array2::from_shape_simple_fn((1, window.from.len()), || f64::from(random.normal()));
            let rows =
                Array2::from_shape_simple_fn((2, window.columns()), || f64::from(random.normal()));
            let (bias, g) = (no_bias(2), window.geometry);
            let expected = if window.transposed {
                let weight = conv_transpose_of_rows(rows.view(), g, |&w| w);
                conv_transpose(
                    x.view(),
                    weight.view(),
                    bias.view(),
                    window.from,
                    window.to,
                    g,
                )
            } else {
                let weight = conv_of_rows(rows.view(), g, |&w| w);
                conv(
                    x.view(),
                    weight.view(),
                    bias.view(),
                    window.from,
                    window.to,
                    g,
                )
            };
            let patches = patches(&window, x.as_slice().unwrap());
            let found = rows.dot(&patches.t());
            assert!(
                found
                    .iter()
                    .zip(&expected)
                    .all(|(a, b)| (a - b).abs() < 1e-9),
                "{window:?}"
            );
            let mean = window.mean(x.as_slice().unwrap());
            let expected = patches.mean_axis(ndarray::Axis(0)).unwrap();
            assert!((&mean - &expected).iter().all(|d| d.abs() < 1e-12));
            // Every input differs from zero, so an element of a patch does where it meets one.
            let met = patches.iter().filter(|&&v| v != 0.0).count() as u64;
            assert_eq!(window.products() * window.from.channels as u64, met);
        }
    }

    #[test]
    fn moments_are_those_of_all_patches() {
        let mut random = Random::new(6);
        for _ in 0..50 {
            let Some(window) = any_window(&mut random) else {
                continue;
            };
            let x = Array2::from_shape_simple_fn((7, window.from.len()), || {
                random.below(256) as u8 as i8
            });
            let all: Vec<Array2<f64>> = x
                .rows()
                .into_iter()
                .map(|row| patches(&window, &row.mapv(f64::from).to_vec()))
                .collect();
            let views: Vec<ArrayView2<f64>> = all.iter().map(|part| part.view()).collect();
            let all: Array2<f64> = ndarray::concatenate(ndarray::Axis(0), &views).unwrap();
            let expected = all.t().dot(&all) / all.nrows() as f64;
            let (means, moments) = window.moments(x.view(), true);
            assert!((&moments - &expected).iter().all(|d| d.abs() < 1e-6));
            let mean = all.mean_axis(ndarray::Axis(0)).unwrap();
            assert!((&means - &mean).iter().all(|d| d.abs() < 1e-9));
            let (_, diagonal) = window.moments(x.view(), false);
            assert!(
                (&diagonal.row(0) - &expected.diag())
                    .iter()
                    .all(|d| d.abs() < 1e-6)
            );
        }
    }

    #[test]
    fn many_places_are_drawn_from_evenly() {
        let window = Window {
            geometry: Geometry {
                kernel: [1, 1],
                stride: [1, 1],
                corner: [0, 0],
            },
            from: Shape {
                channels: 1,
                height: 10,
                width: 10,
            },
            to: [10, 10],
            transposed: false,
        };
        let total = 3 * MAX_PATCHES + 100;
        let chosen = window.chosen(total);
        assert_eq!(chosen.len(), MAX_PATCHES);
        assert!(chosen.is_sorted() && chosen.iter().all(|&index| index < total));
        let places: std::collections::BTreeSet<usize> = chosen.iter().map(|i| i % 100).collect();
        assert_eq!(places.len(), 100);
        assert_eq!(window.chosen(total), chosen);
    }
}
