//! The importer: what the nodes of an ONNX graph that were read so far stand for, and the network's
//! nodes so far.
//!
//! A value keeps the dimensions that the graph gives it beside the shape of the node that made it.
//! Where they differ, a reshape is pending: it becomes a node of its own only where somebody needs
//! the other shape, so reshapes that change nothing vanish.

use super::error::NodeFault;
use super::proto::NodeProto;
use super::shape;
use super::tensor::{Constant, MAX_ELEMENTS};
use crate::graph::query::source_shape;
use crate::graph::{
    self, Combine, Float, InputSpec, MAX_NODES, MAX_SIDE, Move, Node, Op, Shape, Source,
};
use ndarray::Array2;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Reads one node of the graph.
pub type Reader = fn(&mut Importer, &NodeProto) -> Result<Value, NodeFault>;

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
    /// What a reshape to `dims` is called, where it becomes a node: the last node that changed
    /// them, or the input.
    pub via: String,
    /// Whether more than one node reads it, under this name or one that it had before.
    pub shared: bool,
    /// Whether it is an index: the label as a class's, whose source is the one-hot label that
    /// stands for it, or the number of a largest channel.
    pub index: bool,
    /// Which of the source's sides (0 for channels, 1 for rows, 2 for columns) each of the
    /// dimensions is, where they were transposed; else empty.
    pub turned: Vec<usize>,
}

/// The state of an import.
pub struct Importer {
    /// What the names seen so far stand for.
    pub values: BTreeMap<String, Value>,
    /// The network's nodes so far.
    pub nodes: Vec<Node<Float>>,
    /// Lengths of latent vector and label; a label that is an index has no length before a node
    /// says how many there are.
    pub input: InputSpec,
    /// The batch, where the file fixes it.
    pub batch: Option<usize>,
    /// How often each name is read.
    pub uses: BTreeMap<String, usize>,
    /// Names that only take part in products of matrices, which take transposed values as they are.
    pub of_matrices: BTreeSet<String>,
    /// Transpositions that became nodes, by what they transpose.
    transpositions: BTreeMap<(Source, [usize; 3]), Source>,
    /// Reshapes that became nodes, by what they reshape.
    reshapes: BTreeMap<(Source, [usize; 3]), Source>,
    names: BTreeSet<String>,
    elements: usize,
}

