//! How much each rounding error of a layer's weights costs: the covariance of what the weights
//! meet.

use super::exponents::power;
use super::linalg::cholesky;
use super::patches;
use crate::graph::Taps;
use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

/// How much of the mean diagonal of H is added to it: keeps directions that calibration did not see
/// from running away.
pub(super) const DAMPING: f64 = 0.01;

/// Layers with more columns are rounded by the diagonal of H alone: its decomposition would take
/// too long.
const MAX_COMPENSATED: usize = 2048;

/// The covariance of a layer's inputs, with its columns in order of rounding.
pub struct Hessian {
    /// Column i of the reordered problem is column `order[i]` of the weights. Rounding goes from
    /// the last to the first.
    pub(super) order: Vec<usize>,
    pub(super) form: Form,
}

/// How much of H is kept; damped and reordered.
pub(super) enum Form {
    /// All of it.
    Full {
        /// The covariance.
        h: Array2<f64>,
        /// Upper triangle of the decomposition.
        r: Array2<f64>,
    },
    /// The diagonal alone.
    Diagonal(Vec<f64>),
}

impl Hessian {
    /// From a fully connected layer's calibration inputs as real numbers, shape (samples, inputs).
    /// `None` where they are not finite.
    pub fn new(inputs: &Array2<f64>) -> Option<Self> {
        let samples = inputs.nrows().max(1) as f64;
        let means = inputs.mean_axis(Axis(0))?;
        let inputs = inputs - &means;
        let diagonal = inputs
            .columns()
            .into_iter()
            .map(|c| c.dot(&c) / samples)
            .collect();
        Self::of(diagonal, || inputs.t().dot(&inputs) / samples)
    }

    /// From a convolution's integer calibration inputs, shape (samples, elements), at an exponent:
    /// of a group's patches.
    pub fn of_patches(
        inputs: ArrayView2<i8>,
        exponent: i32,
        taps: &Taps,
        group: usize,
    ) -> Option<Self> {
        let scale = power(2 * exponent);
        let whole = taps.columns() <= MAX_COMPENSATED;
        let (means, mut moments) = patches::moments(taps, group, inputs, whole);
        if whole {
            for (mut row, &a) in moments.rows_mut().into_iter().zip(&means) {
                row.zip_mut_with(&means, |moment, &b| *moment = (*moment - a * b) * scale);
            }
            Self::of(moments.diag().to_vec(), || moments)
        } else {
            let variance = |(&square, &mean): (&f64, &f64)| (square - mean * mean) * scale;
            Self::of(moments.iter().zip(&means).map(variance).collect(), || {
                Array2::zeros((0, 0))
            })
        }
    }

    fn of(diagonal: Vec<f64>, covariance: impl FnOnce() -> Array2<f64>) -> Option<Self> {
        let n = diagonal.len();
        let mut order: Vec<usize> = (0..n).collect();
        // The heaviest column last, to be rounded first, while all others can still make up for it.
        order.sort_by(|&a, &b| diagonal[a].total_cmp(&diagonal[b]).then(b.cmp(&a)));
        let mean = diagonal.iter().sum::<f64>() / n.max(1) as f64;
        if !mean.is_finite() {
            return None;
        }
        // All inputs zero: any positive number makes H regular, and then all roundings are equal.
        let damping = if mean > 0.0 { DAMPING * mean } else { 1.0 };
        let form = if n > MAX_COMPENSATED {
            Form::Diagonal(order.iter().map(|&i| diagonal[i] + damping).collect())
        } else {
            let covariance = covariance();
            let mut h = Array2::from_shape_fn((n, n), |(i, j)| covariance[[order[i], order[j]]]);
            for i in 0..n {
                h[[i, i]] += damping;
            }
            let r = cholesky(&h)?;
            Form::Full { h, r }
        };
        Some(Self { order, form })
    }

    /// `e^T H e`, the error in the order of rounding.
    pub(super) fn damage(&self, error: &[f64]) -> f64 {
        match &self.form {
            Form::Diagonal(h) => h.iter().zip(error).map(|(h, e)| h * e * e).sum(),
            Form::Full { r, .. } => {
                // ||R e||^2
                let rows = r.rows().into_iter().enumerate();
                rows.map(|(i, row)| dot(&row, &error[i..], i).powi(2)).sum()
            }
        }
    }
}

/// The product of what a row of R has from column `from` on with as many values.
pub(super) fn dot(row: &ArrayView1<f64>, values: &[f64], from: usize) -> f64 {
    let row = row
        .to_slice()
        .and_then(|row| row.get(from..))
        .unwrap_or_default();
    product(row, values)
}

/// The product of two slices, as long as the shorter; eight sums side by side, since one would wait
/// for itself.
fn product(a: &[f64], b: &[f64]) -> f64 {
    let len = a.len().min(b.len());
    let ((a, rest_a), (b, rest_b)) = (a[..len].as_chunks::<8>(), b[..len].as_chunks::<8>());
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f64 = rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}
