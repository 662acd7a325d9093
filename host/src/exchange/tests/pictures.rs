//! Files with pictures in them, as PyTorch and TensorFlow export them: windows, resizing, branches.

use crate::exchange::ReadOptions;
use crate::exchange::layout::channels_first;
use crate::exchange::read::from_bytes;
use crate::graph::random::Random;
use crate::graph::{Network, Op, Shape, Source};
use crate::onnx::build::{floats, int, ints, node, opset, text, value};
use crate::onnx::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, data_type};
use crate::onnx::{OnnxError, Role};
use crate::ops::forward;
use crate::runtime::{Runtime, Tensor, ort, tract::Tract};
use ndarray::Array2;
use prost::Message;

/// A graph from `z` to `y`, with float constants of random values.
pub(super) fn graph(
    z: &[usize],
    y: &[usize],
    constants: &[(&str, &[usize])],
    nodes: Vec<NodeProto>,
) -> ModelProto {
    let mut random = Random::new(5);
    let mut graph = GraphProto {
        name: "g".into(),
        input: vec![value("z", data_type::FLOAT, z)],
        output: vec![value("y", data_type::FLOAT, y)],
        node: nodes,
        ..Default::default()
    };
    for &(name, dims) in constants {
        let len = dims.iter().product();
        // Variances among them: positive.
        let data: Vec<f32> = (0..len).map(|_| random.uniform(0.1, 0.6)).collect();
        graph.initializer.push(floats(name, dims, &data));
    }
    ModelProto {
        ir_version: 8,
        graph: Some(graph),
        opset_import: opset(),
        ..Default::default()
    }
}

pub(super) fn read(model: &ModelProto) -> Result<Network, OnnxError> {
    from_bytes(&model.encode_to_vec(), &ReadOptions::default()).map(|import| import.network)
}

fn change(model: &ModelProto, edit: impl FnOnce(&mut GraphProto)) -> ModelProto {
    let mut model = model.clone();
    edit(model.graph.as_mut().unwrap());
    model
}

/// What was read gives what tract, and ONNX Runtime where it is there, make of the file itself.
pub(super) fn same_as_runtimes(model: &ModelProto, z: &[usize], label: Option<usize>) -> Network {
    let network = read(model).unwrap();
    let mut random = Random::new(6);
    let batch = 3;
    let latent = network.input.latent;
    let mut inputs = Array2::from_shape_simple_fn((batch, network.input.len()), || random.normal());
    let mut tensors = vec![Tensor {
        name: "z".to_owned(),
        shape: [&[batch], z].concat(),
        data: (0..batch)
            .flat_map(|n| {
                inputs
                    .row(n)
                    .iter()
                    .take(latent)
                    .copied()
                    .collect::<Vec<_>>()
            })
            .collect(),
    }];
    if let Some(classes) = label {
        for n in 0..batch {
            for class in 0..classes {
                inputs[(n, latent + class)] = f32::from(u8::from(n == class));
            }
        }
        tensors.push(Tensor {
            name: "label".to_owned(),
            shape: vec![batch, classes],
            data: (0..batch)
                .flat_map(|n| {
                    inputs
                        .row(n)
                        .iter()
                        .skip(latent)
                        .copied()
                        .collect::<Vec<_>>()
                })
                .collect(),
        });
    }
    let expected = forward::run(&network, inputs.view());
    let bytes = model.encode_to_vec();
    let mut runtimes: Vec<Box<dyn Runtime>> = vec![Box::new(Tract::load(&bytes).unwrap())];
    if let Some(library) = ort::library_from_environment() {
        runtimes.push(Box::new(ort::Ort::load(Some(&library), &bytes).unwrap()));
    }
    for mut runtime in runtimes {
        let outputs = runtime.run_float(&tensors).unwrap();
        assert_eq!(outputs[0].data.len(), expected.len(), "{}", runtime.name());
        let rows = expected.rows().into_iter();
        let first = rows.flat_map(|row| channels_first(network.output, &row.to_vec()));
        for (a, b) in outputs[0].data.iter().zip(first) {
            assert!((a - b).abs() < 1e-4, "{}: {a} {b}", runtime.name());
        }
    }
    network
}

