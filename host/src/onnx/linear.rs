//! The nodes that compute with weights and no window: Gemm, MatMul with its Add, BatchNormalization.

use super::error::NodeFault;
use super::proto::NodeProto;
use super::shape;
use super::walk::{Data, Value, Walk, attribute, canonical, int, wrong};
use crate::network::{BatchNorm, Dense, Layer, Shape, Source};
use ndarray::{Array1, Array2};

impl Walk {
    pub(super) fn gemm(&mut self, node: &NodeProto) -> Result<Value, NodeFault> {
        let data = self.operand(node, 0)?;
        if int(node, "transA", 0) != 0 {
            let value = "1".to_owned();
            return Err(NodeFault::Attribute {
                name: "transA",
                value,
                expected: "0: each row of the input is a sample",
            });
        }
        let alpha = attribute(node, "alpha").map_or(1.0, |a| a.f);
        let beta = attribute(node, "beta").map_or(1.0, |a| a.f);
        let mut weight = self.weight(node, int(node, "transB", 0) != 0)?;
        if alpha != 1.0 {
            weight *= alpha;
        }
        let outputs = weight.nrows();
        let bias = match node.input.get(2) {
            Some(name) if !name.is_empty() => self.bias(node, 2, outputs)? * beta,
            _ => Array1::zeros(outputs),
        };
        self.dense(node, data, weight, bias)
    }

    /// Of the one-hot label, a MatMul chooses a row of its table.
    pub(super) fn mat_mul(&mut self, node: &NodeProto) -> Result<Value, NodeFault> {
        let data = self.operand(node, 0)?;
        if data.source != Source::Label {
            let weight = self.weight(node, false)?;
            let bias = Array1::zeros(weight.nrows());
            return self.dense(node, data, weight, bias);
        }
        let (shape, floats) = self.floats(node, 1)?;
        let (&[classes, len], count) = (shape, floats.len()) else {
            return Err(wrong("table", shape, "two dimensions".to_owned()));
        };
        self.spend(count)?;
        let table = matrix(classes, len, self.floats(node, 1)?.1)?;
        let dims = row_dims(&data.dims, classes, len)?;
        let inputs = vec![data.source];
        let shape = Shape::vector(len);
        self.push(node, Layer::Embedding { table }, inputs, shape, dims)
    }

    /// Input 1 as (outputs, inputs).
    fn weight(&mut self, node: &NodeProto, transposed: bool) -> Result<Array2<f32>, NodeFault> {
        let len = self.floats(node, 1)?.1.len();
        self.spend(len)?;
        let (shape, floats) = self.floats(node, 1)?;
        let &[rows, columns] = shape else {
            return Err(wrong("weight", shape, "two dimensions".to_owned()));
        };
        let stored = matrix(rows, columns, floats)?;
        // Standard layout, whatever the file has.
        Ok(if transposed {
            stored
        } else {
            stored.t().as_standard_layout().into_owned()
        })
    }

    /// An input that is added to each output: one value, or one an output.
    fn bias(
        &self,
        node: &NodeProto,
        index: usize,
        outputs: usize,
    ) -> Result<Array1<f32>, NodeFault> {
        let (shape, floats) = self.floats(node, index)?;
        if floats.len() == 1 {
            Ok(Array1::from_elem(outputs, floats[0]))
        } else if floats.len() == outputs && shape.last() == Some(&outputs) {
            Ok(Array1::from_vec(floats.to_vec()))
        } else {
            Err(wrong("bias", shape, format!("{outputs} values")))
        }
    }

    fn dense(
        &mut self,
        node: &NodeProto,
        data: Data,
        weight: Array2<f32>,
        bias: Array1<f32>,
    ) -> Result<Value, NodeFault> {
        let (outputs, inputs) = weight.dim();
        let dims = row_dims(&data.dims, inputs, outputs)?;
        let layer = Layer::Dense(Dense { weight, bias });
        self.push(node, layer, vec![data.source], Shape::vector(outputs), dims)
    }

