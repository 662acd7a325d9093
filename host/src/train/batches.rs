//! The order in which pictures are shown.

use super::rng::{Purpose, permutation, rng};
use crate::dataset::Dataset;

/// An endless row of pictures: every epoch the whole dataset, shuffled anew. Batch number `step` depends on the seed and
/// the step alone.
#[derive(Debug)]
pub struct Batches<'a> {
    data: &'a Dataset,
    seed: u64,
    size: usize,
    epoch: u64,
    order: Vec<u32>,
}

impl<'a> Batches<'a> {
    /// Batches of `size` pictures.
    pub fn new(data: &'a Dataset, seed: u64, size: usize) -> Self {
        Self {
            data,
            seed,
            size,
            epoch: 0,
            order: permutation(&mut rng(seed, Purpose::Shuffle, 0), data.len()),
        }
    }

    /// The pictures of a step (from 1), scaled from 0..255 to -1..1, shape (size, pixels); and their labels.
    pub fn batch(&mut self, step: u64) -> (Vec<f32>, Vec<u8>) {
        let count = self.data.len().max(1) as u64;
        let first = (step.saturating_sub(1)).saturating_mul(self.size as u64);
        let mut pictures = Vec::with_capacity(self.size * self.data.pixels());
        let mut labels = Vec::with_capacity(self.size);
        for place in first..first.saturating_add(self.size as u64) {
            let epoch = place / count;
            if epoch != self.epoch {
                self.epoch = epoch;
                self.order = permutation(
                    &mut rng(self.seed, Purpose::Shuffle, epoch),
                    self.data.len(),
                );
            }
            // The remainder is below the number of pictures, which fits.
            let Some(index) = self.order.get((place % count) as usize) else {
                break;
            };
            let index = *index as usize;
            let image = self.data.image(index).unwrap_or_default();
            pictures.extend(image.iter().map(|level| scaled(*level)));
            labels.extend(self.data.labels.get(index));
        }
        (pictures, labels)
    }
}

/// 0..255 to -1..1, the range of tanh.
fn scaled(level: u8) -> f32 {
    f32::from(level) / 127.5 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(count: u8) -> Dataset {
        Dataset {
            name: "test".into(),
            images: (0..count).flat_map(|i| [i, 255]).collect(),
            labels: (0..count).collect(),
            classes: (0..count).map(|i| i.to_string()).collect(),
            height: 1,
            width: 2,
            sha256: String::new(),
        }
    }

    #[test]
    fn an_epoch_shows_every_picture_once_and_the_next_in_another_order() {
        let data = data(30);
        let mut batches = Batches::new(&data, 1, 10);
        let mut epoch = |first: u64| {
            (first..first + 3)
                .flat_map(|s| batches.batch(s).1)
                .collect::<Vec<_>>()
        };
        let (mut one, two) = (epoch(1), epoch(4));
        assert_ne!(one, two);
        one.sort_unstable();
        assert_eq!(one, data.labels);
    }

    #[test]
    fn a_batch_depends_on_its_step_alone() {
        let data = data(7);
        let mut forward = Batches::new(&data, 1, 5);
        let all: Vec<_> = (1..=6).map(|step| forward.batch(step)).collect();
        for step in [4u64, 1, 6] {
            assert_eq!(
                Batches::new(&data, 1, 5).batch(step),
                all[step as usize - 1]
            );
        }
        assert_ne!(Batches::new(&data, 2, 5).batch(1), all[0]);
    }

    #[test]
    fn a_batch_may_be_larger_than_the_dataset_and_is_scaled() {
        let data = data(3);
        let (pictures, labels) = Batches::new(&data, 1, 8).batch(1);
        assert_eq!((pictures.len(), labels.len()), (16, 8));
        assert_eq!(pictures[1], 1.0);
        assert!(pictures.iter().all(|value| (-1.0..=1.0).contains(value)));
        let zero = labels.iter().position(|label| *label == 0).unwrap();
        assert_eq!(pictures[2 * zero], -1.0);
    }
}
