//! The order in which pictures are shown, and how they are changed on the way.

use rand::RngExt;

use super::rng::{Purpose, permutation, rng};
use crate::dataset::Dataset;

/// An endless row of pictures: every epoch the whole dataset, shuffled anew. Batch number `step`
/// depends on the seed and the step alone.
#[derive(Debug)]
pub struct Batches<'a> {
    data: &'a Dataset,
    how: How,
    epoch: u64,
    order: Vec<u32>,
}

/// What batches are to be.
#[derive(Debug, Clone, Copy)]
pub struct How {
    /// The seed of the order and the shifts.
    pub seed: u64,
    /// Pictures in a batch.
    pub size: usize,
    /// Whether pixels run from 0 to 1, and not from -1 to 1.
    pub unit_range: bool,
    /// Each picture is moved by up to so many pixels each way; what comes in at the edges is black.
    pub shift: usize,
}

impl<'a> Batches<'a> {
    /// Batches from a dataset.
    pub fn new(data: &'a Dataset, how: How) -> Self {
        Self {
            data,
            how,
            epoch: 0,
            order: permutation(&mut rng(how.seed, Purpose::Shuffle, 0), data.len()),
        }
    }

    /// The pictures of a step (from 1), shape (size, pixels); and their labels.
    pub fn batch(&mut self, step: u64) -> (Vec<f32>, Vec<u8>) {
        let How { seed, size, .. } = self.how;
        let count = self.data.len().max(1) as u64;
        let first = (step.saturating_sub(1)).saturating_mul(size as u64);
        let mut pictures = Vec::with_capacity(size * self.data.pixels());
        let mut labels = Vec::with_capacity(size);
        let mut random = rng(seed, Purpose::Shift, step);
        for place in first..first.saturating_add(size as u64) {
            let epoch = place / count;
            if epoch != self.epoch {
                self.epoch = epoch;
                let mut random = rng(seed, Purpose::Shuffle, epoch);
                self.order = permutation(&mut random, self.data.len());
            }
            // The remainder is below the number of pictures, which fits.
            let Some(index) = self.order.get((place % count) as usize) else {
                break;
            };
            let index = *index as usize;
            let image = self.data.image(index).unwrap_or_default();
            let at = pictures.len();
            pictures.extend(scaled(image, self.how.unit_range));
            if self.how.shift > 0 {
                // A config allows up to 8.
                let most = self.how.shift as i32;
                let by = [(); 2].map(|()| random.random_range(-most..=most) as isize);
                let black = if self.how.unit_range { 0.0 } else { -1.0 };
                move_by(&mut pictures[at..], self.data.width, by, black);
            }
            labels.extend(self.data.labels.get(index));
        }
        (pictures, labels)
    }
}

/// Grey levels from 0..255 to -1..1, the range of tanh, or to 0..1, that of a sigmoid.
pub fn scaled(image: &[u8], unit_range: bool) -> impl Iterator<Item = f32> {
    let (scale, offset) = if unit_range {
        (255.0, 0.0)
    } else {
        (127.5, 1.0)
    };
    image
        .iter()
        .map(move |level| f32::from(*level) / scale - offset)
}

/// Moves a picture down and to the right; black comes in.
fn move_by(picture: &mut [f32], width: usize, by: [isize; 2], black: f32) {
    let old = picture.to_vec();
    let rows = old.len() / width.max(1);
    let inside = |place: usize, by: isize, end: usize| {
        place.checked_add_signed(-by).filter(|place| *place < end)
    };
    for (at, value) in picture.iter_mut().enumerate() {
        let row = inside(at / width, by[0], rows);
        let column = inside(at % width, by[1], width);
        let from = row
            .zip(column)
            .and_then(|(row, column)| old.get(row * width + column));
        *value = from.copied().unwrap_or(black);
    }
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

    fn how(size: usize) -> How {
        How {
            seed: 1,
            size,
            unit_range: false,
            shift: 0,
        }
    }

    #[test]
    fn pictures_are_moved_with_black_behind_them() {
        let old: Vec<f32> = (1..=6u8).map(f32::from).collect();
        let mut moved = old.clone();
        move_by(&mut moved, 3, [1, -1], 0.0);
        assert_eq!(moved, [0.0, 0.0, 0.0, 2.0, 3.0, 0.0]);
        let mut far = old.clone();
        move_by(&mut far, 3, [0, 5], -1.0);
        assert_eq!(far, [-1.0; 6]);

        let data = data(9);
        let shifted = How { shift: 1, ..how(9) };
        let once = Batches::new(&data, shifted).batch(2);
        assert_eq!(Batches::new(&data, shifted).batch(2), once);
        assert_ne!(Batches::new(&data, how(9)).batch(2).0, once.0);
    }

    #[test]
    fn an_epoch_shows_every_picture_once_and_the_next_in_another_order() {
        let data = data(30);
        let mut batches = Batches::new(&data, how(10));
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
        let mut forward = Batches::new(&data, how(5));
        let all: Vec<_> = (1..=6).map(|step| forward.batch(step)).collect();
        for step in [4u64, 1, 6] {
            assert_eq!(
                Batches::new(&data, how(5)).batch(step),
                all[step as usize - 1]
            );
        }
        assert_ne!(
            Batches::new(&data, How { seed: 2, ..how(5) }).batch(1),
            all[0]
        );
    }

    #[test]
    fn a_batch_may_be_larger_than_the_dataset_and_is_scaled() {
        let data = data(3);
        let (pictures, labels) = Batches::new(&data, how(8)).batch(1);
        assert_eq!((pictures.len(), labels.len()), (16, 8));
        assert_eq!(pictures[1], 1.0);
        assert!(pictures.iter().all(|value| (-1.0..=1.0).contains(value)));
        let zero = labels.iter().position(|label| *label == 0).unwrap();
        assert_eq!(pictures[2 * zero], -1.0);
    }
}
