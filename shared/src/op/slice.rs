//! Parts of tensors.

use super::record::put_halves;
use super::{OpFault, Operator, Record, Region, Sink, elements, operand};

/// A part of a tensor: `y[r][c][n] = x[start + r * step]...`, along each axis. Both regions have
/// one exponent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// The first row, column and channel.
    pub start: [u16; 3],
    /// From one row, column and channel to the next; at least 1.
    pub step: [u8; 3],
}

impl<'a> Operator<'a> for Slice {
    const CODE: u8 = 14;
    const NAME: &'static str = "slice";
    const INPUTS: [usize; 2] = [1, 1];

    fn decode(record: &mut Record<'a>, from: &[Region], to: &Region) -> Result<Self, OpFault> {
        let from = operand(from, 0);
        let start = [record.half()?, record.half()?, record.half()?];
        let step: [u8; 3] = record.bytes()?;
        record.zeros::<3>()?;
        if step.contains(&0) {
            return Err(OpFault::field("step", 0u8));
        }
        let axes = start.iter().zip(step).zip(from.shape()).zip(to.shape());
        let fits = axes.into_iter().all(|(((&start, step), from), to)| {
            let steps = u32::from(to).saturating_sub(1) * u32::from(step);
            u32::from(start) + steps < u32::from(from)
        });
        OpFault::unless_shapes_fit(fits, &from, to)?;
        OpFault::unless_exponents_fit(&from, to, 0)?;
        Ok(Self { start, step })
    }

    fn encode(&self, sink: &mut dyn Sink) -> Option<()> {
        put_halves(&self.start, sink)?;
        sink.put(&self.step)?;
        sink.put(&[0; 3])
    }

    fn work(&self, _: &[Region], to: &Region) -> u64 {
        elements(to)
    }
}
