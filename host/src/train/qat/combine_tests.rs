//! Operations that no network of a config has, in integers: against slow sums, and their gradients
//! against those of real numbers.

use burn_autodiff::Autodiff;
use burn_flex::Flex;
use burn_tensor::Tensor;
use ndarray::{Array1, Array2};
use rand::RngExt;

use super::combine::mean_factor;
use super::slow::{Slow, slow};
use super::*;
use crate::graph::{
    Alignment, Bits, Combine, Graph, InputSpec, Linear, LinearKind, Move, Op, QuantizedLinear,
    Shape, Source, Window,
};
use crate::train::ops::{Kernels, tensor, values};
use crate::train::rng::{Purpose, rng};
use shared::arithmetic::Activation;

type A = Autodiff<Flex>;

const SLOPE: Activation = Activation::LeakyRelu { slope_shift: 2 };

const fn shape(height: usize, width: usize, channels: usize) -> Shape {
    Shape {
        channels,
        height,
        width,
    }
}

/// A graph of integers that grows, and what each node computes.
struct Growing {
    graph: Graph<TrainableIntegers>,
    slow: Vec<Slow>,
    random: rand_chacha::ChaCha8Rng,
}

impl Growing {
    fn new(input: InputSpec, seed: u64) -> Self {
        Self {
            graph: Graph::new("test", input, Shape::vector(0), Parameters::default()),
            slow: Vec::new(),
            random: rng(seed, Purpose::GeneratorWeights, 0),
        }
    }

    fn push(
        &mut self,
        op: Op<TrainableIntegers>,
        slow: Slow,
        from: Vec<Source>,
        to: Shape,
    ) -> Source {
        let name = format!("node{}", self.slow.len());
        self.slow.push(slow);
        self.graph.push(name, op, from, to, Order::default())
    }

    fn linear(
        &mut self,
        kind: LinearKind,
        source: Source,
        to: Shape,
        [outputs, columns]: [usize; 2],
        shift: u8,
    ) -> Source {
        let random = &mut self.random;
        let weights =
            Array2::from_shape_fn((outputs, columns), |_| random.random_range(-128i8..=127));
        let linear = QuantizedLinear {
            bits: Bits::Eight,
            weight_exponents: vec![-5; outputs],
            bias: (0..outputs)
                .map(|_| random.random_range(-900..=900))
                .collect(),
            shifts: vec![shift; outputs],
            // A table of rows gives its numbers as they are.
            activation: match shift {
                0 => Activation::None,
                _ => SLOPE,
            },
            weights,
        };
        let float = Linear::new(
            linear.weights.mapv(f64::from) / 32.0,
            Array1::zeros(outputs),
        );
        let name = format!("node{}", self.slow.len());
        let own = IntegerLinear::new(&name, kind, &linear, &float, &mut self.graph.about);
        let slow = Slow::Linear(kind, linear);
        self.push(Op::Linear(kind, own), slow, vec![source], to)
    }

    fn combine(&mut self, combine: Combine, shifts: &[u8], from: Vec<Source>, to: Shape) -> Source {
        let alignment = Alignment {
            shifts: shifts.to_vec(),
            activation: match combine {
                Combine::Add | Combine::MatMul { .. } => SLOPE,
                _ => Activation::None,
            },
        };
        let shapes = from.iter().map(|source| self.graph.source_shape(*source));
        let shapes: Vec<Shape> = shapes.collect();
        let own = IntegerCombine::new(combine, &alignment, &shapes, to).unwrap();
        let slow = Slow::Combine(combine, alignment);
        self.push(Op::Combine(combine, own), slow, from, to)
    }
}

