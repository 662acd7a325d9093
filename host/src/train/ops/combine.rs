//! Operations on several activations, written in the backend's tensor operations, which
//! differentiate them; and what their derivatives are made of, where these are to be differentiated
//! again.

use burn_tensor::{Int, Tensor, backend::Backend};

use super::tensor;
use crate::graph::Shape;

/// Tensors (batch, elements) one after the other along the channels, a pixel at a time.
pub fn concat<B: Backend>(parts: Vec<Tensor<B, 2>>, to: Shape) -> Tensor<B, 2> {
    let (pixels, mut batch) = (to.pixels().max(1), 0);
    let parts = parts.into_iter().map(|x| -> Tensor<B, 2> {
        let dims = x.dims();
        batch = dims[0];
        x.reshape([dims[0] * pixels, dims[1] / pixels])
    });
    Tensor::cat(parts.collect(), 1).reshape([batch, to.len()])
}

/// So many channels of each pixel from one on.
pub fn channels<B: Backend>(
    x: Tensor<B, 2>,
    channels: usize,
    first: usize,
    count: usize,
) -> Tensor<B, 2> {
    let [batch, elements] = x.dims();
    let pixels = elements / channels.max(1);
    x.reshape([batch * pixels, channels])
        .narrow(1, first, count)
        .reshape([batch, pixels * count])
}

/// Each channel times its factor, of shape (1, channels).
pub fn scaled<B: Backend>(x: Tensor<B, 2>, factors: Tensor<B, 2>) -> Tensor<B, 2> {
    let ([batch, elements], [_, channels]) = (x.dims(), factors.dims());
    let rows: Tensor<B, 2> = x.reshape([batch * elements / channels.max(1), channels]);
    (rows * factors).reshape([batch, elements])
}

/// The gradient for an input of [`add`] or [`mul`], where it is a vector that counts for each
/// pixel: the sum over the pixels.
pub fn as_vector<B: Backend>(gradient: Tensor<B, 2>, own: Shape, to: Shape) -> Tensor<B, 2> {
    if own.len() == to.len() {
        return gradient;
    }
    let [batch, _] = gradient.dims();
    let pixels: Tensor<B, 3> = gradient.reshape([batch, to.pixels(), to.channels]);
    pixels.sum_dim(1).reshape([batch, own.len()])
}

