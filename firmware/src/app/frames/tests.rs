//! Every request, and what is no request, against a device with a live engine and flash in RAM.
extern crate std;

use crate::app::bench::{Bench, Sent, bytes_of};
use crate::app::{Next, Serial, View};
use crate::engine::tests::Network;
use crate::slot::simulated::{Power, SimulatedBank};
use crate::slot::{Limits, Start, boot};
use proptest::prelude::*;
use shared::image::Image;
use shared::latent::{Latent, Point};
use shared::protocol::{
    BLOCK_LEN, Decoder, Frame, FrameError, LogLevel, Piece, Refusal, Reply, Request, SlotState,
    Source, decode,
};
use std::{format, string::String, vec, vec::Vec};

const POINT: Point = Point {
    seed: 9,
    label: Some(4),
};

const LIMITS: Limits = Limits {
    arena: 1000,
    million_steps: 1,
    million_test_steps: 100,
};

fn network(number: u32) -> Network {
    // A picture of more than a block.
    Network::random(number, 6, 10, &[7, 5], (20, 15))
}

/// What is asked is answered with one reply, which is shown.
fn ask<U: crate::slot::Slot>(bench: &mut Bench<'_, U>, request: Request<'_>) -> String {
    let (replies, _) = bench.ask(3, request, |reply| format!("{reply:?}"));
    assert_eq!(replies.len(), 1, "{replies:?}");
    replies.concat()
}

#[test]
fn hello_tells_who_is_there() {
    let image = network(1).image(&[POINT]);
    let mut bench = Bench::new(&image);
    let checked = Image::new_checked(&image).unwrap();
    let (seen, _) = bench.ask(200, Request::Hello, |reply| {
        let Reply::Hello(hello) = reply else {
            panic!("{reply:?}")
        };
        assert_eq!((hello.board, hello.firmware), ("bench", "1.2.3"));
        assert_eq!(
            (hello.model, hello.source),
            (checked.name(), Source::BuiltIn)
        );
        assert_eq!(
            (hello.slot, hello.banks, hello.slot_capacity),
            (SlotState::Absent, 0, 0)
        );
        assert_eq!(hello.image_len as usize, image.len());
        assert_eq!(hello.image_crc, checked.crc());
        assert_eq!(
            (hello.arena_len as usize, hello.arena_capacity),
            (checked.arena_len(), 1000)
        );
        assert_eq!((hello.latent_len, hello.classes), (6, 10));
        assert_eq!((hello.ops, hello.goldens), (4, 1));
        assert_eq!((hello.width, hello.height, hello.channels), (20, 15, 1));
    });
    assert_eq!(seen.len(), 1);
}

#[test]
fn a_picture_comes_with_its_layers() {
    let network = network(1);
    let image = network.image(&[POINT]);
    let mut bench = Bench::new(&image);
    let engine = crate::engine::Engine::new(Image::new_checked(&image).unwrap());
    let other = Point {
        seed: 0,
        label: Some(0),
    };
    let walk = Latent::Between {
        from: POINT,
        to: other,
        step: 20,
    };
    for latent in [Latent::At(POINT), walk] {
        let (mut checksums, mut elements, mut last) = (Vec::new(), Vec::new(), None);
        let _ = bench.ask(1, Request::Generate(latent), |reply| match reply {
            Reply::Layer {
                index, checksum, ..
            } => {
                assert_eq!(usize::from(index), checksums.len());
                checksums.push(checksum);
            }
            Reply::Pixels { offset, bytes } => {
                assert_eq!(offset as usize, elements.len());
                elements.extend(bytes.iter().map(|&byte| byte.cast_signed()));
            }
            Reply::Picture { layers, len, .. } => last = Some((layers, len)),
            other => panic!("{other:?}"),
        });
        assert_eq!(checksums, network.checksums(latent));
        let mut arena = vec![0; 1000];
        let expected = engine.generate(&mut arena, latent, &mut ()).unwrap();
        assert_eq!(elements, expected.data());
        assert_eq!(last, Some((5, 300)));
    }
    let wrong = Latent::At(Point {
        label: Some(10),
        ..POINT
    });
    let refused = Reply::Refused(Refusal::Label { classes: 10 });
    assert_eq!(
        ask(&mut bench, Request::Generate(wrong)),
        format!("{refused:?}")
    );
}

#[test]
fn requests_without_a_slot() {
    let image = network(1).image(&[POINT]);
    let mut bench = Bench::new(&image);
    assert_eq!(
        ask(&mut bench, Request::SelfTest),
        "SelfTest { goldens: 1 }"
    );
    assert!(matches!(bench.device.view(), View::SelfTest(_)));
    let (offset, bytes) = (0, &[1, 2][..]);
    for request in [
        Request::Begin { len: 1, crc: 2 },
        Request::Block { offset, bytes },
        Request::Finish,
    ] {
        assert_eq!(ask(&mut bench, request), "Refused(NoSlot)");
    }
    assert_eq!(ask(&mut bench, Request::Abort), "Aborted");
    assert_eq!(ask(&mut bench, Request::Release), "Refused(NoSlot)");
    assert_eq!(ask(&mut bench, Request::Log(LogLevel::Debug)), "Log(Debug)");
    assert_eq!(bench.device.log_level(), LogLevel::Debug);
}

