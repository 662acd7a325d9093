//! Architectures: what the networks of a run are made of, each a [`Stack`] of [`Block`]s.
//!
//! [`blocks`] has the pieces, `stacks` puts them together as a config says, [`Generator`] and [`Critic`] say what goes in
//! and comes out, `convert` makes the [`crate::graph::Network`] that is exported. Parameters are one list of tensors of
//! rank 2, so that the optimiser, the moving average and the checkpoint handle any architecture. Nothing is initialised
//! lazily and nothing is shared by a clone.

pub mod blocks;
mod convert;
mod critic;
mod generator;
mod stacks;

use burn_tensor::{Tensor, TensorData, backend::Backend};

pub use blocks::{Block, Map, Moments};
pub use critic::Critic;
pub use generator::Generator;

use super::ops::Kernels;
use super::rng;

/// Values that a parameter starts with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Start {
    /// Uniform between minus and plus this: `1 / sqrt(inputs of one output)`, PyTorch's default for dense layers and
    /// convolutions.
    Uniform(f32),
    /// All the same.
    Constant(f32),
}

/// One parameter: its name in checkpoints, its shape, how it starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// Like `generator.dense0.weight`.
    pub name: String,
    /// Rows and columns; a vector has one row.
    pub shape: [usize; 2],
    /// Values at the start.
    pub start: Start,
}

/// Blocks in a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Stack {
    /// First part of the parameters' names.
    pub name: &'static str,
    /// In order.
    pub blocks: Vec<Block>,
}

/// What a [`Stack`] gives.
#[derive(Debug, Clone)]
pub struct Forward<B: Kernels> {
    /// Output of each block in order, of shape (pictures, outputs).
    pub outputs: Vec<Tensor<B, 2>>,
    /// Moments of each block with batch normalisation.
    pub moments: Vec<Moments<B>>,
}

impl<B: Kernels> Forward<B> {
    /// Output of the last block.
    pub fn last(self) -> Tensor<B, 2> {
        let mut outputs = self.outputs;
        outputs.pop().expect("a stack has blocks")
    }
}

impl Stack {
    /// Its parameters in order.
    pub fn specs(&self) -> Vec<Spec> {
        let mut specs = Vec::new();
        for block in &self.blocks {
            block.specs(self.name, &mut specs);
        }
        specs
    }

    /// Each block with its parameters.
    pub fn with<'a, T>(
        &'a self,
        parameters: &'a [T],
    ) -> impl Iterator<Item = (&'a Block, &'a [T])> {
        let mut rest = parameters;
        self.blocks.iter().map(move |block| {
            let (own, others) = rest.split_at(block.parameters());
            rest = others;
            (block, own)
        })
    }

    /// (pictures, inputs) through all blocks. With `fixed` moments the network is the one that is exported; without,
    /// each batch gives its own (training).
    pub fn forward<B: Kernels>(
        &self,
        parameters: &[Tensor<B, 2>],
        input: Tensor<B, 2>,
        fixed: Option<&[Moments<B>]>,
    ) -> Forward<B> {
        let mut done = Forward {
            outputs: Vec::new(),
            moments: Vec::new(),
        };
        let mut x = input;
        for (block, own) in self.with(parameters) {
            let given = fixed.and_then(|fixed| fixed.get(done.moments.len()));
            let (output, moments) = block.forward(own, x, given);
            done.moments.extend(moments);
            done.outputs.push(output.clone());
            x = output;
        }
        done
    }
}

/// Starting values of parameters.
pub fn initial<B: Backend>(
    specs: &[Spec],
    rng: &mut impl rand::Rng,
    device: &B::Device,
) -> Vec<Tensor<B, 2>> {
    specs
        .iter()
        .map(|spec| {
            let count = spec.shape[0] * spec.shape[1];
            let values = match spec.start {
                Start::Uniform(bound) => rng::uniform(rng, count, bound),
                Start::Constant(value) => vec![value; count],
            };
            tensor(values, spec.shape, device)
        })
        .collect()
}

/// A tensor of host values, row by row; `values` has as many as `shape` says.
pub fn tensor<B: Backend>(values: Vec<f32>, shape: [usize; 2], device: &B::Device) -> Tensor<B, 2> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// The values of a tensor, row by row.
pub fn values<B: Backend, const D: usize>(tensor: &Tensor<B, D>) -> Vec<f32> {
    tensor.to_data().iter::<f32>().collect()
}

#[cfg(test)]
mod tests;
