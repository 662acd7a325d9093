//! Rounding a layer's weights to 8 or 4 bits so that the layer's output, not each weight, comes out
//! best.
//!
//! With H the covariance of what the weights meet in calibration, [`Hessian`], a row's damage is
//! `e^T H e` for the rounding error e: the variance of the output's error, whose mean the bias
//! takes away. Rounding one column after the other and pushing each error onto the columns that are
//! left (Frantar et al., "GPTQ", 2023, section 3) is Babai's nearest plane algorithm on the lattice
//! of R, where `H = R^T R` (Chen et al., "The Geometry of LLM Quantization", 2025): one Cholesky
//! decomposition and no inverse. After it, single weights move to their best value, given all
//! others, until none does (coordinate descent).

use super::exponents::{covering, power};
use super::hessian::{Form, Hessian, dot};
use crate::graph::Bits;
use ndarray::{Array2, ArrayView1};
use shared::arithmetic::ACCUMULATOR_LIMIT;

/// How many exponents below the covering one are tried for a row.
const DEPTH: i32 = 3;

/// The most rounds of coordinate descent; it usually ends after three.
const ROUNDS: usize = 8;

/// How weights are rounded. The first two are there to measure what the third gains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// Each weight to its nearest, at the exponent that covers the largest.
    Nearest,
    /// Each weight to its nearest, at the exponent with the least damage.
    Search,
    /// As `Search`, with error compensation.
    #[default]
    Compensated,
}

/// A rounded row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The weights.
    pub weights: Vec<i8>,
    /// Their exponent.
    pub exponent: i32,
    /// `e^T H e`.
    pub damage: f64,
}

impl Row {
    /// `sum|w| * 128`, to which the bias comes.
    pub fn bound(&self) -> i64 {
        self.weights
            .iter()
            .map(|&w| i64::from(w.unsigned_abs()))
            .sum::<i64>()
            * 128
    }
}

/// What a row's exponent may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Smallest, so that the shift is not too large.
    pub low: i32,
    /// Largest, so that there is a shift at all.
    pub high: i32,
}

/// The exponent that covers a row without clipping; `None` for a row of zeros.
pub fn covering_exponent(row: ArrayView1<f64>, bits: Bits) -> Option<i32> {
    let largest = row.iter().fold(0f64, |largest, w| largest.max(w.abs()));
    covering(largest, f64::from(bits.range().1))
}

/// Rounds one row within limits so that `sum|w| * 128 + |bias|` stays below the accumulator's
/// limit.
///
/// `bias_at` gives the row's bias, an integer at the accumulator's exponent, for rounded weights.
///
/// # Errors
/// The bound that is still reached at the largest exponent allowed.
pub fn round_row(
    row: ArrayView1<f64>,
    hessian: &Hessian,
    bits: Bits,
    method: Method,
    limits: Limits,
    bias_at: impl Fn(&Row) -> f64,
) -> Result<(Row, i32), i64> {
    let target: Vec<f64> = hessian.order.iter().map(|&column| row[column]).collect();
    let Some(top) = covering_exponent(row, bits) else {
        // Nothing but a bias: fine steps for it, in the middle of what is allowed.
        return with_bias_alone(row.len(), limits, bias_at);
    };
    let mut best: Option<(Row, i32)> = None;
    let mut bound = i64::MAX;
    let deepest = if method == Method::Nearest { 0 } else { DEPTH };
    let mut exponents: Vec<i32> = (top - deepest..=top)
        .map(|e| e.clamp(limits.low, limits.high))
        .collect();
    exponents.dedup();
    if method == Method::Compensated {
        // Compensation is slow: only for the exponent that plain rounding likes best, and the finer
        // one below it.
        let plain = |e: &i32| round_at(&target, hessian, bits, Method::Nearest, *e).damage;
        let scored = exponents.iter().map(|e| (*e, plain(e)));
        if let Some((best, _)) = scored.min_by(|a, b| a.1.total_cmp(&b.1)) {
            exponents.retain(|&e| e == best || e == best - 1);
        }
    }
    let mut next = exponents.last().map_or(limits.high, |last| last + 1);
    let mut exponents = exponents.into_iter();
    loop {
        let exponent = match exponents.next() {
            Some(exponent) => exponent,
            // Every candidate reaches too far: coarser ones, until one does not.
            None if best.is_none() && next <= limits.high => {
                next += 1;
                next - 1
            }
            None => break,
        };
        let rounded = round_at(&target, hessian, bits, method, exponent);
        let bias = bias_at(&rounded).round_ties_even();
        // Far beyond any limit still fits an i64 after the clamp.
        let reached = rounded.bound() + bias.abs().min(1e15) as i64;
        if reached >= ACCUMULATOR_LIMIT {
            bound = reached;
        } else if best.as_ref().is_none_or(|(b, _)| rounded.damage < b.damage) {
            // Below 2^24.
            best = Some((rounded, bias as i32));
        }
    }
    best.ok_or(bound)
}

