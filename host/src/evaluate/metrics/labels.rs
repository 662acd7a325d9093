//! Whether conditional samples show what was asked for.

use super::classes::most_likely;
use super::{Estimate, bootstrap};
use ndarray::ArrayView2;
use serde::Serialize;

/// How samples follow their labels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Agreement {
    /// The part of the samples that the classifier takes for the class that was asked for.
    pub accuracy: Estimate,
    /// The mean probability that it gives that class.
    pub confidence: Estimate,
    /// The accuracy of each class; its `n` is how many samples were asked of it.
    pub accuracy_of_class: Vec<Estimate>,
}

/// The classifier's verdict on samples with labels. A label past the last class counts as wrong,
/// with confidence 0.
pub fn agreement(probabilities: ArrayView2<f64>, labels: &[u8], seed: u64) -> Agreement {
    let (mut right, mut confidence) = (Vec::new(), Vec::new());
    for (row, &label) in probabilities.rows().into_iter().zip(labels) {
        right.push(f64::from(u8::from(most_likely(row) == usize::from(label))));
        confidence.push(row.get(usize::from(label)).copied().unwrap_or(0.0));
    }
    let of_class = |class: usize| -> Vec<f64> {
        labels
            .iter()
            .zip(&right)
            .filter(|(label, _)| usize::from(**label) == class)
            .map(|(_, right)| *right)
            .collect()
    };
    Agreement {
        accuracy: bootstrap::mean(&right, seed),
        confidence: bootstrap::mean(&confidence, seed),
        accuracy_of_class: (0..probabilities.ncols())
            .map(|class| bootstrap::mean(&of_class(class), seed))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn right_and_wrong_labels() {
        let p = array![[0.75, 0.25], [0.25, 0.75], [0.0, 1.0], [1.0, 0.0]];
        let found = agreement(p.view(), &[0, 0, 1, 9], 1);
        assert_eq!(found.accuracy.value, 0.5);
        assert_eq!(found.confidence.value, (0.75 + 0.25 + 1.0 + 0.0) / 4.0);
        let classes: Vec<_> = found
            .accuracy_of_class
            .iter()
            .map(|e| (e.value, e.n))
            .collect();
        assert_eq!(classes, [(0.5, 2), (1.0, 1)]);
    }
}
