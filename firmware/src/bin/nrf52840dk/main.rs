//! The board nRF52840-DK: Cortex-M4F at 64 MHz, 1 MB of flash, 256 KB of RAM, with a display and
//! the four buttons of the board. Compiled, not run on hardware.
#![no_std]
#![no_main]

#[path = "../../board_support/embassy/mod.rs"]
mod board_support;
mod chip;
mod flash;
#[path = "../../board_support/log.rs"]
mod log;
#[path = "../../board_support/stack.rs"]
mod stack;
mod watchdog;

board_support::program!(96 * 1024);
