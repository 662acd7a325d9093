//! The walk over a graph's nodes that turns them into layers, one after the other.

use super::error::NodeFault;
use super::proto::NodeProto;
use super::shape;
use super::tensor::{Constant, Elements, MAX_ELEMENTS};
use crate::network::Layer;
use ndarray::Array2;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The operators that a generator may consist of.
pub const SUPPORTED: &[&str] = &[
    "Add",
    "BatchNormalization",
    "Cast",
    "Concat",
    "Constant",
    "Flatten",
    "Gather",
    "Gemm",
    "Identity",
    "LeakyRelu",
    "MatMul",
    "Relu",
    "Reshape",
    "Shape",
    "Sigmoid",
    "Squeeze",
    "Tanh",
    "Transpose",
    "Unsqueeze",
];

/// What a name in the graph stands for.
#[derive(Debug, Clone)]
pub enum Value {
    /// Known now.
    Constant(Arc<Constant>),
    /// Depends on the latent vector; the shape of one sample.
    Data {
        /// Where it comes from.
        source: Source,
        /// Without the batch.
        shape: Vec<usize>,
    },
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// An input of the graph, untouched.
    Input(usize),
    /// The layers so far: how many.
    Layers(usize),
}

/// The state of the walk.
pub struct Walk {
    /// What the names seen so far stand for.
    pub values: BTreeMap<String, Value>,
    /// The layers so far.
    pub layers: Vec<(String, Layer)>,
    /// Number of the graph's inputs.
    pub inputs: usize,
    /// The batch, where the file fixes it.
    pub batch: Option<usize>,
    /// The two inputs that a Concat joined, in its order.
    pub joined: Option<[usize; 2]>,
    names: BTreeSet<String>,
    elements: usize,
}

impl Walk {
    /// Before the first node.
    pub fn new(values: BTreeMap<String, Value>, inputs: usize, batch: Option<usize>) -> Self {
        Self {
            values,
            layers: Vec::new(),
            inputs,
            batch,
            joined: None,
            names: BTreeSet::new(),
            elements: 0,
        }
    }

    /// Takes in the next node.
    pub fn step(&mut self, node: &NodeProto) -> Result<(), NodeFault> {
        if !matches!(node.domain.as_str(), "" | "ai.onnx") {
            return Err(NodeFault::Domain(clean(&node.domain)));
        }
        let value = match node.op_type.as_str() {
            "Constant" => known(constant_node(node)?),
            "Identity" => self.value(node, 0)?.clone(),
            "Shape" => self.shape_of(node)?,
            "Gather" => self.gather(node)?,
            "Cast" => Value::Constant(Arc::clone(self.constant(node, 0)?)),
            "Transpose" => self.transpose(node)?,
            "Concat" => self.concat(node)?,
            "Reshape" => {
                let target = self.ints(node, 1)?;
                let allow_zero = int(node, "allowzero", 0) != 0;
                let batch = self.batch;
                self.reshaped(node, |shape| {
                    shape::reshape(shape, batch, &target, allow_zero)
                })?
            }
            "Flatten" => {
                self.reshaped(node, |shape| shape::flatten(shape, int(node, "axis", 1)))?
            }
            "Unsqueeze" | "Squeeze" => {
                let axes = match attribute(node, "axes") {
                    Some(axes) => axes.ints.clone(),
                    None => self.ints(node, 1)?,
                };
                if let Value::Constant(constant) = self.value(node, 0)? {
                    // Of shapes that the graph computes; their axes do not matter here.
                    Value::Constant(Arc::clone(constant))
                } else if node.op_type == "Squeeze" {
                    self.reshaped(node, |shape| shape::squeeze(shape, &axes))?
                } else {
                    self.reshaped(node, |shape| shape::unsqueeze(shape, &axes))?
                }
            }
            "Gemm" => self.gemm(node)?,
            "MatMul" => self.mat_mul(node)?,
            "Add" => self.add(node)?,
            "BatchNormalization" => self.batch_norm(node)?,
            "LeakyRelu" => {
                let slope = attribute(node, "alpha").map_or(0.01, |a| a.f);
                self.activation(node, Layer::LeakyRelu { slope })?
            }
            "Relu" => self.activation(node, Layer::Relu)?,
            "Tanh" => self.activation(node, Layer::Tanh)?,
            "Sigmoid" => self.activation(node, Layer::Sigmoid)?,
            _ => return Err(NodeFault::Unsupported),
        };
        let output = node
            .output
            .first()
            .ok_or(NodeFault::Place("it has no output"))?;
        if node.output.iter().skip(1).any(|extra| !extra.is_empty()) {
            return Err(NodeFault::Place(
                "it has more than one output; export in evaluation mode",
            ));
        }
        self.values.insert(output.clone(), value);
        Ok(())
    }

    /// The name that a layer gets: the node's, made printable and unlike any other.
    pub(super) fn layer_name(&mut self, node: &NodeProto) -> String {
        let wanted = clean(&super::read::node_name(node));
        let mut name = wanted.clone();
        let mut count = 1;
        while !self.names.insert(name.clone()) {
            count += 1;
            name = format!("{wanted}_{count}");
        }
        name
    }

