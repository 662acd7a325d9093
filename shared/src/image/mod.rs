//! The model image: a small program over one arena, with its weights, in one little-endian file that is run in place.
//!
//! ```text
//! offset  size  header (80 bytes)
//!      0     4  "TGIM"
//!      4     2  version of the format: 1
//!      6     2  length of the header
//!      8     4  length of the whole image
//!     12     4  CRC-32 of every byte but these four
//!     16     4  length of the arena in bytes
//!     20     2  length of the latent vector
//!     22     2  number of classes, 0 for an unconditional generator
//!     24     2  index of the input region (latent vector, one-hot label)
//!     26     2  index of the output region (the picture)
//!     28     1  range of the picture: 0 for -1..1, 1 for 0..1
//!     29     1  prior of the latent vector: 0 normal, 1 uniform
//!     30     2  0
//!     32   2+2  name: offset and length in the strings
//!     36   2+2  card line: offset and length in the strings
//!     40   4+4  strings: offset in the image, length; UTF-8
//!     48   4+4  regions: 12 bytes each
//!     56   4+4  program: operations of different length, in order of execution
//!     64   4+4  golden vectors: 8 + 4 * (1 + operations) bytes each
//!     72   4+4  data: weights, biases, shifts, tables
//!
//! region      offset u32, channels u16, height u16, width u16, exponent i8, 0
//! operation   code u8, 0, length in words u16, name offset u16, name length u16, input u16, output u16, then
//!   1 dense           weights
//!   2 table           entries u32
//!   3 conv            weights, window
//!   4 conv transpose  weights, window
//!   5 upsample        factors of rows u8 and columns u8, 0 u16
//!   6 copy            channel offset u16, shift u8, 0
//!   7 embedding       weights
//!   weights           layout u8, activation u8, slope shift u8, 0, rows u32, bias u32, shifts u32
//!   window            kernel u8 u8, stride u8 u8, padding u8 u8 (each of rows, then of columns), 0 u16
//! golden      seed u32, label u8, has label u8, 0 u16, checksums u32...
//! ```
//! Sections follow one another in this order, each at a multiple of 4, the data at a multiple of 16. Offsets in
//! operations count from the start of the data; weights lie at a multiple of 16, biases at a multiple of 4.
//! A code that a reader does not know is refused by its number: later operations (loops, residual sums, caches) need no
//! other format.
//!
//! An operation reads a region that holds a value: it, or a region around it, was written whole, and no byte of it was
//! overwritten through another region since. Several regions may name the same bytes, see [`crate::layer::Region`].

mod check;
mod error;
mod fields;
#[cfg(test)]
mod op_tests;
mod program;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use error::{ImageError, Name, OpFault, WriteError};
pub use reader::{Goldens, Image, Ops};
pub use writer::{GoldenRepr, ImageRepr};

use serde::{Deserialize, Serialize};

/// First bytes of every image.
pub const MAGIC: [u8; 4] = *b"TGIM";

/// The version of the format that this code writes and reads.
pub const VERSION: u16 = 1;

/// Length of the header in bytes.
pub const HEADER_LEN: usize = 80;

/// No image, and no arena, is larger than this: 16 MiB.
pub const MAX_LEN: u32 = 16 << 20;

/// The most regions that a program may name.
pub const MAX_REGIONS: usize = 256;

/// The most operations of a program.
pub const MAX_OPS: usize = 4096;

/// The data section, and the weights in it, lie at multiples of this.
pub const ALIGNMENT: usize = 16;

/// How the output's elements become grey levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum PixelRange {
    /// -1 is black, 1 is white (tanh): at exponent -7, `grey = q + 128`.
    #[default]
    Signed,
    /// 0 is black, 1 is white (sigmoid): at exponent -7, `grey = 2 q + q / 64`, so that 127 is white.
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
