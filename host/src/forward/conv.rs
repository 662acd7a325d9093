//! Both convolutions as matrix products: unfolded patches for the one, folded products for its adjoint.
//!
//! Generic over the number type, so that integers below 2^24 can run through it exactly as floats.

use crate::network::Shape;
use ndarray::linalg::general_mat_mul;
use ndarray::{
    Array1, Array2, ArrayView1, ArrayView2, ArrayView4, ArrayViewMut2, Axis, LinalgScalar,
};
use rayon::prelude::*;

/// How a kernel moves over a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Rows and columns of the kernel.
    pub kernel: [usize; 2],
    /// Down, across.
    pub stride: [usize; 2],
    /// Zeros above and left of the large picture (a convolution's input, a transposed one's output).
    pub corner: [usize; 2],
}

impl Geometry {
    /// For each position of the kernel on the small picture (a convolution's output) and each of its elements, the
    /// element of the large picture that it meets: `visit(element of the kernel, place in small, place in large)`.
    fn meetings(
        &self,
        small: [usize; 2],
        large: [usize; 2],
        mut visit: impl FnMut(usize, usize, usize),
    ) {
        for u in 0..self.kernel[0] {
            for v in 0..self.kernel[1] {
                let element = u * self.kernel[1] + v;
                for i in 0..small[0] {
                    // Above the picture wraps around and is too large as well.
                    let row = (i * self.stride[0] + u).wrapping_sub(self.corner[0]);
                    if row >= large[0] {
                        continue;
                    }
                    for j in 0..small[1] {
                        let column = (j * self.stride[1] + v).wrapping_sub(self.corner[1]);
                        if column < large[1] {
                            visit(element, i * small[1] + j, row * large[1] + column);
                        }
                    }
                }
            }
        }
    }
}

/// A sample of `from` (channels, rows, columns) as columns of patches: shape (channels * kernel, output places).
pub fn unfold<T: LinalgScalar>(
    x: &[T],
    from: Shape,
    to: [usize; 2],
    geometry: Geometry,
) -> Array2<T> {
    let kernel = geometry.kernel[0] * geometry.kernel[1];
    let mut columns = Array2::zeros((from.channels * kernel, to[0] * to[1]));
    let pixels = from.height * from.width;
    geometry.meetings(to, [from.height, from.width], |element, place, pixel| {
        for channel in 0..from.channels {
            columns[(channel * kernel + element, place)] = x[channel * pixels + pixel];
        }
    });
    columns
}

/// A convolution of a batch (batch, elements of `from`), weights (outputs, inputs, rows, columns); gives (batch,
/// outputs * `to`).
///
/// The shapes must fit, as in a network that passed its check; others panic.
pub fn conv<T: LinalgScalar + Send + Sync>(
    x: ArrayView2<T>,
    weight: ArrayView4<T>,
    bias: ArrayView1<T>,
    from: Shape,
    to: [usize; 2],
    geometry: Geometry,
) -> Array2<T> {
    let (outputs, inputs, rows, columns) = weight.dim();
    let weight = weight.to_shape((outputs, inputs * rows * columns));
    let weight = weight.expect("a kernel has as many elements as its parts");
    each(x, outputs * to[0] * to[1], |sample, mut y| {
        let patches = unfold(sample, from, to, geometry);
        let mut y = as_channels(&mut y, outputs);
        spread(bias, &mut y);
        general_mat_mul(T::one(), &weight, &patches, T::one(), &mut y);
    })
}

/// A transposed convolution of a batch (batch, elements of `from`), weights (inputs, outputs, rows, columns); gives
/// (batch, outputs * `to`).
///
/// The shapes must fit, as in a network that passed its check; others panic.
pub fn conv_transpose<T: LinalgScalar + Send + Sync>(
    x: ArrayView2<T>,
    weight: ArrayView4<T>,
    bias: ArrayView1<T>,
    from: Shape,
    to: [usize; 2],
    geometry: Geometry,
) -> Array2<T> {
    let (inputs, outputs, rows, columns) = weight.dim();
    let kernel = rows * columns;
    let weight = weight.to_shape((inputs, outputs * kernel));
    let weight = weight.expect("a kernel has as many elements as its parts");
    let (small, pixels) = ([from.height, from.width], to[0] * to[1]);
    each(x, outputs * pixels, |sample, mut y| {
        let sample = ArrayView2::from_shape((inputs, small[0] * small[1]), sample);
        let products = weight
            .t()
            .dot(&sample.expect("a sample has as many elements as its shape"));
        spread(bias, &mut as_channels(&mut y, outputs));
        geometry.meetings(small, to, |element, place, pixel| {
            for channel in 0..outputs {
                let sum = &mut y[channel * pixels + pixel];
                *sum = *sum + products[(channel * kernel + element, place)];
            }
        });
    })
}

/// Runs `one` for each sample of a batch, on all cores.
fn each<T: LinalgScalar + Send + Sync>(
    x: ArrayView2<T>,
    len: usize,
    one: impl Fn(&[T], &mut [T]) + Sync,
) -> Array2<T> {
    let x = x.as_standard_layout();
    let samples = x.len_of(Axis(0));
    let mut y = vec![T::zero(); samples * len];
    let flat = x.as_slice().unwrap_or_default();
    let width = x.ncols().max(1);
    y.par_chunks_mut(len.max(1))
        .zip(flat.par_chunks(width))
        .for_each(|(y, x)| one(x, y));
    Array2::from_shape_vec((samples, len), y).expect("as many elements as samples times length")
}

