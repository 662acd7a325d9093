//! From an ONNX file, this program's or PyTorch's, to a float network.
//!
//! The file may be hostile: its size, its number of fields and every tensor's size are checked
//! before they are allocated, and nothing in it can make this code panic.

use super::inputs::Inputs;
use super::layout::{self, Layout};
use super::options::ReadOptions;
use super::{chains, order};
use crate::graph::{Network, Shape, Source};
use crate::onnx::error::{NodeFault, OnnxError};
use crate::onnx::importer::{Data, Importer, Value, canonical, clean, node_name};
use crate::onnx::names::SCHEME_KEY;
use crate::onnx::proto::{GraphProto, ModelProto, NodeProto};
use crate::onnx::tensor::Constant;
use crate::onnx::{MAX_FILE_LEN, Role, constants, limits, shape, turn};
use crate::ops;
use crate::quantize::{QuantizeError, Scheme};
use crate::system::files::read_at_most;
use prost::Message;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What a file holds.
#[derive(Debug, Clone)]
pub struct Import {
    /// The generator, or the classifier.
    pub network: Network,
    /// The file's metadata: `prior` where this program wrote it.
    pub metadata: BTreeMap<String, String>,
    /// Who wrote it.
    pub producer: String,
    /// For each layer whose outputs the file has in another order, by name, which of the file's
    /// each one is.
    pub rows: BTreeMap<String, Vec<usize>>,
}

impl Import {
    /// The scheme of integers that were trained, where the file states one, for the network's order
    /// of outputs.
    ///
    /// # Errors
    /// [`QuantizeError::Scheme`] where it is damaged.
    pub fn scheme(&self) -> Option<Result<Scheme, QuantizeError>> {
        let json = self.metadata.get(SCHEME_KEY)?;
        Some(Scheme::from_json(json).map(|scheme| scheme.in_order(&self.rows)))
    }
}

/// Reads a file.
///
/// # Errors
/// [`OnnxError::In`] names the file, and within it the tensor or the node.
pub fn read_file(path: &Path, options: &ReadOptions) -> Result<Import, OnnxError> {
    let bytes = read_at_most(path, MAX_FILE_LEN)?;
    from_bytes(&bytes, options).map_err(|source| OnnxError::In {
        path: path.to_owned(),
        source: Box::new(source),
    })
}

/// Reads a file's bytes.
///
/// # Errors
/// [`OnnxError`] names the tensor or the node.
pub fn from_bytes(bytes: &[u8], options: &ReadOptions) -> Result<Import, OnnxError> {
    limits::check(bytes)?;
    let model = ModelProto::decode(bytes)?;
    let graph = model.graph.as_ref().ok_or(OnnxError::NoGraph)?;
    let standard = model
        .opset_import
        .iter()
        .find(|o| matches!(o.domain.as_str(), "" | "ai.onnx"));
    let version = standard.map_or(0, |o| o.version);
    if version < 7 {
        return Err(OnnxError::Opset { found: version });
    }

    let mut values = BTreeMap::new();
    for tensor in &graph.initializer {
        let constant = Constant::decode(tensor).map_err(|fault| OnnxError::Tensor {
            name: clean(&tensor.name),
            fault,
        })?;
        values.insert(tensor.name.clone(), Value::Constant(Arc::new(constant)));
    }
    // Old files list initializers as inputs, too.
    let inputs: Vec<_> = graph
        .input
        .iter()
        .filter(|i| !values.contains_key(&i.name))
        .collect();
    let inputs = Inputs::read(graph, &inputs, options)?;
    for (name, data) in &inputs.values {
        values.insert(name.clone(), Value::Data(data.clone()));
    }

    let mut importer = Importer::new(values, inputs.spec, inputs.batch);
    importer.uses = uses(graph);
    importer.of_matrices = turn::of_matrices(graph);
    for node in &graph.node {
        read(&mut importer, node).map_err(|fault| node_error(node, fault))?;
    }
    let (last, output) = output(&mut importer, graph, options.role)?;
    let input = inputs.finish(&importer, options)?;
    let nodes = match last {
        Source::Node(last) => order::label_behind(order::prune(importer.nodes, last), input),
        // What is given comes out: the network's check says that there is nothing to compute.
        _ => Vec::new(),
    };
    let name = options.name.clone().unwrap_or_else(|| clean(&graph.name));
    let name = if name.is_empty() {
        "generator".to_owned()
    } else {
        name
    };
    let network = Network {
        name,
        input,
        nodes,
        output,
        about: (),
    };
    network.check()?;
    let names = network.nodes.iter().map(|node| node.name.clone()).collect();
    let turned = layout::turn(&network, Layout::ChannelsLast);
    drop(network);
    let network = chains::shorten(turned.graph, &names);
    network.check()?;
    let metadata = model
        .metadata_props
        .iter()
        .take(64)
        .map(|e| (clean(&e.key), long(&e.value)))
        .collect();
    let producer = clean(format!("{} {}", model.producer_name, model.producer_version).trim());
    Ok(Import {
        network,
        metadata,
        producer,
        rows: turned.rows,
    })
}

