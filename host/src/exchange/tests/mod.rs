//! Files as other exporters write them, and files as an attacker writes them.

mod combine;
mod labels;
mod moves;
mod orders;
mod pictures;
pub mod random;

use super::ReadOptions;
use super::read::{Import, from_bytes};
use super::write::{WriteOptions, to_bytes};
use crate::graph::random::Random;
use crate::graph::{Float, Network, Op, Shape};
use crate::onnx::Role;
use crate::onnx::build::{float, floats, int, int64s, node, opset, value};
use crate::onnx::error::{NodeFault, OnnxError};
use crate::onnx::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, data_type};
use crate::onnx::tensor::TensorFault;
use crate::ops::forward;
use crate::synthetic;
use ndarray::{Array2, Axis, concatenate, s};
use proptest::prelude::*;
use prost::Message;

fn reference() -> Network {
    synthetic::generator(
        11,
        6,
        3,
        &[8],
        Shape {
            channels: 1,
            height: 3,
            width: 4,
        },
    )
}

fn read(model: &ModelProto, classes: Option<usize>) -> Result<Import, OnnxError> {
    from_bytes(
        &model.encode_to_vec(),
        &ReadOptions {
            classes,
            ..Default::default()
        },
    )
}

/// The reference network as PyTorch's exporter writes `view(x.size(0), 1, 3, 4)` behind `nn.Linear`
/// layers.
fn pytorch() -> ModelProto {
    let network = reference();
    let mut graph = GraphProto {
        name: "main_graph".into(),
        ..Default::default()
    };
    graph.input.push(value("z", data_type::FLOAT, &[9]));
    graph
        .output
        .push(value("image", data_type::FLOAT, &[1, 3, 4]));
    let layers: Vec<&Op<Float>> = network.nodes.iter().map(|node| &node.op).collect();
    let [
        Op::Linear(_, first),
        Op::Norm(norm),
        _,
        Op::Linear(_, last),
        ..,
    ] = layers[..]
    else {
        panic!("{network:?}")
    };
    let constants = [
        (
            "l0.weight",
            vec![8, 9],
            first.weight.iter().collect::<Vec<_>>(),
        ),
        ("l0.bias", vec![8], first.bias.iter().collect()),
        ("bn.weight", vec![8], norm.scale.iter().collect()),
        ("bn.bias", vec![8], norm.bias.iter().collect()),
        ("bn.running_mean", vec![8], norm.mean.iter().collect()),
        ("bn.running_var", vec![8], norm.variance.iter().collect()),
        ("l1.bias", vec![12], last.bias.iter().collect()),
    ];
    for (name, dims, data) in constants {
        graph.initializer.push(floats(name, &dims, data));
    }
    // MatMul wants (inputs, outputs).
    graph
        .initializer
        .push(floats("l1.weight", &[8, 12], last.weight.t().iter()));
    graph.initializer.push(int64s("axes", &[0]));
    graph.initializer.push(int64s("dims", &[1, 3, 4]));
    let index = AttributeProto {
        t: Some(int64s("", &[0])),
        ..int("value", 0)
    };
    graph.node = vec![
        node(
            "Gemm",
            "/l0/Gemm",
            &["z", "l0.weight", "l0.bias"],
            "g",
            vec![int("transB", 1), float("alpha", 1.0)],
        ),
        node(
            "BatchNormalization",
            "",
            &[
                "g",
                "bn.weight",
                "bn.bias",
                "bn.running_mean",
                "bn.running_var",
            ],
            "n",
            vec![],
        ),
        node("LeakyRelu", "", &["n"], "r", vec![float("alpha", 0.25)]),
        node("Identity", "", &["r"], "i", vec![]),
        node("MatMul", "", &["i", "l1.weight"], "m", vec![]),
        node("Add", "", &["l1.bias", "m"], "a", vec![]),
        node("Tanh", "", &["a"], "t", vec![]),
        node("Shape", "", &["t"], "shape", vec![]),
        node("Constant", "", &[], "zero", vec![index]),
        node("Gather", "", &["shape", "zero"], "size", vec![]),
        node("Unsqueeze", "", &["size", "axes"], "batch", vec![]),
        node(
            "Concat",
            "",
            &["batch", "dims"],
            "target",
            vec![int("axis", 0)],
        ),
        node("Reshape", "", &["t", "target"], "image", vec![]),
    ];
    ModelProto {
        ir_version: 8,
        graph: Some(graph),
        opset_import: opset(),
        ..Default::default()
    }
}

fn change(edit: impl FnOnce(&mut GraphProto)) -> ModelProto {
    let mut model = pytorch();
    edit(model.graph.as_mut().unwrap());
    model
}

fn same_pictures(a: &Network, b: &Network) {
    let mut random = Random::new(1);
    let inputs = Array2::from_shape_simple_fn((5, 9), || random.normal());
    let (a, b) = (
        forward::run(a, inputs.view()),
        forward::run(b, inputs.view()),
    );
    assert!((&a - &b).iter().all(|d| d.abs() < 1e-6), "{a} {b}");
}

