//! A step of a classifier: softmax and cross-entropy.

use burn_tensor::{Tensor, activation};

use super::{Detail, StepReport, Trainer};
use crate::graph::Graph;
use crate::train::net::{Given, Trainable};
use crate::train::ops::{TrainBackend, tensor, values};

/// Pictures that are classified at once.
const BATCH: usize = 500;

impl<B: TrainBackend> Trainer<B> {
    /// Real pictures and their labels.
    pub(super) fn step_classifier(
        &mut self,
        classifier: &Graph<Trainable>,
        pictures: &[f32],
        labels: &[u8],
    ) -> StepReport<B> {
        let train = self.config.train.clone();
        let batch = labels.len();
        let step = self.state.step + 1;
        let pixels = pictures.len() / batch.max(1);
        let pictures = tensor::<B>(pictures.to_vec(), [batch, pixels], &self.device);
        let tracked = self.state.networks[0].tracked();
        let logits = classifier
            .forward(&tracked, &Given::Whole(pictures), None)
            .last();
        let target: Tensor<B, 2> = self.hot(labels, self.classes);
        let loss = -(activation::log_softmax(logits.clone(), 1) * target).sum() / batch as f64;
        let value = loss.clone().inner();
        let gradients = loss.backward();
        let rate = self.rate(train.lr_generator);
        let state = &mut self.state.networks[0];
        state.update(step, rate, &tracked, &gradients);
        state.follow(step, train.ema);
        StepReport {
            losses: vec![value],
            detail: Detail::Classifier {
                logits: logits.inner(),
            },
        }
    }

    /// Part of the pictures, shape (labels, pixels) row by row, that the averaged classifier tells
    /// right.
    pub(super) fn classifier_accuracy(
        &self,
        classifier: &Graph<Trainable>,
        pictures: &[f32],
        labels: &[u8],
    ) -> f64 {
        let pixels = pictures.len() / labels.len().max(1);
        let mut right = 0;
        let parts = pictures
            .chunks(BATCH * pixels.max(1))
            .zip(labels.chunks(BATCH));
        for (pictures, labels) in parts {
            let pictures = tensor(pictures.to_vec(), [labels.len(), pixels], &self.device);
            let average = &self.state.networks[0].average;
            let logits = classifier
                .forward(average, &Given::Whole(pictures), None)
                .last();
            right += count_right(&values(&logits), labels);
        }
        right as f64 / labels.len().max(1) as f64
    }
}

/// How many rows of logits are largest at their label.
pub fn count_right(logits: &[f32], labels: &[u8]) -> usize {
    let classes = logits.len() / labels.len().max(1);
    let rows = logits.chunks_exact(classes.max(1)).zip(labels);
    rows.filter(|(row, label)| {
        let best = row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        best.is_some_and(|(class, _)| class == usize::from(**label))
    })
    .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_logit_decides() {
        assert_eq!(count_right(&[0.1, 0.9, 3.0, -1.0, 0.0, 0.5], &[1, 0, 0]), 2);
        assert_eq!(count_right(&[], &[]), 0);
    }
}
