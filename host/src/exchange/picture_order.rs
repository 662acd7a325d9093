//! The two orders of the elements of a picture, and which vectors have them.

use crate::graph::Shape;

/// What a graph is turned to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Channels, rows, columns, as in ONNX files.
    ChannelsFirst,
    /// Rows, columns, channels, as everywhere else.
    ChannelsLast,
}

impl Layout {
    /// Which element of a picture in the other layout one of it in this layout is.
    pub const fn was(self, (channels, pixels): (usize, usize), at: usize) -> usize {
        match self {
            Self::ChannelsLast => at % channels * pixels + at / channels,
            Self::ChannelsFirst => at % pixels * channels + at / pixels,
        }
    }
}

/// Channels and pixels of the picture whose order a vector has in the other layout; none where its
/// order is the same.
pub type Key = Option<(usize, usize)>;

/// The key of a picture: those of one channel or of one pixel are vectors in both layouts.
pub fn key(shape: Shape) -> Key {
    (shape.channels > 1 && shape.pixels() > 1).then_some((shape.channels, shape.pixels()))
}
