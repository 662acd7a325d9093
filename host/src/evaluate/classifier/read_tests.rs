//! Classifiers read from ONNX: equal to what tract makes of the same file, and refused where they
//! are none.

use super::Classifier;
use super::read::{ReadError, from_bytes};
use crate::graph::random::Random;
use crate::onnx::build::{floats, int, int64s, node, opset, value};
use crate::onnx::proto::{
    AttributeProto, AttributeType, GraphProto, ModelProto, NodeProto, TensorProto, data_type,
};
use crate::runtime::{Runtime, Tensor, tract::Tract};
use ndarray::Array2;
use prost::Message;

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        ints: values.to_vec(),
        r#type: AttributeType::Ints as i32,
        ..Default::default()
    }
}

struct Graph {
    random: Random,
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
    input: Vec<usize>,
}

impl Graph {
    fn constant(&mut self, name: &str, dims: &[usize], low: f32, high: f32) {
        let data: Vec<f32> = (0..dims.iter().product())
            .map(|_| self.random.uniform(low, high))
            .collect();
        self.constants.push(floats(name, dims, &data));
    }

    fn bytes(&self) -> Vec<u8> {
        let output = self
            .nodes
            .last()
            .map(|n| n.output[0].clone())
            .unwrap_or_default();
        ModelProto {
            ir_version: 8,
            opset_import: opset(),
            graph: Some(GraphProto {
                name: "classifier".to_owned(),
                node: self.nodes.clone(),
                initializer: self.constants.clone(),
                input: vec![value("picture", data_type::FLOAT, &self.input)],
                output: vec![value(&output, data_type::FLOAT, &[3])],
                ..Default::default()
            }),
            ..Default::default()
        }
        .encode_to_vec()
    }
}

/// Pictures of 10 x 8; two convolutions with batch normalisation, two dense layers, three classes.
fn graph(flat_input: bool) -> Graph {
    let mut g = Graph {
        random: Random::new(7),
        nodes: Vec::new(),
        constants: Vec::new(),
        input: if flat_input { vec![80] } else { vec![1, 10, 8] },
    };
    let mut from = "picture";
    if flat_input {
        g.constants.push(int64s("to_picture", &[-1, 1, 10, 8]));
        g.nodes
            .push(node("Reshape", "r", &[from, "to_picture"], "p", vec![]));
        from = "p";
    }
    g.constant("w1", &[4, 1, 5, 3], -0.5, 0.5);
    g.constant("b1", &[4], -0.5, 0.5);
    let conv1 = vec![ints("strides", &[2, 1]), ints("pads", &[2, 1, 2, 1])];
    g.nodes
        .push(node("Conv", "c1", &[from, "w1", "b1"], "c1", conv1));
    for (name, low) in [
        ("scale", 0.5),
        ("shift", -0.5),
        ("mean", -0.5),
        ("variance", 0.5),
    ] {
        g.constant(name, &[4], low, low + 1.0);
    }
    let norm = ["c1", "scale", "shift", "mean", "variance"];
    g.nodes
        .push(node("BatchNormalization", "n", &norm, "n", vec![]));
    g.nodes.push(node("Relu", "r1", &["n"], "r1", vec![]));
    g.constant("w2", &[6, 4, 3, 3], -0.5, 0.5);
    let conv2 = vec![ints("strides", &[2, 2]), ints("pads", &[0, 0, 1, 1])];
    g.nodes.push(node("Conv", "c2", &["r1", "w2"], "c2", conv2));
    g.nodes.push(node("LeakyRelu", "r2", &["c2"], "r2", vec![]));
    g.nodes
        .push(node("Flatten", "f", &["r2"], "f", vec![int("axis", 1)]));
    // 10 x 8 -> 5 x 8 -> 2 x 4.
    g.constant("w3", &[48, 5], -0.5, 0.5);
    g.constant("b3", &[5], -0.5, 0.5);
    g.nodes
        .push(node("Gemm", "d1", &["f", "w3", "b3"], "d1", vec![]));
    g.nodes
        .push(node("Relu", "r3", &["d1"], "features", vec![]));
    g.constant("w4", &[3, 5], -0.5, 0.5);
    g.constant("b4", &[3], -0.5, 0.5);
    let transposed = vec![int("transB", 1)];
    g.nodes.push(node(
        "Gemm",
        "d2",
        &["features", "w4", "b4"],
        "logits",
        transposed,
    ));
    g
}

