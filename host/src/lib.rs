//! Everything the `thumbgen` command does, as a library.
//!
//! The way of the data, one direction only:
//! [`dataset`] -> [`train`] -> generator.onnx -> [`onnx`] -> [`graph`] -> [`quantize`] (fold, calibrate, choose widths)
//! -> [`pack`] -> model image -> [`firmware_build`] -> [`emulator`].
//!
//! Beside the way: [`preview`] runs the firmware's own code on the host, [`runtime`] other people's ONNX runtimes,
//! [`session`] talks to firmware in an emulator, [`link`] to devices over serial lines, [`commands`] is the command line.
#![deny(unsafe_code)]

pub mod board;
pub mod commands;
pub mod console;
pub mod dataset;
pub mod emulator;
pub mod evaluate;
pub mod export;
pub mod failure;
pub mod files;
pub mod firmware_build;
pub mod flash;
pub mod forward;
pub mod graph;
pub mod link;
pub mod model_folder;
pub mod onnx;
pub mod ops;
pub mod pack;
pub mod picture;
pub mod preview;
pub mod profile;
pub mod programs;
pub mod quantize;
pub mod repository;
pub mod run_export;
pub mod runtime;
pub mod sample;
pub mod session;
pub mod setup;
pub mod shipped;
pub mod synthetic;
pub mod train;
pub mod verify;
pub mod web;