#[test]
fn a_dcgan_of_transposed_convolutions() {
    let window = |kernel: usize, stride: usize, pad: usize| {
        vec![
            ints("dilations", &[1, 1]),
            int("group", 1),
            ints("kernel_shape", &[kernel, kernel]),
            ints("pads", &[pad; 4]),
            ints("strides", &[stride, stride]),
        ]
    };
    let norm = ["s", "b", "m", "v"];
    let nodes = vec![
        node("ConvTranspose", "/0", &["z", "w0"], "a", window(3, 1, 0)),
        node(
            "BatchNormalization",
            "/1",
            &["a", norm[0], norm[1], norm[2], norm[3]],
            "b0",
            vec![],
        ),
        node("Relu", "/2", &["b0"], "c", vec![]),
        node(
            "ConvTranspose",
            "/3",
            &["c", "w1", "bias"],
            "d",
            window(4, 2, 1),
        ),
        node("Tanh", "/4", &["d"], "y", vec![]),
    ];
    let constants: [(&str, &[usize]); 7] = [
        ("w0", &[6, 4, 3, 3]),
        ("s", &[4]),
        ("b", &[4]),
        ("m", &[4]),
        ("v", &[4]),
        ("w1", &[4, 1, 4, 4]),
        ("bias", &[1]),
    ];
    let model = graph(&[6, 1, 1], &[1, 6, 6], &constants, nodes);
    let network = same_as_runtimes(&model, &[6, 1, 1], None);
    let kinds: Vec<_> = network.nodes.iter().map(|n| n.name.as_str()).collect();
    assert_eq!(
        kinds,
        ["/0", "/1", "/2", "/3", "/4"],
        "no reshape among them"
    );
    assert_eq!(network.nodes[0].inputs, [Source::Input]);
    assert_eq!(
        network.output,
        Shape {
            channels: 1,
            height: 6,
            width: 6
        }
    );
}

#[test]
fn every_way_to_pad_is_what_runtimes_make_of_it() {
    let mut count = 0;
    for op in ["Conv", "ConvTranspose"] {
        for auto in ["VALID", "SAME_UPPER", "SAME_LOWER"] {
            for (kernel, stride) in [(2, 1), (3, 1), (3, 2), (4, 3), (5, 2), (2, 3)] {
                let side = match (op, auto) {
                    ("Conv", "VALID") => (7 - kernel) / stride + 1,
                    ("Conv", _) => 7usize.div_ceil(stride),
                    (_, "VALID") => 6 * stride + kernel,
                    _ => 7 * stride,
                };
                let attributes = vec![
                    text("auto_pad", auto),
                    ints("strides", &[stride, stride]),
                    ints("kernel_shape", &[kernel, kernel]),
                ];
                let nodes = vec![node(op, "w", &["z", "w"], "y", attributes)];
                let constants: [(&str, &[usize]); 1] = [("w", &[2, 2, kernel, kernel])];
                let model = graph(&[2, 7, 7], &[2, side, side], &constants, nodes);
                if op == "ConvTranspose" && auto != "VALID" && kernel < stride {
                    let error = read(&model).unwrap_err().to_string();
                    assert!(error.contains("auto_pad is 21 along axis 2"), "{error}");
                } else {
                    same_as_runtimes(&model, &[2, 7, 7], None);
                }
                count += 1;
            }
        }
    }
    assert_eq!(count, 36);
}

