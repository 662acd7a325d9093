//! `thumbgen emulate`.

mod args;
mod pico;

pub use args::Args;
pub use pico::build as build_pico;

use crate::emulator::profile::Profile;
use crate::emulator::session;
use crate::emulator::{
    EmulatorError, QEMU_PROGRAM, Qemu, QemuOptions, run_in_window, serve, typed_lines,
    window_is_possible,
};
use crate::firmware_build::board::Board;
use crate::firmware_build::uf2::Family;
use crate::firmware_build::{self, Display};
use crate::models::folder::ModelFiles;
use crate::models::preview::panel_picture;
use crate::picture::terminal::{Palette, render};
use crate::system::console::{Console, print};
use crate::system::failure::{Class, Failure, OrFail};
use crate::system::programs;
use crate::system::repository;
use shared::latent::Point;
use std::net::TcpListener;
use std::sync::atomic::Ordering;

pub fn run(args: Args, console: Console) -> Result<(), Failure> {
    let files = ModelFiles::find(&args.model).or_fail(Class::Input)?;
    let model = files.model().or_fail(Class::Input)?;
    let image = model.image().or_fail(Class::Input)?;
    let board = match &args.board {
        Some(name) => Board::find(name).or_fail(Class::Input)?,
        None => Board::holding(&image).or_fail(Class::TooLarge)?,
    };
    if board.build.uf2 == Some(Family::RP2040) {
        return pico::run(&args, &board, console);
    }
    if board.count.is_none() {
        let name = board.build.name;
        let what = format!("there is no emulator of {name} here; choose --board pico, or flash it");
        return Err(Failure::new(Class::Input, what));
    }
    // Before a build of half a minute.
    if programs::find(QEMU_PROGRAM).is_none() {
        let program = QEMU_PROGRAM.to_owned();
        return Err(EmulatorError::Missing { program }).or_fail(Class::Environment);
    }
    let root = repository::root().or_fail(Class::Environment)?;
    console.step(format_args!(
        "building the firmware of {} with {}",
        board.build.name,
        files.image().display()
    ));
    let build = firmware_build::build(
        &root,
        board.build,
        board.operators(),
        files.image(),
        &mut |line| console.note(line),
    )
    .map_err(|error| crate::commands::firmware_failure(&error))?;
    // The board's clocks, and the counts of `stats`, mean something only when instructions are
    // counted.
    let options = QemuOptions::for_board(&board, &build.elf);

    let headless = args.no_window
        || board.build.display == Display::Memory
        || args.screenshot.is_some()
        || !args.press.is_empty()
        || !args.line.is_empty()
        || args.profile
        || args.serve.is_some();
    if !headless && window_is_possible(&options) {
        console.step("in QEMU's window: arrows and left ctrl are the buttons; close it or press Ctrl-C to end");
        let stop = crate::train::stop_on_ctrl_c().or_fail(Class::Other)?;
        let code = run_in_window(&options, Some(typed_lines()), &stop, &mut std::io::stderr())
            .or_fail(Class::Environment)?;
        return match code {
            0 => Ok(()),
            code => Err(Failure::new(
                Class::Mismatch,
                format!("the firmware ended with status {code}"),
            )),
        };
    }

    let mut qemu = Qemu::start(&options).or_fail(Class::Environment)?;
    if let Some(address) = &args.serve {
        return serve_uart(&mut qemu, address, console);
    }
    let shown = (|| {
        session::boot(&mut qemu)?;
        session::pass_self_test(&mut qemu)?;
        for &button in &args.press {
            session::press(&mut qemu, button)?;
        }
        for line in &args.line {
            print(session::ask(&mut qemu, line)?);
        }
        if args.profile {
            let label = (image.classes() > 0).then_some(0);
            let ticks = session::profile(&mut qemu, Point { seed: 1, label })?;
            print(Profile::new(
                &image,
                &ticks,
                board.instructions_per_tick().unwrap_or(1),
            ));
        }
        session::settled_screen(&mut qemu)
    })();
    // What the firmware said is wanted most where something went wrong.
    for record in qemu.drain_logs() {
        console.note(record);
    }
    let panel = shown.or_fail(Class::Environment)?;
    if !console.is_quiet() {
        print(render(&panel.to_gray(), Palette::of_stdout()));
    }
    if let Some(file) = &args.screenshot {
        panel_picture(panel.levels(), 4)
            .write_png(file)
            .or_fail(Class::Input)?;
        print(file.display());
    }
    Ok(())
}

/// Boots and offers the UART until Ctrl-C.
fn serve_uart(qemu: &mut Qemu, address: &str, console: Console) -> Result<(), Failure> {
    let wrong = |reason: &dyn std::fmt::Display| {
        let what = format!("--serve {address}: {reason}; expected tcp:HOST:PORT");
        Failure::new(Class::Input, what)
    };
    let place = address.strip_prefix("tcp:");
    let place = place.ok_or_else(|| wrong(&"not an address"))?;
    let listener = TcpListener::bind(place).map_err(|error| wrong(&error))?;
    let place = listener.local_addr().map_err(|error| wrong(&error))?;
    session::boot(qemu).or_fail(Class::Environment)?;
    session::pass_self_test(qemu).or_fail(Class::Environment)?;
    let stop = crate::train::stop_on_ctrl_c().or_fail(Class::Other)?;
    console.step("the board's UART is served; Ctrl-C ends it");
    print(format_args!("tcp:{place}"));
    let served = serve(qemu, &listener, &stop);
    // Ctrl-C in a terminal reaches QEMU too.
    if stop.load(Ordering::Relaxed) {
        return Ok(());
    }
    served.or_fail(Class::Environment)
}
