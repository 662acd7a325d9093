//! Seeded random graphs of every layer, as a reader gives them: without needless reshapes, each
//! node read by another.

use crate::graph::random::Random;
use crate::graph::{BatchNorm, Float, InputSpec, Move, Network, Op, Shape, Source, Window};
use crate::ops;
use crate::synthetic::any_groups;
use ndarray::{Array1, Array2, Array4};

/// No tensor of these graphs is larger.
const MAX_LEN: usize = 600;

struct Maker {
    random: Random,
    input: InputSpec,
    network: Network,
}

/// A value so far.
type Value = (Source, Shape);

impl Maker {
    fn push(&mut self, what: &str, layer: Op<Float>, inputs: Vec<Source>, shape: Shape) -> Value {
        let name = format!("{what}{}", self.network.nodes.len());
        (self.network.push(name, layer, inputs, shape, ()), shape)
    }

    fn floats(&mut self, len: usize, inputs: usize) -> Vec<f32> {
        let deviation = (1.0 / inputs as f32).sqrt();
        (0..len).map(|_| self.random.normal() * deviation).collect()
    }

    fn bias(&mut self, len: usize) -> Array1<f32> {
        Array1::from_vec(self.floats(len, 9))
    }

    fn dense(&mut self, (from, shape): Value, outputs: usize) -> Value {
        let weight = self.floats(outputs * shape.len(), shape.len());
        let weight = Array2::from_shape_vec((outputs, shape.len()), weight).unwrap();
        let layer = Op::dense(weight, self.bias(outputs));
        self.push("dense", layer, vec![from], Shape::vector(outputs))
    }

    fn reshape(&mut self, (from, _): Value, shape: Shape) -> Value {
        self.push("reshape", Op::reshape(), vec![from], shape)
    }

    fn embedding(&mut self) -> Value {
        let len = 1 + self.random.below(8);
        let classes = self.input.classes;
        let table = self.floats(classes * len, 2);
        let table = Array2::from_shape_vec((classes, len), table).unwrap();
        let layer = Op::embedding(&table);
        self.push("embedding", layer, vec![Source::Label], Shape::vector(len))
    }

    /// A window over so many channels, what it pads behind, and how many outputs it gives.
    fn window(&mut self, channels: usize) -> (Window, [usize; 2], usize) {
        let random = &mut self.random;
        let kernel = [1 + random.below(5), 1 + random.below(5)];
        let stride = [1 + random.below(3), 1 + random.below(3)];
        let mut window = Window {
            dilation: [1 + random.below(4) / 3, 1 + random.below(5) / 3],
            groups: any_groups(random, channels),
            ..Window::new(kernel, stride, [0, 0])
        };
        let [top, left, bottom, right] =
            [0, 1, 2, 3].map(|side| random.below(window.extent(side % 2)));
        window.padding = [top, left];
        let outputs = (1 + random.below(6)).next_multiple_of(window.groups);
        (window, [bottom, right], outputs)
    }

    fn relocate(&mut self, (from, shape): Value) -> Option<Value> {
        let (moved, to) = ops::arbitrary_move(&mut self.random, shape)?;
        // tract 0.23 forgets the start of a step where it makes one step of this and of a
        // convolution before it.
        if let Move::Slice { start, step } = moved
            && (0..3).any(|axis| start[axis] % step[axis] != 0)
        {
            return None;
        }
        (to.len() <= MAX_LEN).then(|| self.push("moved", Op::Move(moved), vec![from], to))
    }

    /// `None` where the kernel does not fit.
    fn conv(&mut self, (from, shape): Value) -> Option<Value> {
        let (window, far, outputs) = self.window(shape.channels);
        let ([rows, columns], seen) = (window.kernel, shape.channels / window.groups);
        let inputs = seen * rows * columns;
        let weight = self.floats(outputs * inputs, inputs);
        let weight = Array4::from_shape_vec((outputs, seen, rows, columns), weight).unwrap();
        let bias = self.bias(outputs);
        let to = ops::conv::output(window, shape, outputs, far);
        let to = to.filter(|to| to.len() <= MAX_LEN)?;
        Some(self.push("conv", Op::conv(&weight, bias, window), vec![from], to))
    }

    /// `None` where the padding leaves nothing, or the picture is too large.
    fn conv_transpose(&mut self, (from, shape): Value) -> Option<Value> {
        let (window, far, outputs) = self.window(shape.channels);
        let ([rows, columns], given) = (window.kernel, outputs / window.groups);
        let inputs = shape.channels / window.groups * rows * columns;
        let weight = self.floats(outputs * inputs, inputs);
        let dim = (shape.channels, given, rows, columns);
        let weight = Array4::from_shape_vec(dim, weight).unwrap();
        let bias = self.bias(outputs);
        let added = window.stride.map(|stride| self.random.below(stride));
        let whole =
            |axis: usize| (shape.sides()[axis] - 1) * window.stride[axis] + window.extent(axis);
        // tract cannot count where only the output padding makes up for what is cut.
        if (0..2).any(|axis| whole(axis) < window.padding[axis] + far[axis]) {
            return None;
        }
        let to = ops::conv_transpose::output(window, shape, outputs, far, added);
        let to = to.filter(|to| to.len() <= MAX_LEN)?;
        let op = Op::conv_transpose(&weight, bias, window);
        Some(self.push("deconv", op, vec![from], to))
    }

