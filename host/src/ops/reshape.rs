//! Another shape for the same elements: Reshape, Flatten, Squeeze, Unsqueeze.

use super::MoveOperator;
use super::lower::LowerError;
use crate::graph::{Float, GraphError, Integer, Move, Node, Op, Phase, Shape};
use crate::onnx::error::NodeFault;
use crate::onnx::importer::{Importer, Value, attribute, int};
use crate::onnx::proto::NodeProto;
use crate::onnx::shape;
use crate::onnx::tensors::{FloatWriter, IntegerWriter, Tensor, dims};
use shared::op::Kind;
use std::sync::Arc;

/// The same elements in the same order.
pub struct Reshape;

impl<P: Phase> Op<P> {
    /// Another shape for the same elements: the node's.
    pub const fn reshape() -> Self {
        Self::Move(Move::Reshape)
    }
}

impl MoveOperator for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn describe(&self) -> String {
        "reshape".to_owned()
    }

    fn check(&self, layer: &str, from: Shape, to: Shape) -> Result<(), GraphError> {
        if to.len() == from.len() {
            return Ok(());
        }
        Err(GraphError::Shape {
            layer: layer.to_owned(),
            expected: format!("{} values", to.len()),
            found: from,
        })
    }

    fn source(&self, _: Shape, _: Shape, element: usize) -> Option<usize> {
        Some(element)
    }

    fn keeps_order(&self) -> bool {
        true
    }

    fn write(&self, writer: &mut FloatWriter<'_>, index: usize, node: &Node<Float>) -> Tensor {
        let from = writer.emitter.source(node.inputs[0]).name;
        let target = match index + 1 == writer.network.nodes.len() {
            true => writer.output.dims.clone(),
            false => dims(node.shape),
        };
        let to = writer.named(index, &target, format!("{}.output", node.name));
        let constant = format!("{}.shape", node.name);
        writer.emitter.reshape(&from, &to, &node.name, &constant);
        to
    }

    fn write_integer(&self, writer: &mut IntegerWriter<'_>, node: &Node<Integer>) -> Vec<usize> {
        let name = node.name.as_str();
        let from = writer.emitter.source(node.inputs[0]).name;
        let shaped = Tensor::new(&crate::onnx::tensors::output_name(name), &dims(node.shape));
        let constant = format!("{name}.shape");
        writer.emitter.reshape(&from, &shaped, name, &constant);
        shaped.dims
    }

    fn lower<'a>(&self) -> Result<Option<Kind<'a>>, LowerError> {
        Ok(None)
    }
}

/// Reads Reshape.
///
/// # Errors
/// [`NodeFault`].
pub fn read(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    let target = importer.ints(node, 1)?;
    let allow_zero = int(node, "allowzero", 0) != 0;
    let batch = importer.batch;
    importer.reshaped(node, |dims| {
        shape::reshape(dims, batch, &target, allow_zero)
    })
}

/// Reads Flatten.
///
/// # Errors
/// [`NodeFault`].
pub fn read_flatten(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    importer.reshaped(node, |dims| shape::flatten(dims, int(node, "axis", 1)))
}

/// Reads Squeeze and Unsqueeze.
///
/// # Errors
/// [`NodeFault`].
pub fn read_axes(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    if let Value::Constant(constant) = importer.value(node, 0)? {
        // A shape that the graph computes: its axes do not matter here.
        return Ok(Value::Constant(Arc::clone(constant)));
    }
    let axes = match attribute(node, "axes") {
        Some(axes) => axes.ints.clone(),
        None => importer.ints(node, 1)?,
    };
    if node.op_type == "Squeeze" {
        importer.reshaped(node, |dims| shape::squeeze(dims, &axes))
    } else {
        importer.reshaped(node, |dims| shape::unsqueeze(dims, &axes))
    }
}
