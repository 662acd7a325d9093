//! Fully connected: Gemm, and MatMul with a constant.

use super::LinearOperator;
use super::gemm::{check_vector, products, write_gemm};
use super::lower::{LowerError, Lowering};
use crate::graph::{
    Float, GraphError, Integer, Linear, LinearKind, Node, Op, QuantizedLinear, Shape, Source,
};
use crate::onnx::build::int;
use crate::onnx::error::NodeFault;
use crate::onnx::importer::{Data, Importer, Value, attribute, int as int_of, row_dims, wrong};
use crate::onnx::proto::NodeProto;
use crate::onnx::tensors::{FloatWriter, IntegerWriter, Tensor};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, LinalgScalar};
use shared::op::{self, Kind};

/// Fully connected.
pub struct Dense;

impl Op<Float> {
    /// A fully connected layer with weights of shape (outputs, inputs).
    pub fn dense(weight: Array2<f32>, bias: Array1<f32>) -> Self {
        Self::Linear(LinearKind::Dense, Linear::new(weight, bias))
    }
}

/// `x W^T + b` for a batch.
pub fn sums<T: LinalgScalar>(
    x: ArrayView2<T>,
    weight: ArrayView2<T>,
    bias: ArrayView1<T>,
) -> Array2<T> {
    // A transposed view of the weights: the product reads them row by row.
    x.dot(&weight.t()) + bias
}

impl LinearOperator for Dense {
    fn name(&self) -> &'static str {
        "dense"
    }

    fn describe(&self) -> String {
        "dense".to_owned()
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
        check_vector(layer, weight_dim, from, to, "values")
    }

    fn products(&self, from: Shape, to: Shape) -> u64 {
        from.len() as u64 * to.len() as u64
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
        let name = node.name.as_str();
        let (outputs, inputs) = linear.weight.dim();
        let flat = format!("{name}:flat");
        let x = writer.emitter.with_dims(node.inputs[0], &[inputs], &flat);
        let weight = writer.constant(node, "weight", &[outputs, inputs], linear.weight.iter());
        let bias = writer.constant(node, "bias", &[outputs], linear.bias.iter());
        let to = writer.named(index, &[outputs], format!("{name}.output"));
        let attributes = vec![int("transB", 1)];
        writer.push("Gemm", name, &[&x, &weight, &bias], &to.name, attributes);
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

    fn lower<'a>(&self, lowering: &Lowering<'a>) -> Result<Kind<'a>, LowerError> {
        Ok(Kind::Dense(op::Dense {
            weights: lowering.weights,
        }))
    }
}

/// Reads Gemm.
///
/// # Errors
/// [`NodeFault`].
pub fn read_gemm(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    let data = importer.operand(node, 0)?;
    if int_of(node, "transA", 0) != 0 {
        let value = "1".to_owned();
        return Err(NodeFault::Attribute {
            name: "transA",
            value,
            expected: "0: each row of the input is a sample",
        });
    }
    let alpha = attribute(node, "alpha").map_or(1.0, |a| a.f);
    let beta = attribute(node, "beta").map_or(1.0, |a| a.f);
    let mut weight = weight(importer, node, int_of(node, "transB", 0) != 0)?;
    if alpha != 1.0 {
        weight *= alpha;
    }
    let outputs = weight.nrows();
    let bias = match node.input.get(2) {
        Some(name) if !name.is_empty() => bias(importer, node, 2, outputs)? * beta,
        _ => Array1::zeros(outputs),
    };
    dense(importer, node, data, weight, bias)
}

/// Reads MatMul: of the one-hot label, it chooses a row of its table.
///
/// # Errors
/// [`NodeFault`].
pub fn read_mat_mul(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    let data = importer.operand(node, 0)?;
    if data.source == Source::Label {
        return super::embedding::read_one_hot(importer, node, &data);
    }
    let weight = weight(importer, node, false)?;
    let bias = Array1::zeros(weight.nrows());
    dense(importer, node, data, weight, bias)
}

/// Input 1 as (outputs, inputs).
fn weight(
    importer: &mut Importer,
    node: &NodeProto,
    transposed: bool,
) -> Result<Array2<f32>, NodeFault> {
    let len = importer.floats(node, 1)?.1.len();
    importer.spend(len)?;
    let (shape, floats) = importer.floats(node, 1)?;
    let &[rows, columns] = shape else {
        return Err(wrong("weight", shape, "two dimensions".to_owned()));
    };
    let stored = crate::onnx::importer::matrix(rows, columns, floats)?;
    // Standard layout, whatever the file has.
    Ok(if transposed {
        stored
    } else {
        stored.t().as_standard_layout().into_owned()
    })
}

/// An input that is added to each output: one value, or one an output.
fn bias(
    importer: &Importer,
    node: &NodeProto,
    index: usize,
    outputs: usize,
) -> Result<Array1<f32>, NodeFault> {
    let (shape, floats) = importer.floats(node, index)?;
    if floats.len() == 1 {
        Ok(Array1::from_elem(outputs, floats[0]))
    } else if floats.len() == outputs && shape.last() == Some(&outputs) {
        Ok(Array1::from_vec(floats.to_vec()))
    } else {
        Err(wrong("bias", shape, format!("{outputs} values")))
    }
}

fn dense(
    importer: &mut Importer,
    node: &NodeProto,
    data: Data,
    weight: Array2<f32>,
    bias: Array1<f32>,
) -> Result<Value, NodeFault> {
    let (outputs, inputs) = weight.dim();
    let dims = row_dims(&data.dims, inputs, outputs)?;
    let op = Op::dense(weight, bias);
    importer.push(node, op, vec![data.source], Shape::vector(outputs), dims)
}
