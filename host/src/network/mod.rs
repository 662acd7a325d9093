//! A float network as the rest of the host sees it: what trainer and ONNX reader make, what quantization takes.
//!
//! A graph in order of execution. Tensors are (batch, channels * height * width) with the elements of one sample in the
//! order channels, rows, columns, as in ONNX; the device's order (rows, columns, channels) is the packer's matter.

mod check;
mod error;

pub use error::NetworkError;

use ndarray::{Array1, Array2, Array4};

/// What a generator is given: a latent vector, and which class to draw where it was trained with labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputSpec {
    /// Length of the latent vector.
    pub latent: usize,
    /// Length of the one-hot label that follows the latent vector; 0 for an unconditional generator.
    pub classes: usize,
}

impl InputSpec {
    /// Length of the whole input: the latent vector followed by the one-hot label.
    pub fn len(&self) -> usize {
        self.latent + self.classes
    }

    /// Whether there is no input at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Channels, height, width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// 1 for grey.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Shape {
    /// Number of elements; saturates, and no network is that large.
    pub const fn len(&self) -> usize {
        self.channels
            .saturating_mul(self.height)
            .saturating_mul(self.width)
    }

    /// A vector: one element a channel.
    pub const fn vector(len: usize) -> Self {
        Self {
            channels: len,
            height: 1,
            width: 1,
        }
    }

    /// Whether the shape has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            channels,
            height,
            width,
        } = self;
        if (*height, *width) == (1, 1) {
            write!(f, "{channels}")
        } else {
            write!(f, "{channels} x {height} x {width}")
        }
    }
}

/// `y = W x + b`; the output is a vector, whatever the input's shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    /// Shape (outputs, inputs), the inputs in the order channels, rows, columns.
    pub weight: Array2<f32>,
    /// Shape (outputs).
    pub bias: Array1<f32>,
}

/// Cross-correlation, as every framework calls convolution:
/// `y[o, i, j] = b[o] + sum(w[o, c, u, v] * x[c, i * stride + u - top, j * stride + v - left])`.
#[derive(Debug, Clone, PartialEq)]
pub struct Conv {
    /// Shape (outputs, inputs, rows, columns).
    pub weight: Array4<f32>,
    /// Shape (outputs).
    pub bias: Array1<f32>,
    /// Down, across.
    pub stride: [usize; 2],
    /// Zeros around the input: top, left, bottom, right.
    pub padding: [usize; 4],
}

/// The adjoint of a convolution: each input adds its multiple of the kernel to the output at `stride` times its place,
/// then `padding` is cut from the edges. Output size: `(in - 1) * stride - padding + kernel + output_padding`.
#[derive(Debug, Clone, PartialEq)]
pub struct ConvTranspose {
    /// Shape (inputs, outputs, rows, columns), as ONNX and PyTorch have it.
    pub weight: Array4<f32>,
    /// Shape (outputs).
    pub bias: Array1<f32>,
    /// Down, across.
    pub stride: [usize; 2],
    /// Cut from the output: top, left, bottom, right.
    pub padding: [usize; 4],
    /// Added at the bottom and the right, less than the stride.
    pub output_padding: [usize; 2],
}

/// Batch normalisation in inference: `y = scale * (x - mean) / sqrt(variance + epsilon) + bias`, a channel at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchNorm {
    /// Learned factor, one a channel.
    pub scale: Array1<f32>,
    /// Learned summand, one a channel.
    pub bias: Array1<f32>,
    /// Running mean, one a channel.
    pub mean: Array1<f32>,
    /// Running variance, one a channel.
    pub variance: Array1<f32>,
    /// Guards the square root.
    pub epsilon: f32,
}

/// One operation on tensors.
#[derive(Debug, Clone, PartialEq)]
pub enum Layer {
    /// Fully connected.
    Dense(Dense),
    /// Convolution.
    Conv(Conv),
    /// Transposed convolution.
    ConvTranspose(ConvTranspose),
    /// Batch normalisation with fixed statistics.
    BatchNorm(BatchNorm),
    /// `x` where positive, `slope * x` elsewhere.
    LeakyRelu {
        /// Factor of the negative side.
        slope: f32,
    },
    /// `max(x, 0)`.
    Relu,
    /// Hyperbolic tangent.
    Tanh,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// Each element becomes a block of equal ones.
    Upsample {
        /// Rows and columns of the block.
        factor: [usize; 2],
    },
    /// The same elements in the same order, with another shape.
    Reshape {
        /// The new shape.
        shape: Shape,
    },
    /// All inputs, one after the other along the channels.
    Concat,
    /// Of a one-hot label: the class's row of a table.
    Embedding {
        /// Shape (classes, length).
        table: Array2<f32>,
    },
}

/// Where a node's input comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The whole input: the latent vector followed by the one-hot label.
    Input,
    /// The latent vector alone.
    Latent,
    /// The one-hot label alone.
    Label,
    /// The output of the node with this index.
    Node(usize),
}

/// A layer in its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Name of the ONNX node, or of the layer in the trainer; unique, errors and reports use it.
    pub name: String,
    /// One for every layer but [`Layer::Concat`].
    pub inputs: Vec<Source>,
    /// What is computed.
    pub layer: Layer,
}

/// A float network, in most cases a generator: a latent vector (and label) in, a picture out.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// Short name, as it stands in file names.
    pub name: String,
    /// What the first layers are given.
    pub input: InputSpec,
    /// In order of execution: every node's inputs come before it. The last one gives the output.
    pub nodes: Vec<Node>,
    /// Shape of what the last node gives: the picture.
    pub output: Shape,
}

/// The most channels, rows or columns of a tensor: what a model image's regions can count.
pub const MAX_SIDE: usize = u16::MAX as usize;

/// The most elements of a tensor; far over any microcontroller's memory.
pub const MAX_ELEMENTS: usize = 1 << 22;

/// The most nodes of a network.
pub const MAX_NODES: usize = 1024;

impl Network {
    /// A network whose nodes form a chain from [`Source::Input`] to the output.
    pub fn chain(
        name: impl Into<String>,
        input: InputSpec,
        layers: impl IntoIterator<Item = (String, Layer)>,
        output: Shape,
    ) -> Self {
        let node = |(index, (name, layer)): (usize, (String, Layer))| Node {
            name,
            inputs: vec![index.checked_sub(1).map_or(Source::Input, Source::Node)],
            layer,
        };
        Self {
            name: name.into(),
            input,
            nodes: layers.into_iter().enumerate().map(node).collect(),
            output,
        }
    }

    /// The shape of a source, given those of the nodes so far.
    pub fn source_shape(&self, source: Source, shapes: &[Shape]) -> Option<Shape> {
        match source {
            Source::Input => Some(Shape::vector(self.input.len())),
            Source::Latent => Some(Shape::vector(self.input.latent)),
            Source::Label => Some(Shape::vector(self.input.classes)),
            Source::Node(index) => shapes.get(index).copied(),
        }
    }
}