    /// A bias: taken into the layer before where nobody else reads that, else a layer of its own.
    pub(super) fn add(&mut self, node: &NodeProto) -> Result<Value, NodeFault> {
        let data_first = matches!(self.value(node, 0)?, Value::Data(_));
        let (data, constant) = if data_first { (0, 1) } else { (1, 0) };
        if matches!(self.value(node, constant)?, Value::Data(_)) {
            return Err(NodeFault::Place(
                "sums of two computed values (residual connections) are not supported; only a constant may be added",
            ));
        }
        let data = self.operand(node, data)?;
        let shape = canonical(&data.dims).unwrap_or(self.source_shape(data.source));
        let bias = self.summand(node, constant, &data.dims, shape)?;
        let whole = self.source_shape(data.source) == shape;
        let own = match data.source {
            Source::Node(index) if whole && !data.shared => self.nodes.get_mut(index),
            _ => None,
        };
        match own.map(|own| &mut own.layer) {
            Some(Layer::Dense(dense)) => dense.bias = &dense.bias + &bias,
            Some(Layer::Conv(conv)) => conv.bias = &conv.bias + &bias,
            Some(Layer::ConvTranspose(conv)) => conv.bias = &conv.bias + &bias,
            Some(layer) => match layer {
                // With a bias it is no table any more.
                Layer::Embedding { table } => {
                    let weight = table.t().as_standard_layout().into_owned();
                    *layer = Layer::Dense(Dense { weight, bias });
                }
                _ => return self.shift(node, &data, shape, bias),
            },
            None => return self.shift(node, &data, shape, bias),
        }
        Ok(Value::Data(data))
    }

    /// What Add adds to each channel of a value of these dimensions.
    fn summand(
        &mut self,
        node: &NodeProto,
        index: usize,
        dims: &[usize],
        shape: Shape,
    ) -> Result<Array1<f32>, NodeFault> {
        self.spend(shape.channels)?;
        let (found, floats) = self.floats(node, index)?;
        if floats.len() == 1 {
            return Ok(Array1::from_elem(shape.channels, floats[0]));
        }
        // ONNX aligns shapes at their ends: of (channels, rows, columns) only the channels may differ from 1.
        let behind: usize = if dims.len() == 3 { 2 } else { 0 };
        let channel_axis = found.len().checked_sub(behind + 1);
        let fits = shape.channels == floats.len()
            && channel_axis.is_some_and(|axis| found.get(axis) == Some(&shape.channels));
        if fits {
            Ok(Array1::from_vec(floats.to_vec()))
        } else {
            let expected = format!("{} values, one a channel", shape.channels);
            Err(wrong("bias", found, expected))
        }
    }

    fn shift(
        &mut self,
        node: &NodeProto,
        data: &Data,
        shape: Shape,
        bias: Array1<f32>,
    ) -> Result<Value, NodeFault> {
        let source = self.shaped(data, shape)?;
        // (x - 0) * 1 / sqrt(1) + bias, exactly.
        let layer = Layer::BatchNorm(BatchNorm {
            scale: Array1::ones(bias.len()),
            mean: Array1::zeros(bias.len()),
            variance: Array1::ones(bias.len()),
            bias,
            epsilon: 0.0,
        });
        self.push(node, layer, vec![source], shape, data.dims.clone())
    }

    pub(super) fn batch_norm(&mut self, node: &NodeProto) -> Result<Value, NodeFault> {
        let data = self.operand(node, 0)?;
        if int(node, "training_mode", 0) != 0 {
            let value = "1".to_owned();
            return Err(NodeFault::Attribute {
                name: "training_mode",
                value,
                expected: "0: export in evaluation mode",
            });
        }
        let shape = match data.dims[..] {
            [channels, len] => Some(Shape {
                channels,
                height: len,
                width: 1,
            }),
            _ => canonical(&data.dims),
        };
        let shape = shape.ok_or_else(|| {
            let expected = "(N, channels) with at most two more dimensions".to_owned();
            wrong("input", &data.dims, expected)
        })?;
        let channels = shape.channels;
        self.spend(channels.saturating_mul(4))?;
        let parameter = |index| match self.floats(node, index)? {
            (_, floats) if floats.len() == channels => Ok(Array1::from_vec(floats.to_vec())),
            (found, _) => Err(wrong("parameter", found, format!("{channels} values"))),
        };
        let layer = Layer::BatchNorm(BatchNorm {
            scale: parameter(1)?,
            bias: parameter(2)?,
            mean: parameter(3)?,
            variance: parameter(4)?,
            epsilon: attribute(node, "epsilon").map_or(1e-5, |a| a.f),
        });
        let source = self.shaped(&data, shape)?;
        self.push(node, layer, vec![source], shape, data.dims)
    }
}

/// Dimensions behind a matrix: the last one changes, and it holds all there is.
fn row_dims(dims: &[usize], inputs: usize, outputs: usize) -> Result<Vec<usize>, NodeFault> {
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
