//! What the boards have in common that embassy drives: the serial line over USB, the buttons, the time, the display.
//!
//! Drivers run in interrupts, by an executor of embassy's; the app runs in thread mode, where it may compute as long as
//! it likes. Bytes, presses and ticks wait between the two in the statics of [`serial`] and [`input`]. What differs from
//! chip to chip is the module `chip` of each board's program.

pub mod input;
pub mod run;
pub mod serial;
#[cfg(not(feature = "ssd1306"))]
pub mod st7789;
pub mod stopwatch;
