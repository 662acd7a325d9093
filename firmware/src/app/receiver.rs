//! From the serial line's bytes to events.

use super::Event;
use super::line::LineBuffer;
use shared::protocol::{Decoder, Piece};

/// Tells lines of text from frames, and collects both.
#[derive(Debug, Default)]
pub struct Receiver {
    decoder: Decoder,
    line: LineBuffer,
}

impl Receiver {
    /// Nothing received yet.
    pub const fn new() -> Self {
        Self {
            decoder: Decoder::new(),
            line: LineBuffer::new(),
        }
    }

    /// Takes a byte; gives the line or the frame that it ends.
    pub fn push(&mut self, byte: u8) -> Option<Event<'_>> {
        match self.decoder.push(byte)? {
            Piece::Text(byte) => self.line.push(byte).map(Event::Line),
            Piece::Cut => {
                self.line = LineBuffer::new();
                None
            }
            Piece::Frame(frame) => Some(Event::Frame(frame)),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use core::convert::Infallible;
    use shared::protocol::{Frame, Request, decode};
    use std::{format, string::String, vec::Vec};

    #[test]
    fn lines_and_frames_become_events() {
        let mut stream = Vec::from(*b"stat");
        let sent = Frame::new(7, &Request::Hello).unwrap().send(|piece| {
            stream.extend_from_slice(piece);
            Ok::<(), Infallible>(())
        });
        assert_eq!(sent, Ok(()));
        stream.extend_from_slice(b"2026\nx\0\x81\x01\0y\n");
        let mut receiver = Receiver::new();
        let mut events = Vec::<String>::new();
        for byte in stream {
            match receiver.push(byte) {
                Some(Event::Frame(Ok(content))) => {
                    events.push(format!("{:?}", decode::<Request<'_>>(content)));
                }
                Some(event) => events.push(format!("{event:?}")),
                None => {}
            }
        }
        assert_eq!(
            events,
            [
                "Ok((7, Hello))",
                "Line(Ok(\"2026\"))",
                "Frame(Err(Damaged))",
                "Line(Ok(\"y\"))"
            ]
        );
    }
}
