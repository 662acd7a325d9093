//! A board's firmware in QEMU, under the control of this program; and in [`pico`], in an emulator
//! of that board.
//!
//! ```text
//!              QMP (JSON lines, a socket) <-> start, buttons, picture of the panel
//! Qemu::start  UART0 (a socket)           <-> lines of text; or its bytes, while a port to it is held
//!              semihosting (two pipes)     -> defmt frames -> LogRecord
//! ```
//! QEMU connects to sockets that this side has opened before it starts, and starts with the
//! processor stopped: nothing that the firmware says is lost, and nothing has to be tried again
//! until it is there. Each emulator has a folder of its own, so any number may run side by side.
//! Every wait has a limit.
//!
//! Semihosting lets firmware open files and start programs on this machine: emulate only firmware
//! that you trust.

mod arguments;
mod channel;
mod error;
mod inbox;
mod log;
mod machine;
mod panel;
pub mod pico;
mod process;
pub mod profile;
mod qemu;
mod qmp;
mod screen;
mod serve;
pub mod session;
#[cfg(test)]
mod tests;
mod uart;
mod window;

pub use arguments::QemuOptions;
pub use error::EmulatorError;
pub use firmware::app::Button;
pub use log::{Level, LogRecord};
pub use machine::Machine;
pub use panel::{Panel, PanelError};
pub use qemu::{Qemu, window_is_possible};
pub use serve::serve;
pub use uart::UartPort;
pub use window::{run_in_window, typed_lines};

/// QEMU's program for 32-bit Arm boards.
pub const QEMU_PROGRAM: &str = "qemu-system-arm";
