//! The columns of the first layer that a one-hot label chooses from, made kind to rounding.
//!
//! Exactly one label is on, so moving a constant from all of a row's label columns into its bias changes nothing for
//! any label. Trained label weights are often many times the latent vector's; without their common part they widen a
//! row's range least, and the row's one exponent is finer.

use super::fold::{Folded, FoldedKind};
use crate::network::InputSpec;
use ndarray::s;
use shared::latent;

/// What the integer input of a label that is on stands for, as a real number at the input's exponent.
fn label_value() -> f64 {
    f64::from(latent::ONE) * 2f64.powi(i32::from(latent::EXPONENT))
}

/// Fits the first layer to the integer input: label columns for inputs of `ONE * 2^EXPONENT` in place of 1, each row's
/// centred around zero with the common part in the bias.
pub fn fit_label_columns(layers: &mut [Folded], input: InputSpec) {
    let Some(Folded {
        kind: FoldedKind::Dense { weight, bias, .. },
        ..
    }) = layers.first_mut()
    else {
        return;
    };
    if input.classes == 0 || weight.ncols() != input.len() {
        return;
    }
    for (mut row, bias) in weight.rows_mut().into_iter().zip(bias.iter_mut()) {
        let mut label = row.slice_mut(s![input.latent..]);
        let (low, high) = label.iter().fold((f64::MAX, f64::MIN), |(low, high), &w| {
            (low.min(w), high.max(w))
        });
        let common = (low + high) / 2.0;
        *bias += common;
        label.mapv_inplace(|w| (w - common) / label_value());
    }
}

#[cfg(test)]
mod tests {
    use super::super::calibrate::{float_inputs, integer_inputs, points};
    use super::super::fold::fold;
    use super::super::simulate;
    use super::*;
    use crate::network::Shape;
    use crate::synthetic;
    use shared::latent::Prior;

    #[test]
    fn every_label_gives_what_it_gave() {
        let network = synthetic::generator(
            6,
            10,
            7,
            &[24],
            Shape {
                channels: 1,
                height: 2,
                width: 2,
            },
        );
        let inputs = integer_inputs(&points(3, 70, 7), network.input, Prior::Normal);
        let mut layers = fold(&network).unwrap();
        let real = float_inputs(&inputs, network.input).mapv(f64::from);
        let expected = simulate::folded(&layers[0], real.view());
        fit_label_columns(&mut layers, network.input);
        let scaled = inputs.mapv(|q| f64::from(q) * 2f64.powi(i32::from(latent::EXPONENT)));
        let found = simulate::folded(&layers[0], scaled.view());
        assert!((&found - &expected).iter().all(|d| d.abs() < 1e-9));
        let FoldedKind::Dense { weight, .. } = &layers[0].kind else {
            panic!()
        };
        for row in weight.rows() {
            let label = row.slice(s![10..]);
            let sum = label.iter().fold(f64::MIN, |a, &b| a.max(b))
                + label.iter().fold(f64::MAX, |a, &b| a.min(b));
            assert!(sum.abs() < 1e-9, "{sum}");
        }
    }
}
