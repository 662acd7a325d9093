//! The metrics: pure functions of features, probabilities, labels or pixels. One subject a file,
//! its formula and the paper that it comes from at the function.
//!
//! Features are matrices of shape (pictures, features), `f64`; probabilities of shape (pictures,
//! classes), each row summing to 1. "Real" is the reference set, "generated" the set that is
//! judged; no function knows where either comes from. Nothing here allocates a matrix of pictures x
//! pictures: [`neighbours`] goes through distances in blocks.
//!
//! Where a number is the mean of one value a picture, the function returns those values, and
//! [`bootstrap::mean`] makes an [`Estimate`] of them.

pub mod bootstrap;
pub mod classes;
pub mod density_coverage;
pub mod duplicates;
pub mod frechet;
pub mod inception;
pub mod kernel;
pub mod labels;
pub mod memorisation;
pub mod neighbours;
pub mod precision_recall;
#[cfg(test)]
mod ranking_tests;

use serde::Serialize;

/// A number, how sure it is, and on how many pictures it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// Lower and upper end of the 95 % interval; absent where none can be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// How many pictures it was taken on.
    pub n: usize,
}

impl Estimate {
    /// An estimate with a normal interval: the value plus and minus 1.96 standard errors.
    pub fn normal(value: f64, standard_error: f64, n: usize) -> Self {
        let reach = 1.96 * standard_error;
        Self {
            value,
            interval: reach.is_finite().then_some([value - reach, value + reach]),
            n,
        }
    }
}
