//! The app in thread mode: from the first picture to the loop that never ends.

use super::input;
use super::serial::Serial;
use super::stopwatch::Stopwatch;
use crate::chip::{BOARD, feed_watchdog};
use core::fmt::Write;
use defmt::Display2Format;
use embedded_graphics::prelude::*;
use firmware::app::{
    self, Device, Event, Identity, Next, Ports, Receiver, View, draw, draw_message,
};
use firmware::draw::FromGrey;
use firmware::engine::Engine;
use firmware::panel::Screen;
use firmware::slot::{Bank, BootError, Limits, Running, Start, Upload, boot};
use shared::image::Image;
use shared::protocol::{LogLevel, Refusal};

const IDENTITY: Identity = Identity {
    board: BOARD,
    firmware: env!("CARGO_PKG_VERSION"),
};

/// At 20 cycles a multiplication, of weights that come from flash memory, a layer with all of this work takes RP2040
/// 1.9 s: less than its watchdog allows.
const MILLION_STEPS: u32 = 12;

/// Draws the first picture of the built-in model, so that there is something to see before the models are tested. Draws
/// nothing where it cannot run: [`run`] says why.
pub fn splash<D: DrawTarget<Color: FromGrey>>(built_in: &[u8], arena: &mut [i8], target: &mut D) {
    if let Ok(image) = Image::new_checked(built_in) {
        let view = View::first(image.classes());
        let _ = draw(
            view,
            &Engine::new(image),
            arena,
            target,
            &mut Stopwatch::new(),
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
    let mut serial = Serial::new();
    let mut stopwatch = Stopwatch::new();
    let mut receiver = Receiver::new();
    if panel.flush().is_err() {
        defmt::error!("the display does not answer");
    }
    let limits = Limits {
        arena: arena.len(),
        million_steps: MILLION_STEPS,
    };
    loop {
        match boot(banks, built_in, limits, start, arena, &mut stopwatch) {
            Ok((running, mut upload)) => {
                let wires = Wires {
                    arena,
                    panel,
                    serial: &mut serial,
                    stopwatch: &mut stopwatch,
                    receiver: &mut receiver,
                };
                start = wires.serve(&running, &mut upload);
            }
            Err(error) => refuse(&error, panel, &mut serial),
        }
    }
}

/// What a device is lent.
struct Wires<'w, S> {
    arena: &'w mut [i8],
    panel: &'w mut S,
    serial: &'w mut Serial,
    stopwatch: &'w mut Stopwatch,
    receiver: &'w mut Receiver,
}

impl<S: Screen> Wires<'_, S> {
    /// Serves events until another model is to run.
    fn serve<B: Bank>(self, running: &Running<'_>, upload: &mut Upload<'_, B>) -> Start {
        let Self {
            arena,
            panel,
            serial,
            stopwatch,
            receiver,
        } = self;
        let image = running.engine.image();
        defmt::info!(
            "boot: {=str}, model {=str}, image {=usize} bytes {=u32:08x}, arena {=usize} of {=usize} bytes, version {=str}",
            BOARD,
            image.name(),
            image.len(),
            image.crc(),
            image.arena_len(),
            arena.len(),
            IDENTITY.firmware
        );
        match &running.self_test {
            Ok(goldens) => defmt::info!("self-test: {=usize} golden pictures equal", *goldens),
            Err(error) => defmt::error!("self-test: {}", Display2Format(error)),
        }
        let mut device = Device::new(running, IDENTITY);
        let _ = device.redraw(arena, panel, stopwatch);
        let _ = writeln!(serial, "ready {BOARD} {:08x}", image.crc());
        loop {
            let mut handle = |event: Event<'_>, serial: &mut Serial| {
                let ports = Ports {
                    arena,
                    screen: panel,
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
                match next {
                    Next::Continue => None,
                    Next::Restart(start) => Some(start),
                }
            };
            while let Some(byte) = serial.next() {
                if let Some(event) = receiver.push(byte)
                    && let Some(start) = handle(event, serial)
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
    let _ = draw_message("no model to run", &text, panel);
    let _ = panel.flush();
    defmt::error!("no model to run: {=str}", text.as_str());
    let _ = writeln!(serial, "error {text}");
    let mut receiver = Receiver::new();
    loop {
        while let Some(byte) = serial.next() {
            let _ = match receiver.push(byte) {
                Some(Event::Frame(frame)) => app::refuse(frame, Refusal::NoModel, serial),
                Some(_) => writeln!(serial, "error {text}"),
                None => Ok(()),
            };
        }
        sleep(serial);
    }
}

/// Waits for an interrupt, unless something waits already. With interrupts off, none can come between the look and the
/// wait, and a pending one still wakes the core. The clock of the buttons ends every wait.
fn sleep(serial: &Serial) {
    feed_watchdog();
    cortex_m::interrupt::free(|_| {
        if serial.is_empty() && input::is_quiet() {
            cortex_m::asm::wfi();
        }
    });
}