fn as_channels<'a, T>(y: &'a mut &mut [T], channels: usize) -> ArrayViewMut2<'a, T> {
    let pixels = y.len() / channels.max(1);
    ArrayViewMut2::from_shape((channels, pixels), y).expect("whole channels")
}

fn spread<T: LinalgScalar>(bias: ArrayView1<T>, y: &mut ArrayViewMut2<T>) {
    for (mut row, bias) in y.rows_mut().into_iter().zip(bias) {
        row.fill(*bias);
    }
}

/// A bias of zeros, for products alone.
pub fn no_bias<T: LinalgScalar>(outputs: usize) -> Array1<T> {
    Array1::zeros(outputs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Conv, ConvTranspose};
    use crate::synthetic::Random;
    use ndarray::Array4;

    /// By the definition in `network`, element for element, in f64.
    fn slow(x: &[f64], conv: &Conv, from: Shape, to: Shape) -> Vec<f64> {
        let [top, left, ..] = conv.padding;
        let mut y = Vec::new();
        for o in 0..to.channels {
            for i in 0..to.height {
                for j in 0..to.width {
                    let mut sum = f64::from(conv.bias[o]);
                    for ((_, c, u, v), w) in
                        conv.weight.indexed_iter().filter(|((k, ..), _)| *k == o)
                    {
                        let row = (i * conv.stride[0] + u) as isize - top as isize;
                        let column = (j * conv.stride[1] + v) as isize - left as isize;
                        if (0..from.height as isize).contains(&row)
                            && (0..from.width as isize).contains(&column)
                        {
                            let at =
                                (c * from.height + row as usize) * from.width + column as usize;
                            sum += f64::from(*w) * x[at];
                        }
                    }
                    y.push(sum);
                }
            }
        }
        y
    }

    fn any_shape(random: &mut Random) -> (Shape, [usize; 2], [usize; 2], [usize; 4]) {
        let from = Shape {
            channels: 1 + random.below(3),
            height: 1 + random.below(6),
            width: 1 + random.below(6),
        };
        let kernel = [1 + random.below(5), 1 + random.below(5)];
        let stride = [1 + random.below(3), 1 + random.below(3)];
        let padding = [0, 1, 2, 3].map(|side| random.below(kernel[side % 2]));
        (from, kernel, stride, padding)
    }

    #[test]
    fn a_convolution_is_its_definition() {
        let mut random = Random::new(1);
        for _ in 0..500 {
            let (from, kernel, stride, padding) = any_shape(&mut random);
            let outputs = 1 + random.below(3);
            let shape = (outputs, from.channels, kernel[0], kernel[1]);
            let conv_layer = Conv {
                weight: Array4::from_shape_simple_fn(shape, || random.normal()),
                bias: Array1::from_shape_simple_fn(outputs, || random.normal()),
                stride,
                padding,
            };
            let Some(to) = conv_layer.output_shape(from) else {
                continue;
            };
            let x = Array2::from_shape_simple_fn((2, from.len()), || f64::from(random.normal()));
            let geometry = Geometry {
                kernel,
                stride,
                corner: [padding[0], padding[1]],
            };
            let y = conv(
                x.view(),
                conv_layer.weight.mapv(f64::from).view(),
                conv_layer.bias.mapv(f64::from).view(),
                from,
                [to.height, to.width],
                geometry,
            );
            for (x, y) in x.rows().into_iter().zip(y.rows()) {
                let expected = slow(&x.to_vec(), &conv_layer, from, to);
                assert!(y.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-9));
            }
        }
    }

    /// `<conv(x), y> = <x, conv_transpose(y)>` for the same kernel: what "adjoint" means.
    #[test]
    fn a_transposed_convolution_is_the_adjoint() {
        let mut random = Random::new(2);
        for _ in 0..500 {
            let (small, kernel, stride, padding) = any_shape(&mut random);
            let channels = 1 + random.below(3);
            let weight = Array4::from_shape_simple_fn(
                (small.channels, channels, kernel[0], kernel[1]),
                || f64::from(random.normal()),
            );
            let layer = ConvTranspose {
                weight: weight.mapv(|w| w as f32),
                bias: Array1::zeros(channels),
                stride,
                padding,
                output_padding: stride.map(|s| random.below(s)),
            };
            let Some(large) = layer.output_shape(small) else {
                continue;
            };
            let geometry = Geometry {
                kernel,
                stride,
                corner: [padding[0], padding[1]],
            };
            let x = Array2::from_shape_simple_fn((1, large.len()), || f64::from(random.normal()));
            let y = Array2::from_shape_simple_fn((1, small.len()), || f64::from(random.normal()));
            let (sides, small_sides) = ([large.height, large.width], [small.height, small.width]);
            let ax = conv(
                x.view(),
                weight.view(),
                no_bias(small.channels).view(),
                large,
                small_sides,
                geometry,
            );
            let aty = conv_transpose(
                y.view(),
                weight.view(),
                no_bias(channels).view(),
                small,
                sides,
                geometry,
            );
            let (left, right) = ((&ax * &y).sum(), (&x * &aty).sum());
            assert!(
                (left - right).abs() < 1e-9 * (1.0 + left.abs()),
                "{left} {right}"
            );
        }
    }
}
