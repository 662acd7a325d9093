//! The serial protocol: text lines ended by `\n`, at most 64 bytes each; every line is answered by
//! one line.
//!
//! | line | what happens | answer |
//! |---|---|---|
//! | `2026` | the number mode shows one to four digits | status |
//! | `digit <seed> [label]` | one large picture | status |
//! | `grid <seed> [label]` | eight pictures | status |
//! | `walk <seed> <label> <seed> <label> <step>` | a picture between two points, paused; step 0 to 64 | status |
//! | `status` | nothing | `status <view>`, see [`View`](super::View) |
//! | `golden <seed> [label]` | computes, shows nothing | `golden <seed> <label> <crc>...` |
//! | `golden <seed> <label> <seed> <label> <step>` | the same on a walk | `golden <the same five> <crc>...` |
//! | `profile <seed> [label]` | computes, shows nothing | `profile <n>...`, the ticks of the input, then of each operation |
//! | `stats` | nothing | `stats flash_image=<bytes> arena=<bytes> stack=<bytes> ticks=<n>` |
//! | `selftest` | replays the golden vectors, shows the result | `selftest ok <n>` or `selftest failed <why>` |
//! | anything else | nothing | `error <what is wrong>, expected <what>` |
//!
//! After boot, when the first screen is shown, the device sends `ready <board> <CRC-32 of the
//! image>` of its own accord. A label is `-` where the model has no classes. Checksums are CRC-32
//! in eight hexadecimal digits: of the input, then of each operation's output. An answer is sent
//! when the screen shows the view that it tells of. `status` and views, with `FromStr` of
//! [`View`](super::View), are made to be read by programs.

use super::Number;
use super::view::{label as parse_label, number};
use crate::text::{Plain, decimal};
use shared::latent::{Latent, Point, WALK_STEPS};

/// Longest line, without its end.
pub const MAX_LINE: usize = 64;

/// Why a line is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Over [`MAX_LINE`].
    #[error("the line is too long, expected at most {} bytes", decimal(MAX_LINE))]
    TooLong,
    /// Not UTF-8.
    #[error("the line is not text, expected ASCII")]
    NotText,
    /// No such command.
    #[error(
        "no such command, expected 1 to 4 digits, status, digit, grid, walk, golden, profile, stats or selftest"
    )]
    Unknown,
    /// Arguments are missing, too many or malformed.
    #[error("these arguments make no sense, expected {}", Plain(.0))]
    Arguments(&'static str),
    /// The model has no such class, or must be told one.
    #[error("label {} cannot be drawn by this model, expected {}", super::view::Label(*.label), Labels(*.classes))]
    Label {
        /// What was asked for.
        label: Option<u8>,
        /// Number of classes of the model.
        classes: u8,
    },
}

/// Which labels a model takes.
struct Labels(u8);

impl core::fmt::Display for Labels {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0.checked_sub(1) {
            Some(last) => write!(f, "0 to {}", decimal(last)),
            None => f.write_str("none"),
        }
    }
}

/// A line understood, with labels that the model accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Show a number.
    Number(Number),
    /// Show one picture; without a label, that of the last.
    Digit {
        /// Its seed.
        seed: u32,
        /// Its label.
        label: Option<u8>,
    },
    /// Show a grid; without a label, all in turn.
    Grid {
        /// Seed of its first picture.
        seed: u32,
        /// Label of all.
        label: Option<u8>,
    },
    /// Show a step of a walk.
    Walk {
        /// Step 0.
        from: Point,
        /// Step 64.
        to: Point,
        /// Which step.
        step: u8,
    },
    /// Only answer.
    Ask(Request),
}

/// What is to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// The view.
    Status,
    /// Checksums of every layer.
    Golden(Latent),
    /// Time of every layer.
    Profile(Latent),
    /// Memory and time.
    Stats,
    /// The self-test, run anew.
    SelfTest,
    /// What was wrong.
    Error(LineError),
}

const DIGIT: &str = "digit <seed> [label]";
const GRID: &str = "grid <seed> [label]";
const PROFILE: &str = "profile <seed> [label]";
const WALK: &str = "walk <seed> <label> <seed> <label> <step 0-64>";
const GOLDEN: &str = "golden <seed> [label] or golden <seed> <label> <seed> <label> <step 0-64>";

