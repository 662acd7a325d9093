//! Pixels that become channels.

use super::strided::{Loop, copy};
use super::{Kernel, Operands, State};
use shared::op::{BlockOrder, SpaceToDepth};

impl Kernel for SpaceToDepth {
    fn run(&self, operands: &Operands<'_>, output: &mut [i8], _: &mut State) {
        let ((from, input), to) = (operands.first(), operands.to);
        let [rows, columns] = self.block.map(usize::from);
        let channels = usize::from(from.channels);
        let row = usize::from(from.width).wrapping_mul(channels);
        let down = Loop::new(rows, row);
        let right = Loop::new(columns, channels);
        let on = Loop::new(channels, 1);
        let [a, b, c] = match self.order {
            BlockOrder::PixelsFirst => [down, right, on],
            BlockOrder::ChannelsFirst => [on, down, right],
        };
        let loops = [
            Loop::new(to.height, rows.wrapping_mul(row)),
            Loop::new(to.width, columns.wrapping_mul(channels)),
            a,
            b,
            c,
        ];
        copy(&loops, 0, input, output);
    }
}

#[cfg(any(test, feature = "oracle"))]
impl super::oracle::Oracle for SpaceToDepth {
    fn oracle(
        &self,
        problem: &super::oracle::Problem<'_>,
        _: &mut State,
    ) -> super::oracle::Vec<i8> {
        let [h, w] = self.block.map(u32::from);
        let n = u32::from(problem.from[0].channels);
        let places = (0..h).flat_map(|i| (0..w).map(move |j| (i, j)));
        let places: super::oracle::Vec<[u32; 3]> = places
            .flat_map(|(i, j)| (0..n).map(move |c| [i, j, c]))
            .collect();
        problem.output(|[row, column, channel]| {
            let is_it =
                |place: &&[u32; 3]| self.order.channel([h, w], n, **place) as usize == channel;
            let [i, j, c] = *places
                .iter()
                .find(is_it)
                .expect("each channel is one place");
            let place = [
                row * h as usize + i as usize,
                column * w as usize + j as usize,
            ];
            problem.at(0, [place[0], place[1], c as usize])
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

    #[test]
    fn every_small_shape_and_block() {
        let mut pool = Pool::new(34);
        for to in shapes(3) {
            for block in (1..=3u8).flat_map(|h| (1..=3u8).map(move |w| [h, w])) {
                for order in [BlockOrder::PixelsFirst, BlockOrder::ChannelsFirst] {
                    let [h, w] = block.map(u16::from);
                    let small = tensor([to.height, to.width, to.channels * h * w]);
                    let from = tensor([to.height * h, to.width * w, to.channels]);
                    let operator = SpaceToDepth { block, order };
                    check_one(operator, &from, &small, &pool.tensor(&from));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(block: [u8; 2], from: [u16; 3], to: [u16; 3], x in 0usize..50, y in 0usize..50) {
            let [from, to] = [from, to].map(|shape| tensor(shape.map(|n| n % 30)));
            must_not_panic(&SpaceToDepth { block, order: BlockOrder::PixelsFirst }.into(), &[from], &to, &[&vec![1; x]], y);
        }
    }
}