#[test]
fn what_pytorch_writes_is_the_same_network() {
    let import = read(&pytorch(), Some(3)).unwrap();
    same_pictures(&import.network, &reference());
    assert_eq!(
        (import.network.input, import.network.output),
        (reference().input, reference().output)
    );
    // Without a Reshape, 12 values are no square; 9 + 0 inputs are an unconditional generator.
    let flat = change(|g| {
        g.node.truncate(7);
        g.output[0].name = "t".into();
    });
    assert!(
        read(&flat, None)
            .unwrap_err()
            .to_string()
            .contains("12 values")
    );
    assert_eq!(read(&pytorch(), None).unwrap().network.input.classes, 0);
}

#[test]
fn gemm_factors_and_old_files_are_understood() {
    // alpha 2 with halved weights, no transposition, initializers listed as inputs as before IR
    // version 4.
    let model = change(|g| {
        let w = reference();
        let Op::Linear(_, first) = &w.nodes[0].op else {
            panic!()
        };
        let halved: Vec<f32> = first.weight.t().iter().map(|v| v / 2.0).collect();
        let tripled: Vec<f32> = first.bias.iter().map(|v| v * 4.0).collect();
        g.initializer[0] = floats("l0.weight", &[9, 8], &halved);
        g.initializer[1] = floats("l0.bias", &[1, 8], &tripled);
        g.node[0].attribute = vec![float("alpha", 2.0), float("beta", 0.25)];
        g.input.push(value("l0.weight", data_type::FLOAT, &[8]));
    });
    same_pictures(&read(&model, Some(3)).unwrap().network, &reference());
}

#[test]
fn a_label_that_comes_first_is_moved_behind() {
    let model = change(|g| {
        let w = reference();
        let Op::Linear(_, first) = &w.nodes[0].op else {
            panic!()
        };
        let (latent, label) = (
            first.weight.slice(s![.., ..6]),
            first.weight.slice(s![.., 6..]),
        );
        let swapped = concatenate(Axis(1), &[label, latent]).unwrap();
        g.initializer[0] = floats("l0.weight", &[8, 9], swapped.iter());
        g.input = vec![
            value("z", data_type::FLOAT, &[6, 1, 1]),
            value("class_onehot", data_type::FLOAT, &[3]),
        ];
        g.node
            .insert(0, node("Flatten", "", &["z"], "flat", vec![]));
        g.node.insert(
            1,
            node(
                "Concat",
                "",
                &["class_onehot", "flat"],
                "x",
                vec![int("axis", -1)],
            ),
        );
        g.node[2].input[0] = "x".into();
    });
    let network = read(&model, None).unwrap().network;
    assert_eq!(network.input, reference().input);
    same_pictures(&network, &reference());
    assert!(
        read(&model, Some(4))
            .unwrap_err()
            .to_string()
            .contains("4 classes")
    );
}

#[test]
fn unknown_operators_are_refused_by_node_with_the_list() {
    let error = read(&change(|g| g.node[2].op_type = "Einsum".into()), Some(3)).unwrap_err();
    assert!(
        matches!(&error, OnnxError::Node { op, fault: NodeFault::Unsupported(_), .. } if op == "Einsum")
    );
    let text = error.to_string();
    assert!(
        text.contains("node r (Einsum)") && text.contains("BatchNormalization, Cast"),
        "{text}"
    );
    let error = read(&change(|g| g.node[2].domain = "com.me".into()), Some(3)).unwrap_err();
    assert!(matches!(
        error,
        OnnxError::Node {
            fault: NodeFault::Domain(_),
            ..
        }
    ));
}

