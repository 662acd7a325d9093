//! The board Raspberry Pi Pico: RP2040, Cortex-M0+ at 125 MHz, 2 MB of flash, 264 KB of RAM, with a
//! display and five buttons. Wiring only; what it does is in the library. BOARDS.md draws the
//! wires.
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

board_support::program!(190 * 1024);
