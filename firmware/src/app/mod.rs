//! The app, without hardware in it.
//!
//! event -> [`App`] (state machine) -> [`View`] (everything that decides the screen) -> [`draw`] ->
//! pixels. [`Device`] joins these for a board: one event in, a drawn screen and an answered line
//! out. A [`Receiver`] makes events of the serial line's bytes: lines of text for people and
//! terminals ([`mod@line`]), frames for programs ([`shared::protocol`]).

#[cfg(test)]
mod bench;
mod buttons;
mod device;
mod frames;
pub mod line;
mod number;
mod receiver;
mod screen;
mod state;
mod view;

pub use buttons::{Button, Releases, UnknownButton};
pub use device::{Device, DeviceError, Identity, Next, Ports, Probe, Serial, Stats};
pub use frames::refuse;
pub use number::Number;
pub use receiver::Receiver;
pub use screen::{draw, draw_message};
pub use state::{App, Event, TICK_HZ};
pub use view::{Fault, GRID_COLUMNS, GRID_LEN, GRID_ROWS, SelfTest, View, ViewError};
