//! ONNX files, the joint between training and everything after it: what the trainer writes and what
//! PyTorch writes come in through the same reader.
//!
//! [`mod@write`] makes generator.onnx from a float [`Network`](crate::graph::Network); [`read`]
//! makes a network from a file of either origin; [`qdq`] makes generator.int8.onnx from a quantized
//! network, [`fidelity`] generator.uint8.onnx from a float one. The format itself is in
//! [`crate::onnx`], each operator's part in [`crate::ops`].
//!
//! Files have channels, rows, columns; every graph outside of this folder has rows, columns,
//! channels. [`layout`] turns graphs, once behind the importer and once before each writer.

mod chains;
mod conversion;
mod demands;
pub mod fidelity;
mod inputs;
pub mod layout;
mod options;
mod order;
mod permute;
mod picture_order;
pub mod qdq;
pub mod read;
#[cfg(test)]
pub mod tests;
pub mod write;

pub use options::ReadOptions;
pub use read::Import;
