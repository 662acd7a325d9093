//! Random networks that are graphs, with every kind of layer.

use super::layers::{batch_norm, dense};
use crate::graph::random::Random;
use crate::graph::{Float, InputSpec, Network, Op, Shape, Source, Window};
use crate::ops;
use ndarray::{Array1, Array2, Array4};

/// Pictures of random graphs have at most so many rows and columns.
const SMALL: usize = 14;

/// A network in the making.
pub(super) struct Builder {
    pub(super) random: Random,
    pub(super) input: InputSpec,
    pub(super) network: Network,
    /// The value that is worked on.
    pub(super) head: Source,
    pub(super) shape: Shape,
    /// Layers that would give more rows or columns are left out.
    most: usize,
}

pub(super) fn shape(channels: usize, height: usize, width: usize) -> Shape {
    Shape {
        channels,
        height,
        width,
    }
}

impl Builder {
    pub(super) fn new(seed: u64, input: InputSpec, most: usize) -> Self {
        Self {
            random: Random::new(seed),
            input,
            network: Network::new("", input, Shape::vector(0), ()),
            head: Source::Input,
            shape: Shape::vector(input.len()),
            most,
        }
    }

    pub(super) fn push(&mut self, name: &str, inputs: Vec<Source>, layer: Op<Float>, shape: Shape) {
        let name = format!("{name}{}", self.network.nodes.len());
        (self.head, self.shape) = (self.network.push(name, layer, inputs, shape, ()), shape);
    }

    pub(super) fn dense(&mut self, outputs: usize, gain: f32) {
        let layer = dense(&mut self.random, self.shape.len(), outputs, gain);
        self.push("dense", vec![self.head], layer, Shape::vector(outputs));
    }

    pub(super) fn reshape(&mut self, shape: Shape) {
        self.push("reshape", vec![self.head], Op::reshape(), shape);
    }

    fn upsample(&mut self, factor: [usize; 2]) {
        let to = ops::upsample::output(self.shape, factor);
        self.push("upsample", vec![self.head], Op::upsample(factor), to);
    }

    /// The classes' planes or vectors of this shape.
    pub(super) fn embedding(&mut self, to: Shape) {
        let table =
            Array2::from_shape_simple_fn((self.input.classes, to.len()), || self.random.normal());
        let layer = Op::embedding(&table);
        self.push(
            "embedding",
            vec![Source::Label],
            layer,
            Shape::vector(to.len()),
        );
        if to != self.shape {
            self.reshape(to);
        }
    }

    fn concat(&mut self, first: (Source, Shape), second: (Source, Shape)) {
        let joined = Shape {
            channels: first.1.channels + second.1.channels,
            ..first.1
        };
        self.push("concat", vec![first.0, second.0], Op::concat(), joined);
    }

    /// A convolution that keeps rows and columns.
    pub(super) fn same(&mut self, outputs: usize) {
        let kernel = [1 + 2 * self.random.below(2), 1 + 2 * self.random.below(2)];
        let far = kernel.map(|k| k / 2);
        self.convolve(outputs, Window::new(kernel, [1, 1], far), far);
    }

    fn convolve(&mut self, outputs: usize, window: Window, far: [usize; 2]) {
        let [rows, columns] = window.kernel;
        let inputs = self.shape.channels / window.groups;
        let deviation = (2.0 / (inputs * rows * columns) as f32).sqrt();
        let weight = Array4::from_shape_simple_fn((outputs, inputs, rows, columns), || {
            self.random.normal() * deviation
        });
        let bias = Array1::from_shape_simple_fn(outputs, || self.random.normal() * 0.1);
        // A kernel that does not fit is left out.
        if let Some(to) = ops::conv::output(window, self.shape, outputs, far) {
            let op = Op::conv(&weight, bias, window);
            self.push("conv", vec![self.head], op, to);
        }
    }

    fn conv_transpose(
        &mut self,
        outputs: usize,
        window: Window,
        cut: [usize; 2],
        output_padding: [usize; 2],
    ) {
        let ([rows, columns], [down, across]) = (window.kernel, window.stride);
        let inputs = self.shape.channels;
        let met = (rows * columns).div_ceil(down * across) * (inputs / window.groups);
        let deviation = (2.0 / met as f32).sqrt();
        let dim = (inputs, outputs / window.groups, rows, columns);
        let weight = Array4::from_shape_simple_fn(dim, || self.random.normal() * deviation);
        let bias = Array1::from_shape_simple_fn(outputs, || self.random.normal() * 0.1);
        let to = ops::conv_transpose::output(window, self.shape, outputs, cut, output_padding);
        let most = self.most;
        let small = |to: &Shape| to.height.max(to.width) <= most;
        if let Some(to) = to.filter(small) {
            let op = Op::conv_transpose(&weight, bias, window);
            self.push("transposed", vec![self.head], op, to);
        }
    }

