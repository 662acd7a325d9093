//! Frames and messages there and back, and every way to damage them.
extern crate std;

use super::*;
use crate::image::PixelRange;
use crate::latent::{Latent, Point, WALK_STEPS};
use proptest::prelude::*;
use std::{format, string::String, vec, vec::Vec};

fn bytes_of(number: u8, message: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let sent = Frame::new(number, message).unwrap().send(|piece| {
        bytes.extend_from_slice(piece);
        Ok::<(), ()>(())
    });
    assert_eq!(sent, Ok(()));
    bytes
}

/// What a receiver sees, messages in hexadecimal, text as it is, `|` where a line is void.
fn seen(bytes: &[u8]) -> Vec<String> {
    let mut decoder = Decoder::new();
    let mut seen = vec![String::new()];
    for &byte in bytes {
        match decoder.push(byte) {
            Some(Piece::Text(byte)) => seen.last_mut().unwrap().push(char::from(byte)),
            Some(Piece::Cut) => seen.push(String::from("|")),
            Some(Piece::Frame(frame)) => {
                seen.push(format!("{:x?}", frame));
                seen.push(String::new());
            }
            None => {}
        }
    }
    seen.retain(|piece| !piece.is_empty());
    seen
}

fn latents() -> impl Strategy<Value = Latent> {
    let point =
        || (any::<u32>(), any::<Option<u8>>()).prop_map(|(seed, label)| Point { seed, label });
    prop_oneof![
        point().prop_map(Latent::At),
        (point(), point(), 0..=WALK_STEPS).prop_map(|(from, to, step)| Latent::Between {
            from,
            to,
            step
        }),
    ]
}

/// One of every kind.
fn requests(latent: Latent, bytes: &[u8], [len, crc]: [u32; 2]) -> [Request<'_>; 9] {
    [
        Request::Hello,
        Request::Generate(latent),
        Request::SelfTest,
        Request::Begin { len, crc },
        Request::Block { offset: len, bytes },
        Request::Finish,
        Request::Abort,
        Request::Release,
        Request::Log(LogLevel::Debug),
    ]
}

/// One of every kind.
fn replies(bytes: &[u8], [a, b]: [u32; 2]) -> [Reply<'_>; 12] {
    [
        Reply::Hello(HELLO),
        Reply::Layer {
            index: u16::MAX,
            checksum: a,
            ticks: b,
        },
        Reply::Pixels { offset: a, bytes },
        Reply::Picture {
            layers: 4,
            len: a,
            ticks: b,
        },
        Reply::SelfTest { goldens: 8 },
        Reply::Begun { offset: a },
        Reply::Written { offset: a },
        Reply::Finished { crc: a },
        Reply::Aborted,
        Reply::Released,
        Reply::Log(LogLevel::Off),
        Reply::Refused(Refusal::Offset { expected: b }),
    ]
}

const HELLO: Hello<&str> = Hello {
    board: "abcdefghijklmnopqrstuvwxyz012345",
    firmware: "abcdefghijklmnopqrstuvwxyz012345",
    model: "abcdefghijklmnopqrstuvwxyz012345",
    source: Source::Bank(255),
    slot: SlotState::Refused(Refusal::Arena {
        needed: u32::MAX,
        available: u32::MAX,
    }),
    banks: 255,
    slot_capacity: u32::MAX,
    image_len: u32::MAX,
    image_crc: u32::MAX,
    arena_len: u32::MAX,
    arena_capacity: u32::MAX,
    latent_len: u16::MAX,
    classes: u8::MAX,
    ops: u16::MAX,
    goldens: u16::MAX,
    height: u16::MAX,
    width: u16::MAX,
    channels: u16::MAX,
    range: PixelRange::Unit,
};

