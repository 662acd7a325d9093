//! ONNX, the joint between training and everything after it: what the trainer writes and what PyTorch writes come in
//! through the same reader.
//!
//! [`mod@write`] makes generator.onnx from a float [`Network`](crate::graph::Network); [`read`] makes a network from a
//! file of either origin; [`qdq`] makes generator.int8.onnx from a quantized network, [`fidelity`] generator.uint8.onnx
//! from a float one. [`proto`] is the file format, [`tensor`] its constants, [`limits`] the guard before decoding.
//!
//! Files have channels, rows, columns; every graph outside of this folder has rows, columns,
//! channels. [`layout`] turns graphs, once behind the importer and once before each writer.

pub mod axes;
pub mod build;
mod chains;
pub mod constants;
mod conversion;
mod demands;
pub mod error;
pub mod fidelity;
pub mod importer;
mod inputs;
pub mod layout;
pub mod limits;
mod options;
mod order;
mod permute;
pub mod proto;
pub mod qdq;
pub mod read;
pub mod shape;
pub mod tensor;
pub mod tensors;
#[cfg(test)]
pub mod tests;
pub mod turn;
pub mod windows;
pub mod write;

pub use error::{NodeFault, OnnxError};
pub use options::ReadOptions;
pub use read::Import;

/// No generator that fits a model image has a larger file: 16 Mi float weights and some room.
pub const MAX_FILE_LEN: u64 = 72 << 20;

/// What a network is for, which decides how its file looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// `latent` and perhaps `label` in, `picture` (N, channels, height, width) out.
    #[default]
    Generator,
    /// One input of any shape, one output of any shape: a classifier's pictures and logits.
    Classifier,
}

/// Names of inputs and outputs of the files that this program writes.
pub mod names {
    /// The latent vector, shape (batch, latent).
    pub const LATENT: &str = "latent";
    /// The one-hot label, shape (batch, classes); only where there are classes.
    pub const LABEL: &str = "label";
    /// Everything that a sample is drawn from, shape (batch, latent + classes), in the file for other people's metrics.
    pub const NOISE: &str = "z";
    /// The picture, shape (batch, channels, height, width).
    pub const PICTURE: &str = "picture";
    /// What a classifier gives, shape (batch, classes).
    pub const LOGITS: &str = "logits";
    /// The name of the free dimension.
    pub const BATCH: &str = "N";
    /// The key of an ONNX file's metadata under which a generator that was trained for integers
    /// states its scheme, outputs in the file's order.
    pub const SCHEME_KEY: &str = "quantization";
}
