//! Axes in another order.

use super::strided::{Loop, copy};
use super::{Kernel, Operands, State};
use shared::op::Transpose;

impl Kernel for Transpose {
    fn run(&self, operands: &Operands<'_>, output: &mut [i8], _: &mut State) {
        let ((from, input), to) = (operands.first(), operands.to);
        let (channels, width) = (usize::from(from.channels), usize::from(from.width));
        let steps = [width.wrapping_mul(channels), channels, 1];
        let [a, b, c] = self.order;
        let axis = |count: u16, axis: u8| {
            let step = steps.get(usize::from(axis)).copied();
            Loop::new(count, step.unwrap_or(0))
        };
        let loops = [
            Loop::ONCE,
            Loop::ONCE,
            axis(to.height, a),
            axis(to.width, b),
            axis(to.channels, c),
        ];
        copy(&loops, 0, input, output);
    }
}

#[cfg(any(test, feature = "oracle"))]
impl super::oracle::Oracle for Transpose {
    fn oracle(
        &self,
        problem: &super::oracle::Problem<'_>,
        _: &mut State,
    ) -> super::oracle::Vec<i8> {
        problem.output(|at| {
            let mut from = [0; 3];
            for (axis, at) in self.order.iter().zip(at) {
                from[usize::from(*axis)] = at;
            }
            problem.at(0, from)
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
    fn every_small_shape_and_order() {
        let mut pool = Pool::new(31);
        let orders = [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ];
        for from in shapes(6) {
            for order in orders {
                let to = tensor(order.map(|axis| from.shape()[usize::from(axis)]));
                check_one(Transpose { order }, &from, &to, &pool.tensor(&from));
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(order: [u8; 3], from: [u16; 3], to: [u16; 3], x in 0usize..50, y in 0usize..50) {
            let [from, to] = [from, to].map(|shape| tensor(shape.map(|n| n % 30)));
            must_not_panic(&Transpose { order }.into(), &[from], &to, &[&vec![1; x]], y);
        }
    }
}
