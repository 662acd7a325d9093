//! A device with its wires, for tests.
extern crate std;

use super::{Device, Event, Identity, Next, Ports, Receiver, Serial};
use crate::panel::FrameBuffer;
use crate::slot::{NoSlot, Running, Slot};
use core::fmt;
use shared::protocol::{Decoder, Frame, Piece, Reply, Request, SlotState, decode};
use std::{string::String, vec, vec::Vec};

pub const IDENTITY: Identity = Identity {
    board: "bench",
    firmware: "1.2.3",
    arena: 1000,
};

/// What came over the line.
#[derive(Debug, Default)]
pub struct Sent(pub Vec<u8>);

impl fmt::Write for Sent {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.send(text.as_bytes())
    }
}

impl Serial for Sent {
    fn send(&mut self, bytes: &[u8]) -> fmt::Result {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

pub struct Bench<'a, U> {
    pub device: Device<'a>,
    pub arena: Vec<i8>,
    pub frame: FrameBuffer,
    pub sent: Sent,
    pub slot: U,
    receiver: Receiver,
}

impl<'a> Bench<'a, NoSlot> {
    /// With a model that passes its self-test.
    pub fn new(image: &'a [u8]) -> Self {
        let mut arena = vec![0; 1000];
        let running = Running::built_in(image, SlotState::Absent, &mut arena, &mut ()).unwrap();
        assert!(running.self_test.is_ok());
        Self::with_slot(&running, NoSlot, arena)
    }
}

impl<'a, U: Slot> Bench<'a, U> {
    pub fn with_slot(running: &Running<'a>, slot: U, arena: Vec<i8>) -> Self {
        Self {
            device: Device::new(running, IDENTITY),
            arena,
            frame: FrameBuffer::new(),
            sent: Sent::default(),
            slot,
            receiver: Receiver::new(),
        }
    }

    pub fn handle(&mut self, event: Event<'_>) -> Next {
        let ports = Ports {
            arena: &mut self.arena,
            screen: &mut self.frame,
            probe: &mut (),
            serial: &mut self.sent,
            slot: &mut self.slot,
        };
        self.device.handle(event, ports).unwrap()
    }

    /// Sends bytes; gives the bytes that answer them, and whether the device wants to restart.
    pub fn send(&mut self, bytes: &[u8]) -> (Vec<u8>, Next) {
        self.sent.0.clear();
        let mut next = Next::Continue;
        let mut receiver = core::mem::take(&mut self.receiver);
        for &byte in bytes {
            if let Some(event) = receiver.push(byte) {
                let wanted = self.handle(event);
                if wanted != Next::Continue {
                    next = wanted;
                }
            }
        }
        self.receiver = receiver;
        (core::mem::take(&mut self.sent.0), next)
    }

    /// Sends text; gives the text that answers it.
    pub fn send_text(&mut self, bytes: &[u8]) -> String {
        String::from_utf8(self.send(bytes).0).unwrap()
    }

    /// Sends a request; gives what `see` makes of each reply.
    pub fn ask<T>(
        &mut self,
        number: u8,
        request: Request<'_>,
        mut see: impl FnMut(Reply<'_>) -> T,
    ) -> (Vec<T>, Next) {
        let (answer, next) = self.send(&bytes_of(number, &request));
        let mut decoder = Decoder::new();
        let mut seen = Vec::new();
        for byte in answer {
            match decoder.push(byte) {
                Some(Piece::Frame(frame)) => {
                    let (found, reply) = decode(frame.unwrap()).unwrap();
                    assert_eq!(found, number);
                    seen.push(see(reply));
                }
                Some(Piece::Text(text)) => panic!("text {text} among frames"),
                Some(Piece::Cut) | None => {}
            }
        }
        (seen, next)
    }
}

/// A request on the line.
pub fn bytes_of(number: u8, request: &Request<'_>) -> Vec<u8> {
    let mut sent = Sent::default();
    let frame = Frame::new(number, request).unwrap();
    frame.send(|piece| sent.send(piece)).unwrap();
    sent.0
}
