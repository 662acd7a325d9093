//! A discriminator that tells classes as well: Salimans et al. 2016, "Improved techniques for
//! training GANs", section 5.
//!
//! It has a logit for each class of real pictures; that of a generated one is 0. What the losses of
//! a GAN take for its score is then the logarithm of the sum of their exponentials: the sigmoid of
//! that is the probability of being real. A generator that is told nothing still learns from it
//! what a digit is.

use burn_tensor::{Tensor, activation, backend::Backend};

/// Logits, shape (pictures, classes) -> scores, shape (pictures, 1); a single logit is a score
/// itself.
pub fn score<B: Backend>(logits: Tensor<B, 2>) -> Tensor<B, 2> {
    if logits.dims()[1] == 1 {
        return logits;
    }
    // Without the largest no exponential overflows.
    let largest = logits.clone().max_dim(1).detach();
    (logits - largest.clone()).exp().sum_dim(1).log() + largest
}

/// Mean cross-entropy of the classes of real pictures; logits and one-hot labels, shape (pictures,
/// classes).
pub fn cross_entropy<B: Backend>(logits: Tensor<B, 2>, labels: Tensor<B, 2>) -> Tensor<B, 1> {
    let pictures = logits.dims()[0].max(1);
    -(activation::log_softmax(logits, 1) * labels).sum() / pictures as f64
}

/// Cross-entropy of the shares of classes among generated pictures, by their logits, where those
/// among real ones, by their one-hot labels, are wanted; both of shape (pictures, classes). After
/// Springenberg 2016, "Unsupervised and semi-supervised learning with categorical generative
/// adversarial networks", equation 7, whose classes are alike.
pub fn imbalance<B: Backend>(logits: Tensor<B, 2>, labels: Tensor<B, 2>) -> Tensor<B, 1> {
    // A class that is never drawn has a share all the same, and the logarithm an end.
    const LEAST: f64 = 1e-6;
    let shares = activation::softmax(logits, 1).mean_dim(0);
    -((shares + LEAST).log() * labels.mean_dim(0)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::ops::{tensor, values};
    use burn_flex::Flex;

    fn of(rows: &[f32]) -> Tensor<Flex, 2> {
        tensor(rows.to_vec(), [rows.len() / 2, 2], &Default::default())
    }

    #[test]
    fn one_logit_is_its_score_and_large_ones_do_not_overflow() {
        let one = tensor::<Flex>(vec![0.3, -2.0], [2, 1], &Default::default());
        assert_eq!(values(&score(one)), [0.3, -2.0]);
        let found = values(&score(of(&[0.0, 0.0, 1000.0, -1000.0, -1000.0, -1000.0])));
        let two = 2f32.ln();
        assert_eq!(found, [two, 1000.0, -1000.0 + two]);
    }

    #[test]
    fn classes_and_their_shares_by_hand() {
        // Probabilities 3/4 and 1/4, then 1/4 and 3/4.
        let logits = || of(&[3f32.ln(), 0.0, 0.0, 3f32.ln()]);
        let (first, both) = (of(&[1.0, 0.0, 1.0, 0.0]), of(&[1.0, 0.0, 0.0, 1.0]));
        let right = values(&cross_entropy(logits(), both.clone()))[0];
        assert!((right - (4f32 / 3.0).ln()).abs() < 1e-6, "{right}");
        let half = values(&cross_entropy(logits(), first.clone()))[0];
        assert!((half - (16f32 / 3.0).ln() / 2.0).abs() < 1e-6, "{half}");
        // The shares are even, which is what is wanted of the latter only.
        let even = values(&imbalance(logits(), both))[0];
        assert!((even - 2f32.ln()).abs() < 1e-5, "{even}");
        let skewed = of(&[3f32.ln(), 0.0, 3f32.ln(), 0.0]);
        let (wrong, wanted) = (
            values(&imbalance(skewed.clone(), of(&[1.0, 0.0, 0.0, 1.0])))[0],
            values(&imbalance(skewed, first))[0],
        );
        assert!(wanted < even && even < wrong, "{wanted} {even} {wrong}");
    }
}
