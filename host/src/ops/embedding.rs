//! A row of a table, chosen by the label: MatMul of the one-hot label, and Gather by a label that
//! is an index.

use super::LinearOperator;
use super::gemm::{check_vector, products, write_gemm};
use super::lower::{LowerError, Lowering};
use crate::graph::{
    Float, GraphError, Integer, Linear, LinearKind, Node, Op, QuantizedLinear, Shape, Source,
};
use crate::onnx::error::NodeFault;
use crate::onnx::importer::{Data, Importer, Value, int, matrix, row_dims, wrong};
use crate::onnx::names::LABEL;
use crate::onnx::proto::NodeProto;
use crate::onnx::tensors::{FloatWriter, IntegerWriter, Tensor};
use ndarray::{Array1, Array2, ArrayView2};
use shared::op::{self, Kind};

/// A row of a table, chosen by the label.
pub struct Embedding;

impl Op<Float> {
    /// An embedding of a table of shape (classes, length).
    pub fn embedding(table: &Array2<f32>) -> Self {
        let weight = table.t().as_standard_layout().into_owned();
        let bias = Array1::zeros(table.ncols());
        Self::Linear(LinearKind::Embedding, Linear::new(weight, bias))
    }
}

impl LinearOperator for Embedding {
    fn name(&self) -> &'static str {
        "embedding"
    }

    fn describe(&self) -> String {
        "embedding".to_owned()
    }

    fn weight_dim(&self, from: Shape, to: Shape) -> (usize, usize) {
        (to.len(), from.len())
    }

    fn check(
        &self,
        layer: &str,
        weight_dim: (usize, usize),
        from: Shape,
        to: Shape,
    ) -> Result<(), GraphError> {
        check_vector(layer, weight_dim, from, to, "classes")
    }

    fn products(&self, _: Shape, to: Shape) -> u64 {
        to.len() as u64
    }

    fn oracle(&self, linear: &QuantizedLinear, x: &[i8], _: Shape, _: Shape) -> Vec<i64> {
        products(linear, x)
    }

    fn write(
        &self,
        writer: &mut FloatWriter<'_>,
        index: usize,
        node: &Node<Float>,
        linear: &Linear<f32>,
    ) -> Tensor {
        let table = linear.weight.t();
        let (classes, len) = table.dim();
        let table = writer.constant(node, "table", &[classes, len], table.iter());
        let to = writer.named(index, &[len], format!("{}.output", node.name));
        writer.push("MatMul", &node.name, &[LABEL, &table], &to.name, vec![]);
        to
    }

    fn write_integer(
        &self,
        writer: &mut IntegerWriter<'_>,
        node: &Node<Integer>,
        linear: &QuantizedLinear,
    ) -> Vec<usize> {
        write_gemm(writer, node, linear)
    }

    /// A row a class, a column an output.
    fn device_rows(&self, weights: ArrayView2<i8>) -> Array2<i8> {
        weights.t().to_owned()
    }

    fn lower<'a>(&self, lowering: &Lowering<'a>) -> Result<Kind<'a>, LowerError> {
        Ok(Kind::Embedding(op::Embedding {
            weights: lowering.weights,
        }))
    }
}

/// Reads MatMul of the one-hot label.
///
/// # Errors
/// [`NodeFault`].
pub fn read_one_hot(
    importer: &mut Importer,
    node: &NodeProto,
    label: &Data,
) -> Result<Value, NodeFault> {
    let (shape, floats) = importer.floats(node, 1)?;
    let (&[classes, len], count) = (shape, floats.len()) else {
        return Err(wrong("table", shape, "two dimensions".to_owned()));
    };
    importer.spend(count)?;
    let table = matrix(classes, len, importer.floats(node, 1)?.1)?;
    let dims = row_dims(&label.dims, classes, len)?;
    let inputs = vec![label.source];
    importer.push(
        node,
        Op::embedding(&table),
        inputs,
        Shape::vector(len),
        dims,
    )
}

/// Reads Gather of a table with the label as index.
///
/// # Errors
/// [`NodeFault`].
pub fn read_gather(
    importer: &mut Importer,
    node: &NodeProto,
    label: &Data,
) -> Result<Value, NodeFault> {
    if !label.index {
        return Err(NodeFault::Place(
            "only a label of whole numbers (int64) may choose from a table",
        ));
    }
    let axis = int(node, "axis", 0);
    let (&[classes, len], _) = importer.floats(node, 0)? else {
        let found = importer.floats(node, 0)?.0;
        return Err(wrong("table", found, "classes and length".to_owned()));
    };
    if !matches!(axis, 0 | -2) {
        return Err(wrong_axis(axis));
    }
    importer.classes(classes)?;
    importer.spend(classes.saturating_mul(len))?;
    let table = matrix(classes, len, importer.floats(node, 0)?.1)?;
    let mut dims = label.dims.clone();
    dims.push(len);
    let (op, shape) = (Op::embedding(&table), Shape::vector(len));
    importer.push(node, op, vec![Source::Label], shape, dims)
}

/// An axis of a table along which nothing is chosen.
pub fn wrong_axis(axis: i64) -> NodeFault {
    NodeFault::Attribute {
        name: "axis",
        value: axis.to_string(),
        expected: "0: a row of the table",
    }
}