#[test]
fn activations_are_those_of_another_runtime() {
    for flat in [false, true] {
        let g = graph(flat);
        let bytes = g.bytes();
        let network = from_bytes(&bytes).unwrap();
        assert_eq!((network.size(), network.classes()), ((10, 8), 3));
        let mut random = Random::new(8);
        let x = Array2::from_shape_simple_fn((7, 80), || random.uniform(-1.0, 1.0));
        let found = network.activations(x.view());
        assert_eq!(found.features.dim(), (7, 5));

        let shape = if flat { vec![7, 80] } else { vec![7, 1, 10, 8] };
        let input = Tensor {
            name: "picture".to_owned(),
            shape,
            data: x.iter().copied().collect(),
        };
        let expected = Tract::load(&bytes).unwrap().run_float(&[input]).unwrap();
        let expected = &expected[0].data;
        assert_eq!(found.logits.len(), expected.len());
        for (found, expected) in found.logits.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
        // Not all alike, so that a wrong order would show.
        assert!(found.logits.std(0.0) > 0.05);
    }
}

#[test]
fn what_is_no_classifier_is_refused_with_its_node() {
    let refused = |change: &dyn Fn(&mut Graph), part: &str| {
        let mut g = graph(false);
        change(&mut g);
        let error = from_bytes(&g.bytes()).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(part) && !text.contains('\n'),
            "{part}: {text}"
        );
    };
    refused(&|g| g.nodes[0].op_type = "MaxPool".into(), "c1 (MaxPool)");
    refused(&|g| g.nodes[0].attribute.push(int("group", 2)), "c1 (Conv)");
    refused(
        &|g| g.nodes[0].attribute = vec![ints("strides", &[0, 0])],
        "c1 (Conv)",
    );
    refused(
        &|g| g.nodes[0].attribute = vec![ints("pads", &[i64::MAX; 4])],
        "c1 (Conv)",
    );
    refused(&|g| g.nodes[3].input[0] = "picture".into(), "c2 (Conv)");
    refused(&|g| g.nodes.truncate(8), "logits");
    refused(&|g| g.input = vec![3, 10, 8], "c1 (Conv)");
    refused(
        &|g| {
            g.input = vec![3, 10, 8];
            g.constants.remove(0);
            g.constant("w1", &[4, 3, 5, 3], -0.5, 0.5);
        },
        "3 x 10 x 8",
    );
    refused(&|g| g.input = vec![1, usize::MAX / 2, 8], "picture");
    refused(&|g| g.constants.truncate(1), "c1 (Conv)");
    refused(&|g| g.constants[0].dims = vec![4, 1, 3, 3], "tensor w1");
    // A classifier that ends in features.
    refused(
        &|g| {
            g.nodes.truncate(8);
            g.nodes[7].output[0] = "logits".into();
        },
        "last node",
    );
}

#[test]
fn damaged_files_do_not_panic() {
    let bytes = graph(true).bytes();
    for cut in (0..bytes.len()).step_by(17) {
        assert!(from_bytes(&bytes[..cut]).is_err(), "{cut}");
    }
    let mut random = Random::new(1);
    for _ in 0..2000 {
        let mut changed = bytes.clone();
        for _ in 0..3 {
            let at = random.below(changed.len());
            changed[at] = random.below(256) as u8;
        }
        // Weights may change and still be weights; everything else must be an error.
        if let Ok(network) = from_bytes(&changed) {
            let (height, width) = network.size();
            let x = Array2::zeros((1, height * width));
            assert_eq!(network.activations(x.view()).logits.nrows(), 1);
        }
    }
    assert!(matches!(from_bytes(b""), Err(ReadError::Onnx(_))));
}