impl Command {
    /// Understands a line for a model of so many classes.
    ///
    /// # Errors
    /// [`LineError`] says what is wrong and what was expected.
    pub fn parse(line: &str, classes: u8) -> Result<Self, LineError> {
        let mut words = line.split_ascii_whitespace();
        let command = words.next().ok_or(LineError::Unknown)?;
        let mut next = || words.next();
        let parsed = match command {
            "status" => Self::Ask(Request::Status),
            "stats" => Self::Ask(Request::Stats),
            "selftest" => Self::Ask(Request::SelfTest),
            "digit" => {
                let (seed, label) =
                    seed_and_label(next(), next(), classes).map_err(|e| e.usage(DIGIT))?;
                Self::Digit { seed, label }
            }
            "grid" => {
                let (seed, label) =
                    seed_and_label(next(), next(), classes).map_err(|e| e.usage(GRID))?;
                Self::Grid { seed, label }
            }
            "walk" => {
                let (from, to, step) = walk([next(), next(), next(), next(), next()], classes)
                    .map_err(|e| e.usage(WALK))?;
                Self::Walk { from, to, step }
            }
            "golden" => {
                let arguments = [next(), next(), next(), next(), next()];
                Self::Ask(Request::Golden(
                    latent(arguments, classes).map_err(|e| e.usage(GOLDEN))?,
                ))
            }
            "profile" => {
                let (seed, label) =
                    seed_and_label(next(), next(), classes).map_err(|e| e.usage(PROFILE))?;
                Self::Ask(Request::Profile(Latent::At(Point { seed, label })))
            }
            digits => {
                let number = Number::parse(digits).ok_or(LineError::Unknown)?;
                for &digit in number.digits() {
                    check(Some(digit), classes)?;
                }
                Self::Number(number)
            }
        };
        match next() {
            None => Ok(parsed),
            Some(_) => Err(LineError::Arguments(match parsed {
                Self::Number(_) => "1 to 4 digits",
                Self::Digit { .. } => DIGIT,
                Self::Grid { .. } => GRID,
                Self::Walk { .. } => WALK,
                Self::Ask(Request::Golden(_)) => GOLDEN,
                Self::Ask(Request::Profile(_)) => PROFILE,
                Self::Ask(_) => "nothing behind this command",
            })),
        }
    }
}

/// What can be wrong with arguments, before it is known whose they are.
enum Fault {
    Malformed,
    Label(LineError),
}

impl Fault {
    fn usage(self, usage: &'static str) -> LineError {
        match self {
            Self::Malformed => LineError::Arguments(usage),
            Self::Label(error) => error,
        }
    }
}

impl From<LineError> for Fault {
    fn from(error: LineError) -> Self {
        Self::Label(error)
    }
}

fn check(label: Option<u8>, classes: u8) -> Result<(), LineError> {
    let accepted = label.map_or(classes == 0, |label| label < classes);
    if accepted {
        Ok(())
    } else {
        Err(LineError::Label { label, classes })
    }
}

fn parsed<T: TryFrom<u32>>(word: Option<&str>) -> Result<T, Fault> {
    word.and_then(number).ok_or(Fault::Malformed)
}

/// A seed, and a label that may be left out.
fn seed_and_label(
    seed: Option<&str>,
    label: Option<&str>,
    classes: u8,
) -> Result<(u32, Option<u8>), Fault> {
    let label = label
        .map_or(Some(None), parse_label)
        .ok_or(Fault::Malformed)?;
    if label.is_some() {
        check(label, classes)?;
    }
    Ok((parsed(seed)?, label))
}

fn point(seed: Option<&str>, label: Option<&str>, classes: u8) -> Result<Point, Fault> {
    let label = label.and_then(parse_label).ok_or(Fault::Malformed)?;
    let seed = parsed(seed)?;
    check(label, classes)?;
    Ok(Point { seed, label })
}

fn walk(words: [Option<&str>; 5], classes: u8) -> Result<(Point, Point, u8), Fault> {
    let [seed0, label0, seed1, label1, step] = words;
    let step = parsed(step)?;
    if step > WALK_STEPS {
        return Err(Fault::Malformed);
    }
    Ok((
        point(seed0, label0, classes)?,
        point(seed1, label1, classes)?,
        step,
    ))
}

fn latent(words: [Option<&str>; 5], classes: u8) -> Result<Latent, Fault> {
    match words {
        [seed, label, None, None, None] => {
            Ok(Latent::At(point(seed, label.or(Some("-")), classes)?))
        }
        words => {
            let (from, to, step) = walk(words, classes)?;
            Ok(Latent::Between { from, to, step })
        }
    }
}

/// Collects bytes into lines.
#[derive(Debug, Default)]
pub struct LineBuffer {
    bytes: heapless::Vec<u8, MAX_LINE>,
    too_long: bool,
    ended: bool,
}

impl LineBuffer {
    /// An empty line.
    pub const fn new() -> Self {
        Self {
            bytes: heapless::Vec::new(),
            too_long: false,
            ended: false,
        }
    }

