//! The gradient of a network's output for its input, as a function that can itself be
//! differentiated: what gradient penalties are made of.

use burn_tensor::{Tensor, activation};

use super::{Given, Outputs, Trainable};
use crate::graph::{Graph, Op, Source};
use crate::train::operators::{self, At};
use crate::train::ops::{Activation, Kernels, NORM_EPSILON};

impl Graph<Trainable> {
    /// The gradient of the score for the latent part of the input (a discriminator's pictures),
    /// shape (batch, values), as a function of the parameters. The score is a single output, or of
    /// several the logarithm of the sum of their exponentials, whose gradient is their softmax.
    ///
    /// It is the chain rule written out in differentiable operations. The slopes of LeakyReLU and
    /// the moments of batch normalisation count as constants: the former are so almost everywhere,
    /// so no second derivative is missing.
    pub fn input_gradient<B: Kernels>(
        &self,
        parameters: &[Tensor<B, 2>],
        given: &Given<B>,
        outputs: &Outputs<B>,
    ) -> Tensor<B, 2> {
        let output = outputs.last();
        let score = match output.dims()[1] {
            1 => output.ones_like(),
            _ => activation::softmax(output, 1),
        };
        let follows = self.follows_input();
        let mut gradients: Vec<Option<Tensor<B, 2>>> = vec![None; self.nodes.len()];
        if let Some(last) = gradients.last_mut() {
            *last = Some(score);
        }
        let mut found: Option<Tensor<B, 2>> = None;
        let add = |slot: &mut Option<Tensor<B, 2>>, part: Tensor<B, 2>| {
            *slot = Some(match slot.take() {
                Some(sum) => sum + part,
                None => part,
            });
        };
        for (index, node) in self.nodes.iter().enumerate().rev() {
            let Some(gradient) = gradients[index].take() else {
                continue;
            };
            for (place, source) in node.inputs.iter().enumerate() {
                let part = || self.part(parameters, given, outputs, index, place, gradient.clone());
                match source {
                    Source::Node(before) if follows[*before] => {
                        let part = part();
                        add(&mut gradients[*before], part);
                    }
                    Source::Latent => add(&mut found, part()),
                    Source::Input => add(&mut found, part().narrow(1, 0, self.input.latent)),
                    Source::Node(_) | Source::Label => {}
                }
            }
        }
        let zero = || {
            given
                .value(Source::Latent, self.input, &outputs.nodes)
                .zeros_like()
        };
        found.unwrap_or_else(zero)
    }

    /// Which nodes depend on the latent part of the input.
    fn follows_input(&self) -> Vec<bool> {
        let mut follows: Vec<bool> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let does = node.inputs.iter().any(|source| match source {
                Source::Input | Source::Latent => true,
                Source::Label => false,
                Source::Node(before) => follows[*before],
            });
            follows.push(does);
        }
        follows
    }

    /// The gradient for one of a node's inputs, from the gradient for its output.
    fn part<B: Kernels>(
        &self,
        parameters: &[Tensor<B, 2>],
        given: &Given<B>,
        outputs: &Outputs<B>,
        index: usize,
        place: usize,
        gradient: Tensor<B, 2>,
    ) -> Tensor<B, 2> {
        let node = &self.nodes[index];
        let (from, to) = (self.first_shape(node), node.shape);
        let value = |place: usize| given.value(node.inputs[place], self.input, &outputs.nodes);
        match &node.op {
            Op::Linear(kind, own) => {
                let weight = parameters[own.weight].clone();
                operators::linear_gradient(*kind, gradient, weight, [from, to])
            }
            Op::Norm(own) => {
                let deviation = outputs.moments[own.moments].variance.clone() + NORM_EPSILON;
                let factor = parameters[own.scale].clone() / deviation.detach().sqrt();
                operators::scaled(gradient, factor)
            }
            Op::Pointwise(function) => slope(*function, outputs.nodes[index].clone(), gradient),
            Op::Move(_) => match &node.note {
                Some(moved) => moved.adjoint(gradient),
                None => gradient,
            },
            Op::Combine(combine, ()) => {
                let shapes = &self.input_shapes(node);
                operators::input_gradient(*combine, place, gradient, &value, At { shapes, to })
            }
        }
    }
}

/// The gradient before a function, from its output.
fn slope<B: Kernels>(
    function: Activation,
    output: Tensor<B, 2>,
    gradient: Tensor<B, 2>,
) -> Tensor<B, 2> {
    match function {
        Activation::None => gradient,
        Activation::LeakyRelu(slope) => {
            let positive = output.detach().greater_elem(0.0).float();
            gradient * (positive * (1.0 - slope) + slope)
        }
        Activation::Tanh => gradient * (-(output.clone() * output) + 1.0),
        Activation::Sigmoid => gradient * (output.clone() * (-output + 1.0)),
    }
}
