//! The one decomposition that rounding with error compensation needs.

use ndarray::Array2;

/// The upper triangle R of `H = R^T R` for a symmetric positive definite H (Cholesky; Golub and Van
/// Loan, Matrix Computations, section 4.2). `None` where H is not positive definite.
pub fn cholesky(h: &Array2<f64>) -> Option<Array2<f64>> {
    let n = h.nrows();
    // Lower triangle first: its rows are contiguous, so the inner loop is a product of two slices.
    let mut lower = Array2::<f64>::zeros((n, n));
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = {
                let (a, b) = (lower.row(i), lower.row(j));
                let (a, b) = (a.to_slice()?, b.to_slice()?);
                a[..j].iter().zip(&b[..j]).map(|(x, y)| x * y).sum()
            };
            let rest = h[[i, j]] - dot;
            if i == j {
                if !(rest.is_finite() && rest > 0.0) {
                    return None;
                }
                lower[[i, i]] = rest.sqrt();
            } else {
                lower[[i, j]] = rest / lower[[j, j]];
            }
        }
    }
    Some(lower.reversed_axes().as_standard_layout().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::random::Random;
    use ndarray::array;

    #[test]
    fn the_factor_multiplies_back() {
        let mut random = Random::new(4);
        let x = Array2::from_shape_simple_fn((60, 20), || f64::from(random.normal()));
        let h = x.t().dot(&x);
        let r = cholesky(&h).unwrap();
        let back = r.t().dot(&r);
        assert!((&back - &h).iter().all(|d| d.abs() < 1e-9));
        assert!(r.indexed_iter().all(|((i, j), &v)| i <= j || v == 0.0));
    }

    #[test]
    fn what_is_not_positive_definite_is_refused() {
        assert_eq!(cholesky(&array![[1.0, 2.0], [2.0, 1.0]]), None);
        assert_eq!(cholesky(&array![[f64::NAN]]), None);
    }
}
