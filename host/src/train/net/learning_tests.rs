//! A network with a skip connection, a gate, a depthwise convolution and attention learns, and its
//! gradients are those of finite differences.

use burn_autodiff::Autodiff;
use burn_flex::Flex;
use burn_tensor::Tensor;
use ndarray::Array2;

use super::*;
use crate::graph::{Combine, InputSpec, LinearKind, Move, Shape, Source, Window};
use crate::train::adam::{Adam, AdamConfig};
use crate::train::ops::{Activation, tensor, values};
use crate::train::rng::{Purpose, normal, rng};

type A = Autodiff<Flex>;

const BATCH: usize = 12;

const fn shape(height: usize, width: usize, channels: usize) -> Shape {
    Shape {
        channels,
        height,
        width,
    }
}

/// Every class of operations, and every combination that has a gradient.
fn network() -> Graph<Trainable> {
    let input = InputSpec {
        latent: 5,
        classes: 4,
    };
    let mut b = Builder::new("test", input);
    let picture = shape(4, 4, 3);
    let dense = LinearKind::Dense;
    let first = b.linear("first", dense, Source::Latent, Shape::vector(48), false);
    let first = b.norm("norm", first, 3);
    let first = b.pointwise("bend", Activation::Tanh, first);
    let x = b.moved("picture", Move::Reshape, first, picture);

    let around = Window::new([3, 3], [1, 1], [1, 1]).each_channel(3);
    let conv = b.linear("depthwise", LinearKind::Conv(around), x, picture, true);
    let conv = b.pointwise("bend2", Activation::Tanh, conv);
    let x = b.combine("skip", Combine::Add, vec![x, conv], picture);

    let row = LinearKind::Embedding;
    let gate = b.linear("row", row, Source::Label, Shape::vector(3), false);
    let number = b.combine(
        "number",
        Combine::Argmax,
        vec![Source::Latent],
        Shape::vector(1),
    );
    let table = LinearKind::Gather { rows: 5 };
    let numbered = b.linear("table", table, number, Shape::vector(3), false);
    let gate = b.combine(
        "gates",
        Combine::Add,
        vec![gate, numbered],
        Shape::vector(3),
    );
    let gate = b.pointwise("gate", Activation::Sigmoid, gate);
    let x = b.combine("gated", Combine::Mul, vec![x, gate], picture);

    // Attention: every pixel asks every other one.
    let (pixels, point) = (shape(1, 16, 3), Window::POINT);
    let mut row = |name: &str| {
        let y = b.linear(name, LinearKind::Conv(point), x, picture, true);
        b.moved(&format!("{name}-rows"), Move::Reshape, y, pixels)
    };
    let [query, key, value] = ["query", "key", "value"].map(&mut row);
    let transposed = Combine::MatMul { transposed: true };
    let weights = b.combine("scores", transposed, vec![query, key], shape(1, 16, 16));
    let weights = b.pointwise("weights", Activation::Sigmoid, weights);
    let plain = Combine::MatMul { transposed: false };
    let seen = b.combine("seen", plain, vec![weights, value], pixels);
    let seen = b.moved("seen-picture", Move::Reshape, seen, picture);
    let both = b.combine("both", Combine::Concat, vec![x, seen], shape(4, 4, 6));

    let large = b.moved(
        "large",
        Move::Upsample { factor: [2, 1] },
        both,
        shape(8, 4, 6),
    );
    let mean = Combine::AveragePool {
        window: Window::new([4, 2], [4, 2], [1, 0]),
        count_include_pad: false,
    };
    let small = b.combine("mean", mean, vec![large], shape(3, 2, 6));
    let up = LinearKind::ConvTranspose(Window::new([2, 3], [2, 1], [0, 1]));
    let wide = b.linear("up", up, small, shape(6, 2, 2), true);
    b.linear("last", dense, wide, Shape::vector(1), true);
    b.done()
}

fn given() -> Given<A> {
    let latent = normal(&mut rng(3, Purpose::Latents, 0), BATCH * 5);
    let labels = (0..BATCH * 4).map(|i| f32::from(u8::from(i / 4 % 4 == i % 4)));
    let device = Default::default();
    Given::Parts(
        tensor(latent, [BATCH, 5], &device),
        Some(tensor(labels.collect(), [BATCH, 4], &device)),
    )
}

fn loss(graph: &Graph<Trainable>, parameters: &[Tensor<A, 2>], given: &Given<A>) -> Tensor<A, 1> {
    let wanted = normal(&mut rng(4, Purpose::Latents, 0), BATCH);
    let wanted = tensor(wanted, [BATCH, 1], &Default::default());
    let output = graph.forward(parameters, given, None).last();
    (output - wanted).square().sum()
}

