//! From a quantized network to the model image and its golden vectors.
//!
//! [`program`] turns nodes into operations, [`plan`] gives each tensor its place in the arena,
//! [`image`] lays out the weights and emits, [`golden`] records what every implementation must
//! compute. Elements and weights lie as in the graph.

pub mod golden;
pub mod image;
pub mod plan;
pub mod program;
#[cfg(test)]
pub mod tests;

use crate::graph::InputSpec;
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
        /// What there is too much of.
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
