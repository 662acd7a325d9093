//! Bootstrap intervals: how far a number would move if other pictures had been drawn (Efron and
//! Tibshirani, "An Introduction to the Bootstrap", 1993).
//!
//! Only the pictures that a number is the mean over are drawn again; what they are compared with
//! stays as it is.

use super::Estimate;
use rayon::prelude::*;
use shared::latent::pcg::{Pcg32, split_mix_64};

/// How often pictures are drawn again for an interval of percentiles.
pub const RESAMPLES: usize = 1000;

/// How often for a standard error, which needs fewer (Efron and Tibshirani, section 6.4: 50 to
/// 200).
pub const RESAMPLES_OF_ERROR: usize = 200;

/// A stream of [`Pcg32`] of its own. Any constant would do.
const STREAM: u64 = 0x626f_6f74;

/// Draws numbers below a limit, seeded.
pub struct Draw(Pcg32);

impl Draw {
    /// The same seed and part give the same numbers on every machine.
    pub fn new(seed: u64, part: u64) -> Self {
        Self(Pcg32::new(split_mix_64(seed ^ split_mix_64(part)), STREAM))
    }

    /// One of `0..n`, for `n` of 1 to 2^32; 0 where `n` is 0. Multiply and shift: the bias is below
    /// `n / 2^32`.
    pub fn below(&mut self, n: usize) -> usize {
        // The upper half of a 64-bit product is below n, so the cast loses nothing.
        ((u64::from(self.0.next_u32()) * n as u64) >> 32) as usize
    }

    /// The numbers `0..n` in a random order (Fisher and Yates).
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        self.choose(n, n)
    }

    /// `count` different numbers of `0..n` in a random order; all of them where `count` is larger.
    pub fn choose(&mut self, n: usize, count: usize) -> Vec<usize> {
        let count = count.min(n);
        let mut order: Vec<usize> = (0..n).collect();
        for i in 0..count {
            order.swap(i, i + self.below(n - i));
        }
        order.truncate(count);
        order
    }

    /// How often each of `n` pictures is in a sample of `n` with replacement.
    pub fn weights(&mut self, n: usize) -> Vec<u32> {
        let mut weights = vec![0; n];
        for _ in 0..n {
            weights[self.below(n)] += 1;
        }
        weights
    }
}

/// The mean of one value a picture, with the 2.5th and 97.5th percentile of the means of
/// [`RESAMPLES`] samples. There is no interval where all values are equal: drawing them again
/// cannot say how rare the other ones are.
pub fn mean(values: &[f64], seed: u64) -> Estimate {
    let n = values.len();
    let average = |sum: f64| sum / n as f64;
    let value = average(values.iter().sum());
    if values.windows(2).all(|pair| pair[0] == pair[1]) {
        return Estimate {
            value,
            interval: None,
            n,
        };
    }
    let mut means: Vec<f64> = (0..RESAMPLES as u64)
        .into_par_iter()
        .map(|part| {
            let mut draw = Draw::new(seed, part);
            average((0..n).map(|_| values[draw.below(n)]).sum())
        })
        .collect();
    means.sort_by(f64::total_cmp);
    Estimate {
        value,
        interval: Some([percentile(&means, 0.025), percentile(&means, 0.975)]),
        n,
    }
}

/// The standard deviation of a statistic over [`RESAMPLES_OF_ERROR`] samples of `n` pictures, each
/// given as how often every picture is in it. `None` where the statistic gives nothing.
pub fn standard_error(
    n: usize,
    seed: u64,
    statistic: impl Fn(&[u32]) -> Option<f64> + Sync,
) -> Option<f64> {
    let values: Option<Vec<f64>> = (0..RESAMPLES_OF_ERROR as u64)
        .into_par_iter()
        .map(|part| statistic(&Draw::new(seed, part).weights(n)))
        .collect();
    Some(deviation(&values?))
}

/// Standard deviation, with one degree of freedom less than values.
fn deviation(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (squares / (values.len() as f64 - 1.0)).sqrt()
}

/// The value below which a part of the sorted values lies, interpolated between neighbours; NaN
/// without values.
pub fn percentile(sorted: &[f64], part: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = part.clamp(0.0, 1.0) * last as f64;
    // Between 0 and the last index, so the casts lose only the fraction.
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    sorted[low] + (sorted[high] - sorted[low]) * (place - low as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_as_wide_as_the_standard_error_says() {
        // 400 of 1000: standard error sqrt(0.4 * 0.6 / 1000) = 0.01549.
        let values: Vec<f64> = (0..1000).map(|i| f64::from(u8::from(i % 5 < 2))).collect();
        let estimate = mean(&values, 3);
        let [low, high] = estimate.interval.unwrap();
        assert!((estimate.value - 0.4).abs() < 1e-12);
        assert!(
            ((high - low) / 2.0 - 1.96 * 0.01549).abs() < 0.004,
            "{low} {high}"
        );
        assert!(low < 0.4 && 0.4 < high);
        assert_eq!(estimate, mean(&values, 3), "seeded");
        assert_ne!(estimate, mean(&values, 4));
        let error = standard_error(1000, 3, |weights| {
            let sum: f64 = weights
                .iter()
                .zip(&values)
                .map(|(&w, v)| f64::from(w) * v)
                .sum();
            Some(sum / 1000.0)
        });
        assert!((error.unwrap() - 0.01549).abs() < 0.003, "{error:?}");
    }

    #[test]
    fn choices_are_different_and_even() {
        let mut draw = Draw::new(1, 2);
        let mut seen = [0; 20];
        for _ in 0..2000 {
            let chosen = draw.choose(20, 5);
            let different: std::collections::BTreeSet<_> = chosen.iter().collect();
            assert_eq!(different.len(), 5);
            for index in chosen {
                seen[index] += 1;
            }
        }
        // 500 each; a standard deviation is 19.4.
        assert!(
            seen.iter().all(|&n: &i32| (n - 500).abs() < 100),
            "{seen:?}"
        );
        assert_eq!(draw.choose(3, 9).len(), 3);
        assert!(draw.choose(0, 4).is_empty());
    }

    #[test]
    fn percentiles_are_interpolated() {
        assert_eq!(percentile(&[1.0, 2.0, 4.0], 0.5), 2.0);
        assert_eq!(percentile(&[1.0, 2.0, 4.0], 0.75), 3.0);
        assert!(percentile(&[], 0.5).is_nan());
    }

    #[test]
    fn equal_values_have_no_interval() {
        assert_eq!(mean(&[2.0], 1).interval, None);
        assert_eq!(mean(&[0.0; 50], 1).interval, None);
        assert!(mean(&[], 1).value.is_nan());
    }
}