#[test]
fn an_output_shape_decides_the_padding() {
    for (side, pads) in [(9, [0, 0]), (8, [1, 0]), (7, [1, 1]), (6, [2, 1])] {
        let attributes = vec![
            ints("output_shape", &[side, side]),
            ints("strides", &[2, 2]),
            ints("kernel_shape", &[3, 3]),
        ];
        let nodes = vec![node("ConvTranspose", "w", &["z", "w"], "y", attributes)];
        let constants: [(&str, &[usize]); 1] = [("w", &[2, 1, 3, 3])];
        let model = graph(&[2, 4, 4], &[1, side, side], &constants, nodes);
        let network = read(&model).unwrap();
        // Behind the transposition of the input.
        let windowed = network.nodes.iter().find(|node| node.op.window().is_some());
        let node = windowed.unwrap();
        let window = node.op.window().unwrap();
        let (cut, _) = window.far_cut(network.first_shape(node).sides(), node.shape.sides());
        assert_eq!([window.padding[0], cut[0]], pads, "{side}");
        assert_eq!(network.output.height, side);
        if let Some(library) = ort::library_from_environment() {
            let mut ort = ort::Ort::load(Some(&library), &model.encode_to_vec()).unwrap();
            let z: Vec<f32> = (0..32).map(|i| i as f32 * 0.1).collect();
            let input = Tensor {
                name: "z".to_owned(),
                shape: vec![1, 2, 4, 4],
                data: z.clone(),
            };
            let outputs = ort.run_float(&[input]).unwrap();
            let expected =
                forward::run(&network, Array2::from_shape_vec((1, 32), z).unwrap().view());
            assert!(
                outputs[0]
                    .data
                    .iter()
                    .zip(&expected)
                    .all(|(a, b)| (a - b).abs() < 1e-4)
            );
        }
    }
}

#[test]
fn a_value_may_be_read_twice() {
    let nodes = vec![
        node("Conv", "a", &["z", "w"], "a", vec![ints("pads", &[1; 4])]),
        node("Add", "", &["a", "b"], "s", vec![]),
        node("Relu", "r", &["a"], "r", vec![]),
        node(
            "Resize",
            "up",
            &["r", "", "scales"],
            "u",
            vec![text("mode", "nearest")],
        ),
        node(
            "Upsample",
            "up2",
            &["s", "scales"],
            "v",
            vec![text("mode", "nearest")],
        ),
        node("Concat", "j", &["u", "v"], "j", vec![int("axis", -3)]),
        node("Tanh", "", &["j"], "y", vec![]),
    ];
    let constants: [(&str, &[usize]); 2] = [("w", &[2, 2, 3, 3]), ("b", &[2, 1, 1])];
    let mut model = graph(&[2, 4, 4], &[4, 8, 8], &constants, nodes);
    let scales = floats("scales", &[4], &[1.0, 1.0, 2.0, 2.0]);
    model.graph.as_mut().unwrap().initializer.push(scales);
    // Upsample went away after version 9.
    let resize = change(&model, |g| {
        g.node[4].op_type = "Resize".into();
        g.node[4].input = vec!["s".into(), String::new(), "scales".into()];
        g.node[4]
            .attribute
            .push(text("coordinate_transformation_mode", "asymmetric"));
        g.node[4].attribute.push(text("nearest_mode", "floor"));
    });
    assert_eq!(
        read(&model).unwrap(),
        same_as_runtimes(&resize, &[2, 4, 4], None)
    );
    // The sum that only one node reads goes into the convolution; this one does not.
    let network = read(&model).unwrap();
    assert!(network.nodes.iter().any(|n| matches!(n.op, Op::Norm(_))));
    let alone = change(&resize, |g| g.node[2].input[0] = "s".into());
    let network = same_as_runtimes(&alone, &[2, 4, 4], None);
    assert!(!network.nodes.iter().any(|n| matches!(n.op, Op::Norm(_))));
}

#[test]
fn a_classifier_is_a_network_from_pictures_to_logits() {
    let nodes = vec![
        node(
            "Conv",
            "c",
            &["z", "w"],
            "a",
            vec![ints("strides", &[2, 2])],
        ),
        node("Relu", "r", &["a"], "b", vec![]),
        node("Flatten", "", &["b"], "f", vec![]),
        node("Gemm", "g", &["f", "v"], "y", vec![int("transB", 1)]),
    ];
    let constants: [(&str, &[usize]); 2] = [("w", &[3, 1, 4, 4]), ("v", &[10, 507])];
    let model = graph(&[1, 28, 28], &[10], &constants, nodes);
    let options = ReadOptions {
        role: Role::Classifier,
        ..Default::default()
    };
    let network = from_bytes(&model.encode_to_vec(), &options)
        .unwrap()
        .network;
    assert_eq!((network.input.latent, network.input.classes), (784, 0));
    assert_eq!(network.output, Shape::vector(10));
    let picture = Shape {
        channels: 1,
        height: 28,
        width: 28,
    };
    assert_eq!(network.nodes[0].op, Op::reshape());
    assert_eq!(network.nodes[0].shape, picture);
    assert_eq!(network.nodes[0].name, "z");
    assert!(read(&model).unwrap_err().to_string().contains("10 values"));
}

