//! A network that draws pictures: generator of a GAN or decoder of a VAE.

use burn_tensor::Tensor;

use super::convert::layers;
use super::stacks::drawing;
use super::{Forward, Moments, Spec, Stack, tensor, values};
use crate::graph::{InputSpec, Network};
use crate::train::config::Model;
use crate::train::ops::{Activation, Kernels};

/// Latent vector and one-hot label -> picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Generator {
    /// What the first layer is given.
    pub input: InputSpec,
    /// Its layers.
    pub stack: Stack,
    truncation: f32,
}

impl Generator {
    /// The generator of a config; `classes` is 0 where it is not conditional, `last` what its pixels go through.
    pub fn new(name: &'static str, model: &Model, classes: usize, last: Activation) -> Self {
        let input = InputSpec {
            latent: model.latent,
            classes,
        };
        Self {
            input,
            stack: drawing(name, model, input.len(), last),
            truncation: model.truncation,
        }
    }

    /// Its parameters in order.
    pub fn specs(&self) -> Vec<Spec> {
        self.stack.specs()
    }

    /// Input (pictures, latent + classes) -> pictures (pictures, pixels) in -1 to 1 (tanh) or 0 to 1 (sigmoid). See
    /// [`Stack::forward`].
    pub fn forward<B: Kernels>(
        &self,
        parameters: &[Tensor<B, 2>],
        input: Tensor<B, 2>,
        fixed: Option<&[Moments<B>]>,
    ) -> Forward<B> {
        self.stack.forward(parameters, input, fixed)
    }

    /// Latent vectors as samples are made of: scaled by the truncation.
    pub fn truncated(&self, mut latents: Vec<f32>) -> Vec<f32> {
        for value in &mut latents {
            *value *= self.truncation;
        }
        latents
    }

    /// The network as the rest of the line takes it: batch normalisation not folded, the truncation folded into the first
    /// layer so that latent vectors are standard normal. `moments` are those of latent vectors without truncation.
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
            let labels = self.input.latent * columns;
            weights[labels..].copy_from_slice(&values(first)[labels..]);
            *first = tensor(weights, [rows, columns], &first.device());
        }
        let output = self.stack.blocks.last().map(|block| block.output);
        Network::chain(
            name,
            self.input,
            layers(&self.stack, &parameters, moments),
            output.unwrap_or(crate::graph::Shape::vector(0)),
        )
    }
}
