//! Functions of one element, as 256 entries.

use super::{Kernel, Operands, State};
use shared::op::Table;

impl Kernel for Table<'_> {
    fn run(&self, operands: &Operands<'_>, output: &mut [i8], _: &mut State) {
        for (y, &x) in output.iter_mut().zip(operands.first().1) {
            *y = look_up(self.entries, x);
        }
    }

    fn run_in_place(&self, _: &Operands<'_>, data: &mut [i8]) -> Option<()> {
        for x in data {
            *x = look_up(self.entries, *x);
        }
        Some(())
    }
}

#[inline(always)]
fn look_up(entries: &[u8; 256], x: i8) -> i8 {
    // Adding 128 to a two's complement byte flips its upper bit.
    entries[usize::from(x as u8 ^ 0x80)] as i8
}

#[cfg(any(test, feature = "oracle"))]
impl super::oracle::Oracle for Table<'_> {
    fn oracle(
        &self,
        problem: &super::oracle::Problem<'_>,
        _: &mut State,
    ) -> super::oracle::Vec<i8> {
        let x = problem.inputs[0].iter();
        x.map(|&q| self.entries[(i16::from(q) + 128) as usize] as i8)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn every_entry_is_found_in_place_and_not() {
        let entries: [u8; 256] =
            core::array::from_fn(|i| (i as u8).wrapping_mul(77).wrapping_add(5));
        let input: [i8; 256] = core::array::from_fn(|i| (i as i16 - 128) as i8);
        let picture = tensor([16, 16, 1]);
        let table = Table { entries: &entries };
        check_one(table, &picture, &picture, &input);
        let mut in_place = input;
        let operands = Operands {
            from: &[picture],
            to: &picture,
            inputs: &[&[]],
        };
        assert_eq!(table.run_in_place(&operands, &mut in_place), Some(()));
        for (found, entry) in in_place.iter().zip(entries) {
            assert_eq!(*found, entry as i8);
        }
    }
}
