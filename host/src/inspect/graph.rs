//! A description of any ONNX graph, node by node: for those that are no float generator, as
//! generator.int8.onnx.

use super::description::{Description, LayerRow};
use crate::onnx::OnnxError;
use crate::onnx::limits;
use crate::onnx::proto::{ModelProto, TensorProto};
use prost::Message;
use std::collections::BTreeMap;

/// Describes the graph of an ONNX file's bytes; `refused` is why it is no generator that can be
/// exported.
///
/// A constant counts for the first node that reads it, and one that is dequantized for the node
/// behind that.
///
/// # Errors
/// [`OnnxError`] where the bytes are no ONNX file, or have no graph.
pub fn graph(bytes: &[u8], refused: &OnnxError) -> Result<Description, OnnxError> {
    limits::check(bytes)?;
    let model = ModelProto::decode(bytes)?;
    let graph = model.graph.ok_or(OnnxError::NoGraph)?;
    let mut constants: BTreeMap<&str, &TensorProto> = graph
        .initializer
        .iter()
        .map(|tensor| (tensor.name.as_str(), tensor))
        .collect();
    // Constants on their way through DequantizeLinear, by its output.
    let mut passed: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let mut layers = Vec::new();
    for node in &graph.node {
        let (mut weights, mut bytes) = (0u64, 0u64);
        for input in &node.input {
            let (elements, size) = match constants.remove(input.as_str()) {
                Some(tensor) => (elements(tensor), size(tensor)),
                None => passed.remove(input.as_str()).unwrap_or_default(),
            };
            weights = weights.saturating_add(elements);
            bytes = bytes.saturating_add(size);
        }
        match node.output.first() {
            Some(output) if node.op_type == "DequantizeLinear" => {
                passed.insert(output, (weights, bytes));
            }
            _ => layers.push(LayerRow {
                name: node.name.clone(),
                kind: node.op_type.clone(),
                output: node.output.join(" "),
                weights,
                bytes,
                ..Default::default()
            }),
        }
    }
    let names = |list: &[crate::onnx::proto::ValueInfoProto]| {
        list.iter()
            .map(|value| value.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    Ok(Description {
        format: "ONNX graph",
        name: graph.name.clone(),
        facts: vec![
            ("producer", model.producer_name),
            ("input", names(&graph.input)),
            ("output", names(&graph.output)),
            ("nodes", graph.node.len().to_string()),
            ("export", format!("not possible: {refused}")),
        ],
        layers,
        arena: None,
    })
}

/// Number of elements that the shape states; nothing is allocated by it.
fn elements(tensor: &TensorProto) -> u64 {
    tensor.dims.iter().fold(1u64, |product, &dim| {
        product.saturating_mul(u64::try_from(dim).unwrap_or(0))
    })
}

/// Bytes that the tensor's data takes.
fn size(tensor: &TensorProto) -> u64 {
    let typed = tensor.float_data.len() * 4
        + tensor.int32_data.len() * 4
        + tensor.int64_data.len() * 8
        + tensor.double_data.len() * 8;
    (tensor.raw_data.len() + typed) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::ReadOptions;
    use crate::exchange::read::from_bytes;

    #[test]
    fn the_integer_generator_is_described() {
        let path = crate::system::repository::root()
            .unwrap()
            .join("models/cgan/generator.int8.onnx");
        let bytes = std::fs::read(path).unwrap();
        let refused = from_bytes(&bytes, &ReadOptions::default()).unwrap_err();
        let description = graph(&bytes, &refused).unwrap();
        let gemms: Vec<u64> = description
            .layers
            .iter()
            .filter(|row| row.kind == "Gemm")
            .map(|row| row.weights)
            .collect();
        // Weights, biases, and their scales and zero points.
        assert_eq!(gemms.len(), 3);
        assert!(
            gemms[0] >= 42 * 256 + 256 && gemms[2] >= 256 * 784 + 784,
            "{gemms:?}"
        );
        assert!(description.to_string().contains("Gather"));
    }

    #[test]
    fn bytes_that_are_no_onnx_are_an_error() {
        assert!(graph(&[0xFF; 100], &OnnxError::NoGraph).is_err());
        assert!(graph(&[], &OnnxError::NoGraph).is_err());
    }
}
