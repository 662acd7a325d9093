//! What a file alone does not say.

use crate::onnx::Role;

/// What a file alone does not say.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// Name of the network; the graph's where absent.
    pub name: Option<String>,
    /// Where the file has one input: how many of its last elements are the one-hot label.
    pub classes: Option<usize>,
    /// What it is for. A generator's output must be a picture; flat outputs that make a square
    /// become one.
    pub role: Role,
}
