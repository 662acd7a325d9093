//! Both convolutions as matrix products: unfolded patches for the one, folded products for its
//! adjoint.
//!
//! Generic over the number type, so that integers below 2^24 can run through it exactly as floats.

use crate::graph::{Shape, Window};
use ndarray::linalg::general_mat_mul;
use ndarray::{
    Array2, Array4, ArrayView1, ArrayView2, ArrayView4, ArrayViewMut2, Axis, LinalgScalar,
};
use rayon::prelude::*;

/// Writes a sample's patches: shape (output places, kernel * channels), columns in the order kernel
/// row, kernel column, channel. What meets no input is left as it was, the same for each sample.
fn fill<T: LinalgScalar>(patches: &mut [T], x: &[T], from: Shape, to: [usize; 2], window: Window) {
    let (channels, columns) = (from.channels, window.kernel[1] * from.channels);
    let rows = patches.chunks_exact_mut(window.kernel[0] * columns);
    for (place, patch) in rows.enumerate() {
        let (i, j) = (place / to[1], place % to[1]);
        for (u, patch) in patch.chunks_exact_mut(columns).enumerate() {
            let Some(row) = window.large(0, i, u, from.height) else {
                continue;
            };
            for (v, patch) in patch.chunks_exact_mut(channels).enumerate() {
                if let Some(column) = window.large(1, j, v, from.width) {
                    let pixel = row * from.width + column;
                    patch.copy_from_slice(&x[pixel * channels..][..channels]);
                }
            }
        }
    }
}

/// A convolution of a batch (batch, elements of `from`), weights (outputs, kernel * inputs); gives
/// (batch, `to` * outputs).
///
/// The shapes must fit, as in a network that passed its check; others panic.
pub fn conv<T: LinalgScalar + Send + Sync>(
    x: ArrayView2<T>,
    weight: ArrayView2<T>,
    bias: ArrayView1<T>,
    from: Shape,
    to: [usize; 2],
    window: Window,
) -> Array2<T> {
    let (places, outputs) = (to[0] * to[1], weight.nrows());
    let dim = (places, window.area() * from.channels);
    each(x, places * outputs, dim, |sample, patches, mut y| {
        let elements = patches.as_slice_mut().unwrap_or_default();
        fill(elements, sample, from, to, window);
        let mut y = as_pixels(&mut y, outputs);
        y.assign(&bias);
        general_mat_mul(T::one(), patches, &weight.t(), T::one(), &mut y);
    })
}

/// A transposed convolution of a batch (batch, elements of `from`), weights (outputs, kernel *
/// inputs); gives (batch, `to` * outputs).
///
/// The shapes must fit, as in a network that passed its check; others panic.
pub fn conv_transpose<T: LinalgScalar + Send + Sync>(
    x: ArrayView2<T>,
    weight: ArrayView2<T>,
    bias: ArrayView1<T>,
    from: Shape,
    to: [usize; 2],
    window: Window,
) -> Array2<T> {
    let (inputs, outputs) = (from.channels, weight.nrows());
    // A column for each element of the kernel and each output.
    let spread = Array2::from_shape_fn((inputs, window.area() * outputs), |(input, at)| {
        weight[(at % outputs, at / outputs * inputs + input)]
    });
    let small = from.sides();
    let (len, dim) = (to[0] * to[1] * outputs, (from.pixels(), spread.ncols()));
    each(x, len, dim, |sample, products, mut y| {
        let sample = ArrayView2::from_shape((from.pixels(), inputs), sample);
        let sample = sample.expect("a sample has as many elements as its shape");
        general_mat_mul(T::one(), &sample, &spread, T::zero(), products);
        as_pixels(&mut y, outputs).assign(&bias);
        let products = products.as_slice().unwrap_or_default();
        fold(products, small, y, to, (window, outputs));
    })
}

/// Adds the products of each input with the kernel, shape (places, kernel * outputs), to the
/// outputs that they lie on. An output's come in the order of the kernel.
fn fold<T: LinalgScalar>(
    products: &[T],
    small: [usize; 2],
    y: &mut [T],
    to: [usize; 2],
    (window, outputs): (Window, usize),
) {
    let len = window.area() * outputs;
    for u in 0..window.kernel[0] {
        for v in 0..window.kernel[1] {
            let element = u * window.kernel[1] + v;
            for i in 0..small[0] {
                let Some(row) = window.large(0, i, u, to[0]) else {
                    continue;
                };
                for j in 0..small[1] {
                    let Some(column) = window.large(1, j, v, to[1]) else {
                        continue;
                    };
                    let place = i * small[1] + j;
                    let products = &products[place * len + element * outputs..][..outputs];
                    let sums = &mut y[(row * to[1] + column) * outputs..][..outputs];
                    for (sum, &product) in sums.iter_mut().zip(products) {
                        *sum = *sum + product;
                    }
                }
            }
        }
    }
}

