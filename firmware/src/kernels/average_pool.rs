//! Means over windows.

use super::{Kernel, Operands, State};
use shared::arithmetic::{saturate, shift_round_half_even};
use shared::op::{AveragePool, reciprocal};

impl Kernel for AveragePool {
    fn run(&self, operands: &Operands<'_>, output: &mut [i8], _: &mut State) {
        let ((from, input), to) = (operands.first(), operands.to);
        let channels = usize::from(from.channels).max(1);
        let row_len = usize::from(from.width).wrapping_mul(channels);
        let window = &self.window;
        let mut pixels = output.chunks_exact_mut(channels);
        for row in 0..u32::from(to.height) {
            let rows = window.rows().conv_taps(row, u32::from(from.height));
            for column in 0..u32::from(to.width) {
                let columns = window.columns().conv_taps(column, u32::from(from.width));
                let Some(pixel) = pixels.next() else { return };
                let count = match self.counts_padding {
                    true => window.taps(),
                    false => rows.count.wrapping_mul(columns.count),
                };
                let factor = reciprocal(count);
                let first = (rows.input as usize)
                    .wrapping_mul(row_len)
                    .wrapping_add((columns.input as usize).wrapping_mul(channels));
                let len = (columns.count as usize).wrapping_mul(channels);
                for (channel, y) in pixel.iter_mut().enumerate() {
                    let mut sum = 0i32;
                    let mut at = first;
                    for _ in 0..rows.count {
                        let line = input.get(at..).unwrap_or_default();
                        let line = line.get(..len).unwrap_or(line);
                        let elements = line.get(channel..).unwrap_or_default();
                        for &x in elements.iter().step_by(channels) {
                            sum = sum.wrapping_add(i32::from(x));
                        }
                        at = at.wrapping_add(row_len);
                    }
                    *y = saturate(shift_round_half_even(
                        sum.wrapping_mul(factor),
                        u32::from(self.shift),
                    ));
                }
            }
        }
    }
}

#[cfg(any(test, feature = "oracle"))]
impl super::oracle::Oracle for AveragePool {
    fn oracle(
        &self,
        problem: &super::oracle::Problem<'_>,
        _: &mut State,
    ) -> super::oracle::Vec<i8> {
        use shared::arithmetic::Activation;
        let [height, width, _] = problem.shape(0);
        let [kh, kw] = self.window.kernel.map(usize::from);
        let [down, right] = self.window.stride.map(usize::from);
        let [top, left] = self.window.padding.map(usize::from);
        problem.output(|[row, column, channel]| {
            let (mut sum, mut met) = (0i64, 0i64);
            for (i, j) in (0..kh).flat_map(|i| (0..kw).map(move |j| (i, j))) {
                let (r, c) = (row * down + i, column * right + j);
                if (top..top + height).contains(&r) && (left..left + width).contains(&c) {
                    sum += i64::from(problem.at(0, [r - top, c - left, channel]));
                    met += 1;
                }
            }
            let count = if self.counts_padding {
                (kh * kw) as i64
            } else {
                met
            };
            // Rounded half up.
            let factor = ((1 << 16) as f64 / count as f64 + 0.5).floor() as i64;
            super::oracle::requantize(sum * factor, self.shift, Activation::None)
        })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::super::testing::*;
    use super::*;
    use proptest::prelude::*;
    use shared::op::Window;
    use std::vec;

    /// Every window of up to 3 by 3 on every input of up to 5 by 5, and the global mean of each.
    #[test]
    fn every_small_window() {
        let mut pool = Pool::new(36);
        let mut count = 0;
        let pairs = |most: u8| (1..=most).flat_map(move |a| (1..=most).map(move |b| [a, b]));
        for side in (1..=5u16).flat_map(|h| (1..=5u16).map(move |w| [h, w])) {
            for (kernel, stride) in pairs(3).flat_map(|k| pairs(2).map(move |s| (k, s))) {
                for padding in [[0, 0], [kernel[0] - 1, 0], [kernel[0] / 2, kernel[1] / 2]] {
                    let window = Window {
                        kernel,
                        stride,
                        padding,
                        dilation: [1, 1],
                    };
                    let sizes = (1..=7u16).flat_map(|h| (1..=7u16).map(move |w| [h, w]));
                    for [height, width] in sizes {
                        let fits = window.rows().conv_fits(side[0], height)
                            && window.columns().conv_fits(side[1], width);
                        for (counts_padding, channels) in [(true, 1), (false, 3)] {
                            if fits {
                                let from = tensor([side[0], side[1], channels]);
                                let pool_op = AveragePool {
                                    window,
                                    counts_padding,
                                    shift: 14 + pool.below(5) as u8,
                                };
                                let to = tensor([height, width, channels]);
                                check_one(pool_op, &from, &to, &pool.tensor(&from));
                                count += 1;
                            }
                        }
                    }
                }
            }
        }
        assert!(count > 5_000, "{count}");
    }

    #[test]
    fn extremes_of_a_large_window_stay_exact() {
        // The reciprocal of 255 * 255 is rounded to 1, which is 0.8 % too small.
        for (side, value, mean_value) in [
            (255u16, -128i8, -127i8),
            (255, 127, 126),
            (64, -128, -128),
            (28, -128, -128),
            (7, 127, 127),
        ] {
            let window = Window {
                kernel: [side as u8; 2],
                stride: [1, 1],
                padding: [0, 0],
                dilation: [1, 1],
            };
            let mean = AveragePool {
                window,
                counts_padding: true,
                shift: 16,
            };
            let (from, to) = (tensor([side, side, 1]), tensor([1, 1, 1]));
            let x = vec![value; usize::from(side) * usize::from(side)];
            check_one(mean, &from, &to, &x);
            let mut memory = vec::Vec::new();
            let found = guarded(&mean.into(), &[from], &to, &[&x], &mut memory);
            assert_eq!(found, [mean_value], "{side}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(
            window: [u8; 6], from: [u16; 3], to: [u16; 3], shift: u8, x in 0usize..50, y in 0usize..50,
        ) {
            let [kh, kw, sh, sw, ph, pw] = window;
            let window = Window { kernel: [kh, kw], stride: [sh, sw], padding: [ph, pw], dilation: [1, 1] };
            let [from, to] = [from, to].map(|shape| tensor(shape.map(|n| n % 30)));
            let kind = AveragePool { window, counts_padding: false, shift };
            must_not_panic(&kind.into(), &[from], &to, &[&vec![1; x]], y);
        }
    }
}
