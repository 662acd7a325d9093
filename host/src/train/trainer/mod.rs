//! One training step, and the state that it changes.
//!
//! Each objective has its file: [`gan`](self), `vae`, `classifier`. What a step changes of each
//! network is a [`NetworkState`].

mod class_head;
mod classifier;
mod gan;
mod integers;
pub mod losses;
mod network_state;
mod spectral;
mod vae;

use burn_tensor::{Tensor, backend::AutodiffBackend};

pub use classifier::count_right;
pub use network_state::{NetworkState, Plain};

use super::adam::AdamConfig;
use super::config::{Config, Family, Objective};
use super::net::{Generator, Moments, Trainable, discriminator};
use super::ops::{Activation, TrainBackend, tensor};
use super::rng::{Purpose, normal, rng};
use crate::graph::{Graph, InputSpec, Network};
use integers::QatGenerator;
use network_state::Wanted;

/// Latent vectors from which the statistics of batch normalisation are computed for samples and
/// export.
fn statistics_batch(family: Family) -> usize {
    match family {
        Family::Dense => 4096,
        // Each has many pixels, and takes that much more memory.
        Family::Conv => 1024,
    }
}

/// The networks of a run.
#[derive(Debug, Clone)]
pub enum Networks {
    /// A GAN.
    Gan {
        /// Draws; the first network.
        generator: Generator,
        /// Judges; the second network.
        discriminator: Graph<Trainable>,
    },
    /// A VAE.
    Vae {
        /// Draws; the first network.
        decoder: Generator,
        /// Gives the latent distribution of a picture; the second network.
        encoder: Graph<Trainable>,
    },
    /// A classifier, the only network.
    Classifier(Graph<Trainable>),
}

/// Everything that a step changes: what a checkpoint holds.
#[derive(Debug, Clone)]
pub struct State<B: AutodiffBackend> {
    /// Steps done.
    pub step: u64,
    /// The networks in training; the first is the one that is exported.
    pub networks: Vec<NetworkState<B>>,
}

/// Shapes, rates and the state.
#[derive(Debug)]
pub struct Trainer<B: AutodiffBackend> {
    config: Config,
    device: B::Device,
    /// Classes of the dataset.
    classes: usize,
    /// Architectures.
    pub networks: Networks,
    /// What steps change.
    pub state: State<B>,
    /// Integers that are trained in the generator's place; the first network then has their
    /// parameters.
    qat: Option<QatGenerator>,
}

/// What a step tells, still on the device: reading it waits for the device.
#[derive(Debug)]
pub struct StepReport<B: AutodiffBackend> {
    /// Losses, each of shape (1): of discriminator and generator; reconstruction and divergence;
    /// cross-entropy.
    pub losses: Vec<Tensor<B::InnerBackend, 1>>,
    /// What else can be looked at.
    pub detail: Detail<B>,
}

/// What can be looked at beside the losses.
#[derive(Debug)]
pub enum Detail<B: AutodiffBackend> {
    /// What a GAN measured.
    Gan {
        /// Scores of the last update: those of the real pictures, then of the generated ones, shape (2 *
        /// batch, 1).
        logits: Tensor<B::InnerBackend, 2>,
        /// The generated pictures, shape (batch, pixels).
        pictures: Tensor<B::InnerBackend, 2>,
    },
    /// What a VAE measured.
    Vae {
        /// The pictures as the decoder draws them again, shape (batch, pixels).
        pictures: Tensor<B::InnerBackend, 2>,
    },
    /// What a classifier measured.
    Classifier {
        /// Shape (batch, classes).
        logits: Tensor<B::InnerBackend, 2>,
    },
}

impl<B: TrainBackend> Trainer<B> {
    /// A trainer before its first step, for a dataset of so many classes.
    pub fn new(config: &Config, classes: usize, device: &B::Device) -> Self {
        let (model, labels) = (&config.model, config.labels(classes));
        let last = if config.is_unit_range() {
            Activation::Sigmoid
        } else {
            Activation::Tanh
        };
        let adam = AdamConfig {
            beta1: config.train.beta1,
            beta2: config.train.beta2,
            epsilon: config.train.epsilon,
        };
        let first = Wanted {
            seed: config.seed,
            purpose: Purpose::GeneratorWeights,
            adam,
            average: true,
            spectral_norm: false,
        };
        let second = Wanted {
            purpose: Purpose::DiscriminatorWeights,
            average: false,
            spectral_norm: model.spectral_norm,
            ..first
        };
        let (networks, states) = match model.objective {
            Objective::Gan => {
                let generator = Generator::new("generator", model, labels, last);
                let outputs = if model.class_head { classes } else { 1 };
                let discriminator = discriminator::discriminator(model, labels, outputs);
                let states = vec![
                    NetworkState::new(generator.specs().to_vec(), first, device),
                    NetworkState::new(discriminator.specs().to_vec(), second, device),
                ];
                let networks = Networks::Gan {
                    generator,
                    discriminator,
                };
                (networks, states)
            }
            Objective::Vae => {
                let decoder = Generator::new("decoder", model, labels, last);
                let encoder = discriminator::encoder(model, labels);
                let states = vec![
                    NetworkState::new(decoder.specs().to_vec(), first, device),
                    NetworkState::new(encoder.specs().to_vec(), second, device),
                ];
                (Networks::Vae { decoder, encoder }, states)
            }
            Objective::Classifier => {
                let classifier = discriminator::classifier(model, classes);
                let states = vec![NetworkState::new(
                    classifier.specs().to_vec(),
                    first,
                    device,
                )];
                (Networks::Classifier(classifier), states)
            }
        };
        Self {
            config: config.clone(),
            device: device.clone(),
            classes,
            networks,
            state: State {
                step: 0,
                networks: states,
            },
            qat: None,
        }
    }

