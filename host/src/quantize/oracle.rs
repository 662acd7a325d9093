//! A quantized network, run slowly and obviously in 64-bit integers: what every other implementation must equal.
//!
//! It shares no arithmetic with `shared` on purpose: rounding is a division with its remainder, saturation a clamp.

use super::{QuantizedNetwork, StepKind};
use shared::arithmetic::Activation;

/// `a / 2^s`, rounded half to even.
fn divide(a: i64, s: u32) -> i64 {
    let divisor = 1i64 << s;
    let (quotient, remainder) = (a.div_euclid(divisor), a.rem_euclid(divisor));
    match (2 * remainder).cmp(&divisor) {
        std::cmp::Ordering::Less => quotient,
        std::cmp::Ordering::Greater => quotient + 1,
        std::cmp::Ordering::Equal if quotient % 2 == 0 => quotient,
        std::cmp::Ordering::Equal => quotient + 1,
    }
}

/// Every step's output for one input of latent vector and one-hot label.
pub fn all_steps(network: &QuantizedNetwork, input: &[i8]) -> Vec<Vec<i8>> {
    let mut outputs: Vec<Vec<i8>> = Vec::new();
    for step in &network.steps {
        let x: &[i8] = outputs.last().map_or(input, |before| before);
        let y = match &step.kind {
            // Folding makes no others yet.
            StepKind::Conv(..)
            | StepKind::ConvTranspose(..)
            | StepKind::Embedding(_)
            | StepKind::Upsample { .. }
            | StepKind::Reshape
            | StepKind::Concat { .. } => x.to_vec(),
            StepKind::Table(table) => x
                .iter()
                .map(|&q| table[(i16::from(q) + 128) as usize])
                .collect(),
            StepKind::Dense(dense) => {
                let rows = dense
                    .weights
                    .rows()
                    .into_iter()
                    .zip(&dense.bias)
                    .zip(&dense.shifts);
                rows.map(|((row, &bias), &shift)| {
                    let products = row
                        .iter()
                        .zip(x)
                        .map(|(&w, &x)| i64::from(w) * i64::from(x));
                    let accumulator = i64::from(bias) + products.sum::<i64>();
                    let shift = u32::from(shift);
                    let rounded = match dense.activation {
                        Activation::Relu if accumulator < 0 => 0,
                        Activation::LeakyRelu { slope_shift } if accumulator < 0 => {
                            divide(accumulator, shift + u32::from(slope_shift))
                        }
                        _ => divide(accumulator, shift),
                    };
                    // Clamped, so the cast loses nothing.
                    rounded.clamp(-128, 127) as i8
                })
                .collect()
            }
        };
        outputs.push(y);
    }
    outputs
}

/// The picture for one input.
pub fn run(network: &QuantizedNetwork, input: &[i8]) -> Vec<i8> {
    all_steps(network, input).pop().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::calibrate::Calibration;
    use super::super::{Prepared, QuantizeOptions, calibrate, simulate};
    use super::*;
    use crate::synthetic;
    use shared::latent::Prior;

    #[test]
    fn division_rounds_half_to_even() {
        for (a, s, expected) in [
            (5, 1, 2),
            (7, 1, 4),
            (-5, 1, -2),
            (-7, 1, -4),
            (-1, 1, 0),
            (3, 2, 1),
            (-6, 2, -2),
        ] {
            assert_eq!(divide(a, s), expected, "{a} / 2^{s}");
        }
    }

    #[test]
    fn the_fast_run_equals_the_oracle_at_each_step() {
        for seed in 0..40 {
            let network = synthetic::any_network(seed);
            let prepared = Prepared::new(
                &network,
                &Calibration {
                    prior: Prior::Normal,
                    points: 64,
                    seed: 0,
                },
            )
            .unwrap();
            let quantized = prepared.quantize(&QuantizeOptions::default()).unwrap();
            let points = calibrate::points(1, 20, network.input.classes);
            let inputs = calibrate::integer_inputs(&points, network.input, Prior::Normal);
            let fast = simulate::all_steps(&quantized, inputs.view());
            for (sample, input) in inputs.rows().into_iter().enumerate() {
                let slow = all_steps(&quantized, input.as_slice().unwrap());
                for (step, slow) in slow.iter().enumerate() {
                    let name = &quantized.steps[step].name;
                    assert_eq!(
                        fast[step].row(sample).to_vec(),
                        *slow,
                        "seed {seed}, sample {sample}, {name}"
                    );
                }
            }
        }
    }
}
