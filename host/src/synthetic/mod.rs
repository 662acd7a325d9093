//! Generators that were never trained: seeded random networks for tests and measurements of
//! everything behind training.

mod combine;
mod graph;
mod layers;

pub use combine::any_choice;
pub use graph::{any_graph, any_groups, conv_generator};

use crate::graph::random::Random;
use crate::graph::{InputSpec, Network, Op, Shape};
use layers::{batch_norm, dense};

/// A dense generator as the presets train it: hidden layers with batch normalisation and LeakyReLU
/// 0.25, then tanh.
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
        let dense = dense(&mut random, inputs, outputs, 1.0);
        layers.push((format!("dense{index}"), dense, shape));
        layers.push((
            format!("norm{index}"),
            batch_norm(&mut random, outputs),
            shape,
        ));
        layers.push((format!("activation{index}"), Op::leaky_relu(0.25), shape));
        inputs = outputs;
    }
    let last = dense(&mut random, inputs, output.len(), 1.0);
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
            dense(&mut random, inputs, outputs, gain),
            shape,
        ));
        if random.below(2) == 0 {
            layers.push((
                format!("bn{index}"),
                batch_norm(&mut random, outputs),
                shape,
            ));
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
