//! Channels that become pixels.

use super::strided::{Loop, copy};
use super::{Kernel, Operands, State};
use shared::op::DepthToSpace;

impl Kernel for DepthToSpace {
    fn run(&self, operands: &Operands<'_>, output: &mut [i8], _: &mut State) {
        let ((from, input), to) = (operands.first(), operands.to);
        let [rows, columns] = self.block.map(u32::from);
        let channels = usize::from(from.channels);
        let row = usize::from(from.width).wrapping_mul(channels);
        let steps = self.order.steps([rows, columns], u32::from(to.channels));
        let [down, right, on] = steps.map(|step| step as usize);
        let loops = [
            Loop::new(from.height, row),
            Loop::new(self.block[0], down),
            Loop::new(from.width, channels),
            Loop::new(self.block[1], right),
            Loop::new(to.channels, on),
        ];
        copy(&loops, 0, input, output);
    }
}

#[cfg(any(test, feature = "oracle"))]
impl super::oracle::Oracle for DepthToSpace {
    fn oracle(
        &self,
        problem: &super::oracle::Problem<'_>,
        _: &mut State,
    ) -> super::oracle::Vec<i8> {
        let [h, w] = self.block.map(u32::from);
        let n = u32::from(problem.to.channels);
        problem.output(|[row, column, c]| {
            let place = [row as u32 % h, column as u32 % w, c as u32];
            let channel = self.order.channel([h, w], n, place) as usize;
            problem.at(0, [row / h as usize, column / w as usize, channel])
        })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::super::testing::*;
    use super::*;
    use proptest::prelude::*;
    use shared::op::BlockOrder;
    use std::vec;

    #[test]
    fn every_small_shape_and_block() {
        let mut pool = Pool::new(33);
        for to in shapes(3) {
            for block in (1..=3u8).flat_map(|h| (1..=3u8).map(move |w| [h, w])) {
                for order in [BlockOrder::PixelsFirst, BlockOrder::ChannelsFirst] {
                    let [h, w] = block.map(u16::from);
                    let from = tensor([to.height, to.width, to.channels * h * w]);
                    let large = tensor([to.height * h, to.width * w, to.channels]);
                    let operator = DepthToSpace { block, order };
                    check_one(operator, &from, &large, &pool.tensor(&from));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(block: [u8; 2], from: [u16; 3], to: [u16; 3], x in 0usize..50, y in 0usize..50) {
            let [from, to] = [from, to].map(|shape| tensor(shape.map(|n| n % 30)));
            must_not_panic(&DepthToSpace { block, order: BlockOrder::ChannelsFirst }.into(), &[from], &to, &[&vec![1; x]], y);
        }
    }
}
