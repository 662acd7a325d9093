//! The app in thread mode: from the first picture to the loop that never ends.

use super::input;
use super::serial::Serial;
use super::stopwatch::Stopwatch;
use crate::chip::{BOARD, feed_watchdog};
use core::convert::Infallible;
use core::fmt::Write;
use core::ops::ControlFlow;
use embedded_graphics::prelude::*;
use firmware::app::{
    self, Device, Event, Identity, Next, Ports, Receiver, View, draw, draw_message,
};
use firmware::draw::FromGrey;
use firmware::engine::{Engine, SelfTestError};
use firmware::panel::Screen;
use firmware::slot::{Bank, BootError, Limits, Running, Start, Upload, boot};
use firmware::text::{Hex, Plain};
use shared::image::Image;
use shared::protocol::{LogLevel, Refusal};

/// Version of the firmware.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// At 20 cycles a multiplication, of weights that come from flash memory, a layer with all of this
/// work takes RP2040 1.9 s: less than its watchdog allows.
const MILLION_STEPS: u32 = 12;

/// The same for a whole self-test: 16 s at most until the device answers.
const MILLION_TEST_STEPS: u32 = 100;

/// Bytes of the line that are looked at before buttons and ticks are.
const BYTES_A_TURN: usize = 1024;

/// Draws the first picture of the built-in model, so that there is something to see before the
/// models are tested. Draws nothing where it cannot run: [`run`] says why.
pub fn splash<D: DrawTarget<Color: FromGrey, Error = Infallible>>(
    built_in: &[u8],
    arena: &mut [i8],
    target: &mut D,
) {
    if let Ok(image) = Image::new_checked(built_in) {
        let view = View::first(image.classes());
        let _ = draw(
            view,
            &Engine::new(image),
            arena,
            target,
            &mut Stopwatch::new(LogLevel::Off),
        );
    }
}

/// Runs a model of the slot, or the built-in one, for ever. `panel` has the splash in its frame.
pub fn run<S: Screen, B: Bank>(
    banks: &mut [B],
    built_in: &'static [u8],
    mut start: Start,
    arena: &mut [i8],
    panel: &mut S,
) -> ! {
    if panel.flush().is_err() {
        defmt::error!("the display does not answer");
    }
    let limits = Limits {
        arena: arena.len(),
        million_steps: MILLION_STEPS,
        million_test_steps: MILLION_TEST_STEPS,
    };
    let mut wires = Wires {
        panel,
        serial: Serial::new(),
        // Self-tests are not told picture by picture.
        stopwatch: Stopwatch::new(LogLevel::Off),
        log_level: LogLevel::default(),
        receiver: Receiver::new(),
    };
    loop {
        let booted = boot(banks, built_in, limits, start, arena, &mut wires.stopwatch);
        match booted {
            Ok((running, mut upload)) => start = wires.serve(&running, arena, &mut upload),
            Err(error) => refuse(&error, wires.panel, &mut wires.serial),
        }
    }
}

/// What a device is lent.
struct Wires<'w, S> {
    panel: &'w mut S,
    serial: Serial,
    stopwatch: Stopwatch,
    receiver: Receiver,
    /// What to tell of, of all models that run.
    log_level: LogLevel,
}

