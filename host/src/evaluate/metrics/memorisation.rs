//! Whether samples are copies of training pictures.

use super::bootstrap;
use super::neighbours::{Pixels, two_nearest};
use super::{Estimate, bootstrap::percentile};
use serde::Serialize;

/// A sample is a near copy where its nearest training picture is less than this part as far away as
/// the second nearest (Yoon et al., "Diffusion Probabilistic Models Generalize when They Fail to
/// Memorize", ICML 2023 workshop on structured probabilistic inference and generative modeling,
/// section 2).
pub const COPY_RATIO: f64 = 1.0 / 3.0;

/// How near pictures lie to the training set, in pixels: root mean square differences, in grey
/// levels of 0 to 255.
#[derive(Debug, Clone, PartialEq)]
pub struct ToTraining {
    /// The distance of each picture to its nearest training picture.
    pub distance: Vec<f64>,
    /// 1 for each near copy, else 0.
    pub copy: Vec<f64>,
}

impl ToTraining {
    /// Compares pictures with all training pictures.
    pub fn of(pictures: &Pixels<'_>, training: &Pixels<'_>) -> Self {
        let (mut distance, mut copy) = (Vec::new(), Vec::new());
        for (index, found) in two_nearest(pictures, training, false).iter().enumerate() {
            let own = pictures.picture(index);
            // Exactly, and in the right order, which the search's rounding may have missed.
            let squared = |place: usize| match found.index[place] {
                usize::MAX => f64::INFINITY,
                other => Pixels::squared_distance(own, training.picture(other)) as f64,
            };
            let (first, second) = (squared(0).min(squared(1)), squared(0).max(squared(1)));
            distance.push((first / own.len().max(1) as f64).sqrt());
            let near = first == 0.0 || first.sqrt() < COPY_RATIO * second.sqrt();
            copy.push(f64::from(u8::from(near)));
        }
        Self { distance, copy }
    }
}

/// Samples beside test pictures, which no training has seen: what copies nothing lies as far away
/// as they do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Memorisation {
    /// The part of the samples that are near copies of a training picture.
    pub near_copies: Estimate,
    /// The same of the test pictures: the floor.
    pub near_copies_of_test: Estimate,
    /// Median distance of a sample to its nearest training picture: root mean square difference in
    /// grey levels.
    pub median_distance: f64,
    /// The same of the test pictures.
    pub median_distance_of_test: f64,
    /// The probability that a sample lies farther from its nearest training picture than a test
    /// picture from its own, ties counted half: 0.5 where they lie alike, towards 0 where samples
    /// are copied (the statistic of Mann and Whitney, as in Meehan et al., "A Non-Parametric Test
    /// to Detect Data-Copying in Generative Models", AISTATS 2020, section 4).
    pub farther_than_test: f64,
}

/// Compares samples with test pictures.
pub fn memorisation(samples: &ToTraining, test: &ToTraining, seed: u64) -> Memorisation {
    let (sorted, sorted_test) = (sorted(&samples.distance), sorted(&test.distance));
    Memorisation {
        near_copies: bootstrap::mean(&samples.copy, seed),
        near_copies_of_test: bootstrap::mean(&test.copy, seed),
        median_distance: percentile(&sorted, 0.5),
        median_distance_of_test: percentile(&sorted_test, 0.5),
        farther_than_test: farther(&sorted, &sorted_test),
    }
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The part of all pairs in which the first is larger, ties counted half; both sorted.
fn farther(a: &[f64], b: &[f64]) -> f64 {
    let pairs = a.len() as f64 * b.len() as f64;
    let larger: f64 = a
        .iter()
        .map(|value| {
            let below = b.partition_point(|other| other < value);
            let up_to = b.partition_point(|other| other <= value);
            (below + up_to) as f64 / 2.0
        })
        .sum();
    larger / pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_found_whatever_their_neighbours() {
        // Two equal training pictures: a copy of them is nearest to both alike.
        let training = [0u8, 0, 0, 0, 90, 90];
        let samples = [0u8, 0, 80, 90, 45, 44, 30, 0];
        let found = ToTraining::of(&Pixels::new(&samples, 2), &Pixels::new(&training, 2));
        assert_eq!(found.copy, [1.0, 1.0, 0.0, 0.0]);
        let expected = [
            0.0,
            50f64.sqrt(),
            ((45f64.powi(2) + 44f64.powi(2)) / 2.0).sqrt(),
        ];
        for (found, expected) in found.distance.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
    }

    #[test]
    fn distances_are_ranked() {
        assert_eq!(farther(&[1.0, 2.0], &[1.0, 2.0]), 0.5);
        assert_eq!(farther(&[0.0], &[1.0, 2.0]), 0.0);
        assert_eq!(farther(&[3.0, 1.5], &[1.0, 2.0]), 0.75);
    }
}
