//! A whole device but its hardware: one event in, a drawn screen and an answered line out.

use super::line::Request;
use super::screen::draw;
use super::view::Label;
use super::{App, Event, Fault, SelfTest, View};
use crate::engine::{Engine, EngineError, Observer, SelfTestError};
use crate::panel::Screen;
use crate::slot::{Running, Slot, Start};
use crate::text::{Hex, decimal};
use core::fmt::{self, Write};
use shared::checksum;
use shared::image::Turn;
use shared::latent::{Latent, Point};
use shared::protocol::{LogLevel, SlotState, Source};

/// What a board measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// The most bytes of stack that were ever in use.
    pub stack: u32,
    /// Timer ticks that the last picture took.
    pub ticks: u32,
}

/// An observer of the engine that measures.
pub trait Probe: Observer {
    /// The figures so far.
    fn stats(&self) -> Stats {
        Stats::default()
    }

    /// Ticks since the picture in work was begun, since the last lap, or since [`Probe::skip`].
    fn lap(&mut self) -> u32 {
        0
    }

    /// What happened since the last lap is not the engine's: it counts neither for the next lap nor
    /// for the picture.
    fn skip(&mut self) {}
}

/// Measures nothing.
impl Probe for () {}

/// The way out over the serial line: text, and the bytes of frames.
pub trait Serial: fmt::Write {
    /// Sends bytes as they are.
    ///
    /// # Errors
    /// Where the line takes no more.
    fn send(&mut self, bytes: &[u8]) -> fmt::Result;
}

/// Who the device says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Name of the board.
    pub board: &'static str,
    /// Version of the firmware.
    pub firmware: &'static str,
    /// Scratch memory for models, in bytes.
    pub arena: usize,
}

/// What the board does after an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Next {
    /// Goes on.
    Continue,
    /// Leaves this device and [boots](crate::slot::boot) another: the slot holds a new model, or
    /// was released.
    Restart(Start),
}

/// What a board lends the device for one event.
pub struct Ports<'p, S, P, W, U> {
    /// Scratch memory of at least the length that the image states.
    pub arena: &'p mut [i8],
    /// The panel.
    pub screen: &'p mut S,
    /// Timer and stack.
    pub probe: &'p mut P,
    /// Where lines and frames are answered.
    pub serial: &'p mut W,
    /// Where a new model goes.
    pub slot: &'p mut U,
}

/// Why an event was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError<E> {
    /// The engine refuses a picture of the view.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The panel does not show the view.
    #[error("the display does not take pixels; check its wiring")]
    Panel(E),
    /// The answer was not sent.
    #[error("the serial line does not take the answer; check its wiring")]
    Serial(#[from] fmt::Error),
}

/// Engine, app and what is on the screen.
#[derive(Debug, Clone)]
pub struct Device<'a> {
    pub(super) engine: Engine<'a>,
    pub(super) app: App,
    drawn: Option<View>,
    pub(super) identity: Identity,
    pub(super) source: Source,
    pub(super) slot: SlotState,
    pub(super) log_level: LogLevel,
}

impl<'a> Device<'a> {
    /// Starts with a model and the result of its self-test. Nothing is drawn yet: see
    /// [`Self::redraw`].
    pub fn new(running: &Running<'a>, identity: Identity) -> Self {
        let engine = running.engine;
        Self {
            engine,
            app: App::new(engine.image(), summary(&engine, &running.self_test)),
            drawn: None,
            identity,
            source: running.source,
            slot: running.slot,
            log_level: LogLevel::default(),
        }
    }

