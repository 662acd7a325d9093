//! The fixed-point arithmetic that host, device and every ONNX runtime agree on to the bit.
//!
//! Activations are int8 at one power-of-two exponent a tensor, weights int8 or int4 at one exponent
//! an output channel, accumulators int32. A layer's output is its accumulator, shifted right with
//! [`shift_round_half_even`] and saturated.

/// The largest shift, a LeakyReLU's slope included.
pub const MAX_SHIFT: u8 = 30;

/// Every accumulator's magnitude stays below this (2^24), so that float runtimes compute it
/// exactly.
pub const ACCUMULATOR_LIMIT: i64 = 1 << 24;

/// Arithmetic right shift that rounds half to even: `a * 2^-s`, for `1 <= s <= 30` and `|a| <=
/// 2^30`.
///
/// Rounding to even is what ONNX's QuantizeLinear does. Other arguments give a meaningless number,
/// never a panic.
#[inline(always)]
pub const fn shift_round_half_even(a: i32, s: u32) -> i32 {
    let half = 1i32.wrapping_shl(s.wrapping_sub(1));
    let odd = a.wrapping_shr(s) & 1;
    a.wrapping_add(half.wrapping_sub(1))
        .wrapping_add(odd)
        .wrapping_shr(s)
}

/// The nearest int8.
#[inline(always)]
pub const fn saturate(a: i32) -> i8 {
    if a < -128 {
        -128
    } else if a > 127 {
        127
    } else {
        a as i8
    }
}

/// What follows an accumulator before it is rounded. Smooth activations are tables, operations of
/// their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// The accumulator as it is.
    None,
    /// Zero where negative.
    Relu,
    /// A negative accumulator is multiplied by `2^-slope_shift`.
    LeakyRelu {
        /// 1 for a slope of 0.5, 2 for 0.25, up to 7.
        slope_shift: u8,
    },
}

impl Activation {
    /// How many bits a negative accumulator is shifted beyond the others.
    pub const fn slope_shift(self) -> u8 {
        match self {
            Self::LeakyRelu { slope_shift } => slope_shift,
            Self::None | Self::Relu => 0,
        }
    }

    /// Whether a layer of this activation may have this shift: `1 <= shift`, and at most
    /// [`MAX_SHIFT`] with the slope.
    pub const fn allows_shift(self, shift: u8) -> bool {
        1 <= shift && shift <= MAX_SHIFT - self.slope_shift()
    }

    /// Activates and requantizes an accumulator: one rounding, then saturation.
    #[inline(always)]
    pub const fn requantize(self, accumulator: i32, shift: u8) -> i8 {
        let shift = shift as u32;
        saturate(match self {
            Self::Relu if accumulator < 0 => 0,
            Self::LeakyRelu { slope_shift } if accumulator < 0 => {
                shift_round_half_even(accumulator, shift + slope_shift as u32)
            }
            _ => shift_round_half_even(accumulator, shift),
        })
    }
}

