//! The Raspberry Pi Pico, emulated in JavaScript under Node: the UF2 file that a user flashes in,
//! pictures of its display and bytes of its serial port out.
//!
//! ```text
//!              standard input and output (lines of JSON) <-> buttons, pictures, cycles, power; the log
//! Pico::start  TCP, 127.0.0.1                            <-> the board's USB serial port
//! ```
//! The program is `host/pico/src/main.js` with its bundle `host/pico/dist/board.js`, which the page
//! that `thumbgen web` serves runs as well. It needs Node and nothing else. Emulated time never
//! runs ahead of the clock on the wall, except for a board that is [`Pace::Stepped`], which runs
//! only when it is told to: its figures are the same each time.
//!
//! Firmware in here can reach nothing of this machine but its serial port.

mod board;
mod functions;
mod link;
mod options;

pub use board::{Counts, Pico};
pub use functions::{FunctionCost, by_function};
pub use link::Event;
pub use options::{Pace, PicoOptions};

/// Node's program.
pub const NODE_PROGRAM: &str = "node";
