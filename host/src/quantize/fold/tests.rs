//! Folding changes how a network is computed, never what.

use super::*;
use crate::graph::query::value;
use crate::graph::random::Random;
use crate::graph::{
    BatchNorm, Float, Function, Graph, InputSpec, LinearKind, Shape, Source, Window,
};
use crate::ops::forward;
use crate::quantize::{QuantizeError, simulate};
use crate::synthetic;
use ndarray::{Array1, Array2, Array4};
use shared::arithmetic::Activation;

fn shape(channels: usize, height: usize, width: usize) -> Shape {
    Shape {
        channels,
        height,
        width,
    }
}

/// Latent values and one-hot labels.
fn inputs(random: &mut Random, input: InputSpec, count: usize) -> Array2<f32> {
    Array2::from_shape_fn((count, input.len()), |(sample, column)| {
        match column.checked_sub(input.latent) {
            None => random.normal(),
            Some(class) => f32::from(u8::from(class == sample % input.classes)),
        }
    })
}

/// Every step equals its node; gives the steps.
fn check(network: &Network) -> Graph<Folded> {
    let steps = fold(network).unwrap();
    let mut random = Random::new(9);
    let x = inputs(&mut random, network.input, 6);
    let expected = forward::all_layers(network, x.view());
    let found = simulate::all_folded(&steps, x.mapv(f64::from).view());
    for (step, found) in steps.nodes.iter().zip(&found) {
        let expected = value(step.note, network.input, x.view(), &expected);
        let expected = expected.mapv(f64::from);
        assert_eq!(
            found.dim(),
            expected.dim(),
            "{} {}",
            network.name,
            step.name
        );
        assert_eq!(found.ncols(), step.shape.len(), "{}", step.name);
        let scale = expected
            .iter()
            .fold(1f64, |largest, v| largest.max(v.abs()));
        let difference = (found - &expected).mapv(f64::abs);
        let largest = difference.iter().copied().fold(0.0, f64::max);
        assert!(
            largest < 2e-5 * scale,
            "{} {}: {largest}",
            network.name,
            step.name
        );
    }
    assert_eq!(
        found.last().map(|last| last.dim()),
        expected.last().map(|last| last.dim())
    );
    steps
}

#[test]
fn folded_networks_compute_the_same() {
    let network = synthetic::generator(5, 12, 4, &[20, 10], shape(1, 5, 6));
    let layers: Vec<Source> = check(&network).nodes.iter().map(|f| f.note).collect();
    assert_eq!(layers, [2, 5, 6, 7].map(Source::Node));
    for seed in 0..100 {
        check(&synthetic::any_network(seed));
    }
    let graphs = (0..300).map(synthetic::any_graph);
    for network in graphs.chain((0..60).map(synthetic::any_choice)) {
        let steps = check(&network);
        let names: std::collections::BTreeSet<&str> =
            steps.nodes.iter().map(|step| step.name.as_str()).collect();
        assert_eq!(names.len(), steps.nodes.len(), "{}", network.name);
    }
}

#[test]
fn a_convolutional_generator_becomes_layers_and_one_table() {
    let network = synthetic::conv_generator(1, 8, 3, [6, 4], shape(1, 8, 8));
    let nodes = check(&network).nodes;
    let kinds: Vec<Op<Folded>> = nodes.into_iter().map(|node| node.op).collect();
    let leaky = Activation::LeakyRelu { slope_shift: 2 };
    assert!(
        matches!(
            &kinds[..],
            [
                Op::Linear(LinearKind::Dense, first),
                Op::Move(crate::graph::Move::Reshape),
                Op::Linear(LinearKind::ConvTranspose(_), second),
                Op::Linear(LinearKind::ConvTranspose(_), third),
                Op::Pointwise(Function::Tanh),
            ] if (first.activation, second.activation) == (leaky, leaky) && third.activation == Activation::None
        ),
        "{kinds:?}"
    );
}

fn node(name: &str, inputs: &[Source], op: Op<Float>, shape: Shape) -> Node<Float> {
    Node {
        name: name.into(),
        inputs: inputs.to_vec(),
        op,
        shape,
        note: (),
    }
}

