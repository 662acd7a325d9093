//! Products of two tensors, element by element.

use super::{Kernel, Operands, State};
use shared::arithmetic::Activation;
use shared::op::Mul;

impl Kernel for Mul {
    fn run(&self, operands: &Operands<'_>, output: &mut [i8], _: &mut State) {
        let channels = usize::from(operands.to.channels).max(1);
        for (index, pixel) in output.chunks_exact_mut(channels).enumerate() {
            let part = |input: usize| {
                let (region, elements) = operands.input(input);
                // A channel vector serves every pixel.
                let at = match (region.height, region.width) {
                    (1, 1) => 0,
                    _ => index.saturating_mul(channels),
                };
                elements.get(at..).unwrap_or_default()
            };
            for ((y, &a), &b) in pixel.iter_mut().zip(part(0)).zip(part(1)) {
                *y = Activation::None.round(i32::from(a) * i32::from(b), self.shift);
            }
        }
    }
}

#[cfg(any(test, feature = "oracle"))]
impl super::oracle::Oracle for Mul {
    fn oracle(
        &self,
        problem: &super::oracle::Problem<'_>,
        _: &mut State,
    ) -> super::oracle::Vec<i8> {
        use super::oracle::requantize;
        problem.output(|[row, column, channel]| {
            let part = |input: usize| match problem.shape(input) {
                [1, 1, _] => i64::from(problem.at(input, [0, 0, channel])),
                _ => i64::from(problem.at(input, [row, column, channel])),
            };
            requantize(part(0) * part(1), self.shift, Activation::None)
        })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::super::testing::*;
    use super::*;
    use proptest::prelude::*;
    use std::{vec, vec::Vec};

    #[test]
    fn every_pair_of_elements_at_every_shift() {
        let all: Vec<i8> = (i8::MIN..=i8::MAX).collect();
        let a: Vec<i8> = all.iter().flat_map(|&a| vec![a; 256]).collect();
        let b: Vec<i8> = all.iter().flat_map(|_| all.clone()).collect();
        let picture = tensor([256, 256, 1]);
        for shift in 0..=30 {
            check(
                &Mul { shift }.into(),
                &[picture, picture],
                &picture,
                &[&a, &b],
            );
        }
    }

    #[test]
    fn every_small_shape_and_broadcast() {
        let mut pool = Pool::new(22);
        for to in shapes(4) {
            let vector = tensor([1, 1, to.channels]);
            for from in [[to, to], [to, vector], [vector, to], [vector, vector]] {
                for shift in [0, 1, 5, 7] {
                    let [a, b] = from.map(|from| pool.tensor(&from));
                    check(&Mul { shift }.into(), &from, &to, &[&a, &b]);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(shift: u8, shape: [u16; 3], lens in [0usize..40, 0usize..40, 0usize..40]) {
            let region = tensor(shape.map(|n| n % 9));
            let [a, b, y] = lens;
            let inputs: [&[i8]; 2] = [&vec![-128; a], &vec![127; b]];
            must_not_panic(&Mul { shift }.into(), &[region, region], &region, &inputs, y);
        }
    }
}
