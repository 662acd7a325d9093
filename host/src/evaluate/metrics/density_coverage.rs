//! Density and coverage.

use super::neighbours::{fold, radii};
use ndarray::ArrayView2;

/// Which neighbour a real picture's sphere reaches to, as in the paper.
pub const K: usize = 5;

/// Density, one value a generated picture: in how many spheres of real pictures it lies, divided by
/// `k`; the mean may exceed 1. A sphere reaches to the `k`-th nearest other real picture, its
/// border not included (Naeem et al., "Reliable Fidelity and Diversity Metrics for Generative
/// Models", ICML 2020, equation 3).
pub fn density(real: ArrayView2<f64>, generated: ArrayView2<f64>, k: usize) -> Vec<f64> {
    let radii = radii(&real, k);
    let spheres = fold(
        &generated,
        &real,
        || 0usize,
        |count, _, first, distances| {
            *count += distances
                .iter()
                .zip(&radii[first..])
                .filter(|(d, r)| d < r)
                .count();
        },
    );
    spheres
        .into_iter()
        .map(|count| count as f64 / k as f64)
        .collect()
}

/// Coverage, one value a real picture: 1 where its sphere holds a generated picture, else 0
/// (equation 4).
pub fn coverage(real: ArrayView2<f64>, generated: ArrayView2<f64>, k: usize) -> Vec<f64> {
    let radii = radii(&real, k);
    let covered = fold(
        &real,
        &generated,
        || false,
        |covered, row, _, distances| {
            *covered = *covered || distances.iter().any(|&d| d < radii[row]);
        },
    );
    covered
        .into_iter()
        .map(|covered| f64::from(u8::from(covered)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn spheres_on_a_line() {
        // With k = 1: spheres of 1 around 0 and 1, of 9 around 10.
        let real = array![[0.0], [1.0], [10.0]];
        let generated = array![[0.5], [2.0], [1.5], [19.0]];
        // 2.0 lies on the border of the sphere around 1, and inside that around 10; 19.0 on a
        // border.
        assert_eq!(
            density(real.view(), generated.view(), 1),
            [2.0, 1.0, 2.0, 0.0]
        );
        assert_eq!(coverage(real.view(), generated.view(), 1), [1.0, 1.0, 1.0]);
        assert_eq!(
            coverage(real.view(), array![[-0.5], [0.0]].view(), 1),
            [1.0, 0.0, 0.0],
            "0 lies on the border of the sphere around 1"
        );
    }
}