/// Sum of tensors (batch, elements). Each has the elements of the largest, or `channels`: a vector
/// that is the same for all its pixels.
pub fn add<B: Backend>(
    first: Tensor<B, 2>,
    others: impl IntoIterator<Item = Tensor<B, 2>>,
    channels: usize,
) -> Tensor<B, 2> {
    others.into_iter().fold(first, |sum, part| {
        pixel_by_pixel(sum, part, channels, |a, b| a + b)
    })
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

impl Product {
    /// That of two tensors, each a matrix of width x channels in each row; the second has one for
    /// all rows where it has one row only.
    pub fn of(a: Shape, b: Shape, transposed: bool) -> Self {
        Self {
            matrices: a.height,
            rows: a.width,
            inner: a.channels,
            columns: if transposed { b.width } else { b.channels },
            shared: b.height == 1,
            transposed,
        }
    }

    /// How often the second tensor has a matrix in so many samples, and the rows that each is
    /// multiplied with. With one for all, the rows of all matrices are those of one.
    fn parts(&self, batch: usize) -> (usize, usize) {
        if self.shared {
            (batch, self.matrices * self.rows)
        } else {
            (batch * self.matrices, self.rows)
        }
    }
}

/// Products of the matrices of two activations, a sample at a time: (batch, matrices x rows x
/// inner) and (batch, matrices x inner x columns) to (batch, matrices x rows x columns).
pub fn matmul<B: Backend>(a: Tensor<B, 2>, b: Tensor<B, 2>, product: Product) -> Tensor<B, 2> {
    let [batch, _] = a.dims();
    let (count, rows) = product.parts(batch);
    let (inner, columns) = (product.inner, product.columns);
    let done = [batch, product.matrices * product.rows * columns];
    if rows == 1 && columns == 1 {
        // Two vectors: a sum of products, without the detour of a matrix product each.
        let a: Tensor<B, 2> = a.reshape([count, inner]);
        return (a * b.reshape([count, inner])).sum_dim(1).reshape(done);
    }
    let a: Tensor<B, 3> = a.reshape([count, rows, inner]);
    let b: Tensor<B, 3> = if product.transposed {
        b.reshape([count, columns, inner]).swap_dims(1, 2)
    } else {
        b.reshape([count, inner, columns])
    };
    a.matmul(b).reshape(done)
}

/// The gradient of [`matmul`] for its first tensor, from that of its output and from the second
/// tensor.
pub fn matmul_left<B: Backend>(
    gradient: Tensor<B, 2>,
    b: Tensor<B, 2>,
    product: Product,
) -> Tensor<B, 2> {
    let back = Product {
        inner: product.columns,
        columns: product.inner,
        transposed: !product.transposed,
        ..product
    };
    matmul(gradient, b, back)
}

/// The gradient of [`matmul`] for its second tensor, from the first one and from that of its
/// output.
pub fn matmul_right<B: Backend>(
    a: Tensor<B, 2>,
    gradient: Tensor<B, 2>,
    product: Product,
) -> Tensor<B, 2> {
    let [batch, _] = a.dims();
    let (count, rows) = product.parts(batch);
    let a: Tensor<B, 3> = a.reshape([count, rows, product.inner]);
    let gradient: Tensor<B, 3> = gradient.reshape([count, rows, product.columns]);
    let found = if product.transposed {
        gradient.swap_dims(1, 2).matmul(a)
    } else {
        a.swap_dims(1, 2).matmul(gradient)
    };
    found.reshape([
        batch,
        count / batch.max(1) * product.inner * product.columns,
    ])
}

/// Rows of a table (rows, columns) by their numbers (batch, 1); numbers past the end give the last
/// row.
pub fn rows_of<B: Backend>(table: Tensor<B, 2>, numbers: Tensor<B, 2>) -> Tensor<B, 2> {
    let ([rows, _], [batch, _]) = (table.dims(), numbers.dims());
    // Tables have far fewer than 2^24 rows.
    let last = rows.saturating_sub(1) as f32;
    let places: Tensor<B, 1, Int> = numbers.detach().clamp(0.0, last).int().reshape([batch]);
    table.select(0, places)
}

/// The number of the largest channel of each pixel, the first of equals: (batch, pixels x channels)
/// to (batch, pixels). It has no gradient.
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
    use super::super::checks::{differentiates, random};
    use super::super::values;
    use super::*;
    use burn_autodiff::Autodiff;
    use burn_flex::Flex;

    type A = Autodiff<Flex>;

    #[test]
    fn sums_and_products_follow_their_definition_and_have_their_gradients() {
        let (pixels, channels) = (4, 3);
        let (x, y, vector) = (random(2, 12, 1), random(2, 12, 2), random(2, 3, 3));
        let [a, b, v] = [&x, &y, &vector].map(values);
        let sum = values(&add(vector.clone(), [x.clone(), y.clone()], channels));
        let gated = values(&mul(vector.clone(), x.clone(), channels));
        for (i, (sum, gated)) in sum.iter().zip(&gated).enumerate() {
            let v = v[i / (pixels * channels) * channels + i % channels];
            assert_eq!((*sum, *gated), (v + a[i] + b[i], v * a[i]), "{i}");
        }
        assert_eq!(values(&mul(x.clone(), y.clone(), channels))[7], a[7] * b[7]);
        differentiates(
            vec![x.clone(), vector.clone(), y.clone()],
            |t| add(t[0].clone(), t[1..].to_vec(), channels),
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

    #[test]
    fn written_out_gradients_of_products_are_those_of_the_backend() {
        for (matrices, rows, columns, shared) in
            [(3, 4, 2, false), (3, 4, 2, true), (2, 1, 1, false)]
        {
            for transposed in [false, true] {
                let product = Product {
                    matrices,
                    rows,
                    inner: 5,
                    columns,
                    shared,
                    transposed,
                };
                let others = if shared { 1 } else { matrices };
                let of = |x: Tensor<Flex, 2>| Tensor::<A, 2>::from_inner(x).require_grad();
                let a = of(random(2, matrices * rows * 5, 1));
                let b = of(random(2, others * columns * 5, 2));
                let gradient = Tensor::from_inner(random(2, matrices * rows * columns, 3));
                let y = matmul(a.clone(), b.clone(), product);
                let found = (y * gradient.clone()).sum().backward();
                let left = matmul_left(gradient.clone(), b.clone(), product);
                let right = matmul_right(a.clone(), gradient, product);
                for (x, written) in [(a, left), (b, right)] {
                    let expected = values(&x.grad(&found).unwrap());
                    for (a, b) in values(&written).iter().zip(expected) {
                        assert!((a - b).abs() < 1e-5, "{product:?}: {a} {b}");
                    }
                }
            }
        }
    }

    #[test]
    fn channels_are_joined_and_taken_apart() {
        let (a, b) = (random(2, 6, 1), random(2, 4, 2));
        let to = Shape {
            channels: 5,
            height: 1,
            width: 2,
        };
        let both = concat(vec![a.clone(), b.clone()], to);
        assert_eq!(values(&both)[3..5], values(&b)[..2]);
        assert_eq!(values(&channels(both.clone(), 5, 0, 3)), values(&a));
        assert_eq!(values(&channels(both, 5, 3, 2)), values(&b));
        differentiates(vec![a, b], |t| concat(t.to_vec(), to), "concatenation");
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