    /// Counts elements that nodes copy, so that a small file that uses one weight often stays small in memory.
    pub(super) fn spend(&mut self, elements: usize) -> Result<(), NodeFault> {
        self.elements = self.elements.saturating_add(elements);
        if self.elements > MAX_ELEMENTS {
            return Err(NodeFault::Place(
                "all weights together are over the limit of 16 Mi elements; a model image holds no more",
            ));
        }
        Ok(())
    }

    pub(super) fn value(&self, node: &NodeProto, index: usize) -> Result<&Value, NodeFault> {
        let name = node
            .input
            .get(index)
            .filter(|n| !n.is_empty())
            .ok_or(NodeFault::Missing(index))?;
        self.values
            .get(name)
            .ok_or_else(|| NodeFault::Unknown(clean(name)))
    }

    fn constant(&self, node: &NodeProto, index: usize) -> Result<&Arc<Constant>, NodeFault> {
        match self.value(node, index)? {
            Value::Constant(constant) => Ok(constant),
            Value::Data { .. } => Err(NodeFault::NotConstant(input_name(node, index))),
        }
    }

    fn ints(&self, node: &NodeProto, index: usize) -> Result<Vec<i64>, NodeFault> {
        let constant = self.constant(node, index)?;
        let fault = || {
            wrong(
                "list of integers",
                &constant.shape,
                "integers, at most 8".to_owned(),
            )
        };
        constant
            .as_ints()
            .filter(|ints| ints.len() <= 8)
            .map(<[i64]>::to_vec)
            .ok_or_else(fault)
    }

    pub(super) fn floats(
        &self,
        node: &NodeProto,
        index: usize,
    ) -> Result<(&[usize], &[f32]), NodeFault> {
        let constant = self.constant(node, index)?;
        let floats = constant.as_floats();
        floats
            .map(|floats| (constant.shape.as_slice(), floats))
            .ok_or(NodeFault::Place("its parameters must be floats"))
    }

    /// The shape of the value that the chain has come to; the node's input must be that value.
    pub(super) fn head(&self, node: &NodeProto, index: usize) -> Result<Vec<usize>, NodeFault> {
        match self.value(node, index)? {
            Value::Constant(_) => Err(NodeFault::NotData(input_name(node, index))),
            Value::Data {
                source: Source::Input(_),
                ..
            } if self.inputs > 1 => Err(NodeFault::NotJoined(input_name(node, index))),
            Value::Data {
                source: Source::Layers(count),
                ..
            } if *count != self.layers.len() => Err(NodeFault::Branch(input_name(node, index))),
            Value::Data {
                source: Source::Input(_),
                ..
            } if !self.layers.is_empty() => Err(NodeFault::Branch(input_name(node, index))),
            Value::Data { shape, .. } => Ok(shape.clone()),
        }
    }

    fn reshaped(
        &self,
        node: &NodeProto,
        change: impl Fn(&[usize]) -> Result<Vec<usize>, NodeFault>,
    ) -> Result<Value, NodeFault> {
        match self.value(node, 0)? {
            Value::Data { source, shape } => Ok(Value::Data {
                source: *source,
                shape: change(shape)?,
            }),
            Value::Constant(_) => Err(NodeFault::NotData(input_name(node, 0))),
        }
    }

    pub(super) fn push(&mut self, name: String, layer: Layer, shape: Vec<usize>) -> Value {
        self.layers.push((name, layer));
        Value::Data {
            source: Source::Layers(self.layers.len()),
            shape,
        }
    }

    fn activation(&mut self, node: &NodeProto, layer: Layer) -> Result<Value, NodeFault> {
        let shape = self.head(node, 0)?;
        let name = self.layer_name(node);
        Ok(self.push(name, layer, shape))
    }

    fn shape_of(&self, node: &NodeProto) -> Result<Value, NodeFault> {
        let Value::Data { shape, .. } = self.value(node, 0)? else {
            return Err(NodeFault::NotData(input_name(node, 0)));
        };
        let batch = self.batch.map_or(shape::BATCH, |b| b as i64);
        let all: Vec<i64> = std::iter::once(batch)
            .chain(shape.iter().map(|&d| d as i64))
            .collect();
        let rank = all.len() as i64;
        let bound = |name, default| {
            let at = int(node, name, default);
            // Clamped to 0..=rank, so it fits.
            (if at < 0 { at.saturating_add(rank) } else { at }).clamp(0, rank) as usize
        };
        let (start, end) = (bound("start", 0), bound("end", rank));
        Ok(known(Constant::ints(
            all.get(start..end).unwrap_or_default().to_vec(),
        )))
    }

