//! Whole runs of a firmware: in QEMU's own window, or without one, with presses and a picture at the end.

use super::arguments::{Button, Options};
use super::error::EmulatorError;
use super::panel::Panel;
use super::qemu::Qemu;
use std::io::{BufRead, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// The panel must stay the same for so long to count as drawn.
const QUIET: Duration = Duration::from_millis(400);
/// How long a press may take to show; a press that changes nothing, or starts an animation, is no error.
const SETTLE_LIMIT: Duration = Duration::from_secs(5);

/// What is done to a firmware that runs without a window.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// Lines for the UART, sent first.
    pub lines: Vec<String>,
    /// Buttons, pressed after that, one after the other.
    pub presses: Vec<Button>,
}

/// Boots a firmware without a window, does what `script` says, and returns what the panel shows in the end.
///
/// After the boot, each line and each press it waits until the picture has changed and stands still, 5 seconds at most.
/// Log records, and lines from the UART after `uart: `, go to `output` meanwhile.
///
/// # Errors
/// As [`Qemu::start`]; [`EmulatorError::Timeout`] where the panel is still black after `boot_limit`;
/// [`EmulatorError::Exited`] where the firmware ends before the script does; [`EmulatorError::Io`] where `output` cannot
/// be written.
pub fn run_script(
    options: &Options,
    script: &Script,
    boot_limit: Duration,
    output: &mut dyn Write,
) -> Result<Panel, EmulatorError> {
    let mut qemu = Qemu::start(&Options {
        window: false,
        ..options.clone()
    })?;
    let result = play(&mut qemu, script, boot_limit, output);
    // What was said before a failure is most of its explanation.
    show(&mut qemu, output)?;
    result
}

fn play(
    qemu: &mut Qemu,
    script: &Script,
    boot_limit: Duration,
    output: &mut dyn Write,
) -> Result<Panel, EmulatorError> {
    let is_lit = |panel: &Panel| panel.levels().iter().any(|&level| level > 0);
    let mut panel = qemu
        .wait_for_screen(is_lit, boot_limit)
        .map_err(|e| match e {
            EmulatorError::Timeout { limit, .. } => EmulatorError::Timeout {
                what: "the firmware to draw".into(),
                limit,
                seen: "the panel is black; its log may say why".into(),
            },
            other => other,
        })?;
    panel = settle(qemu, panel)?;
    show(qemu, output)?;
    for line in &script.lines {
        qemu.send_line(line)?;
        panel = settle_after_change(qemu, panel)?;
        show(qemu, output)?;
    }
    for &button in &script.presses {
        qemu.press(button)?;
        panel = settle_after_change(qemu, panel)?;
        show(qemu, output)?;
    }
    Ok(panel)
}

/// The panel once it stands still, or what it shows after [`SETTLE_LIMIT`].
fn settle(qemu: &mut Qemu, otherwise: Panel) -> Result<Panel, EmulatorError> {
    match qemu.wait_until_screen_is_stable(QUIET, SETTLE_LIMIT) {
        Err(EmulatorError::Timeout { .. }) => qemu.screendump().or(Ok(otherwise)),
        result => result,
    }
}

fn settle_after_change(qemu: &mut Qemu, before: Panel) -> Result<Panel, EmulatorError> {
    match qemu.wait_for_screen(|panel| *panel != before, SETTLE_LIMIT) {
        Ok(panel) => settle(qemu, panel),
        Err(EmulatorError::Timeout { .. }) => Ok(before),
        Err(error) => Err(error),
    }
}

/// Runs a firmware in a window until it is closed, the firmware exits, or `stop` becomes true (set it on Ctrl-C);
/// returns the exit status, 0 for a closed window and for `stop`.
///
/// Log records go to `output` as they come, lines from the UART after `uart: `; lines from `typed` go to the UART.
///
/// # Errors
/// As [`Qemu::start`], and [`EmulatorError::Io`] where `output` cannot be written.
pub fn run_in_window(
    options: &Options,
    typed: Option<Receiver<String>>,
    stop: &AtomicBool,
    output: &mut dyn Write,
) -> Result<i32, EmulatorError> {
    let mut qemu = Qemu::start(&Options {
        window: true,
        ..options.clone()
    })?;
    loop {
        let code = qemu.exit_code();
        if !matches!(code, Ok(None)) {
            // What it said last is still on its way.
            qemu.wait_until_read();
        }
        show(&mut qemu, output)?;
        // Ctrl-C in a terminal reaches QEMU too, so both may have happened.
        if stop.load(Ordering::Relaxed) {
            return Ok(0);
        }
        if let Some(code) = code? {
            return Ok(code);
        }
        for line in typed.iter().flat_map(Receiver::try_iter) {
            match qemu.send_line(&line) {
                // The next turn sees it, and why.
                Ok(()) | Err(EmulatorError::Exited { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// Writes what has come since the last call.
fn show(qemu: &mut Qemu, output: &mut dyn Write) -> Result<(), EmulatorError> {
    let failed = || EmulatorError::io("write the log");
    for record in qemu.drain_logs() {
        writeln!(output, "{record}").map_err(failed())?;
    }
    for line in qemu.drain_lines() {
        writeln!(output, "uart: {line}").map_err(failed())?;
    }
    output.flush().map_err(failed())
}

/// The lines that the user types, for [`run_in_window`].
///
/// The thread behind it waits for the terminal until the process ends: start it once.
pub fn typed_lines() -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