fn with_bias_alone(
    len: usize,
    limits: Limits,
    bias_at: impl Fn(&Row) -> f64,
) -> Result<(Row, i32), i64> {
    let middle = (limits.low + limits.high) / 2;
    let mut bound = 0;
    for exponent in middle..=limits.high {
        let row = Row {
            weights: vec![0; len],
            exponent,
            damage: 0.0,
        };
        let bias = bias_at(&row).round_ties_even();
        bound = bias.abs().min(1e15) as i64;
        if bound < ACCUMULATOR_LIMIT {
            return Ok((row, bias as i32));
        }
    }
    Err(bound)
}

/// Rounds a row, in the Hessian's order, at one exponent; gives the weights in their own order.
fn round_at(target: &[f64], hessian: &Hessian, bits: Bits, method: Method, exponent: i32) -> Row {
    let (low, high) = bits.range();
    let (low, high) = (f64::from(low), f64::from(high));
    let (step, inverse) = (power(exponent), power(-exponent));
    let nearest = |w: f64| (w * inverse).round_ties_even().clamp(low, high);
    let plain: Vec<f64> = target.iter().map(|&w| nearest(w)).collect();
    let error =
        |q: &[f64]| -> Vec<f64> { target.iter().zip(q).map(|(w, q)| w - q * step).collect() };
    let mut q = plain;
    let mut damage = hessian.damage(&error(&q));
    if let (Method::Compensated, Form::Full { h, r }) = (method, &hessian.form) {
        let mut moved = nearest_plane(target, r, step, nearest);
        let left = error(&moved);
        descend(&mut moved, left, h, step, (low, high));
        let after = hessian.damage(&error(&moved));
        // Clipping can make compensation worse than plain rounding.
        if after < damage {
            (q, damage) = (moved, after);
        }
    }
    let mut weights = vec![0; q.len()];
    for (&column, q) in hessian.order.iter().zip(q) {
        // Clamped to the range of the width.
        weights[column] = q as i8;
    }
    Row {
        weights,
        exponent,
        damage,
    }
}

/// Babai's nearest plane: from the last column to the first, each rounded with the errors behind it
/// taken in.
fn nearest_plane(
    target: &[f64],
    r: &Array2<f64>,
    step: f64,
    nearest: impl Fn(f64) -> f64,
) -> Vec<f64> {
    let n = target.len();
    let mut q = vec![0.0; n];
    let mut error = vec![0.0; n];
    for (i, row) in r.rows().into_iter().enumerate().rev() {
        let pushed = dot(&row, &error[i + 1..], i + 1);
        let wanted = target[i] + pushed / row[i];
        q[i] = nearest(wanted);
        error[i] = target[i] - q[i] * step;
    }
    q
}

