//! Transposed convolution: ConvTranspose.

use super::LinearOperator;
use super::conv::{Picture, attributes, describe};
use super::groups;
use super::kernels::{self, conv_transpose_of_rows, rows_of_conv_transpose};
use super::lower::{LowerError, Lowering, u16_of, window};
use crate::graph::{
    Float, GraphError, Integer, Linear, LinearKind, Node, Op, QuantizedLinear, Shape, Taps, Window,
};
use crate::onnx::build::ints;
use crate::onnx::error::NodeFault;
use crate::onnx::importer::{Importer, Value, attribute, clean, node_name, wrong};
use crate::onnx::proto::{AttributeProto, NodeProto};
use crate::onnx::tensors::{FloatWriter, IntegerWriter, Tensor, picture};
use crate::onnx::windows::{Auto, Windowed, channels, dims, large, list, split};
use ndarray::{Array1, Array2, Array4, ArrayView1, ArrayView2, LinalgScalar};
use shared::op::{self, Kind};

/// The adjoint of a convolution: each input adds its multiple of the kernel to the output.
pub struct ConvTranspose(pub Window);

impl Op<Float> {
    /// A transposed convolution with a kernel of shape (inputs, outputs of a group, rows, columns).
    pub fn conv_transpose(kernel: &Array4<f32>, bias: Array1<f32>, window: Window) -> Self {
        let weight = rows_of_conv_transpose(kernel.view(), window.groups);
        Self::Linear(LinearKind::ConvTranspose(window), Linear::new(weight, bias))
    }
}

/// A batch's sums of products.
pub fn sums<T: LinalgScalar + Send + Sync>(
    window: Window,
    x: ArrayView2<T>,
    weight: ArrayView2<T>,
    bias: ArrayView1<T>,
    from: Shape,
    to: Shape,
) -> Array2<T> {
    groups::sums(window, x, weight, bias, (from, to), |part| {
        let (from, sides) = (part.from, part.to.sides());
        kernels::conv_transpose(part.x, part.weight, part.bias, from, sides, part.window)
    })
}

/// The shape of the output, of which so much is cut at the bottom and the right, and so much added
/// there; `None` where nothing is left.
pub fn output(
    window: Window,
    from: Shape,
    channels: usize,
    cut: [usize; 2],
    added: [usize; 2],
) -> Option<Shape> {
    let [height, width] = window.conv_transpose(from.sides(), cut, added)?;
    Some(Shape {
        channels,
        height,
        width,
    })
}

fn all_attributes(window: Window, from: Shape, to: Shape) -> Vec<AttributeProto> {
    let (cut, added) = window.far_cut(from.sides(), to.sides());
    let mut attributes = attributes(window, cut);
    attributes.push(ints("output_padding", &added));
    attributes
}

impl ConvTranspose {
    fn taps(&self, from: Shape, to: Shape) -> Taps {
        Taps {
            window: self.0,
            from,
            to,
            transposed: true,
        }
    }
}

/// Checks that what is added at the far sides is less than a stride.
fn check_added(layer: &str, window: Window, added: [usize; 2]) -> Result<(), GraphError> {
    if added[0] >= window.stride[0] || added[1] >= window.stride[1] {
        return Err(GraphError::Window {
            layer: layer.to_owned(),
            what: "an output padding",
            found: format!("{added:?}"),
            expected: "less than the stride",
        });
    }
    Ok(())
}

