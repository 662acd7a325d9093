//! Sums of tensors at different exponents, with one rounding.

use super::{Kernel, Operands, State};
use shared::op::{Add, MAX_INPUTS};

impl Kernel for Add {
    fn run(&self, operands: &Operands<'_>, output: &mut [i8], _: &mut State) {
        sum(self, operands, output, None);
    }

    fn run_in_place(&self, operands: &Operands<'_>, data: &mut [i8]) -> Option<()> {
        sum(self, operands, data, Some(self.up(0)));
        Some(())
    }
}

/// One pixel's elements of an input, and how far they are shifted.
#[derive(Clone, Copy, Default)]
struct Part<'x> {
    elements: &'x [i8],
    up: u32,
}

/// Adds the inputs into `data`; where it holds the first of them, `own` is how far that is shifted.
fn sum(add: &Add, operands: &Operands<'_>, data: &mut [i8], own: Option<u32>) {
    let channels = usize::from(operands.to.channels).max(1);
    let skipped = usize::from(own.is_some());
    let count = operands.inputs.len();
    for (index, pixel) in data.chunks_exact_mut(channels).enumerate() {
        let mut parts = [Part::default(); MAX_INPUTS];
        for (input, part) in (skipped..count).zip(&mut parts) {
            let (region, elements) = operands.input(input);
            // A channel vector serves every pixel.
            let at = match (region.height, region.width) {
                (1, 1) => 0,
                _ => index.saturating_mul(channels),
            };
            let elements = elements.get(at..).and_then(|rest| rest.get(..channels));
            *part = Part {
                elements: elements.unwrap_or_default(),
                up: add.up(input),
            };
        }
        let parts = parts.get(..count - skipped.min(count)).unwrap_or_default();
        for (channel, y) in pixel.iter_mut().enumerate() {
            let mut sum = own.map_or(0, |up| i32::from(*y).wrapping_shl(up));
            for part in parts {
                let x = part.elements.get(channel).copied().unwrap_or(0);
                sum = sum.wrapping_add(i32::from(x).wrapping_shl(part.up));
            }
            *y = add.activation.round(sum, add.shift);
        }
    }
}

#[cfg(any(test, feature = "oracle"))]
impl super::oracle::Oracle for Add {
    fn oracle(
        &self,
        problem: &super::oracle::Problem<'_>,
        _: &mut State,
    ) -> super::oracle::Vec<i8> {
        problem.output(|[row, column, channel]| {
            let mut sum = 0i64;
            for input in 0..problem.inputs.len() {
                let x = match problem.shape(input) {
                    [1, 1, _] => problem.at(input, [0, 0, channel]),
                    _ => problem.at(input, [row, column, channel]),
                };
                sum += i64::from(x) * (1 << self.up[input]);
            }
            super::oracle::requantize(sum, self.shift, self.activation)
        })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::super::testing::*;
    use super::*;
    use proptest::prelude::*;
    use shared::arithmetic::Activation;
    use std::{vec, vec::Vec};

    /// Every pair of elements of two inputs, at some shifts and every kind of activation.
    #[test]
    fn every_pair_of_elements() {
        let all: Vec<i8> = (i8::MIN..=i8::MAX).collect();
        let a: Vec<i8> = all.iter().flat_map(|&a| vec![a; 256]).collect();
        let b: Vec<i8> = all.iter().flat_map(|_| all.clone()).collect();
        let picture = tensor([256, 256, 1]);
        for (up_a, up_b, shift) in [(0, 0, 0), (0, 0, 1), (1, 0, 1), (0, 3, 2), (2, 0, 4)] {
            for activation in [ACTIVATIONS[0], ACTIVATIONS[1], ACTIVATIONS[4]] {
                let add = Add {
                    up: [up_a, up_b, 0, 0],
                    shift,
                    activation,
                };
                check(&add.into(), &[picture, picture], &picture, &[&a, &b]);
            }
        }
    }

    /// One to four inputs, each whole or a channel vector, on every small shape.
    #[test]
    fn every_small_shape_and_number_of_inputs() {
        let mut pool = Pool::new(21);
        for to in shapes(3) {
            let vector = tensor([1, 1, to.channels]);
            for count in 1..=MAX_INPUTS {
                for broadcast in 0..1u32 << count.min(4) {
                    let from: Vec<_> = (0..count)
                        .map(|i| if broadcast >> i & 1 == 1 { vector } else { to })
                        .collect();
                    let data: Vec<_> = from.iter().map(|from| pool.tensor(from)).collect();
                    let inputs: Vec<&[i8]> = data.iter().map(|x| &x[..]).collect();
                    let mut up = [0; MAX_INPUTS];
                    up[..count].fill_with(|| pool.below(5) as u8);
                    let add = Add {
                        up,
                        shift: pool.below(8) as u8,
                        activation: ACTIVATIONS[pool.below(9)],
                    };
                    check(&add.into(), &from, &to, &inputs);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(up: [u8; 4], shift: u8, shape: [u16; 3], lens in [0usize..40, 0usize..40, 0usize..40]) {
            let region = tensor(shape.map(|n| n % 9));
            let [a, b, y] = lens;
            let add = Add { up, shift, activation: Activation::Relu };
            must_not_panic(&add.into(), &[region, region], &region, &[&vec![-128; a], &vec![127; b]], y);
        }
    }
}
