//! The search for power-of-two exponents by squared error, and the tables of smooth activations.

use crate::graph::Function;

/// Exponents of tensors and of weights stay within this, far inside what a float's exponent can
/// hold.
pub const RANGE: std::ops::RangeInclusive<i32> = -60..=40;

/// How many exponents below the first without clipping are tried: each halves the step and the
/// range.
const DEPTH: i32 = 6;

/// `2^exponent`.
pub fn power(exponent: i32) -> f64 {
    2f64.powi(exponent)
}

/// The nearest int8 at an exponent, ties to even.
pub fn to_int8(value: f64, exponent: i32) -> i8 {
    // The cast of a clamped value loses nothing.
    (value * power(-exponent))
        .round_ties_even()
        .clamp(-128.0, 127.0) as i8
}

/// The smallest exponent at which `largest` is at most `limit` steps; `None` for zero, NaN or
/// infinity.
pub fn covering(largest: f64, limit: f64) -> Option<i32> {
    if !(largest.is_finite() && largest > 0.0) {
        return None;
    }
    let mut exponent = (largest / limit).log2().ceil() as i32;
    // The logarithm may be off by an ulp.
    while largest > limit * power(exponent) {
        exponent += 1;
    }
    Some(exponent)
}

/// The exponent with the smallest error for int8 values, where `error(value, exponent)` is one
/// value's.
///
/// `None` where all values are zero or one is not finite.
pub fn search(values: &[f64], error: impl Fn(f64, i32) -> f64) -> Option<i32> {
    if values.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let largest = values.iter().fold(0f64, |largest, v| largest.max(v.abs()));
    let top = covering(largest, 127.0)?;
    let total = |exponent: i32| values.iter().map(|&v| error(v, exponent)).sum::<f64>();
    let candidates = (top - DEPTH..=top)
        .rev()
        .map(|exponent| (exponent, total(exponent)));
    candidates
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(exponent, _)| exponent)
}

/// The squared error of a value as int8.
pub fn squared_error(value: f64, exponent: i32) -> f64 {
    let error = value - f64::from(to_int8(value, exponent)) * power(exponent);
    error * error
}

/// The table of a function: entry `i` is its value at `(i - 128) * 2^input`, as int8 at `output`,
/// ties to even.
pub fn table(function: Function, input: i32, output: i32) -> Box<[i8; 256]> {
    let mut entries = Box::new([0; 256]);
    for (q, entry) in (-128i32..).zip(entries.iter_mut()) {
        *entry = to_int8(function.at(f64::from(q) * power(input)), output);
    }
    entries
}

/// The exponents of a table's input and output for these inputs: the output's first, then the
/// input's by the error that is left behind the table. `output` fixes the output's.
pub fn of_table(function: Function, inputs: &[f64], output: Option<i32>) -> Option<(i32, i32)> {
    let natural = output.or(function.natural_exponent().map(i32::from));
    let output = match natural {
        Some(output) => output,
        None => {
            let outputs: Vec<f64> = inputs.iter().map(|&x| function.at(x)).collect();
            search(&outputs, squared_error)?
        }
    };
    let input = search(inputs, |x, exponent| {
        let seen = function.at(f64::from(to_int8(x, exponent)) * power(exponent));
        let error = function.at(x) - f64::from(to_int8(seen, output)) * power(output);
        error * error
    })?;
    Some((input, output))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_covering_exponent_is_the_smallest() {
        for largest in [1e-6, 0.3, 0.992, 1.0, 126.9, 127.0, 127.1, 5e4] {
            let e = covering(largest, 127.0).unwrap();
            assert!(
                largest <= 127.0 * power(e) && largest > 127.0 * power(e - 1),
                "{largest}"
            );
        }
        assert_eq!(covering(0.0, 127.0), None);
        assert_eq!(covering(f64::NAN, 127.0), None);
    }

    #[test]
    fn one_outlier_is_clipped_where_that_is_better() {
        let mut values: Vec<f64> = (0..10_000)
            .map(|i| f64::from(i % 255 - 127) / 127.0 * 0.99)
            .collect();
        assert_eq!(search(&values, squared_error), Some(-7));
        values.push(1.2);
        assert_eq!(search(&values, squared_error), Some(-7));
        values.extend([90.0; 100]);
        assert_eq!(search(&values, squared_error), Some(0));
    }

    #[test]
    fn tables_round_half_to_even_and_cover_the_ends() {
        let tanh = table(Function::Tanh, -5, -7);
        assert_eq!((tanh[0], tanh[128], tanh[255]), (-128, 0, 127));
        assert_eq!(tanh[128 + 16], (0.5f64.tanh() * 128.0).round() as i8);
        // 1/2 and 3/2 steps: to 0 and to 2.
        let identity = table(Function::Identity, -1, 0);
        assert_eq!(
            (identity[129], identity[131], identity[127], identity[125]),
            (0, 2, 0, -2)
        );
    }

    #[test]
    fn a_saturating_function_narrows_its_input() {
        // Values up to 30, but tanh is flat from 3 on: a fine step near zero matters more.
        let inputs: Vec<f64> = (0..3000).map(|i| f64::from(i) / 50.0 - 30.0).collect();
        let (input, output) = of_table(Function::Tanh, &inputs, None).unwrap();
        assert_eq!(output, -7);
        assert!(input < covering(30.0, 127.0).unwrap(), "{input}");
    }
}
