//! Short ways to make the messages of [`proto`](super::proto).

use super::names;
use super::proto::{
    AttributeProto, AttributeType, Dimension, NodeProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto,
    ValueInfoProto, data_type,
};

/// The version of the standard operators in the files that this program writes.
pub const OPSET: i64 = 17;

/// The version of the file format that belongs to [`OPSET`].
pub const IR_VERSION: i64 = 8;

/// A node of the standard operators.
pub fn node(
    op_type: &str,
    name: &str,
    input: &[&str],
    output: &str,
    attribute: Vec<AttributeProto>,
) -> NodeProto {
    NodeProto {
        input: input.iter().map(|&i| i.to_owned()).collect(),
        output: vec![output.to_owned()],
        name: name.to_owned(),
        op_type: op_type.to_owned(),
        attribute,
        domain: String::new(),
    }
}

/// An integer attribute.
pub fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        i,
        r#type: AttributeType::Int as i32,
        ..Default::default()
    }
}

/// A float attribute.
pub fn float(name: &str, f: f32) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        f,
        r#type: AttributeType::Float as i32,
        ..Default::default()
    }
}

/// A list of integers as an attribute.
pub fn ints(name: &str, values: &[usize]) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        // Kernels, strides and paddings.
        ints: values.iter().map(|&v| v as i64).collect(),
        r#type: AttributeType::Ints as i32,
        ..Default::default()
    }
}

/// A string attribute.
pub fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        s: value.as_bytes().to_vec(),
        r#type: AttributeType::String as i32,
        ..Default::default()
    }
}

fn tensor(name: &str, data_type: i32, dims: &[usize], raw_data: Vec<u8>) -> TensorProto {
    TensorProto {
        // No tensor here is larger than the reader's limit, so dimensions fit.
        dims: dims.iter().map(|&d| d as i64).collect(),
        data_type,
        name: name.to_owned(),
        raw_data,
        ..Default::default()
    }
}

/// A constant of float elements.
pub fn floats<'a>(
    name: &str,
    dims: &[usize],
    data: impl IntoIterator<Item = &'a f32>,
) -> TensorProto {
    let raw = data.into_iter().flat_map(|v| v.to_le_bytes()).collect();
    tensor(name, data_type::FLOAT, dims, raw)
}

/// A constant of int8 elements.
pub fn int8s<'a>(
    name: &str,
    dims: &[usize],
    data: impl IntoIterator<Item = &'a i8>,
) -> TensorProto {
    // The same bits.
    let raw = data.into_iter().map(|&v| v as u8).collect();
    tensor(name, data_type::INT8, dims, raw)
}

/// A constant of int32 elements.
pub fn int32s(name: &str, dims: &[usize], data: &[i32]) -> TensorProto {
    let raw = data.iter().flat_map(|v| v.to_le_bytes()).collect();
    tensor(name, data_type::INT32, dims, raw)
}

/// A constant vector of int64 elements.
pub fn int64s(name: &str, data: &[i64]) -> TensorProto {
    let raw = data.iter().flat_map(|v| v.to_le_bytes()).collect();
    tensor(name, data_type::INT64, &[data.len()], raw)
}

/// An input, output or value of shape (batch, dims...).
pub fn value(name: &str, elem_type: i32, dims: &[usize]) -> ValueInfoProto {
    let batch = Dimension {
        dim_value: None,
        dim_param: Some(names::BATCH.to_owned()),
    };
    let fixed = dims.iter().map(|&d| Dimension {
        dim_value: Some(d as i64),
        dim_param: None,
    });
    let shape = TensorShapeProto {
        dim: std::iter::once(batch).chain(fixed).collect(),
    };
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type,
                shape: Some(shape),
            }),
        }),
    }
}

/// The version of the standard operators.
pub fn opset() -> Vec<OperatorSetIdProto> {
    vec![OperatorSetIdProto {
        domain: String::new(),
        version: OPSET,
    }]
}

/// A line of a file's metadata.
pub fn entry(key: &str, value: impl ToString) -> StringStringEntryProto {
    StringStringEntryProto {
        key: key.to_owned(),
        value: value.to_string(),
    }
}
