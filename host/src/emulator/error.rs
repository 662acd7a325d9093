//! What can go wrong with an emulator.

use super::panel::PanelError;
use std::path::PathBuf;
use std::time::Duration;

/// A firmware that could not be emulated, or that did not do in time what was waited for.
#[derive(Debug, thiserror::Error)]
pub enum EmulatorError {
    /// There is no such emulator.
    #[error("{program} is not installed; run `cargo run -p host -- setup`")]
    Missing {
        /// The program that was looked for.
        program: String,
    },
    /// The file is no firmware.
    #[error(
        "{path} is not a firmware ELF file: {reason}; build it with `cargo run -p host -- emulate`"
    )]
    Elf {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file could not be read.
    #[error(transparent)]
    File(#[from] crate::system::files::FileError),
    /// QEMU has no window here.
    #[error("QEMU cannot open a window: {reason}; take a picture with `--screenshot FILE` instead")]
    NoWindow {
        /// Why not.
        reason: String,
    },
    /// A file, pipe, socket or process could not be used.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The emulator ended while something was expected of it.
    #[error("{program} ended ({status}) while waiting for {what}; it said: {stderr}")]
    Exited {
        /// Which one.
        program: &'static str,
        /// Exit status, as text.
        status: String,
        /// What was waited for.
        what: String,
        /// The last lines of its standard error in one line.
        stderr: String,
    },
    /// Something did not happen in time.
    #[error("waited {limit:?} for {what}, in vain; {seen}")]
    Timeout {
        /// What was waited for.
        what: String,
        /// How long.
        limit: Duration,
        /// What was seen instead.
        seen: String,
    },
    /// QEMU refused a command.
    #[error(
        "QEMU refused the command {command}: {reason}; versions 7.2 and later are known to take it"
    )]
    Refused {
        /// The QMP command.
        command: String,
        /// QEMU's words.
        reason: String,
    },
    /// QEMU said something that is not QMP.
    #[error("QEMU's answer to {command} is not understood: {reason}")]
    Protocol {
        /// The QMP command.
        command: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The emulated Pico refused a command.
    #[error("the emulated Pico refused {command}: {reason}")]
    PicoRefused {
        /// The command.
        command: String,
        /// Its words.
        reason: String,
    },
    /// The emulated Pico said something that is not understood.
    #[error(
        "the emulated Pico's answer to {command} is not understood: {reason}; build its bundle again (host/pico/build.js)"
    )]
    PicoAnswer {
        /// The command.
        command: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The source folder is not there.
    #[error(transparent)]
    NoRepository(#[from] crate::system::repository::NoRepository),
    /// A board without a panel, and nothing to look at instead.
    #[error(
        "{path}: no static variable FRAME, where this board's picture is drawn; build it with `cargo build -p firmware`"
    )]
    NoFrame {
        /// Which file.
        path: PathBuf,
    },
    /// The picture of the panel is not one that the panel can show.
    #[error("QEMU's picture of the panel is not as expected: {0}")]
    Picture(#[from] PanelError),
    /// Instructions were asked for, and QEMU does not count them.
    #[error("QEMU was started without counting instructions; set QemuOptions::icount_shift")]
    NotCounting,
    /// Logs were asked for, and the firmware has none that can be decoded.
    #[error(
        "{path} has no defmt log that could be decoded; let the firmware use defmt and link it with -Tdefmt.x"
    )]
    NoDefmt {
        /// The firmware's ELF file.
        path: PathBuf,
    },
}

impl EmulatorError {
    /// An [`EmulatorError::Io`] for `map_err`.
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
