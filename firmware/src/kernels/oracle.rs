//! What all slow oracles have in common: rounding by division, weights as numbers, and the problem
//! that they solve.
//!
//! An oracle shares no arithmetic and no geometry with its kernel: rounding is a division with its
//! remainder, a convolution visits every tap and asks whether it lies on the input, a transposed
//! one scatters into a buffer of zeros.

extern crate std;

use super::State;
use shared::arithmetic::Activation;
use shared::op::{Layout, Region, Weights};
pub use std::vec;
pub use std::vec::Vec;

/// What an operation is computed from.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'p> {
    /// The regions that are read.
    pub from: &'p [Region],
    /// The region that is written.
    pub to: &'p Region,
    /// The elements of the regions that are read.
    pub inputs: &'p [&'p [i8]],
    /// What the region that is written held before.
    pub before: &'p [i8],
}

impl Problem<'_> {
    /// Rows, columns and channels of an input.
    pub fn shape(&self, input: usize) -> [usize; 3] {
        shape(&self.from[input])
    }

    /// The output's.
    pub fn output_shape(&self) -> [usize; 3] {
        shape(self.to)
    }

    /// The elements of an input as numbers.
    pub fn numbers(&self, input: usize) -> Vec<i64> {
        self.inputs[input].iter().map(|&x| i64::from(x)).collect()
    }

    /// The elements of an input, by row, column and channel.
    pub fn at(&self, input: usize, [row, column, channel]: [usize; 3]) -> i8 {
        let [_, width, channels] = self.shape(input);
        self.inputs[input][(row * width + column) * channels + channel]
    }

    /// The elements of an output by row, column and channel, in order.
    pub fn output(&self, element: impl Fn([usize; 3]) -> i8) -> Vec<i8> {
        let [rows, columns, channels] = self.output_shape();
        let mut y = Vec::with_capacity(rows * columns * channels);
        for row in 0..rows {
            for column in 0..columns {
                y.extend((0..channels).map(|channel| element([row, column, channel])));
            }
        }
        y
    }
}

/// Rows, columns, channels.
pub fn shape(region: &Region) -> [usize; 3] {
    region.shape().map(usize::from)
}

/// The output of an operator by its definition.
pub trait Oracle {
    /// The whole output.
    ///
    /// # Panics
    /// Where the lengths do not fit one another.
    fn oracle(&self, problem: &Problem<'_>, state: &mut State) -> Vec<i8>;
}

/// `a / 2^shift`, rounded half to even; of what is left, the shift gives the floor.
pub fn divide(a: i64, shift: u32) -> i64 {
    let quotient = a >> shift;
    let twice_the_rest = 2 * (a - (quotient << shift));
    match twice_the_rest.cmp(&(1 << shift)) {
        core::cmp::Ordering::Less => quotient,
        core::cmp::Ordering::Greater => quotient + 1,
        core::cmp::Ordering::Equal => quotient + (quotient & 1),
    }
}

/// The output of an accumulator.
pub fn requantize(sum: i64, shift: u8, activation: Activation) -> i8 {
    let shift = u32::from(shift);
    let rounded = match activation {
        Activation::Relu if sum < 0 => 0,
        Activation::LeakyRelu { slope_shift } if sum < 0 => {
            divide(sum, shift + u32::from(slope_shift))
        }
        Activation::None | Activation::Relu | Activation::LeakyRelu { .. } => divide(sum, shift),
    };
    // Clamped, so the cast loses nothing.
    rounded.clamp(-128, 127) as i8
}

/// Weights as numbers, row after row.
pub fn unpacked(weights: &Weights<'_>, columns: usize) -> Vec<i64> {
    let Layout::Int4Rows = weights.layout else {
        return weights.values.iter().map(|&w| i64::from(w as i8)).collect();
    };
    let rows = weights.values.chunks(columns.div_ceil(2));
    let row = |row: &[u8]| -> Vec<i64> {
        let nibbles = row.iter().flat_map(|byte| [byte & 15, byte >> 4]);
        let signed = nibbles.map(|n| i64::from(n) - if n >= 8 { 16 } else { 0 });
        signed.take(columns).collect()
    };
    rows.flat_map(row).collect()
}

/// Biases as numbers.
pub fn biases(weights: &Weights<'_>) -> Vec<i64> {
    let (biases, _) = weights.bias.as_chunks::<4>();
    biases
        .iter()
        .map(|b| i64::from(i32::from_le_bytes(*b)))
        .collect()
}

/// The outputs of accumulators, whose channels take turns.
pub fn outputs(weights: &Weights<'_>, sums: &[i64]) -> Vec<i8> {
    let shifts = weights.shifts.iter().cycle();
    sums.iter()
        .zip(shifts)
        .map(|(&sum, &shift)| requantize(sum, shift, weights.activation))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_rounds_half_to_even() {
        for (a, shift, expected) in [
            (5, 1, 2),
            (7, 1, 4),
            (-5, 1, -2),
            (-7, 1, -4),
            (-1, 1, 0),
            (3, 2, 1),
            (-6, 2, -2),
            (9, 0, 9),
        ] {
            assert_eq!(divide(a, shift), expected, "{a} / 2^{shift}");
        }
        // Against floats, which are exact here.
        for a in -5000i64..5000 {
            for shift in 0..14 {
                let real = a as f64 / f64::from(1u32 << shift);
                assert_eq!(divide(a, shift) as f64, real.round_ties_even());
            }
        }
    }
}
