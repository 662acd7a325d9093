//! Parameters: names, shapes, how they start, and where operations find theirs.

use burn_tensor::{Tensor, backend::Backend};

use crate::train::ops::tensor;
use crate::train::rng;

/// Values that a parameter starts with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Start {
    /// Uniform between minus and plus this: `1 / sqrt(inputs of one output)`, PyTorch's default for
    /// dense layers and convolutions.
    Uniform(f32),
    /// All the same.
    Constant(f32),
}

/// One parameter: its name in checkpoints, its shape, how it starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// Like `generator.dense0.weight`.
    pub name: String,
    /// Rows and columns; a vector has one row.
    pub shape: [usize; 2],
    /// Values at the start.
    pub start: Start,
}

/// Where a linear operation finds its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinearParameters {
    /// The weights, (inputs, outputs); those of a convolution as [`crate::train::ops::Geometry::weight`]
    /// says; of a table (rows, outputs).
    pub weight: usize,
    /// One an output, or an output channel of a convolution. None before batch normalisation, whose
    /// mean would remove it.
    pub bias: Option<usize>,
}

/// Where batch normalisation finds its parameters and its moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NormParameters {
    /// One a channel.
    pub scale: usize,
    /// One a channel.
    pub bias: usize,
    /// Place of mean and variance among those of the graph.
    pub moments: usize,
    /// Values that are normalised apart: the shape's channels, or fewer where a vector becomes a
    /// picture of so many channels behind it.
    pub channels: usize,
}

/// Starting values of parameters.
pub fn initial<B: Backend>(
    specs: &[Spec],
    rng: &mut impl rand::Rng,
    device: &B::Device,
) -> Vec<Tensor<B, 2>> {
    specs
        .iter()
        .map(|spec| {
            let count = spec.shape[0] * spec.shape[1];
            let values = match spec.start {
                Start::Uniform(bound) => rng::uniform(rng, count, bound),
                Start::Constant(value) => vec![value; count],
            };
            tensor(values, spec.shape, device)
        })
        .collect()
}
