//! One training step, and the state that it changes.
//!
//! Loss: non-saturating GAN (Goodfellow et al. 2014, section 3) as binary cross-entropy on logits, written with
//! `log_sigmoid` so that no exponential overflows; one-sided label smoothing (Salimans et al. 2016, section 3.4).

use burn_tensor::{Tensor, activation, backend::AutodiffBackend};

use super::adam::{Adam, AdamConfig};
use super::config::Config;
use super::model::{Discriminator, Generator, Moments, initial, tensor};
use super::rng::{Purpose, normal, rng};
use crate::network::Network;

/// Latent vectors from which the statistics of batch normalisation are computed for samples and export.
const STATISTICS_BATCH: usize = 4096;

/// Parameters without a gradient graph.
pub type Plain<B> = Vec<Tensor<<B as AutodiffBackend>::InnerBackend, 2>>;

/// Everything that a step changes: what a checkpoint holds.
#[derive(Debug, Clone)]
pub struct State<B: AutodiffBackend> {
    /// Steps done.
    pub step: u64,
    /// Parameters of the generator.
    pub generator: Plain<B>,
    /// Parameters of the discriminator.
    pub discriminator: Plain<B>,
    /// Moving average of the generator's parameters.
    pub average: Plain<B>,
    /// The generator's optimiser.
    pub generator_adam: Adam<B::InnerBackend>,
    /// The discriminator's optimiser.
    pub discriminator_adam: Adam<B::InnerBackend>,
}

/// Shapes, rates and the state.
#[derive(Debug)]
pub struct Trainer<B: AutodiffBackend> {
    config: Config,
    device: B::Device,
    /// Shapes of the generator.
    pub generator: Generator,
    /// Shapes of the discriminator.
    pub discriminator: Discriminator,
    /// What steps change.
    pub state: State<B>,
}

/// What a step tells, still on the device: reading it waits for the device.
#[derive(Debug)]
pub struct StepReport<B: AutodiffBackend> {
    /// Loss of the discriminator, shape (1).
    pub discriminator_loss: Tensor<B::InnerBackend, 1>,
    /// Loss of the generator, shape (1).
    pub generator_loss: Tensor<B::InnerBackend, 1>,
    /// Logits of the real pictures, then of the generated ones, shape (2 * batch, 1).
    pub logits: Tensor<B::InnerBackend, 2>,
    /// The generated pictures, shape (batch, pixels).
    pub pictures: Tensor<B::InnerBackend, 2>,
}

impl<B: AutodiffBackend> Trainer<B> {
    /// A trainer before its first step.
    pub fn new(config: &Config, classes: usize, device: &B::Device) -> Self {
        let generator = Generator::new(&config.model, classes);
        let discriminator = Discriminator::new(&config.model, classes);
        let weights = |specs: &[_], purpose| {
            initial::<B::InnerBackend>(specs, &mut rng(config.seed, purpose, 0), device)
        };
        let first = weights(&generator.specs(), Purpose::GeneratorWeights);
        let second = weights(&discriminator.specs(), Purpose::DiscriminatorWeights);
        let adam = AdamConfig {
            beta1: config.train.beta1,
            beta2: config.train.beta2,
            epsilon: config.train.epsilon,
        };
        Self {
            config: config.clone(),
            device: device.clone(),
            generator,
            discriminator,
            state: State {
                step: 0,
                average: first.clone(),
                generator_adam: Adam::new(adam, &first),
                discriminator_adam: Adam::new(adam, &second),
                generator: first,
                discriminator: second,
            },
        }
    }

