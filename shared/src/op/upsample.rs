//! Nearest-neighbour enlargement.

use super::{OpFault, Operator, Record, Region, Sink, elements, operand};
use core::fmt;

/// Nearest-neighbour enlargement by whole factors: `y[r][c] = x[r / f][c / f]`. Both regions have
/// one exponent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upsample {
    /// Factors of the rows and of the columns, at least 1.
    pub factor: [u8; 2],
}

impl<'a> Operator<'a> for Upsample {
    const CODE: u8 = 5;
    const NAME: &'static str = "upsample";
    const INPUTS: [usize; 2] = [1, 1];

    fn decode(record: &mut Record<'a>, from: &[Region], to: &Region) -> Result<Self, OpFault> {
        let from = operand(from, 0);
        let factor @ [rows, columns] = record.bytes()?;
        record.zeros::<2>()?;
        let times = |from, factor, to| u32::from(from) * u32::from(factor) == u32::from(to);
        let fits = times(from.height, rows, to.height)
            && times(from.width, columns, to.width)
            && from.channels == to.channels;
        OpFault::unless_shapes_fit(fits, &from, to)?;
        OpFault::unless_exponents_fit(&from, to, 0)?;
        Ok(Self { factor })
    }

    fn encode(&self, sink: &mut dyn Sink) -> Option<()> {
        sink.put(&self.factor)?;
        sink.put(&[0; 2])
    }

    fn attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [rows, columns] = self.factor;
        write!(f, " {rows}x{columns}")
    }

    fn work(&self, _: &[Region], to: &Region) -> u64 {
        elements(to)
    }
}
