//! The nodes that compute with weights: Gemm, MatMul with its Add, BatchNormalization.

use super::error::NodeFault;
use super::proto::NodeProto;
use super::shape;
use super::walk::{Source, Value, Walk, attribute, int, matrix, wrong};
use crate::network::{BatchNorm, Dense, Layer};
use ndarray::{Array1, Array2};

impl Walk {
    pub(super) fn gemm(&mut self, node: &NodeProto) -> Result<Value, NodeFault> {
        let shape = self.head(node, 0)?;
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
        self.dense(node, &shape, weight, bias)
    }

    pub(super) fn mat_mul(&mut self, node: &NodeProto) -> Result<Value, NodeFault> {
        let shape = self.head(node, 0)?;
        let weight = self.weight(node, false)?;
        let bias = Array1::zeros(weight.nrows());
        self.dense(node, &shape, weight, bias)
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
        shape: &[usize],
        weight: Array2<f32>,
        bias: Array1<f32>,
    ) -> Result<Value, NodeFault> {
        let (outputs, inputs) = weight.dim();
        if shape.last() != Some(&inputs) || shape::len(shape) != inputs {
            return Err(wrong(
                "input",
                shape,
                format!("{inputs} values a sample, as its weight has"),
            ));
        }
        let mut result = shape.to_vec();
        if let Some(last) = result.last_mut() {
            *last = outputs;
        }
        let name = self.layer_name(node);
        Ok(self.push(name, Layer::Dense(Dense { weight, bias }), result))
    }

    pub(super) fn add(&mut self, node: &NodeProto) -> Result<Value, NodeFault> {
        let data_first = matches!(self.value(node, 0)?, Value::Data { .. });
        let (data, constant) = if data_first { (0, 1) } else { (1, 0) };
        let shape = self.head(node, data)?;
        let Some((_, Layer::Dense(dense))) = self.layers.last() else {
            return Err(NodeFault::Place(
                "only a bias right behind MatMul or Gemm may be added",
            ));
        };
        let sum = &dense.bias + &self.bias(node, constant, dense.bias.len())?;
        if let Some((_, Layer::Dense(dense))) = self.layers.last_mut() {
            dense.bias = sum;
        }
        Ok(Value::Data {
            source: Source::Layers(self.layers.len()),
            shape,
        })
    }

    pub(super) fn batch_norm(&mut self, node: &NodeProto) -> Result<Value, NodeFault> {
        let shape = self.head(node, 0)?;
        if int(node, "training_mode", 0) != 0 {
            let value = "1".to_owned();
            return Err(NodeFault::Attribute {
                name: "training_mode",
                value,
                expected: "0: export in evaluation mode",
            });
        }
        let channels = shape.first().copied().unwrap_or(0);
        if shape::len(&shape) != channels {
            return Err(wrong("input", &shape, "one value a channel".to_owned()));
        }
        let parameter = |index| match self.floats(node, index)? {
            (_, floats) if floats.len() == channels => Ok(Array1::from_vec(floats.to_vec())),
            (found, _) => Err(wrong("parameter", found, format!("{channels} values"))),
        };
        let (scale, bias, mean, variance) =
            (parameter(1)?, parameter(2)?, parameter(3)?, parameter(4)?);
        let epsilon = attribute(node, "epsilon").map_or(1e-5, |a| a.f);
        let name = self.layer_name(node);
        Ok(self.push(
            name,
            Layer::BatchNorm(BatchNorm {
                scale,
                bias,
                mean,
                variance,
                epsilon,
            }),
            shape,
        ))
    }
}
