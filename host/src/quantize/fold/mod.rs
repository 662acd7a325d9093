//! From a float network to the steps that integers will compute: batch normalisation goes into the weights beside it,
//! activations into the layers before them where the arithmetic has them, and what changes nothing goes away.

mod graph;
pub mod linear;
mod steps;
#[cfg(test)]
mod tests;
mod unfold;

pub use linear::Linear;
pub use steps::fold;
pub use unfold::unfold;

use crate::forward::conv::Geometry;
use crate::network::{InputSpec, Network, Shape, Source};

/// A function that the host tabulates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Function {
    /// The value itself, at another exponent.
    Identity,
    /// A LeakyReLU whose slope is no power of two, or that follows no layer with weights.
    LeakyRelu(f32),
    /// A ReLU that follows no layer with weights.
    Relu,
    /// Hyperbolic tangent.
    Tanh,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
}

impl Function {
    /// The value at `x`.
    pub fn at(self, x: f64) -> f64 {
        match self {
            Self::Identity => x,
            Self::LeakyRelu(slope) => {
                if x < 0.0 {
                    f64::from(slope) * x
                } else {
                    x
                }
            }
            Self::Relu => x.max(0.0),
            Self::Tanh => x.tanh(),
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        }
    }

    /// The exponent at which int8 just covers its range, where the range is bounded: 2^-7 for -1 to 1.
    pub const fn natural_exponent(self) -> Option<i8> {
        match self {
            Self::Tanh | Self::Sigmoid => Some(-7),
            Self::Identity | Self::LeakyRelu(_) | Self::Relu => None,
        }
    }

    /// Whether `f(a x) = a f(x)` for `a > 0`.
    pub const fn keeps_factors(self) -> bool {
        matches!(self, Self::Identity | Self::LeakyRelu(_) | Self::Relu)
    }

    const fn suffix(self) -> &'static str {
        match self {
            Self::Identity => "pixels",
            Self::LeakyRelu(_) => "leaky_relu",
            Self::Relu => "relu",
            Self::Tanh => "tanh",
            Self::Sigmoid => "sigmoid",
        }
    }
}

/// What a step computes; as [`super::StepKind`], in real numbers.
#[derive(Debug, Clone, PartialEq)]
pub enum FoldedKind {
    /// Fully connected, and its activation.
    Dense(Linear),
    /// A convolution and its activation. Columns: kernel row, kernel column, input channel.
    Conv(Linear, Geometry),
    /// A transposed convolution and its activation. Columns: kernel row, kernel column, input channel.
    ConvTranspose(Linear, Geometry),
    /// A table of the label, with whatever function followed it. Columns: classes.
    Embedding(Linear),
    /// A function of one element.
    Table(Function),
    /// Each element becomes a block of equal ones.
    Upsample {
        /// Rows and columns of the block.
        factor: [usize; 2],
    },
    /// The same elements in another shape.
    Reshape,
    /// All inputs, one after the other along the channels.
    Concat,
}

impl FoldedKind {
    /// The weights, where there are some.
    pub fn linear(&self) -> Option<&Linear> {
        match self {
            Self::Dense(linear)
            | Self::Conv(linear, _)
            | Self::ConvTranspose(linear, _)
            | Self::Embedding(linear) => Some(linear),
            Self::Table(_) | Self::Upsample { .. } | Self::Reshape | Self::Concat => None,
        }
    }

    /// As [`FoldedKind::linear`], to be changed.
    pub fn linear_mut(&mut self) -> Option<&mut Linear> {
        match self {
            Self::Dense(linear)
            | Self::Conv(linear, _)
            | Self::ConvTranspose(linear, _)
            | Self::Embedding(linear) => Some(linear),
            Self::Table(_) | Self::Upsample { .. } | Self::Reshape | Self::Concat => None,
        }
    }

    /// How its kernel moves, for both convolutions.
    pub fn geometry(&self) -> Option<Geometry> {
        match self {
            Self::Conv(_, geometry) | Self::ConvTranspose(_, geometry) => Some(*geometry),
            _ => None,
        }
    }
}

/// A step as it will be computed, and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Folded {
    /// Name of the layer; of the layer with weights before it, and the function, for a table.
    pub name: String,
    /// Index of the float network's node whose output this step's equals, up to its shape.
    pub layer: usize,
    /// One for every kind but [`FoldedKind::Concat`]; [`Source::Node`] is the step with this index.
    pub inputs: Vec<Source>,
    /// What it computes.
    pub kind: FoldedKind,
    /// Shape of the output.
    pub shape: Shape,
}

/// Shape of a source of folded steps; without elements where there is no such step.
pub fn source_shape(steps: &[Folded], input: InputSpec, source: Source) -> Shape {
    match source {
        Source::Input => Shape::vector(input.len()),
        Source::Latent => Shape::vector(input.latent),
        Source::Label => Shape::vector(input.classes),
        Source::Node(index) => steps.get(index).map_or(Shape::vector(0), |step| step.shape),
    }
}

/// The name of a table that changes nothing but the exponent, behind the last step.
pub(super) fn pixels_name(steps: &[Folded], network: &Network) -> String {
    let last = steps.last().map_or("input", |step| step.name.as_str());
    unused(
        steps,
        network,
        &format!("{last}.{}", Function::Identity.suffix()),
    )
}

/// A name that no step has, and that no node that becomes a step of its own has.
fn unused(steps: &[Folded], network: &Network, wanted: &str) -> String {
    let taken = |name: &str| {
        steps.iter().any(|step| step.name == name)
            || network
                .nodes
                .iter()
                .any(|node| graph::keeps_its_name(&node.layer) && node.name == name)
    };
    let mut name = wanted.to_owned();
    let mut count = 1;
    while taken(&name) {
        count += 1;
        name = format!("{wanted}_{count}");
    }
    name
}
