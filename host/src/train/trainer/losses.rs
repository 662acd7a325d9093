//! Losses of a GAN on logits, or scores, of real and generated pictures.
//!
//! Cross-entropy is written with `log_sigmoid`, so that no exponential overflows; one-sided label
//! smoothing is that of Salimans et al. 2016, section 3.4.

use burn_tensor::{Tensor, activation, backend::Backend};

use crate::train::config::Loss;

/// What the discriminator minimises; `target` is that for real pictures under cross-entropy and
/// least squares. All of shape (pictures, 1).
pub fn of_discriminator<B: Backend>(
    loss: Loss,
    real: Tensor<B, 2>,
    fake: Tensor<B, 2>,
    target: f64,
) -> Tensor<B, 1> {
    match loss {
        Loss::NsBce => {
            // With target t: -t log(s(x)) - (1 - t) log(1 - s(x)), and log(1 - s(x)) = log(s(-x)).
            let sum = -activation::log_sigmoid(real.clone()).mean() * target
                - activation::log_sigmoid(-fake).mean();
            if target < 1.0 {
                sum - activation::log_sigmoid(-real).mean() * (1.0 - target)
            } else {
                sum
            }
        }
        Loss::Hinge => activation::relu(-real + 1.0).mean() + activation::relu(fake + 1.0).mean(),
        Loss::Lsgan => ((real - target).square().mean() + fake.square().mean()) * 0.5,
        Loss::WganGp => fake.mean() - real.mean(),
    }
}

/// What the generator minimises.
pub fn of_generator<B: Backend>(loss: Loss, fake: Tensor<B, 2>) -> Tensor<B, 1> {
    match loss {
        Loss::NsBce => -activation::log_sigmoid(fake).mean(),
        Loss::Hinge | Loss::WganGp => -fake.mean(),
        Loss::Lsgan => (fake - 1.0).square().mean() * 0.5,
    }
}

/// Above this a picture counts as judged real; `None` where scores have no zero of their own.
pub fn threshold(loss: Loss) -> Option<f32> {
    match loss {
        Loss::NsBce | Loss::Hinge => Some(0.0),
        Loss::Lsgan => Some(0.5),
        Loss::WganGp => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::ops::{tensor, values};
    use burn_flex::Flex;

    #[test]
    fn losses_follow_their_papers() {
        let device = Default::default();
        let (real, fake) = ([0.3f32, -1.5, 2.0], [0.4f32, -0.7, -3.0]);
        let mean = |f: &dyn Fn(f64) -> f64, of: [f32; 3]| {
            of.map(|x| f(x.into())).iter().sum::<f64>() / 3.0
        };
        let log = |x: f64| (1.0 + (-x).exp()).ln();
        let cases: [(Loss, f64, f64); 4] = [
            (
                Loss::NsBce,
                mean(&|x| 0.9 * log(x) + 0.1 * log(-x), real) + mean(&|x| log(-x), fake),
                mean(&log, fake),
            ),
            (
                Loss::Hinge,
                mean(&|x| (1.0 - x).max(0.0), real) + mean(&|x| (1.0 + x).max(0.0), fake),
                mean(&|x| -x, fake),
            ),
            (
                Loss::Lsgan,
                mean(&|x| (x - 0.9).powi(2) / 2.0, real) + mean(&|x| x * x / 2.0, fake),
                mean(&|x| (x - 1.0).powi(2) / 2.0, fake),
            ),
            (
                Loss::WganGp,
                mean(&|x| x, fake) - mean(&|x| x, real),
                mean(&|x| -x, fake),
            ),
        ];
        for (loss, discriminator, generator) in cases {
            let scores = |of: [f32; 3]| tensor::<Flex>(of.to_vec(), [3, 1], &device);
            let found = values(&of_discriminator(loss, scores(real), scores(fake), 0.9))[0];
            assert!(
                (f64::from(found) - discriminator).abs() < 1e-5,
                "{loss:?}: {found}"
            );
            let found = values(&of_generator(loss, scores(fake)))[0];
            assert!(
                (f64::from(found) - generator).abs() < 1e-5,
                "{loss:?}: {found}"
            );
        }
    }
}
