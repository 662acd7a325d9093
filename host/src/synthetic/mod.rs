//! Generators that were never trained: seeded random networks for tests and measurements of everything behind training.

mod combine;
mod graph;

pub use combine::any_choice;
pub use graph::{any_graph, any_groups, conv_generator};

use crate::graph::{BatchNorm, Float, InputSpec, Network, Op, Shape};
use ndarray::{Array1, Array2};
use shared::latent::pcg::{Pcg32, split_mix_64};

/// A source of seeded random floats.
pub struct Random(Pcg32);

impl Random {
    /// The same seed gives the same numbers on every machine.
    pub fn new(seed: u64) -> Self {
        Self(Pcg32::new(split_mix_64(seed), 0x7379_6e74))
    }

    /// Uniform on `low..high`.
    pub fn uniform(&mut self, low: f32, high: f32) -> f32 {
        // 24 bits: exact in a float.
        let unit = (self.0.next_u32() >> 8) as f32 / (1u32 << 24) as f32;
        low + unit * (high - low)
    }

    /// Nearly normal, mean 0 and variance 1: the sum of twelve uniform numbers.
    pub fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.uniform(-0.5, 0.5)).sum()
    }

    /// One of `0..n`; 0 where there is nothing to choose from.
    pub fn below(&mut self, n: usize) -> usize {
        // The bias of a remainder does not matter for tests.
        self.0.next_u32() as usize % n.max(1)
    }

    fn dense(&mut self, inputs: usize, outputs: usize, gain: f32) -> Op<Float> {
        // He, Zhang, Ren, Sun, "Delving Deep into Rectifiers" (2015), section 2.2.
        let deviation = gain * (2.0 / inputs as f32).sqrt();
        let weight = Array2::from_shape_simple_fn((outputs, inputs), || self.normal() * deviation);
        let bias = Array1::from_shape_simple_fn(outputs, || self.normal() * 0.1);
        Op::dense(weight, bias)
    }

    fn batch_norm(&mut self, channels: usize) -> Op<Float> {
        let mut draw =
            |low, high| Array1::from_shape_simple_fn(channels, || self.uniform(low, high));
        Op::Norm(BatchNorm {
            scale: draw(0.5, 1.5),
            bias: draw(-0.5, 0.3),
            mean: draw(-0.3, 0.3),
            variance: draw(0.5, 2.5),
            epsilon: 1e-5,
        })
    }
}

/// A dense generator as the presets train it: hidden layers with batch normalisation and LeakyReLU 0.25, then tanh.
pub fn generator(
    seed: u64,
    latent: usize,
    classes: usize,
    hidden: &[usize],
    output: Shape,
) -> Network {
    let mut random = Random::new(seed);
    let mut layers = Vec::new();
    let mut inputs = latent + classes;
    for (index, &outputs) in hidden.iter().enumerate() {
        let shape = Shape::vector(outputs);
        let dense = random.dense(inputs, outputs, 1.0);
        layers.push((format!("dense{index}"), dense, shape));
        layers.push((format!("norm{index}"), random.batch_norm(outputs), shape));
        layers.push((format!("activation{index}"), Op::leaky_relu(0.25), shape));
        inputs = outputs;
    }
    let last = random.dense(inputs, output.len(), 1.0);
    let shape = Shape::vector(output.len());
    layers.push((format!("dense{}", hidden.len()), last, shape));
    layers.push(("tanh".to_owned(), Op::TANH, shape));
    if !output.is_vector() {
        layers.push(("picture".to_owned(), Op::reshape(), output));
    }
    let input = InputSpec { latent, classes };
    Network::chain("synthetic", input, layers, output)
}

/// A small network of one to four dense layers with any activations, as a third party may make it.
pub fn any_network(seed: u64) -> Network {
    let mut random = Random::new(seed);
    let latent = 1 + random.below(24);
    let classes = if random.below(2) == 0 {
        0
    } else {
        1 + random.below(10)
    };
    let count = 1 + random.below(4);
    let side = 1 + random.below(6);
    let output = Shape {
        channels: 1 + random.below(2),
        height: side,
        width: 1 + random.below(7),
    };
    let mut layers = Vec::new();
    let mut inputs = latent + classes;
    for index in 0..count {
        let last = index + 1 == count;
        let outputs = if last {
            output.len()
        } else {
            1 + random.below(40)
        };
        let gain = random.uniform(0.2, 3.0);
        let shape = Shape::vector(outputs);
        layers.push((
            format!("fc{index}"),
            random.dense(inputs, outputs, gain),
            shape,
        ));
        if random.below(2) == 0 {
            layers.push((format!("bn{index}"), random.batch_norm(outputs), shape));
        }
        let activations = match random.below(if last { 8 } else { 7 }) {
            0 => vec![Op::RELU],
            1 => vec![Op::leaky_relu(0.25)],
            2 => vec![Op::leaky_relu(0.2)],
            3 => vec![Op::leaky_relu(0.5)],
            4 => vec![Op::SIGMOID],
            5 => vec![Op::TANH],
            6 => vec![Op::leaky_relu(0.125), Op::TANH],
            _ => vec![],
        };
        let named = activations
            .into_iter()
            .enumerate()
            .map(|(i, op)| (format!("activation{index}.{i}"), op, shape));
        layers.extend(named);
        inputs = outputs;
    }
    let input = InputSpec { latent, classes };
    if !output.is_vector() {
        layers.push(("picture".to_owned(), Op::reshape(), output));
    }
    Network::chain(format!("any{seed}"), input, layers, output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_valid_and_repeatable() {
        for seed in 0..200 {
            let network = any_network(seed);
            network.check().unwrap();
            assert_eq!(network, any_network(seed));
        }
        let shape = Shape {
            channels: 1,
            height: 4,
            width: 4,
        };
        generator(1, 8, 3, &[16, 16], shape).check().unwrap();
    }
}
