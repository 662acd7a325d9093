//! Improved precision and recall.

use super::neighbours::{fold, radii};
use ndarray::ArrayView2;

/// Which neighbour a sphere reaches to, as in the paper.
pub const K: usize = 3;

/// For each picture of `of`: 1 where it lies in the manifold of `manifold`, else 0. The manifold is
/// the union of spheres around its pictures, each reaching to the `k`-th nearest other one
/// (Kynkaanniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models",
/// NeurIPS 2019, equation 1).
pub fn within(of: ArrayView2<f64>, manifold: ArrayView2<f64>, k: usize) -> Vec<f64> {
    let radii = radii(&manifold, k);
    let inside = fold(
        &of,
        &manifold,
        || false,
        |inside, _, first, distances| {
            *inside = *inside || distances.iter().zip(&radii[first..]).any(|(d, r)| d <= r);
        },
    );
    inside
        .into_iter()
        .map(|inside| f64::from(u8::from(inside)))
        .collect()
}

/// Precision, one value a generated picture: whether it could be a real one (equation 2; its mean
/// is the precision).
pub fn precision(real: ArrayView2<f64>, generated: ArrayView2<f64>, k: usize) -> Vec<f64> {
    within(generated, real, k)
}

/// Recall, one value a real picture: whether it could be a generated one (equation 2; its mean is
/// the recall).
pub fn recall(real: ArrayView2<f64>, generated: ArrayView2<f64>, k: usize) -> Vec<f64> {
    within(real, generated, k)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn spheres_on_a_line() {
        // With k = 1: spheres of 1 around 0 and 1, of 9 around 10; so 2 is the last point inside
        // the first two.
        let real = array![[0.0], [1.0], [10.0]];
        let generated = array![[2.0], [2.5], [1.0], [19.5], [-1.5]];
        assert_eq!(
            precision(real.view(), generated.view(), 1),
            [1.0, 1.0, 1.0, 0.0, 0.0]
        );
        // 2 and 2.5 reach 0.5, 1 reaches 1, 19.5 reaches 17, -1.5 reaches 2.5.
        assert_eq!(recall(real.view(), generated.view(), 1), [1.0, 1.0, 1.0]);
        assert_eq!(recall(array![[40.0]].view(), generated.view(), 1), [0.0]);
    }
}
