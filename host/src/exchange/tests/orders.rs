//! Files in which a picture becomes a vector or a vector a picture, where the order of channels
//! shows: each is read, quantized, packed, run by the firmware's engine, and written again.

use super::pictures::{graph, same_as_runtimes};
use crate::exchange::layout::channels_first;
use crate::exchange::qdq::{self, Outputs};
use crate::graph::{Move, Network, Op};
use crate::onnx::build::{int64s, ints, node};
use crate::onnx::proto::{ModelProto, NodeProto};
use crate::pack::golden;
use crate::pack::image::pack;
use crate::quantize::calibrate::{self, Calibration};
use crate::quantize::{Prepared, QuantizeOptions, oracle};
use crate::runtime::{self, Runtime, tract::Tract};
use firmware::engine::Engine;
use shared::image::Image;

/// Reads a file; what the network, its integers, the device and a runtime compute is the same.
fn everywhere(model: &ModelProto, z: &[usize]) -> Network {
    let network = same_as_runtimes(model, z, None);
    let calibration = Calibration {
        points: 16,
        ..Default::default()
    };
    let prepared = Prepared::new(&network, &calibration).unwrap();
    let quantized = prepared.quantize(&QuantizeOptions::default()).unwrap();
    let run = |input: &[i8]| oracle::all_nodes(&quantized, input);
    let packed = pack(&quantized, "a card", &golden::vectors(&quantized, 2, run)).unwrap();
    let image = Image::new_checked(&packed).unwrap();
    let mut arena = vec![0x55; image.arena_len()];
    assert_eq!(Engine::new(image).self_test(&mut arena), Ok(2));

    let points = calibrate::points(3, 4, 0);
    let inputs = calibrate::integer_inputs(&points, network.input, quantized.about.prior);
    let bytes = qdq::to_bytes(&quantized, Outputs::Picture);
    let mut tract = Tract::load(&bytes).unwrap();
    let given = runtime::inputs(inputs.view(), network.input.latent);
    let found = tract.run_int8(&given).unwrap();
    let pictures = inputs.rows().into_iter().flat_map(|row| {
        let picture = run(&row.to_vec()).pop().unwrap();
        channels_first(network.output, &picture)
    });
    assert_eq!(found[0].data, pictures.collect::<Vec<_>>());
    network
}

/// Names of the transpositions that move elements.
fn transpositions(network: &Network) -> Vec<&str> {
    let nodes = network.nodes.iter();
    nodes
        .filter(|node| matches!(node.op, Op::Move(Move::Transpose { .. })))
        .map(|node| node.name.as_str())
        .collect()
}

/// A file from `z` (6) to a picture `y` (1, 2, 3) by a layer behind `m` (4, 2, 3), with the shapes
/// that reshapes need.
fn file(weights: &[(&str, &[usize])], nodes: Vec<NodeProto>) -> ModelProto {
    let mut nodes = nodes;
    nodes.push(node("Conv", "last", &["m", "last.w"], "y", vec![]));
    let weights = [weights, &[("last.w", &[1, 4, 1, 1])]].concat();
    let mut model = graph(&[6], &[1, 2, 3], &weights, nodes);
    let shapes: [(&str, &[i64]); 4] = [
        ("whole", &[0, 4, 2, 3]),
        ("flat", &[0, 24]),
        ("apart", &[0, 2, 2, 2, 3]),
        ("other", &[0, 6, 2, 2]),
    ];
    let constants = &mut model.graph.as_mut().unwrap().initializer;
    constants.extend(shapes.map(|(name, shape)| int64s(name, shape)));
    model
}

fn reshape(x: &str, shape: &str, y: &str) -> NodeProto {
    node("Reshape", y, &[x, shape], y, vec![])
}

fn dense(x: &str, weight: &str, y: &str) -> NodeProto {
    node("Gemm", y, &[x, weight], y, vec![])
}

