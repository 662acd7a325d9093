//! The client against devices that answer by a script.

use super::client::Client;
use super::error::LinkError;
use shared::latent::{Latent, Point};
use shared::protocol::{
    Decoder, Frame, FrameError, LogLevel, Piece, Refusal, Reply, Request, decode,
};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

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

fn client(answers: Vec<Answer>) -> (Client, Arc<Mutex<usize>>) {
    let asked = Arc::new(Mutex::new(0));
    let script = Script {
        decoder: Decoder::new(),
        answers: answers.into(),
        waiting: Vec::new(),
        asked: asked.clone(),
    };
    (Client::new(Box::new(script)), asked)
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
    let limit = Duration::from_millis(20);
    let given_up = silent.ask(&Request::Hello, "anything", limit, |_| Some(()));
    assert!(matches!(given_up, Err(LinkError::Silent { .. })));
    assert_eq!(*asked.lock().unwrap(), 4);
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
