//! The rounding of the slow oracles, which share no arithmetic with `shared` on purpose.

use shared::arithmetic::Activation;

/// `a / 2^s`, rounded half to even: a division with its remainder.
pub fn divide(a: i64, s: u32) -> i64 {
    let divisor = 1i64 << s;
    let (quotient, remainder) = (a.div_euclid(divisor), a.rem_euclid(divisor));
    match (2 * remainder).cmp(&divisor) {
        std::cmp::Ordering::Less => quotient,
        std::cmp::Ordering::Greater => quotient + 1,
        std::cmp::Ordering::Equal if quotient % 2 == 0 => quotient,
        std::cmp::Ordering::Equal => quotient + 1,
    }
}

/// What an accumulator becomes: activated, shifted, rounded, clamped.
pub fn requantize(accumulator: i64, shift: u32, activation: Activation) -> i8 {
    let rounded = match activation {
        Activation::Relu if accumulator < 0 => 0,
        Activation::LeakyRelu { slope_shift } if accumulator < 0 => {
            divide(accumulator, shift + u32::from(slope_shift))
        }
        Activation::None | Activation::Relu | Activation::LeakyRelu { .. } => {
            divide(accumulator, shift)
        }
    };
    // Clamped, so the cast loses nothing.
    rounded.clamp(-128, 127) as i8
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