/// Runs `one` for each sample of a batch, on all cores, with a matrix of `scratch` rows and columns
/// that holds what the sample before left there, zeros at first.
fn each<T: LinalgScalar + Send + Sync>(
    x: ArrayView2<T>,
    len: usize,
    scratch: (usize, usize),
    one: impl Fn(&[T], &mut Array2<T>, &mut [T]) + Sync,
) -> Array2<T> {
    let x = x.as_standard_layout();
    let samples = x.len_of(Axis(0));
    let mut y = vec![T::zero(); samples * len];
    let flat = x.as_slice().unwrap_or_default();
    let width = x.ncols().max(1);
    y.par_chunks_mut(len.max(1))
        .zip(flat.par_chunks(width))
        .for_each_init(
            || Array2::zeros(scratch),
            |scratch, (y, x)| one(x, scratch, y),
        );
    Array2::from_shape_vec((samples, len), y).expect("as many elements as samples times length")
}

fn as_pixels<'a, T>(y: &'a mut &mut [T], channels: usize) -> ArrayViewMut2<'a, T> {
    let pixels = y.len() / channels.max(1);
    ArrayViewMut2::from_shape((pixels, channels), y).expect("whole pixels")
}

/// The rows of a convolution's kernel, (outputs, inputs, rows, columns): columns are kernel row,
/// kernel column, channel.
pub fn rows_of_conv<T: Copy>(weight: ArrayView4<T>) -> Array2<T> {
    let (outputs, inputs, rows, columns) = weight.dim();
    Array2::from_shape_fn((outputs, rows * columns * inputs), |(output, at)| {
        let (element, input) = (at / inputs, at % inputs);
        weight[[output, input, element / columns, element % columns]]
    })
}

/// The same of a transposed convolution's kernel, (inputs, outputs of a group, rows, columns):
/// columns are kernel row, kernel column, channel of the group.
pub fn rows_of_conv_transpose<T: Copy>(weight: ArrayView4<T>, groups: usize) -> Array2<T> {
    let (inputs, outputs, rows, columns) = weight.dim();
    let inputs = inputs / groups.max(1);
    let dim = (outputs * groups, rows * columns * inputs);
    Array2::from_shape_fn(dim, |(output, at)| {
        let (element, input) = (at / inputs, at % inputs);
        let input = output / outputs * inputs + input;
        weight[[
            input,
            output % outputs,
            element / columns,
            element % columns,
        ]]
    })
}

/// Back from rows to (outputs, inputs, rows, columns).
pub fn conv_of_rows<T: Copy>(rows: ArrayView2<T>, window: Window) -> Array4<T> {
    let [height, width] = window.kernel;
    let inputs = rows.ncols() / window.area().max(1);
    Array4::from_shape_fn((rows.nrows(), inputs, height, width), |(o, c, u, v)| {
        rows[[o, (u * width + v) * inputs + c]]
    })
}

