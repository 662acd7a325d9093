//! Random networks of integers.

use crate::graph::random::Random;
use crate::graph::{
    Alignment, Bits, Combine, InputSpec, Integer, IntegerNote, Linear, LinearKind, Op as GraphOp,
    Picture, QuantizedLinear, QuantizedNetwork, Shape, Source, Window,
};
use crate::ops;
use crate::synthetic::any_groups;
use ndarray::Array2;
use shared::arithmetic::Activation;
use shared::image::{PIXEL_EXPONENT, PixelRange};
use shared::latent::{EXPONENT, Prior};

/// Random networks of integers: no float network, no calibration, every kind of step.
pub struct Maker {
    pub(super) random: Random,
    pub(super) network: QuantizedNetwork,
}

type Value = (Source, Shape);

impl Maker {
    pub(super) fn push(
        &mut self,
        op: GraphOp<Integer>,
        inputs: Vec<Source>,
        shape: Shape,
        exponent: i8,
    ) -> Value {
        let index = self.network.nodes.len();
        let name = format!("{}{index}", ops::integer_name(&op).replace(' ', "_"));
        let note = IntegerNote {
            layer: Source::Node(index),
            exponent,
            factors: vec![],
        };
        (self.network.push(name, op, inputs, shape, note), shape)
    }

    /// Weights that use the whole range of their width and keep to the bounds.
    fn linear(&mut self, outputs: usize, columns: usize, from: i8, to: i8) -> QuantizedLinear {
        let bits = [Bits::Four, Bits::Eight][self.random.below(2)];
        let (low, high) = bits.range();
        let span = usize::from(high.abs_diff(low)) + 1;
        let weights = Array2::from_shape_simple_fn((outputs, columns), || {
            // Within the range, so the sum fits.
            (i32::from(low) + self.random.below(span) as i32) as i8
        });
        // Outputs of a few tens.
        let shift = 8 + columns.ilog2() as u8 / 2 - if bits == Bits::Four { 4 } else { 0 };
        let shifts: Vec<u8> = (0..outputs)
            .map(|_| shift + self.random.below(2) as u8)
            .collect();
        let exponent = |shift: &u8| to - from - *shift as i8;
        QuantizedLinear {
            bits,
            weight_exponents: shifts.iter().map(exponent).collect(),
            weights,
            bias: (0..outputs)
                .map(|_| self.random.below(4000) as i32 - 2000)
                .collect(),
            shifts,
            activation: match self.random.below(3) {
                0 => Activation::None,
                1 => Activation::Relu,
                _ => Activation::LeakyRelu { slope_shift: 2 },
            },
        }
    }

    fn exponent(&self, source: Source) -> i8 {
        self.network.source_exponent(source)
    }

    fn any_exponent(&mut self) -> i8 {
        -3 - self.random.below(4) as i8
    }

    fn dense(&mut self, (from, shape): Value, outputs: usize) -> Value {
        let to = self.any_exponent();
        let linear = self.linear(outputs, shape.len(), self.exponent(from), to);
        self.push(
            GraphOp::Linear(LinearKind::Dense, linear),
            vec![from],
            Shape::vector(outputs),
            to,
        )
    }

    pub(super) fn reshape(&mut self, (from, _): Value, shape: Shape) -> Value {
        let exponent = self.exponent(from);
        self.push(GraphOp::reshape(), vec![from], shape, exponent)
    }

    fn embedding(&mut self, len: usize) -> Value {
        let to = self.any_exponent();
        let mut linear = self.linear(len, self.network.input.classes, EXPONENT, to);
        linear.activation = Activation::None;
        let shape = Shape::vector(len);
        self.push(
            GraphOp::Linear(LinearKind::Embedding, linear),
            vec![Source::Label],
            shape,
            to,
        )
    }

    fn conv(&mut self, (from, shape): Value, transposed: bool) -> Option<Value> {
        let kernel = [1 + self.random.below(4), 1 + self.random.below(4)];
        let stride = [1 + self.random.below(3), 1 + self.random.below(3)];
        let mut window = Window {
            dilation: [1 + self.random.below(4) / 3, 1 + self.random.below(5) / 3],
            groups: any_groups(&mut self.random, shape.channels),
            ..Window::new(kernel, stride, [0, 0])
        };
        let mut padding = || [0, 1].map(|axis| self.random.below(window.extent(axis)));
        let (before, behind) = (padding(), padding());
        window.padding = before;
        let side = |axis: usize, len: usize, random: &mut Random| {
            let (kernel, stride) = (window.extent(axis), window.stride[axis]);
            let padding = window.padding[axis] + behind[axis];
            if transposed {
                let more = random.below(stride);
                // As much is cut at most as there is, see the reader's tests.
                ((len - 1) * stride + kernel)
                    .checked_sub(padding)?
                    .checked_add(more)
            } else {
                Some((len + padding).checked_sub(kernel)? / stride + 1)
            }
        };
        let channels = (1 + self.random.below(5)).next_multiple_of(window.groups);
        let to = Shape {
            channels,
            height: side(0, shape.height, &mut self.random)?,
            width: side(1, shape.width, &mut self.random)?,
        };
        if to.is_empty() || to.len() > 600 {
            return None;
        }
        let exponent = self.any_exponent();
        let columns = window.area() * (shape.channels / window.groups);
        let linear = self.linear(channels, columns, self.exponent(from), exponent);
        let kind = match transposed {
            true => LinearKind::ConvTranspose(window),
            false => LinearKind::Conv(window),
        };
        Some(self.push(GraphOp::Linear(kind, linear), vec![from], to, exponent))
    }

