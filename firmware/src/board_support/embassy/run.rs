//! The app in thread mode: from the built-in model to the loop that never ends.

use super::input;
use super::serial::Serial;
use super::stopwatch::Stopwatch;
use crate::chip::{BOARD, feed_watchdog};
use core::fmt::Write;
use defmt::Display2Format;
use embedded_graphics::prelude::*;
use firmware::app::line::LineBuffer;
use firmware::app::{Device, Event, Ports, View, draw, draw_message};
use firmware::draw::FromGrey;
use firmware::engine::Engine;
use firmware::panel::Screen;
use shared::image::Image;

/// Draws the first picture of the built-in model, so that there is something to see before the model is tested. Draws
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

/// Runs the model in `built_in` for ever.
pub fn run<S: Screen>(built_in: &'static [u8], arena: &mut [i8], panel: &mut S) -> ! {
    let mut serial = Serial::new();
    // What the splash drew. The display's bus cannot fail.
    let _ = panel.flush();
    match Image::new_checked(built_in) {
        Ok(image) if image.arena_len() <= arena.len() => go_on(image, arena, panel, serial),
        Ok(image) => refuse(
            format_args!(
                "the model needs an arena of {} bytes, this board has {}; export a smaller one",
                image.arena_len(),
                arena.len()
            ),
            panel,
            &mut serial,
        ),
        Err(error) => refuse(format_args!("{error}"), panel, &mut serial),
    }
}

fn go_on<S: Screen>(
    image: Image<'static>,
    arena: &mut [i8],
    panel: &mut S,
    mut serial: Serial,
) -> ! {
    defmt::info!(
        "boot: {=str}, model {=str}, image {=usize} bytes {=u32:08x}, arena {=usize} of {=usize} bytes, version {=str}",
        BOARD,
        image.name(),
        image.len(),
        image.crc(),
        image.arena_len(),
        arena.len(),
        env!("CARGO_PKG_VERSION")
    );
    let (mut device, result) = Device::new(Engine::new(image), arena);
    match result {
        Ok(goldens) => defmt::info!("self-test: {=usize} golden pictures equal", goldens),
        Err(error) => defmt::error!("self-test: {}", Display2Format(&error)),
    }
    let mut stopwatch = Stopwatch::new();
    let mut lines = LineBuffer::new();
    let _ = device.redraw(arena, panel, &mut stopwatch);
    let _ = writeln!(serial, "ready {BOARD} {:08x}", image.crc());
    loop {
        let mut handle = |event: Event<'_>, serial: &mut Serial| {
            let ports = Ports {
                arena,
                screen: panel,
                probe: &mut stopwatch,
                serial,
            };
            if device.handle(event, ports).is_err() {
                defmt::error!("an answer was not read, or the display does not work");
            }
        };
        while let Some(byte) = serial.next() {
            if let Some(line) = lines.push(byte) {
                handle(Event::Line(line), &mut serial);
            }
        }
        if let Some(button) = input::next_button() {
            handle(Event::Button(button), &mut serial);
        }
        if input::ticked() {
            handle(Event::Tick, &mut serial);
        }
        sleep(&serial);
    }
}

/// Shows why there is nothing to run, and answers every line with it.
fn refuse<S: Screen>(why: core::fmt::Arguments<'_>, panel: &mut S, serial: &mut Serial) -> ! {
    let mut text = heapless::String::<200>::new();
    let _ = text.write_fmt(why);
    let _ = draw_message("no model to run", &text, panel);
    let _ = panel.flush();
    defmt::error!("no model to run: {=str}", text.as_str());
    let _ = writeln!(serial, "error {text}");
    let mut lines = LineBuffer::new();
    loop {
        while let Some(byte) = serial.next() {
            if lines.push(byte).is_some() {
                let _ = writeln!(serial, "error {text}");
            }
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
