//! Which classes a set has pictures of.

use super::{Estimate, bootstrap};
use ndarray::{ArrayView1, ArrayView2};
use serde::Serialize;

/// How the pictures of a set share in the classes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shares {
    /// The part of the pictures that the classifier takes for each class.
    pub shares: Vec<Estimate>,
    /// The part that would be right.
    pub expected: Vec<f64>,
    /// The largest of `|share / expected - 1|`: 0 where all are right, 1 where a class is missing
    /// altogether. Classes that nothing is expected of do not count.
    pub class_imbalance: f64,
}

/// The most likely class of a row of probabilities; of equal ones the first.
pub fn most_likely(row: ArrayView1<f64>) -> usize {
    let mut best = 0;
    for (class, &p) in row.iter().enumerate() {
        if p > row[best] {
            best = class;
        }
    }
    best
}

/// The share of each class among pictures, by the most likely class of each.
pub fn shares(probabilities: ArrayView2<f64>, expected: &[f64], seed: u64) -> Shares {
    let found: Vec<usize> = probabilities.rows().into_iter().map(most_likely).collect();
    let shares: Vec<Estimate> = (0..expected.len())
        .map(|class| {
            let member: Vec<f64> = found
                .iter()
                .map(|&c| f64::from(u8::from(c == class)))
                .collect();
            bootstrap::mean(&member, seed)
        })
        .collect();
    let class_imbalance = shares
        .iter()
        .zip(expected)
        .filter(|(_, expected)| **expected > 0.0)
        .map(|(share, expected)| (share.value / expected - 1.0).abs())
        .fold(0.0, f64::max);
    Shares {
        shares,
        expected: expected.to_vec(),
        class_imbalance,
    }
}

/// The part of each of `classes` among labels.
pub fn of_labels(labels: &[u8], classes: usize) -> Vec<f64> {
    let mut counts = vec![0usize; classes];
    for &label in labels {
        if let Some(count) = counts.get_mut(usize::from(label)) {
            *count += 1;
        }
    }
    let n = labels.len().max(1) as f64;
    counts.into_iter().map(|count| count as f64 / n).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn shares_and_their_imbalance() {
        let p = array![
            [0.9, 0.1, 0.0],
            [0.6, 0.4, 0.0],
            [0.2, 0.8, 0.0],
            [0.5, 0.5, 0.0]
        ];
        let found = shares(p.view(), &[0.5, 0.5, 0.0], 1);
        let values: Vec<f64> = found.shares.iter().map(|share| share.value).collect();
        assert_eq!(values, [0.75, 0.25, 0.0]);
        assert_eq!(found.class_imbalance, 0.5);
        assert_eq!(shares(p.view(), &[0.5, 0.25, 0.25], 1).class_imbalance, 1.0);
        assert_eq!(of_labels(&[0, 1, 1, 7], 2), [0.25, 0.5]);
    }
}
