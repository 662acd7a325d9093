//! The forward pass of a convolutional classifier, in `f32`, channels last: patches are copied into rows of a matrix a
//! run of channels at a time, and one product with the weights gives the next activations.

use super::{Activations, Classifier};
use ndarray::{Array1, Array2, ArrayView2};

/// Rows, columns, channels of one picture's activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels.
    pub channels: usize,
}

impl Extent {
    /// Number of elements; saturates.
    pub const fn len(&self) -> usize {
        self.height
            .saturating_mul(self.width)
            .saturating_mul(self.channels)
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A convolution: kernel, stride and padding as ONNX's Conv has them, dilation 1, one group.
#[derive(Debug, Clone, PartialEq)]
pub struct Convolution {
    /// Shape (kernel rows * kernel columns * input channels, output channels), channels innermost.
    pub weight: Array2<f32>,
    /// Shape (output channels).
    pub bias: Array1<f32>,
    /// Rows and columns.
    pub kernel: [usize; 2],
    /// Down, across.
    pub stride: [usize; 2],
    /// Zeros above and left.
    pub corner: [usize; 2],
    /// Of the input.
    pub from: Extent,
    /// Of the output.
    pub to: Extent,
}

impl Convolution {
    /// The patches of a batch, shape (batch * output places, kernel * channels).
    fn patches(&self, x: ArrayView2<f32>) -> Array2<f32> {
        let places = self.to.height * self.to.width;
        let mut patches = Array2::zeros((x.nrows() * places, self.weight.nrows()));
        let channels = self.from.channels;
        let standard = x.as_standard_layout();
        let pictures = standard.rows().into_iter();
        let rows = patches.as_slice_mut().unwrap_or_default();
        for (picture, patches) in pictures.zip(rows.chunks_exact_mut(places * self.weight.nrows()))
        {
            let Some(picture) = picture.to_slice() else {
                continue;
            };
            for (place, patch) in patches.chunks_exact_mut(self.weight.nrows()).enumerate() {
                let (top, left) = (
                    place / self.to.width * self.stride[0],
                    place % self.to.width * self.stride[1],
                );
                for (tap, run) in patch.chunks_exact_mut(channels).enumerate() {
                    // Above or left of the picture wraps around and is too large as well.
                    let row = (top + tap / self.kernel[1]).wrapping_sub(self.corner[0]);
                    let column = (left + tap % self.kernel[1]).wrapping_sub(self.corner[1]);
                    if row < self.from.height && column < self.from.width {
                        let at = (row * self.from.width + column) * channels;
                        run.copy_from_slice(&picture[at..at + channels]);
                    }
                }
            }
        }
        patches
    }

    fn forward(&self, x: ArrayView2<f32>) -> Array2<f32> {
        let y = self.patches(x).dot(&self.weight) + &self.bias;
        // Rows of places become rows of pictures: the same elements in the same order.
        let (y, _) = y.into_raw_vec_and_offset();
        Array2::from_shape_vec((x.nrows(), self.to.len()), y).unwrap_or_default()
    }
}

/// One step; activations are (batch, elements), each picture's in the order rows, columns, channels.
#[derive(Debug, Clone, PartialEq)]
pub enum Layer {
    /// Convolution.
    Convolution(Convolution),
    /// Weights of shape (inputs, outputs) and biases.
    Dense(Array2<f32>, Array1<f32>),
    /// A factor and a summand for each channel: batch normalisation in inference.
    Affine(Array1<f32>, Array1<f32>),
    /// `x` where positive, `slope * x` elsewhere; slope 0 is ReLU.
    Rectify(f32),
}

impl Layer {
    fn forward(&self, x: Array2<f32>) -> Array2<f32> {
        match self {
            Self::Convolution(convolution) => convolution.forward(x.view()),
            Self::Dense(weight, bias) => x.dot(weight) + bias,
            Self::Affine(factor, summand) => {
                let mut y = x;
                let (factor, summand) = (factor.to_vec(), summand.to_vec());
                for mut row in y.rows_mut() {
                    for (channels, value) in row.iter_mut().enumerate() {
                        let channel = channels % factor.len();
                        *value = *value * factor[channel] + summand[channel];
                    }
                }
                y
            }
            Self::Rectify(slope) => {
                let mut y = x;
                y.mapv_inplace(|v| if v > 0.0 { v } else { slope * v });
                y
            }
        }
    }
}

/// A chain of layers whose last is dense: its input are the features, its output the logits.
///
/// [`super::read`] makes it and sees to it that every layer fits the one before.
#[derive(Debug, Clone, PartialEq)]
pub struct ConvNet {
    /// What it takes; one channel.
    pub input: Extent,
    /// All layers but the last.
    pub body: Vec<Layer>,
    /// Weights of the last layer, shape (features, classes), and its biases.
    pub head: (Array2<f32>, Array1<f32>),
}

impl Classifier for ConvNet {
    fn size(&self) -> (usize, usize) {
        (self.input.height, self.input.width)
    }

    fn classes(&self) -> usize {
        self.head.1.len()
    }

    fn activations(&self, pictures: ArrayView2<f32>) -> Activations {
        let layers = self.body.iter();
        let features = layers.fold(pictures.to_owned(), |x, layer| layer.forward(x));
        Activations {
            logits: features.dot(&self.head.0) + &self.head.1,
            features,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::Random;

    /// By the definition, element for element.
    fn slow(c: &Convolution, x: &[f32]) -> Vec<f32> {
        let mut y = Vec::new();
        for i in 0..c.to.height {
            for j in 0..c.to.width {
                for o in 0..c.to.channels {
                    let mut sum = c.bias[o];
                    for u in 0..c.kernel[0] {
                        for v in 0..c.kernel[1] {
                            let row = (i * c.stride[0] + u) as isize - c.corner[0] as isize;
                            let column = (j * c.stride[1] + v) as isize - c.corner[1] as isize;
                            let inside = (0..c.from.height as isize).contains(&row)
                                && (0..c.from.width as isize).contains(&column);
                            for channel in 0..c.from.channels {
                                let k = (u * c.kernel[1] + v) * c.from.channels + channel;
                                if inside {
                                    let at = row as usize * c.from.width + column as usize;
                                    sum += c.weight[[k, o]] * x[at * c.from.channels + channel];
                                }
                            }
                        }
                    }
                    y.push(sum);
                }
            }
        }
        y
    }

    #[test]
    fn convolutions_are_their_definition() {
        let mut random = Random::new(1);
        for (from, to, kernel, stride, corner) in [
            ([5, 6, 1], [3, 3, 4], [5, 5], [2, 2], [2, 2]),
            ([4, 4, 3], [2, 4, 2], [3, 1], [1, 1], [0, 0]),
            ([3, 7, 2], [3, 3, 5], [2, 3], [1, 2], [0, 0]),
            ([1, 1, 2], [3, 3, 1], [1, 1], [1, 1], [1, 1]),
        ] {
            let extent = |[height, width, channels]: [usize; 3]| Extent {
                height,
                width,
                channels,
            };
            let (from, to) = (extent(from), extent(to));
            let taps = kernel[0] * kernel[1] * from.channels;
            let mut draw = || random.uniform(-1.0, 1.0);
            let convolution = Convolution {
                weight: Array2::from_shape_simple_fn((taps, to.channels), &mut draw),
                bias: Array1::from_shape_simple_fn(to.channels, &mut draw),
                kernel,
                stride,
                corner,
                from,
                to,
            };
            let x = Array2::from_shape_simple_fn((3, from.len()), &mut draw);
            let y = convolution.forward(x.view());
            for (x, y) in x.rows().into_iter().zip(y.rows()) {
                let expected = slow(&convolution, &x.to_vec());
                assert_eq!(y.len(), expected.len());
                for (found, expected) in y.iter().zip(expected) {
                    assert!((found - expected).abs() < 1e-5, "{convolution:?}");
                }
            }
        }
    }

    #[test]
    fn affine_and_rectify_go_by_channel() {
        let x = ndarray::array![[1.0, -1.0, 2.0, -2.0]];
        let affine = Layer::Affine(ndarray::array![2.0, 3.0], ndarray::array![0.5, 0.0]);
        assert_eq!(
            affine.forward(x.clone()),
            ndarray::array![[2.5, -3.0, 4.5, -6.0]]
        );
        assert_eq!(
            Layer::Rectify(0.25).forward(x),
            ndarray::array![[1.0, -0.25, 2.0, -0.5]]
        );
    }
}
