//! One network in training: its parameters and all that follows them.

use burn_tensor::Tensor;
use burn_tensor::backend::AutodiffBackend;

use super::spectral;
use crate::train::adam::{Adam, AdamConfig};
use crate::train::net::{Spec, initial};
use crate::train::ops::TrainBackend;
use crate::train::rng::{Purpose, rng};

/// Parameters without a gradient graph.
pub type Plain<B> = Vec<Tensor<<B as AutodiffBackend>::InnerBackend, 2>>;

/// One network in training.
#[derive(Debug, Clone)]
pub struct NetworkState<B: AutodiffBackend> {
    /// Names, shapes and starts of the parameters.
    pub specs: Vec<Spec>,
    /// The parameters.
    pub parameters: Plain<B>,
    /// Their moving average; empty for a network that is not exported.
    pub average: Plain<B>,
    /// The optimiser.
    pub adam: Adam<B::InnerBackend>,
    /// For spectral normalisation: of each weight the vector that power iteration has reached;
    /// empty without.
    pub singular: Plain<B>,
}

/// What a network in training is to have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub seed: u64,
    pub purpose: Purpose,
    pub adam: AdamConfig,
    pub average: bool,
    pub spectral_norm: bool,
}

impl<B: TrainBackend> NetworkState<B> {
    /// A network before its first step.
    pub(super) fn new(specs: Vec<Spec>, wanted: Wanted, device: &B::Device) -> Self {
        let mut random = rng(wanted.seed, wanted.purpose, 0);
        let parameters = initial::<B::InnerBackend>(&specs, &mut random, device);
        let singular = if wanted.spectral_norm {
            spectral::start(&specs, &mut random, device)
        } else {
            Vec::new()
        };
        Self {
            average: if wanted.average {
                parameters.clone()
            } else {
                Vec::new()
            },
            adam: Adam::new(wanted.adam, &parameters),
            specs,
            parameters,
            singular,
        }
    }

    /// A network whose parameters, and their average, start at given values.
    pub(super) fn with(specs: Vec<Spec>, parameters: Plain<B>, adam: AdamConfig) -> Self {
        Self {
            average: parameters.clone(),
            adam: Adam::new(adam, &parameters),
            specs,
            parameters,
            singular: Vec::new(),
        }
    }

    /// Parameters that record what is computed from them.
    pub(super) fn tracked(&self) -> Vec<Tensor<B, 2>> {
        let tracked =
            |tensor: &Tensor<B::InnerBackend, 2>| Tensor::from_inner(tensor.clone()).require_grad();
        self.parameters.iter().map(tracked).collect()
    }

    /// Parameters as constants.
    pub(super) fn constant(&self) -> Vec<Tensor<B, 2>> {
        self.parameters
            .iter()
            .cloned()
            .map(Tensor::from_inner)
            .collect()
    }

    /// Update number `step` (from 1) against the gradient of a loss of the tracked parameters.
    pub(super) fn update(
        &mut self,
        step: u64,
        rate: f64,
        tracked: &[Tensor<B, 2>],
        gradients: &B::Gradients,
    ) {
        let gradients = tracked
            .iter()
            .map(|parameter| {
                let zero = || parameter.clone().inner().zeros_like();
                parameter.grad(gradients).unwrap_or_else(zero)
            })
            .collect();
        self.adam.step(step, rate, &mut self.parameters, gradients);
    }

    /// Moves the average towards the parameters.
    pub(super) fn follow(&mut self, step: u64, decay: f64) {
        // The average starts short, so that it forgets the first random weights.
        let warm_up = (1.0 + step as f64) / (10.0 + step as f64);
        let keep = decay.min(warm_up);
        self.average = std::mem::take(&mut self.average)
            .into_iter()
            .zip(&self.parameters)
            .map(|(average, new)| average * keep + new.clone() * (1.0 - keep))
            .collect();
    }

    /// Follows the largest singular values by one step; see [`spectral::iterate`].
    pub(super) fn iterate(&mut self) {
        spectral::iterate(&self.specs, &self.parameters, &mut self.singular);
    }

    /// Parameters with spectral normalisation, where it is wanted; see [`spectral::normalised`].
    pub(super) fn normalised(&self, parameters: &[Tensor<B, 2>]) -> Vec<Tensor<B, 2>> {
        spectral::normalised(&self.specs, parameters, &self.singular)
    }

    /// Name and shape of every tensor that a checkpoint holds, in the order of
    /// [`NetworkState::tensors`].
    pub fn names(&self) -> Vec<(String, [usize; 2])> {
        let named = |prefix: &'static str| {
            move |spec: &Spec| (format!("{prefix}{}", spec.name), spec.shape)
        };
        let mut names: Vec<_> = self.specs.iter().map(named("")).collect();
        if !self.average.is_empty() {
            names.extend(self.specs.iter().map(named("average.")));
        }
        names.extend(self.specs.iter().map(named("adam.mean.")));
        names.extend(self.specs.iter().map(named("adam.square.")));
        let weights = self.specs.iter().filter(|spec| spectral::is_weight(spec));
        names.extend(
            weights
                .zip(&self.singular)
                .map(|(spec, vector)| (format!("singular.{}", spec.name), vector.dims())),
        );
        names
    }

    /// Every tensor that a checkpoint holds.
    pub fn tensors(&self) -> impl Iterator<Item = &Tensor<B::InnerBackend, 2>> {
        self.parameters
            .iter()
            .chain(&self.average)
            .chain(&self.adam.means)
            .chain(&self.adam.squares)
            .chain(&self.singular)
    }

    /// The same, to be loaded from a checkpoint.
    pub fn tensors_mut(&mut self) -> impl Iterator<Item = &mut Tensor<B::InnerBackend, 2>> {
        self.parameters
            .iter_mut()
            .chain(&mut self.average)
            .chain(&mut self.adam.means)
            .chain(&mut self.adam.squares)
            .chain(&mut self.singular)
    }
}
