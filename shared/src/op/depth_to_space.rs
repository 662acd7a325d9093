//! Channels that become pixels.

use super::{OpFault, Operator, Record, Region, Sink, elements, operand};
use core::fmt;

/// Each pixel's channels become a block of pixels: `y[r * b + i][c * b + j][n] = x[r][c][channel(i,
/// j, n)]`, with the channel by [`BlockOrder`]. Both regions have one exponent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DepthToSpace {
    /// Rows and columns of a block, at least 1.
    pub block: [u8; 2],
    /// Which channel is which pixel of the block.
    pub order: BlockOrder,
}

/// Where a block's pixels lie among the channels: of `n` channels a pixel of the block, and a block
/// of `h x w`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockOrder {
    /// Pixel by pixel: channel `(i * w + j) * n + c`. ONNX: DepthToSpace with mode DCR,
    /// SpaceToDepth.
    PixelsFirst,
    /// Channel by channel: channel `(c * h + i) * w + j`. ONNX: mode CRD; PyTorch: PixelShuffle.
    ChannelsFirst,
}

impl BlockOrder {
    /// The channel of a pixel of the block at row `i`, column `j`, and its channel `c` of `n`.
    pub const fn channel(self, [h, w]: [u32; 2], n: u32, [i, j, c]: [u32; 3]) -> u32 {
        match self {
            Self::PixelsFirst => (i * w + j) * n + c,
            Self::ChannelsFirst => (c * h + i) * w + j,
        }
    }

    /// Steps of that channel from one row of the block, one column and one channel to the next.
    pub const fn steps(self, [h, w]: [u32; 2], n: u32) -> [u32; 3] {
        match self {
            Self::PixelsFirst => [w * n, n, 1],
            Self::ChannelsFirst => [w, 1, h * w],
        }
    }

    pub(super) fn decode(record: &mut Record<'_>) -> Result<([u8; 2], Self), OpFault> {
        let block: [u8; 2] = record.bytes()?;
        let [order] = record.bytes()?;
        record.zeros::<1>()?;
        if block.contains(&0) {
            return Err(OpFault::field("block", 0u8));
        }
        match order {
            0 => Ok((block, Self::PixelsFirst)),
            1 => Ok((block, Self::ChannelsFirst)),
            other => Err(OpFault::field("order of a block", other)),
        }
    }

    pub(super) fn encode(self, [rows, columns]: [u8; 2], sink: &mut dyn Sink) -> Option<()> {
        let order = match self {
            Self::PixelsFirst => 0,
            Self::ChannelsFirst => 1,
        };
        sink.put(&[rows, columns, order, 0])
    }
}

/// Whether a picture of `large` is one of `small` with its channels spread over blocks.
pub(super) fn blocks_fit([rows, columns]: [u8; 2], small: &Region, large: &Region) -> bool {
    let times = |side: u16, factor: u8| u32::from(side) * u32::from(factor);
    times(small.height, rows) == u32::from(large.height)
        && times(small.width, columns) == u32::from(large.width)
        && u64::from(large.channels) * u64::from(rows) * u64::from(columns)
            == u64::from(small.channels)
}

impl<'a> Operator<'a> for DepthToSpace {
    const CODE: u8 = 11;
    const NAME: &'static str = "depth to space";
    const INPUTS: [usize; 2] = [1, 1];

    fn decode(record: &mut Record<'a>, from: &[Region], to: &Region) -> Result<Self, OpFault> {
        let from = operand(from, 0);
        let (block, order) = BlockOrder::decode(record)?;
        OpFault::unless_shapes_fit(blocks_fit(block, &from, to), &from, to)?;
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
