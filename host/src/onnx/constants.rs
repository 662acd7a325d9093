//! Values that are known without running the graph: constants, and the shapes that exporters compute.

use super::error::NodeFault;
use super::linear::matrix;
use super::proto::{NodeProto, data_type};
use super::shape;
use super::tensor::{Constant, Elements};
use super::walk::{Data, Value, Walk, attribute, input_name, int, known, wrong};
use crate::network::{Layer, Shape, Source};
use std::sync::Arc;

impl Walk {
    pub(super) fn shape_of(&self, node: &NodeProto) -> Result<Value, NodeFault> {
        let data = self.data(node, 0)?;
        let batch = self.batch.map_or(shape::BATCH, |b| b as i64);
        let all: Vec<i64> = std::iter::once(batch)
            .chain(data.dims.iter().map(|&d| d as i64))
            .collect();
        let rank = all.len() as i64;
        let bound = |name, default| {
            let at = int(node, name, default);
            // Clamped to 0..=rank, so it fits.
            (if at < 0 { at.saturating_add(rank) } else { at }).clamp(0, rank) as usize
        };
        let (start, end) = (bound("start", 0), bound("end", rank));
        Ok(known(Constant::ints(
            all.get(start..end).unwrap_or_default().to_vec(),
        )))
    }

    /// Of a shape: some of its sizes. Of a table with the label as index: an embedding.
    pub(super) fn gather(&mut self, node: &NodeProto) -> Result<Value, NodeFault> {
        if let Value::Data(data) = self.value(node, 1)? {
            let label = data.clone();
            return self.embedding(node, &label);
        }
        let (from, indices) = (self.ints(node, 0)?, self.ints(node, 1)?);
        let pick = |&index: &i64| {
            let index = if index < 0 {
                index.saturating_add(from.len() as i64)
            } else {
                index
            };
            usize::try_from(index)
                .ok()
                .and_then(|i| from.get(i).copied())
        };
        let picked: Option<Vec<i64>> = indices.iter().map(pick).collect();
        let fault = || {
            wrong(
                "indices",
                &indices,
                format!("0 to {}", from.len().saturating_sub(1)),
            )
        };
        Ok(known(Constant::ints(picked.ok_or_else(fault)?)))
    }

    fn embedding(&mut self, node: &NodeProto, label: &Data) -> Result<Value, NodeFault> {
        if !label.index {
            return Err(NodeFault::Place(
                "only a label of whole numbers (int64) may choose from a table",
            ));
        }
        let axis = int(node, "axis", 0);
        let (&[classes, len], _) = self.floats(node, 0)? else {
            let found = self.floats(node, 0)?.0;
            return Err(wrong("table", found, "classes and length".to_owned()));
        };
        if !matches!(axis, 0 | -2) {
            return Err(NodeFault::Attribute {
                name: "axis",
                value: axis.to_string(),
                expected: "0: a row of the table a class",
            });
        }
        self.classes(classes)?;
        self.spend(classes.saturating_mul(len))?;
        let table = matrix(classes, len, self.floats(node, 0)?.1)?;
        let mut dims = label.dims.clone();
        dims.push(len);
        let shape = Shape::vector(len);
        self.push(
            node,
            Layer::Embedding { table },
            vec![Source::Label],
            shape,
            dims,
        )
    }

