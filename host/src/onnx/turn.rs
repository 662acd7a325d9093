//! Transpositions of computed values. They are pending, as reshapes are: pictures have their
//! channels first in ONNX, and matrices their columns last, so that a Transpose in front of a
//! product of matrices and another behind it are no nodes of the network.
//!
//! The sides of a tensor are 0 for channels, 1 for rows, 2 for columns. A value of two dimensions
//! has one row.

use super::error::NodeFault;
use super::importer::{Data, Importer, Value, attribute, input_name, node_name, wrong};
use super::proto::{GraphProto, NodeProto};
use crate::graph::shape::{CHANNELS, COLUMNS, ROWS};
use crate::graph::{Shape, Source};
use std::collections::BTreeSet;

impl Importer {
    /// An input that depends on the graph's inputs and is a tensor of real numbers, not transposed.
    pub fn operand(&mut self, node: &NodeProto, index: usize) -> Result<Data, NodeFault> {
        let data = self.turned(node, index)?;
        straight(self, data)
    }

    /// The first input with other dimensions.
    pub fn reshaped(
        &mut self,
        node: &NodeProto,
        change: impl Fn(&[usize]) -> Result<Vec<usize>, NodeFault>,
    ) -> Result<Value, NodeFault> {
        let data = self.data(node, 0)?.clone();
        let data = straight(self, data)?;
        Ok(Value::Data(Data {
            dims: change(&data.dims)?,
            via: node_name(node),
            ..data
        }))
    }
}

/// Reads Transpose of a computed value.
///
/// # Errors
/// [`NodeFault`].
pub fn read(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    let data = importer.turned(node, 0)?;
    let (source, sides) = sided(importer, &data)?;
    let axes = attribute(node, "perm").map_or(&[][..], |a| &a.ints);
    let fault = || NodeFault::Attribute {
        name: "perm",
        value: format!("{:?}", &axes[..axes.len().min(8)]),
        expected: "the batch first, then each of the other axes once",
    };
    let axis = |&axis: &i64| usize::try_from(axis).ok()?.checked_sub(1);
    let order: Option<Vec<usize>> = match axes {
        [0, rest @ ..] if rest.len() == data.dims.len() => rest.iter().map(axis).collect(),
        _ => None,
    };
    let order = order.ok_or_else(fault)?;
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..data.dims.len()) {
        return Err(fault());
    }
    let value = Value::Data(Data {
        source,
        dims: order.iter().map(|&axis| data.dims[axis]).collect(),
        via: node_name(node),
        ..data
    });
    let value = turned(value, order.iter().map(|&axis| sides[axis]).collect());
    let pending = node.output.iter().all(|o| importer.of_matrices.contains(o));
    match value {
        Value::Data(data) if !pending => Ok(Value::Data(straight(importer, data)?)),
        _ => Ok(value),
    }
}

/// A value as a tensor, and which of its sides each of the value's dimensions is.
///
/// # Errors
/// [`NodeFault`] where it has more dimensions than a tensor has sides.
pub fn sided(importer: &mut Importer, data: &Data) -> Result<(Source, Vec<usize>), NodeFault> {
    if !data.turned.is_empty() {
        return Ok((data.source, data.turned.clone()));
    }
    let (shape, sides) = match data.dims[..] {
        [len] => (Shape::vector(len), vec![0]),
        [channels, width] => {
            let height = 1;
            let shape = Shape {
                channels,
                height,
                width,
            };
            (shape, vec![0, 2])
        }
        [channels, height, width] => {
            let shape = Shape {
                channels,
                height,
                width,
            };
            (shape, vec![0, 1, 2])
        }
        _ => {
            let expected = "one to three dimensions a sample".to_owned();
            return Err(wrong("input", &data.dims, expected));
        }
    };
    Ok((importer.shaped(data, shape)?, sides))
}

/// A value whose dimensions are these sides.
pub fn turned(mut value: Value, sides: Vec<usize>) -> Value {
    if let Value::Data(data) = &mut value {
        data.turned = match sides.is_sorted() {
            true => Vec::new(),
            false => sides,
        };
    }
    value
}

/// The same as a source whose sides these dimensions are; a pending transposition becomes a node
/// where it changes anything.
///
/// # Errors
/// [`NodeFault`] as [`sided`], and where the dimensions are not these sides.
pub fn laid(importer: &mut Importer, data: &Data, wanted: &[usize]) -> Result<Source, NodeFault> {
    const AXES: [usize; 3] = [CHANNELS, ROWS, COLUMNS];
    let (source, sides) = sided(importer, data)?;
    let mut order = [ROWS, COLUMNS, CHANNELS];
    for (&to, &from) in wanted.iter().zip(&sides) {
        order[AXES[to]] = AXES[from];
    }
    importer.transposed(&data.via, source, order)
}

/// The same, not transposed.
///
/// # Errors
/// As [`laid`].
pub fn straight(importer: &mut Importer, data: Data) -> Result<Data, NodeFault> {
    if data.turned.is_empty() {
        return Ok(data);
    }
    let mut wanted = data.turned.clone();
    wanted.sort_unstable();
    Ok(Data {
        source: laid(importer, &data, &wanted)?,
        turned: Vec::new(),
        ..data
    })
}

/// The names that nothing reads but products of matrices, or functions of single elements that
/// nothing else reads.
pub fn of_matrices(graph: &GraphProto) -> BTreeSet<String> {
    let mut only = BTreeSet::new();
    let mut others: BTreeSet<&str> = graph.output.iter().map(|o| o.name.as_str()).collect();
    for node in graph.node.iter().rev() {
        let keeps = match node.op_type.as_str() {
            "MatMul" => true,
            "Add" | "Div" | "LeakyRelu" | "Mul" | "Relu" | "Sigmoid" | "Sub" | "Tanh" => {
                node.output.iter().all(|name| only.contains(name))
            }
            _ => false,
        };
        for name in &node.input {
            if keeps && !others.contains(name.as_str()) {
                only.insert(name.clone());
            } else {
                others.insert(name);
                only.remove(name);
            }
        }
    }
    only
}

/// The name of an input that must be matrices: rows, then columns, which are a tensor's channels.
pub fn refuse(node: &NodeProto, index: usize) -> NodeFault {
    let expected =
        "matrices whose columns are the channels: (N, rows, columns, channels) of a picture"
            .to_owned();
    wrong("input", input_name(node, index), expected)
}
