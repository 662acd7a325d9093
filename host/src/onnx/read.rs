//! From an ONNX file, this program's or PyTorch's, to a float network.
//!
//! The file may be hostile: its size, its number of fields and every tensor's size are checked before they are
//! allocated, and nothing in it can make this code panic.

use super::error::{NodeFault, OnnxError};
use super::proto::{ModelProto, NodeProto, ValueInfoProto, data_type};
use super::tensor::Constant;
use super::walk::{Source, Value, Walk, clean};
use super::{MAX_FILE_LEN, limits, shape};
use crate::files::read_at_most;
use crate::network::{Dense, InputSpec, Layer, MAX_SIDE, Network, Shape};
use ndarray::{Axis, concatenate, s};
use prost::Message;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What a file alone does not say.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// Name of the network; the graph's where absent.
    pub name: Option<String>,
    /// Where the file has one input: how many of its last elements are the one-hot label.
    pub classes: Option<usize>,
}

/// What a file holds.
#[derive(Debug, Clone)]
pub struct Import {
    /// The generator.
    pub network: Network,
    /// The file's metadata: `prior` where this program wrote it.
    pub metadata: BTreeMap<String, String>,
    /// Who wrote it.
    pub producer: String,
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
    if inputs.is_empty() || inputs.len() > 2 {
        let listed: Vec<_> = inputs.iter().take(4).map(|i| clean(&i.name)).collect();
        return Err(OnnxError::Input {
            name: listed.join(", "),
            why: format!(
                "{} inputs, expected a latent vector, or a latent vector and a one-hot label",
                inputs.len()
            ),
        });
    }
    let mut batch = None;
    let mut lens = Vec::new();
    for (index, input) in inputs.iter().enumerate() {
        let (fixed, shape) = input_shape(input)?;
        batch = batch.or(fixed);
        lens.push(shape::len(&shape));
        values.insert(
            input.name.clone(),
            Value::Data {
                source: Source::Input(index),
                shape,
            },
        );
    }

    let mut walk = Walk::new(values, inputs.len(), batch);
    for node in &graph.node {
        walk.step(node).map_err(|fault| node_error(node, fault))?;
    }
    let (input, label_first) = input_spec(&walk, &inputs, &lens, options)?;
    let output = picture_shape(&walk, &graph.output)?;
    let mut layers = walk.layers;
    if label_first {
        move_label_behind(&mut layers, input);
    }
    let name = options.name.clone().unwrap_or_else(|| clean(&graph.name));
    let name = if name.is_empty() {
        "generator".to_owned()
    } else {
        name
    };
    if (output.height, output.width) != (1, 1) {
        let shape = Layer::Reshape { shape: output };
        layers.push(("picture".to_owned(), shape));
    }
    let network = Network::chain(name, input, layers, output);
    network.check()?;
    let metadata = model
        .metadata_props
        .iter()
        .take(64)
        .map(|e| (clean(&e.key), clean(&e.value)))
        .collect();
    let producer = clean(format!("{} {}", model.producer_name, model.producer_version).trim());
    Ok(Import {
        network,
        metadata,
        producer,
    })
}

/// What to call a node: its name or, where it has none, its output's.
pub(super) fn node_name(node: &NodeProto) -> String {
    let named = [Some(&node.name), node.output.first()]
        .into_iter()
        .flatten()
        .find(|n| !n.is_empty());
    named.cloned().unwrap_or_else(|| node.op_type.clone())
}

fn node_error(node: &NodeProto, fault: NodeFault) -> OnnxError {
    OnnxError::Node {
        node: clean(&node_name(node)),
        op: clean(&node.op_type),
        fault,
    }
}

