//! A step of a GAN: updates of the discriminator, then one of the generator.

use burn_tensor::Tensor;

use super::{Detail, StepReport, Trainer, class_head, losses};
use crate::graph::Graph;
use crate::train::config::Loss;
use crate::train::net::{Generator, Given, Trainable};
use crate::train::ops::{TrainBackend, tensor};
use crate::train::rng::{Purpose, normal, rng, uniform};

/// Guards the square root of a gradient's length.
const LENGTH_GUARD: f64 = 1e-12;

impl<B: TrainBackend> Trainer<B> {
    /// Real pictures of `d_steps` batches and their labels, which the generated ones get as well.
    /// The generator's update uses the pictures that the last update of the discriminator has seen.
    pub(super) fn step_gan(
        &mut self,
        generator: &Generator,
        discriminator: &Graph<Trainable>,
        pictures: &[f32],
        labels: &[u8],
    ) -> StepReport<B> {
        let train = self.config.train.clone();
        let batch = labels.len() / train.d_steps.max(1);
        let pixels = pictures.len() / labels.len().max(1);
        let step = self.state.step + 1;
        let rate = self.rate(train.lr_discriminator);
        let mut random = rng(self.config.seed, Purpose::Latents, step);
        let drawing = self.state.networks[0].tracked();
        let has_head = self.config.model.class_head;
        let mut last = None;
        for turn in 0..train.d_steps {
            let labels = &labels[turn * batch..(turn + 1) * batch];
            let real = &pictures[turn * batch * pixels..(turn + 1) * batch * pixels];
            let real = tensor::<B>(real.to_vec(), [batch, pixels], &self.device);
            let latents = normal(&mut random, batch * generator.input().latent);
            let given = self.input(generator.input(), latents, labels);
            let input = Tensor::from_inner(given.clone());
            // Only the last pictures are differentiated back to the generator.
            let fake = if turn + 1 == train.d_steps {
                self.draw(generator, &drawing, input)
            } else {
                self.draw(generator, &self.state.networks[0].constant(), input)
            };
            let one_hot = self.one_hot(labels);
            let one_hot = one_hot.as_ref();
            let classes = has_head.then(|| self.hot(labels, self.classes));

            let judge = &mut self.state.networks[1];
            judge.iterate();
            let tracked = judge.tracked();
            let weights = judge.normalised(&tracked);
            let both = Tensor::cat(vec![real.clone(), fake.clone().detach()], 0);
            let twice = one_hot.map(|label| Tensor::cat(vec![label.clone(), label.clone()], 0));
            let judged = discriminator
                .forward(&weights, &Given::Parts(both, twice), None)
                .last();
            let logits = class_head::score(judged.clone());
            let on_real = logits.clone().narrow(0, 0, batch);
            let on_fake = logits.clone().narrow(0, batch, batch);
            let mut loss = losses::of_discriminator(train.loss, on_real, on_fake, train.real_label);
            if let Some(classes) = classes {
                let told = judged.narrow(0, 0, batch);
                loss = loss + class_head::cross_entropy(told, classes) * train.class_weight;
            }
            if train.loss == Loss::WganGp {
                let index = step.saturating_mul(128).saturating_add(turn as u64);
                let mut random = rng(self.config.seed, Purpose::Penalty, index);
                let parts = uniform(&mut random, batch, 0.5);
                let part = tensor::<B>(parts, [batch, 1], &self.device) + 0.5;
                let between = real.clone() * part.clone() + fake.clone().detach() * (-part + 1.0);
                let penalty = penalty(discriminator, &weights, between, one_hot);
                loss = loss + penalty * train.penalty;
            }
            if train.r1 > 0.0 && step.is_multiple_of(train.r1_every) {
                let weight = train.r1 * train.r1_every as f64;
                let length = steepness(discriminator, &weights, real, one_hot);
                loss = loss + length * (weight / 2.0);
            }
            let discriminator_loss = loss.clone().inner();
            let gradients = loss.backward();
            // Adam counts updates from 1.
            let update = (step - 1) * train.d_steps as u64 + turn as u64 + 1;
            judge.update(update, rate, &tracked, &gradients);
            last = Some((
                fake,
                given,
                one_hot.cloned(),
                discriminator_loss,
                logits.inner(),
            ));
        }
        let (fake, given, one_hot, discriminator_loss, logits) = last.expect("at least one step");

        // The updated discriminator, without a graph of its own: only the generator's gradients are
        // wanted.
        let judge = &self.state.networks[1];
        let weights = judge.normalised(&judge.constant());
        let judged = discriminator
            .forward(&weights, &Given::Parts(fake.clone(), one_hot), None)
            .last();
        let mut loss = losses::of_generator(train.loss, class_head::score(judged.clone()));
        if has_head {
            let classes = self.hot(&labels[labels.len() - batch..], self.classes);
            loss = loss + class_head::imbalance(judged, classes) * train.balance;
        }
        let generator_loss = loss.clone().inner();
        let loss = self.with_distillation(loss, &fake, given);
        let gradients = loss.backward();
        let rate = self.drawing_rate();
        let state = &mut self.state.networks[0];
        state.update(step, rate, &drawing, &gradients);
        self.settle(step);
        StepReport {
            losses: vec![discriminator_loss, generator_loss],
            detail: Detail::Gan {
                logits,
                pictures: fake.inner(),
            },
        }
    }
}

