//! Operations on several activations, and pooling: written in the backend's tensor operations, which differentiate them.

use burn_tensor::{Int, Tensor, backend::Backend};

use super::{Geometry, Kernels, conv};
use crate::train::arch::tensor;

/// Sum of tensors (batch, elements). Each has the elements of the largest, or `channels`: a vector that is the same for all
/// its pixels.
pub fn add<B: Backend>(parts: Vec<Tensor<B, 2>>, channels: usize) -> Option<Tensor<B, 2>> {
    parts
        .into_iter()
        .reduce(|sum, part| pixel_by_pixel(sum, part, channels, |a, b| a + b))
}

/// Product of two tensors, element by element; sizes as in [`add`].
pub fn mul<B: Backend>(a: Tensor<B, 2>, b: Tensor<B, 2>, channels: usize) -> Tensor<B, 2> {
    pixel_by_pixel(a, b, channels, |a, b| a * b)
}

fn pixel_by_pixel<B: Backend>(
    a: Tensor<B, 2>,
    b: Tensor<B, 2>,
    channels: usize,
    combine: impl Fn(Tensor<B, 3>, Tensor<B, 3>) -> Tensor<B, 3>,
) -> Tensor<B, 2> {
    let ([batch, of_a], [_, of_b]) = (a.dims(), b.dims());
    let cut = |x: Tensor<B, 2>, elements: usize| -> Tensor<B, 3> {
        x.reshape([batch, elements / channels.max(1), channels])
    };
    combine(cut(a, of_a), cut(b, of_b)).reshape([batch, of_a.max(of_b)])
}

/// Sizes of a [`matmul`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Product {
    /// Matrices that a sample of the first tensor has.
    pub matrices: usize,
    /// Rows of each.
    pub rows: usize,
    /// Columns of each.
    pub inner: usize,
    /// Columns of each matrix that comes out.
    pub columns: usize,
    /// The second tensor has one matrix for all matrices of the first, not one for each.
    pub shared: bool,
    /// The second tensor's matrices lie transposed: columns x inner.
    pub transposed: bool,
}

/// Products of the matrices of two activations, a sample at a time: (batch, matrices x rows x inner) and (batch, matrices x
/// inner x columns) to (batch, matrices x rows x columns).
pub fn matmul<B: Backend>(a: Tensor<B, 2>, b: Tensor<B, 2>, product: Product) -> Tensor<B, 2> {
    let Product {
        matrices,
        rows,
        inner,
        columns,
        shared,
        transposed,
    } = product;
    let [batch, _] = a.dims();
    // With one matrix for all, the rows of all matrices are those of one.
    let (count, high) = if shared {
        (batch, matrices * rows)
    } else {
        (batch * matrices, rows)
    };
    let a: Tensor<B, 3> = a.reshape([count, high, inner]);
    let b: Tensor<B, 3> = if transposed {
        b.reshape([count, columns, inner]).swap_dims(1, 2)
    } else {
        b.reshape([count, inner, columns])
    };
    a.matmul(b).reshape([batch, matrices * rows * columns])
}

/// Sums over a window of each channel: (batch, large) to (batch, small). The geometry has a group a channel.
pub fn window_sums<B: Kernels>(x: Tensor<B, 2>, g: Geometry) -> Tensor<B, 2> {
    let [rows, columns] = g.weight();
    let ones = tensor(vec![1.0; rows * columns], [rows, columns], &x.device());
    conv(x, ones, g)
}

/// For each pixel of the small picture the values that a mean over its window is of: the window's places, or those inside
/// the large picture where the padding does not count.
pub fn window_counts(g: Geometry, with_padding: bool) -> Vec<usize> {
    let pixels = g.small.height * g.small.width;
    if with_padding {
        return vec![g.kernel[0] * g.kernel[1]; pixels];
    }
    let mut counts = vec![0; pixels];
    g.taps(|small, _, _| counts[small] += 1);
    counts
}

/// Means over a window of each channel; see [`window_sums`] and [`window_counts`].
pub fn average_pool<B: Kernels>(x: Tensor<B, 2>, g: Geometry, with_padding: bool) -> Tensor<B, 2> {
    let counts = window_counts(g, with_padding);
    let factors = counts.iter().flat_map(|count| {
        // A window has far fewer than 2^24 places.
        std::iter::repeat_n(1.0 / (*count).max(1) as f32, g.small.channels)
    });
    let factors = tensor(factors.collect(), [1, g.small.len()], &x.device());
    window_sums(x, g) * factors
}

/// Rows of a table (rows, columns) by their numbers (batch, 1); numbers past the end give the last row.
pub fn rows_of<B: Backend>(table: Tensor<B, 2>, numbers: Tensor<B, 2>) -> Tensor<B, 2> {
    let ([rows, _], [batch, _]) = (table.dims(), numbers.dims());
    // Tables have far fewer than 2^24 rows.
    let last = rows.saturating_sub(1) as f32;
    let places: Tensor<B, 1, Int> = numbers.detach().clamp(0.0, last).int().reshape([batch]);
    table.select(0, places)
}

/// The number of the largest channel of each pixel, the first of equals: (batch, pixels x channels) to (batch, pixels). It
/// has no gradient.
pub fn argmax<B: Backend>(x: Tensor<B, 2>, channels: usize) -> Tensor<B, 2> {
    let ([batch, elements], device) = (x.dims(), x.device());
    let pixels = elements / channels.max(1);
    let x = x.detach().reshape([batch * pixels, channels]);
    let numbers = (0..channels).map(|channel| channel as f32).collect();
    let numbers: Tensor<B, 2> = tensor(numbers, [1, channels], &device);
    let smaller = x.clone().lower(x.clone().max_dim(1));
    // What is smaller than the maximum counts as a number past the end.
    let numbers = x.zeros_like() + numbers;
    let first = numbers.mask_fill(smaller, channels as f32).min_dim(1);
    first.reshape([batch, pixels])
}

