//! Convolution, in gather form: each output is computed once, from the elements under the kernel.

use super::slide::slide;
use super::{Kernel, Operands, State};
use shared::op::Conv;

impl Kernel for Conv<'_> {
    /// Padding costs nothing: only taps that meet an element are multiplied, and a row of taps is
    /// one run of products.
    fn run(&self, operands: &Operands<'_>, output: &mut [i8], _: &mut State) {
        slide(
            &self.window,
            self.groups,
            &self.weights,
            false,
            operands,
            output,
        );
    }
}

#[cfg(any(test, feature = "oracle"))]
impl super::oracle::Oracle for Conv<'_> {
    fn oracle(
        &self,
        problem: &super::oracle::Problem<'_>,
        _: &mut State,
    ) -> super::oracle::Vec<i8> {
        super::oracle::outputs(&self.weights, &oracle_sums(self, problem))
    }
}

/// The accumulators, in the order of the output.
#[cfg(any(test, feature = "oracle"))]
fn oracle_sums(layer: &Conv<'_>, problem: &super::oracle::Problem<'_>) -> super::oracle::Vec<i64> {
    use super::oracle::{Vec, biases, unpacked};
    let ([height, width, inputs], [rows, columns, outputs]) =
        (problem.shape(0), problem.output_shape());
    let (x, window) = (problem.numbers(0), layer.window);
    let [kh, kw] = window.kernel.map(usize::from);
    let [stride_down, stride_right] = window.stride.map(usize::from);
    let [dilation_down, dilation_right] = window.dilation.map(usize::from);
    let [top, left] = window.padding.map(usize::from);
    let groups = usize::from(layer.groups);
    let (own, each) = (inputs / groups, outputs / groups);
    let (w, bias) = (
        unpacked(&layer.weights, kh * kw * own),
        biases(&layer.weights),
    );
    let mut y = Vec::with_capacity(rows * columns * outputs);
    for (row, column) in (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c))) {
        for (output, &bias) in bias.iter().enumerate() {
            let mut sum = bias;
            for (i, j) in (0..kh).flat_map(|i| (0..kw).map(move |j| (i, j))) {
                // Counted from the first row and column of the padding.
                let r = row * stride_down + i * dilation_down;
                let c = column * stride_right + j * dilation_right;
                if r < top || r >= top + height || c < left || c >= left + width {
                    continue;
                }
                let pixel = ((r - top) * width + (c - left)) * inputs + output / each * own;
                let tap = ((output * kh + i) * kw + j) * own;
                for n in 0..own {
                    sum += x[pixel + n] * w[tap + n];
                }
            }
            y.push(sum);
        }
    }
    y
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::super::windows::{self, Layer};
    use super::*;
    use proptest::prelude::*;
    use shared::op::{Kind, Weights, Window};
    use std::{println, vec::Vec};

    impl Layer for Conv<'static> {
        const TRANSPOSED: bool = false;

        fn kind<'a>(window: Window, groups: u16, weights: Weights<'a>) -> Kind<'a> {
            Kind::Conv(Conv {
                window,
                groups,
                weights,
            })
        }

        fn sums(
            window: Window,
            groups: u16,
            weights: Weights<'_>,
            problem: &super::super::oracle::Problem<'_>,
        ) -> Vec<i64> {
            let layer = Conv {
                window,
                groups,
                weights,
            };
            oracle_sums(&layer, problem)
        }
    }

    #[test]
    fn every_small_shape() {
        let count = windows::small::every_small::<Conv<'_>>();
        println!("{count:?} are equal");
        assert_eq!(count.problems, 394 * 394 * 8);
        assert!(count.activated > 63 * 63 * 72, "{count:?}");
    }

    #[test]
    fn every_small_dilation_and_group() {
        let count = windows::small::every_small_dilation::<Conv<'_>>();
        println!("{count:?} are equal");
        assert_eq!(count.problems, 1_195_050);
        assert!(count.activated > count.problems / 4, "{count:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn random_shapes_equal_the_oracle(problem in windows::any()) {
            windows::random::<Conv<'_>>(problem);
        }

        #[test]
        fn nothing_panics(problem in windows::nonsense()) {
            windows::unfit::<Conv<'_>>(problem);
        }
    }
}