    /// A window over what there is, what it pads behind, and how many outputs it gives: about as
    /// many as wanted.
    fn any_window(&mut self, outputs: usize) -> (Window, [usize; 2], usize) {
        let random = &mut self.random;
        let kernel = [1 + random.below(4), 1 + random.below(4)];
        let stride = [1 + random.below(3), 1 + random.below(3)];
        let mut window = Window {
            dilation: [1 + random.below(4) / 3, 1 + random.below(5) / 3],
            groups: any_groups(random, self.shape.channels),
            ..Window::new(kernel, stride, [0, 0])
        };
        let [top, left, bottom, right] =
            [0, 1, 2, 3].map(|side| random.below(window.extent(side % 2).min(3)));
        window.padding = [top, left];
        let outputs = outputs.next_multiple_of(window.groups);
        (window, [bottom, right], outputs)
    }

    /// Elements moved in any way.
    fn relocate(&mut self) {
        let moved = ops::arbitrary_move(&mut self.random, self.shape);
        let small = |to: &Shape| to.height.max(to.width).max(to.channels) <= self.most;
        if let Some((moved, to)) = moved.filter(|(_, to)| small(to)) {
            self.push("moved", vec![self.head], Op::Move(moved), to);
        }
    }

    fn batch_norm(&mut self) {
        let layer = batch_norm(&mut self.random, self.shape.channels);
        self.push("norm", vec![self.head], layer, self.shape);
    }

    pub(super) fn activation(&mut self) {
        let layer = match self.random.below(7) {
            0 => Op::RELU,
            1 | 2 => Op::leaky_relu(0.25),
            3 => Op::leaky_relu(0.2),
            4 => Op::TANH,
            5 => Op::SIGMOID,
            _ => return,
        };
        self.push("activation", vec![self.head], layer, self.shape);
    }

    fn head(&mut self) {
        let first = shape(
            1 + self.random.below(5),
            1 + self.random.below(4),
            1 + self.random.below(4),
        );
        match self
            .random
            .below(if self.input.classes > 0 { 4 } else { 2 })
        {
            0 => {
                self.dense(first.len(), 1.0);
                self.reshape(first);
            }
            1 => {
                let window = Window::new([first.height, first.width], [1, 1], [0, 0]);
                self.conv_transpose(first.channels, window, [0, 0], [0, 0]);
            }
            2 => {
                let length = 1 + self.random.below(6);
                self.embedding(Shape::vector(length));
                let label = (self.head, self.shape);
                let latent = (Source::Latent, Shape::vector(self.input.latent));
                self.concat(latent, label);
                self.dense(first.len(), 1.0);
                self.reshape(first);
            }
            _ => {
                (self.head, self.shape) = (Source::Latent, Shape::vector(self.input.latent));
                self.dense(first.len(), 1.0);
                self.reshape(first);
                self.activation();
                let picture = (self.head, self.shape);
                self.embedding(shape(1, first.height, first.width));
                let label = (self.head, self.shape);
                self.concat(picture, label);
            }
        }
    }

    fn block(&mut self) {
        let outputs = 1 + self.random.below(5);
        match self.random.below(11) {
            0 => {
                let (window, far, outputs) = self.any_window(outputs);
                self.convolve(outputs, window, far);
            }
            1 | 2 => {
                let (window, cut, outputs) = self.any_window(outputs);
                let output_padding = window.stride.map(|s| self.random.below(s));
                self.conv_transpose(outputs, window, cut, output_padding);
            }
            8 | 9 => {
                self.relocate();
                if self.random.below(2) == 0 {
                    self.relocate();
                }
                if self.random.below(2) == 0 {
                    self.same(outputs);
                }
            }
            3 => {
                let factor = [1 + self.random.below(2), 1 + self.random.below(3)];
                let sides = [self.shape.height * factor[0], self.shape.width * factor[1]];
                if sides.iter().all(|&side| side <= self.most) {
                    self.upsample(factor);
                }
                self.same(outputs);
            }
            4 => {
                // Two ways from one value, joined again.
                let start = (self.head, self.shape);
                self.same(outputs);
                self.activation();
                let one = (self.head, self.shape);
                (self.head, self.shape) = start;
                if self.random.below(2) == 0 {
                    let channels = 1 + self.random.below(4);
                    self.same(channels);
                    self.activation();
                }
                self.concat(one, (self.head, self.shape));
            }
            5..=7 => self.combination(),
            _ => {
                let flat = Shape::vector(self.shape.len());
                if flat != self.shape {
                    self.reshape(flat);
                }
                let to = shape(
                    1 + self.random.below(3),
                    1 + self.random.below(6),
                    1 + self.random.below(6),
                );
                self.dense(to.len(), 1.0);
                if self.random.below(2) == 0 {
                    self.batch_norm();
                    self.activation();
                }
                self.reshape(to);
            }
        }
        match self.random.below(4) {
            0 => {
                self.batch_norm();
                self.activation();
            }
            1 => {
                self.activation();
                self.batch_norm();
            }
            _ => self.activation(),
        }
    }

