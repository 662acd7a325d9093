//! A board in QEMU's own window, its log and UART in the terminal.

use super::arguments::QemuOptions;
use super::error::EmulatorError;
use super::machine::Machine;
use super::qemu::Qemu;
use std::io::{BufRead, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Runs a firmware in a window until it is closed, the firmware exits, or `stop` becomes true (set
/// it on Ctrl-C); returns the exit status, 0 for a closed window and for `stop`.
///
/// Log records go to `output` as they come, lines from the UART after `uart: `; lines from `typed`
/// go to the UART.
///
/// # Errors
/// As [`Qemu::start`], and [`EmulatorError::Io`] where `output` cannot be written.
pub fn run_in_window(
    options: &QemuOptions,
    typed: Option<Receiver<String>>,
    stop: &AtomicBool,
    output: &mut dyn Write,
) -> Result<i32, EmulatorError> {
    let mut qemu = Qemu::start(&QemuOptions {
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
