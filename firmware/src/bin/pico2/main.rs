//! The board Raspberry Pi Pico 2: RP2350, Cortex-M33 at 150 MHz, 4 MB of flash, 520 KB of RAM,
//! wired as a Pico. Compiled, not run on hardware.
#![no_std]
#![no_main]

#[path = "../../board_support/embassy/mod.rs"]
mod board_support;
#[path = "../../board_support/rp/mod.rs"]
mod chip;
#[path = "../../board_support/log.rs"]
mod log;
#[path = "../../board_support/stack.rs"]
mod stack;

board_support::program!(256 * 1024);
