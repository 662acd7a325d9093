//! Operations of the trainer that a backend may have its own way for: convolutions, and what
//! follows a linear map.
//!
//! All tensors have rank 2: activations are (pictures, height x width x channels) with the channels
//! last, weights of a convolution (kernel rows x kernel columns x channels of the larger picture's
//! group, channels of the smaller). With weights in that order a convolution is [`Kernels::gather`]
//! and a transposed convolution [`Kernels::scatter`], each the adjoint of the other, and
//! [`Kernels::weight_gradient`] serves both; so each is the other's derivative.
//!
//! [`portable`] and [`moves`] write them in the backend's own tensor operations; `flex` has faster
//! ones for the CPU; `autodiff` makes them differentiable on any backend. What needs no way of its
//! own is in `train::operators`.

mod autodiff;
#[cfg(test)]
pub(crate) mod checks;
mod flex;
mod geometry;
mod matrix;
pub mod moves;
pub mod portable;
mod rounding;

use std::sync::Arc;

use burn_tensor::backend::{AutodiffBackend, Backend};
use burn_tensor::ops::FloatTensor;
use burn_tensor::{Tensor, TensorData, TensorPrimitive};

pub use geometry::Geometry;
pub use moves::Origins;
pub use rounding::{Grid, Rounded, Table};

/// What follows a linear map; each derivative can be told from the output alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activation {
    /// Nothing.
    None,
    /// `x` where positive, `slope * x` elsewhere; the slope is not negative, and 0 gives ReLU.
    LeakyRelu(f32),
    /// Hyperbolic tangent.
    Tanh,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
}

/// Guards the square root of batch normalisation; PyTorch's default.
pub const NORM_EPSILON: f64 = 1e-5;

/// Output of batch normalisation, with the batch's moments, each of shape (1, channels).
#[derive(Debug, Clone)]
pub struct Normalised<T> {
    /// Scaled, shifted and activated.
    pub output: T,
    /// Mean over pictures, rows and columns.
    pub mean: T,
    /// Variance over the same, divided by their number.
    pub variance: T,
}

/// Gradients of one batch normalisation.
#[derive(Debug, Clone)]
pub struct NormGradients<T> {
    /// Shaped like the input.
    pub input: T,
    /// Shape (1, channels).
    pub scale: T,
    /// Shape (1, channels).
    pub bias: T,
}

/// The operations, on a backend's own tensors; all of rank 2 and of 32-bit floats.
pub trait Kernels: Backend {
    /// Convolution without bias: (pictures, large) -> (pictures, small).
    fn gather(
        large: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        g: Geometry,
    ) -> FloatTensor<Self> {
        portable::gather::<Self>(large, weight, g)
    }

    /// Transposed convolution without bias: (pictures, small) -> (pictures, large).
    fn scatter(
        small: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        g: Geometry,
    ) -> FloatTensor<Self> {
        portable::scatter::<Self>(small, weight, g)
    }

    /// The gradient for the weights of either, where one of the two tensors is an input and the
    /// other the gradient of the output.
    fn weight_gradient(
        large: FloatTensor<Self>,
        small: FloatTensor<Self>,
        g: Geometry,
    ) -> FloatTensor<Self> {
        portable::weight_gradient::<Self>(large, small, g)
    }

    /// Elements of each sample moved: (pictures, inputs) to (pictures, outputs).
    fn relocate(input: FloatTensor<Self>, origins: &Arc<Origins>) -> FloatTensor<Self> {
        moves::relocate::<Self>(input, origins)
    }

    /// The gradient of [`Kernels::relocate`] for its input: each element's is the sum of those of
    /// its copies.
    fn relocate_gradient(gradient: FloatTensor<Self>, origins: &Arc<Origins>) -> FloatTensor<Self> {
        moves::relocate_gradient::<Self>(gradient, origins)
    }

    /// `activation(input + bias)`; the input is (pictures, pixels x channels), the bias (1,
    /// channels).
    fn activate(
        input: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        activation: Activation,
    ) -> FloatTensor<Self> {
        portable::activate::<Self>(input, bias, activation)
    }

    /// Gradients of [`Kernels::activate`] for input and bias, from its output and the output's
    /// gradient; `channels` is the length of the bias.
    fn activate_gradient(
        output: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        channels: usize,
        activation: Activation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        portable::activate_gradient::<Self>(output, gradient, channels, activation)
    }

    /// Batch normalisation by the moments of this batch (Ioffe and Szegedy 2015, algorithm 1), then
    /// the activation. Scale and bias have shape (1, channels).
    fn normalise(
        input: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        activation: Activation,
    ) -> Normalised<FloatTensor<Self>> {
        portable::normalise::<Self>(input, scale, bias, activation)
    }

