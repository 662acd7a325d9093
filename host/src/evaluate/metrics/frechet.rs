//! Frechet distance.

use super::Estimate;
use super::bootstrap;
use nalgebra::linalg::SymmetricEigen;
use nalgebra::{DMatrix, Dyn};
use ndarray::{Array1, Array2, ArrayView2, Axis};

/// Iterations after which an eigendecomposition is given up; some dozens are usual for a hundred
/// rows.
const MAX_ITERATIONS: usize = 100_000;

/// Mean and covariance of a set of features.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// Shape (features).
    pub mean: Array1<f64>,
    /// Shape (features, features), with one degree of freedom less than pictures.
    pub covariance: Array2<f64>,
}

impl Moments {
    /// The moments of features of shape (pictures, features). Two pictures at least; fewer give no
    /// finite covariance.
    pub fn of(features: ArrayView2<f64>) -> Self {
        let mean = features.mean_axis(Axis(0));
        let mean = mean.unwrap_or_else(|| Array1::from_elem(features.ncols(), f64::NAN));
        let centred = &features - &mean;
        let covariance = centred.t().dot(&centred) / (features.nrows() as f64 - 1.0);
        Self { mean, covariance }
    }

    /// The moments where picture `i` stands `weights[i]` times in the set.
    fn weighted(features: ArrayView2<f64>, weights: &[u32]) -> Self {
        let total: f64 = weights.iter().map(|&w| f64::from(w)).sum();
        let weights: Array1<f64> = weights.iter().map(|&w| f64::from(w)).collect();
        let mean = weights.dot(&features) / total;
        let centred = &features - &mean;
        let weighted = &centred * &weights.insert_axis(Axis(1));
        let covariance = centred.t().dot(&weighted) / (total - 1.0);
        Self { mean, covariance }
    }
}

/// A set that others are compared with: its moments and the root of its covariance, computed once.
#[derive(Debug, Clone)]
pub struct Reference {
    moments: Moments,
    root: Array2<f64>,
}

impl Reference {
    /// `None` where a moment is not finite.
    pub fn new(moments: Moments) -> Option<Self> {
        let eigen = eigen(&moments.covariance)?;
        // Rounding makes eigenvalues of a singular covariance slightly negative.
        let roots = eigen.eigenvalues.map(|value| value.max(0.0).sqrt());
        let root =
            &eigen.eigenvectors * DMatrix::from_diagonal(&roots) * eigen.eigenvectors.transpose();
        let n = moments.mean.len();
        Some(Self {
            root: Array2::from_shape_fn((n, n), |(i, j)| root[(i, j)]),
            moments,
        })
    }

    /// The Frechet distance, squared as everybody reports it: `|m1 - m2|^2 + tr(C1 + C2 - 2 (C1
    /// C2)^(1/2))` (Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a
    /// Local Nash Equilibrium", NeurIPS 2017, equation 6).
    ///
    /// `C1 C2` has the eigenvalues of the symmetric `R C2 R` with `R = C1^(1/2)`, so two symmetric
    /// eigendecompositions do. `None` where a moment is not finite or the lengths differ.
    pub fn distance(&self, other: &Moments) -> Option<f64> {
        if self.moments.mean.len() != other.mean.len() {
            return None;
        }
        let product = self.root.dot(&other.covariance).dot(&self.root);
        let values = eigen(&product)?.eigenvalues;
        let root_trace: f64 = values.iter().map(|value| value.max(0.0).sqrt()).sum();
        let difference = &self.moments.mean - &other.mean;
        let traces = self.moments.covariance.diag().sum() + other.covariance.diag().sum();
        Some(difference.dot(&difference) + traces - 2.0 * root_trace)
    }

    /// The distance to a set of features, with a normal interval from the bootstrap over its
    /// pictures.
    ///
    /// A sample with replacement lies farther away than the set that it is drawn from (the distance
    /// grows as pictures get fewer), so percentiles would be off; the standard deviation is not.
    pub fn estimate(&self, features: ArrayView2<f64>, seed: u64) -> Option<Estimate> {
        let n = features.nrows();
        let value = self.distance(&Moments::of(features))?;
        let error = bootstrap::standard_error(n, seed, |weights| {
            self.distance(&Moments::weighted(features, weights))
        })?;
        Some(Estimate::normal(value, error, n))
    }
}

/// Eigenvalues and eigenvectors of a symmetric matrix; `None` where it is not finite.
fn eigen(matrix: &Array2<f64>) -> Option<SymmetricEigen<f64, Dyn>> {
    if matrix.iter().any(|value| !value.is_finite()) {
        return None;
    }
    // The mean of both triangles: products leave a difference in the last bits.
    let symmetric = DMatrix::from_fn(matrix.nrows(), matrix.ncols(), |i, j| {
        (matrix[[i, j]] + matrix[[j, i]]) / 2.0
    });
    SymmetricEigen::try_new(symmetric, f64::EPSILON, MAX_ITERATIONS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    fn reference(mean: Array1<f64>, covariance: Array2<f64>) -> Reference {
        Reference::new(Moments { mean, covariance }).unwrap()
    }

    #[test]
    fn diagonal_covariances_have_a_closed_form() {
        // Sum of (m1 - m2)^2 + (s1 - s2)^2.
        let a = reference(array![0.0, 1.0], array![[4.0, 0.0], [0.0, 9.0]]);
        let b = Moments {
            mean: array![1.0, 3.0],
            covariance: array![[1.0, 0.0], [0.0, 25.0]],
        };
        let distance = a.distance(&b).unwrap();
        assert!(
            (distance - (1.0 + 4.0 + 1.0 + 4.0)).abs() < 1e-12,
            "{distance}"
        );
    }

    #[test]
    fn singular_covariances_are_no_trouble() {
        let a = reference(array![0.0, 0.0], array![[1.0, 1.0], [1.0, 1.0]]);
        let zero = Moments {
            mean: array![0.0, 0.0],
            covariance: Array2::zeros((2, 2)),
        };
        assert!((a.distance(&zero).unwrap() - 2.0).abs() < 1e-12);
        assert!(reference(zero.mean.clone(), zero.covariance.clone()).distance(&zero) == Some(0.0));
    }

    #[test]
    fn what_is_not_finite_or_of_another_length_gives_nothing() {
        let nan = Moments {
            mean: array![0.0],
            covariance: array![[f64::NAN]],
        };
        assert!(Reference::new(nan.clone()).is_none());
        assert_eq!(reference(array![0.0], array![[1.0]]).distance(&nan), None);
        let other = Moments {
            mean: array![0.0, 0.0],
            covariance: Array2::eye(2),
        };
        assert_eq!(reference(array![0.0], array![[1.0]]).distance(&other), None);
    }

    #[test]
    fn weights_count_pictures() {
        let features = array![[1.0, 2.0], [3.0, 5.0], [4.0, 0.0]];
        let repeated = array![[1.0, 2.0], [4.0, 0.0], [4.0, 0.0]];
        let weighted = Moments::weighted(features.view(), &[1, 0, 2]);
        let counted = Moments::of(repeated.view());
        assert!(
            (&weighted.mean - &counted.mean)
                .iter()
                .all(|d| d.abs() < 1e-12)
        );
        let difference = &weighted.covariance - &counted.covariance;
        assert!(difference.iter().all(|d| d.abs() < 1e-12));
    }
}
