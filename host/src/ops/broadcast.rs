//! What sums and products of tensors have in common: an input has the output's shape, or is a
//! vector with one element a channel, which counts for each pixel.

use crate::graph::{Float, GraphError, Integer, Node, Op, Shape, Source};
use crate::onnx::error::NodeFault;
use crate::onnx::importer::{Importer, Value, wrong};
use crate::onnx::proto::NodeProto;
use crate::onnx::tensors::IntegerWriter;
use crate::onnx::turn;

/// The shape of the output: that of an input which is no vector, or of all.
pub fn output(inputs: &[Shape]) -> Option<Shape> {
    let picture = inputs.iter().find(|shape| !shape.is_vector());
    picture.or(inputs.first()).copied()
}

/// Checks inputs and output.
///
/// # Errors
/// [`GraphError`] names the layer.
pub fn check(layer: &str, inputs: &[Shape], to: Shape) -> Result<(), GraphError> {
    let Some(given) = output(inputs) else {
        return Ok(());
    };
    let fits = |shape: &&Shape| **shape == given || **shape == Shape::vector(given.channels);
    if let Some(other) = inputs.iter().find(|shape| !fits(shape)) {
        return Err(GraphError::Shape {
            layer: layer.to_owned(),
            expected: format!("{given}, or one value for each of its channels"),
            found: *other,
        });
    }
    super::check::gives(layer, given, to)
}

/// The element of an input that counts at an element of the output.
pub const fn element(from: Shape, to: Shape, at: usize) -> usize {
    if from.is_vector() { to.channel(at) } else { at }
}

/// Reads a sum or a product of computed values.
///
/// # Errors
/// [`NodeFault`].
pub fn read(importer: &mut Importer, node: &NodeProto, op: Op<Float>) -> Result<Value, NodeFault> {
    let mut values = Vec::with_capacity(node.input.len());
    for index in 0..node.input.len() {
        values.push(importer.turned(node, index)?);
    }
    let alike = values
        .windows(2)
        .all(|pair| pair[0].turned == pair[1].turned);
    let mut parts = Vec::with_capacity(node.input.len());
    for data in values {
        let data = match alike {
            true => data,
            false => turn::straight(importer, data)?,
        };
        let (source, sides) = turn::sided(importer, &data)?;
        parts.push((source, data.dims, sides));
    }
    let inputs: Vec<Source> = parts.iter().map(|(source, ..)| *source).collect();
    let shapes: Vec<Shape> = inputs.iter().map(|&s| importer.source_shape(s)).collect();
    let Some(to) = output(&shapes) else {
        return Err(NodeFault::Missing(0));
    };
    let whole = shapes.iter().position(|shape| *shape == to).unwrap_or(0);
    let (_, dims, sides) = parts[whole].clone();
    for ((_, other, other_sides), shape) in parts.iter().zip(&shapes) {
        // ONNX aligns dimensions at their ends, and here all have as many.
        let same = *shape == to && *other == dims && *other_sides == sides;
        let channels = |(at, &dim): (usize, &usize)| match sides.get(at) {
            Some(0) => dim == to.channels,
            _ => dim == 1,
        };
        let vector = other.len() == dims.len() && other.iter().enumerate().all(channels);
        let for_channels = shape.is_vector() && vector;
        if !same && !for_channels {
            let expected = format!("{dims:?}, or one value for each of its channels");
            return Err(wrong("input", other, expected));
        }
    }
    let value = importer.push(node, op, inputs, to, dims)?;
    Ok(turn::turned(value, sides))
}

/// A node's inputs as real numbers, in dimensions that ONNX broadcasts, and the output's
/// dimensions.
pub fn reals(writer: &mut IntegerWriter<'_>, node: &Node<Integer>) -> (Vec<String>, Vec<usize>) {
    let shapes = writer.network.input_shapes(node);
    let parts: Vec<(Source, Shape)> = node.inputs.iter().copied().zip(shapes).collect();
    let (names, dims) = writer.emitter.parts(&parts, node.shape, &node.name);
    let real = |(at, name): (usize, &String)| writer.real(node, at, name);
    (names.iter().enumerate().map(real).collect(), dims)
}
