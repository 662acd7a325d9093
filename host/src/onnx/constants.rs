//! Values that are known without running the graph: constants, and the shapes that exporters
//! compute.

use super::error::NodeFault;
use super::importer::{
    Data, Importer, Reader, Value, attribute, input_name, int, known, matrix, wrong,
};
use super::proto::{NodeProto, data_type};
use super::shape;
use super::tensor::{Constant, Elements};
use crate::graph::Source;
use std::sync::Arc;

/// The operators of ONNX that become no operation, and who reads each.
pub const READERS: &[(&str, Reader)] = &[
    ("Cast", cast),
    ("Constant", constant),
    ("Identity", identity),
    ("OneHot", one_hot),
    ("Shape", shape_of),
];

fn constant(_: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    of_node(node).map(known)
}

fn identity(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    importer.value(node, 0).cloned()
}

fn shape_of(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    let data = importer.data(node, 0)?;
    let batch = importer.batch.map_or(shape::BATCH, |b| b as i64);
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

/// Reads Gather of a shape: some of its sizes.
///
/// # Errors
/// [`NodeFault`].
pub fn gather(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    let (from, indices) = (importer.ints(node, 0)?, importer.ints(node, 1)?);
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

/// Reads OneHot of a label that is an index: the one-hot vector that the network is given anyway.
fn one_hot(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    let data = importer.data(node, 0)?.clone();
    if !data.index || data.source != Source::Label {
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
    let off_and_on = match &importer.constant(node, 2)?.elements {
        Elements::Int(values) => *values == [0, 1],
        Elements::Float(values) => *values == [0.0, 1.0],
    };
    if !off_and_on {
        return Err(NodeFault::Place("its values must be 0 and 1"));
    }
    let depth = match &importer.constant(node, 1)?.elements {
        Elements::Int(values) => values.first().copied(),
        // Rounded down by ONNX as well; negative and endless depths become none.
        Elements::Float(values) => values.first().map(|&depth| depth as i64),
    };
    let depth = depth
        .and_then(|depth| usize::try_from(depth).ok())
        .unwrap_or(0);
    importer.classes(depth)?;
    let mut dims = data.dims;
    dims.push(depth);
    Ok(Value::Data(Data {
        dims,
        index: false,
        ..data
    }))
}

fn cast(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    let mut value = importer.value(node, 0)?.clone();
    if let Value::Data(data) = &mut value {
        let to = int(node, "to", 0);
        let is = |code: i32| to == i64::from(code);
        let whole = is(data_type::INT64) || is(data_type::INT32);
        let real = is(data_type::FLOAT) || is(data_type::FLOAT16) || is(data_type::DOUBLE);
        if importer.is_argmax(data.source) {
            // Whole numbers, whatever they are called.
            data.index = !real;
            return match whole || real {
                true => Ok(value),
                false => Err(NodeFault::Index(input_name(node, 0))),
            };
        }
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

/// Reads Transpose of a constant.
///
/// # Errors
/// [`NodeFault`].
pub fn transpose(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    let len = importer.floats(node, 0)?.1.len();
    importer.spend(len)?;
    let (shape, floats) = importer.floats(node, 0)?;
    let &[rows, columns] = shape else {
        return Err(wrong("input", shape, "two dimensions".to_owned()));
    };
    let elements = matrix(rows, columns, floats)?.t().iter().copied().collect();
    Ok(known(Constant {
        shape: vec![columns, rows],
        elements: Elements::Float(elements),
    }))
}

/// Reads Concat of shapes that the graph computes.
///
/// # Errors
/// [`NodeFault`].
pub fn concat(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    let mut all = Vec::new();
    for index in 0..node.input.len().min(8) {
        all.extend(importer.ints(node, index)?);
    }
    Ok(Value::Constant(Arc::new(Constant::ints(all))))
}

/// What a Constant node holds.
fn of_node(node: &NodeProto) -> Result<Constant, NodeFault> {
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
