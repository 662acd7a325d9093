//! A step of a VAE (Kingma and Welling 2014): one update of encoder and decoder together.

use std::f64::consts::PI;

use burn_tensor::Tensor;

use super::{Detail, StepReport, Trainer};
use crate::graph::Graph;
use crate::train::config::{Likelihood, Vae};
use crate::train::net::{Generator, Given, Trainable};
use crate::train::ops::{TrainBackend, tensor};
use crate::train::rng::{Purpose, normal, rng};

/// Logarithms of variances are kept within this, so that no exponential overflows.
const LOG_VARIANCE: f64 = 20.0;

/// Guards the logarithm of a probability.
const PROBABILITY: f64 = 1e-6;

impl<B: TrainBackend> Trainer<B> {
    /// Real pictures, in the range of the decoder, and their labels.
    pub(super) fn step_vae(
        &mut self,
        decoder: &Generator,
        encoder: &Graph<Trainable>,
        pictures: &[f32],
        labels: &[u8],
    ) -> StepReport<B> {
        let (train, vae) = (self.config.train.clone(), self.config.vae.clone());
        let (batch, latent) = (labels.len(), decoder.input().latent);
        let pixels = pictures.len() / batch.max(1);
        let step = self.state.step + 1;
        let real = tensor::<B>(pictures.to_vec(), [batch, pixels], &self.device);
        let one_hot = self.one_hot(labels);
        let decoding = self.state.networks[0].tracked();
        let encoding = self.state.networks[1].tracked();

        let code = encoder
            .forward(
                &encoding,
                &Given::Parts(real.clone(), one_hot.clone()),
                None,
            )
            .last();
        let mean = code.clone().narrow(1, 0, latent);
        let log_variance = code
            .narrow(1, latent, latent)
            .clamp(-LOG_VARIANCE, LOG_VARIANCE);
        let mut random = rng(self.config.seed, Purpose::Latents, step);
        let noise = tensor::<B>(
            normal(&mut random, batch * latent),
            [batch, latent],
            &self.device,
        );
        let z = mean.clone() + (log_variance.clone() * 0.5).exp() * noise;
        let input = match one_hot {
            Some(one_hot) => Tensor::cat(vec![z, one_hot], 1),
            None => z,
        };
        let given = input.clone().inner();
        let drawn = self.draw(decoder, &decoding, input);
        let reconstruction = reconstruction(&vae, drawn.clone(), real) / batch as f64;
        // Appendix B: of N(mean, variance) from N(0, 1).
        let divergence = (mean.square() + log_variance.clone().exp() - log_variance - 1.0).sum()
            * (0.5 / batch as f64);
        let warm = train.steps as f64 * vae.kl_warm_up;
        let weight = vae.kl_weight * (step as f64 / warm.max(1.0)).min(1.0);
        let loss = reconstruction.clone() + divergence.clone() * weight;
        let loss = self.with_distillation(loss, &drawn, given);
        let gradients = loss.backward();
        let rate = self.drawing_rate();
        let fixed_encoder = self.trains_integers();
        let [first, second] = self.state.networks.as_mut_slice() else {
            unreachable!("a VAE has two networks")
        };
        first.update(step, rate, &decoding, &gradients);
        if !fixed_encoder {
            second.update(step, rate, &encoding, &gradients);
        }
        self.settle(step);
        StepReport {
            losses: vec![reconstruction.inner(), divergence.inner()],
            detail: Detail::Vae {
                pictures: drawn.inner(),
            },
        }
    }
}

/// Negative logarithm of the likelihood in nats, summed over all pictures; as a density it can be
/// negative.
fn reconstruction<B: TrainBackend>(
    vae: &Vae,
    drawn: Tensor<B, 2>,
    real: Tensor<B, 2>,
) -> Tensor<B, 1> {
    match vae.likelihood {
        Likelihood::Bernoulli => {
            let white = (drawn.clone() + PROBABILITY).log() * real.clone();
            let black = (-drawn + 1.0 + PROBABILITY).log() * (-real + 1.0);
            -(white + black).sum()
        }
        Likelihood::Gaussian => {
            let variance = vae.deviation * vae.deviation;
            let count = real.dims().iter().product::<usize>() as f64;
            (drawn - real).square().sum() * (0.5 / variance)
                + 0.5 * count * (2.0 * PI * variance).ln()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::config::Config;
    use crate::train::ops::values;
    use burn_autodiff::Autodiff;
    use burn_flex::Flex;

    #[test]
    fn likelihoods_follow_their_definition() {
        let mut vae = Config::resolve("vae", &[]).unwrap().vae;
        let device = Default::default();
        let of = |values: [f32; 2]| tensor::<Autodiff<Flex>>(values.to_vec(), [1, 2], &device);
        vae.likelihood = Likelihood::Bernoulli;
        let found = values(&reconstruction(&vae, of([0.8, 0.3]), of([1.0, 0.25])))[0];
        let expected = -(0.8f64.ln() + 0.25 * 0.3f64.ln() + 0.75 * 0.7f64.ln());
        assert!(
            (f64::from(found) - expected).abs() < 1e-4,
            "{found} {expected}"
        );
        vae.likelihood = Likelihood::Gaussian;
        vae.deviation = 0.5;
        let found = values(&reconstruction(&vae, of([0.8, 0.3]), of([1.0, -0.5])))[0];
        let density = |x: f64| (-x * x / 0.5).exp() / (0.5 * (2.0 * PI).sqrt());
        let expected = -(density(0.2).ln() + density(0.8).ln());
        assert!(
            (f64::from(found) - expected).abs() < 1e-4,
            "{found} {expected}"
        );
    }
}