#[test]
fn what_is_wrong_is_named() {
    type Edit = fn(&mut GraphProto);
    let cases: [(Edit, &str); 18] = [
        (
            |g| g.initializer[0].raw_data[..4].copy_from_slice(&f32::NAN.to_le_bytes()),
            "tensor l0.weight: element 0 is NaN",
        ),
        (
            |g| g.initializer[3].raw_data[4..8].copy_from_slice(&f32::INFINITY.to_le_bytes()),
            "tensor bn.bias: element 1 is inf",
        ),
        (
            |g| g.initializer[0].dims = vec![1 << 40, 1 << 40],
            "limit of 16777216 elements",
        ),
        (|g| g.initializer[0].dims = vec![9, 9], "expected 324"),
        (
            |g| g.initializer[0].data_location = 1,
            "external_data=False",
        ),
        (
            |g| g.initializer[0].dims = vec![9, 8],
            "bias has shape [8], expected 9 values",
        ),
        (
            |g| g.initializer[5].raw_data[..4].copy_from_slice(&(-1f32).to_le_bytes()),
            "variance plus epsilon",
        ),
        (|g| g.node[0].input[0] = "nothing".into(), "reads nothing"),
        (
            |g| g.node[5].input[0] = "i".into(),
            "expected [8], or one value for each of its channels",
        ),
        (|g| g.node[0].input.truncate(1), "its input 1 is missing"),
        (|g| g.node[0].input[1] = "z".into(), "must be a constant"),
        (
            |g| g.node[0].attribute = vec![int("transA", 1)],
            "transA is 1",
        ),
        (
            |g| g.node[1].attribute = vec![int("training_mode", 1)],
            "evaluation mode",
        ),
        (
            |g| g.initializer[9] = int64s("dims", &[2, 3, 4]),
            "12 elements a sample",
        ),
        (
            |g| g.output[0].name = "dims".into(),
            "does not depend on the latent vector",
        ),
        (|g| g.output.clear(), "0 outputs"),
        (
            |g| g.input[0] = value("z", data_type::INT64, &[9]),
            "(N) or (N, 1)",
        ),
        (
            |g| g.input.push(value("y", data_type::FLOAT, &[3])),
            "input y: no node reads it",
        ),
    ];
    for (edit, expected) in cases {
        let error = read(&change(edit), Some(3)).unwrap_err().to_string();
        assert!(
            error.contains(expected) && !error.contains('\n'),
            "{expected:?} is not in {error:?}"
        );
    }
    let fault = read(&change(|g| g.initializer[0].data_type = 8), None).unwrap_err();
    assert!(matches!(
        fault,
        OnnxError::Tensor {
            fault: TensorFault::Type("string"),
            ..
        }
    ));
    let old = ModelProto {
        opset_import: vec![],
        ..pytorch()
    };
    assert!(matches!(
        read(&old, None),
        Err(OnnxError::Opset { found: 0 })
    ));
    assert!(
        read(&pytorch(), Some(9))
            .unwrap_err()
            .to_string()
            .contains("too few for 9 classes")
    );
}

#[test]
fn what_the_output_does_not_need_is_left_out() {
    let import = read(&change(|g| g.output[0].name = "r".into()), Some(3));
    // Eight values are no picture, but anything else may have them.
    assert!(import.unwrap_err().to_string().contains("8 values"));
    let options = ReadOptions {
        role: Role::Classifier,
        ..Default::default()
    };
    let model = change(|g| g.output[0].name = "r".into());
    let network = from_bytes(&model.encode_to_vec(), &options)
        .unwrap()
        .network;
    assert_eq!(network.nodes.len(), 3);
    assert_eq!(network.output, Shape::vector(8));
}

#[test]
fn copies_of_one_large_weight_do_not_add_up() {
    let many: Vec<NodeProto> = (0..300)
        .map(|i| {
            node(
                "Gemm",
                "",
                &[&format!("v{i}"), "w", ""],
                &format!("v{}", i + 1),
                vec![],
            )
        })
        .collect();
    let weights = vec![0.5f32; 1000 * 1000];
    let graph = GraphProto {
        name: "g".into(),
        input: vec![value("v0", data_type::FLOAT, &[1000])],
        output: vec![value("v300", data_type::FLOAT, &[1000])],
        initializer: vec![floats("w", &[1000, 1000], &weights)],
        node: many,
        ..Default::default()
    };
    let model = ModelProto {
        graph: Some(graph),
        opset_import: opset(),
        ..Default::default()
    };
    assert!(
        read(&model, None)
            .unwrap_err()
            .to_string()
            .contains("all weights together")
    );
}

#[test]
fn no_truncation_panics_or_passes() {
    let bytes = to_bytes(&reference(), &WriteOptions::default()).unwrap();
    let whole = from_bytes(&bytes, &ReadOptions::default()).unwrap().network;
    for len in 0..bytes.len() {
        // What follows the graph is only metadata: cut there, the network is whole or the file is
        // refused.
        if let Ok(import) = from_bytes(&bytes[..len], &ReadOptions::default()) {
            assert_eq!(import.network, whole, "cut at {len}");
        }
    }
}

proptest! {
    #[test]
    fn no_flipped_bytes_panic(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = pytorch().encode_to_vec();
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        // Whatever it gives, it is a valid network or an error of one line.
        match from_bytes(&bytes, &ReadOptions { classes: Some(3), ..Default::default() }) {
            Ok(import) => prop_assert!(import.network.check().is_ok()),
            Err(error) => prop_assert!(!error.to_string().contains('\n')),
        }
    }

    #[test]
    fn no_flipped_bytes_of_a_graph_panic(
        seed in 0..60u64,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let network = random::any_graph(seed);
        let mut bytes = to_bytes(&network, &WriteOptions::default()).unwrap();
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for role in [Role::Generator, Role::Classifier] {
            match from_bytes(&bytes, &ReadOptions { role, ..Default::default() }) {
                Ok(import) => {
                    // What is valid runs.
                    let input = Array2::zeros((1, import.network.input.len()));
                    let output = forward::run(&import.network, input.view());
                    prop_assert_eq!(output.ncols(), import.network.output.len());
                }
                Err(error) => prop_assert!(!error.to_string().contains('\n')),
            }
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = from_bytes(&bytes, &ReadOptions::default());
    }
}