    pub(super) fn finish(self, name: String) -> Network {
        Network {
            name,
            output: self.shape,
            ..self.network
        }
    }
}

/// A number of groups that so many channels fall into: often one, or one a channel.
pub fn any_groups(random: &mut Random, channels: usize) -> usize {
    let divisors: Vec<usize> = (1..=channels)
        .filter(|n| channels.is_multiple_of(*n))
        .collect();
    match random.below(4) {
        0 | 1 => 1,
        2 => channels,
        _ => divisors[random.below(divisors.len())],
    }
}

/// A small random graph: dense layers, both convolutions of any window, moves, concatenations,
/// embeddings, branches, sums, products, attention, means, batch normalisation in any place, any
/// activations. Reshapes go from vectors to pictures or back.
pub fn any_graph(seed: u64) -> Network {
    let mut random = Random::new(seed ^ 0x6772_6170_6800_0000);
    let input = InputSpec {
        latent: 1 + random.below(12),
        classes: [0, 2, 3, 5][random.below(4)],
    };
    let mut builder = Builder::new(seed, input, SMALL);
    builder.head();
    for _ in 0..1 + random.below(4) {
        builder.block();
    }
    let picture = Shape {
        channels: 1 + random.below(2),
        ..builder.shape
    };
    builder.same(picture.channels);
    match random.below(4) {
        0 => {}
        1 => {
            let shape = builder.shape;
            builder.push("sigmoid", vec![builder.head], Op::SIGMOID, shape);
        }
        _ => {
            let shape = builder.shape;
            builder.push("tanh", vec![builder.head], Op::TANH, shape);
        }
    }
    builder.finish(format!("graph{seed}"))
}

/// A generator as the convolutional presets train it, with random weights: dense to `channels` x
/// height / 4 x width / 4, two transposed convolutions of 4 x 4 and stride 2, batch normalisation
/// and LeakyReLU 0.25, then tanh.
///
/// The picture's rows and columns must be multiples of 4.
pub fn conv_generator(
    seed: u64,
    latent: usize,
    classes: usize,
    channels: [usize; 2],
    output: Shape,
) -> Network {
    let mut builder = Builder::new(seed, InputSpec { latent, classes }, usize::MAX);
    let first = shape(channels[0], output.height / 4, output.width / 4);
    builder.dense(first.len(), 1.0);
    builder.reshape(first);
    let leaky = |builder: &mut Builder| {
        let shape = builder.shape;
        let layer = Op::leaky_relu(0.25);
        builder.push("activation", vec![builder.head], layer, shape);
    };
    builder.batch_norm();
    leaky(&mut builder);
    let window = Window::new([4, 4], [2, 2], [1, 1]);
    builder.conv_transpose(channels[1], window, [1, 1], [0, 0]);
    builder.batch_norm();
    leaky(&mut builder);
    builder.conv_transpose(output.channels, window, [1, 1], [0, 0]);
    builder.push("tanh", vec![builder.head], Op::TANH, output);
    builder.finish("convolutional".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn graphs_are_valid_repeatable_and_of_every_kind() {
        let mut kinds = BTreeSet::new();
        for seed in 0..200 {
            let network = any_graph(seed);
            network
                .check()
                .unwrap_or_else(|e| panic!("seed {seed}: {e}"));
            assert_eq!(network, any_graph(seed));
            for node in &network.nodes {
                let kind = ops::describe(node);
                kinds.insert(kind.split(' ').next().unwrap_or_default().to_owned());
                for part in ["dilation", "groups"] {
                    if kind.contains(part) {
                        kinds.insert(part.to_owned());
                    }
                }
            }
        }
        assert_eq!(kinds.len(), 23, "{kinds:?}");
        let output = shape(1, 28, 28);
        conv_generator(1, 32, 10, [64, 32], output).check().unwrap();
    }
}