impl Importer {
    /// Before the first node.
    pub fn new(values: BTreeMap<String, Value>, input: InputSpec, batch: Option<usize>) -> Self {
        Self {
            values,
            nodes: Vec::new(),
            input,
            batch,
            uses: BTreeMap::new(),
            of_matrices: BTreeSet::new(),
            transpositions: BTreeMap::new(),
            reshapes: BTreeMap::new(),
            names: BTreeSet::new(),
            elements: 0,
        }
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

    /// Counts elements that nodes copy, so that a small file that uses one weight often stays small
    /// in memory.
    pub fn spend(&mut self, elements: usize) -> Result<(), NodeFault> {
        self.elements = self.elements.saturating_add(elements);
        if self.elements > MAX_ELEMENTS {
            return Err(NodeFault::Place(
                "all weights together are over the limit of 16 Mi elements; a model image holds no more",
            ));
        }
        Ok(())
    }

    /// What a node's input stands for.
    pub fn value(&self, node: &NodeProto, index: usize) -> Result<&Value, NodeFault> {
        let name = node
            .input
            .get(index)
            .filter(|n| !n.is_empty())
            .ok_or(NodeFault::Missing(index))?;
        self.values
            .get(name)
            .ok_or_else(|| NodeFault::Unknown(clean(name)))
    }

    /// An input that must be known.
    pub fn constant(&self, node: &NodeProto, index: usize) -> Result<&Arc<Constant>, NodeFault> {
        match self.value(node, index)? {
            Value::Constant(constant) => Ok(constant),
            Value::Data { .. } => Err(NodeFault::NotConstant(input_name(node, index))),
        }
    }

    /// An input that is a list of integers.
    pub fn ints(&self, node: &NodeProto, index: usize) -> Result<Vec<i64>, NodeFault> {
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

    /// An input of parameters: its shape and its elements.
    pub fn floats(&self, node: &NodeProto, index: usize) -> Result<(&[usize], &[f32]), NodeFault> {
        let constant = self.constant(node, index)?;
        let floats = constant.as_floats();
        floats
            .map(|floats| (constant.shape.as_slice(), floats))
            .ok_or(NodeFault::Place("its parameters must be floats"))
    }

    /// An input that depends on the graph's inputs, and may be an index.
    pub fn data(&self, node: &NodeProto, index: usize) -> Result<&Data, NodeFault> {
        match self.value(node, index)? {
            Value::Constant(_) => Err(NodeFault::NotData(input_name(node, index))),
            Value::Data(data) => Ok(data),
        }
    }

    /// An input that depends on the graph's inputs and is a tensor of real numbers, whose
    /// dimensions may be transposed.
    pub fn turned(&self, node: &NodeProto, index: usize) -> Result<Data, NodeFault> {
        let data = self.data(node, index)?;
        if data.index {
            return Err(NodeFault::Index(input_name(node, index)));
        }
        Ok(data.clone())
    }

    /// The shape that a value's source has in the network.
    pub fn source_shape(&self, source: Source) -> Shape {
        source_shape(&self.nodes, self.input, source)
    }

    /// A value as a source of this shape; a pending reshape becomes a node where it changes
    /// anything.
    pub fn shaped(&mut self, data: &Data, shape: Shape) -> Result<Source, NodeFault> {
        if self.source_shape(data.source) == shape {
            return Ok(data.source);
        }
        let key = (data.source, [shape.channels, shape.height, shape.width]);
        if let Some(&made) = self.reshapes.get(&key) {
            return Ok(made);
        }
        let via = data.via.clone();
        let made = self.push_named(&via, Op::Move(Move::Reshape), vec![data.source], shape)?;
        self.reshapes.insert(key, made);
        Ok(made)
    }

    /// A source whose rows, columns and channels are these axes of another.
    pub fn transposed(
        &mut self,
        via: &str,
        source: Source,
        order: [usize; 3],
    ) -> Result<Source, NodeFault> {
        if order == [0, 1, 2] {
            return Ok(source);
        }
        if let Some(&made) = self.transpositions.get(&(source, order)) {
            return Ok(made);
        }
        let axes = self.source_shape(source).axes();
        let shape = Shape::of_axes(order.map(|axis| axes[axis]));
        let op = Op::Move(Move::Transpose { order });
        let made = self.push_named(via, op, vec![source], shape)?;
        self.transpositions.insert((source, order), made);
        Ok(made)
    }

    /// An element-wise layer's operand: in the shape that the graph gives it, where a network's
    /// tensor can have it.
    pub fn element_wise(&mut self, data: &Data) -> Result<(Source, Shape), NodeFault> {
        let source = match canonical(&data.dims) {
            Some(shape) => self.shaped(data, shape)?,
            None => data.source,
        };
        Ok((source, self.source_shape(source)))
    }

    /// Appends a node of the network with what it is called in the graph.
    pub fn push(
        &mut self,
        node: &NodeProto,
        op: Op<Float>,
        inputs: Vec<Source>,
        shape: Shape,
        dims: Vec<usize>,
    ) -> Result<Value, NodeFault> {
        let name = node_name(node);
        let source = self.push_named(&name, op, inputs, shape)?;
        Ok(Value::Data(Data {
            source,
            dims,
            via: name,
            shared: false,
            index: false,
            turned: Vec::new(),
        }))
    }

    fn push_named(
        &mut self,
        name: &str,
        op: Op<Float>,
        inputs: Vec<Source>,
        shape: Shape,
    ) -> Result<Source, NodeFault> {
        if self.nodes.len() >= MAX_NODES {
            return Err(NodeFault::TooManyNodes(MAX_NODES));
        }
        let sides = [shape.channels, shape.height, shape.width];
        if sides.iter().any(|side| !(1..=MAX_SIDE).contains(side))
            || shape.len() > graph::MAX_ELEMENTS
        {
            let expected = format!(
                "1 to {MAX_SIDE} a side and at most {} elements",
                graph::MAX_ELEMENTS
            );
            return Err(wrong("output", sides, expected));
        }
        let name = self.unique(name);
        self.nodes.push(Node {
            name,
            inputs,
            op,
            shape,
            note: (),
        });
        Ok(Source::Node(self.nodes.len() - 1))
    }

    /// Whether a value is the numbers of largest channels.
    pub fn is_argmax(&self, source: Source) -> bool {
        let node = match source {
            Source::Node(index) => self.nodes.get(index),
            Source::Input | Source::Latent | Source::Label => None,
        };
        node.is_some_and(|node| node.op == Op::Combine(Combine::Argmax, ()))
    }

    /// Learns how many classes a label that is an index may choose from.
    pub fn classes(&mut self, found: usize) -> Result<(), NodeFault> {
        if self.input.classes == 0 {
            if !(1..=255).contains(&found) {
                return Err(wrong("table", found, "1 to 255 classes".to_owned()));
            }
            self.input.classes = found;
        }
        let expected = self.input.classes;
        if found == expected {
            Ok(())
        } else {
            Err(NodeFault::Classes { found, expected })
        }
    }
}

/// The network's shape of so many dimensions a sample; `None` for numbers of them that a network
/// does not have.
pub fn canonical(dims: &[usize]) -> Option<Shape> {
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
pub fn node_name(node: &NodeProto) -> String {
    let named = [Some(&node.name), node.output.first()]
        .into_iter()
        .flatten()
        .find(|n| !n.is_empty());
    named.cloned().unwrap_or_else(|| node.op_type.clone())
}

/// A value that is known.
pub fn known(constant: Constant) -> Value {
    Value::Constant(Arc::new(constant))
}

/// An attribute of a node.
pub fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a super::proto::AttributeProto> {
    node.attribute.iter().find(|a| a.name == name)
}

/// An integer attribute.
pub fn int(node: &NodeProto, name: &str, default: i64) -> i64 {
    attribute(node, name).map_or(default, |a| a.i)
}

/// A string attribute; its default where it is absent or no UTF-8.
pub fn text<'a>(node: &'a NodeProto, name: &str, default: &'a str) -> &'a str {
    attribute(node, name).map_or(default, |a| std::str::from_utf8(&a.s).unwrap_or("?"))
}

/// The name of an input, for errors.
pub fn input_name(node: &NodeProto, index: usize) -> String {
    clean(node.input.get(index).map_or("", String::as_str))
}

/// A name from a file as errors, logs and reports may print it: one line, not endless.
pub fn clean(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_control() { '_' } else { c })
        .take(80)
        .collect()
}

/// Dimensions behind a matrix: the last one changes, and it holds all there is.
pub fn row_dims(dims: &[usize], inputs: usize, outputs: usize) -> Result<Vec<usize>, NodeFault> {
    if dims.last() != Some(&inputs) || shape::len(dims) != inputs {
        return Err(wrong(
            "input",
            dims,
            format!("{inputs} values a sample, as its weight has"),
        ));
    }
    let mut result = dims.to_vec();
    if let Some(last) = result.last_mut() {
        *last = outputs;
    }
    Ok(result)
}

/// Constants as a matrix.
pub fn matrix(rows: usize, columns: usize, floats: &[f32]) -> Result<Array2<f32>, NodeFault> {
    Array2::from_shape_vec((rows, columns), floats.to_vec()).map_err(|_| {
        wrong(
            "weight",
            [rows, columns],
            format!("{} values", floats.len()),
        )
    })
}

/// A shape that does not fit.
pub fn wrong(what: &'static str, found: impl std::fmt::Debug, expected: String) -> NodeFault {
    NodeFault::Shape {
        what,
        found: format!("{found:?}"),
        expected,
    }
}