#[cfg(test)]
mod tests {
    use super::super::tests::{differentiates, random};
    use super::*;
    use crate::network::Shape;
    use crate::train::arch::values;
    use burn_flex::Flex;

    #[test]
    fn sums_and_products_follow_their_definition_and_have_their_gradients() {
        let (pixels, channels) = (4, 3);
        let (x, y, vector) = (random(2, 12, 1), random(2, 12, 2), random(2, 3, 3));
        let [a, b, v] = [&x, &y, &vector].map(values);
        let sum = values(&add(vec![vector.clone(), x.clone(), y.clone()], channels).unwrap());
        let gated = values(&mul(vector.clone(), x.clone(), channels));
        for (i, (sum, gated)) in sum.iter().zip(&gated).enumerate() {
            let v = v[i / (pixels * channels) * channels + i % channels];
            assert_eq!((*sum, *gated), (v + a[i] + b[i], v * a[i]), "{i}");
        }
        assert_eq!(values(&mul(x.clone(), y.clone(), channels))[7], a[7] * b[7]);
        differentiates(
            vec![x.clone(), vector.clone(), y.clone()],
            |t| add(t.to_vec(), channels).unwrap(),
            "sum",
        );
        for pair in [
            vec![x.clone(), y],
            vec![x.clone(), vector.clone()],
            vec![vector, x],
        ] {
            differentiates(pair, |t| mul(t[0].clone(), t[1].clone(), channels), "gate");
        }
    }

    #[test]
    fn products_of_matrices_follow_their_definition_and_have_their_gradients() {
        for (matrices, shared) in [(1, false), (3, false), (3, true)] {
            for transposed in [false, true] {
                let product = Product {
                    matrices,
                    rows: 4,
                    inner: 5,
                    columns: 2,
                    shared,
                    transposed,
                };
                let others = if shared { 1 } else { matrices };
                let a = random(2, matrices * 20, 1);
                let b = random(2, others * 10, 2);
                let found = values(&matmul(a.clone(), b.clone(), product));
                let (x, y) = (values(&a), values(&b));
                assert_eq!(found.len(), 2 * matrices * 8);
                for (i, found) in found.iter().enumerate() {
                    let (matrix, row, column) = (i / 8, i / 2 % 4, i % 2);
                    let other = if shared { matrix / matrices } else { matrix };
                    let expected: f32 = (0..5)
                        .map(|k| {
                            let place = if transposed {
                                column * 5 + k
                            } else {
                                k * 2 + column
                            };
                            x[(matrix * 4 + row) * 5 + k] * y[other * 10 + place]
                        })
                        .sum();
                    assert!((found - expected).abs() < 1e-5, "{found} {expected}");
                }
                differentiates(
                    vec![a, b],
                    |t| matmul(t[0].clone(), t[1].clone(), product),
                    "product of matrices",
                );
            }
        }
    }

    fn pool(before: [usize; 2]) -> Geometry {
        let shape = |height, width| Shape {
            channels: 2,
            height,
            width,
        };
        Geometry {
            large: shape(5, 6),
            small: shape(3, 2),
            kernel: [2, 3],
            stride: [2, 3],
            before,
            dilation: [1; 2],
            groups: 2,
        }
    }

    #[test]
    fn means_over_windows_follow_their_definition_and_have_their_gradients() {
        let g = pool([1, 1]);
        let x = random(2, g.large.len(), 1);
        for with_padding in [false, true] {
            let found = values(&average_pool(x.clone(), g, with_padding));
            let x = values(&x);
            // The first window's places inside: one row, two columns.
            let count = if with_padding { 6.0 } else { 2.0 };
            assert!((found[1] - (x[1] + x[3]) / count).abs() < 1e-6);
            let last = g.small.len() - 2;
            let all: f32 = [3, 4]
                .iter()
                .flat_map(|y| [2, 3, 4].map(|column| x[(y * 6 + column) * 2]))
                .sum();
            assert!((found[last] - all / 6.0).abs() < 1e-6);
        }
        differentiates(
            vec![x],
            |t| average_pool(t[0].clone(), g, false),
            "mean over windows",
        );
        assert_eq!(window_counts(g, false), [2, 3, 4, 6, 4, 6]);
    }

    #[test]
    fn rows_are_taken_by_number_and_learn() {
        let table = random(3, 4, 1);
        let numbers = || tensor::<Flex>(vec![2.0, 0.0, 9.0, 2.0], [4, 1], &Default::default());
        let found = values(&rows_of(table.clone(), numbers()));
        let rows = values(&table);
        let expected: Vec<f32> = [2, 0, 2, 2]
            .iter()
            .flat_map(|row| rows[row * 4..(row + 1) * 4].to_vec())
            .collect();
        assert_eq!(found, expected);
        differentiates(
            vec![table],
            |t| rows_of(t[0].clone(), Tensor::from_inner(numbers())),
            "rows of a table",
        );
    }

    #[test]
    fn the_first_of_the_largest_wins() {
        let x = vec![
            1.0, 3.0, 3.0, -2.0, -2.0, -7.0, 0.0, 0.5, 0.75, 4.0, 4.0, 4.0,
        ];
        let x = tensor::<Flex>(x, [2, 6], &Default::default());
        assert_eq!(values(&argmax(x, 3)), [1.0, 0.0, 2.0, 0.0]);
    }
}
