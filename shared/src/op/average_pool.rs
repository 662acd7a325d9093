//! Means over windows.

use super::{OpFault, Operator, Record, Region, Sink, Window, elements, operand, window};
use crate::arithmetic::MAX_SHIFT;
use core::fmt;

/// The mean of the elements under a window, a channel at a time:
/// `y = saturate(shift_round_half_even(reciprocal(count) * sum of x, shift))`.
///
/// Both factors and their product stay below 2^24, so that float runtimes compute it exactly. A
/// window as large as the input gives the global mean.
///
/// The reciprocal is off by up to `count / 2^17` of itself: 0.6 % for a window of 28 by 28, nothing
/// for powers of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AveragePool {
    /// Kernel, stride and padding; no dilation.
    pub window: Window,
    /// Whether padding counts as elements that are 0; else each sum is divided by the number of
    /// elements it has.
    pub counts_padding: bool,
    /// 16 more than the output's exponent less the input's, 1 to 30.
    pub shift: u8,
}

/// `2^16 / count`, rounded half up; the largest for nothing.
#[inline]
pub const fn reciprocal(count: u32) -> i32 {
    let count = if count == 0 { 1 } else { count };
    // At most 2^16 + 1/2.
    ((1u32 << 17) / count).div_ceil(2) as i32
}

impl<'a> Operator<'a> for AveragePool {
    const CODE: u8 = 16;
    const NAME: &'static str = "average pool";
    const INPUTS: [usize; 2] = [1, 1];

    fn decode(record: &mut Record<'a>, from: &[Region], to: &Region) -> Result<Self, OpFault> {
        let from = operand(from, 0);
        let (window, groups) = window::decode(record, false, &from, to)?;
        let [counts_padding, shift] = record.bytes()?;
        record.zeros::<2>()?;
        if groups != 1 || from.channels != to.channels {
            return Err(OpFault::shapes(&from, to));
        }
        if let Some(&dilation) = window.dilation.iter().find(|&&d| d != 1) {
            return Err(OpFault::field("dilation", dilation));
        }
        let counts_padding = match counts_padding {
            0 => false,
            1 => true,
            other => return Err(OpFault::field("way of counting padding", other)),
        };
        if shift == 0 || shift > MAX_SHIFT {
            return Err(OpFault::Shift { channel: 0, shift });
        }
        if i32::from(from.exponent) + i32::from(shift) - 16 != i32::from(to.exponent) {
            let (input, output) = (from.exponent, to.exponent);
            return Err(OpFault::Exponents {
                input,
                output,
                shift,
            });
        }
        Ok(Self {
            window,
            counts_padding,
            shift,
        })
    }

    fn encode(&self, sink: &mut dyn Sink) -> Option<()> {
        window::encode(&self.window, 1, sink)?;
        sink.put(&[u8::from(self.counts_padding), self.shift, 0, 0])
    }

    fn attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        window::attributes(&self.window, 1, f)
    }

    fn work(&self, from: &[Region], to: &Region) -> u64 {
        let meetings = window::meetings(&self.window, false, &operand(from, 0), to);
        meetings
            .saturating_mul(u64::from(to.channels))
            .saturating_add(elements(to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reciprocals_are_rounded_and_products_stay_exact_in_floats() {
        for count in 1..=65025u32 {
            let m = reciprocal(count);
            let exact = 65536.0 / f64::from(count);
            assert!((f64::from(m) - exact).abs() <= 0.5, "{count}");
            assert!(i64::from(m) * i64::from(count) * 128 < 1 << 24, "{count}");
        }
        assert_eq!([1, 2, 3, 49].map(reciprocal), [65536, 32768, 21845, 1337]);
    }
}
