//! Rows of a table by an index.

use super::record::put_halves;
use super::{OpFault, Operator, Record, Region, Sink, elements, operand};
use core::fmt;

/// A row of a table, chosen by an index of one byte: a step, a label, a token. `y = rows[min(x,
/// count - 1)]`.
///
/// The byte counts from 0 to 255 without a sign, whatever its region's exponent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gather<'a> {
    /// Number of rows, 1 to 256.
    pub count: u16,
    /// The rows one after the other, each as long as the output; int8 at the output's exponent.
    pub rows: &'a [u8],
}

impl<'a> Operator<'a> for Gather<'a> {
    const CODE: u8 = 17;
    const NAME: &'static str = "gather";
    const INPUTS: [usize; 2] = [1, 1];

    fn decode(record: &mut Record<'a>, from: &[Region], to: &Region) -> Result<Self, OpFault> {
        let from = operand(from, 0);
        let count = record.half()?;
        record.zeros::<2>()?;
        if !(1..=256).contains(&count) {
            return Err(OpFault::field("number of rows", count));
        }
        OpFault::unless_shapes_fit(from.len() == 1, &from, to)?;
        let len = u32::from(count).saturating_mul(to.len());
        let rows = record.data("rows", len, 4)?;
        Ok(Self { count, rows })
    }

    fn encode(&self, sink: &mut dyn Sink) -> Option<()> {
        put_halves(&[self.count, 0], sink)?;
        sink.data(self.rows, 4)
    }

    fn table(&self) -> Option<&'a [u8]> {
        Some(self.rows)
    }

    fn attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " of {} rows", self.count)
    }

    fn work(&self, _: &[Region], to: &Region) -> u64 {
        elements(to)
    }
}