    /// One step on real pictures (row by row, [`Config::pictures_a_step`] of them, in the range of
    /// what is drawn) and their classes.
    pub fn step(&mut self, pictures: &[f32], labels: &[u8]) -> StepReport<B> {
        let report = match self.networks.clone() {
            Networks::Gan {
                generator,
                discriminator,
            } => self.step_gan(&generator, &discriminator, pictures, labels),
            Networks::Vae { decoder, encoder } => {
                self.step_vae(&decoder, &encoder, pictures, labels)
            }
            Networks::Classifier(classifier) => self.step_classifier(&classifier, pictures, labels),
        };
        self.state.step += 1;
        report
    }

    /// The network that draws, if there is one.
    pub fn generator(&self) -> Option<&Generator> {
        match &self.networks {
            Networks::Gan { generator, .. } => Some(generator),
            Networks::Vae { decoder, .. } => Some(decoder),
            Networks::Classifier(_) => None,
        }
    }

    /// Pictures of the averaged generator as it would be exported, from standard normal latent
    /// vectors; shape (labels, pixels). `None` for a classifier.
    pub fn sample(&self, latents: Vec<f32>, labels: &[u8]) -> Option<Tensor<B::InnerBackend, 2>> {
        let generator = self.generator()?;
        if let Some(qat) = &self.qat {
            let input = self.input(generator.input(), latents, labels);
            return Some(qat.draw(&self.state.networks[0].average, input));
        }
        let input = self.input(generator.input(), generator.truncated(latents), labels);
        let average = &self.state.networks[0].average;
        Some(
            generator
                .forward(average, input, Some(&self.moments(generator)))
                .last(),
        )
    }

    /// Part of the pictures that the averaged classifier tells right; `None` for a network that
    /// draws.
    pub fn accuracy(&self, pictures: &[f32], labels: &[u8]) -> Option<f64> {
        match &self.networks {
            Networks::Classifier(classifier) => {
                Some(self.classifier_accuracy(classifier, pictures, labels))
            }
            _ => None,
        }
    }

    /// What a float training exports: the first network with averaged weights, batch normalisation
    /// not folded. See [`Trainer::exported`].
    pub fn network(&self) -> Network {
        let (name, average) = (&self.config.name, &self.state.networks[0].average);
        match &self.networks {
            Networks::Gan { generator, .. }
            | Networks::Vae {
                decoder: generator, ..
            } => generator.network(name, average, &self.moments(generator)),
            Networks::Classifier(classifier) => classifier.float(name, average, &[]),
        }
    }

    /// Moments of the averaged generator's hidden layers over the prior, from a fixed set of latent
    /// vectors: those of the weights that are exported, where running statistics would be those of
    /// weights that are gone.
    fn moments(&self, generator: &Generator) -> Vec<Moments<B::InnerBackend>> {
        if !self.config.model.batch_norm {
            return Vec::new();
        }
        let batch = statistics_batch(self.config.model.family);
        let mut random = rng(self.config.seed, Purpose::Statistics, 0);
        let classes = generator.input().classes.clamp(1, 256);
        // The remainder is below 256.
        let labels: Vec<u8> = (0..batch).map(|i| (i % classes) as u8).collect();
        let latents = normal(&mut random, batch * generator.input().latent);
        let input = self.input(generator.input(), latents, &labels);
        let average = &self.state.networks[0].average;
        generator.forward(average, input, None).moments
    }

    /// Latent vectors and one-hot labels, shape (labels, latent + classes).
    fn input(
        &self,
        spec: InputSpec,
        latents: Vec<f32>,
        labels: &[u8],
    ) -> Tensor<B::InnerBackend, 2> {
        let mut rows = Vec::with_capacity(labels.len() * spec.len());
        for (latent, label) in latents.chunks_exact(spec.latent).zip(labels) {
            rows.extend_from_slice(latent);
            rows.extend(hot(*label, spec.classes));
        }
        tensor(rows, [labels.len(), spec.len()], &self.device)
    }

    /// One-hot labels as the networks are told them, shape (labels, classes); `None` where they are
    /// not.
    fn one_hot(&self, labels: &[u8]) -> Option<Tensor<B, 2>> {
        let classes = self.config.labels(self.classes);
        (classes > 0).then(|| self.hot(labels, classes))
    }

    fn hot(&self, labels: &[u8], classes: usize) -> Tensor<B, 2> {
        let rows = labels
            .iter()
            .flat_map(|label| hot(*label, classes))
            .collect();
        tensor(rows, [labels.len(), classes], &self.device)
    }

    /// The learning rate of the step to come.
    fn rate(&self, start: f64) -> f64 {
        let train = &self.config.train;
        let done = self.state.step as f64 / train.steps as f64;
        let falling =
            ((done - train.lr_decay_from) / (1.0 - train.lr_decay_from).max(1e-9)).clamp(0.0, 1.0);
        start * (1.0 - falling * (1.0 - train.lr_final))
    }
}

/// One where the class is the label.
fn hot(label: u8, classes: usize) -> impl Iterator<Item = f32> {
    (0..classes).map(move |class| f32::from(u8::from(class == usize::from(label))))
}
