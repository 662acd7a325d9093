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

/// The longest vector that a network may have anywhere: what a model image's regions can count.
pub const MAX_LEN: usize = u16::MAX as usize;

/// The most layers of a network.
pub const MAX_LAYERS: usize = 1024;

/// Why a network cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// There is nothing to compute.
    #[error("the network has no dense layer; a generator needs at least one")]
    NoDense,
    /// Too many layers.
    #[error("the network has {0} layers, over the limit of {MAX_LAYERS}")]
    TooManyLayers(usize),
    /// A layer expects another length than the one before it gives.
    #[error("layer {layer} expects {expected} values, but what comes before it gives {found}")]
    Length {
        /// Name of the layer.
        layer: String,
        /// What its parameters are made for.
        expected: usize,
        /// What the layer before it gives.
        found: usize,
    },
    /// The parameters of one layer have different lengths.
    #[error("layer {layer} has {parameter} of {found} values for {expected} outputs")]
    Parameter {
        /// Name of the layer.
        layer: String,
        /// Which parameter.
        parameter: &'static str,
        /// Number of outputs.
        expected: usize,
        /// Length of the parameter.
        found: usize,
    },
    /// A parameter is NaN or infinite, or a variance is negative.
    #[error(
        "layer {layer} has {parameter} with a value of {value}; train again, or look for a division by zero"
    )]
    NotFinite {
        /// Name of the layer.
        layer: String,
        /// Which parameter.
        parameter: &'static str,
        /// The value, as text.
        value: String,
    },
    /// A vector is empty or longer than an image can hold.
    #[error("{what} has {len} values, expected 1 to {MAX_LEN}")]
    Size {
        /// Which vector.
        what: String,
        /// Its length.
        len: usize,
    },
    /// Two layers share a name.
    #[error("two layers are named {0}; reports and images tell layers apart by their names")]
    Name(String),
    /// The picture's shape is not the last layer's length.
    #[error(
        "the last layer gives {found} values, but the picture is {channels} x {height} x {width}"
    )]
    Picture {
        /// Length of the last layer.
        found: usize,
        /// Channels of the picture.
        channels: usize,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
    /// More classes than a label's byte can tell apart.
    #[error("the network has {0} classes, at most 255")]
    Classes(usize),
}

impl Network {
    /// Checks that every length fits the next, that all parameters are finite and all names differ.
    ///
    /// # Errors
    /// [`NetworkError`] names the layer.
    pub fn check(&self) -> Result<(), NetworkError> {
        if self.layers.len() > MAX_LAYERS {
            return Err(NetworkError::TooManyLayers(self.layers.len()));
        }
        if self.input.classes > 255 {
            return Err(NetworkError::Classes(self.input.classes));
        }
        size("the input", self.input.len())?;
        let mut names = std::collections::BTreeSet::new();
        let mut len = self.input.len();
        let mut has_dense = false;
        for layer in &self.layers {
            let (name, found) = match layer {
                Layer::Dense(dense) => {
                    has_dense = true;
                    let outputs = dense.weight.nrows();
                    expect(&dense.name, dense.weight.ncols(), len)?;
                    size(&dense.name, outputs)?;
                    parameter(&dense.name, "a bias", outputs, &dense.bias)?;
                    finite(&dense.name, "a weight", dense.weight.iter())?;
                    (&dense.name, outputs)
                }
                Layer::BatchNorm(norm) => {
                    let channels = norm.scale.len();
                    expect(&norm.name, channels, len)?;
                    parameter(&norm.name, "a scale", channels, &norm.scale)?;
                    parameter(&norm.name, "a bias", channels, &norm.bias)?;
                    parameter(&norm.name, "a mean", channels, &norm.mean)?;
                    parameter(&norm.name, "a variance", channels, &norm.variance)?;
                    let guarded = norm.variance.iter().map(|v| v + norm.epsilon);
                    if let Some(value) = guarded.into_iter().find(|v| v.is_nan() || *v <= 0.0) {
                        return Err(NetworkError::NotFinite {
                            layer: norm.name.clone(),
                            parameter: "a variance plus epsilon",
                            value: value.to_string(),
                        });
                    }
                    (&norm.name, channels)
                }
                Layer::LeakyRelu { slope } => {
                    finite("LeakyRelu", "a slope", std::iter::once(slope))?;
                    continue;
                }
                Layer::Relu | Layer::Tanh | Layer::Sigmoid => continue,
            };
            if !names.insert(name) {
                return Err(NetworkError::Name(name.clone()));
            }
            len = found;
        }
        if !has_dense {
            return Err(NetworkError::NoDense);
        }
        let Shape {
            channels,
            height,
            width,
        } = self.output;
        let fits = channels
            .checked_mul(height)
            .and_then(|n| n.checked_mul(width))
            == Some(len);
        if !fits {
            return Err(NetworkError::Picture {
                found: len,
                channels,
                height,
                width,
            });
        }
        Ok(())
    }
}

fn size(what: &str, len: usize) -> Result<(), NetworkError> {
    if (1..=MAX_LEN).contains(&len) {
        Ok(())
    } else {
        Err(NetworkError::Size {
            what: what.to_owned(),
            len,
        })
    }
}

fn expect(layer: &str, expected: usize, found: usize) -> Result<(), NetworkError> {
    if expected == found {
        Ok(())
    } else {
        Err(NetworkError::Length {
            layer: layer.to_owned(),
            expected,
            found,
        })
    }
}

fn parameter(
    layer: &str,
    parameter: &'static str,
    expected: usize,
    values: &Array1<f32>,
) -> Result<(), NetworkError> {
    if values.len() != expected {
        let (layer, found) = (layer.to_owned(), values.len());
        return Err(NetworkError::Parameter {
            layer,
            parameter,
            expected,
            found,
        });
    }
    finite(layer, parameter, values.iter())
}

fn finite<'a>(
    layer: &str,
    parameter: &'static str,
    mut values: impl Iterator<Item = &'a f32>,
) -> Result<(), NetworkError> {
    match values.find(|v| !v.is_finite()) {
        None => Ok(()),
        Some(value) => Err(NetworkError::NotFinite {
            layer: layer.to_owned(),
            parameter,
            value: value.to_string(),
        }),
    }
}