/// Takes in the next node.
fn read(importer: &mut Importer, node: &NodeProto) -> Result<(), NodeFault> {
    if !matches!(node.domain.as_str(), "" | "ai.onnx") {
        return Err(NodeFault::Domain(clean(&node.domain)));
    }
    let mut all = constants::READERS.iter().chain(ops::READERS);
    let (_, reader) = all
        .find(|(operator, _)| *operator == node.op_type)
        .ok_or_else(|| NodeFault::Unsupported(supported()))?;
    let mut value = reader(importer, node)?;
    let output = node
        .output
        .first()
        .ok_or(NodeFault::Place("it has no output"))?;
    if node.output.iter().skip(1).any(|extra| !extra.is_empty()) {
        return Err(NodeFault::Place(
            "it has more than one output; export in evaluation mode",
        ));
    }
    if let Value::Data(data) = &mut value {
        data.shared |= importer.uses.get(output).is_some_and(|&uses| uses > 1);
    }
    importer.values.insert(output.clone(), value);
    Ok(())
}

/// The operators that a network may consist of, for people.
fn supported() -> String {
    let all = constants::READERS.iter().chain(ops::READERS);
    let mut names: Vec<&str> = all.map(|(operator, _)| *operator).collect();
    names.sort_unstable();
    names.join(", ")
}

/// How often each name is read, as an input of a node or as an output of the graph.
fn uses(graph: &GraphProto) -> BTreeMap<String, usize> {
    let mut uses = BTreeMap::new();
    let read = graph.node.iter().flat_map(|node| &node.input);
    for name in read.chain(graph.output.iter().map(|output| &output.name)) {
        *uses.entry(name.clone()).or_insert(0) += 1;
    }
    uses
}

/// A line of metadata; exponents of a whole network fit.
fn long(text: &str) -> String {
    let printable = text.chars().map(|c| if c.is_control() { '_' } else { c });
    printable.take(1 << 20).collect()
}

fn node_error(node: &NodeProto, fault: NodeFault) -> OnnxError {
    OnnxError::Node {
        node: clean(&node_name(node)),
        op: clean(&node.op_type),
        fault,
    }
}

/// Where the graph's output comes from, and its shape.
fn output(
    importer: &mut Importer,
    graph: &GraphProto,
    role: Role,
) -> Result<(Source, Shape), OnnxError> {
    let [output] = &graph.output[..] else {
        return Err(OnnxError::Output(format!(
            "{} outputs, expected one",
            graph.output.len()
        )));
    };
    let name = clean(&output.name);
    let data = match importer.values.get(&output.name) {
        Some(Value::Data(data)) if !data.index => {
            let data = data.clone();
            turn::straight(importer, data)
                .map_err(|fault| OnnxError::Output(format!("{name}: {fault}")))?
        }
        Some(_) => {
            let why = format!("{name} does not depend on the latent vector");
            return Err(OnnxError::Output(why));
        }
        None => return Err(OnnxError::Output(format!("no node gives {name}"))),
    };
    let shape = match role {
        Role::Generator => picture_shape(&name, &data)?,
        Role::Classifier => canonical(&data.dims).unwrap_or(Shape::vector(shape::len(&data.dims))),
    };
    // A reshape by the reader itself, where the graph has none, is named after what it makes.
    let data = match canonical(&data.dims) == Some(shape) {
        true => data,
        false => Data {
            via: crate::onnx::names::PICTURE.to_owned(),
            ..data
        },
    };
    let source = importer
        .shaped(&data, shape)
        .map_err(|fault| OnnxError::Output(format!("{name}: {fault}")))?;
    Ok((source, shape))
}

fn picture_shape(name: &str, data: &Data) -> Result<Shape, OnnxError> {
    let len = shape::len(&data.dims);
    let (channels, height, width) = match data.dims[..] {
        [channels, height, width] => (channels, height, width),
        [height, width] if height > 1 && width > 1 => (1, height, width),
        _ => {
            let side = len.isqrt();
            if side * side != len {
                return Err(OnnxError::Output(format!(
                    "{name} has {len} values, which make no square picture; add a Reshape to (N, channels, height, width)"
                )));
            }
            (1, side, side)
        }
    };
    Ok(Shape {
        channels,
        height,
        width,
    })
}