impl<S: Screen> Wires<'_, S> {
    /// Serves events until another model is to run.
    ///
    /// The model is copied into RAM where it fits beside its scratch memory: flash memory behind a
    /// cache keeps the core waiting for as long as it computes. While an upload goes on it runs
    /// from flash, since the new model is tested in the whole arena.
    fn serve<B: Bank>(
        &mut self,
        running: &Running<'_>,
        arena: &mut [i8],
        upload: &mut Upload<'_, B>,
    ) -> Start {
        let engine = running.engine;
        let image = engine.image();
        if self.log_level >= LogLevel::Info {
            defmt::info!(
                "boot: {=str}, model {=str}, image {=usize} bytes {=u32:08x}, arena {=usize} of {=usize} bytes, version {=str}",
                BOARD,
                image.name(),
                image.len(),
                image.crc(),
                image.arena_len(),
                arena.len(),
                VERSION
            );
        }
        match &running.self_test {
            Ok(goldens) if self.log_level >= LogLevel::Info => {
                defmt::info!("self-test: {=usize} golden pictures equal", *goldens);
            }
            Err(error) if self.log_level >= LogLevel::Error => match error {
                SelfTestError::Mismatch(differs) => defmt::error!(
                    "self-test: golden vector {=usize}: {=str} has checksum {=u32:08x}, expected {=u32:08x}",
                    differs.golden,
                    differs.name,
                    differs.found,
                    differs.expected
                ),
                SelfTestError::Engine(_) => defmt::error!("self-test: the engine refuses"),
            },
            Ok(_) | Err(_) => {}
        }
        let identity = Identity {
            board: BOARD,
            firmware: VERSION,
            arena: arena.len(),
        };
        let mut device = Device::new(running, identity);
        device.set_log_level(self.log_level);
        self.stopwatch.log_level = self.log_level;
        let _ = device.redraw(arena, self.panel, &mut self.stopwatch);
        let _ = writeln!(self.serial, "ready {} {}", Plain(BOARD), Hex(image.crc()));
        loop {
            let resident = match upload.has_begun() {
                true => None,
                false => Engine::resident(&engine, arena),
            };
            let left = match resident {
                Some((scratch, copy)) => {
                    let mut moved = device.with_engine(copy);
                    let left = self.pump(&mut moved, scratch, upload);
                    device = moved.with_engine(engine);
                    left
                }
                None => self.pump(&mut device, arena, upload),
            };
            if let Some(start) = left {
                self.stopwatch.log_level = LogLevel::Off;
                return start;
            }
        }
    }

    /// Serves events until another model is to run, or until an upload begins or ends.
    fn pump<B: Bank>(
        &mut self,
        device: &mut Device<'_>,
        arena: &mut [i8],
        upload: &mut Upload<'_, B>,
    ) -> Option<Start> {
        let Self {
            panel,
            serial,
            stopwatch,
            receiver,
            log_level,
        } = self;
        let uploading = upload.has_begun();
        loop {
            let mut handle = |event: Event<'_>, serial: &mut Serial| {
                let ports = Ports {
                    arena,
                    screen: *panel,
                    probe: stopwatch,
                    serial,
                    slot: upload,
                };
                let next = device.handle(event, ports).unwrap_or_else(|_| {
                    if device.log_level() >= LogLevel::Error {
                        defmt::error!("an answer was not read, or the display does not work");
                    }
                    Next::Continue
                });
                *log_level = device.log_level();
                stopwatch.log_level = *log_level;
                match next {
                    Next::Restart(start) => ControlFlow::Break(Some(start)),
                    Next::Continue if upload.has_begun() != uploading => ControlFlow::Break(None),
                    Next::Continue => ControlFlow::Continue(()),
                }
            };
            // Bytes, a button and a tick in turn: none waits for a line that is never silent, nor
            // does the watchdog.
            for _ in 0..BYTES_A_TURN {
                feed_watchdog();
                let Some(byte) = serial.next() else { break };
                if let Some(event) = receiver.push(byte)
                    && let ControlFlow::Break(start) = handle(event, serial)
                {
                    return start;
                }
            }
            if let Some(button) = input::next_button() {
                let _ = handle(Event::Button(button), serial);
            }
            if input::ticked() {
                let _ = handle(Event::Tick, serial);
            }
            sleep(serial);
        }
    }
}

/// Shows why there is nothing to run, and answers every line with it.
fn refuse<S: Screen>(why: &BootError, panel: &mut S, serial: &mut Serial) -> ! {
    let mut text = heapless::String::<200>::new();
    let _ = write!(text, "{why}");
    draw_message("no model to run", &text, panel.frame_mut());
    let _ = panel.flush();
    defmt::error!("no model to run: {=str}", text.as_str());
    let _ = writeln!(serial, "error {}", Plain(&text));
    let mut receiver = Receiver::new();
    loop {
        feed_watchdog();
        if let Some(byte) = serial.next() {
            let _ = match receiver.push(byte) {
                Some(Event::Frame(frame)) => app::refuse(frame, Refusal::NoModel, serial),
                Some(_) => writeln!(serial, "error {}", Plain(&text)),
                None => Ok(()),
            };
        }
        sleep(serial);
    }
}

/// Waits for an interrupt, unless something waits already. With interrupts off, none can come
/// between the look and the wait, and a pending one still wakes the core. The clock of the buttons
/// ends every wait.
fn sleep(serial: &Serial) {
    cortex_m::interrupt::free(|_| {
        if serial.is_empty() && input::is_quiet() {
            cortex_m::asm::wfi();
        }
    });
}