/// As PyTorch writes a shuffle of channels between convolutions.
#[test]
fn a_shuffle_of_channels_is_one_transposition() {
    let weights: [(&str, &[usize]); 2] = [("d", &[6, 24]), ("v", &[4, 4, 1, 1])];
    let nodes = vec![
        dense("z", "d", "a"),
        reshape("a", "whole", "b"),
        node("Conv", "c", &["b", "v"], "c", vec![]),
        reshape("c", "apart", "split"),
        node(
            "Transpose",
            "shuffle",
            &["split"],
            "s",
            vec![ints("perm", &[0, 2, 1, 3, 4])],
        ),
        reshape("s", "whole", "m"),
    ];
    let network = everywhere(&file(&weights, nodes), &[6]);
    assert_eq!(transpositions(&network), ["shuffle"]);
}

/// Weights take in and give any order, and sums pass it on, so that nothing is moved.
#[test]
fn weights_are_in_the_order_of_pictures() {
    let weights: [(&str, &[usize]); 5] = [
        ("d", &[6, 24]),
        ("e", &[6, 24]),
        ("f", &[24, 24]),
        ("g", &[6, 24]),
        ("v", &[4, 4, 1, 1]),
    ];
    let nodes = vec![
        dense("z", "d", "a"),
        dense("z", "e", "b"),
        // A sum of vectors that becomes a picture.
        node("Add", "sum", &["a", "b"], "sum", vec![]),
        node("Relu", "r", &["sum"], "r", vec![]),
        reshape("r", "whole", "p"),
        node("Conv", "c", &["p", "v"], "c", vec![]),
        // A product of a picture as a vector and of what a layer gives, which only weights read.
        reshape("c", "flat", "cf"),
        dense("z", "g", "h"),
        node("Mul", "gate", &["h", "cf"], "gate", vec![]),
        dense("gate", "f", "i"),
        reshape("i", "whole", "m"),
    ];
    let network = everywhere(&file(&weights, nodes), &[6]);
    assert_eq!(transpositions(&network), [""; 0]);
}

/// Where the parts of a sum, or the readers of a vector, need different orders, one of them is
/// moved.
#[test]
fn orders_that_differ_are_reconciled() {
    let weights: [(&str, &[usize]); 4] = [
        ("d", &[6, 24]),
        ("e", &[6, 24]),
        ("v", &[4, 4, 1, 1]),
        ("u", &[6, 6, 1, 1]),
    ];
    let nodes = vec![
        dense("z", "d", "a"),
        reshape("a", "whole", "b"),
        // The same vector as another picture.
        reshape("a", "other", "o"),
        node("Conv", "c", &["b", "v"], "c", vec![]),
        node("Conv", "oc", &["o", "u"], "oc", vec![]),
        reshape("c", "flat", "cf"),
        reshape("oc", "flat", "of"),
        dense("z", "e", "g"),
        node("Sum", "sum", &["cf", "of", "g"], "sum", vec![]),
        reshape("sum", "whole", "m"),
    ];
    let network = everywhere(&file(&weights, nodes), &[6]);
    assert!(!transpositions(&network).is_empty());
    // A concatenation of vectors that becomes a picture, and a picture that is cut up anew.
    let weights: [(&str, &[usize]); 4] = [
        ("d", &[6, 8]),
        ("e", &[6, 16]),
        ("v", &[4, 4, 1, 1]),
        ("u", &[6, 6, 1, 1]),
    ];
    let axis = vec![crate::onnx::build::int("axis", 1)];
    let nodes = vec![
        dense("z", "d", "a"),
        dense("z", "e", "b"),
        node("Concat", "ab", &["a", "b"], "ab", axis),
        reshape("ab", "whole", "p"),
        node("Conv", "c", &["p", "v"], "c", vec![]),
        reshape("c", "other", "o"),
        node("Conv", "oc", &["o", "u"], "oc", vec![]),
        reshape("oc", "whole", "m"),
    ];
    let network = everywhere(&file(&weights, nodes), &[6]);
    assert!(!transpositions(&network).is_empty());
}