    /// Of a label that is an index: the one-hot vector that the network is given anyway.
    pub(super) fn one_hot(&mut self, node: &NodeProto) -> Result<Value, NodeFault> {
        let data = self.data(node, 0)?.clone();
        if !data.index {
            return Err(NodeFault::Place(
                "only a label of whole numbers (int64) may become one-hot",
            ));
        }
        let axis = int(node, "axis", -1);
        if axis != -1 && usize::try_from(axis) != Ok(data.dims.len() + 1) {
            return Err(NodeFault::Attribute {
                name: "axis",
                value: axis.to_string(),
                expected: "-1: the classes last",
            });
        }
        let off_and_on = match &self.constant(node, 2)?.elements {
            Elements::Int(values) => *values == [0, 1],
            Elements::Float(values) => *values == [0.0, 1.0],
        };
        if !off_and_on {
            return Err(NodeFault::Place("its values must be 0 and 1"));
        }
        let depth = match &self.constant(node, 1)?.elements {
            Elements::Int(values) => values.first().copied(),
            // Rounded down by ONNX as well; negative and endless depths become none.
            Elements::Float(values) => values.first().map(|&depth| depth as i64),
        };
        let depth = depth
            .and_then(|depth| usize::try_from(depth).ok())
            .unwrap_or(0);
        self.classes(depth)?;
        let mut dims = data.dims;
        dims.push(depth);
        Ok(Value::Data(Data {
            dims,
            index: false,
            ..data
        }))
    }

    /// Learns how many classes an index may choose from.
    fn classes(&mut self, found: usize) -> Result<(), NodeFault> {
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

    pub(super) fn cast(&self, node: &NodeProto) -> Result<Value, NodeFault> {
        let value = self.value(node, 0)?.clone();
        if let Value::Data(data) = &value {
            let to = int(node, "to", 0);
            let is = |code: i32| to == i64::from(code);
            let whole = is(data_type::INT64) || is(data_type::INT32);
            let real = is(data_type::FLOAT) || is(data_type::FLOAT16) || is(data_type::DOUBLE);
            if data.index && !whole {
                return Err(NodeFault::Index(input_name(node, 0)));
            }
            // A one-hot vector of integers is the same in the network.
            let one_hot = whole && data.source == Source::Label;
            if !(data.index || real || one_hot) {
                return Err(NodeFault::Attribute {
                    name: "to",
                    value: data_type::name(i32::try_from(to).unwrap_or(0)).to_owned(),
                    expected: "float, float16 or double: a network computes with real numbers",
                });
            }
        }
        Ok(value)
    }

    pub(super) fn transpose(&mut self, node: &NodeProto) -> Result<Value, NodeFault> {
        let len = self.floats(node, 0)?.1.len();
        self.spend(len)?;
        let (shape, floats) = self.floats(node, 0)?;
        let &[rows, columns] = shape else {
            return Err(wrong("input", shape, "two dimensions".to_owned()));
        };
        let elements = matrix(rows, columns, floats)?.t().iter().copied().collect();
        Ok(known(Constant {
            shape: vec![columns, rows],
            elements: Elements::Float(elements),
        }))
    }

    /// Concat of shapes that the graph computes.
    pub(super) fn concat_constants(&self, node: &NodeProto) -> Result<Value, NodeFault> {
        let mut all = Vec::new();
        for index in 0..node.input.len().min(8) {
            all.extend(self.ints(node, index)?);
        }
        Ok(Value::Constant(Arc::new(Constant::ints(all))))
    }
}

/// What a Constant node holds.
pub(super) fn of_node(node: &NodeProto) -> Result<Constant, NodeFault> {
    if let Some(tensor) = attribute(node, "value").and_then(|a| a.t.as_ref()) {
        return Constant::decode(tensor)
            .map_err(|fault| wrong("value", fault.to_string(), "a usable constant".to_owned()));
    }
    if let Some(value) = attribute(node, "value_int") {
        return Ok(Constant {
            shape: vec![],
            elements: Elements::Int(vec![value.i]),
        });
    }
    if let Some(value) = attribute(node, "value_ints") {
        return Ok(Constant::ints(value.ints.clone()));
    }
    let floats = match (
        attribute(node, "value_float"),
        attribute(node, "value_floats"),
    ) {
        (Some(value), _) => vec![value.f],
        (None, Some(value)) => value.floats.clone(),
        (None, None) => {
            return Err(NodeFault::Place(
                "its value must be a tensor, integers or floats",
            ));
        }
    };
    if floats.iter().any(|v| !v.is_finite()) {
        return Err(NodeFault::Place("its value is not finite"));
    }
    Ok(Constant {
        shape: vec![floats.len()],
        elements: Elements::Float(floats),
    })
}
