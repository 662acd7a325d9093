//! Files with labels: as one-hot vectors, as indices of an embedding, as planes beside a picture.

use super::pictures::{graph, read, same_as_runtimes};
use crate::graph::LinearKind;
use crate::onnx::build::{float, int, int64s, ints, node, value};
use crate::onnx::proto::{ModelProto, NodeProto, data_type};

/// Latent vector and label, each on its own way to a picture, joined as channels.
fn conditional(label: &[usize], kind: i32, choose: Vec<NodeProto>) -> ModelProto {
    let mut nodes = choose;
    nodes.extend([
        node("Flatten", "", &["e"], "ef", vec![]),
        node(
            "Gemm",
            "plane",
            &["ef", "wp", "bp"],
            "p",
            vec![int("transB", 1)],
        ),
        node("Reshape", "plane4", &["p", "to1"], "p4", vec![]),
        node(
            "Gemm",
            "project",
            &["z", "wz", "bz"],
            "q",
            vec![int("transB", 1)],
        ),
        node("Reshape", "project4", &["q", "to2"], "q4", vec![]),
        node("LeakyRelu", "", &["q4"], "r4", vec![float("alpha", 0.2)]),
        node("Concat", "join", &["r4", "p4"], "j", vec![int("axis", 1)]),
        node(
            "Conv",
            "last",
            &["j", "wc"],
            "y",
            vec![ints("pads", &[1; 4])],
        ),
    ]);
    let constants: [(&str, &[usize]); 6] = [
        ("table", &[4, 5]),
        ("wp", &[9, 5]),
        ("bp", &[9]),
        ("wz", &[18, 6]),
        ("bz", &[18]),
        ("wc", &[1, 3, 3, 3]),
    ];
    let mut model = graph(&[6], &[1, 3, 3], &constants, nodes);
    let graph = model.graph.as_mut().unwrap();
    graph.input.push(value("label", kind, label));
    graph.initializer.push(int64s("to1", &[-1, 1, 3, 3]));
    graph.initializer.push(int64s("to2", &[-1, 2, 3, 3]));
    graph.initializer.push(int64s("depth", &[4]));
    graph.initializer.push(int64s("off_on", &[0, 1]));
    model
}

#[test]
fn a_label_as_index_or_one_hot_is_the_same_network() {
    let gather = || vec![node("Gather", "embed", &["table", "label"], "e", vec![])];
    let mat_mul = || vec![node("MatMul", "embed", &["label", "table"], "e", vec![])];
    let one_hot = || {
        vec![
            node(
                "OneHot",
                "",
                &["label", "depth", "off_on"],
                "h",
                vec![int("axis", -1)],
            ),
            node("Cast", "", &["h"], "hf", vec![int("to", 1)]),
            node("MatMul", "embed", &["hf", "table"], "e", vec![]),
        ]
    };
    let dense = conditional(&[4], data_type::FLOAT, mat_mul());
    let expected = same_as_runtimes(&dense, &[6], Some(4));
    assert_eq!((expected.input.latent, expected.input.classes), (6, 4));
    assert_eq!(
        expected.nodes[0].op.linear_kind(),
        Some(LinearKind::Embedding)
    );
    for (label, choose) in [
        (&[][..], gather()),
        (&[1], gather()),
        (&[], one_hot()),
        (&[1], one_hot()),
    ] {
        let model = conditional(label, data_type::INT64, choose);
        assert_eq!(read(&model).unwrap(), expected, "{label:?}");
    }
    // An index without a table says nothing about the number of classes; as a number it means
    // nothing.
    let unused = conditional(
        &[],
        data_type::INT64,
        vec![node("Cast", "", &["label"], "e", vec![int("to", 1)])],
    );
    assert!(
        read(&unused)
            .unwrap_err()
            .to_string()
            .contains("a class's index")
    );
    let two = conditional(&[2], data_type::INT64, gather());
    assert!(
        read(&two)
            .unwrap_err()
            .to_string()
            .contains("(N) or (N, 1)")
    );
}