/// Back from rows to (inputs, outputs of a group, rows, columns).
pub fn conv_transpose_of_rows<T: Copy>(rows: ArrayView2<T>, window: Window) -> Array4<T> {
    let [height, width] = window.kernel;
    let inputs = rows.ncols() / window.area().max(1);
    let outputs = rows.nrows() / window.groups.max(1);
    let dim = (inputs * window.groups, outputs, height, width);
    Array4::from_shape_fn(dim, |(c, o, u, v)| {
        let output = c / inputs * outputs + o;
        rows[[output, (u * width + v) * inputs + c % inputs]]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::random::Random;
    use crate::ops;
    use ndarray::Array1;

    #[test]
    fn kernels_become_rows_and_come_back() {
        let weight = Array4::from_shape_fn((3, 2, 4, 5), |(a, b, c, d)| {
            (a * 1000 + b * 100 + c * 10 + d) as f32
        });
        let window = Window::new([4, 5], [1, 1], [0, 0]);
        let rows = rows_of_conv(weight.view());
        // Output 2, kernel row 3, kernel column 4, channel 1.
        assert_eq!(rows[[2, (3 * 5 + 4) * 2 + 1]], 2134.0);
        assert_eq!(conv_of_rows(rows.view(), window), weight);
        let rows = rows_of_conv_transpose(weight.view(), 1);
        // Output 1, kernel row 3, kernel column 4, channel 2.
        assert_eq!(rows[[1, (3 * 5 + 4) * 3 + 2]], 2134.0);
        assert_eq!(conv_transpose_of_rows(rows.view(), window), weight);
    }

    /// `y[o, i, j] = b[o] + sum(w[o, c, u, v] * x[c, i * stride + u - top, j * stride + v -
    /// left])`, in this order.
    fn slow(
        x: &[f64],
        kernel: &Array4<f64>,
        bias: &Array1<f64>,
        window: Window,
        from: Shape,
        to: Shape,
    ) -> Vec<f64> {
        let [top, left] = window.padding;
        let mut y = vec![0.0; to.len()];
        for o in 0..to.channels {
            for i in 0..to.height {
                for j in 0..to.width {
                    let mut sum = bias[o];
                    for ((_, c, u, v), w) in kernel.indexed_iter().filter(|((k, ..), _)| *k == o) {
                        let row = (i * window.stride[0] + u) as isize - top as isize;
                        let column = (j * window.stride[1] + v) as isize - left as isize;
                        if (0..from.height as isize).contains(&row)
                            && (0..from.width as isize).contains(&column)
                        {
                            sum += w * x[from.at(c, row as usize * from.width + column as usize)];
                        }
                    }
                    y[to.at(o, i * to.width + j)] = sum;
                }
            }
        }
        y
    }

    fn any_window(random: &mut Random) -> (Shape, Window, [usize; 2]) {
        let from = Shape {
            channels: 1 + random.below(3),
            height: 1 + random.below(6),
            width: 1 + random.below(6),
        };
        let kernel = [1 + random.below(5), 1 + random.below(5)];
        let stride = [1 + random.below(3), 1 + random.below(3)];
        let [top, left, bottom, right] = [0, 1, 2, 3].map(|side| random.below(kernel[side % 2]));
        (
            from,
            Window::new(kernel, stride, [top, left]),
            [bottom, right],
        )
    }

    #[test]
    fn a_convolution_is_its_definition() {
        let mut random = Random::new(1);
        for _ in 0..500 {
            let (from, window, far) = any_window(&mut random);
            let outputs = 1 + random.below(3);
            let Some(to) = ops::conv::output(window, from, outputs, far) else {
                continue;
            };
            let shape = (outputs, from.channels, window.kernel[0], window.kernel[1]);
            let kernel = Array4::from_shape_simple_fn(shape, || f64::from(random.normal()));
            let bias = Array1::from_shape_simple_fn(outputs, || f64::from(random.normal()));
            let x = Array2::from_shape_simple_fn((2, from.len()), || f64::from(random.normal()));
            let rows = rows_of_conv(kernel.view());
            let y = ops::conv::sums(window, x.view(), rows.view(), bias.view(), from, to);
            for (x, y) in x.rows().into_iter().zip(y.rows()) {
                let expected = slow(&x.to_vec(), &kernel, &bias, window, from, to);
                assert!(y.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-9));
            }
        }
    }

    /// `<conv(x), y> = <x, conv_transpose(y)>` for the same kernel: what "adjoint" means.
    #[test]
    fn a_transposed_convolution_is_the_adjoint() {
        let mut random = Random::new(2);
        for _ in 0..500 {
            let (small, window, cut) = any_window(&mut random);
            let channels = 1 + random.below(3);
            let added = window.stride.map(|s| random.below(s));
            let large = ops::conv_transpose::output(window, small, channels, cut, added);
            let Some(large) = large else {
                continue;
            };
            let shape = (small.channels, channels, window.kernel[0], window.kernel[1]);
            let kernel = Array4::from_shape_simple_fn(shape, || f64::from(random.normal()));
            let x = Array2::from_shape_simple_fn((1, large.len()), || f64::from(random.normal()));
            let y = Array2::from_shape_simple_fn((1, small.len()), || f64::from(random.normal()));
            let none = |outputs: usize| Array1::zeros(outputs);
            let rows = rows_of_conv(kernel.view());
            let bias = none(small.channels);
            let ax = ops::conv::sums(window, x.view(), rows.view(), bias.view(), large, small);
            let rows = rows_of_conv_transpose(kernel.view(), 1);
            let bias = none(channels);
            let aty =
                ops::conv_transpose::sums(window, y.view(), rows.view(), bias.view(), small, large);
            let (left, right) = ((&ax * &y).sum(), (&x * &aty).sum());
            assert!(
                (left - right).abs() < 1e-9 * (1.0 + left.abs()),
                "{left} {right}"
            );
        }
    }
}
