//! The firmware's log: defmt frames, decoded with the format strings in the ELF file.

use super::error::EmulatorError;
use super::inbox::{Inbox, Writer};
use defmt_decoder::{DecodeError, Frame, Table};
use object::{Architecture, BinaryFormat, Object, ObjectSymbol};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// How grave a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Every step.
    Trace,
    /// For who looks for a fault.
    Debug,
    /// What goes on.
    Info,
    /// Works, but not as it should.
    Warn,
    /// Does not work.
    Error,
}

/// One line of the firmware's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    /// None for `defmt::println!` and for text from a firmware without defmt.
    pub level: Option<Level>,
    /// As the firmware's `defmt::timestamp!` formats it, where it has one.
    pub timestamp: Option<String>,
    /// The text.
    pub message: String,
}

impl std::fmt::Display for LogRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(timestamp) = &self.timestamp {
            write!(f, "{timestamp} ")?;
        }
        let level = match self.level {
            Some(Level::Trace) => "TRACE ",
            Some(Level::Debug) => "DEBUG ",
            Some(Level::Info) => "INFO  ",
            Some(Level::Warn) => "WARN  ",
            Some(Level::Error) => "ERROR ",
            None => "",
        };
        write!(f, "{level}{}", self.message)
    }
}

/// The log table of a firmware; None where it does not use defmt.
///
/// # Errors
/// [`EmulatorError::Elf`] where `elf` is no ELF file, or its table cannot be read.
pub(super) fn read_table(path: &Path, elf: &[u8]) -> Result<Option<Table>, EmulatorError> {
    let refuse = |reason: String| EmulatorError::Elf {
        path: path.into(),
        reason: reason.replace('\n', " "),
    };
    let file = object::File::parse(elf).map_err(|e| refuse(e.to_string()))?;
    if file.format() != BinaryFormat::Elf || file.architecture() != Architecture::Arm {
        return Err(refuse(format!(
            "it is for {:?}, expected 32-bit Arm",
            file.architecture()
        )));
    }
    // Linked with -Tdefmt.x, firmware that does not use defmt has a section .defmt with one byte,
    // and the decoder takes that for a broken table. The version is what only firmware with defmt
    // has.
    let uses_defmt = file.symbols().any(|symbol| {
        symbol
            .name()
            .is_ok_and(|name| name.contains("_defmt_version_ = "))
    });
    if !uses_defmt {
        return Ok(None);
    }
    // With the chain of causes.
    Table::parse(elf).map_err(|e| refuse(format!("{e:#}")))
}

/// Starts a thread that decodes `stream` into `inbox` until the stream ends.
pub(super) fn spawn_reader(
    stream: impl Read + Send + 'static,
    table: Option<Arc<Table>>,
    inbox: Arc<Inbox<LogRecord>>,
) {
    std::thread::spawn(move || {
        let writer = Writer(inbox);
        match table {
            Some(table) => decode_frames(stream, &table, |record| writer.0.push(record)),
            None => read_lines(stream, |message| {
                writer.0.push(LogRecord {
                    level: None,
                    timestamp: None,
                    message,
                });
            }),
        }
    });
}

/// Reads a log that nobody can decode, so that who writes it does not wait.
pub(super) fn discard(mut stream: impl Read + Send + 'static, inbox: Arc<Inbox<LogRecord>>) {
    std::thread::spawn(move || {
        let _writer = Writer(inbox);
        let mut block = [0; 4096];
        while read_some(&mut stream, &mut block).is_some() {}
    });
}

fn decode_frames(mut stream: impl Read, table: &Table, mut emit: impl FnMut(LogRecord)) {
    let mut decoder = table.new_stream_decoder();
    let mut block = [0; 4096];
    while let Some(count) = read_some(&mut stream, &mut block) {
        decoder.received(&block[..count]);
        loop {
            match decoder.decode() {
                Ok(frame) => emit(record(&frame)),
                Err(DecodeError::UnexpectedEof) => break,
                // The decoder has dropped the frame: rzcobs goes on at the next one. With the raw
                // encoding nothing tells where that is, and the same bytes would fail for ever.
                Err(DecodeError::Malformed) if table.encoding().can_recover() => {
                    emit(broken("a log frame is broken and was left out"));
                }
                Err(DecodeError::Malformed) => {
                    emit(broken(
                        "the log is broken from here on (defmt's raw encoding cannot recover)",
                    ));
                    // Read on: a full pipe would stop QEMU.
                    while read_some(&mut stream, &mut block).is_some() {}
                    return;
                }
            }
        }
    }
}