fn dense(random: &mut Random, inputs: usize, outputs: usize) -> Op<Float> {
    Op::dense(
        Array2::from_shape_simple_fn((outputs, inputs), || random.normal()),
        Array1::from_shape_simple_fn(outputs, || random.normal()),
    )
}

fn norm(random: &mut Random, channels: usize) -> Op<Float> {
    let mut draw = |low, high| Array1::from_shape_simple_fn(channels, || random.uniform(low, high));
    Op::Norm(BatchNorm {
        scale: draw(-1.5, 1.5),
        bias: draw(-0.5, 0.3),
        mean: draw(-0.3, 0.3),
        variance: draw(0.5, 2.5),
        epsilon: 1e-5,
    })
}

fn conv(random: &mut Random, inputs: usize, outputs: usize) -> Op<Float> {
    Op::conv(
        &Array4::from_shape_simple_fn((outputs, inputs, 3, 3), || random.normal()),
        Array1::from_shape_simple_fn(outputs, || random.normal()),
        Window::new([3, 3], [1, 1], [1, 1]),
    )
}

fn network(nodes: Vec<Node<Float>>, input: InputSpec, output: Shape) -> Network {
    Network {
        nodes,
        ..Network::new("test", input, output, ())
    }
}

const LATENT: InputSpec = InputSpec {
    latent: 5,
    classes: 0,
};

#[test]
fn every_slope_goes_where_it_can() {
    let kinds = |slope| {
        let layers = vec![
            node(
                "a",
                &[Source::Input],
                dense(&mut Random::new(1), 5, 3),
                Shape::vector(3),
            ),
            node(
                "slope",
                &[Source::Node(0)],
                Op::leaky_relu(slope),
                Shape::vector(3),
            ),
        ];
        fold(&network(layers, LATENT, Shape::vector(3))).unwrap()
    };
    let fused = kinds(0.25);
    let activation = fused.nodes[0].op.linear().map(|linear| linear.activation);
    assert_eq!(
        (fused.nodes.len(), activation),
        (1, Some(Activation::LeakyRelu { slope_shift: 2 }))
    );
    for slope in [0.2, 1.0] {
        let tabled = kinds(slope);
        assert_eq!(
            tabled.nodes[1].op,
            Op::Pointwise(Function::LeakyRelu(slope))
        );
        assert_eq!(tabled.nodes[1].name, "a.leaky_relu");
    }
}

#[test]
fn batch_norm_goes_into_the_weights_before_or_behind_it_or_becomes_a_layer() {
    let mut random = Random::new(2);
    let n = Source::Node;
    let picture = shape(3, 4, 2);
    let vector = Shape::vector;
    let names = |nodes: Vec<Node<Float>>, output| -> Vec<String> {
        let steps = check(&network(nodes, LATENT, output));
        steps.nodes.into_iter().map(|node| node.name).collect()
    };
    // Over channels, behind a reshape of a dense layer.
    let layers = vec![
        node("a", &[Source::Input], dense(&mut random, 5, 24), vector(24)),
        node("shape", &[n(0)], Op::reshape(), picture),
        node("bn", &[n(1)], norm(&mut random, 3), picture),
        node("relu", &[n(2)], Op::RELU, picture),
        node("c", &[n(3)], conv(&mut random, 3, 2), shape(2, 4, 2)),
    ];
    assert_eq!(names(layers, shape(2, 4, 2)), ["a", "shape", "c"]);
    // Behind an activation, before a dense layer that can take it in, through a reshape.
    let layers = vec![
        node("a", &[Source::Input], dense(&mut random, 5, 24), vector(24)),
        node("shape", &[n(0)], Op::reshape(), picture),
        node("relu", &[n(1)], Op::RELU, picture),
        node("bn", &[n(2)], norm(&mut random, 3), picture),
        node("flat", &[n(3)], Op::reshape(), vector(24)),
        node("b", &[n(4)], dense(&mut random, 24, 7), vector(7)),
    ];
    assert_eq!(names(layers, Shape::vector(7)), ["a", "shape", "flat", "b"]);
    // Behind an activation, before a convolution with padding, which cannot; and at the input.
    let layers = vec![
        node("first", &[Source::Input], norm(&mut random, 5), vector(5)),
        node("tanh", &[n(0)], Op::TANH, vector(5)),
        node("a", &[n(1)], dense(&mut random, 5, 24), vector(24)),
        node("shape", &[n(2)], Op::reshape(), picture),
        node("relu", &[n(3)], Op::RELU, picture),
        node("bn", &[n(4)], norm(&mut random, 3), picture),
        node("c", &[n(5)], conv(&mut random, 3, 2), shape(2, 4, 2)),
    ];
    assert_eq!(
        names(layers, shape(2, 4, 2)),
        ["first", "first.tanh", "a", "shape", "bn", "c"]
    );
    // A layer whose plain output is read as well keeps it.
    let layers = vec![
        node("a", &[Source::Input], dense(&mut random, 5, 6), vector(6)),
        node("bn", &[n(0)], norm(&mut random, 6), vector(6)),
        node("join", &[n(0), n(1)], Op::concat(), vector(12)),
        node("b", &[n(2)], dense(&mut random, 12, 4), vector(4)),
    ];
    assert_eq!(names(layers, Shape::vector(4)), ["a", "bn", "join", "b"]);
}

