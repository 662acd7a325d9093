//! Conv and ConvTranspose: every way of saying strides, padding and output size that means a network's layer.

use super::error::NodeFault;
use super::proto::NodeProto;
use super::walk::{Data, Value, Walk, attribute, canonical, int, text, wrong};
use crate::network::{Conv, ConvTranspose, Layer, Shape, Source};
use ndarray::{Array1, Array4};

/// Kernels, strides and paddings are bytes in a model image.
const MAX_WINDOW: usize = 255;

/// What Conv and ConvTranspose have in common.
struct Window {
    weight: Array4<f32>,
    bias: Array1<f32>,
    stride: [usize; 2],
    /// Top, left, bottom, right.
    pads: [usize; 4],
    auto: Auto,
    from: Shape,
    source: Source,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Auto {
    NotSet,
    Valid,
    SameUpper,
    SameLower,
}

impl Walk {
    pub(super) fn conv(&mut self, node: &NodeProto) -> Result<Value, NodeFault> {
        let window = self.window(node, 0)?;
        let (_, inputs, rows, columns) = window.weight.dim();
        channels(&window, inputs)?;
        let (from, stride) = ([window.from.height, window.from.width], window.stride);
        let mut padding = window.pads;
        if window.auto != Auto::NotSet {
            padding = [0; 4];
        }
        if let Auto::SameUpper | Auto::SameLower = window.auto {
            for (axis, kernel) in [rows, columns].into_iter().enumerate() {
                let whole = (from[axis].div_ceil(stride[axis]) - 1) * stride[axis] + kernel;
                let total = whole.saturating_sub(from[axis]);
                (padding[axis], padding[axis + 2]) = split(total, window.auto);
            }
        }
        let layer = Conv {
            weight: window.weight,
            bias: window.bias,
            stride,
            padding,
        };
        let to = layer.output_shape(window.from).ok_or_else(|| {
            let expected = format!("a picture that its {rows} x {columns} kernel fits in");
            wrong("input", from, expected)
        })?;
        self.push(node, Layer::Conv(layer), vec![window.source], to, dims(to))
    }

    pub(super) fn conv_transpose(&mut self, node: &NodeProto) -> Result<Value, NodeFault> {
        let window = self.window(node, 1)?;
        let (inputs, _, rows, columns) = window.weight.dim();
        channels(&window, inputs)?;
        let (from, stride) = ([window.from.height, window.from.width], window.stride);
        let output_padding = list(node, "output_padding", [0, 0], 0)?;
        let mut padding = window.pads;
        let wanted = match attribute(node, "output_shape") {
            None => None,
            Some(_) => Some(large(node, "output_shape")?),
        };
        let same = matches!(window.auto, Auto::SameUpper | Auto::SameLower);
        if window.auto != Auto::NotSet || wanted.is_some() {
            padding = [0; 4];
        }
        // No side here is 0: constants of weights and shapes of values were checked.
        for (axis, kernel) in [rows, columns].into_iter().enumerate() {
            let whole = (from[axis] - 1) * stride[axis] + kernel + output_padding[axis];
            let side = match wanted {
                Some(wanted) => wanted[axis],
                None if same => from[axis] * stride[axis],
                None => continue,
            };
            match whole.checked_sub(side) {
                Some(total) => (padding[axis], padding[axis + 2]) = split(total, window.auto),
                // ONNX says how large, but runtimes disagree on what is there.
                None => {
                    return Err(NodeFault::Attribute {
                        name: if same { "auto_pad" } else { "output_shape" },
                        value: format!("{side} along axis {}", axis + 2),
                        expected: "no more than strides and kernel reach; export with pads and output_padding",
                    });
                }
            }
        }
        let layer = ConvTranspose {
            weight: window.weight,
            bias: window.bias,
            stride,
            padding,
            output_padding,
        };
        let to = layer.output_shape(window.from).ok_or_else(|| {
            let expected = "a picture that its padding leaves something of".to_owned();
            wrong("input", from, expected)
        })?;
        let inputs = vec![window.source];
        self.push(node, Layer::ConvTranspose(layer), inputs, to, dims(to))
    }

    /// Everything but the sizes; `outputs` is the weight's axis of output channels.
    fn window(&mut self, node: &NodeProto, outputs: usize) -> Result<Window, NodeFault> {
        let data = self.operand(node, 0)?;
        let from = pictures(&data)?;
        let group = int(node, "group", 1);
        if group != 1 {
            return Err(NodeFault::Attribute {
                name: "group",
                value: group.to_string(),
                expected: "1: grouped and depthwise convolutions are not supported",
            });
        }
        if list(node, "dilations", [1, 1], 0)? != [1, 1] {
            return Err(NodeFault::Attribute {
                name: "dilations",
                value: shown(node, "dilations"),
                expected: "1, 1: dilated convolutions are not supported",
            });
        }
        let stride = list(node, "strides", [1, 1], 1)?;
        let pads = list(node, "pads", [0; 4], 0)?;
        let auto = match text(node, "auto_pad", "NOTSET") {
            "NOTSET" | "" => Auto::NotSet,
            "VALID" => Auto::Valid,
            "SAME_UPPER" => Auto::SameUpper,
            "SAME_LOWER" => Auto::SameLower,
            other => {
                return Err(NodeFault::Attribute {
                    name: "auto_pad",
                    value: super::walk::clean(other),
                    expected: "NOTSET, VALID, SAME_UPPER or SAME_LOWER",
                });
            }
        };
        let len = self.floats(node, 1)?.1.len();
        self.spend(len)?;
        let (shape, floats) = self.floats(node, 1)?;
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
        let outputs = weight.shape()[outputs];
        let bias = match node.input.get(2) {
            Some(name) if !name.is_empty() => {
                let (shape, floats) = self.floats(node, 2)?;
                if floats.len() != outputs {
                    return Err(wrong("bias", shape, format!("{outputs} values")));
                }
                Array1::from_vec(floats.to_vec())
            }
            _ => Array1::zeros(outputs),
        };
        let source = self.shaped(&data, from)?;
        Ok(Window {
            weight,
            bias,
            stride,
            pads,
            auto,
            from,
            source,
        })
    }
}

/// The shape of pictures with channels.
pub(super) fn pictures(data: &Data) -> Result<Shape, NodeFault> {
    match data.dims[..] {
        [_, _, _] => canonical(&data.dims),
        _ => None,
    }
    .ok_or_else(|| {
        let expected = "(N, channels, rows, columns): only pictures have windows here".to_owned();
        wrong("input", &data.dims, expected)
    })
}

fn channels(window: &Window, inputs: usize) -> Result<(), NodeFault> {
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
fn split(total: usize, auto: Auto) -> (usize, usize) {
    let (less, more) = (total / 2, total - total / 2);
    if auto == Auto::SameUpper {
        (less, more)
    } else {
        (more, less)
    }
}

fn dims(shape: Shape) -> Vec<usize> {
    vec![shape.channels, shape.height, shape.width]
}

fn shown(node: &NodeProto, name: &str) -> String {
    let ints = attribute(node, name).map_or(&[][..], |a| &a.ints);
    format!("{:?}", &ints[..ints.len().min(8)])
}

/// A list of integers from `least` to 255.
fn list<const N: usize>(
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
fn large(node: &NodeProto, name: &'static str) -> Result<[usize; 2], NodeFault> {
    let ints = attribute(node, name).map_or(&[][..], |a| &a.ints);
    let side = |&v: &i64| {
        usize::try_from(v)
            .ok()
            .filter(|v| (1..=crate::network::MAX_SIDE).contains(v))
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
