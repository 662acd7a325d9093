//! Layers with random parameters.

use crate::graph::random::Random;
use crate::graph::{BatchNorm, Float, Op};
use ndarray::{Array1, Array2};

/// A fully connected layer with random parameters.
pub(super) fn dense(random: &mut Random, inputs: usize, outputs: usize, gain: f32) -> Op<Float> {
    // He, Zhang, Ren, Sun, "Delving Deep into Rectifiers" (2015), section 2.2.
    let deviation = gain * (2.0 / inputs as f32).sqrt();
    let weight = Array2::from_shape_simple_fn((outputs, inputs), || random.normal() * deviation);
    let bias = Array1::from_shape_simple_fn(outputs, || random.normal() * 0.1);
    Op::dense(weight, bias)
}

/// A batch normalisation with random parameters.
pub(super) fn batch_norm(random: &mut Random, channels: usize) -> Op<Float> {
    let mut draw = |low, high| Array1::from_shape_simple_fn(channels, || random.uniform(low, high));
    Op::Norm(BatchNorm {
        scale: draw(0.5, 1.5),
        bias: draw(-0.5, 0.3),
        mean: draw(-0.3, 0.3),
        variance: draw(0.5, 2.5),
        epsilon: 1e-5,
    })
}
