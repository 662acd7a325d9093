//! From a quantized network to the model image and its golden vectors.
//!
//! [`program`] turns nodes into operations and chooses the [`order`] of each tensor's elements, [`plan`] gives each tensor
//! its place in the arena, [`image`] lays out the weights and emits, [`golden`] records what every implementation must
//! compute, [`inspect`] describes images and ONNX files, [`arena`] an image's use of memory.

pub mod arena;
pub mod golden;
pub mod image;
pub mod inspect;
pub mod inspect_float;
pub mod inspect_graph;
pub mod order;
pub mod plan;
pub mod program;
#[cfg(test)]
pub mod tests;

/// Names of the files in a model folder.
pub mod names {
    /// The float model, as it came.
    pub const FLOAT_ONNX: &str = "generator.onnx";
    /// The integer model for ONNX runtimes.
    pub const INT8_ONNX: &str = "generator.int8.onnx";
    /// The float model as torch-fidelity takes it: noise in, pictures of bytes out.
    pub const UINT8_ONNX: &str = "generator.uint8.onnx";
    /// The model image for the firmware.
    pub const IMAGE: &str = "model.tgm";
    /// Golden vectors for hosts and runtimes.
    pub const GOLDEN: &str = "golden.json";
    /// What quantization measured.
    pub const REPORT: &str = "report.json";
    /// The resolved config of the training; not there for an ONNX file from elsewhere.
    pub const CONFIG: &str = "config.toml";
    /// Figures of the training and of the export.
    pub const METRICS: &str = "metrics.json";
    /// Real pictures beside float and integer samples.
    pub const SAMPLES: &str = "samples.png";
    /// The card, for people.
    pub const CARD: &str = "README.md";
}

use crate::graph::{InputSpec, Shape};
use crate::ops::lower::LowerError;
use shared::image::WriteError;

/// Why a network does not become an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// More of something than the format can count.
    #[error(
        "{what} of {value} does not fit a model image, at most {limit}; make the network smaller"
    )]
    TooLarge {
        /// What.
        what: &'static str,
        /// How much.
        value: usize,
        /// The most.
        limit: usize,
    },
    /// A node that should have become an operation, and has not.
    #[error("layer {layer}: a {kind} node has no operation; report this as a bug")]
    Kind {
        /// Name of the node.
        layer: String,
        /// Its kind.
        kind: &'static str,
    },
    /// A reshape between pictures, or of the input into a picture of several channels.
    #[error(
        "layer {layer} needs its elements as a picture of {shape} lies, and they lie otherwise; the device does not move bytes for a reshape: put a dense layer in front of it"
    )]
    Order {
        /// Name of the layer.
        layer: String,
        /// Channels and pixels.
        shape: Shape,
    },
    /// The format refused it.
    #[error("the model image cannot be written: {0}")]
    Write(#[from] WriteError),
}

impl From<LowerError> for PackError {
    fn from(error: LowerError) -> Self {
        let LowerError { what, value, limit } = error;
        Self::TooLarge { what, value, limit }
    }
}

fn u16_of(what: &'static str, value: usize) -> Result<u16, PackError> {
    Ok(crate::ops::lower::u16_of(what, value)?)
}

fn classes_of(input: InputSpec) -> Result<u8, PackError> {
    let value = input.classes;
    u8::try_from(value).map_err(|_| PackError::TooLarge {
        what: "a number of classes",
        value,
        limit: 255,
    })
}
