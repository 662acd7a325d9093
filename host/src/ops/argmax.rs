//! The number of the largest channel: ArgMax.

use super::lower::{LowerError, Lowering};
use super::{CombineOperator, Exponent};
use crate::graph::{Alignment, Combine, Float, GraphError, Integer, Node, Op, Shape};
use crate::onnx::build::int;
use crate::onnx::error::NodeFault;
use crate::onnx::importer::{Importer, Value, int as int_of};
use crate::onnx::proto::{NodeProto, data_type};
use crate::onnx::tensors::{FloatWriter, IntegerWriter, Tensor, output_name};
use ndarray::{Array2, ArrayView2, LinalgScalar};
use shared::arithmetic::Activation;
use shared::op::{ArgMax as DeviceArgMax, Kind};

/// The most channels to choose from: their numbers are int8 values as all others, so that any layer
/// may read them.
pub const MAX_CHANNELS: usize = 128;

/// The number of the largest channel of each pixel.
pub struct Argmax;

impl Op<Float> {
    /// The number of the largest channel of each pixel, the first of equals.
    pub const fn argmax() -> Self {
        Self::Combine(Combine::Argmax, ())
    }
}

/// The shape of the output.
pub const fn output(from: Shape) -> Shape {
    Shape {
        channels: 1,
        ..from
    }
}

/// The output for a batch, real or integer.
pub fn run<T: LinalgScalar + PartialOrd>(x: ArrayView2<T>, from: Shape, to: Shape) -> Array2<T> {
    Array2::from_shape_fn((x.nrows(), to.len()), |(sample, at)| {
        let (pixel, mut largest, mut number) = (at, T::zero(), T::zero());
        let mut counted = T::zero();
        for channel in 0..from.channels {
            let value = x[(sample, from.at(channel, pixel))];
            if channel == 0 || value > largest {
                (largest, number) = (value, counted);
            }
            if channel + 1 < from.channels {
                counted = counted + T::one();
            }
        }
        number
    })
}

impl CombineOperator for Argmax {
    fn name(&self) -> &'static str {
        "argmax"
    }

    fn describe(&self, _: usize) -> String {
        "argmax".to_owned()
    }

    fn takes(&self, inputs: usize) -> Result<(), &'static str> {
        if inputs == 1 { Ok(()) } else { Err("one") }
    }

    fn check(&self, layer: &str, inputs: &[Shape], to: Shape) -> Result<(), GraphError> {
        let Some(&from) = inputs.first() else {
            return Ok(());
        };
        if from.channels > MAX_CHANNELS {
            return Err(GraphError::Shape {
                layer: layer.to_owned(),
                expected: format!("at most {MAX_CHANNELS} channels to choose from"),
                found: from,
            });
        }
        super::check::gives(layer, output(from), to)
    }

    fn hands_on(&self) -> bool {
        false
    }

    fn exponent(&self, _: &[i32], _: Activation) -> Exponent {
        Exponent::Only(0)
    }

    fn align(&self, _: &[i32], _: i32, activation: Activation) -> Result<Alignment, (usize, i32)> {
        let shifts = Vec::new();
        Ok(Alignment { shifts, activation })
    }

    fn oracle(&self, _: &Alignment, inputs: &[&[i8]], shapes: &[Shape], to: Shape) -> Vec<i8> {
        let from = shapes[0];
        let mut y = vec![0; to.len()];
        for (at, y) in y.iter_mut().enumerate() {
            let place = to.place(at);
            let pixel = place.row * from.width + place.column;
            let value = |channel: usize| inputs[0][from.at(channel, pixel)];
            let most = (0..from.channels).map(value).max();
            let first = (0..from.channels).find(|&channel| Some(value(channel)) == most);
            // Below 128.
            *y = first.unwrap_or(0) as i8;
        }
        y
    }

    fn write(&self, writer: &mut FloatWriter<'_>, index: usize, node: &Node<Float>) -> Tensor {
        let from = writer.emitter.source(node.inputs[0]);
        let number = format!("{}:number", node.name);
        let attributes = vec![int("axis", 1), int("keepdims", 1)];
        writer.push("ArgMax", &node.name, &[&from.name], &number, attributes);
        let to = writer.named(
            index,
            &one_channel(&from.dims),
            format!("{}.output", node.name),
        );
        let real = vec![int("to", i64::from(data_type::FLOAT))];
        writer.push(
            "Cast",
            &format!("{}:float", node.name),
            &[&number],
            &to.name,
            real,
        );
        to
    }

    fn write_integer(&self, writer: &mut IntegerWriter<'_>, node: &Node<Integer>) -> Vec<usize> {
        let name = node.name.as_str();
        let from = writer.emitter.source(node.inputs[0]);
        let number = format!("{name}.number");
        let attributes = vec![int("axis", 1), int("keepdims", 1)];
        writer.push("ArgMax", name, &[&from.name], &number, attributes);
        let (cast, byte) = (
            format!("{name}.cast"),
            vec![int("to", i64::from(data_type::INT8))],
        );
        writer.push("Cast", &cast, &[&number], &output_name(name), byte);
        one_channel(&from.dims)
    }

    fn lower<'a>(&self, _: &Lowering<'a>, _: &Alignment) -> Result<Kind<'a>, LowerError> {
        Ok(Kind::ArgMax(DeviceArgMax))
    }
}

