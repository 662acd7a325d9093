//! generator.onnx: the float network with standard operators, for anybody's ONNX runtime.
//!
//! Inputs `latent` (N, latent) and, for a conditional generator, `label` (N, classes), one-hot; output `picture`
//! (N, channels, height, width). A classifier has the input that its first Reshape makes, and the output `logits`. The
//! batch N is free. [`read`](super::read) gives the same network back, as long as it is one that has no needless
//! reshapes: two in a row, one that changes nothing, one in front of a dense layer.

use super::Role;
use super::build::{self, entry, float, floats, int, ints, text, value};
use super::emit::{Emitter, Tensor, dims, picture};
use super::names::{LABEL, LATENT, LOGITS, PICTURE};
use super::proto::{AttributeProto, GraphProto, ModelProto, data_type};
use crate::network::{Layer, Network, NetworkError, Node, Shape, Source};
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
/// [`NetworkError`] where the network is not a valid one.
pub fn to_bytes(network: &Network, options: &WriteOptions) -> Result<Vec<u8>, NetworkError> {
    Ok(to_model(network, options)?.encode_to_vec())
}

/// What [`to_bytes`] writes, as a message.
pub(super) fn to_model(
    network: &Network,
    options: &WriteOptions,
) -> Result<ModelProto, NetworkError> {
    let shapes = network.shapes()?;
    let input = Tensor::new(LATENT, &[network.input.latent]);
    // A classifier is given pictures as they are.
    let (first, input) = match (options.role, pictures(network)) {
        (Role::Classifier, Some(pictures)) => (1, pictures),
        _ => (0, input),
    };
    let reads_all = |node: &Node| node.inputs.contains(&Source::Input);
    let mut writer = Writer {
        network,
        shapes: &shapes,
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
        let made = writer.layer(index, node);
        writer.emitter.outputs.push(made);
    }
    let graph = writer.finish();

    let input = network.input;
    let mut metadata_props = match options.role {
        Role::Generator => vec![
            entry("latent", input.latent),
            entry("classes", input.classes),
            entry("prior", prior_name(options.prior)),
        ],
        Role::Classifier => vec![],
    };
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
    })
}

/// What the first node makes of the whole input, where it is a reshape and the only one to read that.
fn pictures(network: &Network) -> Option<Tensor> {
    let (first, rest) = network.nodes.split_first()?;
    let Layer::Reshape { shape } = first.layer else {
        return None;
    };
    let read_again = rest.iter().flat_map(|node| &node.inputs);
    let mut read_again = read_again.filter(|source| !matches!(source, Source::Node(_)));
    let alone = network.input.classes == 0 && read_again.next().is_none();
    // Other names belong to what layers give.
    let free = !first.name.contains(['.', ':']) && !first.name.is_empty() && first.name != LOGITS;
    (alone && first.inputs == [Source::Input]).then(|| {
        let name = if free { first.name.as_str() } else { PICTURE };
        Tensor::new(name, &dims(shape))
    })
}

struct Writer<'a> {
    network: &'a Network,
    shapes: &'a [Shape],
    emitter: Emitter,
    /// What the graph gives.
    output: Tensor,
}