    fn batch_norm(&mut self, (from, shape): Value) -> Value {
        let channels = shape.channels;
        let mut draw =
            |low, high| Array1::from_shape_simple_fn(channels, || self.random.uniform(low, high));
        let norm = BatchNorm {
            scale: draw(0.5, 1.5),
            bias: draw(-0.5, 0.5),
            mean: draw(-0.3, 0.3),
            variance: draw(0.5, 2.5),
            epsilon: 1e-5,
        };
        self.push("norm", Op::Norm(norm), vec![from], shape)
    }

    fn activation(&mut self, (from, shape): Value) -> Value {
        let layer = match self.random.below(5) {
            0 => Op::RELU,
            1 => Op::leaky_relu(0.25),
            2 => Op::leaky_relu(0.2),
            3 => Op::SIGMOID,
            _ => Op::TANH,
        };
        self.push("activation", layer, vec![from], shape)
    }

    fn concat(&mut self, parts: &[Value]) -> Value {
        let channels = parts.iter().map(|(_, shape)| shape.channels).sum();
        let shape = Shape {
            channels,
            ..parts[0].1
        };
        let inputs = parts.iter().map(|(source, _)| *source).collect();
        self.push("concat", Op::concat(), inputs, shape)
    }

    fn upsample(&mut self, (from, shape): Value) -> Option<Value> {
        let factor = [1 + self.random.below(3), 1 + self.random.below(3)];
        let to = Shape {
            channels: shape.channels,
            height: shape.height * factor[0],
            width: shape.width * factor[1],
        };
        (to.len() <= MAX_LEN).then(|| self.push("upsample", Op::upsample(factor), vec![from], to))
    }

    /// What the first layers read: the whole input, or latent vector and label on ways of their
    /// own.
    fn start(&mut self) -> Value {
        let InputSpec { latent, classes } = self.input;
        let latent = (Source::Latent, Shape::vector(latent));
        match self.random.below(if classes == 0 { 1 } else { 3 }) {
            0 => (Source::Input, Shape::vector(self.input.len())),
            1 => {
                let label = self.embedding();
                self.concat(&[latent, label])
            }
            _ => {
                let label = (Source::Label, Shape::vector(classes));
                let label = self.dense(label, 3);
                let latent = self.dense(latent, 5);
                self.concat(&[label, latent])
            }
        }
    }

    /// The same value twice, one way with a layer more, and joined.
    fn branch(&mut self, value: Value) -> Value {
        let one = self.activation(value);
        let other = self.batch_norm(value);
        match self.random.below(5) {
            0 => self.concat(&[one, other]),
            1 => self.concat(&[value, other, one]),
            2 => self.push("add", Op::add(), vec![one.0, other.0], value.1),
            3 => self.push("add", Op::add(), vec![value.0, other.0, one.0], value.1),
            _ => self.push("mul", Op::mul(), vec![one.0, other.0], value.1),
        }
    }

    /// A vector of the value's means, or of the class, added to each pixel or multiplied with it.
    fn broadcast(&mut self, value: Value) -> Value {
        let channels = value.1.channels;
        let vector = match self.random.below(3) {
            0 if self.input.classes > 0 => {
                let embedding = self.embedding();
                self.dense(embedding, channels)
            }
            1 => self.dense(value, channels),
            _ => {
                let window = Window::new(value.1.sides(), [1, 1], [0, 0]);
                let op = Op::average_pool(window, false);
                self.push("pool", op, vec![value.0], Shape::vector(channels))
            }
        };
        let mut inputs = vec![value.0, vector.0];
        if self.random.below(2) == 0 {
            inputs.reverse();
        }
        match self.random.below(2) {
            0 => self.push("add", Op::add(), inputs, value.1),
            _ => self.push("mul", Op::mul(), inputs, value.1),
        }
    }

    fn pool(&mut self, (from, shape): Value) -> Option<Value> {
        let (drawn, far, _) = self.window(1);
        let inside = |padding: [usize; 2]| [0, 1].map(|axis| padding[axis] % drawn.kernel[axis]);
        let window = Window::new(drawn.kernel, drawn.stride, inside(drawn.padding));
        let to = ops::conv::output(window, shape, shape.channels, inside(far))?;
        let op = Op::average_pool(window, self.random.below(2) == 0);
        (to.len() <= MAX_LEN).then(|| self.push("pool", op, vec![from], to))
    }

    /// A value's matrices times those of itself, and of layers behind it.
    fn attention(&mut self, value: Value) -> Option<Value> {
        let (from, shape) = value;
        let scores = Shape {
            channels: shape.width,
            ..shape
        };
        let (first, _) = self.activation(value);
        let inputs = vec![first, from];
        let (scores, shape_of_scores) = self.push("scores", Op::mat_mul(true), inputs, scores);
        // Bounded: products of products of any size would hide what runtimes round.
        let inputs = vec![scores];
        let (weights, _) = self.push("activation", Op::SIGMOID, inputs, shape_of_scores);
        let inputs = vec![weights, from];
        Some(self.push("attention", Op::mat_mul(false), inputs, shape))
    }

