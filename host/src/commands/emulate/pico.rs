//! `thumbgen emulate --board pico`.

use super::args::{Args, Switch};
use crate::emulator::pico::{Event, NODE_PROGRAM, Pace, Pico, PicoOptions, by_function};
use crate::emulator::session;
use crate::emulator::{Button, EmulatorError, Machine, typed_lines};
use crate::firmware_build::board::Board;
use crate::firmware_build::{Container, ELF_LIMIT};
use crate::picture::ColorImage;
use crate::picture::terminal::{Palette, render};
use crate::system::console::{Console, print};
use crate::system::failure::{Class, Failure, OrFail};
use crate::system::files;
use crate::system::programs;
use std::io::{IsTerminal, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The core's clock, in cycles a second.
const CLOCK: f64 = 125e6;
/// Functions that a profile names.
const FUNCTIONS: usize = 12;
/// Between two pictures in the terminal.
const REDRAW: Duration = Duration::from_millis(250);
/// Columns of a picture in the terminal.
const COLUMNS: usize = 60;

pub fn run(args: &Args, board: &Board, console: Console) -> Result<(), Failure> {
    // Before a build of a minute.
    if programs::find(NODE_PROGRAM).is_none() {
        let program = NODE_PROGRAM.to_owned();
        return Err(EmulatorError::Missing { program }).or_fail(Class::Environment);
    }
    let port = args.serve.as_deref().map(local_port).transpose()?;
    let (uf2, elf) = build(board, &args.model, console)?;
    let alone = args.no_window
        || args.screenshot.is_some()
        || !args.press.is_empty()
        || !args.line.is_empty()
        || args.profile;
    let looks_on = !alone && port.is_none() && std::io::stdout().is_terminal();
    let options = PicoOptions {
        elf: Some(elf.clone()),
        xip: args.xip == Switch::On,
        pace: if looks_on { Pace::Steady } else { Pace::Eager },
        port: port.unwrap_or(0),
        ..PicoOptions::new(uf2)
    };
    let mut pico = Pico::start(&options).or_fail(Class::Environment)?;
    if port.is_some() || looks_on {
        return stay(&mut pico, looks_on, console);
    }
    let shown = once(&mut pico, args, &elf);
    // What the firmware said is wanted most where something went wrong.
    for record in pico.drain_logs() {
        console.note(record);
    }
    for event in pico.drain_events() {
        tell(&event, console);
    }
    let picture = shown?;
    if !console.is_quiet() {
        print(small(&picture));
    }
    if let Some(file) = &args.screenshot {
        // The small display's pixels are as large as the other's, on the screen.
        let scale = if picture.width() < 200 { 4 } else { 2 };
        picture.write_png(file, scale).or_fail(Class::Input)?;
        print(file.display());
    }
    Ok(())
}

/// Builds the firmware; the UF2 file and the ELF file beside it.
pub fn build(board: &Board, model: &str, console: Console) -> Result<(PathBuf, PathBuf), Failure> {
    let (elf, bytes) = crate::commands::firmware::build(board, None, model, console)?;
    let file = Container::Uf2.pack(board, &bytes).or_fail(Class::Other)?;
    let uf2 = elf.with_extension("uf2");
    files::write_atomically(&uf2, &file).or_fail(Class::Environment)?;
    Ok((uf2, elf))
}

/// Boots, presses, sends; what the display shows then.
fn once(pico: &mut Pico, args: &Args, elf: &std::path::Path) -> Result<ColorImage, Failure> {
    let class = Class::Environment;
    session::boot(pico).or_fail(class)?;
    session::pass_self_test(pico).or_fail(class)?;
    for &button in &args.press {
        session::press(pico, button).or_fail(class)?;
    }
    for line in &args.line {
        print(session::ask(pico, line).or_fail(class)?);
    }
    if args.profile {
        profile(pico, elf)?;
    }
    Ok(session::settled_picture(pico).or_fail(class)?.1)
}

/// Prints what drawing a screen with one picture costs.
fn profile(pico: &mut Pico, elf: &std::path::Path) -> Result<(), Failure> {
    let class = Class::Environment;
    let view = session::ask(pico, "digit 2").or_fail(class)?;
    let before = pico.counts().or_fail(class)?;
    pico.start_profile().or_fail(class)?;
    session::ask(pico, "digit 1").or_fail(class)?;
    let profile = pico.stop_profile().or_fail(class)?;
    let after = pico.counts().or_fail(class)?;
    let cycles: f64 = profile.iter().map(|&(_, cycles)| cycles).sum();
    print(format_args!(
        "{view}\n{cycles:.0} cycles, {:.1} ms at 125 MHz, with computing, drawing and sending to the display; \
         {:.0} words came from flash, {:.0} from its cache",
        1e3 * cycles / CLOCK,
        after.misses - before.misses,
        after.hits - before.hits,
    ));
    let elf = files::read_at_most(elf, ELF_LIMIT).or_fail(Class::Other)?;
    for cost in by_function(&elf, &profile).into_iter().take(FUNCTIONS) {
        let share = 100.0 * cost.cycles / cycles.max(1.0);
        print(format_args!(
            "{:>12.0} {share:5.1} %  {}",
            cost.cycles, cost.name
        ));
    }
    Ok(())
}

/// Runs until Ctrl-C: for who looks on in a terminal, or for other programs at its serial port.
fn stay(pico: &mut Pico, looks_on: bool, console: Console) -> Result<(), Failure> {
    let stop = crate::train::stop_on_ctrl_c().or_fail(Class::Other)?;
    if !looks_on {
        // Who comes finds somebody who answers.
        session::boot(pico).or_fail(Class::Environment)?;
    }
    console.step(
        "the board runs; lines go to its serial port, and up, down, left, right, select press its buttons; Ctrl-C ends it",
    );
    print(format_args!("tcp:127.0.0.1:{}", pico.port()));
    let ended = look_on(pico, looks_on, &stop, console);
    // Ctrl-C in a terminal reaches Node too.
    if stop.load(Ordering::Relaxed) {
        return Ok(());
    }
    ended.or_fail(Class::Environment)
}

fn look_on(
    pico: &mut Pico,
    draws: bool,
    stop: &AtomicBool,
    console: Console,
) -> Result<(), EmulatorError> {
    let typed = typed_lines();
    let (mut shown, mut next) = (None, Instant::now());
    while !stop.load(Ordering::Relaxed) {
        pico.check_running()?;
        for line in typed.try_iter() {
            match line.parse::<Button>() {
                Ok(button) => pico.press(button)?,
                Err(_) => pico.send_line(&line)?,
            }
        }
        for line in pico.drain_lines() {
            console.note(format_args!("serial: {line}"));
        }
        for record in pico.drain_logs() {
            console.note(record);
        }
        for event in pico.drain_events() {
            tell(&event, console);
        }
        if draws && Instant::now() >= next {
            next = Instant::now() + REDRAW;
            let picture = pico.picture()?;
            if shown.as_ref() != Some(&picture) {
                // From the top of a cleared screen.
                let _ = write!(std::io::stdout(), "\x1b[H\x1b[2J{}", small(&picture));
                shown = Some(picture);
            }
        }
        std::thread::sleep(Duration::from_millis(30));
    }
    Ok(())
}

/// Says what the board did by itself, where it is worth a word.
fn tell(event: &Event, console: Console) {
    match event {
        Event::Reset { cause } => console.note(format_args!("the board was reset ({cause})")),
        Event::Complaint { text } => console.note(text),
        Event::Ready { .. } | Event::Open | Event::Failed { .. } => {}
    }
}

/// A picture as text, no wider than a terminal.
fn small(picture: &ColorImage) -> String {
    let step = picture.width().div_ceil(COLUMNS).max(1);
    let step = if picture.width() <= 128 { 1 } else { step };
    render(&picture.to_gray().every(step), Palette::of_stdout())
}

/// The port of an address on this machine. Others must not reach a board that answers everybody.
fn local_port(address: &str) -> Result<u16, Failure> {
    let place = address.strip_prefix("tcp:").unwrap_or_default();
    let place = place.replace("localhost", "127.0.0.1");
    match place.parse::<SocketAddr>() {
        Ok(place) if place.ip() == Ipv4Addr::LOCALHOST => Ok(place.port()),
        _ => Err(Failure::new(
            Class::Input,
            format!(
                "--serve {address}: expected tcp:127.0.0.1:PORT; the emulated Pico listens on this machine alone"
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_served() {
        assert_eq!(local_port("tcp:127.0.0.1:7000").unwrap(), 7000);
        assert_eq!(local_port("tcp:localhost:0").unwrap(), 0);
        for wrong in [
            "",
            "127.0.0.1:1",
            "tcp:0.0.0.0:1",
            "tcp:127.0.0.1",
            "tcp:127.0.0.1:70000",
        ] {
            let failure = local_port(wrong).unwrap_err();
            assert_eq!(failure.class(), Class::Input, "{wrong}");
        }
    }
}