    fn gather(&self, node: &NodeProto) -> Result<Value, NodeFault> {
        let (from, indices) = (self.ints(node, 0)?, self.ints(node, 1)?);
        let pick = |&index: &i64| {
            let index = if index < 0 {
                index.saturating_add(from.len() as i64)
            } else {
                index
            };
            usize::try_from(index)
                .ok()
                .and_then(|i| from.get(i).copied())
        };
        let picked: Option<Vec<i64>> = indices.iter().map(pick).collect();
        let fault = || {
            wrong(
                "indices",
                &indices,
                format!("0 to {}", from.len().saturating_sub(1)),
            )
        };
        Ok(known(Constant::ints(picked.ok_or_else(fault)?)))
    }

    fn transpose(&mut self, node: &NodeProto) -> Result<Value, NodeFault> {
        let len = self.floats(node, 0)?.1.len();
        self.spend(len)?;
        let (shape, floats) = self.floats(node, 0)?;
        let &[rows, columns] = shape else {
            return Err(wrong("input", shape, "two dimensions".to_owned()));
        };
        let elements = matrix(rows, columns, floats)?.t().iter().copied().collect();
        Ok(known(Constant {
            shape: vec![columns, rows],
            elements: Elements::Float(elements),
        }))
    }

    fn concat(&mut self, node: &NodeProto) -> Result<Value, NodeFault> {
        if let Value::Constant(_) = self.value(node, 0)? {
            let mut all = Vec::new();
            for index in 0..node.input.len().min(8) {
                all.extend(self.ints(node, index)?);
            }
            return Ok(known(Constant::ints(all)));
        }
        let inputs = (0..node.input.len())
            .map(|i| self.value(node, i))
            .collect::<Result<Vec<_>, _>>()?;
        let [
            Value::Data {
                source: Source::Input(first),
                shape: a,
            },
            Value::Data {
                source: Source::Input(second),
                shape: b,
            },
        ] = inputs[..]
        else {
            return Err(NodeFault::Place(
                "only the latent vector and the label may be joined, before the first layer",
            ));
        };
        let axis = int(node, "axis", 0);
        if !(axis == 1 || axis == -(a.len() as i64))
            || a.len() != b.len()
            || a[1..] != b[1..]
            || shape::len(&a[1..]) != 1
        {
            let expected = "the latent vector's and the label's, joined along axis 1".to_owned();
            return Err(wrong("inputs", &[a.clone(), b.clone()], expected));
        }
        if first == second || self.joined.is_some() || !self.layers.is_empty() {
            return Err(NodeFault::Place("each input may be joined once"));
        }
        let mut shape = a.clone();
        shape[0] = shape[0].saturating_add(b[0]);
        self.joined = Some([*first, *second]);
        Ok(Value::Data {
            source: Source::Layers(0),
            shape,
        })
    }
}

fn known(constant: Constant) -> Value {
    Value::Constant(Arc::new(constant))
}

fn constant_node(node: &NodeProto) -> Result<Constant, NodeFault> {
    if let Some(tensor) = attribute(node, "value").and_then(|a| a.t.as_ref()) {
        return Constant::decode(tensor)
            .map_err(|fault| wrong("value", fault.to_string(), "a usable constant".to_owned()));
    }
    if let Some(value) = attribute(node, "value_int") {
        return Ok(Constant {
            shape: vec![],
            elements: Elements::Int(vec![value.i]),
        });
    }
    if let Some(value) = attribute(node, "value_ints") {
        return Ok(Constant::ints(value.ints.clone()));
    }
    let floats = match (
        attribute(node, "value_float"),
        attribute(node, "value_floats"),
    ) {
        (Some(value), _) => vec![value.f],
        (None, Some(value)) => value.floats.clone(),
        (None, None) => {
            return Err(NodeFault::Place(
                "its value must be a tensor, integers or floats",
            ));
        }
    };
    if floats.iter().any(|v| !v.is_finite()) {
        return Err(NodeFault::Place("its value is not finite"));
    }
    Ok(Constant {
        shape: vec![floats.len()],
        elements: Elements::Float(floats),
    })
}

pub(super) fn matrix(
    rows: usize,
    columns: usize,
    floats: &[f32],
) -> Result<Array2<f32>, NodeFault> {
    Array2::from_shape_vec((rows, columns), floats.to_vec()).map_err(|_| {
        wrong(
            "weight",
            [rows, columns],
            format!("{} values", floats.len()),
        )
    })
}

pub(super) fn attribute<'a>(
    node: &'a NodeProto,
    name: &str,
) -> Option<&'a super::proto::AttributeProto> {
    node.attribute.iter().find(|a| a.name == name)
}

pub(super) fn int(node: &NodeProto, name: &str, default: i64) -> i64 {
    attribute(node, name).map_or(default, |a| a.i)
}

pub(super) fn input_name(node: &NodeProto, index: usize) -> String {
    clean(node.input.get(index).map_or("", String::as_str))
}

/// A name from a file as errors, logs and reports may print it: one line, not endless.
pub fn clean(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_control() { '_' } else { c })
        .take(80)
        .collect()
}

pub(super) fn wrong(
    what: &'static str,
    found: impl std::fmt::Debug,
    expected: String,
) -> NodeFault {
    NodeFault::Shape {
        what,
        found: format!("{found:?}"),
        expected,
    }
}
