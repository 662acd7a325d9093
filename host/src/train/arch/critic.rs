//! A network that looks at pictures: discriminator, critic, encoder or classifier.

use burn_tensor::{Tensor, activation};

use super::convert::layers;
use super::stacks::looking;
use super::{Map, Spec, Stack, Start};
use crate::graph::{InputSpec, Network, Op, Shape};
use crate::train::config::{Family, Model};
use crate::train::ops::{Activation, Kernels};

/// How it is told the class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Labels {
    /// Not at all.
    None,
    /// The one-hot label is joined to the input of the first dense layer.
    Joined,
    /// The output gains the product of the features and the class's row of a table (Miyato and Koyama 2018): what a
    /// convolutional discriminator can learn much faster than a label beside its features.
    Projected,
}

/// Pictures, and one-hot labels where it is conditional -> so many values for each.
#[derive(Debug, Clone, PartialEq)]
pub struct Critic {
    /// Its layers.
    pub stack: Stack,
    labels: Labels,
    classes: usize,
}

/// What a critic gives.
#[derive(Debug, Clone)]
pub struct Judged<B: Kernels> {
    /// Shape (pictures, outputs): logits of a discriminator, positive for real.
    pub output: Tensor<B, 2>,
    /// What each block gave.
    pub layers: Vec<Tensor<B, 2>>,
}

impl Critic {
    /// The discriminator of a config; `classes` is 0 where it is not conditional, `outputs` 1, or the classes of the data
    /// where it has a logit for each.
    pub fn discriminator(model: &Model, classes: usize, outputs: usize) -> Self {
        let labels = match (classes, model.family) {
            (0, _) => Labels::None,
            (_, Family::Dense) => Labels::Joined,
            (_, Family::Conv) => Labels::Projected,
        };
        let joined = if labels == Labels::Joined { classes } else { 0 };
        Self {
            stack: looking("discriminator", model, joined, outputs),
            labels,
            classes,
        }
    }

    /// The encoder of a config: mean and logarithm of the variance of each latent value.
    pub fn encoder(model: &Model, classes: usize) -> Self {
        Self {
            stack: looking("encoder", model, classes, 2 * model.latent),
            labels: if classes > 0 {
                Labels::Joined
            } else {
                Labels::None
            },
            classes,
        }
    }

    /// The classifier of a config: a logit for each class.
    pub fn classifier(model: &Model, classes: usize) -> Self {
        Self {
            stack: looking("classifier", model, 0, classes),
            labels: Labels::None,
            classes: 0,
        }
    }

    /// Its parameters in order.
    pub fn specs(&self) -> Vec<Spec> {
        let mut specs = self.stack.specs();
        if let (Labels::Projected, Some(last)) = (self.labels, self.stack.blocks.last()) {
            let features = last.input.len();
            specs.push(Spec {
                name: format!("{}.embedding.weight", self.stack.name),
                shape: [self.classes, features],
                start: Start::Uniform(1.0 / (features as f32).sqrt()),
            });
        }
        specs
    }

    /// Pictures (pictures, pixels) and one-hot labels (pictures, classes) -> outputs.
    pub fn forward<B: Kernels>(
        &self,
        parameters: &[Tensor<B, 2>],
        pictures: Tensor<B, 2>,
        labels: Option<&Tensor<B, 2>>,
    ) -> Judged<B> {
        let mut x = pictures;
        let mut layers: Vec<Tensor<B, 2>> = Vec::new();
        let mut join = labels.filter(|_| self.labels == Labels::Joined);
        for (block, own) in self.stack.with(parameters) {
            if let (Map::Dense, Some(label)) = (block.map, join) {
                x = Tensor::cat(vec![x, label.clone()], 1);
                join = None;
            }
            x = block.forward(own, x, None).0;
            layers.push(x.clone());
        }
        if let (Some(row), Some(label)) = (self.row(parameters), labels) {
            let features = layers[layers.len().saturating_sub(2)].clone();
            x = x + (features * label.clone().matmul(row)).sum_dim(1);
        }
        Judged { output: x, layers }
    }

    /// The gradient of the score for the pictures, shape (pictures, pixels), as a function of the parameters that can
    /// itself be differentiated. The score is a single output, or of several the logarithm of the sum of their
    /// exponentials, whose gradient is their softmax.
    ///
    /// The network is piecewise linear, so its gradient is the product of its linear maps backwards, with the slopes that
    /// each activation had: those are constant almost everywhere, so no second derivative is missing.
    pub fn input_gradient<B: Kernels>(
        &self,
        parameters: &[Tensor<B, 2>],
        judged: &Judged<B>,
        labels: Option<&Tensor<B, 2>>,
    ) -> Tensor<B, 2> {
        let blocks: Vec<_> = self.stack.with(parameters).collect();
        let mut gradient = match judged.output.dims()[1] {
            1 => judged.output.ones_like(),
            _ => activation::softmax(judged.output.clone(), 1),
        };
        let mut joined = self.labels == Labels::Joined && labels.is_some();
        let first_dense = blocks.iter().position(|(block, _)| block.map == Map::Dense);
        for (i, (block, own)) in blocks.iter().enumerate().rev() {
            if let Activation::LeakyRelu(slope) = block.activation {
                let positive = judged.layers[i].clone().detach().greater_elem(0.0).float();
                gradient = gradient * (positive * (1.0 - slope) + slope);
            }
            gradient = block.transposed(gradient, own[0].clone());
            if i + 1 == blocks.len()
                && let (Some(row), Some(label)) = (self.row(parameters), labels)
            {
                gradient = gradient + label.clone().matmul(row);
            }
            if joined && Some(i) == first_dense {
                let inputs = block.input.len() - self.classes;
                gradient = gradient.narrow(1, 0, inputs);
                joined = false;
            }
        }
        gradient
    }

    /// The network as ONNX has it: picture (channels, height, width) -> outputs, by way of an input vector that holds the
    /// picture row by row. Only for critics without labels.
    pub fn network<B: Kernels>(&self, name: &str, parameters: &[Tensor<B, 2>]) -> Network {
        let picture = self.stack.blocks.first().map(|block| block.input);
        let shape = picture.unwrap_or(Shape::vector(0));
        let output = self.stack.blocks.last().map(|block| block.output);
        let reshape = ("input".to_owned(), Op::reshape(), shape);
        let input = InputSpec {
            latent: shape.len(),
            classes: 0,
        };
        let layers = layers(&self.stack, parameters, &[]);
        Network::chain(
            name,
            input,
            std::iter::once(reshape).chain(layers),
            output.unwrap_or(Shape::vector(0)),
        )
    }

    /// The table of a projection.
    fn row<B: Kernels>(&self, parameters: &[Tensor<B, 2>]) -> Option<Tensor<B, 2>> {
        let last = parameters.last().cloned();
        last.filter(|_| self.labels == Labels::Projected)
    }
}
