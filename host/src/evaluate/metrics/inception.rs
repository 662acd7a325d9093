//! Inception Score.

use super::Estimate;
use super::bootstrap::{self, Draw};
use ndarray::{Array1, ArrayView2, Axis};

/// Parts that the pictures are split into, as in the paper.
pub const SPLITS: usize = 10;

/// The mean over splits of `exp(E_x KL(p(y|x) || p(y)))` (Salimans et al., "Improved Techniques for
/// Training GANs", NeurIPS 2016, section 4), with `p(y)` the mean of a split.
///
/// `order` lists rows of `probabilities`; split `i` of `n` has places `i * len / n .. (i + 1) * len
/// / n`. Give a random order where pictures lie sorted by class. Splits without pictures are left
/// out; NaN where all are empty.
pub fn score(probabilities: ArrayView2<f64>, order: &[usize], splits: usize) -> f64 {
    let information = information(probabilities);
    score_of(probabilities, &information, order, splits)
}

/// `sum p log p` of each row; the limit 0 where p is 0.
fn information(probabilities: ArrayView2<f64>) -> Vec<f64> {
    probabilities
        .rows()
        .into_iter()
        .map(|row| row.iter().map(|&p| p_log_p(p)).sum())
        .collect()
}

fn p_log_p(p: f64) -> f64 {
    if p > 0.0 { p * p.ln() } else { 0.0 }
}

/// As [`score`]: the mean of KL over a split is the mean of `sum p log p` less `sum q log q` of the
/// mean q.
fn score_of(
    probabilities: ArrayView2<f64>,
    information: &[f64],
    order: &[usize],
    splits: usize,
) -> f64 {
    let splits = splits.max(1);
    let (mut sum, mut counted) = (0.0, 0.0);
    for split in 0..splits {
        let part = &order[split * order.len() / splits..(split + 1) * order.len() / splits];
        if part.is_empty() {
            continue;
        }
        let count = part.len() as f64;
        let mut mean = Array1::<f64>::zeros(probabilities.ncols());
        let mut conditional = 0.0;
        for &row in part {
            mean += &probabilities.index_axis(Axis(0), row);
            conditional += information[row];
        }
        let marginal: f64 = mean.iter().map(|&q| p_log_p(q / count)).sum();
        sum += (conditional / count - marginal).exp();
        counted += 1.0;
    }
    sum / counted
}

/// The score of [`SPLITS`] splits in a seeded random order, with a normal interval from the
/// bootstrap.
pub fn estimate(probabilities: ArrayView2<f64>, seed: u64) -> Estimate {
    let n = probabilities.nrows();
    let information = information(probabilities);
    let order = Draw::new(seed, u64::MAX).permutation(n);
    let value = score_of(probabilities, &information, &order, SPLITS);
    let error = bootstrap::standard_error(n, seed, |weights| {
        // Each picture as often as it was drawn, in the order of the pictures: equal ones share a
        // split, or nearly.
        let drawn: Vec<usize> = order
            .iter()
            .flat_map(|&row| std::iter::repeat_n(row, weights[row] as usize))
            .collect();
        Some(score_of(probabilities, &information, &drawn, SPLITS))
    });
    Estimate::normal(value, error.unwrap_or(f64::NAN), n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn the_ends_of_the_scale() {
        let order: Vec<usize> = (0..1000).map(|i| i * 7 % 1000).collect();
        let sure = Array2::from_shape_fn((1000, 10), |(i, j)| f64::from(u8::from(i % 10 == j)));
        assert!(
            (score(sure.view(), &order, 1) - 10.0).abs() < 1e-9,
            "sure and even"
        );
        let unsure = Array2::from_elem((1000, 10), 0.1);
        assert!(
            (score(unsure.view(), &order, 10) - 1.0).abs() < 1e-9,
            "knows nothing"
        );
        let one = Array2::from_shape_fn((1000, 10), |(_, j)| f64::from(u8::from(j == 3)));
        assert!(
            (score(one.view(), &order, 10) - 1.0).abs() < 1e-9,
            "one class only"
        );
    }

    #[test]
    fn sorted_pictures_do_not_spoil_the_estimate() {
        // Every split of the order that they lie in would hold one class.
        let sorted = Array2::from_shape_fn((5000, 10), |(i, j)| f64::from(u8::from(i / 500 == j)));
        let estimate = estimate(sorted.view(), 1);
        assert!((9.8..=10.0).contains(&estimate.value), "{estimate:?}");
    }

    #[test]
    fn few_pictures_leave_splits_empty() {
        let two = Array2::from_shape_fn((2, 2), |(i, j)| f64::from(u8::from(i == j)));
        assert!((score(two.view(), &[0, 1], 10) - 1.0).abs() < 1e-12);
        assert!(score(two.view(), &[], 10).is_nan());
    }
}
