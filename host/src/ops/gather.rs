//! A row of a table by a computed number: Gather.
//!
//! The number is that of an argmax of at most as many channels as the table has rows, so none lies
//! past its end.

use super::argmax::MAX_CHANNELS;
use super::lower::{LowerError, Lowering, u16_of};
use super::{LinearOperator, embedding};
use crate::graph::{
    Bits, Float, GraphError, Integer, Linear, LinearKind, Node, Op, QuantizedLinear, Shape, Source,
};
use crate::onnx::build::{int, int8s};
use crate::onnx::constants;
use crate::onnx::error::NodeFault;
use crate::onnx::importer::{Importer, Value, int as int_of, matrix, wrong};
use crate::onnx::proto::{NodeProto, data_type};
use crate::onnx::tensors::{Emitter, FloatWriter, IntegerWriter, Tensor, output_name};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, LinalgScalar};
use shared::arithmetic::Activation;
use shared::op::{self, Kind};

/// A row of a table by a computed number.
pub struct Gather {
    /// Rows of the table.
    pub rows: usize,
}

impl Op<Float> {
    /// A row of a table of shape (rows, length) by a computed number.
    pub fn gather(table: &Array2<f32>) -> Self {
        let weight = table.t().as_standard_layout().into_owned();
        let kind = LinearKind::Gather {
            rows: table.nrows(),
        };
        let bias = Array1::zeros(table.ncols());
        Self::Linear(kind, Linear::new(weight, bias))
    }
}

/// The output for a batch: the column of each number, the last one for numbers past it, and the
/// bias.
pub fn sums<T: LinalgScalar + PartialOrd>(
    x: ArrayView2<T>,
    weight: ArrayView2<T>,
    bias: ArrayView1<T>,
) -> Array2<T> {
    let column = |number: T| {
        let mut next = T::one();
        for column in 1..weight.ncols() {
            if number < next {
                return column - 1;
            }
            next = next + T::one();
        }
        weight.ncols().saturating_sub(1)
    };
    let columns: Vec<usize> = x.rows().into_iter().map(|row| column(row[0])).collect();
    Array2::from_shape_fn((x.nrows(), weight.nrows()), |(sample, output)| {
        weight[(output, columns[sample])] + bias[output]
    })
}

/// A table in integers at its output's exponent.
pub fn quantized(linear: &Linear<f64>, bits: Bits, exponent: i32) -> QuantizedLinear {
    let (low, high) = bits.range();
    let inverse = 2f64.powi(-exponent);
    let (outputs, rows) = linear.weight.dim();
    let weights = Array2::from_shape_fn((outputs, rows), |(output, row)| {
        let entry = (linear.weight[(output, row)] + linear.bias[output]) * inverse;
        // Clamped to the width's range; an entry that is no number becomes 0.
        entry
            .round_ties_even()
            .clamp(f64::from(low), f64::from(high)) as i8
    });
    // The caller has the exponent as a byte in the node's note, or refuses it.
    let exponent = exponent.clamp(i32::from(i8::MIN), i32::from(i8::MAX)) as i8;
    QuantizedLinear {
        bits,
        weights,
        weight_exponents: vec![exponent; outputs],
        bias: vec![0; outputs],
        shifts: vec![0; outputs],
        activation: Activation::None,
    }
}

/// Appends the number as an index without dimensions but the batch, and gives its name.
fn index(emitter: &mut Emitter, source: Source, name: &str) -> String {
    let from = emitter.source(source);
    let (whole, flat) = (format!("{name}:whole"), format!("{name}:index"));
    let to = vec![int("to", i64::from(data_type::INT64))];
    emitter.push("Cast", &whole, &[&from.name], &whole, to);
    let tensor = Tensor::new(&flat, &[]);
    emitter.reshape(&whole, &tensor, &flat, &format!("{flat}:shape"));
    flat
}