    /// A row of a table by the largest of a few values.
    fn choice(&mut self, value: Value) -> Value {
        let (from, shape) = self.dense(value, 4);
        let one = Shape {
            channels: 1,
            ..shape
        };
        let (number, _) = self.push("argmax", Op::argmax(), vec![from], one);
        let (rows, len) = (4 + self.random.below(3), 1 + self.random.below(8));
        let table = self.floats(rows * len, 2);
        let table = Array2::from_shape_vec((rows, len), table).unwrap();
        self.push(
            "gather",
            Op::gather(&table),
            vec![number],
            Shape::vector(len),
        )
    }

    /// A plane of pixels that says which class, behind a picture's channels.
    fn label_plane(&mut self, value: Value) -> Value {
        let (height, width) = (value.1.height, value.1.width);
        let embedding = self.embedding();
        let plane = self.dense(embedding, height * width);
        let shape = Shape {
            channels: 1,
            height,
            width,
        };
        let plane = match (height, width) {
            (1, 1) => plane,
            _ => self.reshape(plane, shape),
        };
        self.concat(&[value, plane])
    }
}

/// A small graph; the same seed gives the same.
pub fn any_graph(seed: u64) -> Network {
    let mut random = Random::new(seed ^ 0x6772_6170_6873);
    let start = Shape {
        channels: 1 + random.below(6),
        height: 1 + random.below(4),
        width: 1 + random.below(4),
    };
    let classes = random.below(2) * (1 + random.below(10));
    // The input itself may be a picture, as a classifier's is.
    let given = classes == 0 && random.below(2) == 0 && start != Shape::vector(start.len());
    let latent = match given {
        true => start.len(),
        false => 1 + random.below(12),
    };
    let input = InputSpec { latent, classes };
    let mut maker = Maker {
        random,
        input,
        network: Network::new("", input, Shape::vector(0), ()),
    };
    let mut value = maker.start();
    if given {
        value = maker.reshape(value, start);
        value = maker.activation(value);
    } else if maker.random.below(4) > 0 {
        value = maker.dense(value, start.len());
        if maker.random.below(2) == 0 {
            value = maker.batch_norm(value);
        }
        if value.1 != start {
            value = maker.reshape(value, start);
            // A dense layer right behind would make the reshape needless.
            value = maker.activation(value);
        }
    }
    for _ in 0..1 + maker.random.below(6) {
        let next = match maker.random.below(17) {
            0 | 1 => maker.conv(value),
            2..=4 => maker.conv_transpose(value),
            5 => maker.upsample(value),
            6 if value.1.len() * 3 <= MAX_LEN => Some(maker.branch(value)),
            7 if input.classes > 0 => Some(maker.label_plane(value)),
            8 if value.1.len() * 3 <= MAX_LEN => Some(maker.branch(value)),
            9 | 10 => Some(maker.broadcast(value)),
            11 => maker.pool(value),
            12 if value.1.width.pow(2) * value.1.height <= MAX_LEN => maker.attention(value),
            13 => Some(maker.choice(value)),
            14 | 15 => maker.relocate(value),
            _ => Some(maker.batch_norm(value)),
        };
        if let Some(next) = next {
            value = next;
            if maker.random.below(2) == 0 {
                value = maker.activation(value);
            }
        }
    }
    let last = value.1;
    if maker.random.below(3) == 0 {
        // A picture out of a vector.
        value = maker.dense(value, 12);
        value = maker.activation(value);
        let shape = Shape {
            channels: 1,
            height: 3,
            width: 4,
        };
        value = maker.reshape(value, shape);
    } else if let Some(next) = maker.conv_transpose((value.0, last)) {
        value = next;
    } else {
        value = maker.dense(value, 5);
    }
    let network = Network {
        name: format!("graph{seed}"),
        output: value.1,
        ..maker.network
    };
    network
        .check()
        .unwrap_or_else(|error| panic!("{seed}: {error}"));
    network
}

#[test]
fn every_layer_takes_part() {
    let mut counts = std::collections::BTreeMap::new();
    for seed in 0..400 {
        for node in any_graph(seed).nodes {
            let kind = node
                .name
                .trim_end_matches(|c: char| c.is_ascii_digit())
                .to_owned();
            *counts.entry(kind).or_insert(0) += 1;
        }
    }
    let kinds: Vec<_> = counts.keys().map(String::as_str).collect();
    let expected = [
        "activation",
        "add",
        "argmax",
        "attention",
        "concat",
        "conv",
        "deconv",
        "dense",
        "embedding",
        "gather",
        "moved",
        "mul",
        "norm",
        "pool",
        "reshape",
        "scores",
        "upsample",
    ];
    assert_eq!(kinds, expected);
    assert!(counts.values().all(|count| *count >= 50), "{counts:?}");
}
