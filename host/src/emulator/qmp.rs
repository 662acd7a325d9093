//! A client of QMP, QEMU's machine protocol: a JSON object a line, in both directions.
//!
//! QEMU greets, `qmp_capabilities` leaves the greeting mode, then every command is answered by an
//! object with `return` or `error`, with events between them.

use serde_json::{Value, json};
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

/// The longest line that is read, in bytes; QEMU's longest answers to our commands have some
/// hundred.
const LINE_LIMIT: usize = 1 << 20;

/// How a command failed.
#[derive(Debug)]
pub(super) enum QmpError {
    /// The other end is gone.
    Closed,
    /// No answer in time.
    TimedOut,
    /// The answer is an error.
    Refused(String),
    /// The answer is not QMP.
    Malformed(String),
    /// The socket failed otherwise.
    Io(io::Error),
}

impl From<io::Error> for QmpError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::TimedOut,
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

/// One line from QEMU.
#[derive(Debug, PartialEq)]
enum Message {
    Greeting,
    Event,
    Return { id: Option<u64>, value: Value },
    Error { id: Option<u64>, reason: String },
}

fn parse(line: &[u8]) -> Result<Message, QmpError> {
    let malformed = |why: &str| {
        let shown: String = String::from_utf8_lossy(line).chars().take(80).collect();
        QmpError::Malformed(format!("{why} in {shown:?}"))
    };
    let mut value: Value =
        serde_json::from_slice(line).map_err(|e| malformed(&format!("not JSON ({e})")))?;
    let object = value
        .as_object_mut()
        .ok_or_else(|| malformed("not an object"))?;
    let id = object.get("id").and_then(Value::as_u64);
    if let Some(value) = object.remove("return") {
        Ok(Message::Return { id, value })
    } else if let Some(error) = object.get("error") {
        let part = |key: &str| error.get(key).and_then(Value::as_str);
        match (part("class"), part("desc")) {
            (Some(class), Some(description)) => Ok(Message::Error {
                id,
                reason: format!("{description} ({class})"),
            }),
            _ => Err(malformed("an error without class and desc")),
        }
    } else if object.contains_key("event") {
        Ok(Message::Event)
    } else if object.contains_key("QMP") {
        Ok(Message::Greeting)
    } else {
        Err(malformed("neither return, error, event nor greeting"))
    }
}

/// A stream whose reading can be limited in time.
pub(super) trait Timed {
    /// Limits every following read.
    fn limit_reads(&self, limit: Duration) -> io::Result<()>;
}

impl Timed for super::channel::Stream {
    fn limit_reads(&self, limit: Duration) -> io::Result<()> {
        // Zero means "no limit" to the system.
        self.set_read_timeout(Some(limit.max(Duration::from_millis(1))))
    }
}

/// A connection to QEMU's monitor.
pub(super) struct Qmp<S> {
    stream: S,
    received: Vec<u8>,
    last_id: u64,
}

impl<S: Read + Write + Timed> Qmp<S> {
    /// Reads the greeting and leaves the greeting mode.
    pub fn new(stream: S, limit: Duration) -> Result<Self, QmpError> {
        let mut qmp = Self {
            stream,
            received: Vec::new(),
            last_id: 0,
        };
        match parse(&qmp.read_line(Instant::now() + limit)?)? {
            Message::Greeting => {}
            other => return Err(QmpError::Malformed(format!("{other:?} as a greeting"))),
        }
        qmp.execute("qmp_capabilities", json!({}), limit)?;
        Ok(qmp)
    }

    /// Runs a command and waits for its answer; events that come before it are dropped.
    pub fn execute(
        &mut self,
        command: &str,
        arguments: Value,
        limit: Duration,
    ) -> Result<Value, QmpError> {
        self.last_id += 1;
        let request = json!({"execute": command, "arguments": arguments, "id": self.last_id});
        self.stream.write_all(format!("{request}\n").as_bytes())?;
        let deadline = Instant::now() + limit;
        loop {
            let line = self.read_line(deadline)?;
            match parse(&line)? {
                Message::Return { id, value } if id == Some(self.last_id) => return Ok(value),
                // QEMU cannot repeat the number of a command that it could not read.
                Message::Error { id, reason } if id.is_none() || id == Some(self.last_id) => {
                    return Err(QmpError::Refused(reason));
                }
                // The late answer to a command that was given up, or an event.
                _ => {}
            }
        }
    }

