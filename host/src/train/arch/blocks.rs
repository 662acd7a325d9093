//! What networks are made of: a linear map, batch normalisation where wanted, an activation.

use burn_tensor::Tensor;

use super::Spec;
use crate::graph::Shape;
use crate::train::ops::{
    self, Activation, Geometry, Kernels, NORM_EPSILON, activate, conv, conv_transpose,
};

/// A linear map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Map {
    /// Fully connected.
    Dense,
    /// Convolution, from the geometry's large picture to its small one.
    Conv(Geometry),
    /// Transposed convolution, from the small picture to the large one.
    ConvTranspose(Geometry),
}

/// Mean and variance of one block's channels, each of shape (1, channels).
#[derive(Debug, Clone)]
pub struct Moments<B: Kernels> {
    /// Mean over the batch and all pixels.
    pub mean: Tensor<B, 2>,
    /// Variance over the same (divided by their number, not by one less).
    pub variance: Tensor<B, 2>,
}

/// A linear map, batch normalisation where wanted, an activation.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Place in the network; with the map's kind it makes the names.
    pub index: usize,
    /// What it computes first.
    pub map: Map,
    /// Shape of what it is given.
    pub input: Shape,
    /// Shape of what it gives.
    pub output: Shape,
    /// Batch normalisation between map and activation.
    pub norm: bool,
    /// What comes last.
    pub activation: Activation,
}

impl Block {
    /// Name of the linear map: `dense0`, `conv1`, `deconv2`.
    pub fn name(&self) -> String {
        let kind = match self.map {
            Map::Dense => "dense",
            Map::Conv(_) => "conv",
            Map::ConvTranspose(_) => "deconv",
        };
        format!("{kind}{}", self.index)
    }

    /// Shape of the weights.
    pub fn weight(&self) -> [usize; 2] {
        match self.map {
            Map::Dense => [self.input.len(), self.output.len()],
            Map::Conv(g) | Map::ConvTranspose(g) => g.weight(),
        }
    }

    /// Length of bias or scale: a dense layer without batch normalisation has a bias for each output.
    fn channels(&self) -> usize {
        match (self.map, self.norm) {
            (Map::Dense, false) => self.output.len(),
            _ => self.output.channels,
        }
    }

    /// Inputs that one output sees: a transposed convolution spreads its kernel over `stride x stride` outputs.
    fn fan_in(&self) -> usize {
        match self.map {
            Map::Dense => self.input.len(),
            Map::Conv(g) => g.weight()[0],
            Map::ConvTranspose(g) => {
                let seen = g.kernel * g.kernel * g.small.channels;
                (seen / (g.stride * g.stride)).max(1)
            }
        }
    }

    /// Adds its parameters: weights, then scale and bias of batch normalisation, or the map's own bias. A map before
    /// batch normalisation has no bias: the mean would remove it.
    pub fn specs(&self, network: &str, specs: &mut Vec<Spec>) {
        let bound = 1.0 / (self.fan_in() as f32).sqrt();
        let mut push = |name: String, shape, start| {
            specs.push(Spec {
                name: format!("{network}.{name}"),
                shape,
                start,
            });
        };
        let name = self.name();
        push(
            format!("{name}.weight"),
            self.weight(),
            super::Start::Uniform(bound),
        );
        let vector = [1, self.channels()];
        if self.norm {
            let norm = format!("norm{}", self.index);
            push(format!("{norm}.scale"), vector, super::Start::Constant(1.0));
            push(format!("{norm}.bias"), vector, super::Start::Constant(0.0));
        } else {
            push(format!("{name}.bias"), vector, super::Start::Uniform(bound));
        }
    }

    /// How many parameters it has.
    pub fn parameters(&self) -> usize {
        if self.norm { 3 } else { 2 }
    }

    /// The linear map alone, without bias.
    fn linear<B: Kernels>(&self, input: Tensor<B, 2>, weight: Tensor<B, 2>) -> Tensor<B, 2> {
        match self.map {
            Map::Dense => input.matmul(weight),
            Map::Conv(g) => conv(input, weight, g),
            Map::ConvTranspose(g) => conv_transpose(input, weight, g),
        }
    }

    /// The linear map backwards, which is its derivative: (pictures, outputs) -> (pictures, inputs).
    pub fn transposed<B: Kernels>(
        &self,
        gradient: Tensor<B, 2>,
        weight: Tensor<B, 2>,
    ) -> Tensor<B, 2> {
        match self.map {
            Map::Dense => gradient.matmul(weight.transpose()),
            Map::Conv(g) => conv_transpose(gradient, weight, g),
            Map::ConvTranspose(g) => conv(gradient, weight, g),
        }
    }

    /// (pictures, inputs) -> (pictures, outputs), and the moments where there is batch normalisation: the batch's own,
    /// or those that are given.
    pub fn forward<B: Kernels>(
        &self,
        parameters: &[Tensor<B, 2>],
        input: Tensor<B, 2>,
        fixed: Option<&Moments<B>>,
    ) -> (Tensor<B, 2>, Option<Moments<B>>) {
        let parameter = |i: usize| parameters[i].clone();
        let x = self.linear(input, parameter(0));
        if !self.norm {
            return (activate(x, parameter(1), self.activation), None);
        }
        let (scale, bias) = (parameter(1), parameter(2));
        let Some(moments) = fixed else {
            let done = ops::normalise(x, scale, bias, self.activation);
            let moments = Moments {
                mean: done.mean,
                variance: done.variance,
            };
            return (done.output, Some(moments));
        };
        let factor = scale / (moments.variance.clone() + NORM_EPSILON).sqrt();
        let dims = x.dims();
        let rows = dims[0] * dims[1] / self.output.channels;
        let scaled = (x.reshape([rows, self.output.channels]) - moments.mean.clone()) * factor;
        let output = activate(scaled, bias, self.activation).reshape(dims);
        (output, Some(moments.clone()))
    }
}
