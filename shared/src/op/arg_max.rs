//! The largest channel.

use super::{OpFault, Operator, Record, Region, Sink, elements, operand};

/// The index of each pixel's largest channel, as a byte without a sign; the first one of equal
/// ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArgMax;

impl<'a> Operator<'a> for ArgMax {
    const CODE: u8 = 18;
    const NAME: &'static str = "argmax";
    const INPUTS: [usize; 2] = [1, 1];

    fn decode(_: &mut Record<'a>, from: &[Region], to: &Region) -> Result<Self, OpFault> {
        let from = operand(from, 0);
        let fits = (from.height, from.width) == (to.height, to.width)
            && to.channels == 1
            && from.channels <= 256;
        OpFault::unless_shapes_fit(fits, &from, to)?;
        Ok(Self)
    }

    fn encode(&self, _: &mut dyn Sink) -> Option<()> {
        Some(())
    }

    fn work(&self, from: &[Region], _: &Region) -> u64 {
        elements(&operand(from, 0))
    }
}
