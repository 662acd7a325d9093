//! Copying one part of a concatenation.

use super::{Kernel, Operands, State};
use shared::arithmetic::{saturate, shift_round_half_even};
use shared::op::Copy;

impl Kernel for Copy {
    fn run(&self, operands: &Operands<'_>, output: &mut [i8], _: &mut State) {
        let (from, input) = operands.first();
        let channels = usize::from(from.channels).max(1);
        let start = usize::from(self.channel_offset);
        let pixels = output.chunks_exact_mut(usize::from(operands.to.channels).max(1));
        for (pixel, part) in pixels.zip(input.chunks_exact(channels)) {
            let Some((before, rest)) = pixel.split_at_mut_checked(start) else {
                return;
            };
            for (y, &x) in rest.iter_mut().zip(part) {
                *y = match self.shift {
                    0 => x,
                    shift => saturate(shift_round_half_even(i32::from(x), u32::from(shift))),
                };
            }
            if before.is_empty() {
                rest.get_mut(channels..).unwrap_or_default().fill(0);
            }
        }
    }
}

#[cfg(any(test, feature = "oracle"))]
impl super::oracle::Oracle for Copy {
    fn oracle(
        &self,
        problem: &super::oracle::Problem<'_>,
        _: &mut State,
    ) -> super::oracle::Vec<i8> {
        use super::oracle::requantize;
        use shared::arithmetic::Activation;
        let ([_, _, inputs], [_, _, outputs]) = (problem.shape(0), problem.output_shape());
        let start = usize::from(self.channel_offset);
        let mut y = problem.before.to_vec();
        for (i, y) in y.iter_mut().enumerate() {
            let (pixel, channel) = (i / outputs, i % outputs);
            if (start..start + inputs).contains(&channel) {
                let x = i64::from(problem.inputs[0][pixel * inputs + channel - start]);
                *y = requantize(x, self.shift, Activation::None);
            } else if start == 0 {
                *y = 0;
            }
        }
        y
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
    fn every_small_copy_and_every_shift_of_every_element() {
        let mut pool = Pool::new(2);
        let mut count = 0;
        for from in shapes(4) {
            for (before, behind) in (0..=3).flat_map(|a| (0..=3).map(move |b| (a, b))) {
                let to = tensor([from.height, from.width, before + from.channels + behind]);
                for shift in 0..=30 {
                    let copy = Copy {
                        channel_offset: before,
                        shift,
                    };
                    check_one(copy, &from, &to, &pool.tensor(&from));
                    count += 1;
                }
            }
        }
        for shift in 0..=30 {
            let whole = Copy {
                channel_offset: 0,
                shift,
            };
            let elements: Vec<i8> = (i8::MIN..=i8::MAX).collect();
            let picture = tensor([16, 16, 1]);
            check_one(whole, &picture, &picture, &elements);
            count += 1;
        }
        assert_eq!(count, 64 * 16 * 31 + 31);
    }

    proptest! {
        #[test]
        fn nothing_panics(
            channel_offset: u16, shift: u8, from: [u16; 3], to: [u16; 3], x in 0usize..50, y in 0usize..50,
        ) {
            let [from, to] = [from, to].map(|shape| tensor(shape.map(|n| n % 30)));
            let copy = Copy { channel_offset, shift };
            must_not_panic(&copy.into(), &[from], &to, &[&vec![-128; x]], y);
        }
    }
}
