//! Batch normalisation: BatchNormalization, and Add of a constant that no layer takes in.

use crate::graph::{BatchNorm, Float, GraphError, LinearKind, Node, Op, Shape, Source};
use crate::onnx::build::float;
use crate::onnx::error::NodeFault;
use crate::onnx::importer::{Data, Importer, Value, attribute, canonical, int, wrong};
use crate::onnx::proto::NodeProto;
use crate::onnx::tensors::{FloatWriter, Tensor};
use ndarray::{Array1, Array2, ArrayView2};

/// A batch, normalised.
pub fn run(norm: &BatchNorm, x: ArrayView2<f32>, shape: Shape) -> Array2<f32> {
    let factor = &norm.scale / &norm.variance.mapv(|v| (v + norm.epsilon).sqrt());
    let mut y = x.to_owned();
    for (element, mut column) in y.columns_mut().into_iter().enumerate() {
        let channel = shape.channel(element);
        let (mean, factor, bias) = (norm.mean[channel], factor[channel], norm.bias[channel]);
        column.mapv_inplace(|v| (v - mean) * factor + bias);
    }
    y
}

/// Checks the parameters against the shape that is normalised.
///
/// # Errors
/// [`GraphError`] names the layer.
pub fn check(name: &str, norm: &BatchNorm, from: Shape) -> Result<(), GraphError> {
    let channels = norm.scale.len();
    if channels != from.channels {
        return Err(GraphError::Shape {
            layer: name.to_owned(),
            expected: format!("{channels} channels"),
            found: from,
        });
    }
    for (what, parameter) in [
        ("a scale", &norm.scale),
        ("a bias", &norm.bias),
        ("a mean", &norm.mean),
        ("a variance", &norm.variance),
    ] {
        super::parameter::check(name, what, channels, parameter)?;
    }
    let guarded = norm.variance.iter().map(|v| v + norm.epsilon);
    match guarded.into_iter().find(|v| v.is_nan() || *v <= 0.0) {
        None => Ok(()),
        Some(value) => Err(GraphError::NotFinite {
            layer: name.to_owned(),
            parameter: "a variance plus epsilon",
            value: value.to_string(),
        }),
    }
}

/// Appends the node to a float ONNX graph and gives its output.
pub fn write(
    writer: &mut FloatWriter<'_>,
    index: usize,
    node: &Node<Float>,
    norm: &BatchNorm,
) -> Tensor {
    let from = writer.emitter.source(node.inputs[0]);
    let mut inputs = vec![from.name];
    for (what, parameter) in [
        ("scale", &norm.scale),
        ("bias", &norm.bias),
        ("mean", &norm.mean),
        ("variance", &norm.variance),
    ] {
        inputs.push(writer.constant(node, what, &[parameter.len()], parameter.iter()));
    }
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let to = writer.named(index, &from.dims, format!("{}.output", node.name));
    let attributes = vec![float("epsilon", norm.epsilon)];
    writer.push(
        "BatchNormalization",
        &node.name,
        &inputs,
        &to.name,
        attributes,
    );
    to
}

/// Reads BatchNormalization.
///
/// # Errors
/// [`NodeFault`].
pub fn read(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    let data = importer.operand(node, 0)?;
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
    importer.spend(channels.saturating_mul(4))?;
    let parameter = |index| match importer.floats(node, index)? {
        (_, floats) if floats.len() == channels => Ok(Array1::from_vec(floats.to_vec())),
        (found, _) => Err(wrong("parameter", found, format!("{channels} values"))),
    };
    let norm = BatchNorm {
        scale: parameter(1)?,
        bias: parameter(2)?,
        mean: parameter(3)?,
        variance: parameter(4)?,
        epsilon: attribute(node, "epsilon").map_or(1e-5, |a| a.f),
    };
    let source = importer.shaped(&data, shape)?;
    importer.push(node, Op::Norm(norm), vec![source], shape, data.dims)
}

/// Reads Add of a constant: taken into the layer before where nobody else reads that, else a layer
/// of its own.
///
/// # Errors
/// [`NodeFault`].
pub fn read_add(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    let data_first = matches!(importer.value(node, 0)?, Value::Data(_));
    let (data, constant) = if data_first { (0, 1) } else { (1, 0) };
    let data = importer.operand(node, data)?;
    let shape = canonical(&data.dims).unwrap_or(importer.source_shape(data.source));
    let bias = summand(importer, node, constant, &data.dims, shape)?;
    let whole = importer.source_shape(data.source) == shape;
    let own = match data.source {
        Source::Node(index) if whole && !data.shared => importer.nodes.get_mut(index),
        _ => None,
    };
    match own.map(|own| &mut own.op) {
        Some(Op::Linear(kind, linear)) => {
            linear.bias = &linear.bias + &bias;
            if *kind == LinearKind::Embedding {
                // With a bias it is no table any more.
                *kind = LinearKind::Dense;
            }
            Ok(Value::Data(data))
        }
        _ => shift(importer, node, &data, shape, bias),
    }
}

/// What Add adds to each channel of a value of these dimensions.
fn summand(
    importer: &mut Importer,
    node: &NodeProto,
    index: usize,
    dims: &[usize],
    shape: Shape,
) -> Result<Array1<f32>, NodeFault> {
    importer.spend(shape.channels)?;
    let (found, floats) = importer.floats(node, index)?;
    if floats.len() == 1 {
        return Ok(Array1::from_elem(shape.channels, floats[0]));
    }
    // ONNX aligns shapes at their ends: of (channels, rows, columns) only the channels may differ
    // from 1.
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
    importer: &mut Importer,
    node: &NodeProto,
    data: &Data,
    shape: Shape,
    bias: Array1<f32>,
) -> Result<Value, NodeFault> {
    let source = importer.shaped(data, shape)?;
    // (x - 0) * 1 / sqrt(1) + bias, exactly.
    let norm = BatchNorm {
        scale: Array1::ones(bias.len()),
        mean: Array1::zeros(bias.len()),
        variance: Array1::ones(bias.len()),
        bias,
        epsilon: 0.0,
    };
    importer.push(node, Op::Norm(norm), vec![source], shape, data.dims.clone())
}
