//! Adam (Kingma and Ba 2015, algorithm 1) over a list of tensors.

use burn_tensor::{Tensor, backend::Backend};

/// Decay rates and guard.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamConfig {
    /// Decay of the mean.
    pub beta1: f64,
    /// Decay of the square.
    pub beta2: f64,
    /// Added to the root of the square.
    pub epsilon: f64,
}

/// The two moving averages of each parameter's gradient.
#[derive(Debug, Clone)]
pub struct Adam<B: Backend> {
    config: AdamConfig,
    /// Moving averages of the gradients, shaped like the parameters.
    pub means: Vec<Tensor<B, 2>>,
    /// Moving averages of the gradients' squares, shaped like the parameters.
    pub squares: Vec<Tensor<B, 2>>,
}

impl<B: Backend> Adam<B> {
    /// Averages that start at zero.
    pub fn new(config: AdamConfig, parameters: &[Tensor<B, 2>]) -> Self {
        let zeros = || parameters.iter().map(Tensor::zeros_like).collect();
        Self {
            config,
            means: zeros(),
            squares: zeros(),
        }
    }

    /// Update number `step` (from 1) of every parameter; `gradients` are in the same order.
    pub fn step(
        &mut self,
        step: u64,
        rate: f64,
        parameters: &mut Vec<Tensor<B, 2>>,
        gradients: Vec<Tensor<B, 2>>,
    ) {
        let AdamConfig {
            beta1,
            beta2,
            epsilon,
        } = self.config;
        // Past 2^31 steps both corrections are 1 in any case.
        let time = i32::try_from(step).unwrap_or(i32::MAX);
        let correction = (1.0 - beta2.powi(time)).sqrt();
        let rate = rate * correction / (1.0 - beta1.powi(time));
        // The guard is scaled like the root that it is added to, so that this equals the paper's
        // epsilon exactly.
        let guard = epsilon * correction;
        let means = std::mem::take(&mut self.means);
        let squares = std::mem::take(&mut self.squares);
        let old = std::mem::take(parameters);
        for (((parameter, gradient), mean), square) in
            old.into_iter().zip(gradients).zip(means).zip(squares)
        {
            let squared = gradient.clone() * gradient.clone() * (1.0 - beta2);
            let mean = mean * beta1 + gradient * (1.0 - beta1);
            let square = square * beta2 + squared;
            let change = mean.clone() / (square.clone().sqrt() + guard) * rate;
            parameters.push(parameter - change);
            self.means.push(mean);
            self.squares.push(square);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::ops::{tensor, values};
    use burn_flex::Flex;

    #[test]
    fn it_follows_the_paper() {
        let config = AdamConfig {
            beta1: 0.5,
            beta2: 0.999,
            epsilon: 1e-8,
        };
        let mut parameters = vec![tensor::<Flex>(vec![1.0, -2.0], [1, 2], &Default::default())];
        let mut adam = Adam::new(config, &parameters);
        let (mut m, mut v, mut p) = ([0.0f64; 2], [0.0f64; 2], [1.0f64, -2.0]);
        for step in 1..=20i32 {
            let gradient = [0.3 * f64::from(step).sin(), -4.0];
            let device = Default::default();
            let gradients = vec![tensor::<Flex>(
                gradient.map(|g| g as f32).to_vec(),
                [1, 2],
                &device,
            )];
            adam.step(
                u64::from(step.unsigned_abs()),
                0.01,
                &mut parameters,
                gradients,
            );
            for i in 0..2 {
                m[i] = 0.5 * m[i] + 0.5 * gradient[i];
                v[i] = 0.999 * v[i] + 0.001 * gradient[i] * gradient[i];
                let (mean, square) = (
                    m[i] / (1.0 - 0.5f64.powi(step)),
                    v[i] / (1.0 - 0.999f64.powi(step)),
                );
                p[i] -= 0.01 * mean / (square.sqrt() + 1e-8);
            }
        }
        for (found, expected) in values(&parameters[0]).iter().zip(p) {
            assert!(
                (f64::from(*found) - expected).abs() < 1e-5,
                "{found} {expected}"
            );
        }
    }
}