    /// Takes a byte; at the end of a line gives it without its end, or why it is none. Empty lines
    /// are skipped.
    pub fn push(&mut self, byte: u8) -> Option<Result<&str, LineError>> {
        if self.ended {
            *self = Self::new();
        }
        match byte {
            b'\n' | b'\r' if self.bytes.is_empty() => None,
            b'\n' | b'\r' => {
                self.ended = true;
                Some(if self.too_long {
                    Err(LineError::TooLong)
                } else {
                    core::str::from_utf8(&self.bytes).map_err(|_| LineError::NotText)
                })
            }
            byte => {
                self.too_long |= self.bytes.push(byte).is_err();
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::{format, string::String, vec::Vec};

    fn lines(bytes: &[u8]) -> Vec<Result<String, LineError>> {
        let mut buffer = LineBuffer::new();
        bytes
            .iter()
            .filter_map(|&byte| buffer.push(byte).map(|line| line.map(String::from)))
            .collect()
    }

    #[test]
    fn bytes_become_lines() {
        let ok = |text: &str| Ok(String::from(text));
        assert_eq!(lines(b"2026\nstatus\r\n\n\nx"), [ok("2026"), ok("status")]);
        let full = [b'a'; MAX_LINE];
        assert_eq!(
            lines(&[&full[..], b"\n"].concat()),
            [ok(&"a".repeat(MAX_LINE))]
        );
        let long = [&full[..], b"b\nstatus\n"].concat();
        assert_eq!(lines(&long), [Err(LineError::TooLong), ok("status")]);
        assert_eq!(lines(b"\xFF\n7\n"), [Err(LineError::NotText), ok("7")]);
    }

    #[test]
    fn every_command() {
        let point = |seed, label| Point {
            seed,
            label: Some(label),
        };
        let (from, to) = (point(1, 2), point(3, 4));
        for (line, command) in [
            ("2026", Command::Number(Number::DEFAULT)),
            ("status", Command::Ask(Request::Status)),
            ("stats", Command::Ask(Request::Stats)),
            (" selftest ", Command::Ask(Request::SelfTest)),
            (
                "digit 5",
                Command::Digit {
                    seed: 5,
                    label: None,
                },
            ),
            (
                "digit 4294967295 9",
                Command::Digit {
                    seed: u32::MAX,
                    label: Some(9),
                },
            ),
            (
                "grid 8 3",
                Command::Grid {
                    seed: 8,
                    label: Some(3),
                },
            ),
            ("walk 1 2 3 4 64", Command::Walk { from, to, step: 64 }),
            (
                "golden 1 2",
                Command::Ask(Request::Golden(Latent::At(from))),
            ),
            (
                "golden 1 2 3 4 5",
                Command::Ask(Request::Golden(Latent::Between { from, to, step: 5 })),
            ),
        ] {
            assert_eq!(Command::parse(line, 10), Ok(command), "{line}");
        }
        let none = Point {
            seed: 1,
            label: None,
        };
        assert_eq!(
            Command::parse("golden 1", 0),
            Ok(Command::Ask(Request::Golden(Latent::At(none))))
        );
        assert_eq!(
            Command::parse("walk 1 - 1 - 0", 0),
            Ok(Command::Walk {
                from: none,
                to: none,
                step: 0
            })
        );
    }

    #[test]
    fn every_refusal() {
        use LineError::{Arguments, Label, Unknown};
        let label = |label, classes| Label { label, classes };
        for (line, classes, error) in [
            ("", 10, Unknown),
            ("hello", 10, Unknown),
            ("12345", 10, Unknown),
            ("2026", 0, label(Some(2), 0)),
            ("2026", 5, label(Some(6), 5)),
            ("12 34", 10, Arguments("1 to 4 digits")),
            ("status now", 10, Arguments("nothing behind this command")),
            ("digit", 10, Arguments(DIGIT)),
            ("digit -1", 10, Arguments(DIGIT)),
            ("digit 1 2 3", 10, Arguments(DIGIT)),
            ("digit 1 10", 10, label(Some(10), 10)),
            ("grid 1 0", 0, label(Some(0), 0)),
            ("walk 1 2 3 4", 10, Arguments(WALK)),
            ("walk 1 2 3 4 65", 10, Arguments(WALK)),
            ("walk 1 2 3 - 6", 10, label(None, 10)),
            ("golden 1", 10, label(None, 10)),
            ("golden x", 10, Arguments(GOLDEN)),
            ("golden 1 2 3", 10, Arguments(GOLDEN)),
        ] {
            assert_eq!(
                Command::parse(line, classes),
                Err(error),
                "{line:?}, {classes} classes"
            );
            let text = format!("{error}");
            assert!(text.contains("expected") && !text.contains('\n'), "{text}");
        }
        assert_eq!(
            format!("{}", label(None, 10)),
            "label - cannot be drawn by this model, expected 0 to 9"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, classes: u8) {
            for line in lines(&bytes).into_iter().flatten() {
                let _ = Command::parse(&line, classes);
            }
        }

        #[test]
        fn no_words_panic(words in "(golden|walk|digit|grid|[0-9 -]{1,6}| ){1,9}", classes: u8) {
            let _ = Command::parse(&words, classes);
        }
    }
}
