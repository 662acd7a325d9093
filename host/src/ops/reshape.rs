//! Another shape for the same elements: Reshape, Flatten, Squeeze, Unsqueeze.

use super::lower::LowerError;
use super::{MoveNode, MoveOperator};
use crate::graph::{Float, GraphError, Integer, Move, Node, Op, Phase, Shape};
use crate::onnx::error::NodeFault;
use crate::onnx::importer::{Importer, Value, attribute, int};
use crate::onnx::proto::NodeProto;
use crate::onnx::shape;
use crate::onnx::tensors::{Emitter, FloatWriter, IntegerWriter, Tensor, dims, output_name};
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

    fn append(&self, emitter: &mut Emitter, node: &MoveNode<'_>) {
        let constant = format!("{}.shape", node.name);
        emitter.reshape(node.x, node.to, node.name, &constant);
    }

    fn write(&self, writer: &mut FloatWriter<'_>, index: usize, node: &Node<Float>) -> Tensor {
        let target = match index + 1 == writer.network.nodes.len() {
            true => writer.output.dims.clone(),
            false => dims(node.shape),
        };
        let to = writer.named(index, &target, format!("{}.output", node.name));
        let own = MoveNode {
            name: &node.name,
            x: &writer.emitter.source(node.inputs[0]).name,
            to: &to,
            shapes: (writer.network.first_shape(node), node.shape),
            integer: false,
        };
        self.append(&mut writer.emitter, &own);
        to
    }

    fn write_integer(&self, writer: &mut IntegerWriter<'_>, node: &Node<Integer>) -> Vec<usize> {
        let to = Tensor::new(&output_name(&node.name), &dims(node.shape));
        let own = MoveNode {
            name: &node.name,
            x: &writer.emitter.source(node.inputs[0]).name,
            to: &to,
            shapes: (writer.network.first_shape(node), node.shape),
            integer: true,
        };
        self.append(&mut writer.emitter, &own);
        to.dims
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
