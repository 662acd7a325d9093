//! Tests of [`super`]: the student against the slow integers, and learning.

use super::student::inputs;
use super::*;
use crate::exchange::ReadOptions;
use crate::exchange::read::read_file;
use crate::graph::{Bits, QuantizedNetwork};
use crate::graph::{Network, Shape};
use crate::pack::golden::vectors;
use crate::pack::image::pack;
use crate::quantize::calibrate::{Calibration, integer_inputs, points};
use crate::quantize::fixed::on_grid;
use crate::quantize::fold::unfold;
use crate::quantize::{Prepared, QuantizeOptions, Scheme, oracle};
use crate::synthetic;
use crate::train::ops::values;
use crate::train::rng::{Purpose, rng, uniform};
use burn_autodiff::Autodiff;
use burn_flex::Flex;
use burn_tensor::Tensor;
use firmware::engine::{Engine, Observer};
use ndarray::Array2;
use shared::image::Image;
use shared::latent::{Latent, Prior};
use std::path::Path;

type A = Autodiff<Flex>;

fn prepared(network: &Network, points: usize) -> Prepared<'_> {
    let calibration = Calibration {
        points,
        ..Default::default()
    };
    Prepared::new(network, &calibration).unwrap()
}

fn mixed(prepared: &Prepared<'_>) -> QuantizedNetwork {
    let bits = [Bits::Eight, Bits::Four].into_iter().cycle();
    let bits = bits.take(prepared.linear_layers().len()).collect();
    let options = QuantizeOptions {
        bits,
        ..Default::default()
    };
    prepared.quantize(&options).unwrap()
}

fn given(network: &QuantizedNetwork, count: usize) -> Array2<i8> {
    let points = points(77, count, network.input.classes);
    integer_inputs(&points, network.input, network.about.prior)
}

/// Each step of the student's forward run, element by element, against the oracle's for its
/// integers.
fn equals_the_oracle(student: &Student, parameters: &[Tensor<Flex, 2>]) -> QuantizedNetwork {
    let network = student.quantized(parameters).unwrap();
    let given = given(&network, 12);
    let found = student.all_steps(parameters, inputs(given.view(), &Default::default()));
    let found: Vec<Vec<f32>> = found.iter().map(values).collect();
    for (sample, row) in given.rows().into_iter().enumerate() {
        let slow = oracle::all_nodes(&network, row.as_slice().unwrap());
        for ((slow, found), step) in slow.iter().zip(&found).zip(&network.nodes) {
            let len = slow.len();
            let found = &found[sample * len..(sample + 1) * len];
            let equal = found.iter().zip(slow).all(|(a, &b)| *a == f32::from(b));
            let name = (&network.name, &step.name);
            assert!(equal, "{name:?}, sample {sample}: {found:?} {slow:?}");
        }
    }
    network
}

/// Updates by the sign of the gradient of a loss that is far from its minimum, so that many
/// integers change.
fn shaken(student: &Student, parameters: &mut [Tensor<Flex, 2>], steps: u64) -> usize {
    let network = student.network().clone();
    let given = given(&network, 8);
    let before = integers(&network);
    for step in 0..steps {
        let tracked: Vec<Tensor<A, 2>> = parameters
            .iter()
            .map(|p| Tensor::from_inner(p.clone()).require_grad())
            .collect();
        let drawn = student.forward(&tracked, inputs(given.view(), &Default::default()));
        let count = drawn.dims().iter().product();
        let wanted = uniform(&mut rng(step, Purpose::Latents, 0), count, 1.0);
        let wanted = Tensor::<A, 2>::from_data(
            burn_tensor::TensorData::new(wanted, drawn.dims()),
            &Default::default(),
        );
        let gradients = (drawn - wanted).square().sum().backward();
        for (parameter, tracked) in parameters.iter_mut().zip(&tracked) {
            if let Some(gradient) = tracked.grad(&gradients) {
                *parameter = parameter.clone() - gradient.sign() * 0.16;
            }
        }
        student.constrain(parameters);
    }
    let after = integers(&student.quantized(parameters).unwrap());
    let pairs = before.iter().zip(&after);
    pairs.filter(|(a, b)| a != b).count()
}

