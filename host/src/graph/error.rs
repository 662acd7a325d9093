//! Why a graph is not a network.

use super::{MAX_ELEMENTS, MAX_NODES, MAX_SIDE, Shape};

/// Why a graph is not a network. Names the node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// There is nothing to compute.
    #[error("the network has no layer with weights; a generator needs at least one")]
    NoWeights,
    /// Too many nodes.
    #[error("the network has {0} nodes, over the limit of {MAX_NODES}")]
    TooManyNodes(usize),
    /// An input that comes later, or does not exist.
    #[error("layer {layer} reads what is not computed before it; report the file as damaged")]
    Order {
        /// Name of the node.
        layer: String,
    },
    /// A row of a table is chosen by what is no number of one.
    #[error(
        "layer {layer} chooses one of {rows} rows by what is no argmax of at most as many channels; put one in front of it"
    )]
    Number {
        /// Name of the node.
        layer: String,
        /// Rows of its table.
        rows: usize,
    },
    /// Too few or too many inputs.
    #[error("layer {layer} has {found} inputs, expected {expected}")]
    Inputs {
        /// Name of the node.
        layer: String,
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: &'static str,
    },
    /// A layer is given another shape than it is made for.
    #[error("layer {layer} expects {expected}, but what comes before it gives {found}")]
    Shape {
        /// Name of the node.
        layer: String,
        /// What its parameters are made for.
        expected: String,
        /// What comes before it gives.
        found: Shape,
    },
    /// A layer states another shape than it gives.
    #[error("layer {layer} gives {given}, but is said to give {stated}; report this as a bug")]
    Output {
        /// Name of the node.
        layer: String,
        /// What it gives.
        given: Shape,
        /// What it is said to give.
        stated: Shape,
    },
    /// The parameters of one layer have different lengths.
    #[error("layer {layer} has {parameter} of {found} values for {expected} outputs")]
    Parameter {
        /// Name of the node.
        layer: String,
        /// Which parameter.
        parameter: &'static str,
        /// Number of outputs.
        expected: usize,
        /// Length of the parameter.
        found: usize,
    },
    /// Stride, padding or kernel out of range.
    #[error("layer {layer} has {what} of {found}, expected {expected}")]
    Window {
        /// Name of the node.
        layer: String,
        /// Which of them.
        what: &'static str,
        /// Its value.
        found: String,
        /// What is possible.
        expected: &'static str,
    },
    /// A parameter is NaN or infinite, or a variance is negative.
    #[error(
        "layer {layer} has {parameter} with a value of {value}; train again, or look for a division by zero"
    )]
    NotFinite {
        /// Name of the node.
        layer: String,
        /// Which parameter.
        parameter: &'static str,
        /// The value, as text.
        value: String,
    },
    /// A tensor is empty or larger than an image can hold.
    #[error(
        "{what} has shape {shape}, expected 1 to {MAX_SIDE} a side and at most {MAX_ELEMENTS} elements"
    )]
    Size {
        /// Which tensor.
        what: String,
        /// Its shape.
        shape: Shape,
    },
    /// Two nodes share a name.
    #[error("two layers are named {0}; reports and images tell layers apart by their names")]
    Name(String),
    /// The picture's shape is not the last node's.
    #[error("the last layer gives {found}, but the picture is {picture}")]
    Picture {
        /// What the last node gives.
        found: Shape,
        /// What the network says.
        picture: Shape,
    },
    /// More classes than a label's byte can tell apart.
    #[error("the network has {0} classes, at most 255")]
    Classes(usize),
}
