//! From a message to the bytes on the line.

use super::{CRC_LEN, MARKER, MAX_MESSAGE_LEN, VERSION, checksum};
use serde::Serialize;

/// A message that does not fit into a frame: the sender's mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message is longer than {MAX_MESSAGE_LEN} bytes; send a shorter block or name")]
pub struct EncodeError;

/// The most bytes between two zeros of COBS: a code byte of 255 says that no zero follows them.
const GROUP_LEN: usize = 254;

/// An encoded message with its checksum.
#[derive(Debug, Clone)]
pub struct Frame {
    body: [u8; MAX_MESSAGE_LEN + CRC_LEN],
    len: usize,
}

impl Frame {
    /// Encodes a [`Request`](super::Request) or a [`Reply`](super::Reply).
    ///
    /// # Errors
    /// [`EncodeError`] where it is too long for a frame.
    pub fn new(number: u8, message: &impl Serialize) -> Result<Self, EncodeError> {
        let mut frame = Self {
            body: [0; MAX_MESSAGE_LEN + CRC_LEN],
            len: 0,
        };
        let (space, _) = frame.body.split_at_mut(MAX_MESSAGE_LEN);
        let encoded = postcard::to_slice(&(number, message), space).map_err(|_| EncodeError)?;
        let (crc, len) = (checksum(encoded), encoded.len());
        if let Some(place) = frame.body.get_mut(len..len + CRC_LEN) {
            place.copy_from_slice(&crc.to_le_bytes());
        }
        frame.len = len + CRC_LEN;
        Ok(frame)
    }

    /// Gives the frame's bytes to `send`, piece by piece, until it fails.
    ///
    /// # Errors
    /// That of `send`.
    pub fn send<E>(&self, mut send: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        send(&[0, MARKER | VERSION])?;
        let mut rest = self.body.get(..self.len).unwrap_or_default();
        loop {
            let group = rest.get(..GROUP_LEN).unwrap_or(rest);
            let zero = group.iter().position(|&byte| byte == 0);
            let len = zero.unwrap_or(group.len());
            let (group, behind) = rest.split_at(len);
            // At most GROUP_LEN, so that it fits a byte.
            send(&[len as u8 + 1])?;
            send(group)?;
            rest = match (zero, behind) {
                (Some(_), [_, behind @ ..]) => behind,
                (None, []) => return send(&[0]),
                (_, behind) => behind,
            };
        }
    }
}
