//! Parts of concatenations.

use super::record::put_halves;
use super::{OpFault, Operator, Record, Region, Sink, elements, operand};
use crate::arithmetic::MAX_SHIFT;
use core::fmt;

/// Copies the input's channels behind the first `channel_offset` channels of the output: a part of
/// a concatenation.
///
/// The parts of one region are copied one after the other in the order of their channels, and only
/// when the last is there may the region be read. The first one, at offset 0, sets the channels
/// behind it to 0: what an observer sees of a region in the making does not depend on what lay
/// there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copy {
    /// The first channel of the output that is written.
    pub channel_offset: u16,
    /// The output's exponent less the input's, 0 to 30: elements are shifted right by it, halves to
    /// even.
    pub shift: u8,
}

impl<'a> Operator<'a> for Copy {
    const CODE: u8 = 6;
    const NAME: &'static str = "copy";
    const INPUTS: [usize; 2] = [1, 1];

    fn decode(record: &mut Record<'a>, from: &[Region], to: &Region) -> Result<Self, OpFault> {
        let from = operand(from, 0);
        let channel_offset = record.half()?;
        let [shift] = record.bytes()?;
        record.zeros::<1>()?;
        if shift > MAX_SHIFT {
            return Err(OpFault::field("shift", shift));
        }
        let end = u32::from(channel_offset) + u32::from(from.channels);
        let fits =
            from.height == to.height && from.width == to.width && end <= u32::from(to.channels);
        OpFault::unless_shapes_fit(fits, &from, to)?;
        OpFault::unless_exponents_fit(&from, to, shift)?;
        Ok(Self {
            channel_offset,
            shift,
        })
    }

    fn encode(&self, sink: &mut dyn Sink) -> Option<()> {
        put_halves(&[self.channel_offset], sink)?;
        sink.put(&[self.shift, 0])
    }

    fn attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " to channel {}", self.channel_offset)
    }

    fn work(&self, from: &[Region], to: &Region) -> u64 {
        match self.channel_offset {
            // The channels behind it are set to 0.
            0 => elements(to),
            _ => elements(&operand(from, 0)),
        }
    }

    fn channels_written(&self, from: &[Region], _: &Region) -> [u16; 2] {
        // Checked to be at most the output's.
        let end = self
            .channel_offset
            .saturating_add(operand(from, 0).channels);
        [self.channel_offset, end]
    }
}
