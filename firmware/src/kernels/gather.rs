//! Rows of a table by an index of one byte.

use super::{Kernel, Operands, State};
use shared::op::Gather;

impl Kernel for Gather<'_> {
    fn run(&self, operands: &Operands<'_>, output: &mut [i8], _: &mut State) {
        // The byte has no sign.
        let index = operands.first().1.first().map_or(0, |&index| index as u8);
        let last = usize::from(self.count).saturating_sub(1);
        let start = usize::from(index).min(last).saturating_mul(output.len());
        let row = self.rows.get(start..).unwrap_or_default();
        for (y, &x) in output.iter_mut().zip(row) {
            *y = x as i8;
        }
    }
}

#[cfg(any(test, feature = "oracle"))]
impl super::oracle::Oracle for Gather<'_> {
    fn oracle(
        &self,
        problem: &super::oracle::Problem<'_>,
        _: &mut State,
    ) -> super::oracle::Vec<i8> {
        let index = i16::from(problem.inputs[0][0]).rem_euclid(256) as usize;
        let mut rows = self.rows.chunks(problem.to.len() as usize);
        let last = rows.len() - 1;
        let row = rows.nth(index.min(last)).expect("a table has rows");
        row.iter().map(|&x| x as i8).collect()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::super::testing::*;
    use super::*;
    use proptest::prelude::*;
    use std::vec;

    /// Every index into tables of every length up to 256.
    #[test]
    fn every_index_of_every_table() {
        let mut pool = Pool::new(37);
        let one = tensor([1, 1, 1]);
        for to in [tensor([1, 1, 1]), tensor([1, 1, 3]), tensor([2, 2, 2])] {
            let all = pool.bytes(256 * to.len() as usize);
            for count in 1..=256u16 {
                let rows = &all[..usize::from(count) * to.len() as usize];
                for index in i8::MIN..=i8::MAX {
                    let kind = Gather { count, rows }.into();
                    check(&kind, &[one], &to, &[&[index]]);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(count: u16, rows in 0usize..50, x in 0usize..3, y in 0usize..50) {
            let one = tensor([1, 1, 1]);
            let rows = vec![1; rows];
            let kind = Gather { count, rows: &rows }.into();
            must_not_panic(&kind, &[one], &one, &[&vec![-1; x]], y);
        }
    }
}
