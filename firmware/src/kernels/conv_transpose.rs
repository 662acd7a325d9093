//! Transposed convolution, in gather form: each output is computed once, from the elements that
//! reach it.

use super::slide::slide;
use super::{Kernel, Operands, State};
use shared::op::ConvTranspose;

impl Kernel for ConvTranspose<'_> {
    /// No zeros are inserted between elements: of the kernel's taps, one in `stride` on each axis
    /// meets an element, and only those are multiplied.
    fn run(&self, operands: &Operands<'_>, output: &mut [i8], _: &mut State) {
        slide(
            &self.window,
            self.groups,
            &self.weights,
            true,
            operands,
            output,
        );
    }
}

#[cfg(any(test, feature = "oracle"))]
impl super::oracle::Oracle for ConvTranspose<'_> {
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
fn oracle_sums(
    layer: &ConvTranspose<'_>,
    problem: &super::oracle::Problem<'_>,
) -> super::oracle::Vec<i64> {
    use super::oracle::{Vec, biases, unpacked, vec};
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
    // Everything that is reached, padding and output padding included.
    let span = |kernel: usize, dilation: usize| (kernel - 1) * dilation + 1;
    let full_height = ((height - 1) * stride_down + span(kh, dilation_down)).max(top + rows);
    let full_width = ((width - 1) * stride_right + span(kw, dilation_right)).max(left + columns);
    let mut full = vec![0i64; full_height * full_width * outputs];
    for (r, c) in (0..height).flat_map(|r| (0..width).map(move |c| (r, c))) {
        for (i, j) in (0..kh).flat_map(|i| (0..kw).map(move |j| (i, j))) {
            let (row, column) = (
                r * stride_down + i * dilation_down,
                c * stride_right + j * dilation_right,
            );
            let at = (row * full_width + column) * outputs;
            for output in 0..outputs {
                let tap = ((output * kh + i) * kw + j) * own;
                for n in 0..own {
                    let element = (r * width + c) * inputs + output / each * own + n;
                    full[at + output] += x[element] * w[tap + n];
                }
            }
        }
    }
    let mut y = Vec::with_capacity(rows * columns * outputs);
    for (row, column) in (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c))) {
        let at = ((row + top) * full_width + column + left) * outputs;
        y.extend(full[at..].iter().zip(&bias).map(|(sum, bias)| sum + bias));
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

    impl Layer for ConvTranspose<'static> {
        const TRANSPOSED: bool = true;

        fn kind<'a>(window: Window, groups: u16, weights: Weights<'a>) -> Kind<'a> {
            Kind::ConvTranspose(ConvTranspose {
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
            let layer = ConvTranspose {
                window,
                groups,
                weights,
            };
            oracle_sums(&layer, problem)
        }
    }

    #[test]
    fn every_small_shape() {
        let count = windows::small::every_small::<ConvTranspose<'_>>();
        println!("{count:?} are equal");
        assert_eq!(count.problems, 760 * 760 * 8);
        assert!(count.activated > 93 * 93 * 72, "{count:?}");
    }

    #[test]
    fn every_small_dilation_and_group() {
        let count = windows::small::every_small_dilation::<ConvTranspose<'_>>();
        println!("{count:?} are equal");
        assert_eq!(count.problems, 4_506_010);
        assert!(count.activated > count.problems / 4, "{count:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn random_shapes_equal_the_oracle(problem in windows::any()) {
            windows::random::<ConvTranspose<'_>>(problem);
        }

        #[test]
        fn nothing_panics(problem in windows::nonsense()) {
            windows::unfit::<ConvTranspose<'_>>(problem);
        }
    }
}