/// Every combination, grouped and dilated convolutions.
fn network(seed: u64) -> Growing {
    let input = InputSpec {
        latent: 48,
        classes: 2,
    };
    let mut g = Growing::new(input, seed);
    let picture = shape(4, 3, 4);
    let (op, same) = (Op::Move(Move::Reshape), Slow::Reshape);
    let x = g.push(op, same, vec![Source::Latent], picture);
    let spread = Window {
        dilation: [2, 1],
        ..Window::new([2, 3], [1, 1], [1, 1]).each_channel(4)
    };
    let depthwise = g.linear(LinearKind::Conv(spread), x, picture, [4, 6], 8);
    let pairs = Window {
        groups: 2,
        ..Window::new([2, 2], [2, 1], [0, 0])
    };
    let up = LinearKind::ConvTranspose(pairs);
    let large = g.linear(up, depthwise, shape(8, 4, 6), [6, 4 * 2], 9);
    let vector = Shape::vector(4);
    let row = g.linear(LinearKind::Embedding, Source::Label, vector, [4, 2], 8);
    let number = g.combine(Combine::Argmax, &[], vec![row], Shape::vector(1));
    let table = LinearKind::Gather { rows: 3 };
    let numbered = g.linear(table, number, vector, [4, 3], 0);
    let row = g.combine(Combine::Add, &[0, 0, 1], vec![row, numbered], vector);
    let sum = vec![x, depthwise, row];
    let sum = g.combine(Combine::Add, &[3, 0, 1, 4], sum, picture);
    let gated = g.combine(Combine::Mul, &[6], vec![sum, row], picture);
    let plain = g.combine(Combine::Mul, &[0], vec![sum, gated], picture);
    let transposed = Combine::MatMul { transposed: true };
    let scores = g.combine(transposed, &[7], vec![sum, gated], shape(4, 3, 3));
    let product = Combine::MatMul { transposed: false };
    let seen = g.combine(product, &[9], vec![scores, plain], picture);
    let mean = |count_include_pad| Combine::AveragePool {
        window: Window::new([3, 2], [2, 2], [1, 1]),
        count_include_pad,
    };
    for with_padding in [false, true] {
        g.combine(mean(with_padding), &[15], vec![seen], shape(2, 2, 4));
    }
    g.combine(Combine::Argmax, &[], vec![large], shape(8, 4, 1));
    g.combine(Combine::Concat, &[2, 0], vec![seen, x], shape(4, 3, 8));
    g
}

#[test]
fn every_node_gives_the_integers_of_slow_sums() {
    const BATCH: usize = 9;
    for seed in 0..20 {
        let Growing {
            graph,
            slow: all,
            mut random,
        } = network(seed);
        let specs = graph.about.specs.iter().zip(&graph.about.start);
        let parameters: Vec<Tensor<Flex, 2>> = specs
            .map(|(spec, start)| tensor(start.clone(), spec.shape, &Default::default()))
            .collect();
        let inputs: Vec<f32> = (0..BATCH * 50)
            .map(|_| random.random_range(-128i32..=127) as f32)
            .collect();
        let given = tensor(inputs.clone(), [BATCH, 50], &Default::default());
        let found = graph.forward(&parameters, given);
        let found: Vec<Vec<f32>> = found.iter().map(values).collect();
        for (sample, input) in inputs.chunks(50).enumerate() {
            let input: Vec<i64> = input.iter().map(|value| *value as i64).collect();
            let mut outputs: Vec<Vec<i64>> = Vec::new();
            for ((node, own), found) in graph.nodes.iter().zip(&all).zip(&found) {
                let value = |source: &Source| match source {
                    Source::Input => input.clone(),
                    Source::Latent => input[..48].to_vec(),
                    Source::Label => input[48..].to_vec(),
                    Source::Node(index) => outputs[*index].clone(),
                };
                let parts: Vec<Vec<i64>> = node.inputs.iter().map(value).collect();
                let parts: Vec<&[i64]> = parts.iter().map(Vec::as_slice).collect();
                let expected = slow(own, &parts, &graph.input_shapes(node), node.shape);
                let len = expected.len();
                let found: Vec<i64> = found[sample * len..(sample + 1) * len]
                    .iter()
                    .map(|value| *value as i64)
                    .collect();
                assert_eq!(found, expected, "seed {seed}, {}: {:?}", node.name, node.op);
                outputs.push(expected);
            }
        }
    }
}