impl LinearOperator for ConvTranspose {
    fn name(&self) -> &'static str {
        "conv transpose"
    }

    fn describe(&self) -> String {
        describe("transposed conv", self.0)
    }

    fn weight_dim(&self, from: Shape, to: Shape) -> (usize, usize) {
        (to.channels, self.taps(from, to).columns())
    }

    fn check(
        &self,
        layer: &str,
        weight_dim: (usize, usize),
        from: Shape,
        to: Shape,
    ) -> Result<(), GraphError> {
        super::check::window(layer, self.0, weight_dim, from)?;
        let (cut, added) = self.0.far_cut(from.sides(), to.sides());
        super::check::padding(layer, self.0, cut)?;
        check_added(layer, self.0, added)?;
        let unfit = || GraphError::Shape {
            layer: layer.to_owned(),
            expected: "a picture that its padding leaves something of".to_owned(),
            found: from,
        };
        let given = output(self.0, from, weight_dim.0, cut, added).ok_or_else(unfit)?;
        super::check::gives(layer, given, to)
    }

    fn products(&self, from: Shape, to: Shape) -> u64 {
        self.taps(from, to).products()
    }

    /// Each input scatters its multiple of the kernel over the output.
    fn oracle(&self, linear: &QuantizedLinear, x: &[i8], from: Shape, to: Shape) -> Vec<i64> {
        let (window, x) = (
            self.0,
            Picture {
                shape: from,
                elements: x,
            },
        );
        let mut sums = vec![0; to.len()];
        for output in 0..to.channels {
            for pixel in 0..to.height * to.width {
                sums[to.at(output, pixel)] = i64::from(linear.bias[output]);
            }
        }
        let (inputs, outputs) = (from.channels / window.groups, to.channels / window.groups);
        for channel in 0..from.channels {
            let first = channel / inputs * outputs;
            for i in 0..from.height {
                for j in 0..from.width {
                    let value = x.at(channel, i as i64, j as i64);
                    for output in first..first + outputs {
                        for u in 0..window.kernel[0] {
                            for v in 0..window.kernel[1] {
                                let row = (i * window.stride[0] + u * window.dilation[0]) as i64;
                                let across = (j * window.stride[1] + v * window.dilation[1]) as i64;
                                let (row, across) = (
                                    row - window.padding[0] as i64,
                                    across - window.padding[1] as i64,
                                );
                                let inside = (0..to.height as i64).contains(&row)
                                    && (0..to.width as i64).contains(&across);
                                if inside {
                                    let tap = u * window.kernel[1] + v;
                                    let column = tap * inputs + channel % inputs;
                                    let weight = linear.weights[[output, column]];
                                    let pixel = row as usize * to.width + across as usize;
                                    sums[to.at(output, pixel)] += i64::from(weight) * value;
                                }
                            }
                        }
                    }
                }
            }
        }
        sums
    }

    fn write(
        &self,
        writer: &mut FloatWriter<'_>,
        index: usize,
        node: &Node<Float>,
        linear: &Linear<f32>,
    ) -> Tensor {
        let x = writer.picture(node);
        let attributes = all_attributes(self.0, writer.network.first_shape(node), node.shape);
        let kernel = conv_transpose_of_rows(linear.weight.view(), self.0);
        let weight = writer.constant(node, "weight", kernel.shape(), kernel.iter());
        let bias = writer.constant(node, "bias", &[linear.bias.len()], linear.bias.iter());
        let to = writer.named(index, &picture(node.shape), format!("{}.output", node.name));
        let inputs = [x.as_str(), &weight, &bias];
        writer.push("ConvTranspose", &node.name, &inputs, &to.name, attributes);
        to
    }

    fn write_integer(
        &self,
        writer: &mut IntegerWriter<'_>,
        node: &Node<Integer>,
        linear: &QuantizedLinear,
    ) -> Vec<usize> {
        let x = writer.picture(node);
        let attributes = all_attributes(self.0, writer.network.first_shape(node), node.shape);
        let kernel = conv_transpose_of_rows(linear.weights.view(), self.0);
        let weights = (kernel.shape(), kernel.iter().copied().collect());
        // Output channels are the second axis.
        writer.linear(node, linear, &x, weights, 1, ("ConvTranspose", attributes));
        picture(node.shape).to_vec()
    }

    fn lower<'a>(&self, lowering: &Lowering<'a>) -> Result<Kind<'a>, LowerError> {
        Ok(Kind::ConvTranspose(op::ConvTranspose {
            window: window(self.0)?,
            groups: u16_of("a number of groups", self.0.groups)?,
            weights: lowering.weights,
        }))
    }
}

/// Reads ConvTranspose.
///
/// # Errors
/// [`NodeFault`].
pub fn read(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    let windowed = Windowed::read(importer, node, true)?;
    let inputs = windowed.kernel.dim().0;
    if !inputs.is_multiple_of(windowed.window.groups) {
        let expected = format!("a number of inputs that {} divides", windowed.window.groups);
        return Err(wrong("weight", windowed.kernel.shape(), expected));
    }
    channels(&windowed, inputs)?;
    let (from, stride) = (windowed.from.sides(), windowed.window.stride);
    let added = list(node, "output_padding", [0, 0], 0)?;
    let mut padding = windowed.pads;
    let wanted = match attribute(node, "output_shape") {
        None => None,
        Some(_) => Some(large(node, "output_shape")?),
    };
    let same = matches!(windowed.auto, Auto::SameUpper | Auto::SameLower);
    if windowed.auto != Auto::NotSet || wanted.is_some() {
        padding = [0; 4];
    }
    // No side here is 0: constants of weights and shapes of values were checked.
    for axis in 0..2 {
        let reached = (from[axis] - 1) * stride[axis] + windowed.window.extent(axis);
        let whole = reached + added[axis];
        let side = match wanted {
            Some(wanted) => wanted[axis],
            None if same => from[axis] * stride[axis],
            None => continue,
        };
        match whole.checked_sub(side) {
            Some(total) => (padding[axis], padding[axis + 2]) = split(total, windowed.auto),
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
    let [top, left, bottom, right] = padding;
    let window = Window {
        padding: [top, left],
        ..windowed.window
    };
    super::check::padding(&clean(&node_name(node)), window, [bottom, right])?;
    check_added(&clean(&node_name(node)), window, added)?;
    let outputs = windowed.bias.len();
    let to = output(window, windowed.from, outputs, [bottom, right], added).ok_or_else(|| {
        let expected = "a picture that its padding leaves something of".to_owned();
        wrong("input", from, expected)
    })?;
    let op = Op::conv_transpose(&windowed.kernel, windowed.bias, window);
    importer.push(node, op, vec![windowed.source], to, dims(to))
}
