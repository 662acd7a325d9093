//! Channel equalization: every hidden channel is scaled so that it just fills int8.
//!
//! An output `y` of a layer whose activation keeps factors (`f(a x) = a f(x)` for `a > 0`: ReLU, LeakyReLU, none) may be
//! divided by a factor of its own if the next layer's weights for it are multiplied by the same: the network computes
//! what it did, but one exponent then fits all channels. After Nagel et al., "Data-Free Quantization Through Weight
//! Equalization and Bias Correction" (2019), section 4.1; here the factors come from the activations, because weights
//! have an exponent a channel anyway.

use super::fold::{Folded, FoldedKind};
use ndarray::{Array1, Array2, ArrayView1};

/// Shares of a channel's largest magnitude that are tried as its range; the rest is clipped.
const SHARES: [f64; 7] = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4];

/// Equalizes the layers in place, and their outputs `targets`, shape (points, length) each.
///
/// Gives each layer's factors: its old output is the new one times the factor. `None` where nothing was changed.
pub fn equalize(layers: &mut [Folded], targets: &mut [Array2<f64>]) -> Vec<Option<Array1<f64>>> {
    let mut all = vec![None; layers.len()];
    for index in 1..layers.len() {
        let Some(([.., before], [after, ..])) = layers.split_at_mut_checked(index) else {
            continue;
        };
        let (FoldedKind::Dense { weight, bias, .. }, FoldedKind::Dense { weight: next, .. }) =
            (&mut before.kind, &mut after.kind)
        else {
            continue;
        };
        let Some(target) = targets.get_mut(index - 1) else {
            continue;
        };
        let factors: Array1<f64> = target.columns().into_iter().map(factor).collect();
        for (mut row, factor) in weight.rows_mut().into_iter().zip(&factors) {
            row /= *factor;
        }
        *bias /= &factors;
        *next *= &factors;
        *target /= &factors;
        if let Some(slot) = all.get_mut(index - 1) {
            *slot = Some(factors);
        }
    }
    all
}

/// What a channel is divided by, so that its range, the best of [`SHARES`] by squared error, becomes 127/128.
fn factor(values: ArrayView1<f64>) -> f64 {
    let largest = values.iter().fold(0f64, |largest, v| largest.max(v.abs()));
    if largest == 0.0 {
        return 1.0;
    }
    let error = |share: f64| -> f64 {
        let step = largest * share / 127.0;
        let one = |v: f64| v - (v / step).round_ties_even().clamp(-128.0, 127.0) * step;
        values.iter().map(|&v| one(v).powi(2)).sum()
    };
    let scored = SHARES.iter().map(|&share| (share, error(share)));
    let best = scored
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map_or(1.0, |(share, _)| share);
    let factor = largest * best * (128.0 / 127.0);
    // A channel of denormals would overflow its weights.
    if factor > 1e-30 { factor } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::super::fold::fold;
    use super::super::simulate;
    use super::*;
    use crate::network::Shape;
    use crate::synthetic;

    #[test]
    fn the_network_computes_the_same_with_channels_of_one_range() {
        let network = synthetic::generator(
            6,
            10,
            3,
            &[24, 16],
            Shape {
                channels: 1,
                height: 4,
                width: 4,
            },
        );
        let before = fold(&network).unwrap();
        let mut random = synthetic::Random::new(8);
        let inputs = Array2::from_shape_simple_fn((300, 13), || f64::from(random.normal()));
        let run = |layers: &[Folded]| -> Vec<Array2<f64>> {
            let mut outputs: Vec<Array2<f64>> = Vec::new();
            for layer in layers {
                let x = outputs.last().unwrap_or(&inputs);
                outputs.push(simulate::folded(layer, x.view()));
            }
            outputs
        };
        let expected = run(&before);
        let (mut layers, mut targets) = (before, expected.clone());
        let factors = equalize(&mut layers, &mut targets);
        let outputs = run(&layers);
        for (index, factors) in factors.iter().enumerate() {
            // The dense layer before tanh keeps its values: tanh does not keep factors.
            assert_eq!(factors.is_some(), index < 2);
            let back = match factors {
                Some(factors) => &outputs[index] * factors,
                None => outputs[index].clone(),
            };
            assert!(
                (&back - &expected[index]).iter().all(|d| d.abs() < 1e-9),
                "layer {index}"
            );
            assert!(
                (&outputs[index] - &targets[index])
                    .iter()
                    .all(|d| d.abs() < 1e-9),
                "layer {index}"
            );
        }
        for column in outputs[0].columns() {
            let largest = column.iter().fold(0f64, |l, v| l.max(v.abs()));
            assert!((0.99..2.5).contains(&largest), "{largest}");
        }
    }
}