    /// The same device with an engine whose image lies elsewhere.
    pub fn with_engine<'b>(self, engine: Engine<'b>) -> Device<'b> {
        Device {
            engine,
            app: self.app,
            drawn: self.drawn,
            identity: self.identity,
            source: self.source,
            slot: self.slot,
            log_level: self.log_level,
        }
    }

    /// Which messages the board shall log.
    pub fn log_level(&self) -> LogLevel {
        self.log_level
    }

    /// Chooses them: a device that another follows hands its level on.
    pub fn set_log_level(&mut self, level: LogLevel) {
        self.log_level = level;
    }

    /// What the screen shall show.
    pub fn view(&self) -> View {
        self.app.view()
    }

    /// Takes an event, draws the view where it changed, then answers where the event was a line or
    /// a frame.
    ///
    /// # Errors
    /// [`DeviceError`] where the panel or the serial line fails; the device goes on with the next
    /// event.
    pub fn handle<S: Screen, P: Probe, W: Serial, U: Slot>(
        &mut self,
        event: Event<'_>,
        ports: Ports<'_, S, P, W, U>,
    ) -> Result<Next, DeviceError<S::Error>> {
        if let Event::Frame(frame) = event {
            return self.answer(frame, ports);
        }
        let Ports {
            arena,
            screen,
            probe,
            serial,
            slot: _,
        } = ports;
        let request = self.app.handle(event);
        let test = (request == Some(Request::SelfTest)).then(|| self.test(arena, probe));
        // A panel that does not work leaves no line without its answer.
        let drawn = self.redraw(arena, screen, probe);
        self.answer_line(request, test, arena, probe, serial)?;
        drawn?;
        Ok(Next::Continue)
    }

    /// Answers a line, where it wants an answer; `test` is the result of the self-test that it
    /// asked for.
    fn answer_line<P: Probe>(
        &self,
        request: Option<Request>,
        test: Option<Result<usize, SelfTestError<'_>>>,
        arena: &mut [i8],
        probe: &mut P,
        serial: &mut impl Serial,
    ) -> fmt::Result {
        match request {
            None => {}
            Some(Request::Status) => writeln!(serial, "status {}", self.app.view())?,
            Some(Request::Stats) => {
                let (image, Stats { stack, ticks }) = (self.engine.image(), probe.stats());
                let (len, arena) = (image.len(), image.arena_len());
                writeln!(
                    serial,
                    "stats flash_image={} arena={} stack={} ticks={}",
                    decimal(len),
                    decimal(arena),
                    decimal(stack),
                    decimal(ticks)
                )?;
            }
            Some(Request::Golden(latent)) => {
                let mut line = ChecksumLine {
                    probe,
                    serial,
                    sent: Ok(()),
                };
                let refused = self.engine.generate(arena, latent, &mut line).is_err();
                let sent = line.sent;
                end(refused, sent, serial)?;
            }
            Some(Request::Profile(latent)) => {
                let mut line = ProfileLine {
                    probe,
                    serial,
                    sent: Ok(()),
                };
                let refused = self.engine.generate(arena, latent, &mut line).is_err();
                let sent = line.sent;
                end(refused, sent, serial)?;
            }
            Some(Request::SelfTest) => match test {
                Some(Err(error)) => writeln!(serial, "selftest failed {error}")?,
                Some(Ok(goldens)) => writeln!(serial, "selftest ok {}", decimal(goldens))?,
                None => {}
            },
            Some(Request::Error(error)) => writeln!(serial, "error {error}")?,
        }
        Ok(())
    }

    /// Runs the self-test anew; the view shows its result.
    pub(super) fn test(
        &mut self,
        arena: &mut [i8],
        observer: &mut impl Observer,
    ) -> Result<usize, SelfTestError<'a>> {
        let result = self.engine.self_test_observed(arena, observer);
        self.app.show_self_test(summary(&self.engine, &result));
        result
    }

    /// Draws the view where it is not on the screen.
    ///
    /// # Errors
    /// [`DeviceError`] where the panel fails.
    pub fn redraw<S: Screen>(
        &mut self,
        arena: &mut [i8],
        screen: &mut S,
        observer: &mut impl Observer,
    ) -> Result<(), DeviceError<S::Error>> {
        let view = self.app.view();
        if self.drawn != Some(view) {
            draw(view, &self.engine, arena, screen.frame_mut(), observer)?;
            screen.flush().map_err(DeviceError::Panel)?;
            self.drawn = Some(view);
        }
        Ok(())
    }
}

/// Ends the line of a picture. That the engine refuses cannot be: labels were checked with the
/// line, the arena at boot.
fn end(refused: bool, sent: fmt::Result, serial: &mut dyn Write) -> fmt::Result {
    sent?;
    serial.write_str(match refused {
        true => "error the engine refuses this picture; report this as a bug\n",
        false => "\n",
    })
}

/// A self-test's result as the screen shows it.
fn summary(engine: &Engine<'_>, result: &Result<usize, SelfTestError<'_>>) -> SelfTest {
    // An image of 16 MiB has fewer golden vectors than a u32 counts; a u16 saturates.
    let count = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    SelfTest {
        goldens: count(engine.image().goldens().len()),
        failed: match result {
            Ok(_) => None,
            Err(SelfTestError::Mismatch(m)) => Some(Fault {
                golden: count(m.golden),
                op: m.op.map(count),
            }),
            Err(SelfTestError::Engine(_)) => Some(Fault {
                golden: 0,
                op: None,
            }),
        },
    }
}

/// Writes `golden <what> <crc of the input> <crc of each operation's output>` as the engine goes.
struct ChecksumLine<'w, P, W> {
    probe: &'w mut P,
    serial: &'w mut W,
    sent: fmt::Result,
}

impl<P, W: Write> ChecksumLine<'_, P, W> {
    fn send(&mut self, text: fmt::Arguments<'_>) {
        self.sent = self.sent.and_then(|()| self.serial.write_fmt(text));
    }
}

impl<P: Probe, W: Write> Observer for ChecksumLine<'_, P, W> {
    fn begin(&mut self, latent: Latent) {
        let point = |Point { seed, label }| (decimal(seed), Label(label));
        match latent {
            Latent::At(at) => {
                let (seed, label) = point(at);
                self.send(format_args!("golden {seed} {label}"));
            }
            Latent::Between { from, to, step } => {
                let ((s0, l0), (s1, l1)) = (point(from), point(to));
                self.send(format_args!("golden {s0} {l0} {s1} {l1} {}", decimal(step)));
            }
        }
    }

    fn input(&mut self, input: &[i8]) {
        self.send(format_args!(" {}", Hex(checksum::of_activations(input))));
    }

    fn layer(&mut self, turn: &Turn<'_>, output: &[i8]) {
        self.send(format_args!(" {}", Hex(checksum::of_activations(output))));
        self.probe.layer(turn, output);
    }
}

