//! What Node writes: answers and events, a line of JSON each.

use super::super::inbox::{Inbox, Writer};
use serde::Deserialize;
use serde_json::Value;
use std::io::{BufRead, BufReader, PipeWriter, Read, Write};
use std::sync::Arc;

/// What the emulated board did by itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// It runs; its serial port is this TCP port.
    Ready {
        /// On 127.0.0.1.
        port: u16,
    },
    /// The firmware has made its USB serial port known, and it is open.
    Open,
    /// The chip was reset: by `watchdog`, by `power` that failed, or to go to its `bootloader`.
    Reset {
        /// By what.
        cause: String,
    },
    /// The firmware did what the chip does not allow, or what the emulator does not know.
    Complaint {
        /// What it did, in a sentence.
        text: String,
    },
    /// The emulator cannot run the file.
    Failed {
        /// Why.
        text: String,
    },
}

/// A line that Node wrote.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Answer {
        id: u64,
        #[serde(flatten)]
        content: Value,
    },
    Log {
        event: LogTag,
        data: String,
    },
    Event(Event),
}

#[derive(Debug, Deserialize)]
enum LogTag {
    #[serde(rename = "log")]
    Log,
}

/// Sorts the lines of a stream until it ends: answers with their numbers, events, and the log's
/// bytes.
pub(super) fn spawn_reader(
    stream: impl Read + Send + 'static,
    answers: Arc<Inbox<(u64, Value)>>,
    events: Arc<Inbox<Event>>,
    mut log: PipeWriter,
) {
    std::thread::spawn(move || {
        let (answers, events) = (Writer(answers), Writer(events));
        each_line(stream, |line| match serde_json::from_str(&line) {
            Ok(Line::Answer { id, content }) => answers.0.push((id, content)),
            Ok(Line::Log {
                event: LogTag::Log,
                data,
            }) => {
                // A reader that is gone wants no log.
                let _ = log.write_all(&from_hex(&data).unwrap_or_default());
            }
            Ok(Line::Event(event)) => events.0.push(event),
            Err(_) => events.0.push(Event::Complaint {
                text: format!("the emulator said: {line}"),
            }),
        });
    });
}

/// A picture has 345,600 digits, a profile some hundred thousand bytes.
const LINE_LIMIT: u64 = 64 << 20;

/// Calls `emit` with each line until the stream ends, fails, or sends one that is too long.
fn each_line(stream: impl Read, mut emit: impl FnMut(String)) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while let Ok(1..) = (&mut reader).take(LINE_LIMIT).read_until(b'\n', &mut line) {
        if line.pop() != Some(b'\n') {
            return;
        }
        emit(String::from_utf8_lossy(&line).into_owned());
        line.clear();
    }
}

/// Bytes from two hexadecimal digits each.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = |[high, low]: &[u8; 2]| Some((digit(*high)? * 16 + digit(*low)?) as u8);
    rest.is_empty()
        .then(|| pairs.iter().map(byte).collect())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulator::inbox::Popped;
    use std::time::{Duration, Instant};

    #[test]
    fn lines_are_sorted() {
        let long = "0".repeat(500_000);
        let lines = format!("{{\"id\":8,\"rgb\":\"{long}\"}}\n");
        let lines = lines
            + "{\"id\":7,\"width\":3}\nnonsense\n{\"event\":\"log\",\"data\":\"01ff\"}\n\
                     {\"event\":\"reset\",\"cause\":\"watchdog\"}\n";
        let (answers, events) = (Arc::new(Inbox::new(1)), Arc::new(Inbox::new(1)));
        let (mut reader, writer) = std::io::pipe().unwrap();
        spawn_reader(
            std::io::Cursor::new(lines),
            answers.clone(),
            events.clone(),
            writer,
        );
        let mut log = Vec::new();
        reader.read_to_end(&mut log).unwrap();
        assert_eq!(log, [1, 255]);
        let soon = Instant::now() + Duration::from_secs(10);
        match answers.pop(soon) {
            Popped::Item((8, content)) => assert_eq!(content["rgb"], long),
            other => panic!("{other:?}"),
        }
        match answers.pop(soon) {
            Popped::Item((7, content)) => assert_eq!(content["width"], 3),
            other => panic!("{other:?}"),
        }
        assert!(matches!(
            events.pop(soon),
            Popped::Item(Event::Complaint { text }) if text.contains("nonsense")
        ));
        let reset = Event::Reset {
            cause: "watchdog".into(),
        };
        assert_eq!(events.pop(soon), Popped::Item(reset));
        assert_eq!(events.pop(soon), Popped::Closed);
    }

    #[test]
    fn hexadecimal() {
        assert_eq!(from_hex("00fFa1"), Some(vec![0, 255, 0xa1]));
        for wrong in ["0", "0g", "é"] {
            assert_eq!(from_hex(wrong), None, "{wrong}");
        }
    }
}
