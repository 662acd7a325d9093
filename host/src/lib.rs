//! Everything the `thumbgen` command does, as a library.
//!
//! The way of the data, one direction only:
//! dataset -> [`train`] -> generator.onnx -> [`onnx`] -> [`network`] -> fold -> calibrate -> quantize -> pack -> model image.
#![deny(unsafe_code)]

pub mod console;
pub mod dataset;
pub mod emulator;
pub mod failure;
pub mod files;
pub mod firmware_build;
pub mod network;
pub mod picture;
pub mod programs;
pub mod repository;
pub mod setup;
pub mod train;
