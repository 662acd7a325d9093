//! All inputs, one after the other along the channels: Concat.

use super::lower::{LowerError, Lowering, u16_of};
use super::{CombineOperator, Exponent, Vectors};
use crate::graph::{Alignment, Combine, Float, GraphError, Integer, Node, Op, Shape, Source};
use crate::onnx::build::int as int_of;
use crate::onnx::constants;
use crate::onnx::error::NodeFault;
use crate::onnx::importer::{Data, Importer, Value, int, node_name, wrong};
use crate::onnx::proto::NodeProto;
use crate::onnx::shape;
use crate::onnx::tensors::{FloatWriter, IntegerWriter, Tensor};
use ndarray::{Array2, ArrayView2};
use shared::arithmetic::{Activation, MAX_SHIFT, saturate, shift_round_half_even};
use shared::op::{Copy as DeviceCopy, Kind};

/// All inputs, one after the other along the channels.
pub struct Concat;

impl Op<Float> {
    /// All inputs, one after the other along the channels.
    pub const fn concat() -> Self {
        Self::Combine(Combine::Concat, ())
    }
}

/// The shape of the output.
pub fn output(inputs: &[Shape]) -> Option<Shape> {
    let first = *inputs.first()?;
    let channels = |sum: usize, shape: &Shape| sum.saturating_add(shape.channels);
    Some(Shape {
        channels: inputs.iter().fold(0, channels),
        ..first
    })
}

/// For each element of the output, which input it is of, and which of its elements.
fn sources(shapes: &[Shape], to: Shape) -> Vec<(usize, usize)> {
    let mut sources = vec![(0, 0); to.len()];
    let mut first = 0;
    for (part, shape) in shapes.iter().enumerate() {
        for channel in 0..shape.channels {
            for pixel in 0..shape.pixels() {
                sources[to.at(first + channel, pixel)] = (part, shape.at(channel, pixel));
            }
        }
        first += shape.channels;
    }
    sources
}

/// The output for a batch.
pub fn run<T: Copy>(inputs: &[ArrayView2<T>], shapes: &[Shape], to: Shape) -> Array2<T> {
    let sources = sources(shapes, to);
    let batch = inputs.first().map_or(0, |x| x.nrows());
    Array2::from_shape_fn((batch, to.len()), |(sample, at)| {
        let (part, element) = sources[at];
        inputs[part][(sample, element)]
    })
}

/// The output for a batch in integers.
pub fn run_integer(
    alignment: &Alignment,
    inputs: &[ArrayView2<i8>],
    shapes: &[Shape],
    to: Shape,
) -> Array2<i8> {
    let aligned: Vec<Array2<i8>> = inputs
        .iter()
        .zip(&alignment.shifts)
        .map(|(x, &shift)| match shift {
            0 => x.to_owned(),
            _ => x.mapv(|q| saturate(shift_round_half_even(i32::from(q), u32::from(shift)))),
        })
        .collect();
    let views: Vec<ArrayView2<i8>> = aligned.iter().map(|part| part.view()).collect();
    run(&views, shapes, to)
}

