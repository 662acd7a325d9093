//! Axes in another order.

use super::{OpFault, Operator, Record, Region, Sink, elements, operand};

/// The axes in another order: axis `i` of the output (rows, columns, channels) is axis `order[i]`
/// of the input. Both regions have one exponent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transpose {
    /// Which axis of the input each of the output is: 0 for rows, 1 for columns, 2 for channels,
    /// each once.
    pub order: [u8; 3],
}

impl<'a> Operator<'a> for Transpose {
    const CODE: u8 = 13;
    const NAME: &'static str = "transpose";
    const INPUTS: [usize; 2] = [1, 1];

    fn decode(record: &mut Record<'a>, from: &[Region], to: &Region) -> Result<Self, OpFault> {
        let from = operand(from, 0);
        let order: [u8; 3] = record.bytes()?;
        record.zeros::<1>()?;
        if let Some(axis) = (0..3).find(|axis| !order.contains(axis)) {
            return Err(OpFault::field("order of axes without axis", axis));
        }
        let shape = order.map(|axis| from.shape().get(usize::from(axis)).copied());
        OpFault::unless_shapes_fit(shape == to.shape().map(Some), &from, to)?;
        OpFault::unless_exponents_fit(&from, to, 0)?;
        Ok(Self { order })
    }

    fn encode(&self, sink: &mut dyn Sink) -> Option<()> {
        sink.put(&self.order)?;
        sink.put(&[0])
    }

    fn work(&self, _: &[Region], to: &Region) -> u64 {
        elements(to)
    }
}