/// The bytes themselves, so that a change to the format is seen.
#[test]
fn frames_as_bytes() {
    // Number 1, request 0, the checksum of 81 01 00: two groups, because of the zero.
    let crc = crate::checksum::of_bytes(&[0x81, 1, 0]).to_le_bytes();
    assert!(!crc.contains(&0));
    let expected = [&[0, 0x81, 2, 1, 5][..], &crc, &[0]].concat();
    assert_eq!(bytes_of(1, &Request::Hello), expected);
    // Request 1, at a point: 0; seed 300 as 0xAC 0x02; a label: 1, 7.
    let point = Point {
        seed: 300,
        label: Some(7),
    };
    let request = Request::Generate(Latent::At(point));
    let message = postcard::to_slice(&request, &mut [0; 16]).unwrap().to_vec();
    assert_eq!(message, [1, 0, 0xAC, 2, 1, 7]);
    let reply = Reply::Written { offset: 512 };
    let message = postcard::to_slice(&reply, &mut [0; 16]).unwrap().to_vec();
    assert_eq!(message, [6, 0x80, 4]);
}

#[test]
fn the_longest_messages_fit() {
    let block = [0xA5; BLOCK_LEN];
    let (offset, bytes) = (u32::MAX, &block[..]);
    for frame in [
        bytes_of(255, &Request::Block { offset, bytes }),
        bytes_of(255, &Reply::Pixels { offset, bytes }),
        bytes_of(255, &Reply::Hello(HELLO)),
    ] {
        assert!(frame.len() <= MAX_FRAME_LEN, "{}", frame.len());
    }
    let bytes = &[0xA5; MAX_MESSAGE_LEN];
    let long = Frame::new(1, &Request::Block { offset, bytes });
    assert_eq!(long.map(|_| ()), Err(EncodeError));
}

#[test]
fn every_prefix_and_every_flipped_bit_is_refused_and_the_next_frame_is_read() {
    let point = Point {
        seed: 0,
        label: None,
    };
    let good = bytes_of(2, &Request::Hello);
    let next = seen(&good);
    assert_eq!(next[1], "Ok([2, 0])");
    let frame = bytes_of(1, &Request::Generate(Latent::At(point)));
    for cut in 0..frame.len() {
        let stream = [&frame[..cut], &good, &good].concat();
        let seen = seen(&stream);
        let read = seen.iter().filter(|piece| **piece == next[1]).count();
        assert_eq!(read, 2, "cut at {cut}: {seen:?}");
        // Without its last zero alone it is whole: that of the next frame ends it.
        let whole = seen.iter().any(|piece| piece.starts_with("Ok([1"));
        assert_eq!(whole, cut == frame.len() - 1, "cut at {cut}: {seen:?}");
    }
    for bit in 0..8 * frame.len() {
        let mut damaged = frame.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let stream = [&damaged[..], &good].concat();
        let seen = seen(&stream);
        assert!(seen.contains(&next[1]), "bit {bit}: {seen:?}");
        assert!(
            !seen.iter().any(|piece| piece.starts_with("Ok([1")),
            "bit {bit}: {seen:?}"
        );
    }
}

#[test]
fn text_and_frames_share_the_line() {
    let frame = bytes_of(3, &Request::Abort);
    let stream = [b"status\n", &frame[..], b"2026\nunfinished", &frame, b"7\n"].concat();
    assert_eq!(
        seen(&stream),
        [
            "status\n",
            "|",
            "Ok([3, 6])",
            "2026\nunfinished",
            "|",
            "Ok([3, 6])",
            "7\n"
        ]
    );
    // The zero between two frames may be one.
    let stream = [&frame[..frame.len() - 1], &frame].concat();
    assert_eq!(seen(&stream), ["|", "Ok([3, 6])", "Ok([3, 6])"]);
    // Text does not become a frame in its middle.
    assert_eq!(seen(b"a\x81b\n"), ["a\u{81}b\n"]);
}