#[test]
fn what_is_no_request_is_answered() {
    let image = network(1).image(&[POINT]);
    let mut bench = Bench::new(&image);
    let mut unknown = Sent::default();
    // A request of a later version.
    let frame = Frame::new(77, &(200u8, 1u8)).unwrap();
    frame.send(|piece| unknown.send(piece)).unwrap();
    let mut damaged = bytes_of(5, &Request::Hello);
    damaged[4] ^= 8;
    let version = [0, 0x82, 1, 2, 3, 0];
    for (bytes, number, refusal) in [
        (&unknown.0[..], 77, Refusal::Malformed),
        (&damaged, 0, Refusal::Frame(FrameError::Damaged)),
        (
            &version,
            0,
            Refusal::Frame(FrameError::Version { found: 2 }),
        ),
    ] {
        let (answer, _) = bench.send(bytes);
        let mut decoder = Decoder::new();
        let mut seen = 0;
        for byte in answer {
            if let Some(Piece::Frame(frame)) = decoder.push(byte) {
                let expected = Ok((number, Reply::Refused(refusal)));
                assert_eq!(decode(frame.unwrap()), expected);
                seen += 1;
            }
        }
        assert_eq!(seen, 1);
    }
    assert_eq!(
        bench.send_text(b"digit 3 4\n"),
        "status digit seed=3 label=4\n"
    );
}

/// A model over the line, in one conversation: the old one answers to its end, then the new one
/// does.
#[test]
fn a_new_model_over_the_line() {
    let (old, new) = (network(1).image(&[POINT]), network(2).image(&[POINT]));
    let power = Power::new();
    let mut banks = [0, 1].map(|seed| SimulatedBank::new(4, &power, seed));
    let crc = Image::new_checked(&new).unwrap().crc();
    let mut arena = vec![0; 1000];
    let start = Start::Newest;
    let (running, upload) = boot(&mut banks, &old, LIMITS, start, &mut arena, &mut ()).unwrap();
    let mut bench = Bench::with_slot(&running, upload, arena.clone());
    let len = new.len() as u32;
    assert_eq!(
        ask(&mut bench, Request::Begin { len, crc }),
        "Begun { offset: 0 }"
    );
    for (index, bytes) in new.chunks(BLOCK_LEN).enumerate() {
        let offset = (index * BLOCK_LEN) as u32;
        let written = format!("Written {{ offset: {} }}", offset + bytes.len() as u32);
        assert_eq!(ask(&mut bench, Request::Block { offset, bytes }), written);
        let mut checksums = Vec::new();
        let _ = bench.ask(1, Request::Generate(Latent::At(POINT)), |reply| {
            if let Reply::Layer { checksum, .. } = reply {
                checksums.push(checksum);
            }
        });
        assert_eq!(checksums, network(1).checksums(Latent::At(POINT)));
    }
    let (finished, next) = bench.ask(1, Request::Finish, |reply| reply == Reply::Finished { crc });
    assert_eq!((finished, next), (vec![true], Next::Restart(Start::Newest)));
    drop(bench);

    let (running, upload) = boot(&mut banks, &old, LIMITS, start, &mut arena, &mut ()).unwrap();
    assert_eq!(running.source, Source::Bank(0));
    let mut bench = Bench::with_slot(&running, upload, arena.clone());
    let (seen, _) = bench.ask(1, Request::Hello, |reply| {
        matches!(reply, Reply::Hello(hello) if hello.image_crc == crc && hello.slot == SlotState::Running)
    });
    assert_eq!(seen, [true]);
    let (released, next) = bench.ask(1, Request::Release, |reply| reply == Reply::Released);
    assert_eq!(
        (released, next),
        (vec![true], Next::Restart(Start::BuiltIn))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_leave_it_alive(pieces in proptest::collection::vec((0usize..6, any::<[u8; 9]>(), any::<u16>()), 0..40)) {
        let image = network(1).image(&[POINT]);
        let mut bench = Bench::new(&image);
        for (kind, noise, at) in pieces {
            let latent = Latent::At(Point { seed: u32::from(at), label: Some(noise[0] % 12) });
            let requests = [Request::Hello, Request::Generate(latent), Request::SelfTest, Request::Finish, Request::Log(LogLevel::Off)];
            let mut bytes = requests.get(kind).map_or(noise.to_vec(), |request| bytes_of(noise[1], request));
            if noise[2] & 1 == 0 {
                let at = usize::from(at) % bytes.len();
                bytes[at] = noise[3];
            }
            if noise[2] & 6 == 0 {
                bytes.truncate(usize::from(noise[4]));
            }
            let _ = bench.send(&bytes);
        }
        let _ = bench.send(b"\0\n");
        let (seen, _) = bench.ask(9, Request::Hello, |reply| matches!(reply, Reply::Hello(_)));
        prop_assert_eq!(seen, [true]);
        prop_assert_eq!(bench.send_text(b"digit 3 4\n"), "status digit seed=3 label=4\n");
    }
}
