//! The operations in a backend's own tensor operations: for GPUs, and to check the faster ones
//! against.

use burn_tensor::ops::{ConvOptions, ConvTransposeOptions, FloatTensor};
use burn_tensor::{Tensor, activation as burn, backend::Backend, module};

use super::{Activation, Geometry, NORM_EPSILON, NormGradients, Normalised, bare, wrapped};
use crate::graph::Shape;

/// (pictures, height x width x channels) to (pictures, channels, height, width).
fn channels_first<B: Backend>(tensor: FloatTensor<B>, shape: Shape) -> Tensor<B, 4> {
    let tensor = wrapped::<B, 2>(tensor);
    let [pictures, _] = tensor.dims();
    tensor
        .reshape([pictures, shape.height, shape.width, shape.channels])
        .permute([0, 3, 1, 2])
}

/// The way back.
fn channels_last<B: Backend>(tensor: Tensor<B, 4>) -> FloatTensor<B> {
    let [pictures, channels, height, width] = tensor.dims();
    bare(
        tensor
            .permute([0, 2, 3, 1])
            .reshape([pictures, height * width * channels]),
    )
}

/// Weights as (small channels, large channels of a group, kernel rows, kernel columns): what burn
/// wants for both kinds.
fn kernel<B: Backend>(weight: FloatTensor<B>, g: Geometry) -> Tensor<B, 4> {
    let [rows, columns] = g.kernel;
    wrapped::<B, 2>(weight)
        .reshape([rows, columns, g.large_group(), g.small.channels])
        .permute([3, 2, 0, 1])
}

/// The large picture with zeros around it, cut to what kernels reach.
fn padded<B: Backend>(large: Tensor<B, 4>, g: Geometry) -> Tensor<B, 4> {
    let ([top, left, bottom, right], [down, across]) = (g.padding(), g.covered());
    large
        .pad((left, right, top, bottom), 0.0)
        .narrow(2, 0, down)
        .narrow(3, 0, across)
}

/// See [`super::Kernels::gather`].
pub fn gather<B: Backend>(
    large: FloatTensor<B>,
    weight: FloatTensor<B>,
    g: Geometry,
) -> FloatTensor<B> {
    let options = ConvOptions::new(g.stride, [0; 2], g.dilation, g.groups);
    let large = padded(channels_first::<B>(large, g.large), g);
    channels_last(module::conv2d(large, kernel(weight, g), None, options))
}

/// See [`super::Kernels::scatter`].
pub fn scatter<B: Backend>(
    small: FloatTensor<B>,
    weight: FloatTensor<B>,
    g: Geometry,
) -> FloatTensor<B> {
    let options = ConvTransposeOptions::new(g.stride, [0; 2], [0; 2], g.dilation, g.groups);
    let small = channels_first::<B>(small, g.small);
    let covered = module::conv_transpose2d(small, kernel(weight, g), None, options);
    // Rows and columns that no kernel reaches are zero.
    let ([down, across], [top, left]) = (g.covered(), g.before);
    let beyond = |covered: usize, inner: usize| inner.saturating_sub(covered);
    let (below, right) = (
        beyond(down, top + g.large.height),
        beyond(across, left + g.large.width),
    );
    let inner = covered
        .pad((0, right, 0, below), 0.0)
        .narrow(2, top, g.large.height)
        .narrow(3, left, g.large.width);
    channels_last(inner)
}

/// See [`super::Kernels::weight_gradient`].
///
/// A convolution whose channels are the pictures and whose kernel is the small picture, with its
/// pixels `stride` apart; one for each group.
pub fn weight_gradient<B: Backend>(
    large: FloatTensor<B>,
    small: FloatTensor<B>,
    g: Geometry,
) -> FloatTensor<B> {
    let large = padded(channels_first::<B>(large, g.large), g).permute([1, 0, 2, 3]);
    let small = channels_first::<B>(small, g.small).permute([1, 0, 2, 3]);
    let (of_large, of_small) = (g.large_group(), g.small_group());
    let groups = (0..g.groups).map(|group| {
        let options = ConvOptions::new(g.dilation, [0; 2], g.stride, 1);
        let large = large.clone().narrow(0, group * of_large, of_large);
        let small = small.clone().narrow(0, group * of_small, of_small);
        // (large channels, small channels, kernel rows, kernel columns)
        module::conv2d(large, small, None, options)
    });
    let weight = Tensor::cat(groups.collect(), 1);
    bare(weight.permute([2, 3, 0, 1]).reshape(g.weight()))
}