/// The batch, where it is fixed, and the shape of one sample.
fn input_shape(input: &ValueInfoProto) -> Result<(Option<usize>, Vec<usize>), OnnxError> {
    let fail = |why: String| OnnxError::Input {
        name: clean(&input.name),
        why,
    };
    let tensor = input.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    let tensor = tensor
        .ok_or_else(|| fail("it is no tensor, expected floats of shape (N, length)".to_owned()))?;
    if !matches!(
        tensor.elem_type,
        data_type::FLOAT | data_type::FLOAT16 | data_type::DOUBLE
    ) {
        let found = data_type::name(tensor.elem_type);
        return Err(fail(format!(
            "its elements are {found}, expected float (a label as one-hot, not as an index); export the float model"
        )));
    }
    let dims = tensor
        .shape
        .as_ref()
        .map(|s| s.dim.as_slice())
        .unwrap_or_default();
    let expected = || {
        fail(
            "its shape must be (N, length), with a fixed length; export with a free batch only"
                .to_owned(),
        )
    };
    let (batch, rest) = dims.split_first().ok_or_else(expected)?;
    if rest.is_empty() || rest.len() > 7 {
        return Err(expected());
    }
    let size = |value: i64| {
        usize::try_from(value)
            .ok()
            .filter(|d| (1..=MAX_SIDE).contains(d))
    };
    let shape: Option<Vec<usize>> = rest.iter().map(|d| d.dim_value.and_then(size)).collect();
    let shape = shape.ok_or_else(expected)?;
    if shape::len(&shape) > MAX_SIDE {
        return Err(fail(format!(
            "it has {} elements a sample, over the limit of {MAX_SIDE}",
            shape::len(&shape)
        )));
    }
    Ok((batch.dim_value.and_then(size), shape))
}

/// Lengths of latent vector and label, and whether the label comes first in the first layer's input.
fn input_spec(
    walk: &Walk,
    inputs: &[&ValueInfoProto],
    lens: &[usize],
    options: &ReadOptions,
) -> Result<(InputSpec, bool), OnnxError> {
    let name = |i: usize| {
        inputs
            .get(i)
            .map_or(String::new(), |input| clean(&input.name))
    };
    let (latent, classes, label_first) = match (lens, walk.joined) {
        (&[len], _) => {
            let classes = options.classes.unwrap_or(0);
            let latent = len.checked_sub(classes).filter(|&l| l > 0).ok_or_else(|| {
                OnnxError::Input {
                    name: name(0),
                    why: format!(
                        "it has {len} elements, too few for {classes} classes and a latent vector"
                    ),
                }
            })?;
            (latent, classes, false)
        }
        (&[a, b], Some([first, second])) => {
            let len = |i: usize| if i == 0 { a } else { b };
            let is_label = |i: usize| {
                let name = name(i).to_lowercase();
                ["label", "class", "onehot", "one_hot", "cond"]
                    .iter()
                    .any(|word| name.contains(word))
            };
            let label_first = is_label(first) && !is_label(second);
            let (latent, label) = if label_first {
                (second, first)
            } else {
                (first, second)
            };
            if let Some(classes) = options.classes.filter(|&c| c != len(label)) {
                let why = format!(
                    "it has {} elements, but {classes} classes were asked for",
                    len(label)
                );
                return Err(OnnxError::Input {
                    name: name(label),
                    why,
                });
            }
            (len(latent), len(label), label_first)
        }
        _ => {
            let why = "two inputs, but no Concat joins them before the first layer".to_owned();
            return Err(OnnxError::Input {
                name: format!("{}, {}", name(0), name(1)),
                why,
            });
        }
    };
    Ok((InputSpec { latent, classes }, label_first))
}

fn picture_shape(walk: &Walk, outputs: &[ValueInfoProto]) -> Result<Shape, OnnxError> {
    let [output] = outputs else {
        return Err(OnnxError::Output(format!(
            "{} outputs, expected one picture",
            outputs.len()
        )));
    };
    let name = clean(&output.name);
    let last = Source::Layers(walk.layers.len());
    let dims = match walk.values.get(&output.name) {
        Some(Value::Data { source, shape }) if *source == last => shape.clone(),
        Some(_) => {
            return Err(OnnxError::Output(format!(
                "{name} is not what the last layer gives"
            )));
        }
        None => return Err(OnnxError::Output(format!("no node gives {name}"))),
    };
    let len = shape::len(&dims);
    let (channels, height, width) = match dims[..] {
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

/// Where the label stands before the latent vector: moves its columns of the first dense layer behind the others'.
fn move_label_behind(layers: &mut [(String, Layer)], input: InputSpec) {
    let first = layers.iter_mut().find_map(|(_, layer)| match layer {
        Layer::Dense(dense) if dense.weight.ncols() == input.len() => Some(dense),
        _ => None,
    });
    if let Some(Dense { weight, .. }) = first {
        let (label, latent) = (
            weight.slice(s![.., ..input.classes]),
            weight.slice(s![.., input.classes..]),
        );
        if let Ok(moved) = concatenate(Axis(1), &[latent, label]) {
            *weight = moved;
        }
    }
}