impl Activation {
    /// As [`Activation::requantize`], where nothing need be shifted: of a shift of 0 with the
    /// slope's, the number itself.
    #[inline]
    pub const fn round(self, accumulator: i32, shift: u8) -> i8 {
        let negative = accumulator < 0;
        let whole = shift == 0 && !(negative && self.slope_shift() > 0);
        if negative && matches!(self, Self::Relu) {
            0
        } else if whole {
            saturate(accumulator)
        } else {
            self.requantize(accumulator, shift)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `2^exponent`, exact everywhere; `powi` does not promise that.
    fn power_of_two(exponent: i32) -> f32 {
        f32::from_bits(((127 + exponent) as u32) << 23)
    }

    /// Round half to even by division in i64: slow and obvious.
    fn oracle(a: i64, s: u32) -> i64 {
        let divisor = 1i64 << s;
        let (quotient, remainder) = (a.div_euclid(divisor), a.rem_euclid(divisor));
        match (2 * remainder).cmp(&divisor) {
            core::cmp::Ordering::Less => quotient,
            core::cmp::Ordering::Greater => quotient + 1,
            core::cmp::Ordering::Equal => quotient + quotient.rem_euclid(2),
        }
    }

    #[test]
    fn rhe_rounds_half_to_even() {
        let halves = [(-5, -2), (-3, -2), (-1, 0), (1, 0), (3, 2), (5, 2), (7, 4)];
        for (a, rounded) in halves {
            assert_eq!(shift_round_half_even(a, 1), rounded, "{a} / 2");
        }
    }

    #[test]
    fn rhe_equals_the_oracle_around_every_tie() {
        for s in 1..=30u32 {
            for k in -70i64..=70 {
                for d in -2..=2 {
                    let a = k * (1i64 << (s - 1)) + d;
                    if a.abs() <= 1 << 30 {
                        assert_eq!(
                            i64::from(shift_round_half_even(a as i32, s)),
                            oracle(a, s),
                            "a {a}, s {s}"
                        );
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn rhe_equals_the_oracle(a in -(1i32 << 30)..=(1 << 30), s in 1u32..=30) {
            prop_assert_eq!(i64::from(shift_round_half_even(a, s)), oracle(i64::from(a), s));
        }

        #[test]
        fn rhe_equals_the_float_of_quantize_linear(a in -(1i32 << 24)..(1 << 24), s in 1u32..=30) {
            // What an ONNX runtime computes: an exact float product, rounded half to even.
            let real = a as f32 * power_of_two(-(s as i32));
            prop_assert_eq!(shift_round_half_even(a, s) as f32, real.round_ties_even());
        }

        #[test]
        fn leaky_relu_rounds_once(a in -(1i32 << 24)..(1 << 24), s in 1u8..=27, k in 1u8..=3) {
            let slope = if a < 0 { power_of_two(-i32::from(k)) } else { 1.0 };
            let real = (a as f32 * slope * power_of_two(-i32::from(s))).round_ties_even().clamp(-128.0, 127.0);
            prop_assert_eq!(f32::from(Activation::LeakyRelu { slope_shift: k }.requantize(a, s)), real);
        }

        #[test]
        fn rounding_begins_at_a_shift_of_nothing(a in -(1i32 << 24)..(1 << 24), s in 0u8..=23, k in 1u8..=7) {
            for (activation, slope) in [
                (Activation::None, 1.0),
                (Activation::Relu, 0.0),
                (Activation::LeakyRelu { slope_shift: k }, power_of_two(-i32::from(k))),
            ] {
                let slope = if a < 0 { slope } else { 1.0 };
                let real = (a as f32 * slope * power_of_two(-i32::from(s))).round_ties_even();
                prop_assert_eq!(f32::from(activation.round(a, s)), real.clamp(-128.0, 127.0));
            }
        }

        #[test]
        fn nothing_panics(a: i32, s: u8, k: u8) {
            for activation in [Activation::None, Activation::Relu, Activation::LeakyRelu { slope_shift: k }] {
                let _ = (activation.requantize(a, s), activation.round(a, s));
            }
        }
    }

    #[test]
    fn activations_of_known_accumulators() {
        let leaky = Activation::LeakyRelu { slope_shift: 2 };
        for (activation, accumulator, shift, expected) in [
            (Activation::None, -1000, 3, -125),
            (Activation::None, -5000, 3, -128),
            (Activation::None, 5000, 3, 127),
            (Activation::Relu, -1000, 3, 0),
            (Activation::Relu, 1000, 3, 125),
            (leaky, -1000, 3, -31),
            (leaky, 1000, 3, 125),
        ] {
            assert_eq!(
                activation.requantize(accumulator, shift),
                expected,
                "{activation:?} {accumulator}"
            );
        }
    }

    #[test]
    fn shifts_leave_room_for_the_slope() {
        let leaky = Activation::LeakyRelu { slope_shift: 2 };
        assert!(leaky.allows_shift(28) && !leaky.allows_shift(29) && !leaky.allows_shift(0));
        assert!(Activation::None.allows_shift(30) && !Activation::None.allows_shift(31));
    }
}
