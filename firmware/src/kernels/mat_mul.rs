//! Products of two tensors' matrices.

use super::{Kernel, Operands, State};
use shared::op::MatMul;

impl Kernel for MatMul {
    /// Accumulators wrap, and in a checked image none comes near to wrapping.
    fn run(&self, operands: &Operands<'_>, output: &mut [i8], _: &mut State) {
        let ((from, a), (other, b)) = (operands.first(), operands.input(1));
        let inner = usize::from(from.channels).max(1);
        let columns = usize::from(operands.to.channels).max(1);
        let rows = usize::from(from.width).max(1);
        // One matrix of the second input, and the step from one to the next.
        let matrix = inner.saturating_mul(columns);
        let next = if other.height > 1 { matrix } else { 0 };
        let mut targets = output.chunks_exact_mut(columns);
        for (index, row) in a.chunks_exact(inner).enumerate() {
            let Some(target) = targets.next() else { return };
            let at = (index / rows).saturating_mul(next);
            let Some(matrix) = b.get(at..).and_then(|rest| rest.get(..matrix)) else {
                return;
            };
            for (column, y) in target.iter_mut().enumerate() {
                let mut sum = 0i32;
                let mut add = |&x: &i8, &w: &i8| {
                    sum = sum.wrapping_add(i32::from(x) * i32::from(w));
                };
                if self.transposed {
                    let other = matrix
                        .get(column.saturating_mul(inner)..)
                        .unwrap_or_default();
                    row.iter().zip(other).for_each(|(x, w)| add(x, w));
                } else {
                    let other = matrix.get(column..).unwrap_or_default();
                    let other = other.iter().step_by(columns);
                    row.iter().zip(other).for_each(|(x, w)| add(x, w));
                }
                *y = self.activation.requantize(sum, self.shift);
            }
        }
    }
}

#[cfg(any(test, feature = "oracle"))]
impl super::oracle::Oracle for MatMul {
    fn oracle(
        &self,
        problem: &super::oracle::Problem<'_>,
        _: &mut State,
    ) -> super::oracle::Vec<i8> {
        let [_, _, inner] = problem.shape(0);
        let [matrices, ..] = problem.shape(1);
        problem.output(|[matrix, row, column]| {
            let other = if matrices == 1 { 0 } else { matrix };
            let mut sum = 0i64;
            for k in 0..inner {
                let b = match self.transposed {
                    true => problem.at(1, [other, column, k]),
                    false => problem.at(1, [other, k, column]),
                };
                sum += i64::from(problem.at(0, [matrix, row, k])) * i64::from(b);
            }
            super::oracle::requantize(sum, self.shift, self.activation)
        })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::super::testing::*;
    use super::*;
    use proptest::prelude::*;
    use shared::arithmetic::Activation;
    use std::vec;

    fn problem(
        [matrices, rows, inner, columns]: [u16; 4],
        alone: bool,
        transposed: bool,
        shift: u8,
        activation: Activation,
        pool: &mut Pool,
    ) {
        let from = tensor([matrices, rows, inner]);
        let [a, b] = if transposed {
            [columns, inner]
        } else {
            [inner, columns]
        };
        let other = tensor([if alone { 1 } else { matrices }, a, b]);
        let to = tensor([matrices, rows, columns]);
        let kind = MatMul {
            transposed,
            shift,
            activation,
        };
        let (x, y) = (pool.tensor(&from), pool.tensor(&other));
        check(&kind.into(), &[from, other], &to, &[&x, &y]);
    }

    #[test]
    fn every_small_shape() {
        let mut pool = Pool::new(23);
        let mut count = 0;
        let sizes = (1..=3u16).flat_map(|m| (1..=4u16).map(move |r| (m, r)));
        let sizes = sizes.flat_map(|(m, r)| (1..=5u16).map(move |i| (m, r, i)));
        for (m, r, i, c) in sizes.flat_map(|(m, r, i)| (1..=4u16).map(move |c| (m, r, i, c))) {
            for (alone, transposed) in [(false, false), (false, true), (true, false), (true, true)]
            {
                for activation in ACTIVATIONS {
                    let shift = 1 + pool.below(12) as u8;
                    problem(
                        [m, r, i, c],
                        alone,
                        transposed,
                        shift,
                        activation,
                        &mut pool,
                    );
                    count += 1;
                }
            }
        }
        assert_eq!(count, 3 * 4 * 5 * 4 * 4 * 9);
    }

    proptest! {
        #[test]
        fn random_shapes_equal_the_oracle(
            shape in [1u16..5, 1u16..20, 1u16..70, 1u16..20], alone: bool, transposed: bool, shift in 1u8..=16,
            activation in proptest::sample::select(&ACTIVATIONS[..]), seed: u64,
        ) {
            problem(shape, alone, transposed, shift, activation, &mut Pool::new(seed));
        }

        #[test]
        fn nothing_panics(shapes: [[u16; 3]; 3], transposed: bool, shift: u8, lens in [0usize..60, 0usize..60, 0usize..60]) {
            let [a, b, to] = shapes.map(|shape| tensor(shape.map(|n| n % 9)));
            let kind = MatMul { transposed, shift, activation: Activation::None };
            let inputs: [&[i8]; 2] = [&vec![-128; lens[0]], &vec![127; lens[1]]];
            must_not_panic(&kind.into(), &[a, b], &to, &inputs, lens[2]);
        }
    }
}
