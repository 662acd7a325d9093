//! generator.onnx: the float network with standard operators, for anybody's ONNX runtime.
//!
//! Inputs `latent` (N, latent) and, for a conditional generator, `label` (N, classes), one-hot; output `picture`
//! (N, channels, height, width). The batch N is free. [`read`](super::read) gives the same network back.

use super::build::{self, entry, float, floats, int, int64s, node, value};
use super::names::{LABEL, LATENT, PICTURE};
use super::proto::{GraphProto, ModelProto, data_type};
use crate::network::{Layer, Network, NetworkError};
use prost::Message;
use shared::latent::Prior;

/// What the file says about itself beside the graph.
#[derive(Debug, Clone, Default)]
pub struct WriteOptions {
    /// A sentence or two for people.
    pub doc: String,
    /// What latent vectors are drawn from.
    pub prior: Prior,
    /// More lines of metadata, key and value.
    pub metadata: Vec<(String, String)>,
}

/// What a prior is called in files.
pub fn prior_name(prior: Prior) -> &'static str {
    match prior {
        Prior::Normal => "normal",
        Prior::Uniform => "uniform",
    }
}

/// The bytes of generator.onnx: the same network always gives the same bytes.
///
/// # Errors
/// [`NetworkError`] where the network is not a valid one.
pub fn to_bytes(network: &Network, options: &WriteOptions) -> Result<Vec<u8>, NetworkError> {
    network.check()?;
    let mut graph = GraphProto {
        name: network.name.clone(),
        doc_string: options.doc.clone(),
        ..Default::default()
    };
    let input = network.input;
    graph
        .input
        .push(value(LATENT, data_type::FLOAT, &[input.latent]));
    let mut head = LATENT.to_owned();
    if input.classes > 0 {
        graph
            .input
            .push(value(LABEL, data_type::FLOAT, &[input.classes]));
        graph.node.push(node(
            "Concat",
            "join",
            &[LATENT, LABEL],
            "input",
            vec![int("axis", 1)],
        ));
        "input".clone_into(&mut head);
    }
    for node in &network.nodes {
        head = push_layer(&mut graph, &node.name, &node.layer, &head);
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
    graph.output.push(value(PICTURE, data_type::FLOAT, &dims));

    let mut metadata_props = vec![
        entry("latent", input.latent),
        entry("classes", input.classes),
        entry("prior", prior_name(options.prior)),
    ];
    metadata_props.extend(
        options
            .metadata
            .iter()
            .map(|(key, value)| entry(key, value)),
    );
    Ok(ModelProto {
        ir_version: build::IR_VERSION,
        producer_name: "thumbgen".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        doc_string: options.doc.clone(),
        graph: Some(graph),
        opset_import: build::opset(),
        metadata_props,
    }
    .encode_to_vec())
}

/// Appends one layer and gives the name of its output.
fn push_layer(graph: &mut GraphProto, name: &str, layer: &Layer, head: &str) -> String {
    let (op, attributes) = match layer {
        Layer::Dense(dense) => {
            let (weight, bias, output) = (
                format!("{name}.weight"),
                format!("{name}.bias"),
                format!("{name}.output"),
            );
            let (outputs, inputs) = dense.weight.dim();
            graph
                .initializer
                .push(floats(&weight, &[outputs, inputs], dense.weight.iter()));
            graph
                .initializer
                .push(floats(&bias, &[outputs], dense.bias.iter()));
            graph.node.push(node(
                "Gemm",
                name,
                &[head, &weight, &bias],
                &output,
                vec![int("transB", 1)],
            ));
            return output;
        }
        Layer::BatchNorm(norm) => {
            let mut inputs = vec![head.to_owned()];
            let parameters = [
                ("scale", &norm.scale),
                ("bias", &norm.bias),
                ("mean", &norm.mean),
                ("variance", &norm.variance),
            ];
            for (what, parameter) in parameters {
                let constant = format!("{name}.{what}");
                graph
                    .initializer
                    .push(floats(&constant, &[parameter.len()], parameter.iter()));
                inputs.push(constant);
            }
            let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
            let output = format!("{name}.output");
            let attributes = vec![float("epsilon", norm.epsilon)];
            graph.node.push(node(
                "BatchNormalization",
                name,
                &inputs,
                &output,
                attributes,
            ));
            return output;
        }
        Layer::LeakyRelu { slope } => ("LeakyRelu", vec![float("alpha", *slope)]),
        Layer::Relu => ("Relu", vec![]),
        Layer::Tanh => ("Tanh", vec![]),
        Layer::Sigmoid => ("Sigmoid", vec![]),
        _ => return head.to_owned(),
    };
    // A layer may be named so too: values of parameterless layers live in a name space of their own.
    let output = format!("{name}:{}", op.to_lowercase());
    graph
        .node
        .push(node(op, name, &[head], &output, attributes));
    output
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Shape;
    use crate::onnx::read::{ReadOptions, from_bytes};
    use crate::synthetic;

    #[test]
    fn what_is_written_reads_back_equal() {
        let shape = Shape {
            channels: 1,
            height: 28,
            width: 28,
        };
        let mut networks: Vec<Network> = (0..100).map(synthetic::any_network).collect();
        networks.push(synthetic::generator(1, 100, 10, &[32, 16], shape));
        for network in networks {
            let bytes = to_bytes(&network, &WriteOptions::default()).unwrap();
            let import = from_bytes(&bytes, &ReadOptions::default()).unwrap();
            assert_eq!(import.network, network, "{}", network.name);
            assert_eq!(import.metadata["latent"], network.input.latent.to_string());
            assert_eq!(bytes, to_bytes(&network, &WriteOptions::default()).unwrap());
        }
    }

    #[test]
    fn a_network_that_does_not_fit_itself_is_refused() {
        let mut network = synthetic::any_network(3);
        network.output.width += 1;
        assert!(matches!(
            to_bytes(&network, &WriteOptions::default()),
            Err(NetworkError::Picture { .. })
        ));
    }
}