#[test]
fn what_is_not_supported_says_so_by_node() {
    let set = |attribute: AttributeProto| {
        move |g: &mut GraphProto| {
            g.node[0].attribute.retain(|a| a.name != attribute.name);
            g.node[0].attribute.push(attribute);
        }
    };
    let of = |op: &str| {
        let nodes = vec![node(op, "the_node", &["z", "w"], "y", vec![])];
        let constants: [(&str, &[usize]); 1] = [("w", &[2, 2, 3, 3])];
        graph(&[2, 5, 5], &[2, 3, 3], &constants, nodes)
    };
    for op in ["Conv", "ConvTranspose"] {
        let cases = [
            (int("group", 0), "attribute group is 0"),
            (int("group", 3), "that 3 divides"),
            (ints("dilations", &[0, 1]), "attribute dilations is [0, 1]"),
            (ints("strides", &[0, 1]), "attribute strides is [0, 1]"),
            (ints("strides", &[1]), "attribute strides is [1]"),
            (ints("strides", &[300, 1]), "at most 255"),
            (ints("pads", &[1, 1]), "attribute pads"),
            (ints("pads", &[3, 0, 0, 0]), "less than the kernel"),
            (ints("kernel_shape", &[3, 4]), "last two dimensions"),
            (text("auto_pad", "SAME"), "attribute auto_pad is SAME"),
        ];
        for (attribute, expected) in cases {
            let error = read(&change(&of(op), set(attribute)))
                .unwrap_err()
                .to_string();
            assert!(
                error.contains(expected) && error.contains("the_node"),
                "{expected} {error}"
            );
        }
    }
    let deconv = of("ConvTranspose");
    for (attribute, expected) in [
        (ints("output_padding", &[1, 0]), "less than the stride"),
        (ints("output_shape", &[9, 9]), "no more than strides"),
        (ints("output_shape", &[0, 9]), "attribute output_shape"),
    ] {
        let error = read(&change(&deconv, set(attribute)))
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{expected} {error}");
    }
    let large = change(&of("Conv"), |g| {
        g.initializer[0] = floats("w", &[2, 2, 6, 1], &[0.5; 24])
    });
    assert!(
        read(&large)
            .unwrap_err()
            .to_string()
            .contains("window of 6 x 1 fits in")
    );
    let line = change(&of("Conv"), |g| {
        g.input[0] = value("z", data_type::FLOAT, &[2, 25])
    });
    assert!(
        read(&line)
            .unwrap_err()
            .to_string()
            .contains("only pictures have windows")
    );
    let resize = |attributes: Vec<AttributeProto>, scales: [f32; 4]| {
        let nodes = vec![node("Resize", "the_node", &["z", "", "s"], "u", attributes)];
        let mut model = graph(&[2, 5, 5], &[2, 5, 5], &[], nodes);
        model
            .graph
            .as_mut()
            .unwrap()
            .initializer
            .push(floats("s", &[4], &scales));
        read(&model).unwrap_err().to_string()
    };
    let whole = [1.0, 1.0, 2.0, 2.0];
    for (error, expected) in [
        (
            resize(vec![text("mode", "linear")], whole),
            "mode is linear",
        ),
        (
            resize(vec![text("nearest_mode", "ceil")], whole),
            "a pair that repeats",
        ),
        (resize(vec![], [1.0, 1.0, 1.5, 2.0]), "two whole numbers"),
        (resize(vec![], [1.0, 2.0, 2.0, 2.0]), "two whole numbers"),
    ] {
        assert!(
            error.contains(expected) && error.contains("the_node (Resize)"),
            "{error}"
        );
    }
}