#[test]
fn gradients_pass_straight_through() {
    let small = |count: usize, seed: u64| {
        let mut random = rng(seed, Purpose::Latents, 0);
        let values = (0..2 * count).map(|_| random.random_range(-5i32..=5) as f32);
        Tensor::<A, 2>::from_inner(tensor(values.collect(), [2, count], &Default::default()))
    };
    let (a, b) = (shape(2, 3, 4), shape(2, 4, 4));
    let square = Combine::MatMul { transposed: true };
    let mean = Combine::AveragePool {
        window: Window::new([2, 2], [1, 1], [0, 0]),
        count_include_pad: true,
    };
    for (combine, shifts, shapes, to, scale) in [
        (Combine::Add, vec![2, 0, 1], vec![a, a], a, 0.5),
        (Combine::Mul, vec![3], vec![a, Shape::vector(4)], a, 0.125),
        (square, vec![2], vec![a, b], shape(2, 3, 4), 0.25),
        (mean, vec![16], vec![a], shape(1, 2, 4), 1.0),
    ] {
        let alignment = Alignment {
            shifts: shifts.clone(),
            activation: Activation::None,
        };
        let own = IntegerCombine::new(combine, &alignment, &shapes, to).unwrap();
        let tracked = || -> Vec<Tensor<A, 2>> {
            let of = |(i, shape): (usize, &Shape)| small(shape.len(), i as u64).require_grad();
            shapes.iter().enumerate().map(of).collect()
        };
        let gradient = small(to.len(), 9);
        let (x, y) = (tracked(), tracked());
        let found = own.apply(combine, x.clone(), &shapes, to);
        let real = real(combine, y.clone(), &shapes, to) * scale;
        let found = (found * gradient.clone()).sum().backward();
        let expected = (real * gradient).sum().backward();
        for (x, y) in x.iter().zip(&y) {
            let (found, expected) = (x.grad(&found).unwrap(), y.grad(&expected).unwrap());
            assert_eq!(values(&found), values(&expected), "{combine:?}");
        }
    }
}

/// The combination without rounding; the first part of the sum counts four times.
fn real<B: Kernels>(
    combine: Combine,
    mut x: Vec<Tensor<B, 2>>,
    shapes: &[Shape],
    to: Shape,
) -> Tensor<B, 2> {
    use crate::train::ops::combine as ops;
    let first = x.remove(0);
    match combine {
        Combine::Add => first * 4.0 + x.remove(0),
        Combine::Mul => ops::mul(first, x.remove(0), to.channels),
        Combine::MatMul { transposed } => {
            let product = ops::Product::of(shapes[0], shapes[1], transposed);
            ops::matmul(first, x.remove(0), product)
        }
        Combine::AveragePool { window, .. } => {
            let window = window.each_channel(to.channels);
            let g = crate::train::ops::Geometry::of(window, shapes[0], to);
            crate::train::ops::pool::average_pool(first, g, true)
        }
        Combine::Argmax | Combine::Concat => unreachable!("not in this test"),
    }
}

#[test]
fn shifts_that_do_not_fit_are_refused() {
    let shapes = [shape(2, 2, 3); 2];
    for (combine, shifts) in [
        (Combine::Add, vec![1, 2]),
        (Combine::Mul, vec![]),
        (Combine::Concat, vec![1]),
        (Combine::Argmax, vec![]),
    ] {
        let alignment = Alignment {
            shifts,
            activation: Activation::None,
        };
        let found = IntegerCombine::new(combine, &alignment, &shapes, shapes[0]);
        assert!(found.is_none(), "{combine:?}");
    }
    assert_eq!([1, 3, 6, 9].map(mean_factor), [65536, 21845, 10923, 7282]);
}
