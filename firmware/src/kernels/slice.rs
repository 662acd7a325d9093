//! Parts of tensors.

use super::strided::{Loop, copy};
use super::{Kernel, Operands, State};
use shared::op::Slice;

impl Kernel for Slice {
    fn run(&self, operands: &Operands<'_>, output: &mut [i8], _: &mut State) {
        let ((from, input), to) = (operands.first(), operands.to);
        let (channels, width) = (usize::from(from.channels), usize::from(from.width));
        let row = width.wrapping_mul(channels);
        let [top, left, first] = self.start.map(usize::from);
        let [down, right, on] = self.step.map(usize::from);
        let start = top
            .wrapping_mul(row)
            .wrapping_add(left.wrapping_mul(channels))
            .wrapping_add(first);
        let loops = [
            Loop::ONCE,
            Loop::ONCE,
            Loop::new(to.height, down.wrapping_mul(row)),
            Loop::new(to.width, right.wrapping_mul(channels)),
            Loop::new(to.channels, on),
        ];
        copy(&loops, start, input, output);
    }
}

#[cfg(any(test, feature = "oracle"))]
impl super::oracle::Oracle for Slice {
    fn oracle(
        &self,
        problem: &super::oracle::Problem<'_>,
        _: &mut State,
    ) -> super::oracle::Vec<i8> {
        let ([top, left, first], [down, right, on]) = (self.start, self.step);
        problem.output(|[row, column, channel]| {
            let at = |start: u16, step: u8, at: usize| usize::from(start) + usize::from(step) * at;
            problem.at(
                0,
                [
                    at(top, down, row),
                    at(left, right, column),
                    at(first, on, channel),
                ],
            )
        })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::super::testing::*;
    use super::*;
    use proptest::prelude::*;
    use std::vec;

    /// Every start, step and length along every axis of up to 4 elements.
    #[test]
    fn every_small_part() {
        let mut pool = Pool::new(32);
        let axis = |len: u16| -> vec::Vec<(u16, u8, u16)> {
            let starts = (0..len).flat_map(|start| (1..=3u8).map(move |step| (start, step)));
            starts
                .flat_map(|(start, step)| {
                    let most = (len - start).div_ceil(u16::from(step));
                    (1..=most).map(move |count| (start, step, count))
                })
                .collect()
        };
        let mut count = 0;
        for from in shapes(3) {
            let x = pool.tensor(&from);
            let [rows, columns, channels] = from.shape().map(axis);
            for &(top, down, height) in &rows {
                for &(left, right, width) in &columns {
                    for &(first, on, depth) in &channels {
                        let slice = Slice {
                            start: [top, left, first],
                            step: [down, right, on],
                        };
                        check_one(slice, &from, &tensor([height, width, depth]), &x);
                        count += 1;
                    }
                }
            }
        }
        assert!(count > 12_000, "{count}");
    }

    proptest! {
        #[test]
        fn nothing_panics(start: [u16; 3], step: [u8; 3], from: [u16; 3], to: [u16; 3], x in 0usize..50, y in 0usize..50) {
            let [from, to] = [from, to].map(|shape| tensor(shape.map(|n| n % 30)));
            must_not_panic(&Slice { start, step }.into(), &[from], &to, &[&vec![1; x]], y);
        }
    }
}
