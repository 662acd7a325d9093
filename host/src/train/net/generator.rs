//! A network that draws pictures: generator of a GAN or decoder of a VAE.

use burn_tensor::Tensor;

use super::{Builder, Given, Moments, Outputs, Spec, Trainable};
use crate::graph::{Graph, InputSpec, LinearKind, Move, Network, Shape, Source};
use crate::train::config::{Family, ModelConfig};
use crate::train::operators;
use crate::train::ops::{Activation, Geometry, Kernels, tensor, values};

/// Latent vector and one-hot label -> picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Generator {
    /// Its operations.
    pub graph: Graph<Trainable>,
    truncation: f32,
}

impl Generator {
    /// The generator of a config; `classes` is 0 where it is not conditional, `last` what its
    /// pixels go through.
    pub fn new(name: &str, model: &ModelConfig, classes: usize, last: Activation) -> Self {
        let input = InputSpec {
            latent: model.latent,
            classes,
        };
        Self {
            graph: generator_layers(name, model, input, last),
            truncation: model.truncation,
        }
    }

    /// What it is given.
    pub fn input(&self) -> InputSpec {
        self.graph.input
    }

    /// Its parameters in order.
    pub fn specs(&self) -> &[Spec] {
        self.graph.specs()
    }

    /// Input (pictures, latent + classes) -> pictures (pictures, pixels) in -1 to 1 (tanh) or 0 to
    /// 1 (sigmoid). See [`Graph::forward`].
    pub fn forward<B: Kernels>(
        &self,
        parameters: &[Tensor<B, 2>],
        input: Tensor<B, 2>,
        fixed: Option<&[Moments<B>]>,
    ) -> Outputs<B> {
        self.graph.forward(parameters, &Given::Whole(input), fixed)
    }

    /// Latent vectors as samples are made of: scaled by the truncation.
    pub fn truncated(&self, mut latents: Vec<f32>) -> Vec<f32> {
        for value in &mut latents {
            *value *= self.truncation;
        }
        latents
    }

    /// The network as the rest of the line takes it: batch normalisation not folded, the truncation
    /// folded into the first layer so that latent vectors are standard normal. `moments` are those
    /// of latent vectors without truncation.
    pub fn network<B: Kernels>(
        &self,
        name: &str,
        parameters: &[Tensor<B, 2>],
        moments: &[Moments<B>],
    ) -> Network {
        let mut parameters = parameters.to_vec();
        if let Some(first) = parameters.first_mut() {
            let [rows, columns] = first.dims();
            let mut weights = self.truncated(values(first));
            // The label's rows stay as they are.
            let labels = self.input().latent * columns;
            weights[labels..].copy_from_slice(&values(first)[labels..]);
            *first = tensor(weights, [rows, columns], &first.device());
        }
        self.graph.float(name, &parameters, moments)
    }
}

/// A vector -> picture, `last` at its end.
///
/// Dense: hidden layers of the sizes of `model.generator`. Convolutional: dense layers of
/// `model.mapping`, then one to the smallest picture of `model.generator[0]` channels, then
/// transposed convolutions, each doubling height and width (Radford, Metz and Chintala 2016).
pub fn generator_layers(
    name: &str,
    model: &ModelConfig,
    input: InputSpec,
    last: Activation,
) -> Graph<Trainable> {
    let hidden = Activation::LeakyRelu(model.generator_slope);
    let mut layers = Layers::new(Builder::new(name, input), model.batch_norm);
    match model.family {
        Family::Dense => {
            for size in &model.generator {
                layers.hidden(LinearKind::Dense, Shape::vector(*size), hidden);
            }
            layers.last(LinearKind::Dense, picture(model), last);
        }
        Family::Conv => {
            // From the picture down to the smallest: what is drawn is then turned round.
            let mut up = Vec::new();
            let mut large = picture(model);
            for channels in model.generator.iter().rev() {
                let geometry = Geometry::halving(large, *channels, model.kernel);
                large = geometry.small;
                up.push(geometry);
            }
            for size in &model.mapping {
                layers.hidden(LinearKind::Dense, Shape::vector(*size), hidden);
            }
            layers.hidden(LinearKind::Dense, large, hidden);
            for (i, geometry) in up.into_iter().enumerate().rev() {
                let kind = LinearKind::ConvTranspose(geometry.window());
                if i == 0 {
                    layers.last(kind, geometry.large, last);
                } else {
                    layers.hidden(kind, geometry.large, hidden);
                }
            }
        }
    }
    layers.builder.done()
}

/// The picture's shape.
pub(super) fn picture(model: &ModelConfig) -> Shape {
    Shape {
        channels: 1,
        height: model.height,
        width: model.width,
    }
}

/// Layers one after the other: a linear operation, batch normalisation where wanted, a function.
/// Their numbers are part of the nodes' names.
pub(super) struct Layers {
    pub builder: Builder,
    /// What the last layer gave.
    pub head: Source,
    count: usize,
    norm: bool,
}

impl Layers {
    /// Layers that read the whole input, with batch normalisation after hidden ones or without.
    pub fn new(builder: Builder, norm: bool) -> Self {
        Self {
            builder,
            head: Source::Input,
            count: 0,
            norm,
        }
    }

    /// A hidden layer.
    pub fn hidden(&mut self, kind: LinearKind, to: Shape, function: Activation) {
        self.push(kind, to, self.norm, function, "reshape");
    }

    /// The layer that gives the output.
    pub fn last(&mut self, kind: LinearKind, to: Shape, function: Activation) {
        self.push(kind, to, false, function, "picture");
    }

    fn push(&mut self, kind: LinearKind, to: Shape, norm: bool, function: Activation, shape: &str) {
        let (number, builder) = (self.count, &mut self.builder);
        self.count += 1;
        let prefix = operators::linear_name(kind);
        // What is no convolution gives a vector, which is then shaped to a picture: so batch
        // normalisation folds into it.
        let flat = match kind.window() {
            Some(_) => to,
            None => Shape::vector(to.len()),
        };
        let mut head = builder.linear(&format!("{prefix}{number}"), kind, self.head, flat, !norm);
        if norm {
            head = builder.norm(&format!("norm{number}"), head, to.channels);
        }
        let name = match function {
            Activation::None => None,
            Activation::LeakyRelu(_) => Some(format!("activation{number}")),
            Activation::Tanh => Some("tanh".to_owned()),
            Activation::Sigmoid => Some("sigmoid".to_owned()),
        };
        if let Some(name) = name {
            head = builder.pointwise(&name, function, head);
        }
        if flat != to {
            let name = match shape {
                "picture" => shape.to_owned(),
                _ => format!("{shape}{number}"),
            };
            head = builder.moved(&name, Move::Reshape, head, to);
        }
        self.head = head;
    }
}
