//! Inputs to calibrate and to measure on: drawn from the prior, so no dataset is needed.

use crate::graph::InputSpec;
use ndarray::{Array2, s};
use shared::latent::{EXPONENT, Latent, ONE, Point, Prior};

/// Seeds that calibration uses start here; those of measurements, golden vectors and people's
/// pictures lie elsewhere.
pub const CALIBRATION_SEEDS: u32 = 0xC0DE_0000;

/// Seeds that measurements of quality use start here.
pub const MEASURING_SEEDS: u32 = 0xBEEF_0000;

/// How many points calibration uses where nothing else is asked for. A quarter of it leaves the
/// rare large values out, and costs a decibel.
pub const CALIBRATION_POINTS: usize = 4096;

/// What a network is calibrated on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calibration {
    /// What latent vectors are drawn from.
    pub prior: Prior,
    /// How many points.
    pub points: usize,
    /// Chooses other points.
    pub seed: u32,
}

impl Default for Calibration {
    fn default() -> Self {
        Self {
            prior: Prior::Normal,
            points: CALIBRATION_POINTS,
            seed: 0,
        }
    }
}

impl Calibration {
    /// The points, all labels equally often.
    pub fn draw(&self, classes: usize) -> Vec<Point> {
        points(
            CALIBRATION_SEEDS.wrapping_add(self.seed),
            self.points.max(1),
            classes,
        )
    }
}

/// Points of latent space with all labels equally often.
pub fn points(first_seed: u32, count: usize, classes: usize) -> Vec<Point> {
    (0..count)
        .map(|index| Point {
            // Seeds may wrap; labels are below 256, as the network's check made sure.
            seed: first_seed.wrapping_add(index as u32),
            label: index.checked_rem(classes).map(|label| label as u8),
        })
        .collect()
}

/// The integer inputs of points, shape (points, latent + classes), at exponent [`EXPONENT`].
pub fn integer_inputs(points: &[Point], input: InputSpec, prior: Prior) -> Array2<i8> {
    let latents: Vec<Latent> = points.iter().map(|&point| Latent::At(point)).collect();
    latent_inputs(&latents, input, prior)
}

/// The same of latent vectors, which may lie between points.
pub fn latent_inputs(latents: &[Latent], input: InputSpec, prior: Prior) -> Array2<i8> {
    let mut inputs = Array2::zeros((latents.len(), input.len()));
    for (mut row, latent) in inputs.rows_mut().into_iter().zip(latents) {
        if let Some(row) = row.as_slice_mut() {
            latent.fill(prior, input.latent, row);
        }
    }
    inputs
}

/// The same as the float network sees it: latent values as real numbers, 1.0 for the label that is
/// on.
pub fn float_inputs(inputs: &Array2<i8>, input: InputSpec) -> Array2<f32> {
    let mut floats = inputs.mapv(|q| f32::from(q) * 2f32.powi(i32::from(EXPONENT)));
    let label = s![.., input.latent.min(inputs.ncols())..];
    floats
        .slice_mut(label)
        .assign(&inputs.slice(label).mapv(|q| f32::from(q) / f32::from(ONE)));
    floats
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_even_and_one_hot() {
        let points = points(5, 40, 10);
        let inputs = integer_inputs(
            &points,
            InputSpec {
                latent: 3,
                classes: 10,
            },
            Prior::Normal,
        );
        let floats = float_inputs(
            &inputs,
            InputSpec {
                latent: 3,
                classes: 10,
            },
        );
        for (index, row) in floats.rows().into_iter().enumerate() {
            let label: Vec<f32> = row.iter().copied().skip(3).collect();
            assert_eq!((label[index % 10], label.iter().sum::<f32>()), (1.0, 1.0));
        }
        assert!(super::points(5, 3, 0).iter().all(|p| p.label.is_none()));
    }
}
