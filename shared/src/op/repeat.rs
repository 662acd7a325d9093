//! Blocks of operations that run several times.

use super::{OpFault, Operator, Record, Region, Sink};
use core::fmt;

/// Runs the operations behind it several times: a denoiser's steps, a text's tokens.
///
/// It writes the number of the step, from 0, to its region of one byte, a byte without a sign, and
/// again before each further step. Blocks do not lie within one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeat {
    /// How often, and how many operations.
    pub block: Block,
}

/// A block of operations that runs several times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// How often it runs, 1 to 256.
    pub count: u16,
    /// How many operations it has, those behind [`Repeat`]; at least 1.
    pub body: u16,
}

impl<'a> Operator<'a> for Repeat {
    const CODE: u8 = 20;
    const NAME: &'static str = "repeat";
    const INPUTS: [usize; 2] = [0, 0];

    fn decode(record: &mut Record<'a>, _: &[Region], to: &Region) -> Result<Self, OpFault> {
        let block = Block {
            count: record.half()?,
            body: record.half()?,
        };
        if !(1..=256).contains(&block.count) {
            return Err(OpFault::field("number of steps", block.count));
        }
        if block.body == 0 {
            return Err(OpFault::Block(0));
        }
        OpFault::unless_shapes_fit(to.len() == 1, to, to)?;
        Ok(Self { block })
    }

    fn encode(&self, sink: &mut dyn Sink) -> Option<()> {
        super::record::put_halves(&[self.block.count, self.block.body], sink)
    }

    fn attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Block { count, body } = self.block;
        write!(f, " {body} operations {count} times")
    }

    fn work(&self, _: &[Region], _: &Region) -> u64 {
        1
    }

    fn block(&self) -> Option<Block> {
        Some(self.block)
    }
}