fn tracked(parameters: &[Tensor<Flex, 2>]) -> Vec<Tensor<A, 2>> {
    let track = |p: &Tensor<Flex, 2>| Tensor::from_inner(p.clone()).require_grad();
    parameters.iter().map(track).collect()
}

fn start(graph: &Graph<Trainable>) -> Vec<Tensor<Flex, 2>> {
    let mut random = rng(2, Purpose::GeneratorWeights, 0);
    initial(graph.specs(), &mut random, &Default::default())
}

/// The part of the tensor's elements that are looked at, and each moved by so much.
fn differences(
    plain: &[f32],
    step: f32,
    loss: impl Fn(Vec<f32>) -> f64,
    mut check: impl FnMut(usize, f64),
) {
    for i in (0..plain.len()).step_by(plain.len().div_ceil(8)) {
        let moved = |by: f32| {
            let mut changed = plain.to_vec();
            changed[i] += by;
            loss(changed)
        };
        check(i, (moved(step) - moved(-step)) / f64::from(2.0 * step));
    }
}

#[test]
fn its_gradients_are_those_of_finite_differences() {
    let graph = network();
    let plain = start(&graph);
    let parameters = tracked(&plain);
    let gradients = loss(&graph, &parameters, &given()).backward();
    let mut far = 0;
    for (number, spec) in graph.specs().iter().enumerate() {
        let found = values(&parameters[number].grad(&gradients).unwrap());
        let at = |changed: Vec<f32>| {
            let mut all: Vec<Tensor<A, 2>> =
                plain.iter().cloned().map(Tensor::from_inner).collect();
            all[number] = tensor(changed, spec.shape, &Default::default());
            f64::from(values(&loss(&graph, &all, &given()))[0])
        };
        differences(&values(&plain[number]), 1e-2, at, |i, expected| {
            let error = (f64::from(found[i]) - expected).abs();
            far += usize::from(expected.abs() > 1e-2);
            let name = &spec.name;
            assert!(
                error < 0.03 * expected.abs().max(0.3),
                "{name}, element {i}: {} {expected}",
                found[i]
            );
        });
    }
    assert!(far > 40, "{far}");
}

#[test]
fn its_input_gradient_is_that_of_finite_differences() {
    let graph = network();
    let parameters = tracked(&start(&graph));
    let given = given();
    // With the moments of one batch, as they count as constants.
    let moments = graph.forward(&parameters, &given, None).moments;
    let outputs = graph.forward(&parameters, &given, Some(&moments));
    let found = values(&graph.input_gradient(&parameters, &given, &outputs));
    let Given::Parts(latent, label) = given else {
        unreachable!("the latent vectors and the labels are apart")
    };
    let at = |changed: Vec<f32>| {
        let latent = tensor(changed, [BATCH, 5], &Default::default());
        let given = Given::Parts(latent, label.clone());
        let output = graph.forward(&parameters, &given, Some(&moments)).last();
        values(&output).iter().map(|v| f64::from(*v)).sum()
    };
    differences(&values(&latent), 1e-2, at, |i, expected| {
        let error = (f64::from(found[i]) - expected).abs();
        assert!(
            error < 0.02 * expected.abs().max(0.05),
            "{i}: {} {expected}",
            found[i]
        );
    });
}

#[test]
fn it_learns() {
    let graph = network();
    let mut parameters = start(&graph);
    let config = AdamConfig {
        beta1: 0.9,
        beta2: 0.99,
        epsilon: 1e-8,
    };
    let mut adam = Adam::new(config, &parameters);
    let mut losses = Vec::new();
    for step in 1..=150 {
        let all = tracked(&parameters);
        let loss = loss(&graph, &all, &given());
        losses.push(values(&loss)[0]);
        let gradients = loss.backward();
        let gradients = all.iter().map(|p| p.grad(&gradients).unwrap()).collect();
        adam.step(step, 0.02, &mut parameters, gradients);
    }
    let (first, last) = (losses[0], losses[149]);
    assert!(last < first / 20.0, "{first} {last}");
}

#[test]
fn its_export_draws_the_same() {
    let graph = network();
    let parameters = start(&graph);
    let Given::Parts(latent, Some(label)) = given() else {
        unreachable!("the latent vectors and the labels are apart")
    };
    let input = Tensor::cat(vec![latent, label], 1).inner();
    let given = Given::Whole(input.clone());
    let moments = graph.forward(&parameters, &given, None).moments;
    let expected = graph.forward(&parameters, &given, Some(&moments)).last();
    let network = graph.float("test", &parameters, &moments);
    network.check().unwrap();
    let input = Array2::from_shape_vec(input.dims(), values(&input)).unwrap();
    let found = crate::ops::forward::run(&network, input.view());
    assert_eq!(found.len(), BATCH);
    for (found, expected) in found.iter().zip(values(&expected)) {
        assert!((found - expected).abs() < 1e-4, "{found} {expected}");
    }
}
