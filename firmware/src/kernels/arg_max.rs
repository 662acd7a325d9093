//! The index of the largest channel.

use super::{Kernel, Operands, State};
use shared::op::ArgMax;

impl Kernel for ArgMax {
    fn run(&self, operands: &Operands<'_>, output: &mut [i8], _: &mut State) {
        let (from, input) = operands.first();
        let pixels = input.chunks_exact(usize::from(from.channels).max(1));
        for (y, pixel) in output.iter_mut().zip(pixels) {
            let (mut largest, mut index) = (i8::MIN, 0);
            for (channel, &x) in pixel.iter().enumerate() {
                if x > largest {
                    (largest, index) = (x, channel);
                }
            }
            // At most 255, a byte without a sign.
            *y = index as u8 as i8;
        }
    }
}

#[cfg(any(test, feature = "oracle"))]
impl super::oracle::Oracle for ArgMax {
    fn oracle(
        &self,
        problem: &super::oracle::Problem<'_>,
        _: &mut State,
    ) -> super::oracle::Vec<i8> {
        let [_, _, channels] = problem.shape(0);
        let pixels = problem.inputs[0].chunks(channels);
        let index = |pixel: &[i8]| {
            let largest = pixel.iter().max().expect("a pixel has channels");
            pixel
                .iter()
                .position(|x| x == largest)
                .expect("it is there") as u8 as i8
        };
        pixels.map(index).collect()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::super::testing::*;
    use super::*;
    use proptest::prelude::*;
    use std::{vec, vec::Vec};

    /// Every tuple of up to four elements of a few values, and the largest at every place of 256.
    #[test]
    fn every_small_row() {
        let values = [i8::MIN, -1, 0, 1, i8::MAX];
        for len in 1..=4u32 {
            for code in 0..5usize.pow(len) {
                let row: Vec<i8> = (0..len)
                    .map(|place| values[code / 5usize.pow(place) % 5])
                    .collect();
                let (from, to) = (tensor([1, 1, len as u16]), tensor([1, 1, 1]));
                check_one(ArgMax, &from, &to, &row);
            }
        }
        for place in 0..256 {
            let mut row = vec![-5; 256];
            row[place] = 3;
            check_one(ArgMax, &tensor([1, 1, 256]), &tensor([1, 1, 1]), &row);
        }
    }

    #[test]
    fn every_small_picture() {
        let mut pool = Pool::new(38);
        for from in shapes(5) {
            let to = tensor([from.height, from.width, 1]);
            check_one(ArgMax, &from, &to, &pool.tensor(&from));
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(from: [u16; 3], x in 0usize..50, y in 0usize..50) {
            let from = tensor(from.map(|n| n % 9));
            must_not_panic(&ArgMax.into(), &[from], &from, &[&vec![1; x]], y);
        }
    }
}
