//! Everything the `thumbgen` command does, as a library.
//!
//! The way of the data, one direction only:
//! dataset -> [`train`] -> generator.onnx -> [`onnx`] -> [`network`] -> fold -> calibrate -> quantize -> pack -> model image.
#![deny(unsafe_code)]

pub mod export;
pub mod files;
pub mod forward;
pub mod network;
pub mod onnx;
pub mod pack;
pub mod quantize;
pub mod runtime;
pub mod synthetic;
