//! Products of two tensors, element by element.

use super::{OpFault, Operator, Record, Region, Sink, broadcasts, elements, operand};
use crate::arithmetic::MAX_SHIFT;

/// The product of two tensors, element by element: `y = saturate(shift_round_half_even(a * b, shift))`.
///
/// Each has the output's shape, or one element for each channel, by which every pixel is
/// multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mul {
    /// The output's exponent less the sum of the inputs', 0 to 30; halves go to even.
    pub shift: u8,
}

impl<'a> Operator<'a> for Mul {
    const CODE: u8 = 9;
    const NAME: &'static str = "mul";
    const INPUTS: [usize; 2] = [2, 2];

    fn decode(record: &mut Record<'a>, from: &[Region], to: &Region) -> Result<Self, OpFault> {
        let [shift] = record.bytes()?;
        record.zeros::<3>()?;
        if shift > MAX_SHIFT {
            return Err(OpFault::field("shift", shift));
        }
        let (a, b) = (operand(from, 0), operand(from, 1));
        for input in [&a, &b] {
            OpFault::unless_shapes_fit(broadcasts(input, to), input, to)?;
        }
        let exponent = i32::from(a.exponent) + i32::from(b.exponent) + i32::from(shift);
        if exponent != i32::from(to.exponent) {
            return Err(OpFault::Exponents {
                input: a.exponent,
                output: to.exponent,
                shift,
            });
        }
        Ok(Self { shift })
    }

    fn encode(&self, sink: &mut dyn Sink) -> Option<()> {
        sink.put(&[self.shift, 0, 0, 0])
    }

    fn work(&self, _: &[Region], to: &Region) -> u64 {
        elements(to)
    }
}
