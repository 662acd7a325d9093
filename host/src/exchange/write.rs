//! generator.onnx: the float network with standard operators, for anybody's ONNX runtime.
//!
//! Inputs `latent` (N, latent) and, for a conditional generator, `label` (N, classes), one-hot;
//! output `picture` (N, channels, height, width). A classifier has the input that its first Reshape
//! makes, and the output `logits`. The batch N is free. [`read`](super::read) gives the same
//! network back, as long as it is one that has no needless reshapes: two in a row, one that changes
//! nothing, one in front of a dense layer.

use super::layout::{self, Layout};
use crate::graph::{Float, GraphError, Move, Network, Node, Op, Source};
use crate::onnx::Role;
use crate::onnx::build::{self, entry, value};
use crate::onnx::names::{LATENT, LOGITS, PICTURE, SCHEME_KEY};
use crate::onnx::proto::{GraphProto, ModelProto, data_type};
use crate::onnx::tensors::{Emitter, FloatWriter, Tensor, dims, picture};
use crate::ops::{activations, batch_norm};
use crate::quantize::Scheme;
use prost::Message;
use shared::latent::Prior;

/// What the file says about itself beside the graph.
#[derive(Debug, Clone, Default)]
pub struct WriteOptions {
    /// A sentence or two for people.
    pub doc: String,
    /// What latent vectors are drawn from.
    pub prior: Prior,
    /// The widths and exponents by which the network becomes the integers that were trained.
    pub scheme: Option<Scheme>,
    /// What the network is for.
    pub role: Role,
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
/// [`GraphError`] where the network is not a valid one.
pub fn to_bytes(network: &Network, options: &WriteOptions) -> Result<Vec<u8>, GraphError> {
    Ok(to_model(network, options)?.encode_to_vec())
}

/// What [`to_bytes`] writes, as a message.
pub(super) fn to_model(
    network: &Network,
    options: &WriteOptions,
) -> Result<ModelProto, GraphError> {
    network.check()?;
    let turned = layout::turn(network, Layout::ChannelsFirst);
    let network = &turned.graph;
    let input = Tensor::new(LATENT, &[network.input.latent]);
    // A classifier is given pictures as they are.
    let (first, input) = match (options.role, pictures(network)) {
        (Role::Classifier, Some(pictures)) => (1, pictures),
        _ => (0, input),
    };
    let reads_all = |node: &Node<Float>| node.inputs.contains(&Source::Input);
    let mut writer = FloatWriter {
        network,
        emitter: Emitter::new(
            network.name.clone(),
            data_type::FLOAT,
            network.input,
            input.clone(),
            network.nodes.iter().any(reads_all),
        ),
        output: match options.role {
            Role::Generator => Tensor::new(PICTURE, &picture(network.output)),
            Role::Classifier => Tensor::new(LOGITS, &dims(network.output)),
        },
    };
    writer.emitter.graph.doc_string.clone_from(&options.doc);
    writer.emitter.outputs = vec![input; first];
    for (index, node) in network.nodes.iter().enumerate().skip(first) {
        let made = write(&mut writer, index, node);
        writer.emitter.outputs.push(made);
    }
    let graph = finish(writer);

    let input = network.input;
    let mut metadata_props = match options.role {
        Role::Generator => vec![
            entry("latent", input.latent),
            entry("classes", input.classes),
            entry("prior", prior_name(options.prior)),
        ],
        Role::Classifier => vec![],
    };
    if let Some(scheme) = &options.scheme {
        let scheme = scheme.clone().in_order(&turned.rows);
        metadata_props.push(entry(SCHEME_KEY, scheme.to_json()));
    }
    Ok(ModelProto {
        ir_version: build::IR_VERSION,
        producer_name: "thumbgen".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        doc_string: options.doc.clone(),
        graph: Some(graph),
        opset_import: build::opset(),
        metadata_props,
    })
}

/// What the first node makes of the whole input, where it is a reshape and the only one to read
/// that.
fn pictures(network: &Network) -> Option<Tensor> {
    let (first, rest) = network.nodes.split_first()?;
    if first.op != Op::Move(Move::Reshape) {
        return None;
    }
    let read_again = rest.iter().flat_map(|node| &node.inputs);
    let mut read_again = read_again.filter(|source| !matches!(source, Source::Node(_)));
    let alone = network.input.classes == 0 && read_again.next().is_none();
    // Other names belong to what layers give.
    let free = !first.name.contains(['.', ':']) && !first.name.is_empty() && first.name != LOGITS;
    (alone && first.inputs == [Source::Input]).then(|| {
        let name = if free { first.name.as_str() } else { PICTURE };
        Tensor::new(name, &dims(first.shape))
    })
}

/// Appends a node and gives its output.
fn write(writer: &mut FloatWriter<'_>, index: usize, node: &Node<Float>) -> Tensor {
    match &node.op {
        Op::Linear(kind, linear) => kind.operator().write(writer, index, node, linear),
        Op::Norm(norm) => batch_norm::write(writer, index, node, norm),
        Op::Pointwise(function) => activations::write(writer, index, node, *function),
        Op::Move(moved) => moved.operator().write(writer, index, node),
        Op::Combine(combine, ()) => combine.operator().write(writer, index, node),
    }
}

/// The graph; where the last node gives other dimensions than the graph, a reshape closes it.
fn finish(mut writer: FloatWriter<'_>) -> GraphProto {
    if let Some(last) = writer.emitter.outputs.last().cloned()
        && last != writer.output
    {
        let (to, constant) = (
            writer.output.clone(),
            format!("{}:shape", writer.output.name),
        );
        writer.emitter.reshape(&last.name, &to, &to.name, &constant);
    }
    let output = value(&writer.output.name, data_type::FLOAT, &writer.output.dims);
    writer.emitter.graph.output.push(output);
    writer.emitter.graph
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::ReadOptions;
    use crate::exchange::read::from_bytes;
    use crate::exchange::tests::random::any_graph;
    use crate::graph::Shape;
    use crate::graph::random::Random;
    use crate::ops::forward;
    use crate::synthetic;
    use ndarray::Array2;

    /// Equal, but for what reshapes are called. Or the same function where elements are transposed:
    /// a vector that no layer gives may have become a picture, and what moves nothing goes.
    fn same(found: &Network, network: &Network) {
        let transposed = |node: &Node<Float>| matches!(node.op, Op::Move(Move::Transpose { .. }));
        if ![found, network]
            .iter()
            .any(|all| all.nodes.iter().any(transposed))
        {
            let mut found = found.clone();
            for (own, node) in found.nodes.iter_mut().zip(&network.nodes) {
                if own.op == Op::reshape() {
                    own.name.clone_from(&node.name);
                }
            }
            assert_eq!(found, *network, "{}", network.name);
            return;
        }
        let mut random = Random::new(4);
        let x = Array2::from_shape_simple_fn((3, network.input.len()), || random.normal());
        let (a, b) = (
            forward::run(found, x.view()),
            forward::run(network, x.view()),
        );
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-5 * b.abs().max(1.0);
        assert!(a.iter().zip(&b).all(near), "{}", network.name);
    }

    #[test]
    fn what_is_written_reads_back_equal() {
        let shape = Shape {
            channels: 1,
            height: 28,
            width: 28,
        };
        let mut networks: Vec<Network> = (0..100).map(synthetic::any_network).collect();
        networks.push(synthetic::generator(1, 100, 10, &[32, 16], shape));
        networks.extend((0..400).map(any_graph));
        for network in networks {
            let bytes = to_bytes(&network, &WriteOptions::default()).unwrap();
            let import = from_bytes(&bytes, &ReadOptions::default()).unwrap();
            same(&import.network, &network);
            assert_eq!(import.metadata["latent"], network.input.latent.to_string());
            assert_eq!(bytes, to_bytes(&network, &WriteOptions::default()).unwrap());
        }
    }

    #[test]
    fn a_classifier_reads_back_equal() {
        let mut read = 0;
        for seed in 0..100 {
            let network = any_graph(seed);
            if network.input.classes > 0 {
                continue;
            }
            let options = WriteOptions {
                role: Role::Classifier,
                ..Default::default()
            };
            let bytes = to_bytes(&network, &options).unwrap();
            let options = ReadOptions {
                role: Role::Classifier,
                ..Default::default()
            };
            let import = from_bytes(&bytes, &options).unwrap();
            same(&import.network, &network);
            read += 1;
        }
        assert!(read > 20, "{read}");
    }

    #[test]
    fn a_network_that_does_not_fit_itself_is_refused() {
        let mut network = synthetic::any_network(3);
        network.output.width += 1;
        assert!(matches!(
            to_bytes(&network, &WriteOptions::default()),
            Err(GraphError::Picture { .. })
        ));
    }
}