    /// One update of the discriminator, then one of the generator, on the same generated pictures.
    ///
    /// `pictures` holds a batch of real pictures in -1 to 1, row by row; `labels` their classes, which the generated
    /// ones get as well.
    pub fn step(&mut self, pictures: Vec<f32>, labels: &[u8]) -> StepReport<B> {
        let batch = labels.len();
        let pixels = self.config.model.height * self.config.model.width;
        let step = self.state.step + 1;
        let mut random = rng(self.config.seed, Purpose::Latents, step);
        let input = self.input(
            normal(&mut random, batch * self.config.model.latent),
            labels,
        );
        let real = tensor::<B>(pictures, [batch, pixels], &self.device);
        let one_hot = self.one_hot(labels);
        let with_label = |pictures: Tensor<B, 2>| match &one_hot {
            Some(one_hot) => Tensor::cat(vec![pictures, one_hot.clone()], 1),
            None => pictures,
        };

        let generator = tracked::<B>(&self.state.generator);
        let (fake, _) = self
            .generator
            .forward(&generator, Tensor::from_inner(input), None);

        let discriminator = tracked::<B>(&self.state.discriminator);
        let both = Tensor::cat(vec![with_label(real), with_label(fake.clone().detach())], 0);
        let logits = self.discriminator.forward(&discriminator, both);
        let target = self.config.train.real_label;
        let on_real = logits.clone().narrow(0, 0, batch);
        let on_fake = logits.clone().narrow(0, batch, batch);
        // Cross-entropy with target t: -t log(s(x)) - (1 - t) log(1 - s(x)), and log(1 - s(x)) = log(s(-x)).
        let mut loss = -activation::log_sigmoid(on_real.clone()).mean() * target
            - activation::log_sigmoid(-on_fake).mean();
        if target < 1.0 {
            loss = loss - activation::log_sigmoid(-on_real).mean() * (1.0 - target);
        }
        let discriminator_loss = loss.clone().inner();
        let gradients = gradients_of::<B>(&discriminator, loss);
        let rate = self.rate(self.config.train.lr_discriminator);
        let state = &mut self.state;
        state
            .discriminator_adam
            .step(step, rate, &mut state.discriminator, gradients);

        // The updated discriminator, without a graph of its own: only the generator's gradients are wanted.
        let judge: Vec<Tensor<B, 2>> = self
            .state
            .discriminator
            .iter()
            .cloned()
            .map(Tensor::from_inner)
            .collect();
        let judged = self.discriminator.forward(&judge, with_label(fake.clone()));
        let loss = -activation::log_sigmoid(judged).mean();
        let generator_loss = loss.clone().inner();
        let gradients = gradients_of::<B>(&generator, loss);
        let rate = self.rate(self.config.train.lr_generator);
        let state = &mut self.state;
        state
            .generator_adam
            .step(step, rate, &mut state.generator, gradients);

        // The average starts short, so that it forgets the first random weights.
        let warm_up = (1.0 + step as f64) / (10.0 + step as f64);
        let keep = self.config.train.ema.min(warm_up);
        let average = std::mem::take(&mut state.average);
        state.average = average
            .into_iter()
            .zip(&state.generator)
            .map(|(average, new)| average * keep + new.clone() * (1.0 - keep))
            .collect();
        state.step = step;
        StepReport {
            discriminator_loss,
            generator_loss,
            logits: logits.inner(),
            pictures: fake.inner(),
        }
    }

    /// Pictures of the averaged generator as it would be exported, from standard normal latent vectors; shape (labels,
    /// pixels).
    pub fn sample(&self, latents: Vec<f32>, labels: &[u8]) -> Tensor<B::InnerBackend, 2> {
        let input = self.input(self.generator.truncated(latents), labels);
        self.generator
            .forward(&self.state.average, input, Some(&self.moments()))
            .0
    }

    /// The averaged generator as a float network, batch normalisation not folded.
    pub fn network(&self) -> Network {
        self.generator
            .network(&self.config.name, &self.state.average, &self.moments())
    }

    /// Moments of the averaged generator's hidden layers over the prior, from a fixed set of latent vectors: those of
    /// the weights that are exported, where running statistics would be those of weights that are gone.
    fn moments(&self) -> Vec<Moments<B::InnerBackend>> {
        let mut random = rng(self.config.seed, Purpose::Statistics, 0);
        let classes = self.generator.input.classes.clamp(1, 256);
        // The remainder is below 256.
        let labels: Vec<u8> = (0..STATISTICS_BATCH).map(|i| (i % classes) as u8).collect();
        let latents = normal(&mut random, STATISTICS_BATCH * self.config.model.latent);
        self.generator
            .forward(&self.state.average, self.input(latents, &labels), None)
            .1
    }

    /// Latent vectors and one-hot labels, shape (labels, latent + classes).
    fn input(&self, latents: Vec<f32>, labels: &[u8]) -> Tensor<B::InnerBackend, 2> {
        let spec = self.generator.input;
        let mut rows = Vec::with_capacity(labels.len() * spec.len());
        for (latent, label) in latents.chunks_exact(spec.latent).zip(labels) {
            rows.extend_from_slice(latent);
            rows.extend(
                (0..spec.classes).map(|class| f32::from(u8::from(class == usize::from(*label)))),
            );
        }
        tensor(rows, [labels.len(), spec.len()], &self.device)
    }

    /// One-hot labels, shape (labels, classes); `None` for an unconditional GAN.
    fn one_hot(&self, labels: &[u8]) -> Option<Tensor<B, 2>> {
        let classes = self.generator.input.classes;
        let hot = |label: usize| (0..classes).map(move |class| f32::from(u8::from(class == label)));
        let rows = labels
            .iter()
            .flat_map(|label| hot(usize::from(*label)))
            .collect();
        (classes > 0).then(|| tensor(rows, [labels.len(), classes], &self.device))
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

/// Parameters that record what is computed from them.
fn tracked<B: AutodiffBackend>(plain: &Plain<B>) -> Vec<Tensor<B, 2>> {
    plain
        .iter()
        .map(|tensor| Tensor::from_inner(tensor.clone()).require_grad())
        .collect()
}

/// The gradient of a loss for each parameter, in order.
fn gradients_of<B: AutodiffBackend>(parameters: &[Tensor<B, 2>], loss: Tensor<B, 1>) -> Plain<B> {
    let gradients = loss.backward();
    parameters
        .iter()
        .map(|parameter| {
            parameter
                .grad(&gradients)
                .unwrap_or_else(|| parameter.clone().inner().zeros_like())
        })
        .collect()
}
