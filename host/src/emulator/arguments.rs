//! QEMU's command line.

use super::error::EmulatorError;
use crate::firmware_build::board::Board;
use crate::firmware_build::{Display, LM3S6965EVB};
use firmware::app::Button;
use std::path::PathBuf;

/// How an emulator is started.
#[derive(Debug, Clone)]
pub struct QemuOptions {
    /// The firmware's ELF file.
    pub elf: PathBuf,
    /// QEMU's name of the machine.
    pub machine: &'static str,
    /// Where the picture is.
    pub display: Display,
    /// Where given, the guest's clock counts instructions: each takes 2^shift nanoseconds. Without
    /// it, the guest's timers follow the host's clock: they mean nothing, and on a busy machine a
    /// button can be pressed and let go before the guest has run a single instruction.
    pub icount_shift: Option<u8>,
    /// Whether QEMU opens its own window.
    pub window: bool,
    /// The program to run; [`super::QEMU_PROGRAM`] unless a test says otherwise.
    pub program: PathBuf,
}

impl QemuOptions {
    /// The usual shift, 4: the board's timers run as if it did 62.5 million instructions a second,
    /// of the order of the board's 50 MHz, and QEMU keeps up with that.
    pub const DEFAULT_ICOUNT_SHIFT: u8 = 4;

    /// For a board's firmware: no window, instructions counted as the board's counter wants it.
    pub fn for_board(board: &Board, elf: impl Into<PathBuf>) -> Self {
        Self {
            machine: board.build.name,
            display: board.build.display,
            icount_shift: board.count.map(|count| count.icount_shift),
            ..Self::new(elf)
        }
    }

    /// For any program on lm3s6965evb: no window, instructions counted with
    /// [`QemuOptions::DEFAULT_ICOUNT_SHIFT`].
    pub fn new(elf: impl Into<PathBuf>) -> Self {
        Self {
            elf: elf.into(),
            machine: LM3S6965EVB.name,
            display: LM3S6965EVB.display,
            icount_shift: Some(Self::DEFAULT_ICOUNT_SHIFT),
            window: false,
            program: super::QEMU_PROGRAM.into(),
        }
    }
}

/// QEMU's name (`QKeyCode`) of the key that works a button: the arrows are PE0 to PE3, the left
/// control key is PF1.
pub(super) fn key_code(button: Button) -> &'static str {
    match button {
        Button::Select => "ctrl",
        arrow => arrow.name(),
    }
}

/// The values of `-chardev`, one a connection.
pub(super) struct Chardevs<'a> {
    pub qmp: &'a str,
    pub uart: &'a str,
    pub log: &'a str,
}

/// All arguments of QEMU; `display` is the value of `-display`.
pub(super) fn arguments(
    options: &QemuOptions,
    display: &str,
    chardevs: &Chardevs<'_>,
) -> Vec<std::ffi::OsString> {
    let mut list: Vec<std::ffi::OsString> = [
        "-machine",
        options.machine,
        // Neither a configuration file of the user nor default devices change what is emulated.
        "-no-user-config",
        "-nodefaults",
        "-display",
        display,
        // Stopped until this side listens everywhere.
        "-S",
        "-chardev",
        chardevs.qmp,
        "-mon",
        "chardev=qmp,mode=control",
        "-chardev",
        chardevs.uart,
        "-serial",
        "chardev:uart",
        "-chardev",
        chardevs.log,
        "-semihosting-config",
        "enable=on,target=native,chardev=log",
    ]
    .map(Into::into)
    .into();
    if let Some(shift) = options.icount_shift {
        list.extend(["-icount".into(), format!("shift={shift}").into()]);
    }
    list.extend(["-kernel".into(), options.elf.clone().into()]);
    list
}

/// The value of `-display` for a window, chosen from QEMU's answer to `-display help`.
pub(super) fn window_display(help: &str) -> Result<&'static str, EmulatorError> {
    let offered: Vec<&str> = help.lines().map(str::trim).collect();
    ["cocoa", "gtk", "sdl"]
        .into_iter()
        .find(|name| offered.contains(name))
        .ok_or_else(|| EmulatorError::NoWindow {
            reason:
                "this QEMU was built without one (on Debian and Ubuntu install qemu-system-gui)"
                    .into(),
        })
}

/// Whether programs can open windows here, as far as the environment tells.
pub(super) fn check_desktop(variable: impl Fn(&str) -> bool) -> Result<(), EmulatorError> {
    let has_desktop = cfg!(any(target_os = "macos", windows))
        || variable("DISPLAY")
        || variable("WAYLAND_DISPLAY");
    has_desktop
        .then_some(())
        .ok_or_else(|| EmulatorError::NoWindow {
            reason: "there is no desktop here (neither DISPLAY nor WAYLAND_DISPLAY is set)".into(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_button_has_a_key_of_its_own() {
        let keys: std::collections::BTreeSet<_> = Button::ALL.map(key_code).into();
        assert_eq!(keys.len(), Button::ALL.len());
    }

    #[test]
    fn the_command_line_counts_instructions_only_when_asked() {
        let chardevs = Chardevs {
            qmp: "q",
            uart: "u",
            log: "l",
        };
        let mut options = QemuOptions::new("/a b");
        options.icount_shift = None;
        let plain = arguments(&options, "none", &chardevs);
        assert_eq!(plain.last().unwrap(), "/a b");
        assert!(!plain.iter().any(|argument| argument == "-icount"));
        options.icount_shift = Some(4);
        let counted = arguments(&options, "none", &chardevs);
        let position = counted.iter().position(|a| a == "-icount").unwrap();
        assert_eq!(counted[position + 1], "shift=4");
    }

    #[test]
    fn a_window_is_chosen_from_what_qemu_offers() {
        let debian = "Available display backend types:\nnone\ngtk\nsdl\negl-headless\ncurses\n";
        assert_eq!(window_display(debian).unwrap(), "gtk");
        assert_eq!(window_display("none\ncocoa\n").unwrap(), "cocoa");
        assert_eq!(window_display("none\r\nsdl\r\n").unwrap(), "sdl");
        let error = window_display("none\ndbus\n").unwrap_err();
        assert!(error.to_string().contains("qemu-system-gui"), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_desktop_is_known_by_the_environment() {
        assert!(check_desktop(|name| name == "WAYLAND_DISPLAY").is_ok());
        assert!(check_desktop(|name| name == "DISPLAY").is_ok());
        assert!(matches!(
            check_desktop(|_| false),
            Err(EmulatorError::NoWindow { .. })
        ));
    }
}
