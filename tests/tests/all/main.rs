//! What crosses the crates, in one program: it links once, and its tests run side by side.
//!
//! A subject is a module: `cargo test -p tests emulator::` runs those of the emulator.

mod budgets;
mod command_line;
mod emulator;
mod evaluate;
mod flash;
mod malformed;
mod metrics;
mod models;
mod pico;
mod protocol;
mod pytorch;
mod runtimes;
mod web;
