//! Everything the `thumbgen` command does, as a library.
//!
//! The way of the data, one direction only: [`dataset`] -> [`train`] -> generator.onnx ->
//! [`exchange`] -> [`graph`] -> [`quantize`] (fold, calibrate, choose widths) -> [`pack`] -> model
//! image -> [`firmware_build`] -> [`emulator`].
//!
//! Beside the way: [`models`] runs the firmware's own code on the host, [`runtime`] other people's
//! ONNX runtimes, [`emulator::session`] talks to firmware in an emulator, [`link`] to devices over
//! serial lines, [`commands`] is the command line.
#![deny(unsafe_code)]

pub mod commands;
pub mod dataset;
pub mod emulator;
pub mod evaluate;
pub mod exchange;
pub mod export;
pub mod firmware_build;
pub mod flash;
pub mod graph;
pub mod inspect;
pub mod link;
pub mod models;
pub mod onnx;
pub mod ops;
pub mod pack;
pub mod picture;
pub mod quantize;
pub mod runtime;
pub mod setup;
pub mod synthetic;
pub mod system;
pub mod train;
pub mod verify;
pub mod web;