impl Writer<'_> {
    fn push(
        &mut self,
        op: &str,
        name: &str,
        inputs: &[&str],
        output: &str,
        attributes: Vec<AttributeProto>,
    ) {
        self.emitter.push(op, name, inputs, output, attributes);
    }

    fn constant<'f>(
        &mut self,
        name: String,
        dims: &[usize],
        data: impl IntoIterator<Item = &'f f32>,
    ) -> String {
        let constant = floats(&name, dims, data);
        self.emitter.graph.initializer.push(constant);
        name
    }

    /// The shape of a source.
    fn shape(&self, source: Source) -> Shape {
        let shape = self.network.source_shape(source, self.shapes);
        // The network was checked.
        shape.unwrap_or(Shape::vector(0))
    }

    /// What a node's output is called: the last one's like the graph's, where it has that shape.
    fn named(&self, index: usize, dims: &[usize], own: String) -> Tensor {
        let last = index + 1 == self.network.nodes.len();
        let name = if last && dims == self.output.dims {
            self.output.name.clone()
        } else {
            own
        };
        Tensor {
            name,
            dims: dims.to_vec(),
        }
    }

    /// A node's input as a picture with channels.
    fn picture(&mut self, node: &Node) -> String {
        let source = node.inputs[0];
        let whole = picture(self.shape(source));
        let name = format!("{}:picture", node.name);
        self.emitter.with_dims(source, &whole, &name)
    }

    /// Appends one layer and gives its output.
    fn layer(&mut self, index: usize, node: &Node) -> Tensor {
        let name = node.name.as_str();
        let own = |what: &str| format!("{name}.{what}");
        let shape = self.shapes[index];
        let whole = picture(shape);
        // Element-wise layers keep the dimensions that they are given.
        let kept = self.emitter.source(node.inputs[0]).dims;
        match &node.layer {
            Layer::Dense(dense) => {
                let (outputs, inputs) = dense.weight.dim();
                let x = self
                    .emitter
                    .with_dims(node.inputs[0], &[inputs], &format!("{name}:flat"));
                let weight = self.constant(own("weight"), &[outputs, inputs], dense.weight.iter());
                let bias = self.constant(own("bias"), &[outputs], dense.bias.iter());
                let to = self.named(index, &[outputs], own("output"));
                let attributes = vec![int("transB", 1)];
                self.push("Gemm", name, &[&x, &weight, &bias], &to.name, attributes);
                to
            }
            Layer::Conv(conv) => {
                let x = self.picture(node);
                let attributes = window(conv.geometry().kernel, conv.stride, conv.padding);
                let weight = conv.weight.shape().to_vec();
                let weight = self.constant(own("weight"), &weight, conv.weight.iter());
                let bias = self.constant(own("bias"), &[conv.bias.len()], conv.bias.iter());
                let to = self.named(index, &whole, own("output"));
                self.push("Conv", name, &[&x, &weight, &bias], &to.name, attributes);
                to
            }
            Layer::ConvTranspose(conv) => {
                let x = self.picture(node);
                let mut attributes = window(conv.geometry().kernel, conv.stride, conv.padding);
                attributes.push(ints("output_padding", &conv.output_padding));
                let weight = conv.weight.shape().to_vec();
                let weight = self.constant(own("weight"), &weight, conv.weight.iter());
                let bias = self.constant(own("bias"), &[conv.bias.len()], conv.bias.iter());
                let to = self.named(index, &whole, own("output"));
                let inputs = [x.as_str(), &weight, &bias];
                self.push("ConvTranspose", name, &inputs, &to.name, attributes);
                to
            }
            Layer::BatchNorm(norm) => {
                let mut inputs = vec![self.emitter.source(node.inputs[0]).name];
                let parameters = [
                    ("scale", &norm.scale),
                    ("bias", &norm.bias),
                    ("mean", &norm.mean),
                    ("variance", &norm.variance),
                ];
                for (what, parameter) in parameters {
                    inputs.push(self.constant(own(what), &[parameter.len()], parameter.iter()));
                }
                let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
                let to = self.named(index, &kept, own("output"));
                let attributes = vec![float("epsilon", norm.epsilon)];
                self.push("BatchNormalization", name, &inputs, &to.name, attributes);
                to
            }
            Layer::LeakyRelu { slope } => {
                self.activation(index, node, "LeakyRelu", vec![float("alpha", *slope)])
            }
            Layer::Relu => self.activation(index, node, "Relu", vec![]),
            Layer::Tanh => self.activation(index, node, "Tanh", vec![]),
            Layer::Sigmoid => self.activation(index, node, "Sigmoid", vec![]),
            Layer::Upsample { factor } => {
                let x = self.picture(node);
                // At most 255 each.
                let scales = [1.0, 1.0, factor[0] as f32, factor[1] as f32];
                let scales = self.constant(own("scales"), &[4], &scales);
                let to = self.named(index, &whole, own("output"));
                let inputs = [x.as_str(), "", &scales];
                self.push("Resize", name, &inputs, &to.name, repetition());
                to
            }
            Layer::Reshape { shape } => {
                let from = self.emitter.source(node.inputs[0]).name;
                let target = match index + 1 == self.network.nodes.len() {
                    true => self.output.dims.clone(),
                    false => dims(*shape),
                };
                let to = self.named(index, &target, own("output"));
                self.emitter.reshape(&from, &to, name, &own("shape"));
                to
            }
            Layer::Concat => {
                let shaped = |source: &Source| (*source, self.shape(*source));
                let parts: Vec<_> = node.inputs.iter().map(shaped).collect();
                let (names, to) = self.emitter.parts(&parts, shape, name);
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let to = self.named(index, &to, own("output"));
                self.push("Concat", name, &names, &to.name, vec![int("axis", 1)]);
                to
            }
            Layer::Embedding { table } => {
                let (classes, len) = table.dim();
                let table = self.constant(own("table"), &[classes, len], table.iter());
                let to = self.named(index, &[len], own("output"));
                self.push("MatMul", name, &[LABEL, &table], &to.name, vec![]);
                to
            }
        }
    }

    fn activation(
        &mut self,
        index: usize,
        node: &Node,
        op: &str,
        attributes: Vec<AttributeProto>,
    ) -> Tensor {
        let from = self.emitter.source(node.inputs[0]);
        // A layer may be named so too: values of parameterless layers live in a name space of their own.
        let own = format!("{}:{}", node.name, op.to_lowercase());
        let to = self.named(index, &from.dims, own);
        self.push(op, &node.name, &[&from.name], &to.name, attributes);
        to
    }

    /// The graph; where the last node gives other dimensions than the graph, a reshape closes it.
    fn finish(mut self) -> GraphProto {
        if let Some(last) = self.emitter.outputs.last().cloned()
            && last != self.output
        {
            let (to, constant) = (self.output.clone(), format!("{}:shape", self.output.name));
            self.emitter.reshape(&last.name, &to, &to.name, &constant);
        }
        let output = value(&self.output.name, data_type::FLOAT, &self.output.dims);
        self.emitter.graph.output.push(output);
        self.emitter.graph
    }
}

pub(super) fn window(
    [rows, columns]: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 4],
) -> Vec<AttributeProto> {
    vec![
        ints("kernel_shape", &[rows, columns]),
        ints("pads", &padding),
        ints("strides", &stride),
    ]
}

/// The attributes of a Resize that repeats each pixel.
pub(super) fn repetition() -> Vec<AttributeProto> {
    vec![
        text("coordinate_transformation_mode", "asymmetric"),
        text("mode", "nearest"),
        text("nearest_mode", "floor"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::read::{ReadOptions, from_bytes};
    use crate::onnx::tests::random::any_graph;
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
        networks.extend((0..400).map(any_graph));
        for network in networks {
            let bytes = to_bytes(&network, &WriteOptions::default()).unwrap();
            let import = from_bytes(&bytes, &ReadOptions::default()).unwrap();
            assert_eq!(import.network, network, "{}", network.name);
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
            assert_eq!(import.network, network, "{}", network.name);
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
            Err(NetworkError::Picture { .. })
        ));
    }
}