/// Writes `profile <ticks of the input> <ticks of each operation>` as the engine goes.
struct ProfileLine<'w, P, W> {
    probe: &'w mut P,
    serial: &'w mut W,
    sent: fmt::Result,
}

impl<P: Probe, W: Write> ProfileLine<'_, P, W> {
    fn lap(&mut self) {
        let ticks = self.probe.lap();
        let serial = &mut self.serial;
        self.sent = self
            .sent
            .and_then(|()| write!(serial, " {}", decimal(ticks)));
        self.probe.skip();
    }
}

impl<P: Probe, W: Write> Observer for ProfileLine<'_, P, W> {
    fn begin(&mut self, latent: Latent) {
        self.sent = self.serial.write_str("profile");
        self.probe.begin(latent);
    }

    fn input(&mut self, _: &[i8]) {
        self.lap();
    }

    fn layer(&mut self, turn: &Turn<'_>, output: &[i8]) {
        self.lap();
        self.probe.layer(turn, output);
    }

    fn end(&mut self) {
        self.probe.end();
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::app::Button;
    use crate::app::bench::Bench;
    use crate::engine::tests::Network;
    use crate::panel::FrameBuffer;
    use proptest::prelude::*;
    use shared::image::Image;
    use std::{format, string::String, vec};

    const POINTS: [Point; 2] = [
        Point {
            seed: 1,
            label: Some(0),
        },
        Point {
            seed: 9,
            label: Some(4),
        },
    ];

    fn network() -> Network {
        Network::random(5, 6, 10, &[7, 5], (9, 8))
    }

    #[test]
    fn the_screen_shows_the_view_of_the_status_line() {
        let image = network().image(&POINTS);
        let mut bench = Bench::new(&image);
        for step in [
            "2026",
            "digit 3 4",
            "grid 0",
            "walk 1 2 3 4 9",
            "selftest",
            "7",
        ] {
            bench.send_text(format!("{step}\n").as_bytes());
            let status = bench.send_text(b"status\n");
            let view: View = status
                .strip_prefix("status ")
                .unwrap()
                .trim_end()
                .parse()
                .unwrap();
            let mut expected = FrameBuffer::new();
            let engine = bench.device.engine;
            draw(
                view,
                &engine,
                &mut vec![0; engine.image().arena_len()],
                &mut expected,
                &mut (),
            )
            .unwrap();
            assert_eq!(bench.frame, expected, "{status}");
        }
        let _ = bench.handle(Event::Button(Button::Up));
        assert_eq!(
            bench.send_text(b"status\n"),
            "status number digits=8 cursor=0 seed=1\n"
        );
    }

    #[test]
    fn answers() {
        let network = network();
        let image = network.image(&POINTS);
        let mut bench = Bench::new(&image);
        let expected = |head: &str, latent| {
            let checksums = network
                .checksums(latent)
                .into_iter()
                .map(|crc| format!(" {crc:08x}"));
            format!("{head}{}\n", checksums.collect::<String>())
        };
        let [from, to] = POINTS;
        let golden = expected("golden 9 4", Latent::At(to));
        assert_eq!(bench.send_text(b"golden 9 4\n"), golden);
        let between = expected("golden 1 0 9 4 30", Latent::Between { from, to, step: 30 });
        assert_eq!(bench.send_text(b"golden 1 0 9 4 30\n"), between);
        let arena = Image::new_checked(&image).unwrap().arena_len();
        let stats = format!(
            "stats flash_image={} arena={arena} stack=0 ticks=0\n",
            image.len()
        );
        assert_eq!(bench.send_text(b"stats\n"), stats);
        // Nothing measures here: an input, three dense layers and a table.
        assert_eq!(bench.send_text(b"profile 9 4\n"), "profile 0 0 0 0 0\n");
        assert_eq!(bench.send_text(b"selftest\n"), "selftest ok 2\n");
        assert_eq!(
            bench.send_text(b"status\n"),
            "status selftest goldens=2 failed=-\n"
        );
        assert_eq!(
            bench.send_text(b"golden 1 11\nx\n"),
            "error label 11 cannot be drawn by this model, expected 0 to 9\n\
             error no such command, expected 1 to 4 digits, status, digit, grid, walk, golden, profile, stats or selftest\n"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_bytes_leave_it_alive(bytes in proptest::collection::vec(1u8.., 0..300), words in "(golden|walk|digit|selftest|[0-9]{1,11}|[ \n-]){0,60}") {
            let image = network().image(&POINTS);
            let mut bench = Bench::new(&image);
            for input in [&bytes[..], words.as_bytes()] {
                let answer = bench.send_text(input);
                prop_assert!(answer.lines().count() <= input.iter().filter(|&&b| b == b'\n' || b == b'\r').count());
            }
            bench.send_text(b"\n");
            prop_assert_eq!(bench.send_text(b"digit 3 4\n"), "status digit seed=3 label=4\n");
        }
    }
}
