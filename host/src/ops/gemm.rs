//! What a dense layer and an embedding have in common: rows of weights times a vector.

use crate::graph::{GraphError, Integer, Node, QuantizedLinear, Shape};
use crate::onnx::build::int;
use crate::onnx::tensors::IntegerWriter;

/// Rows times a vector, in 64-bit integers.
pub fn products(linear: &QuantizedLinear, x: &[i8]) -> Vec<i64> {
    let mut sums = Vec::new();
    for (output, row) in linear.weights.rows().into_iter().enumerate() {
        let mut accumulator = i64::from(linear.bias[output]);
        for (&w, &x) in row.iter().zip(x) {
            accumulator += i64::from(w) * i64::from(x);
        }
        sums.push(accumulator);
    }
    sums
}

/// Gemm of the integers, of a dense layer or of an embedding.
pub fn write_gemm(
    writer: &mut IntegerWriter<'_>,
    node: &Node<Integer>,
    linear: &QuantizedLinear,
) -> Vec<usize> {
    let (outputs, inputs) = linear.weights.dim();
    let flat = format!("{}:flat", node.name);
    let x = writer.emitter.with_dims(node.inputs[0], &[inputs], &flat);
    let gemm = ("Gemm", vec![int("transB", 1)]);
    writer.linear(
        node,
        linear,
        &x,
        (&[outputs, inputs], linear.weights.iter().copied().collect()),
        0,
        gemm,
    );
    vec![outputs]
}

/// Checks a vector of outputs.
pub fn check_vector(
    layer: &str,
    (rows, columns): (usize, usize),
    from: Shape,
    to: Shape,
    unit: &str,
) -> Result<(), GraphError> {
    if columns != from.len() {
        return Err(GraphError::Shape {
            layer: layer.to_owned(),
            expected: format!("{columns} {unit}"),
            found: from,
        });
    }
    super::check::gives(layer, Shape::vector(rows), to)
}