fn broken(message: &str) -> LogRecord {
    LogRecord {
        level: Some(Level::Warn),
        timestamp: None,
        message: message.into(),
    }
}

fn record(frame: &Frame<'_>) -> LogRecord {
    // defmt-decoder does not re-export its parser's Level.
    let level = frame.level().and_then(|level| match level.as_str() {
        "trace" => Some(Level::Trace),
        "debug" => Some(Level::Debug),
        "info" => Some(Level::Info),
        "warn" => Some(Level::Warn),
        "error" => Some(Level::Error),
        _ => None,
    });
    LogRecord {
        level,
        timestamp: frame.display_timestamp().map(|time| time.to_string()),
        message: frame.display_message().to_string(),
    }
}

/// Calls `emit` with each line of a stream, without its end, until the stream ends.
///
/// A line without end is cut every [`LINE_LIMIT`] bytes; what is not UTF-8 becomes replacement
/// characters.
pub(super) fn read_lines(mut stream: impl Read, mut emit: impl FnMut(String)) {
    let mut splitter = LineSplitter::default();
    let mut block = [0; 4096];
    while let Some(count) = read_some(&mut stream, &mut block) {
        for &byte in &block[..count] {
            splitter.push(byte, &mut emit);
        }
    }
    splitter.end(emit);
}

/// Collects bytes into lines, as [`read_lines`] does.
#[derive(Debug, Default)]
pub(super) struct LineSplitter(Vec<u8>);

impl LineSplitter {
    /// Takes a byte.
    pub fn push(&mut self, byte: u8, emit: impl FnMut(String)) {
        if byte == b'\n' {
            self.flush(emit);
        } else {
            self.0.push(byte);
            if self.0.len() == LINE_LIMIT {
                self.flush(emit);
            }
        }
    }

    /// The stream has ended.
    pub fn end(mut self, emit: impl FnMut(String)) {
        if !self.0.is_empty() {
            self.flush(emit);
        }
    }

    fn flush(&mut self, mut emit: impl FnMut(String)) {
        if self.0.last() == Some(&b'\r') {
            self.0.pop();
        }
        emit(String::from_utf8_lossy(&self.0).into_owned());
        self.0.clear();
    }
}

/// The longest line of text, in bytes.
const LINE_LIMIT: usize = 4096;

/// None at the end of the stream, and on an error: a socket whose other end was killed gives one.
pub(super) fn read_some(stream: &mut impl Read, block: &mut [u8]) -> Option<usize> {
    loop {
        match stream.read(block) {
            Ok(0) => return None,
            Ok(count) => return Some(count),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        read_lines(bytes, |line| lines.push(line));
        lines
    }

    #[test]
    fn lines_are_split_and_cut() {
        assert_eq!(lines(b"a\r\nb\n\nc"), ["a", "b", "", "c"]);
        assert_eq!(lines(b"\xff\n"), ["\u{fffd}"]);
        let long = lines(&[b'x'; LINE_LIMIT + 1]);
        assert_eq!(
            long.iter().map(String::len).collect::<Vec<_>>(),
            [LINE_LIMIT, 1]
        );
        assert!(lines(b"").is_empty());
    }

    #[test]
    fn a_file_that_is_no_elf_is_a_typed_error() {
        for bytes in [
            &b""[..],
            b"\x7fELF",
            b"not an ELF file at all, but long enough to be one",
        ] {
            let error = read_table(Path::new("fw.elf"), bytes).unwrap_err();
            let text = error.to_string();
            assert!(text.contains("fw.elf") && !text.contains('\n'), "{text}");
        }
    }

    #[test]
    fn a_record_is_one_line() {
        let record = LogRecord {
            level: Some(Level::Warn),
            timestamp: Some("17".into()),
            message: "hot".into(),
        };
        assert_eq!(record.to_string(), "17 WARN  hot");
        assert_eq!(
            LogRecord {
                level: None,
                timestamp: None,
                ..record
            }
            .to_string(),
            "hot"
        );
    }
}
