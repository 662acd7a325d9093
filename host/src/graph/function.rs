//! Functions of one element, and batch normalisation.

use ndarray::Array1;
use shared::arithmetic::Activation;

/// A function of one element, which the host tabulates where no layer takes it in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Function {
    /// The value itself, at another exponent.
    Identity,
    /// `x` where positive, `slope * x` elsewhere.
    LeakyRelu(f32),
    /// `max(x, 0)`.
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

    /// The exponent at which int8 just covers its range, where the range is bounded: 2^-7 for -1 to
    /// 1.
    pub const fn natural_exponent(self) -> Option<i8> {
        match self {
            Self::Tanh | Self::Sigmoid => Some(-7),
            Self::Identity | Self::LeakyRelu(_) | Self::Relu => None,
        }
    }

    /// Whether `f(a x) = a f(x)` for `a > 0`.
    pub const fn keeps_factors(self) -> bool {
        match self {
            Self::Identity | Self::LeakyRelu(_) | Self::Relu => true,
            Self::Tanh | Self::Sigmoid => false,
        }
    }

    /// Whether it has no negative values.
    pub const fn is_positive(self) -> bool {
        match self {
            Self::Relu | Self::Sigmoid => true,
            Self::Identity | Self::LeakyRelu(_) | Self::Tanh => false,
        }
    }

    /// The activation of the arithmetic that it is, where it is one.
    pub fn fused(self) -> Option<Activation> {
        match self {
            Self::Relu => Some(Activation::Relu),
            Self::LeakyRelu(slope) => (1u8..=7)
                .find(|&k| slope == 2f32.powi(-i32::from(k)))
                .map(|slope_shift| Activation::LeakyRelu { slope_shift }),
            Self::Identity | Self::Tanh | Self::Sigmoid => None,
        }
    }

    /// The function that an activation of the arithmetic is, where it is one.
    pub fn of_activation(activation: Activation) -> Option<Self> {
        match activation {
            Activation::None => None,
            Activation::Relu => Some(Self::Relu),
            Activation::LeakyRelu { slope_shift } => {
                Some(Self::LeakyRelu(2f32.powi(-i32::from(slope_shift))))
            }
        }
    }
}

/// Batch normalisation in inference: `y = scale * (x - mean) / sqrt(variance + epsilon) + bias`, a
/// channel at a time.
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

impl BatchNorm {
    /// `scale / sqrt(variance + epsilon)` of a channel: Jacob et al., "Quantization and Training of
    /// Neural Networks for Efficient Integer-Arithmetic-Only Inference" (2018), section 3.2.
    pub fn factor(&self, channel: usize) -> f64 {
        // The check of the network made all lengths equal.
        f64::from(self.scale[channel]) / f64::from(self.variance[channel] + self.epsilon).sqrt()
    }

    /// Factor and summand of each channel.
    pub fn affine(&self) -> (Array1<f64>, Array1<f64>) {
        let factor = Array1::from_shape_fn(self.scale.len(), |channel| self.factor(channel));
        let summand = Array1::from_shape_fn(self.scale.len(), |channel| {
            f64::from(self.bias[channel]) - f64::from(self.mean[channel]) * factor[channel]
        });
        (factor, summand)
    }
}