#[test]
fn what_is_no_frame_is_named() {
    let long = [&[0, 0x81][..], &[3; MAX_FRAME_LEN]].concat();
    for (bytes, error) in [
        (&[0, 0x82, 1, 2, 0][..], FrameError::Version { found: 2 }),
        (&[0, 0x81, 0], FrameError::Damaged),
        (&[0, 0x81, 5, 1, 0], FrameError::Damaged),
        (&[0, 0x81, 1, 1, 1, 1, 1, 1, 0], FrameError::Damaged),
        (&long, FrameError::TooLong),
    ] {
        let expected = format!("{:x?}", Err::<(), _>(error));
        assert!(seen(bytes).contains(&expected), "{bytes:x?}");
    }
}

/// A frame that was cut, and somebody at a terminal.
#[test]
fn lines_are_read_again_without_a_zero() {
    let mut decoder = Decoder::new();
    let line = b"status\n".repeat(60);
    let mut text = String::new();
    for byte in [&[0, 0x81][..], &line].concat() {
        if let Some(Piece::Text(byte)) = decoder.push(byte) {
            text.push(char::from(byte));
        }
    }
    assert!(text.ends_with("status\nstatus\n"), "{text}");
}

#[test]
fn names_are_cut_between_characters() {
    let long = format!("{}é", "a".repeat(NAME_LEN - 1));
    assert_eq!(short(&long), "a".repeat(NAME_LEN - 1));
    assert_eq!((short("cgan"), short(""), short("é")), ("cgan", "", "é"));
}

#[test]
fn what_follows_a_message_is_refused() {
    assert_eq!(decode(&[9, 0]), Ok((9, Request::Hello)));
    for wrong in [&[9, 0, 0][..], &[9, 200], &[9], &[9, 4, 1, 200, 1]] {
        assert_eq!(
            decode::<Request<'_>>(wrong),
            Err(MalformedMessage { number: 9 }),
            "{wrong:?}"
        );
    }
    assert_eq!(
        decode::<Request<'_>>(&[]),
        Err(MalformedMessage { number: 0 })
    );
}

proptest! {
    #[test]
    fn messages_survive_the_line(latent in latents(), bytes in proptest::collection::vec(prop_oneof![Just(0), any::<u8>()], 0..=BLOCK_LEN), number: u8, words: [u32; 2], before in "[ -~\n]{0,20}") {
        let mut decoder = Decoder::new();
        let mut read = 0;
        for request in requests(latent, &bytes, words) {
            for byte in [before.as_bytes(), &bytes_of(number, &request)].concat() {
                if let Some(Piece::Frame(frame)) = decoder.push(byte) {
                    prop_assert_eq!(decode(frame.unwrap()), Ok((number, request)));
                    read += 1;
                }
            }
        }
        for reply in replies(&bytes, words) {
            for byte in [&bytes_of(number, &reply)[..], before.as_bytes()].concat() {
                if let Some(Piece::Frame(frame)) = decoder.push(byte) {
                    prop_assert_eq!(decode(frame.unwrap()), Ok((number, reply)));
                    read += 1;
                }
            }
        }
        prop_assert_eq!(read, 9 + 12);
    }

    #[test]
    fn no_bytes_panic_and_the_next_frame_is_read(bytes in proptest::collection::vec(prop_oneof![Just(0), Just(0x81), any::<u8>()], 0..700)) {
        let mut decoder = Decoder::new();
        for &byte in &bytes {
            if let Some(Piece::Frame(Ok(content))) = decoder.push(byte) {
                let _ = decode::<Request<'_>>(content);
                let _ = decode::<Reply<'_>>(content);
            }
        }
        let _ = (decode::<Request<'_>>(&bytes), decode::<Reply<'_>>(&bytes));
        let mut read = false;
        for byte in bytes_of(5, &Request::Hello) {
            if let Some(Piece::Frame(Ok(content))) = decoder.push(byte) {
                read |= decode(content) == Ok((5, Request::Hello));
            }
        }
        prop_assert!(read);
    }
}
