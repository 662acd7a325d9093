//! The model image: a small program over one arena, with its weights, in one little-endian file
//! that is run in place.
//!
//! The format is described in `shared/IMAGE-FORMAT.md`. A code that a reader does not know is
//! refused by its number: a new operator needs no other format.

#[cfg(test)]
mod block_tests;
mod check;
mod error;
mod fields;
mod goldens;
#[cfg(test)]
mod op_tests;
mod ops;
mod program;
mod reader;
mod schedule;
mod sections;
#[cfg(test)]
mod tests;
mod writer;

pub use crate::op::{Name, OpFault};
pub use error::{ImageError, WriteError};
pub use goldens::Goldens;
pub use ops::Ops;
pub use reader::Image;
pub use schedule::{Schedule, Step, Turn};
pub use writer::{GoldenRepr, ImageRepr};

use serde::{Deserialize, Serialize};

/// First bytes of every image.
pub const MAGIC: [u8; 4] = *b"TGIM";

/// The version of the format that this code writes and reads.
pub const VERSION: u16 = 2;

/// Length of the header in bytes.
pub const HEADER_LEN: usize = 80;

/// No image, and no arena, is larger than this: 16 MiB.
pub const MAX_LEN: u32 = 16 << 20;

/// The most regions that a program may name.
pub const MAX_REGIONS: usize = 256;

/// The most operations of a program.
pub const MAX_OPS: usize = 4096;

/// The data section, and the weights in it, lie at multiples of this.
pub const ALIGNMENT: usize = crate::op::DATA_ALIGNMENT;

/// How the output's elements become grey levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum PixelRange {
    /// -1 is black, 1 is white (tanh): at exponent -7, `grey = q + 128`.
    #[default]
    Signed,
    /// 0 is black, 1 is white (sigmoid): at exponent -7, `grey = 2 q + q / 64`, so that 127 is
    /// white.
    Unit,
}

impl PixelRange {
    /// The grey level, 0 to 255, of an output element at exponent [`PIXEL_EXPONENT`].
    #[inline]
    pub const fn grey(self, q: i8) -> u8 {
        match self {
            Self::Signed => (q as u8) ^ 0x80,
            Self::Unit => {
                let q = if q < 0 { 0 } else { q as u8 };
                // 127 * 2 + 1 = 255.
                q * 2 + q / 64
            }
        }
    }
}

/// The exponent of the output region: 128 steps to 1.0.
pub const PIXEL_EXPONENT: i8 = -7;
