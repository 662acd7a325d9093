//! From the reports of steps to the records of metrics.jsonl.

use std::time::Instant;

use burn_tensor::Tensor;

use super::config::Loss;
use super::metrics::{Measures, Record, spread};
use super::ops::{TrainBackend, values};
use super::trainer::{Detail, StepReport, count_right, losses};

/// Sums of losses since the last record, on the device; none before the first step.
pub(super) struct Sums<B: TrainBackend> {
    losses: Vec<Tensor<B::InnerBackend, 1>>,
    steps: u64,
    since: Instant,
    loss: Loss,
}

impl<B: TrainBackend> Sums<B> {
    /// Sums of nothing; `loss` is that of a GAN.
    pub fn new(loss: Loss) -> Self {
        Self {
            losses: Vec::new(),
            steps: 0,
            since: Instant::now(),
            loss,
        }
    }

    /// Adds a step.
    pub fn add(&mut self, report: &StepReport<B>) {
        let new = report.losses.clone();
        let old = std::mem::take(&mut self.losses);
        self.losses = if old.is_empty() {
            new
        } else {
            old.into_iter().zip(new).map(|(a, b)| a + b).collect()
        };
        self.steps += 1;
    }

    /// The record of the steps since the last, and a fresh start. `report` is that of the last
    /// step, `labels` and `real_spread` belong to its real pictures.
    pub fn record(
        &mut self,
        report: &StepReport<B>,
        step: u64,
        labels: &[u8],
        real_spread: f64,
    ) -> Record {
        let mean = |i: usize| {
            let sum = self.losses.get(i);
            let sum = sum.and_then(|sum| values(sum).first().copied());
            f64::from(sum.unwrap_or(f32::NAN)) / self.steps as f64
        };
        let diversity = |pictures: &Tensor<B::InnerBackend, 2>| {
            // The last batch, where a step has several.
            let [batch, _] = pictures.dims();
            let labels = &labels[labels.len().saturating_sub(batch)..];
            spread(&values(pictures), labels) / real_spread.max(1e-9)
        };
        let measures = match &report.detail {
            Detail::Gan { logits, pictures } => Measures::Gan {
                discriminator_loss: mean(0),
                generator_loss: mean(1),
                discriminator_accuracy: told_right(&values(logits), losses::threshold(self.loss)),
                diversity: diversity(pictures),
            },
            Detail::Vae { pictures } => Measures::Vae {
                reconstruction: mean(0),
                divergence: mean(1),
                diversity: diversity(pictures),
            },
            Detail::Classifier { logits } => Measures::Classifier {
                loss: mean(0),
                accuracy: count_right(&values(logits), labels) as f64 / labels.len().max(1) as f64,
                test_accuracy: None,
            },
        };
        let record = Record {
            step,
            epoch: 0.0,
            measures,
            steps_per_second: self.steps as f64 / self.since.elapsed().as_secs_f64().max(1e-9),
            warning: None,
        };
        *self = Self::new(self.loss);
        record
    }
}

/// Part of the scores on the right side of the threshold: those of as many real pictures come
/// first, then those of generated ones. Without a threshold their mean takes its place.
fn told_right(scores: &[f32], threshold: Option<f32>) -> f64 {
    let mean = scores.iter().sum::<f32>() / scores.len().max(1) as f32;
    let threshold = threshold.unwrap_or(mean);
    let half = scores.len() / 2;
    let right = |(i, score): &(usize, &f32)| (**score > threshold) == (*i < half);
    scores.iter().enumerate().filter(right).count() as f64 / scores.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::told_right;

    #[test]
    fn scores_are_told_right_by_a_threshold_or_their_mean() {
        assert_eq!(told_right(&[1.0, -1.0, -2.0, -3.0], Some(0.0)), 0.75);
        assert_eq!(told_right(&[11.0, 12.0, 10.0, 9.0], Some(0.0)), 0.5);
        assert_eq!(told_right(&[11.0, 12.0, 10.0, 9.0], None), 1.0);
        assert_eq!(told_right(&[], None), 0.0);
    }
}
