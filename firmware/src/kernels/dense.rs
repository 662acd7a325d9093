//! Dense layer: matrix times vector with bias, activation and requantization in one pass over the weights.

use super::sums::{Runs, Step, sums};
use shared::layer::Dense;

/// `output = requantize(weights * input + bias)`: NUMERICS, "power-of-two QDQ".
///
/// `input` is the layer's input region at exponent `e_x`, `output` its output region; both int8.
pub fn dense(layer: &Dense<'_>, input: &[i8], output: &mut [i8]) {
    let runs = Runs {
        len: input.len(),
        weight: 0,
        input: 0,
        outer: Step::ONCE,
        inner: Step::ONCE,
    };
    // A slice has at most isize::MAX bytes; inputs of a checked image have at most 16 MiB.
    let row_len = layer.weights.layout.row_len(input.len() as u32) as usize;
    sums(&layer.weights, row_len, &runs, input, output);
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use shared::arithmetic::Activation;
    use shared::layer::{Layout, Weights};
    use std::{vec, vec::Vec};

    const GUARD: i8 = 0x55;
    const ACTIVATIONS: [Activation; 5] = [
        Activation::None,
        Activation::Relu,
        Activation::LeakyRelu { slope_shift: 1 },
        Activation::LeakyRelu { slope_shift: 2 },
        Activation::LeakyRelu { slope_shift: 7 },
    ];

    /// `a / 2^s`, halves to even: from the definition, in i64.
    fn round(a: i64, s: u32) -> i64 {
        let (quotient, twice) = (a.div_euclid(1 << s), 2 * a.rem_euclid(1 << s));
        match twice.cmp(&(1 << s)) {
            core::cmp::Ordering::Less => quotient,
            core::cmp::Ordering::Equal => quotient + quotient.rem_euclid(2),
            core::cmp::Ordering::Greater => quotient + 1,
        }
    }

    /// The layer by its definition.
    fn oracle(
        weights: &[Vec<i8>],
        bias: &[i32],
        shifts: &[u8],
        activation: Activation,
        x: &[i8],
    ) -> Vec<i8> {
        let rows = weights.iter().zip(bias).zip(shifts);
        rows.map(|((row, &bias), &shift)| {
            let products = row
                .iter()
                .zip(x)
                .map(|(&w, &x)| i64::from(w) * i64::from(x));
            let sum = products.sum::<i64>() + i64::from(bias);
            let y = match activation {
                Activation::Relu => round(sum.max(0), u32::from(shift)),
                Activation::LeakyRelu { slope_shift } if sum < 0 => {
                    round(sum, u32::from(shift) + u32::from(slope_shift))
                }
                _ => round(sum, u32::from(shift)),
            };
            y.clamp(-128, 127) as i8
        })
        .collect()
    }

    fn pack(weights: &[Vec<i8>], layout: Layout) -> Vec<u8> {
        let row = |row: &Vec<i8>| -> Vec<u8> {
            match layout {
                Layout::Int8Rows => row.iter().map(|&w| w as u8).collect(),
                Layout::Int4Rows => row
                    .chunks(2)
                    .map(|pair| {
                        (pair[0] as u8 & 0xF) | ((pair.get(1).copied().unwrap_or(0) as u8) << 4)
                    })
                    .collect(),
            }
        };
        weights.iter().flat_map(row).collect()
    }

    fn kernel(
        weights: &[Vec<i8>],
        bias: &[i32],
        shifts: &[u8],
        activation: Activation,
        x: &[i8],
        layout: Layout,
    ) -> Vec<i8> {
        let bias: Vec<u8> = bias.iter().flat_map(|b| b.to_le_bytes()).collect();
        let packed = pack(weights, layout);
        let layer = Dense {
            input: 0,
            output: 1,
            weights: Weights {
                layout,
                activation,
                values: &packed,
                bias: &bias,
                shifts,
            },
        };
        let mut output = vec![GUARD; weights.len() + 8];
        dense(&layer, x, &mut output[4..4 + weights.len()]);
        assert!(
            output[..4]
                .iter()
                .chain(&output[4 + weights.len()..])
                .all(|&y| y == GUARD),
            "wrote beside its output"
        );
        output[4..4 + weights.len()].to_vec()
    }

    #[test]
    fn small_shapes_equal_the_oracle() {
        // Small shapes and those around a turn of the loops, every width and activation, each with many draws from the
        // extremes and the values around zero.
        let mut state = 1u32;
        let mut draw = |values: &[i32]| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            values[(state >> 16) as usize % values.len()]
        };
        for layout in [Layout::Int8Rows, Layout::Int4Rows] {
            let weight_values: &[i32] = match layout {
                Layout::Int8Rows => &[-128, -127, -1, 0, 1, 2, 64, 127],
                Layout::Int4Rows => &[-8, -7, -1, 0, 1, 2, 6, 7],
            };
            for (inputs, outputs) in [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17]
                .into_iter()
                .flat_map(|i| (1..=9).map(move |o| (i, o)))
            {
                for activation in ACTIVATIONS {
                    for _ in 0..30 {
                        let weights: Vec<Vec<i8>> = (0..outputs)
                            .map(|_| (0..inputs).map(|_| draw(weight_values) as i8).collect())
                            .collect();
                        let bias: Vec<i32> = (0..outputs)
                            .map(|_| {
                                draw(&[0, 1, -1, 2, -2, 3, 4, -4, 8192, -8192, 100_000, -100_000])
                            })
                            .collect();
                        let shifts: Vec<u8> = (0..outputs)
                            .map(|_| draw(&[1, 2, 3, 7, 8, 12, 23]) as u8)
                            .collect();
                        let x: Vec<i8> = (0..inputs)
                            .map(|_| draw(&[-128, -127, -2, -1, 0, 1, 2, 127]) as i8)
                            .collect();
                        assert_eq!(
                            kernel(&weights, &bias, &shifts, activation, &x, layout),
                            oracle(&weights, &bias, &shifts, activation, &x),
                            "{layout:?} {inputs} -> {outputs}, {activation:?}, x {x:?}, w {weights:?}, b {bias:?}, s {shifts:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn every_int4_pair_with_every_sign_of_input() {
        // One output: all 256 weight bytes times the extremes, unrounded parity checked by a shift of 1.
        for low in -8..=7i8 {
            for high in -8..=7i8 {
                for x in [[-128, 127], [127, -128], [-1, 1], [3, 3]] {
                    let weights = [vec![low, high]];
                    let arguments = (&[0][..], &[1u8][..], Activation::None, &x[..]);
                    assert_eq!(
                        kernel(
                            &weights,
                            arguments.0,
                            arguments.1,
                            arguments.2,
                            arguments.3,
                            Layout::Int4Rows
                        ),
                        oracle(&weights, arguments.0, arguments.1, arguments.2, arguments.3),
                        "{low} {high} {x:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn ties_go_to_even() {
        // x = 1, w = 0: the bias alone is the accumulator, and every odd one is a tie at a shift of 1.
        for layout in [Layout::Int8Rows, Layout::Int4Rows] {
            for bias in -9..=9 {
                let y = kernel(&[vec![0]], &[bias], &[1], Activation::None, &[1], layout);
                let nearest = (f64::from(bias) / 2.0).round_ties_even();
                assert_eq!(f64::from(y[0]), nearest, "{bias} / 2");
            }
        }
    }

    #[test]
    fn lengths_that_do_not_fit_never_panic() {
        for layout in [Layout::Int8Rows, Layout::Int4Rows] {
            for weights in 0..9 {
                for (bias, shifts, inputs, outputs) in [
                    (0, 0, 0, 0),
                    (4, 1, 2, 1),
                    (3, 5, 1, 7),
                    (40, 9, 3, 2),
                    (8, 255, 0, 9),
                ] {
                    let layer = Dense {
                        input: 0,
                        output: 0,
                        weights: Weights {
                            layout,
                            activation: Activation::LeakyRelu { slope_shift: 255 },
                            values: &vec![0x80; weights],
                            bias: &vec![0x7F; bias],
                            shifts: &vec![255; shifts],
                        },
                    };
                    dense(&layer, &vec![-128; inputs], &mut vec![0; outputs]);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn random_layers_equal_the_oracle(
            inputs in 1usize..80,
            outputs in 1usize..20,
            wide: bool,
            activation in proptest::sample::select(&ACTIVATIONS[..]),
            seed: u64,
        ) {
            let mut state = seed;
            let mut next = move || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as u32
            };
            let (layout, bits) = if wide { (Layout::Int8Rows, 24) } else { (Layout::Int4Rows, 28) };
            let weights: Vec<Vec<i8>> =
                (0..outputs).map(|_| (0..inputs).map(|_| ((next() << 1) as i32 >> bits) as i8).collect()).collect();
            let bias: Vec<i32> = (0..outputs).map(|_| ((next() << 1) as i32) >> 13).collect();
            let shifts: Vec<u8> = (0..outputs).map(|_| (next() % 20 + 1) as u8).collect();
            let x: Vec<i8> = (0..inputs).map(|_| next() as i8).collect();
            prop_assert_eq!(
                kernel(&weights, &bias, &shifts, activation, &x, layout),
                oracle(&weights, &bias, &shifts, activation, &x)
            );
        }
    }
}
