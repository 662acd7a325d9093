//! Why a network cannot be quantized.

use crate::graph::GraphError;

/// Why a network cannot be quantized, or not for a budget.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum QuantizeError {
    /// The network is not a valid one.
    #[error(transparent)]
    Network(#[from] GraphError),
    /// Batch normalisation cannot be folded, and has too many channels for a layer of its own.
    #[error(
        "layer {layer}: batch normalisation of {channels} channels follows no layer that it could be folded into, and only up to {limit} become a layer of their own; move it before the activation"
    )]
    NothingToFold {
        /// Name of the layer.
        layer: String,
        /// How many channels it has.
        channels: usize,
        /// How many it may have.
        limit: usize,
    },
    /// A kernel meets the label and other values in one channel.
    #[error(
        "layer {layer} meets the label and other values in one channel; give the label channels of its own, or to a fully connected layer or an embedding"
    )]
    Mixed {
        /// Name of the layer.
        layer: String,
    },
    /// The exponents of what is combined are too far apart.
    #[error(
        "layer {layer}, part {part}: it needs a shift of {shift} to be joined with the others, expected 0 to 30, and 16 at most within a sum; normalise what is joined"
    )]
    Alignment {
        /// Name of the layer.
        layer: String,
        /// Index of the part.
        part: usize,
        /// The shift that it would need.
        shift: i32,
    },
    /// A given scheme does not belong to the network.
    #[error("the scheme of a network trained for integers {0}; export the training again")]
    Scheme(String),
    /// All tensors together are too large to calibrate.
    #[error(
        "the network's tensors have {values} elements in all, over the limit of {limit}; make pictures or channels fewer"
    )]
    TooLarge {
        /// Elements of all tensors for one input.
        values: usize,
        /// The most.
        limit: usize,
    },
    /// Folding or running the network gives NaN or infinity.
    #[error(
        "layer {layer} gives values that are not finite on latents of its prior; its weights are too large to run"
    )]
    NotFinite {
        /// Name of the layer.
        layer: String,
    },
    /// Widths for another number of layers.
    #[error(
        "{found} widths of weights for {expected} layers with weights; give one a layer ({layers})"
    )]
    Widths {
        /// Number of widths.
        found: usize,
        /// Number of layers with weights.
        expected: usize,
        /// Their names.
        layers: String,
    },
    /// A width for a layer that is not there.
    #[error("there is no layer {layer} with weights; the layers are {layers}")]
    NoLayer {
        /// The name asked for.
        layer: String,
        /// The names that there are.
        layers: String,
    },
    /// An accumulator can leave the range that every runtime computes exactly.
    #[error(
        "layer {layer}, output {channel}: the accumulator may reach {bound}, over the limit of 2^24 ({weights} inputs); use fewer inputs or smaller biases"
    )]
    Accumulator {
        /// Name of the layer.
        layer: String,
        /// Index of the output.
        channel: usize,
        /// The largest magnitude.
        bound: i64,
        /// Number of inputs.
        weights: usize,
    },
    /// No shift of the arithmetic connects accumulator and output.
    #[error(
        "layer {layer}, output {channel}: it needs a shift of {shift}, expected 1 to 30 with the slope included; its weights are too large or too small"
    )]
    Shift {
        /// Name of the layer.
        layer: String,
        /// Index of the output.
        channel: usize,
        /// The shift that it would need.
        shift: i32,
    },
    /// Values outside of what exponents can express.
    #[error(
        "layer {layer}: values as large as {largest:e} are outside of what this arithmetic is for; normalise the network"
    )]
    Exponent {
        /// Name of the layer.
        layer: String,
        /// The largest magnitude.
        largest: f64,
    },
    /// The inverse Hessian does not exist.
    #[error("layer {layer}: the calibration inputs give no usable Hessian")]
    Hessian {
        /// Name of the layer.
        layer: String,
    },
    /// The budget is too small for any choice of widths.
    #[error(
        "no choice of widths fits {budget} bytes of flash: the image takes {all_int8} bytes with int8 and {all_int4} bytes with int4 weights everywhere; give it at least {all_int4} bytes, or train a smaller network"
    )]
    Budget {
        /// What there is.
        budget: usize,
        /// Size of the image with 8-bit weights.
        all_int8: usize,
        /// Size of the image with 4-bit weights.
        all_int4: usize,
    },
}
