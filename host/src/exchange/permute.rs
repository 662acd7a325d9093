//! Weights and parameters in another order of the elements that they meet or give.

use crate::graph::{
    BatchNorm, Float, Integer, IntegerNote, Linear, Phase, QuantizedLinear, Source,
};
use ndarray::{Array1, Array2, Axis};
use shared::latent;
use std::convert::Infallible;

/// Parameters whose order changes.
pub trait Permute: Phase {
    /// Chooses rows of weights and what goes with them.
    fn rows(linear: &mut Self::Linear, order: &[usize]);
    /// Chooses columns of weights.
    fn columns(linear: &mut Self::Linear, order: &[usize]);
    /// Chooses channels of a normalisation.
    fn norm(norm: &mut Self::Norm, order: &[usize]);
    /// What a node that only moves elements notes of one whose output it gives.
    fn moved(note: Option<&Self::Note>) -> Self::Note;
}

fn select<T: Copy>(matrix: &Array2<T>, axis: usize, order: &[usize]) -> Array2<T> {
    matrix
        .select(Axis(axis), order)
        .as_standard_layout()
        .into_owned()
}

fn chosen<T: Copy>(values: &[T], order: &[usize]) -> Vec<T> {
    order
        .iter()
        .filter_map(|&at| values.get(at).copied())
        .collect()
}

fn chosen_array(values: &Array1<f32>, order: &[usize]) -> Array1<f32> {
    values.select(Axis(0), order)
}

impl Permute for Float {
    fn rows(linear: &mut Linear<f32>, order: &[usize]) {
        linear.weight = select(&linear.weight, 0, order);
        linear.bias = chosen_array(&linear.bias, order);
    }

    fn columns(linear: &mut Linear<f32>, order: &[usize]) {
        linear.weight = select(&linear.weight, 1, order);
    }

    fn norm(norm: &mut BatchNorm, order: &[usize]) {
        for parameter in [
            &mut norm.scale,
            &mut norm.bias,
            &mut norm.mean,
            &mut norm.variance,
        ] {
            *parameter = chosen_array(parameter, order);
        }
    }

    fn moved(_: Option<&()>) {}
}

impl Permute for Integer {
    fn rows(linear: &mut QuantizedLinear, order: &[usize]) {
        linear.weights = select(&linear.weights, 0, order);
        linear.bias = chosen(&linear.bias, order);
        linear.shifts = chosen(&linear.shifts, order);
        linear.weight_exponents = chosen(&linear.weight_exponents, order);
    }

    fn columns(linear: &mut QuantizedLinear, order: &[usize]) {
        linear.weights = select(&linear.weights, 1, order);
    }

    fn norm(norm: &mut Infallible, _: &[usize]) {
        match *norm {}
    }

    fn moved(note: Option<&IntegerNote>) -> IntegerNote {
        let input = (Source::Input, latent::EXPONENT);
        let (layer, exponent) = note.map_or(input, |note| (note.layer, note.exponent));
        IntegerNote {
            layer,
            exponent,
            // Channels are others.
            factors: Vec::new(),
        }
    }
}