#[test]
fn batch_norm_of_too_many_channels_is_refused_by_name() {
    let mut random = Random::new(3);
    let layers = vec![
        node(
            "a",
            &[Source::Input],
            dense(&mut random, 5, 600),
            Shape::vector(600),
        ),
        node("tanh", &[Source::Node(0)], Op::TANH, Shape::vector(600)),
        node(
            "bn",
            &[Source::Node(1)],
            norm(&mut random, 600),
            Shape::vector(600),
        ),
    ];
    let error = fold(&network(layers, LATENT, Shape::vector(600))).unwrap_err();
    assert_eq!(
        error,
        QuantizeError::NothingToFold {
            layer: "bn".into(),
            channels: 600,
            limit: 512
        }
    );
}

#[test]
fn labels_end_in_weights_and_joined_inputs_are_the_input() {
    let mut random = Random::new(4);
    let n = Source::Node;
    let input = InputSpec {
        latent: 4,
        classes: 3,
    };
    // The label under tanh, beside the latent vector, and in the picture.
    let layers = vec![
        node(
            "join",
            &[Source::Latent, Source::Label],
            Op::concat(),
            Shape::vector(7),
        ),
        node("a", &[n(0)], dense(&mut random, 7, 3), Shape::vector(3)),
        node("tanh", &[Source::Label], Op::TANH, Shape::vector(3)),
        node(
            "b",
            &[Source::Label],
            dense(&mut random, 3, 2),
            Shape::vector(2),
        ),
        node("sigmoid", &[n(3)], Op::SIGMOID, Shape::vector(2)),
        node(
            "all",
            &[n(1), n(2), n(4), Source::Label],
            Op::concat(),
            Shape::vector(11),
        ),
        node("unread", &[n(5)], Op::RELU, Shape::vector(11)),
        node("picture", &[n(5)], Op::reshape(), shape(1, 1, 11)),
    ];
    let network = network(layers, input, shape(1, 1, 11));
    let steps = fold(&network).unwrap();
    let mut kinds = steps
        .nodes
        .iter()
        .map(|node| (node.name.as_str(), &node.op, &node.inputs[..]));
    let first = kinds.next().unwrap();
    assert!(matches!(
        first,
        ("a", Op::Linear(LinearKind::Dense, _), [Source::Input])
    ));
    assert!(matches!(
        kinds.next(),
        Some((
            "input.copy",
            Op::Linear(LinearKind::Embedding, _),
            [Source::Label]
        ))
    ));
    assert!(matches!(
        kinds.next(),
        Some((_, Op::Pointwise(Function::Tanh), _))
    ));
    assert!(matches!(
        kinds.next(),
        Some(("b", Op::Linear(LinearKind::Embedding, _), _))
    ));
    assert!(matches!(kinds.next(), Some(("all", Op::Combine(..), _))));
    assert!(matches!(
        kinds.next(),
        Some(("all.copy", Op::Linear(LinearKind::Dense, _), _))
    ));
    assert!(kinds.next().is_none());
    let x = inputs(&mut random, input, 6);
    let expected = forward::run(&network, x.view()).mapv(f64::from);
    let found = simulate::all_folded(&steps, x.mapv(f64::from).view())
        .pop()
        .unwrap();
    assert!((&found - &expected).iter().all(|d| d.abs() < 1e-5));
}
