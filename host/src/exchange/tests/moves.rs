//! Files that move elements, and convolutions with groups and dilation, as exporters write them.

use super::pictures::{graph, read, same_as_runtimes};
use crate::graph::{Float, Network, Node, Op, Shape};
use crate::onnx::build::{float, floats, int, int64s, ints, node, text};
use crate::onnx::proto::{AttributeProto, ModelProto, NodeProto, TensorProto};

/// What nodes give, from `x` (4, 4, 6) to `m`. A convolution stands before them, whose pictures
/// have an order, and one behind them, which needs weights.
fn file(nodes: Vec<NodeProto>, moved: [usize; 3], constants: Vec<TensorProto>) -> ModelProto {
    let [channels, rows, columns] = moved;
    let mut all = vec![node("Conv", "first", &["z", "v"], "x", vec![])];
    all.extend(nodes);
    all.push(node("Conv", "last", &["m", "w"], "y", vec![]));
    let weights: [(&str, &[usize]); 2] = [("v", &[4, 4, 1, 1]), ("w", &[1, channels, 1, 1])];
    let mut model = graph(&[4, 4, 6], &[1, rows, columns], &weights, all);
    model.graph.as_mut().unwrap().initializer.extend(constants);
    model
}

fn one(op: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> Vec<NodeProto> {
    vec![node(
        op,
        "moved",
        &[&["x"], inputs].concat(),
        "m",
        attributes,
    )]
}

fn names(network: &Network) -> Vec<String> {
    let nodes = network.nodes.iter();
    let all = nodes.map(|node| {
        crate::ops::describe(node)
            .split(' ')
            .next()
            .unwrap()
            .to_owned()
    });
    let behind = all.skip_while(|name| name != "conv");
    behind.filter(|name| name != "conv").collect()
}

fn same(model: &ModelProto) -> Network {
    same_as_runtimes(model, &[4, 4, 6], None)
}

#[test]
fn transposes_and_blocks() {
    for (perm, to) in [
        ([0, 1, 3, 2], [4, 6, 4]),
        ([0, 2, 3, 1], [4, 6, 4]),
        ([0, 3, 1, 2], [6, 4, 4]),
        ([0, 3, 2, 1], [6, 4, 4]),
    ] {
        let network = same(&file(
            one("Transpose", &[], vec![ints("perm", &perm)]),
            to,
            vec![],
        ));
        assert_eq!(names(&network), ["transpose"]);
    }
    for mode in ["DCR", "CRD"] {
        let attributes = vec![int("blocksize", 2), text("mode", mode)];
        let network = same(&file(
            one("DepthToSpace", &[], attributes),
            [1, 8, 12],
            vec![],
        ));
        assert_eq!(names(&network), ["depth"]);
    }
    // tract has no SpaceToDepth: its definition by the other way round.
    let size = || vec![int("blocksize", 2)];
    let mut nodes = vec![node("SpaceToDepth", "s", &["x"], "s", size())];
    nodes.push(node("DepthToSpace", "d", &["s"], "m", size()));
    let back = read(&file(nodes, [4, 4, 6], vec![])).unwrap();
    assert_eq!(names(&back), ["space", "depth"]);
    let x: Vec<f32> = (0..96).map(|at| at as f32).collect();
    let first = back.nodes.iter().position(|node| node.name == "first");
    let [from, there, again, ..] = &back.nodes[first.unwrap()..] else {
        panic!("{back:?}")
    };
    let from = from.shape;
    let apply = |node: &Node<Float>, x: &[f32], from: Shape| match &node.op {
        Op::Move(moved) => moved.apply(x, from, node.shape, -1.0),
        other => panic!("{other:?}"),
    };
    let moved = apply(there, &x, from);
    assert_ne!(moved, x);
    assert_eq!(apply(again, &moved, there.shape), x);
}

/// As PyTorch writes pixel_unshuffle, and a shuffle of channels.
#[test]
fn blocks_and_shuffles_by_reshapes() {
    let reshaped = |split: &[i64], perm: &[usize], joined: &[i64], to: [usize; 3]| {
        let nodes = vec![
            node("Reshape", "apart", &["x", "split"], "a", vec![]),
            node("Transpose", "moved", &["a"], "b", vec![ints("perm", perm)]),
            node("Reshape", "join", &["b", "joined"], "m", vec![]),
        ];
        let constants = vec![int64s("split", split), int64s("joined", joined)];
        names(&same(&file(nodes, to, constants)))
    };
    let unshuffled = reshaped(
        &[0, 4, 2, 2, 3, 2],
        &[0, 1, 3, 5, 2, 4],
        &[0, 16, 2, 3],
        [16, 2, 3],
    );
    assert_eq!(unshuffled, ["space"]);
    let blocks = reshaped(
        &[0, 4, 2, 2, 2, 3],
        &[0, 3, 5, 1, 2, 4],
        &[0, 24, 2, 2],
        [24, 2, 2],
    );
    assert_eq!(blocks, ["space"]);
    let spread = reshaped(
        &[0, 2, 2, 1, 4, 6],
        &[0, 3, 4, 1, 5, 2],
        &[0, 1, 8, 12],
        [1, 8, 12],
    );
    assert_eq!(spread, ["depth"]);
    let shuffled = reshaped(&[0, 2, 2, 4, 6], &[0, 2, 1, 3, 4], &[0, 4, 4, 6], [4, 4, 6]);
    assert_eq!(shuffled, ["reshape", "transpose", "reshape"]);
}

#[test]
fn slices_and_pads() {
    let lists = |lists: &[(&str, &[i64])]| -> Vec<TensorProto> {
        lists
            .iter()
            .map(|(name, list)| int64s(name, list))
            .collect()
    };
    let all = ["starts", "ends", "axes", "steps"];
    for (starts, ends, axes, steps, to) in [
        ([1, -3], [i64::MAX, 6], [1, 3], [1, 2], [3, 4, 2]),
        ([0, -4], [-1, 3], [-2, -3], [3, 1], [3, 1, 6]),
        ([0, 1], [i64::MAX, 4], [0, 2], [1, 1], [4, 3, 6]),
    ] {
        let lists = lists(&[
            (all[0], &starts),
            (all[1], &ends),
            (all[2], &axes),
            (all[3], &steps),
        ]);
        let network = same(&file(one("Slice", &all, vec![]), to, lists));
        assert_eq!(names(&network), ["slice"]);
    }
    for mode in ["constant", "edge", "reflect"] {
        let pads = lists(&[("pads", &[0, 1, 0, 2, 0, 0, 3, 1])]);
        let inputs = one("Pad", &["pads"], vec![text("mode", mode)]);
        let network = same(&file(inputs, [5, 7, 9], pads));
        assert_eq!(names(&network), ["pad"]);
    }
    let mut constants = lists(&[("pads", &[0, 0, 1, 1, 0, 0, 1, 1])]);
    constants.push(floats("value", &[], &[0.75]));
    same(&file(
        one("Pad", &["pads", "value"], vec![]),
        [4, 6, 8],
        constants,
    ));
}

#[test]
fn moves_that_no_network_has_are_refused_by_name() {
    let list = |name: &str, values: &[i64]| int64s(name, values);
    let slice = |start: i64, end: i64, axis: i64, step: i64| {
        let constants = vec![
            list("s", &[start]),
            list("e", &[end]),
            list("a", &[axis]),
            list("t", &[step]),
        ];
        file(
            one("Slice", &["s", "e", "a", "t"], vec![]),
            [4, 4, 6],
            constants,
        )
    };
    let pad = |pads: &[i64], mode: &str| {
        let inputs = one("Pad", &["pads"], vec![text("mode", mode)]);
        file(inputs, [4, 4, 6], vec![list("pads", pads)])
    };
    let plain = |op: &str, attributes| file(one(op, &[], attributes), [4, 4, 6], vec![]);
    for (model, expected) in [
        (slice(0, 1, 0, 1), "axes behind the batch"),
        (slice(2, 2, 1, 1), "something in it"),
        (slice(5, 0, 2, -1), "1 to 255"),
        (slice(0, 1, 4, 1), "axes below 4"),
        (
            pad(&[1, 0, 0, 0, 0, 0, 0, 0], "constant"),
            "none of the batch",
        ),
        (pad(&[0, 0, -1, 0, 0, 0, 0, 0], "constant"), "none below 0"),
        (pad(&[0; 6], "constant"), "each axis"),
        (pad(&[0; 8], "wrap"), "constant, edge or reflect"),
        (
            pad(&[0, 0, 4, 0, 0, 0, 0, 0], "reflect"),
            "less than its input's sides",
        ),
        (
            plain("Transpose", vec![ints("perm", &[1, 0, 2, 3])]),
            "the batch first",
        ),
        (plain("Transpose", vec![]), "the batch first"),
        (
            plain("DepthToSpace", vec![int("blocksize", 3)]),
            "multiple of 9",
        ),
        (
            plain("DepthToSpace", vec![int("blocksize", 0)]),
            "blocksize is 0",
        ),
        (
            plain("SpaceToDepth", vec![int("blocksize", 5)]),
            "multiples of 5",
        ),
        (
            plain(
                "Pad",
                vec![ints("pads", &[0; 8]), float("value", f32::INFINITY)],
            ),
            "a finite one",
        ),
    ] {
        let error = read(&model).unwrap_err().to_string();
        let named = error.contains("moved") && !error.contains('\n');
        assert!(error.contains(expected) && named, "{expected}: {error}");
    }
}

#[test]
fn groups_and_dilation_with_every_way_to_pad() {
    let mut count = 0;
    for (op, weight) in [("Conv", [6, 2, 3, 2]), ("ConvTranspose", [4, 3, 3, 2])] {
        for auto in ["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"] {
            for dilation in [[1, 1], [2, 1], [2, 3]] {
                let attributes = vec![
                    int("group", 2),
                    ints("dilations", &dilation),
                    text("auto_pad", auto),
                ];
                let same_sides = auto.starts_with("SAME");
                if same_sides && dilation != [1, 1] {
                    // ONNX Runtime has no such padding.
                    continue;
                }
                let side = |axis: usize| {
                    let (len, reach) = ([7, 8][axis], ([3, 2][axis] - 1) * dilation[axis]);
                    match (op, same_sides) {
                        (_, true) => len,
                        ("Conv", false) => len - reach,
                        _ => len + reach,
                    }
                };
                let nodes = vec![node(op, "w", &["z", "w"], "y", attributes)];
                let constants: [(&str, &[usize]); 1] = [("w", &weight)];
                let model = graph(&[4, 7, 8], &[6, side(0), side(1)], &constants, nodes);
                let network = same_as_runtimes(&model, &[4, 7, 8], None);
                let window = network.nodes.iter().find_map(|node| node.op.window());
                let window = window.unwrap();
                assert_eq!((window.groups, window.dilation), (2, dilation));
                count += 1;
            }
        }
    }
    assert_eq!(count, 16);
}
