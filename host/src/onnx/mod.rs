//! The ONNX file format, and what operators read and write it with.
//!
//! [`proto`] is the format, [`tensor`] its constants, [`limits`] the guard before decoding.
//! [`importer`] holds a graph that is being read, with [`constants`], shapes ([`mod@shape`],
//! [`axes`], [`windows`]) and transpositions ([`turn`]); [`tensors`] and [`build`] one that is
//! being written. Whole files are read and written by [`crate::exchange`].

pub mod axes;
pub mod build;
pub mod constants;
pub mod error;
pub mod importer;
pub mod limits;
pub mod proto;
pub mod shape;
pub mod tensor;
pub mod tensors;
pub mod turn;
pub mod windows;

pub use error::{NodeFault, OnnxError};

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
    /// Everything that a sample is drawn from, shape (batch, latent + classes), in the file for
    /// other people's metrics.
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