impl CombineOperator for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn describe(&self, inputs: usize) -> String {
        format!("concat of {inputs}")
    }

    fn takes(&self, inputs: usize) -> Result<(), &'static str> {
        if inputs >= 2 {
            Ok(())
        } else {
            Err("two or more")
        }
    }

    fn check(&self, layer: &str, inputs: &[Shape], to: Shape) -> Result<(), GraphError> {
        let Some(given) = output(inputs) else {
            return Ok(());
        };
        if let Some(other) = inputs.iter().find(|shape| shape.sides() != given.sides()) {
            return Err(GraphError::Shape {
                layer: layer.to_owned(),
                expected: format!("{} x {} rows and columns", given.height, given.width),
                found: *other,
            });
        }
        super::check::gives(layer, given, to)
    }

    fn vectors(&self) -> Vectors {
        Vectors::Joined
    }

    fn hands_on(&self) -> bool {
        true
    }

    fn origins(
        &self,
        parts: &[Option<Vec<usize>>],
        shapes: &[Shape],
        foreign: usize,
    ) -> Option<Vec<usize>> {
        let to = output(shapes)?;
        let origin = |(part, element): (usize, usize)| {
            let origins = parts.get(part)?.as_ref()?;
            origins.get(element).copied()
        };
        let sources = sources(shapes, to).into_iter();
        Some(
            sources
                .map(|source| origin(source).unwrap_or(foreign))
                .collect(),
        )
    }

    fn exponent(&self, inputs: &[i32], _: Activation) -> Exponent {
        Exponent::Natural(inputs.iter().copied().max().unwrap_or_default())
    }

    fn align(
        &self,
        inputs: &[i32],
        output: i32,
        activation: Activation,
    ) -> Result<Alignment, (usize, i32)> {
        let shift = |(part, &exponent): (usize, &i32)| {
            let shift = output - exponent;
            let allowed = u8::try_from(shift).ok().filter(|&s| s <= MAX_SHIFT);
            allowed.ok_or((part, shift))
        };
        Ok(Alignment {
            shifts: inputs
                .iter()
                .enumerate()
                .map(shift)
                .collect::<Result<_, _>>()?,
            activation,
        })
    }

    fn oracle(
        &self,
        alignment: &Alignment,
        inputs: &[&[i8]],
        shapes: &[Shape],
        to: Shape,
    ) -> Vec<i8> {
        let mut y = vec![0; to.len()];
        let mut channel = 0;
        for ((part, &shift), shape) in inputs.iter().zip(&alignment.shifts).zip(shapes) {
            for own in 0..shape.channels {
                for pixel in 0..shape.pixels() {
                    let x = i64::from(part[shape.at(own, pixel)]);
                    // A shift only makes it smaller; shifting by 0 divides by 1.
                    let aligned = super::divide::divide(x, u32::from(shift)).clamp(-128, 127);
                    y[to.at(channel, pixel)] = aligned as i8;
                }
                channel += 1;
            }
        }
        y
    }

    fn write(&self, writer: &mut FloatWriter<'_>, index: usize, node: &Node<Float>) -> Tensor {
        let name = node.name.as_str();
        let shapes = writer.network.input_shapes(node);
        let parts: Vec<(Source, Shape)> = node.inputs.iter().copied().zip(shapes).collect();
        let (names, to) = writer.emitter.parts(&parts, node.shape, name);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let to = writer.named(index, &to, format!("{name}.output"));
        writer.push("Concat", name, &names, &to.name, vec![int_of("axis", 1)]);
        to
    }

    /// Each part as real numbers, joined, and rounded to the output's scale: a shift is what that
    /// amounts to.
    fn write_integer(&self, writer: &mut IntegerWriter<'_>, node: &Node<Integer>) -> Vec<usize> {
        let name = node.name.as_str();
        let shapes = writer.network.input_shapes(node);
        let parts: Vec<(Source, Shape)> = node.inputs.iter().copied().zip(shapes).collect();
        let (names, dims) = writer.emitter.parts(&parts, node.shape, name);
        let names = names.iter().enumerate();
        let reals: Vec<String> = names
            .map(|(at, part)| writer.real(node, at, part))
            .collect();
        let reals: Vec<&str> = reals.iter().map(String::as_str).collect();
        let joined = format!("{name}.float");
        writer.push("Concat", name, &reals, &joined, vec![int_of("axis", 1)]);
        writer.round(node, &joined, Activation::None);
        dims
    }

    fn one_an_input(&self) -> bool {
        true
    }

    fn lower<'a>(
        &self,
        lowering: &Lowering<'a>,
        alignment: &Alignment,
    ) -> Result<Kind<'a>, LowerError> {
        Ok(Kind::Copy(DeviceCopy {
            channel_offset: u16_of("a number of channels", lowering.channel)?,
            shift: alignment.shifts.get(lowering.part).copied().unwrap_or(0),
        }))
    }
}

/// Reads Concat: of latent vector and label, of feature maps, of anything that lies one after the
/// other in a sample.
///
/// # Errors
/// [`NodeFault`].
pub fn read(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    if let Value::Constant(_) = importer.value(node, 0)? {
        return constants::concat(importer, node);
    }
    let parts = (0..node.input.len())
        .map(|index| importer.operand(node, index))
        .collect::<Result<Vec<_>, _>>()?;
    let (Some(first), true) = (parts.first(), parts.len() <= usize::from(u8::MAX)) else {
        return Err(wrong("inputs", parts.len(), "1 to 255 of them".to_owned()));
    };
    let axis = sample_axis(int(node, "axis", 0), &first.dims)?;
    let (mut dims, rest) = (first.dims.clone(), first.dims[axis + 1..].to_vec());
    let fits = |part: &Data| {
        part.dims.len() == dims.len()
            && part.dims[..axis] == dims[..axis]
            && part.dims[axis + 1..] == rest[..]
    };
    if let Some(other) = parts.iter().find(|part| !fits(part)) {
        let expected = format!("{dims:?} but for axis {}", axis + 1);
        return Err(wrong("input", &other.dims, expected));
    }
    dims[axis] = parts
        .iter()
        .fold(0usize, |sum, part| sum.saturating_add(part.dims[axis]));
    // Along the channels, whatever the graph's axes are called.
    let of_channels = |channels: usize| Shape {
        channels,
        height: rest.first().copied().unwrap_or(1),
        width: shape::len(rest.get(1..).unwrap_or_default()),
    };
    let mut sources: Vec<Source> = Vec::with_capacity(parts.len());
    for part in &parts {
        let source = importer.shaped(part, of_channels(part.dims[axis]))?;
        // The latent vector with the label behind it is what the network is given.
        if source == Source::Label && sources.last() == Some(&Source::Latent) {
            sources.pop();
            sources.push(Source::Input);
        } else {
            sources.push(source);
        }
    }
    if let [source] = sources[..] {
        return Ok(Value::Data(Data {
            source,
            dims,
            via: node_name(node),
            shared: parts.iter().any(|part| part.shared),
            index: false,
            turned: Vec::new(),
        }));
    }
    let shape = of_channels(dims[axis]);
    importer.push(node, Op::concat(), sources, shape, dims)
}

/// An axis behind the batch before which a sample has no dimension but 1, counted from the first
/// behind the batch.
fn sample_axis(axis: i64, dims: &[usize]) -> Result<usize, NodeFault> {
    let rank = dims.len() as i64 + 1;
    let positive = if axis < 0 {
        axis.saturating_add(rank)
    } else {
        axis
    };
    usize::try_from(positive)
        .ok()
        .and_then(|axis| axis.checked_sub(1))
        .filter(|&axis| axis < dims.len() && shape::len(&dims[..axis]) == 1)
        .ok_or_else(|| NodeFault::Attribute {
            name: "axis",
            value: axis.to_string(),
            expected: "1: along the channels",
        })
}