    fn read_line(&mut self, deadline: Instant) -> Result<Vec<u8>, QmpError> {
        let mut searched = 0;
        loop {
            if let Some(end) = self.received[searched..].iter().position(|&b| b == b'\n') {
                let rest = self.received.split_off(searched + end + 1);
                return Ok(std::mem::replace(&mut self.received, rest));
            }
            searched = self.received.len();
            if searched > LINE_LIMIT {
                return Err(QmpError::Malformed(format!(
                    "a line of more than {LINE_LIMIT} bytes"
                )));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(QmpError::TimedOut);
            }
            self.stream.limit_reads(left)?;
            let mut block = [0; 4096];
            match self.stream.read(&mut block) {
                Ok(0) => return Err(QmpError::Closed),
                Ok(count) => self.received.extend_from_slice(&block[..count]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its script in small pieces, then the end; keeps what is written.
    struct Script {
        answers: Vec<u8>,
        position: usize,
        written: Vec<u8>,
    }

    impl Timed for Script {
        fn limit_reads(&self, _: Duration) -> io::Result<()> {
            Ok(())
        }
    }

    impl Read for Script {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let rest = &self.answers[self.position..];
            let count = rest.len().min(7).min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            self.position += count;
            Ok(count)
        }
    }

    impl Write for Script {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.written.extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Never reached: the script ends first, also on a busy machine.
    const LIMIT: Duration = Duration::from_secs(3600);
    const START: &str = "{\"QMP\": {\"version\": {}}}\r\n{\"return\": {}, \"id\": 1}\r\n";

    fn connect(answers: &str) -> Result<Qmp<Script>, QmpError> {
        Qmp::new(
            Script {
                answers: answers.as_bytes().to_vec(),
                position: 0,
                written: Vec::new(),
            },
            LIMIT,
        )
    }

    #[test]
    fn a_command_skips_events_and_late_answers() {
        let mut qmp = connect(&format!(
            "{START}{{\"event\": \"RESUME\"}}\r\n{{\"return\": 3, \"id\": 1}}\r\n{{\"return\": 4, \"id\": 2}}\r\n"
        ))
        .unwrap();
        let answer = qmp.execute("cont", json!({"a": "b\n"}), LIMIT).unwrap();
        assert_eq!(answer, json!(4));
        let written = String::from_utf8(qmp.stream.written).unwrap();
        assert_eq!(written.lines().count(), 2, "one line a command: {written}");
        assert!(written.ends_with('\n'));
    }

    #[test]
    fn a_refusal_carries_qemus_words() {
        for id in ["", ", \"id\": 2"] {
            let mut qmp = connect(&format!(
                "{START}{{\"error\": {{\"class\": \"GenericError\", \"desc\": \"no such key\"}}{id}}}\n"
            ))
            .unwrap();
            match qmp.execute("send-key", json!({}), LIMIT) {
                Err(QmpError::Refused(reason)) => assert_eq!(reason, "no such key (GenericError)"),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn what_is_not_qmp_is_refused() {
        for line in [
            "",
            "null",
            "[]",
            "{",
            "{}",
            "{\"error\": 1}",
            "{\"error\": {\"class\": \"x\"}}",
            "{\"return\": 1} trailing",
            "\u{0}",
        ] {
            assert!(
                matches!(parse(line.as_bytes()), Err(QmpError::Malformed(_))),
                "{line:?}"
            );
            let answers = format!("{line}\n");
            assert!(
                matches!(connect(&answers), Err(QmpError::Malformed(_))),
                "{line:?}"
            );
        }
    }

    #[test]
    fn an_end_and_an_endless_line_are_errors() {
        assert!(matches!(connect("{\"QMP\""), Err(QmpError::Closed)));
        assert!(matches!(
            connect(START.lines().next().unwrap()),
            Err(QmpError::Closed)
        ));
        let endless = "x".repeat(LINE_LIMIT + 10_000);
        assert!(matches!(connect(&endless), Err(QmpError::Malformed(_))));
    }
}
