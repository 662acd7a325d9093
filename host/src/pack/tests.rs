//! Packed networks against the oracle, through the firmware's own engine.

mod random;

pub use random::any_integers;

use super::golden;
use super::image::{pack, packed_len};
use super::program::Program;
use crate::graph::random::Random;
use crate::graph::{InputSpec, Op as GraphOp, Shape, Source};
use crate::inspect::arena::ArenaMap;
use crate::ops;
use crate::quantize::calibrate::{Calibration, integer_inputs, points};
use crate::quantize::{Prepared, QuantizeOptions, oracle};
use crate::synthetic;
use firmware::engine::{Engine, Observer};
use random::Maker;
use shared::image::Image;
use shared::image::Turn;
use shared::latent::{EXPONENT, Latent};

#[derive(Default)]
struct Outputs(Vec<Vec<i8>>);

impl Observer for Outputs {
    fn layer(&mut self, _: &Turn<'_>, output: &[i8]) {
        self.0.push(output.to_vec());
    }
}

#[test]
fn the_engine_computes_what_the_oracle_does() {
    let mut kinds = std::collections::BTreeSet::new();
    let (mut bytes, mut bound) = (0, 0);
    for seed in 0..300 {
        let network = any_integers(seed);
        kinds.extend(network.nodes.iter().map(|node| ops::integer_name(&node.op)));
        let run = |input: &[i8]| oracle::all_nodes(&network, input);
        let goldens = golden::vectors(&network, 4, run);
        let packed =
            pack(&network, "a card", &goldens).unwrap_or_else(|error| panic!("{seed}: {error}"));
        assert_eq!(packed.len(), packed_len(&network, "a card", 4).unwrap());
        let image = Image::new_checked(&packed).unwrap();
        // Dirty memory: nothing may depend on what lay there before.
        let mut arena = vec![0x55; image.arena_len()];
        assert_eq!(Engine::new(image).self_test(&mut arena), Ok(4), "{seed}");

        let program = Program::new(&network);
        let points = points(7, 6, network.input.classes);
        let inputs = integer_inputs(&points, network.input, network.about.prior);
        for (&point, input) in points.iter().zip(inputs.rows()) {
            let expected = run(&input.to_vec());
            let mut outputs = Outputs::default();
            let latent = Latent::At(point);
            let picture = Engine::new(image)
                .generate(&mut arena, latent, &mut outputs)
                .unwrap();
            for (op, found) in program.ops.iter().zip(&outputs.0) {
                let expected = program.observed(&network, op, &expected[op.node]);
                assert_eq!(*found, expected, "{seed}: {}", op.name);
            }
            assert_eq!(picture.data(), *expected.last().unwrap());
        }
        let plan = program.plan().unwrap();
        assert!(plan.lower_bound <= plan.arena_len);
        (bytes, bound) = (bytes + plan.arena_len, bound + plan.lower_bound);
        let map = ArenaMap::new(&image);
        assert!(map.lower_bound <= map.bytes && map.held.len() <= image.op_count() + 1);
        assert!(!map.to_string().contains('\t'));
    }
    let all = [
        "add",
        "argmax",
        "average pool",
        "concat",
        "conv",
        "conv transpose",
        "dense",
        "depth to space",
        "embedding",
        "gather",
        "matmul",
        "mul",
        "pad",
        "reshape",
        "slice",
        "space to depth",
        "table",
        "transpose",
        "upsample",
    ];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), all);
    println!("arenas of {bytes} bytes together, {bound} at least");
    assert!(bytes <= bound + bound / 20, "{bytes} {bound}");
}

#[test]
fn quantized_graphs_are_packed_and_pass_their_self_test() {
    let graphs = (0..60).map(synthetic::any_graph);
    for network in graphs.chain((0..20).map(synthetic::any_choice)) {
        let calibration = Calibration {
            points: 24,
            ..Default::default()
        };
        let prepared = Prepared::new(&network, &calibration).unwrap();
        let quantized = prepared.quantize(&QuantizeOptions::default()).unwrap();
        let run = |input: &[i8]| oracle::all_nodes(&quantized, input);
        let goldens = golden::vectors(&quantized, 2, run);
        let packed = pack(&quantized, "a card", &goldens).unwrap();
        let image = Image::new_checked(&packed).unwrap();
        let mut arena = vec![0x55; image.arena_len()];
        assert_eq!(
            Engine::new(image).self_test(&mut arena),
            Ok(2),
            "{}",
            network.name
        );
    }
}

/// The arenas of the convolutional presets' shapes are as short as they can be.
#[test]
fn a_convolutional_generator_needs_its_largest_pair() {
    let shape = Shape {
        channels: 1,
        height: 28,
        width: 28,
    };
    let network = synthetic::conv_generator(1, 32, 10, [16, 8], shape);
    let calibration = Calibration {
        points: 8,
        ..Default::default()
    };
    let prepared = Prepared::new(&network, &calibration).unwrap();
    let quantized = prepared.quantize(&QuantizeOptions::default()).unwrap();
    let plan = Program::new(&quantized).plan().unwrap();
    // The input of each transposed convolution and its output; the table works in place.
    let largest = 8 * 14 * 14 + 28 * 28;
    assert_eq!(16 * 7 * 7 + 8 * 14 * 14, largest);
    assert_eq!((plan.arena_len, plan.lower_bound), (largest, largest));
}

#[test]
fn a_reshape_moves_no_byte() {
    let mut network = any_integers(1);
    network.input = InputSpec {
        latent: 12,
        classes: 0,
    };
    network.nodes.clear();
    let random = Random::new(1);
    let mut maker = Maker { random, network };
    let picture = |channels, height, width| Shape {
        channels,
        height,
        width,
    };
    let given = maker.reshape((Source::Input, Shape::vector(12)), picture(3, 2, 2));
    let wide = picture(3, 2, 4);
    maker.push(GraphOp::upsample([1, 2]), vec![given.0], wide, EXPONENT);
    maker.network.output = wide;
    let program = Program::new(&maker.network);
    assert_eq!((program.ops.len(), program.views[1].buffer), (1, 0));
}

#[test]
fn the_reference_network_needs_its_largest_pair() {
    let shape = Shape {
        channels: 1,
        height: 28,
        width: 28,
    };
    let network = synthetic::generator(1, 100, 10, &[40, 256], shape);
    let calibration = Calibration {
        points: 8,
        ..Default::default()
    };
    let quantized = Prepared::new(&network, &calibration)
        .unwrap()
        .quantize(&QuantizeOptions::default())
        .unwrap();
    let program = Program::new(&quantized);
    let plan = program.plan().unwrap();
    assert_eq!((plan.arena_len, plan.lower_bound), (256 + 784, 256 + 784));
    let picture = program.views[program.output];
    assert_eq!((picture.shape, picture.exponent), (shape, -7));
    // The table works where the last layer wrote.
    let tables = program.ops.iter().map(|op| program.views[op.output].buffer);
    assert_eq!(tables.collect::<Vec<_>>(), [1, 2, 3, 3]);
}
