//! Pixels that become channels.

use super::depth_to_space::blocks_fit;
use super::{BlockOrder, OpFault, Operator, Record, Region, Sink, elements, operand};
use core::fmt;

/// Each block of pixels becomes the channels of one: `y[r][c][channel(i, j, n)] = x[r * b + i][c *
/// b + j][n]`, with the channel by [`BlockOrder`]. Both regions have one exponent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpaceToDepth {
    /// Rows and columns of a block, at least 1.
    pub block: [u8; 2],
    /// Which channel is which pixel of the block.
    pub order: BlockOrder,
}

impl<'a> Operator<'a> for SpaceToDepth {
    const CODE: u8 = 12;
    const NAME: &'static str = "space to depth";
    const INPUTS: [usize; 2] = [1, 1];

    fn decode(record: &mut Record<'a>, from: &[Region], to: &Region) -> Result<Self, OpFault> {
        let from = operand(from, 0);
        let (block, order) = BlockOrder::decode(record)?;
        OpFault::unless_shapes_fit(blocks_fit(block, to, &from), &from, to)?;
        OpFault::unless_exponents_fit(&from, to, 0)?;
        Ok(Self { block, order })
    }

    fn encode(&self, sink: &mut dyn Sink) -> Option<()> {
        self.order.encode(self.block, sink)
    }

    fn attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [rows, columns] = self.block;
        write!(f, " {rows}x{columns}")
    }

    fn work(&self, _: &[Region], to: &Region) -> u64 {
        elements(to)
    }
}