    /// Gradients of [`Kernels::normalise`].
    fn normalise_gradient(
        input: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        done: Normalised<FloatTensor<Self>>,
        gradient: FloatTensor<Self>,
        activation: Activation,
    ) -> NormGradients<FloatTensor<Self>> {
        portable::normalise_gradient::<Self>(input, scale, done, gradient, activation)
    }

    /// `(input + bias) * scale`, where negative times the grid's slope, rounded half to even and
    /// saturated to the grid's range. The input is (rows, pixels x channels), bias and scale (1,
    /// channels); the scale is no parameter.
    ///
    /// With scales and slopes that are powers of two every step but the rounding is exact.
    fn round(
        input: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        grid: Grid,
    ) -> Rounded<FloatTensor<Self>> {
        rounding::round::<Self>(input, bias, scale, grid)
    }

    /// The table's entries at whole inputs from -128 to 127.
    fn look_up(input: FloatTensor<Self>, table: &Table) -> Rounded<FloatTensor<Self>> {
        rounding::look_up::<Self>(input, table)
    }
}

/// A backend that can train: differentiable, with [`Kernels`] on both sides.
pub trait TrainBackend: AutodiffBackend<InnerBackend: Kernels> + Kernels {}

impl<B: AutodiffBackend<InnerBackend: Kernels> + Kernels> TrainBackend for B {}

#[cfg(feature = "cuda")]
impl Kernels for burn_cuda::Cuda {}

#[cfg(feature = "wgpu")]
impl Kernels for burn_wgpu::Wgpu {}

/// [`Kernels::gather`] on tensors.
pub fn conv<B: Kernels>(large: Tensor<B, 2>, weight: Tensor<B, 2>, g: Geometry) -> Tensor<B, 2> {
    wrapped(B::gather(bare(large), bare(weight), g))
}

/// [`Kernels::scatter`] on tensors.
pub fn conv_transpose<B: Kernels>(
    small: Tensor<B, 2>,
    weight: Tensor<B, 2>,
    g: Geometry,
) -> Tensor<B, 2> {
    wrapped(B::scatter(bare(small), bare(weight), g))
}

/// [`Kernels::relocate`] on tensors.
pub fn relocate<B: Kernels>(input: Tensor<B, 2>, origins: &Arc<Origins>) -> Tensor<B, 2> {
    wrapped(B::relocate(bare(input), origins))
}

/// [`Kernels::activate`] on tensors.
pub fn activate<B: Kernels>(
    input: Tensor<B, 2>,
    bias: Tensor<B, 2>,
    activation: Activation,
) -> Tensor<B, 2> {
    wrapped(B::activate(bare(input), bare(bias), activation))
}

/// [`Kernels::normalise`] on tensors.
pub fn normalise<B: Kernels>(
    input: Tensor<B, 2>,
    scale: Tensor<B, 2>,
    bias: Tensor<B, 2>,
    activation: Activation,
) -> Normalised<Tensor<B, 2>> {
    let done = B::normalise(bare(input), bare(scale), bare(bias), activation);
    Normalised {
        output: wrapped(done.output),
        mean: wrapped(done.mean),
        variance: wrapped(done.variance),
    }
}

/// [`Kernels::round`] on tensors. Backwards the rounding counts as the identity, and what saturated
/// as constant: the straight-through estimator (Bengio, Léonard and Courville 2013, section 4)
/// within the range.
pub fn round<B: Kernels>(
    input: Tensor<B, 2>,
    bias: Tensor<B, 2>,
    scale: Tensor<B, 2>,
    grid: Grid,
) -> Tensor<B, 2> {
    wrapped(B::round(bare(input), bare(bias), bare(scale), grid).output)
}

/// [`Kernels::look_up`] on tensors. Backwards with the table's slopes.
pub fn look_up<B: Kernels>(input: Tensor<B, 2>, table: &Table) -> Tensor<B, 2> {
    wrapped(B::look_up(bare(input), table).output)
}

/// [`Kernels::relocate_gradient`] on tensors, which can itself be differentiated.
pub fn gathered<B: Kernels>(gradient: Tensor<B, 2>, origins: &Arc<Origins>) -> Tensor<B, 2> {
    wrapped(B::relocate_gradient(bare(gradient), origins))
}

/// A tensor of host values, row by row; `values` has as many as `shape` says.
pub fn tensor<B: Backend>(values: Vec<f32>, shape: [usize; 2], device: &B::Device) -> Tensor<B, 2> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// The values of a tensor, row by row.
pub fn values<B: Backend, const D: usize>(tensor: &Tensor<B, D>) -> Vec<f32> {
    tensor.to_data().iter::<f32>().collect()
}

/// A tensor as its backend has it.
fn bare<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> FloatTensor<B> {
    tensor.into_primitive().tensor()
}

/// A backend's tensor with its rank.
fn wrapped<B: Backend, const D: usize>(tensor: FloatTensor<B>) -> Tensor<B, D> {
    Tensor::from_primitive(TensorPrimitive::Float(tensor))
}

#[cfg(test)]
mod tests;
