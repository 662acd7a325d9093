//! A float generator as the rest of the host sees it: what the ONNX reader makes, what quantization takes.

use ndarray::{Array1, Array2};

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
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Whether the shape has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// `y = W x + b`.
#[derive(Debug, Clone, PartialEq)]
pub struct Dense {
    /// Name of the ONNX node, or of the layer in the trainer; errors and reports use it.
    pub name: String,
    /// Shape (outputs, inputs).
    pub weight: Array2<f32>,
    /// Shape (outputs).
    pub bias: Array1<f32>,
}

/// Batch normalisation in inference: `y = scale * (x - mean) / sqrt(variance + epsilon) + bias`.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchNorm {
    /// Name of the ONNX node, or of the layer in the trainer.
    pub name: String,
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

/// One step of a float generator.
#[derive(Debug, Clone, PartialEq)]
pub enum Layer {
    /// Fully connected.
    Dense(Dense),
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
}

/// A float generator: a latent vector (and label) in, a picture out.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// Short name, as it stands in file names.
    pub name: String,
    /// What the first layer is given.
    pub input: InputSpec,
    /// In order of execution.
    pub layers: Vec<Layer>,
    /// Shape of the picture that the last layer gives.
    pub output: Shape,
}
