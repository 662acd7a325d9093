//! What host and device say to each other over a serial line, in frames that share the line with
//! text.
//!
//! ```text
//! frame    0x00  marker  COBS(number u8, message, CRC-32)  0x00
//! marker   0x80 + version: 0x81
//! CRC-32   little-endian, over marker, number and message
//! message  a [`Request`] from the host, a [`Reply`] from the device; postcard's encoding
//! ```
//! A line of text is ended by `\n` and holds no 0x00. A 0x00 ends whatever stood before it: a
//! frame, or a line that was never ended, which is void. What follows a 0x00 is a frame where it
//! starts with a marker, else text: text never starts with a marker, because UTF-8 has no character
//! that starts with 0x80 to 0x8F. So the receiver is in step again at the next 0x00 whatever was
//! lost or added before it, and no frame but the damaged one is lost. Bytes after more than a frame
//! may have count as text, so that lines are read again where no 0x00 comes any more.
//!
//! The host asks, one request at a time, and waits. It numbers its requests; replies carry the
//! number of the request that they answer, or 0 where the device could not read it. Every request
//! has one last reply; [`Request::Generate`] has others before it, see [`Reply::is_last`]. All
//! requests may be sent again when no reply came: nothing is done twice. All but one get the same
//! answer again. A [`Request::Finish`] for a whole image does not: with the first, the upload is
//! over, whether the image was good or not, so the second is refused as [`Refusal::NotBegun`]. Who
//! is refused so asks with [`Request::Hello`] what runs.
//!
//! A later version may add requests and replies at the ends of the enums: what a receiver does not
//! know it refuses as [`Refusal::Malformed`]. A change to what is there needs another version.

mod decoder;
mod frame;
mod message;
mod refusal;

pub use decoder::{Decoder, FrameError, Piece};
pub use frame::{EncodeError, Frame};
pub use message::{
    Hello, LogLevel, MalformedMessage, NAME_LEN, Reply, Request, SlotState, Source, decode, short,
};
pub use refusal::Refusal;

/// The version of the protocol that this code speaks.
pub const VERSION: u8 = 1;

/// What stands before the version in a marker; the version takes the lower four bits.
const MARKER: u8 = 0x80;

/// Bytes of a picture or of a model image in one message. A page of the flash memories in use.
pub const BLOCK_LEN: usize = 256;

/// The longest number and message: a block, and 16 bytes for what stands before it.
pub const MAX_MESSAGE_LEN: usize = BLOCK_LEN + 16;

/// Bytes of the checksum.
const CRC_LEN: usize = 4;

/// The longest frame on the line: two zeros, the marker, and one byte for each 254 that COBS
/// encodes.
pub const MAX_FRAME_LEN: usize =
    MAX_MESSAGE_LEN + CRC_LEN + (MAX_MESSAGE_LEN + CRC_LEN).div_ceil(254) + 3;

/// The checksum of a frame of this version.
fn checksum(message: &[u8]) -> u32 {
    let mut digest = crate::checksum::digest();
    digest.update(&[MARKER | VERSION]);
    digest.update(message);
    digest.finalize()
}

#[cfg(test)]
mod tests;
