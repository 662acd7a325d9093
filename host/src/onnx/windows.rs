//! What Conv and ConvTranspose have in common: every way of saying strides and padding.

use super::error::NodeFault;
use super::importer::{Data, Importer, attribute, canonical, clean, int, text, wrong};
use super::proto::NodeProto;
use crate::graph::{MAX_SIDE, Shape, Source, Window};
use ndarray::{Array1, Array4};

/// Kernels, strides, dilations and paddings are bytes in a model image.
const MAX_WINDOW: usize = 255;

/// What Conv and ConvTranspose have in common.
pub struct Windowed {
    /// As ONNX has it.
    pub kernel: Array4<f32>,
    /// One an output channel.
    pub bias: Array1<f32>,
    /// How it moves, the padding left out.
    pub window: Window,
    /// Top, left, bottom, right.
    pub pads: [usize; 4],
    /// What decides the padding in place of `pads`.
    pub auto: Auto,
    /// Shape of the input.
    pub from: Shape,
    /// The input.
    pub source: Source,
}

/// The attribute auto_pad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auto {
    /// The padding is stated.
    NotSet,
    /// There is none.
    Valid,
    /// As much as keeps the size, the odd one behind.
    SameUpper,
    /// As much as keeps the size, the odd one before.
    SameLower,
}

impl Auto {
    /// Reads it.
    pub fn read(node: &NodeProto) -> Result<Self, NodeFault> {
        Ok(match text(node, "auto_pad", "NOTSET") {
            "NOTSET" | "" => Self::NotSet,
            "VALID" => Self::Valid,
            "SAME_UPPER" => Self::SameUpper,
            "SAME_LOWER" => Self::SameLower,
            other => {
                return Err(NodeFault::Attribute {
                    name: "auto_pad",
                    value: clean(other),
                    expected: "NOTSET, VALID, SAME_UPPER or SAME_LOWER",
                });
            }
        })
    }
}

/// The padding of a convolution or a pooling: top, left, bottom, right.
pub fn padding(
    auto: Auto,
    stated: [usize; 4],
    from: [usize; 2],
    extent: [usize; 2],
    stride: [usize; 2],
) -> [usize; 4] {
    if auto == Auto::NotSet {
        return stated;
    }
    let mut padding = [0; 4];
    if let Auto::SameUpper | Auto::SameLower = auto {
        for axis in 0..2 {
            let whole = (from[axis].div_ceil(stride[axis]) - 1) * stride[axis] + extent[axis];
            let total = whole.saturating_sub(from[axis]);
            (padding[axis], padding[axis + 2]) = split(total, auto);
        }
    }
    padding
}

impl Windowed {
    /// Everything but the sizes. The weight's output channels are its first axis, or those of a
    /// group its second where it is transposed.
    pub fn read(
        importer: &mut Importer,
        node: &NodeProto,
        transposed: bool,
    ) -> Result<Self, NodeFault> {
        let data = importer.operand(node, 0)?;
        let from = pictures(&data)?;
        let stride = list(node, "strides", [1, 1], 1)?;
        let dilation = list(node, "dilations", [1, 1], 1)?;
        let groups = groups(node)?;
        let pads = list(node, "pads", [0; 4], 0)?;
        let auto = Auto::read(node)?;
        let len = importer.floats(node, 1)?.1.len();
        importer.spend(len)?;
        let (shape, floats) = importer.floats(node, 1)?;
        let expected = || {
            format!("four dimensions, none of them 0, with a kernel of 1 to {MAX_WINDOW} a side")
        };
        let &[a, b, rows, columns] = shape else {
            return Err(wrong("weight", shape, expected()));
        };
        if [a, b, rows, columns].contains(&0) || rows.max(columns) > MAX_WINDOW {
            return Err(wrong("weight", shape, expected()));
        }
        if list(node, "kernel_shape", [rows, columns], 1)? != [rows, columns] {
            return Err(NodeFault::Attribute {
                name: "kernel_shape",
                value: shown(node, "kernel_shape"),
                expected: "the last two dimensions of its weight",
            });
        }
        let weight = Array4::from_shape_vec((a, b, rows, columns), floats.to_vec());
        let weight = weight.map_err(|_| wrong("weight", shape, expected()))?;
        let outputs = match transposed {
            true => b.saturating_mul(groups),
            false => a,
        };
        let bias = match node.input.get(2) {
            Some(name) if !name.is_empty() => {
                let (shape, floats) = importer.floats(node, 2)?;
                if floats.len() != outputs {
                    return Err(wrong("bias", shape, format!("{outputs} values")));
                }
                Array1::from_vec(floats.to_vec())
            }
            _ => Array1::zeros(outputs),
        };
        let source = importer.shaped(&data, from)?;
        Ok(Self {
            kernel: weight,
            bias,
            window: Window {
                dilation,
                groups,
                ..Window::new([rows, columns], stride, [0, 0])
            },
            pads,
            auto,
            from,
            source,
        })
    }
}