    fn table(&mut self, (from, shape): Value, exponent: i8) -> Value {
        let table = [(); 256].map(|()| self.random.below(256) as u8 as i8);
        self.push(
            GraphOp::Pointwise(Box::new(table)),
            vec![from],
            shape,
            exponent,
        )
    }

    fn upsample(&mut self, (from, shape): Value) -> Option<Value> {
        let factor = [1 + self.random.below(3), 1 + self.random.below(2)];
        let to = Shape {
            channels: shape.channels,
            height: shape.height * factor[0],
            width: shape.width * factor[1],
        };
        let exponent = self.exponent(from);
        (to.len() <= 600).then(|| self.push(GraphOp::upsample(factor), vec![from], to, exponent))
    }

    fn relocate(&mut self, (from, shape): Value) -> Option<Value> {
        let (moved, to) = ops::arbitrary_move(&mut self.random, shape)?;
        let exponent = self.exponent(from);
        let op = GraphOp::Move(moved.at_exponent(i32::from(exponent)));
        (to.len() <= 600).then(|| self.push(op, vec![from], to, exponent))
    }

    fn concat(&mut self, parts: &[Value]) -> Value {
        let exponents: Vec<i8> = parts
            .iter()
            .map(|(source, _)| self.exponent(*source))
            .collect();
        let to = exponents.iter().copied().max().unwrap() + self.random.below(2) as i8;
        // Exponents lie within a few of each other.
        let shifts = exponents.iter().map(|from| (to - from) as u8).collect();
        let shape = Shape {
            channels: parts.iter().map(|(_, shape)| shape.channels).sum(),
            ..parts[0].1
        };
        let inputs = parts.iter().map(|(source, _)| *source).collect();
        let alignment = Alignment {
            shifts,
            activation: Activation::None,
        };
        self.push(
            GraphOp::Combine(Combine::Concat, alignment),
            inputs,
            shape,
            to,
        )
    }

    /// A combination with any exponent that the arithmetic has, and any activation that it takes.
    fn combine(&mut self, combine: Combine, inputs: Vec<Source>, to: Shape) -> Value {
        let operator = combine.operator();
        let activation = match self.random.below(3) {
            0 if operator.takes_activation() => Activation::Relu,
            1 if operator.takes_activation() => Activation::LeakyRelu { slope_shift: 2 },
            _ => Activation::None,
        };
        let exponents = inputs
            .iter()
            .map(|&source| i32::from(self.exponent(source)));
        let exponents: Vec<i32> = exponents.collect();
        let exponent = match operator.exponent(&exponents, activation) {
            ops::Exponent::Only(exponent) | ops::Exponent::Natural(exponent) => exponent,
            ops::Exponent::Within(range) => {
                // Outputs of a few tens.
                let about = *range.start() + self.random.below(9) as i32;
                about.max(-6).min(*range.end())
            }
        };
        let alignment = operator.align(&exponents, exponent, activation).unwrap();
        let op = GraphOp::Combine(combine, alignment);
        self.push(op, inputs, to, i8::try_from(exponent).unwrap())
    }

    /// The value, tables of it and a vector of its means, added or multiplied.
    fn broadcast(&mut self, value: Value) -> Value {
        let means = Combine::AveragePool {
            window: Window::new(value.1.sides(), [1, 1], [0, 0]),
            count_include_pad: false,
        };
        let vector = self.combine(means, vec![value.0], Shape::vector(value.1.channels));
        let table = self.table(value, -4);
        match self.random.below(3) {
            0 => self.combine(Combine::Mul, vec![vector.0, table.0], value.1),
            1 => self.combine(Combine::Add, vec![table.0, vector.0], value.1),
            _ => self.combine(
                Combine::Add,
                vec![value.0, vector.0, table.0, value.0],
                value.1,
            ),
        }
    }

    fn pool(&mut self, (from, shape): Value) -> Option<Value> {
        let kernel = [1 + self.random.below(3), 1 + self.random.below(3)];
        let padding = kernel.map(|kernel| self.random.below(kernel));
        let window = Window::new(kernel, [1 + self.random.below(2), 1], padding);
        let count_include_pad = self.random.below(2) == 0;
        let pool = Combine::AveragePool {
            window,
            count_include_pad,
        };
        let to = ops::conv::output(window, shape, shape.channels, padding)?;
        Some(self.combine(pool, vec![from], to))
    }