impl LinearOperator for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn describe(&self) -> String {
        format!("gather of {} rows", self.rows)
    }

    fn weight_dim(&self, _: Shape, to: Shape) -> (usize, usize) {
        (to.len(), self.rows)
    }

    fn check(
        &self,
        layer: &str,
        weight_dim: (usize, usize),
        from: Shape,
        to: Shape,
    ) -> Result<(), GraphError> {
        let (outputs, columns) = weight_dim;
        if from.len() != 1 || columns != self.rows || !(1..=MAX_CHANNELS).contains(&columns) {
            return Err(GraphError::Shape {
                layer: layer.to_owned(),
                expected: format!("one number of a row, of 1 to {MAX_CHANNELS}"),
                found: from,
            });
        }
        super::check::gives(layer, Shape::vector(outputs), to)
    }

    fn products(&self, _: Shape, to: Shape) -> u64 {
        to.len() as u64
    }

    fn oracle(&self, linear: &QuantizedLinear, x: &[i8], _: Shape, _: Shape) -> Vec<i64> {
        // A number is never negative.
        let row = usize::from(x[0].unsigned_abs()).min(self.rows - 1);
        let mut y = Vec::new();
        for output in linear.weights.rows() {
            y.push(i64::from(output[row]));
        }
        y
    }

    fn write(
        &self,
        writer: &mut FloatWriter<'_>,
        index_of: usize,
        node: &Node<Float>,
        linear: &Linear<f32>,
    ) -> Tensor {
        let name = node.name.as_str();
        let index = index(&mut writer.emitter, node.inputs[0], name);
        let (len, rows) = linear.weight.dim();
        let table = Array2::from_shape_fn((rows, len), |(row, output)| {
            linear.weight[(output, row)] + linear.bias[output]
        });
        let table = writer.constant(node, "table", &[rows, len], table.iter());
        let to = writer.named(index_of, &[len], format!("{name}.output"));
        let axis = vec![int("axis", 0)];
        writer.push("Gather", name, &[&table, &index], &to.name, axis);
        to
    }

    fn write_integer(
        &self,
        writer: &mut IntegerWriter<'_>,
        node: &Node<Integer>,
        linear: &QuantizedLinear,
    ) -> Vec<usize> {
        let name = node.name.as_str();
        let index = index(&mut writer.emitter, node.inputs[0], name);
        let (table, (len, rows)) = (format!("{name}.table"), linear.weights.dim());
        let entries = linear.weights.t();
        writer.constant(int8s(&table, &[rows, len], entries.iter()));
        let axis = vec![int("axis", 0)];
        writer.push("Gather", name, &[&table, &index], &output_name(name), axis);
        vec![len]
    }

    /// Row by row.
    fn device_rows(&self, weights: ArrayView2<i8>) -> Array2<i8> {
        weights.t().to_owned()
    }

    fn lower<'a>(&self, lowering: &Lowering<'a>) -> Result<Kind<'a>, LowerError> {
        Ok(Kind::Gather(op::Gather {
            count: u16_of("a number of rows", self.rows)?,
            rows: lowering.weights.values,
        }))
    }
}

/// Reads Gather: of a table with a label as index an embedding, with an argmax as index a row, of a
/// shape some of its sizes.
///
/// # Errors
/// [`NodeFault`].
pub fn read(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    let number = match importer.value(node, 1)? {
        Value::Data(data) => data.clone(),
        Value::Constant(_) => return constants::gather(importer, node),
    };
    if !importer.is_argmax(number.source) {
        return embedding::read_gather(importer, node, &number);
    }
    if importer.source_shape(number.source).len() != 1 || !number.index {
        return Err(NodeFault::Place(
            "only one whole number (int64) may choose from a table",
        ));
    }
    let (&[rows, len], _) = importer.floats(node, 0)? else {
        let found = importer.floats(node, 0)?.0;
        return Err(wrong("table", found, "rows and length".to_owned()));
    };
    let axis = int_of(node, "axis", 0);
    if !matches!(axis, 0 | -2) {
        return Err(embedding::wrong_axis(axis));
    }
    importer.spend(rows.saturating_mul(len))?;
    let table = matrix(rows, len, importer.floats(node, 0)?.1)?;
    let mut dims = number.dims;
    dims.push(len);
    let (op, shape) = (Op::gather(&table), Shape::vector(len));
    importer.push(node, op, vec![number.source], shape, dims)
}
