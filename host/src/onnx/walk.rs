//! The walk over a graph's nodes that turns them into the nodes of a network.
//!
//! A value keeps the dimensions that the graph gives it beside the shape of the node that made it. Where they differ, a
//! reshape is pending: it becomes a node of its own only where somebody needs the other shape, so reshapes that change
//! nothing vanish.

use super::constants;
use super::error::NodeFault;
use super::proto::NodeProto;
use super::shape;
use super::tensor::{Constant, MAX_ELEMENTS};
use crate::network::{self, InputSpec, Layer, MAX_NODES, MAX_SIDE, Node, Shape, Source};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The operators that a network may consist of.
pub const SUPPORTED: &[&str] = &[
    "Add",
    "BatchNormalization",
    "Cast",
    "Concat",
    "Constant",
    "Conv",
    "ConvTranspose",
    "Flatten",
    "Gather",
    "Gemm",
    "Identity",
    "LeakyRelu",
    "MatMul",
    "OneHot",
    "Relu",
    "Reshape",
    "Resize",
    "Shape",
    "Sigmoid",
    "Squeeze",
    "Tanh",
    "Transpose",
    "Unsqueeze",
    "Upsample",
];

/// What a name in the graph stands for.
#[derive(Debug, Clone)]
pub enum Value {
    /// Known now.
    Constant(Arc<Constant>),
    /// Depends on the graph's inputs.
    Data(Data),
}

/// A value that depends on the graph's inputs.
#[derive(Debug, Clone)]
pub struct Data {
    /// Where it comes from in the network.
    pub source: Source,
    /// Dimensions of one sample, as the graph has them.
    pub dims: Vec<usize>,
    /// What a reshape to `dims` is called, where it becomes a node: the last node that changed them, or the input.
    pub via: String,
    /// Whether more than one node reads it, under this name or one that it had before.
    pub shared: bool,
    /// Whether it is the label as a class's index; the source is then the one-hot label that stands for it.
    pub index: bool,
}

/// The state of the walk.
pub struct Walk {
    /// What the names seen so far stand for.
    pub values: BTreeMap<String, Value>,
    /// The network's nodes so far.
    pub nodes: Vec<Node>,
    /// Lengths of latent vector and label; a label that is an index has no length before a node says how many there are.
    pub input: InputSpec,
    /// The batch, where the file fixes it.
    pub batch: Option<usize>,
    /// How often each name is read.
    pub uses: BTreeMap<String, usize>,
    shapes: Vec<Shape>,
    /// Reshapes that became nodes, by what they reshape.
    reshapes: BTreeMap<(Source, [usize; 3]), Source>,
    names: BTreeSet<String>,
    elements: usize,
}

impl Walk {
    /// Before the first node.
    pub fn new(values: BTreeMap<String, Value>, input: InputSpec, batch: Option<usize>) -> Self {
        Self {
            values,
            nodes: Vec::new(),
            input,
            batch,
            uses: BTreeMap::new(),
            shapes: Vec::new(),
            reshapes: BTreeMap::new(),
            names: BTreeSet::new(),
            elements: 0,
        }
    }

