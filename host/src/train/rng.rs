//! Random numbers of the trainer: every draw starts from (seed, purpose, index), never from where
//! another draw ended.
//!
//! So a resumed run needs no saved state, and the numbers are the same on every backend, because
//! the host draws them.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// What numbers are drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Starting weights of the generator.
    GeneratorWeights = 1,
    /// Starting weights of the discriminator.
    DiscriminatorWeights = 2,
    /// The order of the pictures; the index is the epoch.
    Shuffle = 3,
    /// Latent vectors of a step; the index is the step.
    Latents = 4,
    /// The fixed latent vectors of the sample grid.
    Samples = 5,
    /// Latent vectors for the statistics of batch normalisation.
    Statistics = 6,
    /// Places between real and generated pictures, for the gradient penalty; the index is the
    /// update.
    Penalty = 7,
    /// By how much pictures are moved; the index is the step.
    Shift = 8,
}

/// The generator for one purpose and index.
pub fn rng(seed: u64, purpose: Purpose, index: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&(purpose as u64).to_le_bytes());
    key[16..24].copy_from_slice(&index.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

/// `count` numbers of the standard normal distribution.
pub fn normal(rng: &mut impl Rng, count: usize) -> Vec<f32> {
    (0..count).map(|_| StandardNormal.sample(rng)).collect()
}

/// `count` numbers between `-bound` and `bound`.
pub fn uniform(rng: &mut impl Rng, count: usize, bound: f32) -> Vec<f32> {
    (0..count)
        .map(|_| bound * (2.0 * rng.random::<f32>() - 1.0))
        .collect()
}

/// The numbers 0 to `count - 1` in random order (Fisher and Yates).
pub fn permutation(rng: &mut impl Rng, count: usize) -> Vec<u32> {
    // A dataset has at most 2^30 pictures.
    let mut order: Vec<u32> = (0..count as u32).collect();
    for last in (1..count).rev() {
        order.swap(last, rng.random_range(0..=last));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_depend_on_seed_purpose_and_index_only() {
        let draw = |seed, purpose, index| normal(&mut rng(seed, purpose, index), 4);
        let first = draw(1, Purpose::Latents, 5);
        assert_eq!(first, draw(1, Purpose::Latents, 5));
        assert_ne!(first, draw(2, Purpose::Latents, 5));
        assert_ne!(first, draw(1, Purpose::Samples, 5));
        assert_ne!(first, draw(1, Purpose::Latents, 6));
    }

    #[test]
    fn the_distributions_are_what_they_are_called() {
        let mut rng = rng(3, Purpose::Latents, 0);
        let values = normal(&mut rng, 100_000);
        let mean = values.iter().sum::<f32>() / 1e5;
        let variance = values.iter().map(|v| v * v).sum::<f32>() / 1e5;
        assert!(
            mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02,
            "{mean} {variance}"
        );
        assert!(uniform(&mut rng, 1000, 0.5).iter().all(|v| v.abs() <= 0.5));
        let mut order = permutation(&mut rng, 1000);
        assert_ne!(order, (0..1000).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..1000).collect::<Vec<_>>());
    }
}
