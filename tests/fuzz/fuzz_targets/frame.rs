//! Any bytes on the line of a device with a live engine and flash in RAM: it answers a hello
//! afterwards. Where the input starts with a 1, its pieces are sealed as frames, so that they get
//! past the checksum.
#![no_main]

use firmware::app::{Device, Identity, Next, Ports, Receiver, Serial};
use firmware::oracle::model::Model;
use firmware::panel::FrameBuffer;
use firmware::slot::simulated::{Power, SECTOR_LEN, SimulatedBank};
use firmware::slot::{Limits, Start, boot};
use libfuzzer_sys::fuzz_target;
use shared::latent::Point;
use shared::protocol::{Decoder, Frame, Piece, Reply, Request, decode};
use std::fmt;
use std::sync::OnceLock;

const LIMITS: Limits = Limits {
    arena: 1 << 16,
    million_steps: 1,
    million_test_steps: 4,
};

struct Line(Vec<u8>);

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.send(text.as_bytes())
    }
}

impl Serial for Line {
    fn send(&mut self, bytes: &[u8]) -> fmt::Result {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// A frame around a message, or around bytes that are to be one.
fn frame(number: u8, message: &impl serde::Serialize, line: &mut Vec<u8>) {
    if let Ok(frame) = Frame::new(number, message) {
        let _ = frame.send(|piece| {
            line.extend_from_slice(piece);
            Ok::<(), ()>(())
        });
    }
}

/// Bytes that serialise as they are, without a length before them.
struct Raw<'r>(&'r [u8]);

impl serde::Serialize for Raw<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeTuple;
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        for byte in self.0 {
            tuple.serialize_element(byte)?;
        }
        tuple.end()
    }
}

fuzz_target!(|input: &[u8]| {
    static MODEL: OnceLock<Vec<u8>> = OnceLock::new();
    let built_in = MODEL.get_or_init(|| {
        let model = Model::random(1, 4);
        let label = Some(0);
        model.image(&[Point { seed: 1, label }]).unwrap_or_default()
    });
    let mut bytes = Vec::new();
    match input.split_first() {
        // Pieces of a length that is given by their first byte.
        Some((1, mut rest)) => {
            while let Some((&len, more)) = rest.split_first() {
                let (piece, behind) = more.split_at(usize::from(len).min(more.len()));
                frame(len, &Raw(piece), &mut bytes);
                rest = behind;
            }
        }
        _ => bytes.extend_from_slice(input),
    }
    bytes.push(0);
    let end = bytes.len();
    frame(9, &Request::Hello, &mut bytes);

    let power = Power::new();
    let sectors = built_in.len() / SECTOR_LEN + 2;
    let mut banks = [0, 1].map(|seed| SimulatedBank::new(sectors, &power, seed));
    let (mut receiver, mut line) = (Receiver::new(), Line(Vec::new()));
    let mut arena = vec![0; LIMITS.arena];
    let mut bytes = bytes.into_iter().enumerate();
    let mut start = Start::Newest;
    'start: loop {
        let Ok((running, mut slot)) = boot(&mut banks, built_in, LIMITS, start, &mut arena, &mut ())
        else {
            panic!("the built-in model is good")
        };
        let identity = Identity {
            board: "fuzz",
            firmware: "0",
            arena: LIMITS.arena,
        };
        let mut device = Device::new(&running, identity);
        let mut screen = FrameBuffer::new();
        for (at, byte) in bytes.by_ref() {
            if at == end {
                line.0.clear();
            }
            let Some(event) = receiver.push(byte) else {
                continue;
            };
            let ports = Ports {
                arena: &mut arena,
                screen: &mut screen,
                probe: &mut (),
                serial: &mut line,
                slot: &mut slot,
            };
            if let Ok(Next::Restart(next)) = device.handle(event, ports) {
                start = next;
                continue 'start;
            }
        }
        break;
    }
    let mut decoder = Decoder::new();
    let alive = line.0.iter().any(|&byte| match decoder.push(byte) {
        Some(Piece::Frame(Ok(content))) => {
            matches!(decode(content), Ok((9, Reply::Hello(hello))) if hello.board == "fuzz")
        }
        _ => false,
    });
    assert!(alive);
});