    /// Takes in the next node.
    pub fn step(&mut self, node: &NodeProto) -> Result<(), NodeFault> {
        if !matches!(node.domain.as_str(), "" | "ai.onnx") {
            return Err(NodeFault::Domain(clean(&node.domain)));
        }
        let mut value = match node.op_type.as_str() {
            "Constant" => known(constants::of_node(node)?),
            "Identity" => self.value(node, 0)?.clone(),
            "Shape" => self.shape_of(node)?,
            "Gather" => self.gather(node)?,
            "OneHot" => self.one_hot(node)?,
            "Cast" => self.cast(node)?,
            "Transpose" => self.transpose(node)?,
            "Concat" => self.concat(node)?,
            "Reshape" => {
                let target = self.ints(node, 1)?;
                let allow_zero = int(node, "allowzero", 0) != 0;
                let batch = self.batch;
                self.reshaped(node, |dims| {
                    shape::reshape(dims, batch, &target, allow_zero)
                })?
            }
            "Flatten" => self.reshaped(node, |dims| shape::flatten(dims, int(node, "axis", 1)))?,
            "Unsqueeze" | "Squeeze" => self.axes(node)?,
            "Gemm" => self.gemm(node)?,
            "MatMul" => self.mat_mul(node)?,
            "Add" => self.add(node)?,
            "BatchNormalization" => self.batch_norm(node)?,
            "Conv" => self.conv(node)?,
            "ConvTranspose" => self.conv_transpose(node)?,
            "Resize" | "Upsample" => self.resize(node)?,
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
        if let Value::Data(data) = &mut value {
            data.shared |= self.uses.get(output).is_some_and(|&uses| uses > 1);
        }
        self.values.insert(output.clone(), value);
        Ok(())
    }

    /// The name that a network's node gets: the graph's, made printable and unlike any other.
    fn unique(&mut self, wanted: &str) -> String {
        let wanted = clean(wanted);
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

    pub(super) fn constant(
        &self,
        node: &NodeProto,
        index: usize,
    ) -> Result<&Arc<Constant>, NodeFault> {
        match self.value(node, index)? {
            Value::Constant(constant) => Ok(constant),
            Value::Data { .. } => Err(NodeFault::NotConstant(input_name(node, index))),
        }
    }

    pub(super) fn ints(&self, node: &NodeProto, index: usize) -> Result<Vec<i64>, NodeFault> {
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

    /// An input that depends on the graph's inputs, and may be an index.
    pub(super) fn data(&self, node: &NodeProto, index: usize) -> Result<&Data, NodeFault> {
        match self.value(node, index)? {
            Value::Constant(_) => Err(NodeFault::NotData(input_name(node, index))),
            Value::Data(data) => Ok(data),
        }
    }

    /// An input that depends on the graph's inputs and is a tensor of real numbers.
    pub(super) fn operand(&self, node: &NodeProto, index: usize) -> Result<Data, NodeFault> {
        let data = self.data(node, index)?;
        if data.index {
            return Err(NodeFault::Index(input_name(node, index)));
        }
        Ok(data.clone())
    }

    /// The shape that a value's source has in the network.
    pub(super) fn source_shape(&self, source: Source) -> Shape {
        let shape = match source {
            Source::Input => Some(Shape::vector(self.input.len())),
            Source::Latent => Some(Shape::vector(self.input.latent)),
            Source::Label => Some(Shape::vector(self.input.classes)),
            Source::Node(index) => self.shapes.get(index).copied(),
        };
        // Every source here was made by this walk.
        shape.unwrap_or(Shape::vector(0))
    }

    /// A value as a source of this shape; a pending reshape becomes a node where it changes anything.
    pub(super) fn shaped(&mut self, data: &Data, shape: Shape) -> Result<Source, NodeFault> {
        if self.source_shape(data.source) == shape {
            return Ok(data.source);
        }
        let key = (data.source, [shape.channels, shape.height, shape.width]);
        if let Some(&made) = self.reshapes.get(&key) {
            return Ok(made);
        }
        let via = data.via.clone();
        let made = self.push_named(&via, Layer::Reshape { shape }, vec![data.source], shape)?;
        self.reshapes.insert(key, made);
        Ok(made)
    }

    /// An element-wise layer's operand: in the shape that the graph gives it, where a network's tensor can have it.
    pub(super) fn element_wise(&mut self, data: &Data) -> Result<(Source, Shape), NodeFault> {
        let source = match canonical(&data.dims) {
            Some(shape) => self.shaped(data, shape)?,
            None => data.source,
        };
        Ok((source, self.source_shape(source)))
    }

    /// Appends a node of the network with what it is called in the graph.
    pub(super) fn push(
        &mut self,
        node: &NodeProto,
        layer: Layer,
        inputs: Vec<Source>,
        shape: Shape,
        dims: Vec<usize>,
    ) -> Result<Value, NodeFault> {
        let name = node_name(node);
        let source = self.push_named(&name, layer, inputs, shape)?;
        Ok(Value::Data(Data {
            source,
            dims,
            via: name,
            shared: false,
            index: false,
        }))
    }

    fn push_named(
        &mut self,
        name: &str,
        layer: Layer,
        inputs: Vec<Source>,
        shape: Shape,
    ) -> Result<Source, NodeFault> {
        if self.nodes.len() >= MAX_NODES {
            return Err(NodeFault::TooManyNodes(MAX_NODES));
        }
        let sides = [shape.channels, shape.height, shape.width];
        if sides.iter().any(|side| !(1..=MAX_SIDE).contains(side))
            || shape.len() > network::MAX_ELEMENTS
        {
            let expected = format!(
                "1 to {MAX_SIDE} a side and at most {} elements",
                network::MAX_ELEMENTS
            );
            return Err(wrong("output", sides, expected));
        }
        let name = self.unique(name);
        self.nodes.push(Node {
            name,
            inputs,
            layer,
        });
        self.shapes.push(shape);
        Ok(Source::Node(self.nodes.len() - 1))
    }

    pub(super) fn reshaped(
        &self,
        node: &NodeProto,
        change: impl Fn(&[usize]) -> Result<Vec<usize>, NodeFault>,
    ) -> Result<Value, NodeFault> {
        let data = self.data(node, 0)?;
        Ok(Value::Data(Data {
            dims: change(&data.dims)?,
            via: node_name(node),
            ..data.clone()
        }))
    }

    fn axes(&mut self, node: &NodeProto) -> Result<Value, NodeFault> {
        if let Value::Constant(constant) = self.value(node, 0)? {
            // Of shapes that the graph computes; their axes do not matter here.
            return Ok(Value::Constant(Arc::clone(constant)));
        }
        let axes = match attribute(node, "axes") {
            Some(axes) => axes.ints.clone(),
            None => self.ints(node, 1)?,
        };
        if node.op_type == "Squeeze" {
            self.reshaped(node, |dims| shape::squeeze(dims, &axes))
        } else {
            self.reshaped(node, |dims| shape::unsqueeze(dims, &axes))
        }
    }

    fn activation(&mut self, node: &NodeProto, layer: Layer) -> Result<Value, NodeFault> {
        let data = self.operand(node, 0)?;
        let (source, shape) = self.element_wise(&data)?;
        self.push(node, layer, vec![source], shape, data.dims)
    }
}

/// The network's shape of so many dimensions a sample; `None` for numbers of them that a network does not have.
pub(super) fn canonical(dims: &[usize]) -> Option<Shape> {
    match *dims {
        [len] => Some(Shape::vector(len)),
        [channels, height, width] => Some(Shape {
            channels,
            height,
            width,
        }),
        _ => None,
    }
}

/// What to call a node: its name or, where it has none, its output's.
pub(super) fn node_name(node: &NodeProto) -> String {
    let named = [Some(&node.name), node.output.first()]
        .into_iter()
        .flatten()
        .find(|n| !n.is_empty());
    named.cloned().unwrap_or_else(|| node.op_type.clone())
}

pub(super) fn known(constant: Constant) -> Value {
    Value::Constant(Arc::new(constant))
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

/// A string attribute; its default where it is absent or no UTF-8.
pub(super) fn text<'a>(node: &'a NodeProto, name: &str, default: &'a str) -> &'a str {
    attribute(node, name).map_or(default, |a| std::str::from_utf8(&a.s).unwrap_or("?"))
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