fn one_channel(dims: &[usize]) -> Vec<usize> {
    let mut dims = dims.to_vec();
    if let Some(channels) = dims.first_mut() {
        *channels = 1;
    }
    dims
}

/// Reads ArgMax over the channels. Its numbers are whole ones until a Cast makes them real.
///
/// # Errors
/// [`NodeFault`].
pub fn read(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    let data = importer.operand(node, 0)?;
    let rank = data.dims.len() as i64;
    let axis = int_of(node, "axis", 0);
    if axis != 1 && axis != -rank {
        return Err(NodeFault::Attribute {
            name: "axis",
            value: axis.to_string(),
            expected: "1: over the channels",
        });
    }
    if int_of(node, "select_last_index", 0) != 0 {
        return Err(NodeFault::Attribute {
            name: "select_last_index",
            value: "1".to_owned(),
            expected: "0: the first of equals",
        });
    }
    let (source, from) = importer.element_wise(&data)?;
    if from.channels != data.dims.first().copied().unwrap_or(0) {
        return Err(NodeFault::Place("it takes vectors and pictures only"));
    }
    let mut dims = one_channel(&data.dims);
    if int_of(node, "keepdims", 1) == 0 {
        dims.remove(0);
    }
    let mut value = importer.push(node, Op::argmax(), vec![source], output(from), dims)?;
    if let Value::Data(data) = &mut value {
        data.index = true;
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equals_wins_in_floats_and_integers() {
        let from = Shape {
            channels: 3,
            height: 1,
            width: 2,
        };
        let mut x = Array2::<i8>::zeros((1, 6));
        for (channel, pixels) in [[-128, 5], [-128, 127], [-128, 127]].iter().enumerate() {
            for (pixel, &value) in pixels.iter().enumerate() {
                x[(0, from.at(channel, pixel))] = value;
            }
        }
        let to = output(from);
        let found = run(x.view(), from, to);
        assert_eq!(found.row(0).to_vec(), [0, 1]);
        assert_eq!(
            run(x.mapv(f32::from).view(), from, to).row(0).to_vec(),
            [0.0, 1.0]
        );
        // As many channels as there may be: no number leaves a byte.
        let (many, one) = (Shape::vector(MAX_CHANNELS), Shape::vector(1));
        let rising = Array2::from_shape_fn((1, MAX_CHANNELS), |(_, channel)| channel as i8);
        assert_eq!(run(rising.view(), many, one)[(0, 0)], 127);
    }
}