    fn attention(&mut self, value: Value) -> Value {
        let (from, shape) = value;
        let (key, _) = self.table(value, -5);
        let scores = Shape {
            channels: shape.width,
            ..shape
        };
        let square = Combine::MatMul { transposed: true };
        let (scores, _) = self.combine(square, vec![from, key], scores);
        let product = Combine::MatMul { transposed: false };
        self.combine(product, vec![scores, from], shape)
    }

    /// A row of a table by the largest of a few values.
    fn choice(&mut self, value: Value) -> Value {
        let (from, _) = self.dense(value, 5);
        let (number, _) = self.combine(Combine::Argmax, vec![from], Shape::vector(1));
        let (rows, len, exponent) = (5 + self.random.below(2), 6, self.any_exponent());
        let table = Array2::from_shape_simple_fn((len, rows), || f64::from(self.random.normal()));
        let rows_of = Linear::new(table, ndarray::Array1::zeros(len));
        let linear = ops::gather::quantized(&rows_of, Bits::Eight, exponent.into());
        let op = GraphOp::Linear(LinearKind::Gather { rows }, linear);
        self.push(op, vec![number], Shape::vector(len), exponent)
    }
}

/// A random network of integers; the same seed gives the same.
pub fn any_integers(seed: u64) -> QuantizedNetwork {
    let mut random = Random::new(seed ^ 0x7061_636b);
    let input = InputSpec {
        latent: 1 + random.below(12),
        classes: random.below(2) * (1 + random.below(10)),
    };
    let about = Picture {
        prior: Prior::Uniform,
        pixel_range: PixelRange::Signed,
    };
    let name = format!("integers{seed}");
    let network = QuantizedNetwork::new(name, input, Shape::vector(1), about);
    let mut maker = Maker { random, network };
    let latent = (Source::Latent, Shape::vector(input.latent));
    let mut value = match maker.random.below(if input.classes == 0 { 1 } else { 3 }) {
        0 => (Source::Input, Shape::vector(input.len())),
        1 => {
            let label = maker.embedding(3);
            maker.concat(&[latent, label])
        }
        _ => {
            let label = maker.dense((Source::Label, Shape::vector(input.classes)), 4);
            let label = maker.table(label, -5);
            maker.concat(&[label, latent])
        }
    };
    let start = Shape {
        channels: 1 + maker.random.below(6),
        height: 1 + maker.random.below(4),
        width: 1 + maker.random.below(4),
    };
    value = maker.dense(value, start.len());
    if maker.random.below(2) == 0 {
        value = maker.table(value, -4);
    }
    value = maker.reshape(value, start);
    for _ in 0..1 + maker.random.below(6) {
        let next = match maker.random.below(16) {
            0 | 1 => maker.conv(value, false),
            2..=4 => maker.conv(value, true),
            5 => maker.upsample(value),
            6 if value.1.len() <= 200 => {
                let one = maker.table(value, -4);
                let other = maker.conv(value, true).filter(|other| {
                    (other.1.height, other.1.width) == (value.1.height, value.1.width)
                });
                let parts = [Some(value), Some(one), other];
                Some(maker.concat(&parts.into_iter().flatten().collect::<Vec<_>>()))
            }
            7 if input.classes > 0 => {
                let plane = maker.embedding(value.1.height * value.1.width);
                let shape = Shape {
                    channels: 1,
                    ..value.1
                };
                let plane = maker.reshape(plane, shape);
                Some(maker.concat(&[value, plane]))
            }
            8 if value.1.len() <= 200 => Some(maker.broadcast(value)),
            9 => maker.pool(value),
            10 if value.1.width.pow(2) * value.1.height <= 600 => Some(maker.attention(value)),
            13 | 14 => maker.relocate(value),
            11 => {
                let picture = value.1;
                let row = maker.choice(value);
                let value = maker.dense(row, picture.len());
                Some(maker.reshape(value, picture))
            }
            12 if value.1.channels > 1 => {
                let to = ops::argmax::output(value.1);
                let numbers = maker.combine(Combine::Argmax, vec![value.0], to);
                Some(maker.concat(&[value, numbers]))
            }
            _ => Some(maker.table(value, -5)),
        };
        value = next.unwrap_or(value);
    }
    if maker.random.below(3) == 0 {
        value = maker.dense(value, 12);
        value = maker.table(value, PIXEL_EXPONENT);
        // The last step gives a vector that is shown as a picture.
        maker.network.output = Shape {
            channels: 2,
            height: 2,
            width: 3,
        };
    } else {
        value = maker.table(value, PIXEL_EXPONENT);
        maker.network.output = value.1;
    }
    let _ = value;
    maker.network
}
