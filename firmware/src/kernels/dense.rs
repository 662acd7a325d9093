//! Fully connected layers: matrix times vector with bias, activation and requantization in one pass
//! over the weights.

use super::sums::{Runs, Step, sums};
use super::{Kernel, Operands, State};
use shared::op::Dense;

/// NUMERICS, "power-of-two QDQ": the input at exponent `e_x`, weights and bias at the
/// accumulator's.
impl Kernel for Dense<'_> {
    fn run(&self, operands: &Operands<'_>, output: &mut [i8], _: &mut State) {
        let (_, input) = operands.first();
        let runs = Runs {
            len: input.len(),
            weight: 0,
            input: 0,
            outer: Step::ONCE,
            inner: Step::ONCE,
        };
        // A slice has at most isize::MAX bytes; inputs of a checked image have at most 16 MiB.
        let row_len = self.weights.layout.row_len(input.len() as u32) as usize;
        sums(&self.weights, row_len, &runs, input, output);
    }
}

#[cfg(any(test, feature = "oracle"))]
impl super::oracle::Oracle for Dense<'_> {
    fn oracle(
        &self,
        problem: &super::oracle::Problem<'_>,
        _: &mut State,
    ) -> super::oracle::Vec<i8> {
        use super::oracle::{biases, outputs, unpacked};
        let x = problem.numbers(0);
        let w = unpacked(&self.weights, x.len());
        let products = |row: &[i64]| row.iter().zip(&x).map(|(w, x)| w * x).sum::<i64>();
        let rows = w.chunks(x.len()).zip(biases(&self.weights));
        let sums: super::oracle::Vec<i64> = rows.map(|(row, bias)| products(row) + bias).collect();
        outputs(&self.weights, &sums)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::super::testing::*;
    use super::*;
    use proptest::prelude::*;
    use shared::arithmetic::Activation;
    use shared::op::{Layout, WeightShape, Weights};
    use std::{vec, vec::Vec};

    /// Shapes around a turn of the loops, both widths, all activations, each with many draws of
    /// extremes and numbers around zero.
    #[test]
    fn small_shapes_equal_the_oracle() {
        let mut pool = Pool::new(5);
        let inputs = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17];
        for (inputs, outputs) in inputs
            .into_iter()
            .flat_map(|i| (1..=9).map(move |o| (i, o)))
        {
            let (from, to) = (tensor([1, 1, inputs]), tensor([1, 1, outputs]));
            for layout in LAYOUTS {
                for activation in ACTIVATIONS {
                    for _ in 0..30 {
                        let data = pool.weights(layout, WeightShape::dense(&from, &to));
                        let weights = data.weights(activation);
                        check_one(Dense { weights }, &from, &to, &pool.tensor(&from));
                    }
                }
            }
        }
    }

    /// One output: all 256 weight bytes times the extremes, the parity left unrounded by a shift of
    /// 1.
    #[test]
    fn every_int4_pair_with_every_sign_of_input() {
        let (from, to) = (tensor([1, 1, 2]), tensor([1, 1, 1]));
        for byte in 0..=255u8 {
            for x in [[-128, 127], [127, -128], [-1, 1], [3, 3]] {
                let weights = Weights {
                    layout: Layout::Int4Rows,
                    activation: Activation::None,
                    values: &[byte],
                    bias: &[0; 4],
                    shifts: &[1],
                };
                check_one(Dense { weights }, &from, &to, &x);
            }
        }
    }

    /// x = 1, w = 0: the bias alone is the accumulator, and every odd one is a tie at a shift of 1.
    #[test]
    fn ties_go_to_even() {
        let (from, to) = (tensor([1, 1, 1]), tensor([1, 1, 1]));
        for layout in LAYOUTS {
            for bias in -9i32..=9 {
                let weights = Weights {
                    layout,
                    activation: Activation::None,
                    values: &[0],
                    bias: &bias.to_le_bytes(),
                    shifts: &[1],
                };
                let mut memory = Vec::new();
                let y = guarded(
                    &Dense { weights }.into(),
                    &[from],
                    &to,
                    &[&[1]],
                    &mut memory,
                );
                let nearest = (f64::from(bias) / 2.0).round_ties_even();
                assert_eq!(f64::from(y[0]), nearest, "{bias} / 2");
            }
        }
    }

    #[test]
    fn lengths_that_do_not_fit_never_panic() {
        for layout in LAYOUTS {
            for weights in 0..9 {
                for (bias, shifts, inputs, outputs) in [
                    (0, 0, 0, 0),
                    (4, 1, 2, 1),
                    (3, 5, 1, 7),
                    (40, 9, 3, 2),
                    (8, 255, 0, 9),
                ] {
                    let weights = Weights {
                        layout,
                        activation: Activation::LeakyRelu { slope_shift: 255 },
                        values: &vec![0x80; weights],
                        bias: &vec![0x7F; bias],
                        shifts: &vec![255; shifts],
                    };
                    let one = tensor([1, 1, 1]);
                    let x = vec![-128; inputs];
                    must_not_panic(&Dense { weights }.into(), &[one], &one, &[&x], outputs);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn random_layers_equal_the_oracle(
            inputs in 1u16..=200, outputs in 1u16..=40, arithmetic in arithmetic(), seed: u64,
        ) {
            let (from, to) = (tensor([1, 1, inputs]), tensor([1, 1, outputs]));
            let shape = WeightShape::dense(&from, &to);
            with_weights(|weights| Dense { weights }.into(), (from, to), shape, arithmetic, seed);
        }
    }
}