fn integers(network: &QuantizedNetwork) -> Vec<i32> {
    let linear = network.nodes.iter().filter_map(|node| node.op.linear());
    linear
        .flat_map(|linear| {
            let weights = linear.weights.iter().map(|&w| i32::from(w));
            weights.chain(linear.bias.clone()).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn the_forward_run_is_the_oracle_s_before_and_after_training() {
    let mut kinds = std::collections::BTreeSet::new();
    let (mut changed, mut all) = (0, 0);
    let networks = (0..20).map(synthetic::any_network);
    let graphs = (0..90).map(synthetic::any_graph);
    let graphs = graphs.chain((0..30).map(synthetic::any_choice));
    for network in networks.chain(graphs) {
        let prepared = prepared(&network, 64);
        let quantized = mixed(&prepared);
        let student = Student::new(prepared.folded(), &quantized).unwrap();
        let mut parameters = student.start::<Flex>(&Default::default());
        let started = equals_the_oracle(&student, &parameters);
        assert_eq!(started, quantized, "the start is not what was quantized");
        changed += shaken(&student, &mut parameters, 3);
        all += integers(&quantized).len();
        equals_the_oracle(&student, &parameters);
        kinds.extend(
            quantized
                .nodes
                .iter()
                .map(|node| crate::ops::integer_name(&node.op)),
        );
    }
    assert_eq!(kinds.len(), 19, "{kinds:?}");
    assert!(changed > all / 8, "{changed} of {all} integers changed");
}

fn shipped(name: &str) -> Network {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let path = path.join(name).join("generator.onnx");
    read_file(&path, &ReadOptions::default()).unwrap().network
}

/// Every layer's output in the firmware's engine.
#[derive(Default)]
struct Seen(Vec<Vec<i8>>);

impl Observer for Seen {
    fn layer(&mut self, _: &shared::image::Turn<'_>, output: &[i8]) {
        self.0.push(output.to_vec());
    }
}

#[test]
fn a_shipped_model_trains_and_its_image_draws_the_same_in_the_firmware_s_engine() {
    let network = shipped("cgan");
    let prepared = prepared(&network, 256);
    let bits = vec![Bits::Four; prepared.linear_layers().len()];
    let options = QuantizeOptions {
        bits,
        ..Default::default()
    };
    let quantized = prepared.quantize(&options).unwrap();
    let options = DistillOptions {
        steps: 120,
        ..Default::default()
    };
    let mut seen = Vec::new();
    let mut look = |progress: &distill::Progress| seen.push(*progress);
    let done = distill(&prepared, &quantized, &options, &mut look).unwrap();
    assert!(done.best < done.start * 0.6, "{} {}", done.start, done.best);
    assert_eq!(seen.last().unwrap().step, 120);
    assert_eq!(Scheme::of(&done.network), Scheme::of(&quantized));

    let student = Student::new(prepared.folded(), &done.network).unwrap();
    let parameters = student.start::<Flex>(&Default::default());
    assert_eq!(equals_the_oracle(&student, &parameters), done.network);
    let goldens = vectors(&done.network, 4, |input| {
        oracle::all_nodes(&done.network, input)
    });
    let image = pack(&done.network, "a student", &goldens).unwrap();
    let image = Image::new_checked(&image).unwrap();
    let engine = Engine::new(image);
    let mut arena = vec![0; image.arena_len()];
    for point in points(5, 20, network.input.classes) {
        let given = integer_inputs(&[point], network.input, Prior::Normal);
        let found = student.all_steps(&parameters, inputs(given.view(), &Default::default()));
        let found: Vec<Vec<i8>> = found
            .iter()
            .map(|output| values(output).into_iter().map(|v| v as i8).collect())
            .collect();
        let mut seen = Seen::default();
        let picture = engine
            .generate(&mut arena, Latent::At(point), &mut seen)
            .unwrap();
        assert_eq!(seen.0, found);
        let range = done.network.about.pixel_range;
        let greys = found.last().unwrap().iter().map(|&q| range.grey(q));
        assert!(picture.greys().eq(greys));
    }
}

#[test]
fn distillation_is_repeatable_and_never_worse_than_its_start() {
    let shape = Shape {
        channels: 1,
        height: 8,
        width: 8,
    };
    let network = synthetic::conv_generator(3, 6, 3, [8, 6], shape);
    let prepared = prepared(&network, 128);
    let narrow = QuantizeOptions {
        bits: vec![Bits::Four; prepared.linear_layers().len()],
        ..Default::default()
    };
    let quantized = prepared.quantize(&narrow).unwrap();
    let run = |rate: f64, seed: u32| {
        let options = DistillOptions {
            steps: 200,
            batch: 32,
            rate,
            seed,
        };
        distill(&prepared, &quantized, &options, &mut |_| {}).unwrap()
    };
    let done = run(0.05, 1);
    assert!(done.best < done.start * 0.9, "{} {}", done.start, done.best);
    assert_eq!(done, run(0.05, 1));
    assert_ne!(done.network, run(0.05, 2).network);
    // A rate that destroys everything.
    let ruined = run(100.0, 1);
    assert!(ruined.best <= ruined.start && ruined.start == done.start);

    // A float network of these weights gives the very integers again.
    let grid = on_grid(prepared.folded(), &done.network);
    let trained = unfold(&network.name, &grid, network.output).unwrap();
    let options = QuantizeOptions {
        scheme: Some(Scheme::of(&done.network)),
        ..Default::default()
    };
    let again = super::tests::prepared(&trained, 16)
        .quantize(&options)
        .unwrap();
    assert_eq!(integers(&again), integers(&done.network));
}

#[test]
fn accumulators_stay_within_their_limit_whatever_the_weights_do() {
    let shape = Shape {
        channels: 1,
        height: 3,
        width: 3,
    };
    let network = synthetic::generator(9, 30, 0, &[1500], shape);
    let prepared = prepared(&network, 64);
    let quantized = prepared.quantize(&QuantizeOptions::default()).unwrap();
    let student = Student::new(prepared.folded(), &quantized).unwrap();
    let mut parameters: Vec<Tensor<Flex, 2>> = student
        .start::<Flex>(&Default::default())
        .into_iter()
        .map(|p| p.ones_like() * 1e6)
        .collect();
    assert!(student.quantized(&parameters).is_err());
    student.constrain(&mut parameters);
    let network = student.quantized(&parameters).unwrap();
    let linear = network.nodes.iter().filter_map(|node| node.op.linear());
    let bound = linear.flat_map(|l| l.accumulator_bounds().collect::<Vec<_>>());
    let bound = bound.max().unwrap();
    assert!(bound < 1 << 24 && bound > 15 << 20, "{bound}");
    equals_the_oracle(&student, &parameters);
}
