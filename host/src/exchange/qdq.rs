//! generator.int8.onnx: a quantized network as standard ONNX, equal to the byte in every runtime.
//!
//! Each layer with weights is DequantizeLinear of input, weights (per channel) and bias, then Gemm,
//! Conv or ConvTranspose, its activation and QuantizeLinear; an embedding is a Gemm of the one-hot
//! label. All scales are powers of two and every accumulator stays below 2^24, so each float
//! operation is exact, and QuantizeLinear rounds half to even as the integer arithmetic does. A
//! concatenation is DequantizeLinear of its parts, Concat and QuantizeLinear at the output's scale.
//! A table is Cast and Gather: a negative index counts from the end, so the entries for -128 to -1
//! stand behind those for 0 to 127. Upsampling is a Resize of the bytes themselves. Sums, products
//! and products of matrices are DequantizeLinear of each input, the operator and QuantizeLinear; a
//! mean is a Conv of ones times the reciprocals of the counts, because a runtime's own pooling
//! would divide. ArgMax and Gather work on the bytes.
//!
//! Inputs int8 `latent` (N, latent) and, for a conditional generator, `label` (N, classes), 127 for
//! the class and 0 elsewhere; output int8 `picture` (N, channels, height, width). The output of a
//! step named `s` is the tensor `s.int8`. int4 weights are stored as INT8, which every runtime
//! reads.

use super::layout::{self, Layout};
use super::write::prior_name;
use crate::graph::{Integer, Node, Op, QuantizedNetwork, Source};
use crate::onnx::build::{self, entry, int8s, value};
use crate::onnx::names::{LATENT, PICTURE};
use crate::onnx::proto::{ModelProto, data_type};
use crate::onnx::tensors::{Emitter, IntegerWriter, Tensor, output_name, picture};
use crate::ops::activations;
use prost::Message;

/// Which outputs a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outputs {
    /// The picture alone.
    #[default]
    Picture,
    /// Every step's int8 output, in order, and then the picture: to find the first step that
    /// differs.
    EveryStep,
}

/// The bytes of generator.int8.onnx: the same network always gives the same bytes.
pub fn to_bytes(network: &QuantizedNetwork, outputs: Outputs) -> Vec<u8> {
    let turned = layout::turn(network, Layout::ChannelsFirst);
    let network = &turned.graph;
    let input = network.input;
    let reads_all = |node: &Node<Integer>| node.inputs.contains(&Source::Input);
    let mut writer = IntegerWriter {
        network,
        emitter: Emitter::new(
            format!("{}.int8", network.name),
            data_type::INT8,
            input,
            Tensor::new(LATENT, &[input.latent]),
            network.nodes.iter().any(reads_all),
        ),
    };
    writer.constant(int8s("zero", &[], &[0]));
    for node in &network.nodes {
        let output = Tensor {
            name: output_name(&node.name),
            dims: write(&mut writer, node),
        };
        let info = value(&output.name, data_type::INT8, &output.dims);
        match outputs {
            Outputs::Picture => writer.emitter.graph.value_info.push(info),
            Outputs::EveryStep => writer.emitter.graph.output.push(info),
        }
        writer.emitter.outputs.push(output);
    }
    let mut emitter = writer.emitter;
    let picture = Tensor::new(PICTURE, &picture(network.output));
    if let Some(last) = emitter.outputs.last().cloned() {
        emitter.reshape(&last.name, &picture, PICTURE, "picture.shape");
    }
    let output = value(PICTURE, data_type::INT8, &picture.dims);
    emitter.graph.output.push(output);
    ModelProto {
        ir_version: build::IR_VERSION,
        producer_name: "thumbgen".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        doc_string: "int8 in and out; every value is an integer times a power of two, and all runtimes agree to the byte"
            .to_owned(),
        graph: Some(emitter.graph),
        opset_import: build::opset(),
        metadata_props: vec![
            entry("latent", input.latent),
            entry("classes", input.classes),
            entry("prior", prior_name(network.about.prior)),
        ],
    }
    .encode_to_vec()
}

/// Appends a node and gives its output's dimensions.
fn write(writer: &mut IntegerWriter<'_>, node: &Node<Integer>) -> Vec<usize> {
    match &node.op {
        Op::Linear(kind, linear) => kind.operator().write_integer(writer, node, linear),
        Op::Norm(norm) => match *norm {},
        Op::Pointwise(table) => activations::write_integer(writer, node, table),
        Op::Move(moved) => moved.operator().write_integer(writer, node),
        Op::Combine(combine, _) => combine.operator().write_integer(writer, node),
    }
}