/// Mean squared length of a discriminator's gradient for the pictures (Mescheder, Geiger and
/// Nowozin 2018, equation 9 without its weight), differentiable in its parameters.
fn steepness<B: TrainBackend>(
    discriminator: &Graph<Trainable>,
    parameters: &[Tensor<B, 2>],
    pictures: Tensor<B, 2>,
    labels: Option<&Tensor<B, 2>>,
) -> Tensor<B, 1> {
    let given = Given::Parts(pictures, labels.cloned());
    let outputs = discriminator.forward(parameters, &given, None);
    let gradient = discriminator.input_gradient(parameters, &given, &outputs);
    gradient.square().sum_dim(1).mean()
}

/// Mean of (length of a discriminator's gradient for the pictures - 1)^2 (Gulrajani et al. 2017,
/// equation 3), differentiable in its parameters.
fn penalty<B: TrainBackend>(
    discriminator: &Graph<Trainable>,
    parameters: &[Tensor<B, 2>],
    pictures: Tensor<B, 2>,
    labels: Option<&Tensor<B, 2>>,
) -> Tensor<B, 1> {
    let given = Given::Parts(pictures, labels.cloned());
    let outputs = discriminator.forward(parameters, &given, None);
    let gradient = discriminator.input_gradient(parameters, &given, &outputs);
    let length = (gradient.square().sum_dim(1) + LENGTH_GUARD).sqrt();
    (length - 1.0).square().mean()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::config::{Config, Family};
    use crate::train::net::{discriminator, initial};
    use crate::train::ops::values;
    use burn_autodiff::Autodiff;
    use burn_flex::Flex;

    type A = Autodiff<Flex>;

    /// Which one [`penalty`] or [`steepness`] takes.
    type Penalty =
        fn(&Graph<Trainable>, &[Tensor<A, 2>], Tensor<A, 2>, Option<&Tensor<A, 2>>) -> Tensor<A, 1>;

    #[test]
    fn penalties_have_the_gradients_of_finite_differences() {
        let penalties: [Penalty; 2] = [penalty, steepness];
        for (family, classes, outputs, penalty) in [
            (Family::Dense, 2, 1, penalties[0]),
            (Family::Conv, 0, 1, penalties[0]),
            (Family::Conv, 2, 1, penalties[0]),
            (Family::Conv, 0, 3, penalties[0]),
            (Family::Conv, 2, 1, penalties[1]),
            (Family::Dense, 0, 3, penalties[1]),
        ] {
            let mut model = Config::resolve("cgan", &[]).unwrap().model;
            model.family = family;
            model.discriminator = vec![4, 3];
            (model.height, model.width) = (8, 8);
            let discriminator = discriminator::discriminator(&model, classes, outputs);
            let device = Default::default();
            let mut random = rng(5, Purpose::DiscriminatorWeights, 0);
            let plain = initial::<Flex>(discriminator.specs(), &mut random, &device);
            let pictures = tensor::<A>(normal(&mut random, 3 * 64), [3, 64], &device);
            let labels = (classes > 0)
                .then(|| tensor::<A>(vec![1.0, 0.0, 0.0, 1.0, 1.0, 0.0], [3, 2], &device));
            let loss = |all: &[Tensor<A, 2>]| {
                penalty(&discriminator, all, pictures.clone(), labels.as_ref())
            };
            let tracked: Vec<Tensor<A, 2>> = plain
                .iter()
                .map(|p| Tensor::from_inner(p.clone() * 3.0).require_grad())
                .collect();
            let gradients = loss(&tracked).backward();
            let mut checked = 0;
            for (number, parameter) in tracked.iter().enumerate() {
                // Biases move the masks only, so they have no gradient.
                let Some(found) = parameter.grad(&gradients) else {
                    continue;
                };
                let (found, start, shape) = (values(&found), values(parameter), parameter.dims());
                for i in (0..start.len()).step_by(start.len().div_ceil(12)) {
                    let moved = |by: f32| {
                        let mut changed = start.clone();
                        changed[i] += by;
                        let mut all: Vec<Tensor<A, 2>> =
                            tracked.iter().map(|p| p.clone().detach()).collect();
                        all[number] = tensor(changed, shape, &device);
                        values(&loss(&all))[0]
                    };
                    let step = 2e-3;
                    let expected = (moved(step) - moved(-step)) / (2.0 * step);
                    assert!(
                        (found[i] - expected).abs() < 0.02 * expected.abs().max(0.5),
                        "{family:?} {classes} {outputs}, parameter {number}, element {i}: {} {expected}",
                        found[i]
                    );
                    checked += usize::from(expected.abs() > 1e-3);
                }
            }
            assert!(checked > 10, "{checked}");
        }
    }
}
