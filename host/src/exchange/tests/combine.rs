//! Files that combine computed values, as PyTorch exports them: residual sums, gates, means,
//! attention.

use super::pictures::{graph, read, same_as_runtimes};
use crate::graph::{Combine, Network, Op};
use crate::onnx::build::{int, ints, node};
use crate::onnx::proto::NodeProto;

fn combinations(network: &Network) -> Vec<Combine> {
    let combine = |op: &Op<_>| match op {
        Op::Combine(combine, ()) => Some(*combine),
        Op::Linear(..) | Op::Norm(_) | Op::Pointwise(_) | Op::Move(_) => None,
    };
    network
        .nodes
        .iter()
        .filter_map(|node| combine(&node.op))
        .collect()
}

fn conv(x: &str, weight: &str, y: &str) -> NodeProto {
    node("Conv", y, &[x, weight], y, vec![])
}

#[test]
fn residual_sums_gates_and_means() {
    let shape = vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])];
    let nodes = vec![
        conv("z", "w", "a"),
        node("Relu", "b", &["a"], "b", vec![]),
        node("Sum", "c", &["z", "b", "a"], "c", vec![]),
        node("GlobalAveragePool", "d", &["c"], "d", vec![]),
        conv("d", "v", "e"),
        node("Sigmoid", "f", &["e"], "f", vec![]),
        node("Mul", "g", &["f", "c"], "g", vec![]),
        node("AveragePool", "y", &["g"], "y", shape),
    ];
    let constants = [("w", &[3, 3, 1, 1][..]), ("v", &[3, 3, 1, 1][..])];
    let model = graph(&[3, 4, 6], &[3, 2, 3], &constants, nodes);
    let network = same_as_runtimes(&model, &[3, 4, 6], None);
    let found = combinations(&network);
    assert!(
        matches!(
            found[..],
            [
                Combine::Add,
                Combine::AveragePool { .. },
                Combine::Mul,
                Combine::AveragePool { .. }
            ]
        ),
        "{found:?}"
    );
    // Where windows end with the picture, rounding sizes up changes nothing; else it is refused.
    for (kernel, fits) in [(2, true), (3, false)] {
        let mut model = model.clone();
        let last = model.graph.as_mut().unwrap().node.last_mut().unwrap();
        last.attribute = vec![
            ints("kernel_shape", &[kernel, kernel]),
            ints("strides", &[2, 2]),
            int("ceil_mode", 1),
        ];
        let read = read(&model);
        let refused = read
            .err()
            .is_some_and(|e| e.to_string().contains("ceil_mode"));
        assert_eq!(refused, !fits, "{kernel}");
    }
}

/// Queries, keys and values of a picture's pixels, as `flatten(2).transpose(1, 2)` has them.
#[test]
fn attention_over_pixels() {
    let flat = |x: &str, y: &str| node("Reshape", y, &[x, "flat"], y, vec![]);
    let turn = |x: &str, y: &str| node("Transpose", y, &[x], y, vec![ints("perm", &[0, 2, 1])]);
    let nodes = vec![
        conv("z", "wq", "q"),
        conv("z", "wk", "k"),
        conv("z", "wv", "v"),
        flat("q", "q2"),
        turn("q2", "q3"),
        flat("k", "k2"),
        node("MatMul", "scores", &["q3", "k2"], "scores", vec![]),
        node("Sigmoid", "weights", &["scores"], "weights", vec![]),
        flat("v", "v2"),
        turn("v2", "v3"),
        node("MatMul", "rows", &["weights", "v3"], "rows", vec![]),
        turn("rows", "pixels"),
        node("Reshape", "y", &["pixels", "whole"], "y", vec![]),
    ];
    let kernels = [
        ("wq", &[2, 3, 1, 1][..]),
        ("wk", &[2, 3, 1, 1][..]),
        ("wv", &[4, 3, 1, 1][..]),
    ];
    let mut model = graph(&[3, 2, 3], &[4, 2, 3], &kernels, nodes);
    let constants = &mut model.graph.as_mut().unwrap().initializer;
    constants.push(crate::onnx::build::int64s("flat", &[0, 0, -1]));
    constants.push(crate::onnx::build::int64s("whole", &[0, 4, 2, 3]));
    let network = same_as_runtimes(&model, &[3, 2, 3], None);
    let expected = [true, false].map(|transposed| Combine::MatMul { transposed });
    assert_eq!(combinations(&network), expected);
    // Matrices that do not fit each other are refused.
    let nodes = &mut model.graph.as_mut().unwrap().node;
    nodes[6].input = vec!["q2".into(), "k2".into()];
    let error = read(&model).unwrap_err().to_string();
    assert!(error.contains("can be multiplied with"), "{error}");
}
