//! Functions of one element.

use super::{Name, OpFault, Operator, Record, Region, Sink, elements, operand};

/// A table of 256 entries: `y[i] = entries[x[i] + 128]`. May work in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table<'a> {
    /// 256 int8, for the inputs -128 to 127.
    pub entries: &'a [u8; 256],
}

impl<'a> Operator<'a> for Table<'a> {
    const CODE: u8 = 2;
    const NAME: &'static str = "table";
    const INPUTS: [usize; 2] = [1, 1];
    const IN_PLACE: bool = true;

    fn decode(record: &mut Record<'a>, from: &[Region], to: &Region) -> Result<Self, OpFault> {
        let (input, output) = (operand(from, 0).len(), to.len());
        if input != output {
            return Err(OpFault::Lengths { input, output });
        }
        let entries = record.data("entries", 256, 1)?;
        // As long as was asked for; the error is for the compiler.
        let entries = entries.as_array().ok_or(OpFault::Data {
            what: Name::new("entries"),
            offset: 0,
            len: 256,
        })?;
        Ok(Self { entries })
    }

    fn encode(&self, sink: &mut dyn Sink) -> Option<()> {
        sink.data(self.entries, 1)
    }

    fn table(&self) -> Option<&'a [u8]> {
        Some(self.entries)
    }

    fn work(&self, _: &[Region], to: &Region) -> u64 {
        elements(to)
    }
}