/// Moves single weights to their best value given all others, until none moves.
fn descend(q: &mut [f64], error: Vec<f64>, h: &Array2<f64>, step: f64, (low, high): (f64, f64)) {
    let mut gradient: Vec<f64> = h
        .rows()
        .into_iter()
        .map(|row| dot(&row, &error, 0))
        .collect();
    for _ in 0..ROUNDS {
        let mut moved = false;
        for i in 0..q.len() {
            let best = q[i] + gradient[i] / (h[[i, i]] * step);
            let best = best.round_ties_even().clamp(low, high);
            let change = (best - q[i]) * step;
            if change != 0.0 {
                q[i] = best;
                moved = true;
                let row = h.row(i);
                for (g, h) in gradient.iter_mut().zip(row.to_slice().unwrap_or_default()) {
                    *g -= change * h;
                }
            }
        }
        if !moved {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::hessian::DAMPING;
    use super::*;
    use crate::graph::random::Random;
    use ndarray::{Array1, Axis};

    fn problem(seed: u64) -> (Array1<f64>, Array2<f64>) {
        let mut random = Random::new(seed);
        let n = 2 + random.below(5);
        // Correlated inputs: few sources, mixed.
        let sources = Array2::from_shape_simple_fn((200, 3), || f64::from(random.normal()));
        let mix = Array2::from_shape_simple_fn((3, n), || f64::from(random.normal()));
        let noise = Array2::from_shape_simple_fn((200, n), || 0.1 * f64::from(random.normal()));
        let row = Array1::from_shape_simple_fn(n, || f64::from(random.normal()));
        (row, sources.dot(&mix) + noise)
    }

    fn rounded(row: &Array1<f64>, hessian: &Hessian, bits: Bits, method: Method) -> Row {
        let limits = Limits { low: -30, high: 10 };
        round_row(row.view(), hessian, bits, method, limits, |_| 0.0)
            .unwrap()
            .0
    }

    #[test]
    fn each_method_is_at_least_as_good_as_the_one_before() {
        let mut gain = [0.0, 0.0];
        for seed in 0..100 {
            let (row, inputs) = problem(seed);
            let hessian = Hessian::new(&inputs).unwrap();
            let damage = [Method::Nearest, Method::Search, Method::Compensated]
                .map(|method| rounded(&row, &hessian, Bits::Four, method).damage);
            assert!(
                damage[1] <= damage[0] && damage[2] <= damage[1],
                "seed {seed}: {damage:?}"
            );
            gain[0] += (damage[0] / damage[1]).ln() / 100.0;
            gain[1] += (damage[1] / damage[2]).ln() / 100.0;
        }
        assert!(gain[0] > 0.1 && gain[1] > 0.5, "{gain:?}");
    }

    #[test]
    fn the_damage_is_the_variance_of_the_output_s_error() {
        let (row, inputs) = problem(7);
        let hessian = Hessian::new(&inputs).unwrap();
        let result = rounded(&row, &hessian, Bits::Four, Method::Compensated);
        let q: Array1<f64> = result
            .weights
            .iter()
            .map(|&w| f64::from(w) * power(result.exponent))
            .collect();
        let error = &row - &q;
        let variance = inputs.dot(&error).var(0.0);
        let damping =
            DAMPING * inputs.var_axis(Axis(0), 0.0).mean().unwrap() * error.mapv(|e| e * e).sum();
        assert!(
            (result.damage - variance - damping).abs() < 1e-9 * result.damage,
            "{} {variance} {damping}",
            result.damage
        );
    }

    #[test]
    fn near_the_best_of_all_roundings() {
        // Every rounding of 3 columns to three neighbours: coordinate descent need not find the
        // best, but nearly.
        let mut ratio = 0.0;
        for seed in 0..50 {
            let (row, inputs) = problem(1000 + seed);
            let hessian = Hessian::new(&inputs).unwrap();
            let result = rounded(&row, &hessian, Bits::Four, Method::Compensated);
            let target: Vec<f64> = hessian.order.iter().map(|&c| row[c]).collect();
            let step = power(result.exponent);
            let mut best = f64::INFINITY;
            for code in 0..3usize.pow(target.len() as u32) {
                let mut rest = code;
                let error: Vec<f64> = target
                    .iter()
                    .map(|w| {
                        let offset = (rest % 3) as f64 - 1.0;
                        rest /= 3;
                        w - ((w / step).round() + offset).clamp(-8.0, 7.0) * step
                    })
                    .collect();
                best = best.min(hessian.damage(&error));
            }
            ratio += (result.damage / best).ln() / 50.0;
        }
        assert!(
            ratio < 0.35,
            "geometric mean of the ratio to the best: {}",
            ratio.exp()
        );
    }

    #[test]
    fn a_row_that_reaches_too_far_gets_coarser_or_is_refused() {
        let row = Array1::from_elem(1200, 1.9);
        let hessian = Hessian::new(&Array2::eye(1200)).unwrap();
        let limits = Limits { low: -20, high: 0 };
        let (fine, _) = round_row(
            row.view(),
            &hessian,
            Bits::Eight,
            Method::Nearest,
            limits,
            |_| 0.0,
        )
        .unwrap();
        assert!(
            fine.bound() < ACCUMULATOR_LIMIT && fine.exponent > -6,
            "{}",
            fine.exponent
        );
        let limits = Limits { low: -20, high: -6 };
        let refused = round_row(
            row.view(),
            &hessian,
            Bits::Eight,
            Method::Nearest,
            limits,
            |_| 0.0,
        );
        assert_eq!(refused.unwrap_err(), 1200 * 122 * 128);
        let refused = round_row(
            row.view(),
            &hessian,
            Bits::Eight,
            Method::Nearest,
            limits,
            |_| 1e30,
        );
        assert!(refused.unwrap_err() >= ACCUMULATOR_LIMIT);
    }

    #[test]
    fn a_row_of_zeros_keeps_its_bias() {
        let hessian = Hessian::new(&Array2::zeros((4, 3))).unwrap();
        let limits = Limits { low: -30, high: 0 };
        let bias_at = |row: &Row| 2.5 * power(-row.exponent);
        let zeros = Array1::zeros(3);
        let (row, bias) = round_row(
            zeros.view(),
            &hessian,
            Bits::Four,
            Method::Compensated,
            limits,
            bias_at,
        )
        .unwrap();
        assert_eq!(f64::from(bias) * power(row.exponent), 2.5);
    }
}
