//! The client against devices that answer by a script.

use super::client::{Client, Limits, Wait};
use super::error::LinkError;
use super::upload::{Outcome, upload};
use shared::image::PixelRange;
use shared::latent::{Latent, Point};
use shared::protocol::{
    Decoder, Frame, FrameError, Hello, LogLevel, Piece, Refusal, Reply, Request, SlotState, Source,
    decode,
};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What answers the next request, whose number is given.
type Answer = Box<dyn FnMut(u8) -> Vec<u8> + Send>;

/// A device that answers by a script, then not at all.
struct Script {
    decoder: Decoder,
    answers: VecDeque<Answer>,
    waiting: Vec<u8>,
    asked: Arc<Mutex<usize>>,
}

impl Read for Script {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        if self.waiting.is_empty() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        // One byte at a time: frames come in pieces.
        space[0] = self.waiting.remove(0);
        Ok(1)
    }
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for &byte in bytes {
            if let Some(Piece::Frame(Ok(content))) = self.decoder.push(byte) {
                let (number, _) = decode::<Request<'_>>(content).unwrap();
                *self.asked.lock().unwrap() += 1;
                if let Some(mut answer) = self.answers.pop_front() {
                    self.waiting.extend(answer(number));
                }
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A script answers at once; what waits for more than that waits in vain.
const QUICK: Limits = Limits {
    short: Duration::from_millis(100),
    long: Duration::from_millis(200),
    after_damage: Duration::from_millis(40),
    question: Duration::from_millis(600),
    restart: Duration::from_millis(300),
};

fn client(answers: Vec<Answer>) -> (Client, Arc<Mutex<usize>>) {
    client_with(QUICK, answers)
}

fn client_with(limits: Limits, answers: Vec<Answer>) -> (Client, Arc<Mutex<usize>>) {
    let asked = Arc::new(Mutex::new(0));
    let script = Script {
        decoder: Decoder::new(),
        answers: answers.into(),
        waiting: Vec::new(),
        asked: asked.clone(),
    };
    (Client::with_limits(Box::new(script), limits), asked)
}

fn bytes_of(number: u8, reply: &Reply<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let frame = Frame::new(number, reply).unwrap();
    frame.send(|piece| bytes.write_all(piece)).unwrap();
    bytes
}

fn says(reply: Reply<'static>) -> Answer {
    Box::new(move |number| bytes_of(number, &reply))
}

const DONE: Reply<'_> = Reply::Log(LogLevel::Warn);

#[test]
fn what_was_damaged_is_asked_again() {
    let noise = Reply::Refused(Refusal::Frame(FrameError::Damaged));
    let damaged = |number| {
        let mut bytes = bytes_of(number, &DONE);
        bytes[4] ^= 1;
        bytes
    };
    for first in [
        Box::new(move |_| bytes_of(0, &noise)) as Answer,
        Box::new(damaged),
    ] {
        let (mut client, asked) = client(vec![first, says(DONE)]);
        client.log_level(LogLevel::Warn).unwrap();
        assert_eq!(*asked.lock().unwrap(), 2);
    }
    // Not for ever.
    let (mut client, asked) = client(
        (0..9)
            .map(|_| Box::new(move |_| bytes_of(0, &noise)) as Answer)
            .collect(),
    );
    let given_up = client.log_level(LogLevel::Warn);
    assert!(
        matches!(given_up, Err(LinkError::Refused(_))),
        "{given_up:?}"
    );
    assert_eq!(*asked.lock().unwrap(), 8);
}

#[test]
fn answers_to_other_questions_and_text_are_passed_over() {
    let answer = |number: u8| {
        let late = bytes_of(number.wrapping_sub(3), &Reply::Aborted);
        [
            &b"ready bench 00000000\n"[..],
            &late,
            b"status\n",
            &bytes_of(number, &DONE),
        ]
        .concat()
    };
    let (mut client, asked) = client(vec![Box::new(answer)]);
    client.log_level(LogLevel::Warn).unwrap();
    assert_eq!(*asked.lock().unwrap(), 1);
    assert_eq!(client.take_text(), "ready bench 00000000\nstatus\n");
}

#[test]
fn wrong_answers_are_named() {
    let (mut other, _) = client(vec![says(Reply::Aborted)]);
    let error = other.hello().unwrap_err();
    assert!(
        matches!(
            error,
            LinkError::Unexpected {
                expected: "a hello"
            }
        ),
        "{error}"
    );
    let later = || Box::new(|_| vec![0_u8, 0x83, 1, 2, 3, 0]) as Answer;
    let (mut later, _) = client((0..8).map(|_| later()).collect());
    let error = later.hello().unwrap_err();
    assert!(matches!(error, LinkError::Version { found: 3 }), "{error}");
    let (mut unknown, _) = client(vec![Box::new(|number| {
        let mut bytes = Vec::new();
        let frame = Frame::new(number, &99u8).unwrap();
        frame.send(|piece| bytes.write_all(piece)).unwrap();
        bytes
    })]);
    assert!(matches!(unknown.hello(), Err(LinkError::Unexpected { .. })));
    let (mut refused, _) = client(vec![says(Reply::Refused(Refusal::NoModel))]);
    assert!(matches!(
        refused.hello(),
        Err(LinkError::Refused(Refusal::NoModel))
    ));
}

#[test]
fn a_silent_device_is_given_up() {
    let (mut silent, asked) = client(Vec::new());
    let given_up = silent.ask(&Request::Hello, "anything", Wait::Short, |_| Some(()));
    assert!(matches!(given_up, Err(LinkError::Silent { limit }) if limit == QUICK.short));
    assert_eq!(*asked.lock().unwrap(), 4);
    let given_up = silent.self_test();
    assert!(matches!(given_up, Err(LinkError::Silent { limit }) if limit == QUICK.long));
    assert_eq!(*asked.lock().unwrap(), 6);
}

#[test]
fn a_picture_with_a_hole_is_asked_for_again() {
    let layer = Reply::Layer {
        index: 0,
        checksum: 5,
        ticks: 6,
    };
    let all = [
        layer,
        Reply::Pixels {
            offset: 0,
            bytes: &[1, 255],
        },
        Reply::Pixels {
            offset: 2,
            bytes: &[3],
        },
        Reply::Picture {
            layers: 1,
            len: 3,
            ticks: 9,
        },
    ];
    let without = |lost: usize| -> Answer {
        Box::new(move |number| {
            let kept = all.iter().enumerate().filter(|&(index, _)| index != lost);
            kept.flat_map(|(_, reply)| bytes_of(number, reply))
                .collect()
        })
    };
    // Without its second part, without its layer, whole.
    let answers = vec![without(1), without(0), without(all.len())];
    let (mut client, asked) = client(answers);
    let picture = client.generate(Latent::At(Point::default())).unwrap();
    assert_eq!((picture.elements, picture.ticks), (vec![1, -1, 3], 9));
    assert_eq!(
        (picture.layers[0].checksum, picture.layers[0].ticks),
        (5, 6)
    );
    assert_eq!(*asked.lock().unwrap(), 3);
}

const HELLO: Hello<&str> = Hello {
    board: "script",
    firmware: "0",
    model: "none",
    source: Source::BuiltIn,
    slot: SlotState::Empty,
    banks: 2,
    slot_capacity: 1 << 20,
    image_len: 0,
    image_crc: 0,
    arena_len: 0,
    arena_capacity: 0,
    latent_len: 1,
    classes: 0,
    ops: 2,
    goldens: 1,
    height: 2,
    width: 3,
    channels: 1,
    range: PixelRange::Signed,
};

/// A device that says something for ever, each time `next` is called with the number of the last
/// question and how often it was called.
struct Endless<F> {
    decoder: Decoder,
    number: u8,
    said: u32,
    next: F,
}

impl<F: FnMut(u8, u32) -> Vec<u8>> Read for Endless<F> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let bytes = (self.next)(self.number, self.said);
        self.said += 1;
        space[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

impl<F> Write for Endless<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for &byte in bytes {
            if let Some(Piece::Frame(Ok(content))) = self.decoder.push(byte) {
                self.number = content[0];
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn endless(next: impl FnMut(u8, u32) -> Vec<u8> + Send + 'static) -> Client {
    let device = Endless {
        decoder: Decoder::new(),
        number: 0,
        said: 0,
        next,
    };
    Client::with_limits(Box::new(device), QUICK)
}

const BLOCK: [u8; 256] = [7; 256];

fn pixels(offset: u32, bytes: &[u8]) -> Reply<'_> {
    Reply::Pixels { offset, bytes }
}

const fn layer(index: u16) -> Reply<'static> {
    Reply::Layer {
        index,
        checksum: 1,
        ticks: 1,
    }
}

#[test]
fn a_device_that_never_stops_talking_is_given_up() {
    let asked = Latent::At(Point::default());
    // Parts out of order, or with nothing in them, give it no more time than silence has.
    let out_of_order: [fn(u8, u32) -> Vec<u8>; 4] = [
        |number, _| bytes_of(number, &layer(9)),
        |number, _| bytes_of(number, &pixels(4, &BLOCK)),
        |number, _| bytes_of(number, &pixels(0, &[])),
        |number, _| bytes_of(number.wrapping_add(1), &layer(0)),
    ];
    for next in out_of_order {
        let (start, mut client) = (Instant::now(), endless(next));
        let given_up = client.generate(asked);
        assert!(
            matches!(given_up, Err(LinkError::Silent { .. })),
            "{given_up:?}"
        );
        assert!(start.elapsed() < 4 * QUICK.long, "{:?}", start.elapsed());
    }
    // Text and what is no frame, to a question that is answered at once.
    let chatter: [fn(u8, u32) -> Vec<u8>; 3] = [
        |_, _| vec![b'x'; 4096],
        |_, _| vec![0, 0x81, 3, 0],
        |_, _| bytes_of(0, &Reply::Refused(Refusal::Malformed)),
    ];
    for next in chatter {
        let (start, mut client) = (Instant::now(), endless(next));
        client.hello().unwrap_err();
        assert!(start.elapsed() < 2 * QUICK.question);
        assert!(client.take_text().len() <= 1 << 16);
    }
}

#[test]
fn an_endless_picture_ends_at_its_size_or_its_time() {
    let asked = Latent::At(Point::default());
    let refused = |given_up: Result<_, LinkError>| {
        assert!(
            matches!(given_up, Err(LinkError::Unexpected { expected }) if expected.contains("size")),
            "{given_up:?}"
        );
    };
    // In order, and more than any picture has.
    refused(endless(|number, said| bytes_of(number, &pixels(said * 256, &BLOCK))).generate(asked));
    refused(endless(|number, said| bytes_of(number, &layer(said as u16))).generate(asked));
    // More than this one has.
    let with_hello = |part: fn(u32) -> Reply<'static>| {
        let next = move |number, said: u32| match said.checked_sub(1) {
            None => bytes_of(number, &Reply::Hello(HELLO)),
            Some(said) => bytes_of(number, &part(said)),
        };
        let mut client = endless(next);
        client.hello().unwrap();
        client.generate(asked)
    };
    refused(with_hello(|said| match said {
        0..3 => layer(said as u16),
        _ => pixels(0, &BLOCK[..7]),
    }));
    refused(with_hello(|said| layer(said as u16)));
    // A byte now and then.
    let start = Instant::now();
    let dripping = |number, said| {
        std::thread::sleep(Duration::from_millis(2));
        bytes_of(number, &pixels(said, &[1]))
    };
    let given_up = endless(dripping).generate(asked);
    assert!(
        matches!(given_up, Err(LinkError::Unfinished { limit }) if limit == QUICK.question),
        "{given_up:?}"
    );
    assert!(start.elapsed() >= QUICK.question && start.elapsed() < 3 * QUICK.question);
}

#[test]
fn sizes_that_nobody_can_hold_are_refused() {
    for (height, width, channels) in [(65535, 65535, 1), (1025, 1024, 1), (0, 28, 1), (28, 28, 0)] {
        let hello = Hello {
            height,
            width,
            channels,
            ..HELLO
        };
        let (mut client, _) = client(vec![says(Reply::Hello(hello))]);
        let error = client.hello().unwrap_err();
        assert!(matches!(error, LinkError::Shape { .. }), "{error}");
        assert!(
            error.to_string().contains(&format!("{height} x {width}")),
            "{error}"
        );
    }
    let largest = Hello {
        height: 1024,
        width: 1024,
        ..HELLO
    };
    let (mut client, _) = client(vec![says(Reply::Hello(largest))]);
    assert_eq!(client.hello().unwrap().height, 1024);
}

#[test]
fn names_and_text_give_a_terminal_no_orders() {
    let hello = Hello {
        board: "a\x1b[2Jb",
        firmware: "1\r\n2",
        model: "\u{9b}31mé\0",
        ..HELLO
    };
    let answer = move |number| {
        let mut bytes = b"a\x1b]0;x\x07\tb\n\x9b".to_vec();
        bytes.extend(bytes_of(number, &Reply::Hello(hello)));
        bytes
    };
    let (mut client, _) = client(vec![Box::new(answer)]);
    let hello = client.hello().unwrap();
    assert_eq!(hello.board, "a\u{fffd}[2Jb");
    assert_eq!(hello.firmware, "1\u{fffd}\u{fffd}2");
    assert_eq!(hello.model, "\u{fffd}31mé\u{fffd}");
    assert_eq!(client.take_text(), "a\u{fffd}]0;x\u{fffd}\tb\n\u{fffd}");
}

/// A device that tests a model for longer than a hello is waited for, or for ever.
#[test]
fn a_device_that_is_silent_while_it_starts_is_waited_for() {
    let image = firmware::oracle::model::Model::random(1, 3)
        .image(&[Point {
            seed: 1,
            label: Some(0),
        }])
        .unwrap();
    let crc = shared::image::Image::new_checked(&image).unwrap().crc();
    let sent = |silences: usize| {
        let mut answers = vec![
            says(Reply::Hello(HELLO)),
            says(Reply::Begun {
                offset: image.len() as u32,
            }),
            says(Reply::Finished { crc }),
        ];
        answers.extend((0..silences).map(|_| Box::new(|_| Vec::new()) as Answer));
        answers.push(says(Reply::Hello(Hello {
            image_crc: crc,
            source: Source::Bank(0),
            ..HELLO
        })));
        let limits = Limits {
            short: Duration::from_millis(20),
            ..QUICK
        };
        let (mut client, _) = client_with(limits, answers);
        upload(&mut client, &image, |_, _| ())
    };
    // More than the four of one hello.
    assert_eq!(sent(6).unwrap(), Outcome::Uploaded);
    let given_up = sent(1000);
    assert!(
        matches!(given_up, Err(LinkError::Silent { limit }) if limit == QUICK.restart),
        "{given_up:?}"
    );
}

/// What to do, in every line that a user may see.
#[test]
fn failures_of_a_port_say_what_to_do() {
    let reason = || io::Error::new(io::ErrorKind::BrokenPipe, "ttyX: gone");
    for error in [LinkError::Io(reason()), LinkError::Blocked(reason())] {
        let text = error.to_string();
        assert!(
            text.contains("ttyX: gone") && text.contains("try again"),
            "{text}"
        );
    }
}
