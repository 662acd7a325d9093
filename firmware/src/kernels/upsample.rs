//! Nearest-neighbour upsampling by whole factors.

use super::{Kernel, Operands, State};
use shared::op::Upsample;

impl Kernel for Upsample {
    fn run(&self, operands: &Operands<'_>, output: &mut [i8], _: &mut State) {
        let (from, input) = operands.first();
        let channels = usize::from(from.channels).max(1);
        let row_len = usize::from(from.width).saturating_mul(channels).max(1);
        let [rows, columns] = self.factor;
        let mut targets = output.chunks_exact_mut(channels);
        for row in input.chunks_exact(row_len) {
            for _ in 0..rows {
                for pixel in row.chunks_exact(channels) {
                    for target in targets.by_ref().take(usize::from(columns)) {
                        for (y, &x) in target.iter_mut().zip(pixel) {
                            *y = x;
                        }
                    }
                }
            }
        }
    }
}

#[cfg(any(test, feature = "oracle"))]
impl super::oracle::Oracle for Upsample {
    fn oracle(
        &self,
        problem: &super::oracle::Problem<'_>,
        _: &mut State,
    ) -> super::oracle::Vec<i8> {
        let [down, right] = self.factor.map(usize::from);
        problem.output(|[row, column, c]| problem.at(0, [row / down, column / right, c]))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::super::testing::*;
    use super::*;
    use proptest::prelude::*;
    use std::vec;

    #[test]
    fn every_small_upsampling() {
        let mut pool = Pool::new(1);
        let mut count = 0;
        for from in shapes(4) {
            for factor in (1..=4u8).flat_map(|rows| (1..=4u8).map(move |columns| [rows, columns])) {
                let [rows, columns] = factor.map(u16::from);
                let to = tensor([from.height * rows, from.width * columns, from.channels]);
                check_one(Upsample { factor }, &from, &to, &pool.tensor(&from));
                count += 1;
            }
        }
        assert_eq!(count, 64 * 16);
    }

    proptest! {
        #[test]
        fn nothing_panics(factor: [u8; 2], from: [u16; 3], x in 0usize..50, y in 0usize..50) {
            let from = tensor(from.map(|n| n % 300));
            must_not_panic(&Upsample { factor }.into(), &[from], &from, &[&vec![1; x]], y);
        }
    }
}
