//! Products of the matrices of two activations.

use burn_tensor::{Tensor, backend::Backend};

use super::{At, Scales, TrainableCombine};
use crate::graph::Shape;
use crate::ops::mat_mul::MatMul;
use crate::train::ops::Kernels;

impl TrainableCombine for MatMul {
    fn forward<B: Kernels>(&self, mut inputs: Vec<Tensor<B, 2>>, at: At<'_>) -> Tensor<B, 2> {
        let product = Product::of(at.shapes[0], at.shapes[1], self.transposed);
        let b = inputs.swap_remove(1);
        matmul(inputs.swap_remove(0), b, product)
    }

    fn input_gradient<B: Kernels>(
        &self,
        place: usize,
        gradient: Tensor<B, 2>,
        value: &dyn Fn(usize) -> Tensor<B, 2>,
        at: At<'_>,
    ) -> Tensor<B, 2> {
        let product = Product::of(at.shapes[0], at.shapes[1], self.transposed);
        match place {
            0 => matmul_left(gradient, value(1), product),
            _ => matmul_right(value(0), gradient, product),
        }
    }

    fn scales(&self, shifts: &[u8], at: At<'_>) -> Option<Scales> {
        Scales::rounded_once(shifts, at, 2)
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::ops::checks::{differentiates, random};
    use crate::train::ops::values;
    use burn_autodiff::Autodiff;
    use burn_flex::Flex;

    type A = Autodiff<Flex>;

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
}
