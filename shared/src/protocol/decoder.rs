//! From the bytes on the line to messages and text, one byte at a time.

use super::{CRC_LEN, MARKER, MAX_MESSAGE_LEN, VERSION, checksum};
use serde::{Deserialize, Serialize};

/// Bytes between two zeros that looked like a frame and are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum FrameError {
    /// More bytes than a frame may have.
    #[error("the frame is too long, expected a message of at most {MAX_MESSAGE_LEN} bytes")]
    TooLong,
    /// Not COBS, too short, or with another checksum.
    #[error("the frame was damaged on the line; send it again")]
    Damaged,
    /// A marker of another version.
    #[error(
        "the frame is of version {found} of the protocol, expected {VERSION}; update the older side"
    )]
    Version {
        /// What the marker says.
        found: u8,
    },
}

/// What a byte completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'d> {
    /// A byte of text.
    Text(u8),
    /// An unfinished line of text is void.
    Cut,
    /// A frame's number and message, its checksum equal; or why it is none.
    Frame(Result<&'d [u8], FrameError>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Behind a zero.
    Start,
    /// In text, to its end or to a zero.
    Text,
    /// In a frame: bytes to the end of a group of COBS, and whether a zero follows the group.
    Frame { left: u8, zero: bool },
    /// In a frame of another version.
    Foreign { found: u8 },
}

/// Tells frames from text, and takes frames apart. It owns the memory of one message.
#[derive(Debug, Clone)]
pub struct Decoder {
    state: State,
    body: [u8; MAX_MESSAGE_LEN + CRC_LEN],
    len: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A receiver at the start of a line of text: noise when the power comes shall start no frame.
    pub const fn new() -> Self {
        Self {
            state: State::Text,
            body: [0; MAX_MESSAGE_LEN + CRC_LEN],
            len: 0,
        }
    }

    /// Takes a byte.
    pub fn push(&mut self, byte: u8) -> Option<Piece<'_>> {
        match (self.state, byte) {
            (State::Start | State::Text, 0) => {
                self.state = State::Start;
                Some(Piece::Cut)
            }
            (state, 0) => {
                self.state = State::Start;
                Some(Piece::Frame(self.finish(state)))
            }
            (State::Start, byte) if byte & 0xF0 == MARKER => {
                self.len = 0;
                self.state = match byte & 0x0F {
                    VERSION => State::Frame {
                        left: 0,
                        zero: false,
                    },
                    found => State::Foreign { found },
                };
                None
            }
            (State::Start | State::Text, byte) => {
                // Text is ended by a line's end alone: a marker behind it needs its zero.
                self.state = State::Text;
                Some(Piece::Text(byte))
            }
            (State::Frame { left: 0, zero }, code) => {
                self.state = State::Frame {
                    left: code - 1,
                    zero: code < u8::MAX,
                };
                if zero { self.store(0) } else { None }
            }
            (State::Frame { left, zero }, byte) => {
                self.state = State::Frame {
                    left: left - 1,
                    zero,
                };
                self.store(byte)
            }
            (State::Foreign { .. }, byte) => self.store(byte),
        }
    }

    /// Keeps a byte of a frame. Where there are too many, a zero was lost: the rest counts as text,
    /// so that lines are read again also where no zero comes any more.
    fn store(&mut self, byte: u8) -> Option<Piece<'_>> {
        match self.body.get_mut(self.len) {
            Some(place) => {
                *place = byte;
                self.len += 1;
                None
            }
            None => {
                self.state = State::Text;
                Some(Piece::Frame(Err(FrameError::TooLong)))
            }
        }
    }

    fn finish(&self, state: State) -> Result<&[u8], FrameError> {
        match state {
            State::Foreign { found } => return Err(FrameError::Version { found }),
            State::Frame { left: 0, .. } => {}
            _ => return Err(FrameError::Damaged),
        }
        let body = self.body.get(..self.len).unwrap_or_default();
        let (message, crc) = body
            .split_last_chunk::<CRC_LEN>()
            .ok_or(FrameError::Damaged)?;
        if checksum(message) == u32::from_le_bytes(*crc) {
            Ok(message)
        } else {
            Err(FrameError::Damaged)
        }
    }
}
