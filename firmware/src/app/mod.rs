//! The app, without hardware in it.
//!
//! event -> [`App`] (state machine) -> [`View`] (everything that decides the screen) -> [`draw`] -> pixels. [`Device`]
//! joins these for a board: one event in, a drawn screen and an answered line out. The serial protocol is in
//! [`mod@line`].

mod buttons;
mod device;
pub mod line;
mod number;
mod screen;
mod state;
mod view;

pub use buttons::{Button, Releases, UnknownButton};
pub use device::{Device, DeviceError, Ports, Probe, Stats};
pub use number::Number;
pub use screen::{DrawError, draw, draw_message};
pub use state::{App, Event, TICK_HZ};
pub use view::{Fault, GRID_COLUMNS, GRID_LEN, GRID_ROWS, SelfTest, View, ViewError};