/// The attribute group.
fn groups(node: &NodeProto) -> Result<usize, NodeFault> {
    let group = int(node, "group", 1);
    usize::try_from(group)
        .ok()
        .filter(|groups| (1..=MAX_SIDE).contains(groups))
        .ok_or_else(|| NodeFault::Attribute {
            name: "group",
            value: group.to_string(),
            expected: "a divisor of the channels",
        })
}

/// The shape of pictures with channels.
pub fn pictures(data: &Data) -> Result<Shape, NodeFault> {
    match data.dims[..] {
        [_, _, _] => canonical(&data.dims),
        _ => None,
    }
    .ok_or_else(|| {
        let expected = "(N, channels, rows, columns): only pictures have windows here".to_owned();
        wrong("input", &data.dims, expected)
    })
}

/// Checks the number of input channels.
pub fn channels(window: &Windowed, inputs: usize) -> Result<(), NodeFault> {
    if window.from.channels == inputs {
        return Ok(());
    }
    let Shape {
        channels,
        height,
        width,
    } = window.from;
    let expected = format!("{inputs} channels, as its weight has");
    Err(wrong("input", [channels, height, width], expected))
}

/// The padding before and behind: the odd one behind for SAME_UPPER, before for everything else.
pub fn split(total: usize, auto: Auto) -> (usize, usize) {
    let (less, more) = (total / 2, total - total / 2);
    if auto == Auto::SameUpper {
        (less, more)
    } else {
        (more, less)
    }
}

/// The dimensions of a picture in ONNX.
pub fn dims(shape: Shape) -> Vec<usize> {
    vec![shape.channels, shape.height, shape.width]
}

fn shown(node: &NodeProto, name: &str) -> String {
    let ints = attribute(node, name).map_or(&[][..], |a| &a.ints);
    format!("{:?}", &ints[..ints.len().min(8)])
}

/// A list of integers from `least` to 255.
pub fn list<const N: usize>(
    node: &NodeProto,
    name: &'static str,
    default: [usize; N],
    least: usize,
) -> Result<[usize; N], NodeFault> {
    let Some(attribute) = attribute(node, name) else {
        return Ok(default);
    };
    let values: Option<Vec<usize>> = attribute
        .ints
        .iter()
        .take(N + 1)
        .map(|&v| usize::try_from(v).ok())
        .map(|v| v.filter(|v| (least..=MAX_WINDOW).contains(v)))
        .collect();
    values
        .and_then(|values| <[usize; N]>::try_from(values).ok())
        .ok_or_else(|| NodeFault::Attribute {
            name,
            value: shown(node, name),
            expected: "rows and columns, each at most 255 and not negative",
        })
}

/// Two sides of a picture.
pub fn large(node: &NodeProto, name: &'static str) -> Result<[usize; 2], NodeFault> {
    let ints = attribute(node, name).map_or(&[][..], |a| &a.ints);
    let side = |&v: &i64| {
        usize::try_from(v)
            .ok()
            .filter(|v| (1..=MAX_SIDE).contains(v))
    };
    match ints {
        [rows, columns] => side(rows).zip(side(columns)),
        _ => None,
    }
    .map(|(rows, columns)| [rows, columns])
    .ok_or_else(|| NodeFault::Attribute {
        name,
        value: shown(node, name),
        expected: "rows and columns",
    })
}
