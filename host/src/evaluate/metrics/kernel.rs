//! Kernel distance (KID).

use super::Estimate;
use super::bootstrap::Draw;
use ndarray::{ArrayView2, Axis};
use rayon::prelude::*;

/// How many pairs of subsets are compared.
pub const SUBSETS: usize = 100;

/// Pictures in a subset; all of them where there are fewer.
pub const SUBSET_SIZE: usize = 1000;

/// The unbiased estimate of the squared maximum mean discrepancy with the kernel `(x.y / d + 1)^3`,
/// d the number of features (Binkowski et al., "Demystifying MMD GANs", ICLR 2018, section 4 and
/// equation 4 for the estimate).
///
/// Both sets need two pictures at least; NaN otherwise.
pub fn distance(a: ArrayView2<f64>, b: ArrayView2<f64>) -> f64 {
    let (m, n) = (a.nrows() as f64, b.nrows() as f64);
    within(a) / (m * (m - 1.0)) + within(b) / (n * (n - 1.0)) - 2.0 * kernel_sum(a, b) / (m * n)
}

/// The sum over all ordered pairs of different pictures.
fn within(a: ArrayView2<f64>) -> f64 {
    let d = a.ncols() as f64;
    let diagonal: f64 = a
        .rows()
        .into_iter()
        .map(|x| (x.dot(&x) / d + 1.0).powi(3))
        .sum();
    kernel_sum(a, a) - diagonal
}

/// The sum over all pairs, a block of rows at a time.
fn kernel_sum(a: ArrayView2<f64>, b: ArrayView2<f64>) -> f64 {
    let d = a.ncols() as f64;
    a.axis_chunks_iter(Axis(0), 512)
        .map(|block| {
            let products = block.dot(&b.t());
            products.iter().map(|p| (p / d + 1.0).powi(3)).sum::<f64>()
        })
        .sum()
}

/// Means over pairs of random subsets, drawn without replacement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Subsets {
    /// Mean of the distances.
    pub mean: f64,
    /// Standard deviation of the distances.
    pub deviation: f64,
}

/// The mean and deviation of [`distance`] over pairs of subsets, given as rows of `a` and of `b`.
pub fn over_subsets(
    a: ArrayView2<f64>,
    b: ArrayView2<f64>,
    subsets: &[(Vec<usize>, Vec<usize>)],
) -> Subsets {
    let distances: Vec<f64> = subsets
        .par_iter()
        .map(|(rows_a, rows_b)| {
            distance(
                a.select(Axis(0), rows_a).view(),
                b.select(Axis(0), rows_b).view(),
            )
        })
        .collect();
    let n = distances.len() as f64;
    let mean = distances.iter().sum::<f64>() / n;
    let squares: f64 = distances.iter().map(|d| (d - mean).powi(2)).sum();
    Subsets {
        mean,
        deviation: (squares / n).sqrt(),
    }
}

/// The mean over [`SUBSETS`] pairs of subsets of [`SUBSET_SIZE`] pictures.
///
/// The interval takes the deviation over subsets for that of one subset, and `n / size` of them for
/// independent: the others share pictures with these. There is no interval where a subset is the
/// whole set.
pub fn estimate(real: ArrayView2<f64>, generated: ArrayView2<f64>, seed: u64) -> Estimate {
    let n = generated.nrows();
    let smaller = n.min(real.nrows());
    let size = SUBSET_SIZE.min(smaller);
    let subsets: Vec<_> = (0..SUBSETS as u64)
        .map(|part| {
            let mut draw = Draw::new(seed, part);
            (draw.choose(real.nrows(), size), draw.choose(n, size))
        })
        .collect();
    let found = over_subsets(real, generated, &subsets);
    let independent = smaller as f64 / size as f64;
    if independent < 2.0 {
        return Estimate {
            value: found.mean,
            interval: None,
            n,
        };
    }
    Estimate::normal(found.mean, found.deviation / independent.sqrt(), n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_distance_by_hand() {
        // One feature: k(x, y) = (xy + 1)^3. Within {0, 1}: two pairs of k(0, 1) = 1. Within {2,
        // 3}: two of 343. Between: 1, 1, 27, 64. So 2/2 + 686/2 - 2 * 93/4.
        let (a, b) = (array![[0.0], [1.0]], array![[2.0], [3.0]]);
        let distance = distance(a.view(), b.view());
        assert!(
            (distance - (1.0 + 343.0 - 46.5)).abs() < 1e-12,
            "{distance}"
        );
    }

    #[test]
    fn the_mean_over_subsets() {
        let a = array![[0.0], [1.0], [5.0]];
        let b = array![[2.0], [3.0], [0.5]];
        let subsets = [(vec![0, 1], vec![0, 1]), (vec![2, 1], vec![2, 0])];
        let each: Vec<f64> = subsets
            .iter()
            .map(|(x, y)| distance(a.select(Axis(0), x).view(), b.select(Axis(0), y).view()))
            .collect();
        let found = over_subsets(a.view(), b.view(), &subsets);
        assert!((found.mean - (each[0] + each[1]) / 2.0).abs() < 1e-12);
        assert!((found.deviation - (each[0] - each[1]).abs() / 2.0).abs() < 1e-12);
    }
}