/// (pictures, pixels x channels) to (pictures x pixels, channels).
fn rows<B: Backend>(tensor: FloatTensor<B>, channels: usize) -> (Tensor<B, 2>, [usize; 2]) {
    let tensor = wrapped::<B, 2>(tensor);
    let dims = tensor.dims();
    let rows = dims[0] * dims[1] / channels.max(1);
    (tensor.reshape([rows, channels]), dims)
}

fn apply<B: Backend>(x: Tensor<B, 2>, activation: Activation) -> Tensor<B, 2> {
    match activation {
        Activation::None => x,
        Activation::LeakyRelu(slope) => burn::leaky_relu(x, f64::from(slope)),
        Activation::Tanh => x.tanh(),
        Activation::Sigmoid => burn::sigmoid(x),
    }
}

/// The gradient before the activation, from the output and the gradient after it.
fn before<B: Backend>(
    output: Tensor<B, 2>,
    gradient: Tensor<B, 2>,
    activation: Activation,
) -> Tensor<B, 2> {
    match activation {
        Activation::None => gradient,
        Activation::LeakyRelu(slope) => {
            let negative = output.lower_equal_elem(0.0);
            let scaled = gradient.clone() * slope;
            gradient.mask_where(negative, scaled)
        }
        Activation::Tanh => gradient * (-(output.clone() * output) + 1.0),
        Activation::Sigmoid => gradient * (output.clone() * (-output + 1.0)),
    }
}

/// See [`super::Kernels::activate`].
pub fn activate<B: Backend>(
    input: FloatTensor<B>,
    bias: FloatTensor<B>,
    activation: Activation,
) -> FloatTensor<B> {
    let bias = wrapped::<B, 2>(bias);
    let (x, dims) = rows::<B>(input, bias.dims()[1]);
    bare(apply(x + bias, activation).reshape(dims))
}

/// See [`super::Kernels::activate_gradient`].
pub fn activate_gradient<B: Backend>(
    output: FloatTensor<B>,
    gradient: FloatTensor<B>,
    channels: usize,
    activation: Activation,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let (output, dims) = rows::<B>(output, channels);
    let (gradient, _) = rows::<B>(gradient, channels);
    let input = before(output, gradient, activation);
    let bias = input.clone().sum_dim(0);
    (bare(input.reshape(dims)), bare(bias))
}

/// See [`super::Kernels::normalise`].
pub fn normalise<B: Backend>(
    input: FloatTensor<B>,
    scale: FloatTensor<B>,
    bias: FloatTensor<B>,
    activation: Activation,
) -> Normalised<FloatTensor<B>> {
    let (scale, bias) = (wrapped::<B, 2>(scale), wrapped::<B, 2>(bias));
    let (x, dims) = rows::<B>(input, scale.dims()[1]);
    let mean = x.clone().mean_dim(0);
    let centred = x - mean.clone();
    let variance = (centred.clone() * centred.clone()).mean_dim(0);
    let factor = scale / (variance.clone() + NORM_EPSILON).sqrt();
    Normalised {
        output: bare(apply(centred * factor + bias, activation).reshape(dims)),
        mean: bare(mean),
        variance: bare(variance),
    }
}

/// See [`super::Kernels::normalise_gradient`].
pub fn normalise_gradient<B: Backend>(
    input: FloatTensor<B>,
    scale: FloatTensor<B>,
    done: Normalised<FloatTensor<B>>,
    gradient: FloatTensor<B>,
    activation: Activation,
) -> NormGradients<FloatTensor<B>> {
    let scale = wrapped::<B, 2>(scale);
    let channels = scale.dims()[1];
    let (x, dims) = rows::<B>(input, channels);
    let (output, _) = rows::<B>(done.output, channels);
    let (gradient, _) = rows::<B>(gradient, channels);
    let gradient = before(output, gradient, activation);
    let deviation = (wrapped::<B, 2>(done.variance) + NORM_EPSILON).sqrt();
    let normal = (x - wrapped::<B, 2>(done.mean)) / deviation.clone();
    let bias = gradient.clone().sum_dim(0);
    let of_scale = (gradient.clone() * normal.clone()).sum_dim(0);
    let count = gradient.dims()[0].max(1) as f64;
    // The mean and the variance follow the input as well: what they take away of the gradient is
    // its mean and its part along the normalised input.
    let rest = gradient - bias.clone() / count - normal * (of_scale.clone() / count);
    NormGradients {
        input: bare((rest * (scale / deviation)).reshape(dims)),
        scale: bare(of_scale),
        bias: bare(bias),
    }
}
