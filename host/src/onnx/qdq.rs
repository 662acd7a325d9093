//! generator.int8.onnx: a quantized network as standard ONNX, equal to the byte in every runtime.
//!
//! Each dense layer is DequantizeLinear of input, weights (per channel) and bias, Gemm, its activation and
//! QuantizeLinear. All scales are powers of two and every accumulator stays below 2^24, so each float operation is
//! exact, and QuantizeLinear rounds half to even as the integer arithmetic does. A table is Cast and Gather: a negative
//! index counts from the end, so the entries for -128 to -1 stand behind those for 0 to 127.
//!
//! Inputs int8 `latent` (N, latent) and, for a conditional generator, `label` (N, classes), 32 for the class and 0
//! elsewhere; output int8 `picture` (N, channels, height, width). The output of a step named `s` is the tensor
//! [`output_name`]`(s)`. int4 weights are stored as INT8, which every runtime reads.

use super::build::{self, entry, float, floats, int, int8s, int32s, int64s, node, value};
use super::names::{LABEL, LATENT, PICTURE};
use super::proto::{GraphProto, ModelProto, data_type};
use super::write::prior_name;
use crate::quantize::{QuantizedLinear, QuantizedNetwork, StepKind};
use prost::Message;
use shared::arithmetic::Activation;

/// Which outputs a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outputs {
    /// The picture alone.
    #[default]
    Picture,
    /// Every step's int8 output, in order, and then the picture: to find the first step that differs.
    EveryStep,
}

/// The name of a step's output tensor.
pub fn output_name(step: &str) -> String {
    format!("{step}.int8")
}

/// The bytes of generator.int8.onnx: the same network always gives the same bytes.
pub fn to_bytes(network: &QuantizedNetwork, outputs: Outputs) -> Vec<u8> {
    let mut graph = GraphProto {
        name: format!("{}.int8", network.name),
        ..Default::default()
    };
    let input = network.input;
    graph
        .input
        .push(value(LATENT, data_type::INT8, &[input.latent]));
    let mut head = LATENT.to_owned();
    if input.classes > 0 {
        graph
            .input
            .push(value(LABEL, data_type::INT8, &[input.classes]));
        graph.node.push(node(
            "Concat",
            "join",
            &[LATENT, LABEL],
            "input",
            vec![int("axis", 1)],
        ));
        "input".clone_into(&mut head);
    }
    graph.initializer.push(int8s("zero", &[], &[0]));
    for step in &network.steps {
        let output = output_name(&step.name);
        match &step.kind {
            StepKind::Dense(dense) => {
                push_dense(
                    &mut graph,
                    &step.name,
                    dense,
                    &head,
                    step.inputs
                        .first()
                        .map_or(0, |&source| network.input_exponent(source)),
                    step.exponent,
                );
            }
            // Quantization makes no others yet.
            StepKind::Conv(..)
            | StepKind::ConvTranspose(..)
            | StepKind::Embedding(_)
            | StepKind::Upsample { .. }
            | StepKind::Reshape
            | StepKind::Concat { .. } => continue,
            StepKind::Table(table) => {
                let (entries, cast) = (
                    format!("{}.entries", step.name),
                    format!("{}.index", step.name),
                );
                let (negative, positive) = table.split_at(128);
                graph
                    .initializer
                    .push(int8s(&entries, &[256], positive.iter().chain(negative)));
                let to = int("to", i64::from(data_type::INT32));
                graph
                    .node
                    .push(node("Cast", &cast, &[&head], &cast, vec![to]));
                graph.node.push(node(
                    "Gather",
                    &step.name,
                    &[&entries, &cast],
                    &output,
                    vec![int("axis", 0)],
                ));
            }
        }
        let info = value(&output, data_type::INT8, &[step.shape.len()]);
        match outputs {
            Outputs::Picture => graph.value_info.push(info),
            Outputs::EveryStep => graph.output.push(info),
        }
        head = output;
    }
    let shape = network.output;
    let dims = [shape.channels, shape.height, shape.width];
    // 0 copies the batch.
    let target: Vec<i64> = std::iter::once(0).chain(dims.map(|d| d as i64)).collect();
    graph.initializer.push(int64s("picture.shape", &target));
    graph.node.push(node(
        "Reshape",
        "picture",
        &[&head, "picture.shape"],
        PICTURE,
        vec![],
    ));
    graph.output.push(value(PICTURE, data_type::INT8, &dims));
    ModelProto {
        ir_version: build::IR_VERSION,
        producer_name: "thumbgen".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        doc_string: "int8 in and out; every value is an integer times a power of two, and all runtimes agree to the byte"
            .to_owned(),
        graph: Some(graph),
        opset_import: build::opset(),
        metadata_props: vec![
            entry("latent", input.latent),
            entry("classes", input.classes),
            entry("prior", prior_name(network.prior)),
        ],
    }
    .encode_to_vec()
}

fn power(exponent: i32) -> f32 {
    2f32.powi(exponent)
}

/// Appends a dense layer; its output is [`output_name`]`(name)`.
fn push_dense(
    graph: &mut GraphProto,
    name: &str,
    dense: &QuantizedLinear,
    head: &str,
    input_exponent: i8,
    output_exponent: i8,
) {
    let own = |what: &str| format!("{name}.{what}");
    let (outputs, inputs) = dense.weights.dim();
    let exponents = dense.weight_exponents.iter().map(|&e| i32::from(e));
    let weight_scales: Vec<f32> = exponents.clone().map(power).collect();
    let bias_scales: Vec<f32> = exponents
        .map(|e| power(e + i32::from(input_exponent)))
        .collect();
    let (x_scale, y_scale) = (own("input_scale"), own("output_scale"));
    graph.initializer.extend([
        floats(&x_scale, &[], &[power(i32::from(input_exponent))]),
        int8s(&own("weight"), &[outputs, inputs], dense.weights.iter()),
        floats(&own("weight_scale"), &[outputs], &weight_scales),
        int32s(&own("bias"), &[outputs], &dense.bias),
        floats(&own("bias_scale"), &[outputs], &bias_scales),
        floats(&y_scale, &[], &[power(i32::from(output_exponent))]),
    ]);
    let axis = || vec![int("axis", 0)];
    let (x, w, b) = (own("input_float"), own("weight_float"), own("bias_float"));
    let mut real = own("float");
    graph.node.extend([
        node(
            "DequantizeLinear",
            &x,
            &[head, &x_scale, "zero"],
            &x,
            vec![],
        ),
        node(
            "DequantizeLinear",
            &w,
            &[&own("weight"), &own("weight_scale")],
            &w,
            axis(),
        ),
        node(
            "DequantizeLinear",
            &b,
            &[&own("bias"), &own("bias_scale")],
            &b,
            axis(),
        ),
        node("Gemm", name, &[&x, &w, &b], &real, vec![int("transB", 1)]),
    ]);
    let activation = match dense.activation {
        Activation::None => None,
        Activation::Relu => Some(("Relu", vec![])),
        Activation::LeakyRelu { slope_shift } => Some((
            "LeakyRelu",
            vec![float("alpha", power(-i32::from(slope_shift)))],
        )),
    };
    if let Some((op, attributes)) = activation {
        let activated = own("activated");
        graph
            .node
            .push(node(op, &activated, &[&real], &activated, attributes));
        real = activated;
    }
    let output = output_name(name);
    graph.node.push(node(
        "QuantizeLinear",
        &own("quantize"),
        &[&real, &y_scale, "zero"],
        &output,
        vec![],
    ));
}
