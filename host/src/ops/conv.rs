//! Convolution: Conv.

use super::LinearOperator;
use super::groups;
use super::kernels::{self, conv_of_rows, rows_of_conv};
use super::lower::{LowerError, Lowering, u16_of, window};
use crate::graph::{
    Float, GraphError, Integer, Linear, LinearKind, Node, Op, QuantizedLinear, Shape, Taps, Window,
};
use crate::onnx::build::{int, ints};
use crate::onnx::error::NodeFault;
use crate::onnx::importer::{Importer, Value, clean, node_name, wrong};
use crate::onnx::proto::{AttributeProto, NodeProto};
use crate::onnx::tensors::{FloatWriter, IntegerWriter, Tensor, picture};
use crate::onnx::windows::{Windowed, channels, dims, padding};
use ndarray::{Array1, Array2, Array4, ArrayView1, ArrayView2, LinalgScalar};
use shared::op::{self, Kind};

/// A convolution: a cross-correlation, as every framework calls it.
pub struct Conv(pub Window);

impl Op<Float> {
    /// A convolution with a kernel of shape (outputs, inputs, rows, columns).
    pub fn conv(kernel: &Array4<f32>, bias: Array1<f32>, window: Window) -> Self {
        let weight = rows_of_conv(kernel.view());
        Self::Linear(LinearKind::Conv(window), Linear::new(weight, bias))
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
        kernels::conv(part.x, part.weight, part.bias, from, sides, part.window)
    })
}

/// What the windows of an ONNX node say.
pub fn attributes(window: Window, far: [usize; 2]) -> Vec<AttributeProto> {
    let [top, left] = window.padding;
    let [bottom, right] = far;
    let mut attributes = vec![
        ints("kernel_shape", &window.kernel),
        ints("pads", &[top, left, bottom, right]),
        ints("strides", &window.stride),
    ];
    if window.dilation != [1, 1] {
        attributes.push(ints("dilations", &window.dilation));
    }
    if window.groups != 1 {
        // At most 65535.
        attributes.push(int("group", window.groups as i64));
    }
    attributes
}

/// A windowed operator with its attributes, for people.
pub fn describe(name: &str, window: Window) -> String {
    let ([rows, columns], [down, across]) = (window.kernel, window.stride);
    let mut text = format!("{name} {rows}x{columns} stride {down}x{across}");
    if window.dilation != [1, 1] {
        text += &format!(" dilation {}x{}", window.dilation[0], window.dilation[1]);
    }
    if window.groups > 1 {
        text += &format!(" in {} groups", window.groups);
    }
    text
}

/// The shape of the output with so many zeros below and on the right; `None` where the kernel does
/// not fit.
pub fn output(window: Window, from: Shape, channels: usize, far: [usize; 2]) -> Option<Shape> {
    let [height, width] = window.conv(from.sides(), far)?;
    Some(Shape {
        channels,
        height,
        width,
    })
}

/// A picture that is zero outside of its sides.
pub struct Picture<'a> {
    /// Its shape.
    pub shape: Shape,
    /// Its elements.
    pub elements: &'a [i8],
}

impl Picture<'_> {
    /// The element at a place that may lie outside.
    pub fn at(&self, channel: usize, row: i64, column: i64) -> i64 {
        let (height, width) = (self.shape.height as i64, self.shape.width as i64);
        if !(0..height).contains(&row) || !(0..width).contains(&column) {
            return 0;
        }
        let at = self.shape.at(channel, (row * width + column) as usize);
        i64::from(self.elements[at])
    }
}

impl Conv {
    fn taps(&self, from: Shape, to: Shape) -> Taps {
        Taps {
            window: self.0,
            from,
            to,
            transposed: false,
        }
    }
}

impl LinearOperator for Conv {
    fn name(&self) -> &'static str {
        "conv"
    }

    fn describe(&self) -> String {
        describe("conv", self.0)
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
        let far = self.0.far_padding(from.sides(), to.sides());
        super::check::padding(layer, self.0, far)?;
        let [rows, columns] = self.0.kernel;
        let unfit = || GraphError::Shape {
            layer: layer.to_owned(),
            expected: format!("a picture that its {rows} x {columns} kernel fits in"),
            found: from,
        };
        let given = output(self.0, from, weight_dim.0, far).ok_or_else(unfit)?;
        super::check::gives(layer, given, to)
    }

    fn products(&self, from: Shape, to: Shape) -> u64 {
        self.taps(from, to).products()
    }

    /// Each output gathers the products of the kernel with the input that it lies on.
    fn oracle(&self, linear: &QuantizedLinear, x: &[i8], from: Shape, to: Shape) -> Vec<i64> {
        let (window, x) = (
            self.0,
            Picture {
                shape: from,
                elements: x,
            },
        );
        let mut sums = vec![0; to.len()];
        let inputs = from.channels / window.groups;
        for output in 0..to.channels {
            let first = output / (to.channels / window.groups) * inputs;
            for i in 0..to.height {
                for j in 0..to.width {
                    let mut accumulator = i64::from(linear.bias[output]);
                    let mut column = 0;
                    for u in 0..window.kernel[0] {
                        for v in 0..window.kernel[1] {
                            for channel in first..first + inputs {
                                let row = (i * window.stride[0] + u * window.dilation[0]) as i64;
                                let across = (j * window.stride[1] + v * window.dilation[1]) as i64;
                                let (row, across) = (
                                    row - window.padding[0] as i64,
                                    across - window.padding[1] as i64,
                                );
                                let weight = i64::from(linear.weights[[output, column]]);
                                accumulator += weight * x.at(channel, row, across);
                                column += 1;
                            }
                        }
                    }
                    sums[to.at(output, i * to.width + j)] = accumulator;
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
        let from = writer.network.first_shape(node);
        let attributes = attributes(self.0, self.0.far_padding(from.sides(), node.shape.sides()));
        let kernel = conv_of_rows(linear.weight.view(), self.0);
        let weight = writer.constant(node, "weight", kernel.shape(), kernel.iter());
        let bias = writer.constant(node, "bias", &[linear.bias.len()], linear.bias.iter());
        let to = writer.named(index, &picture(node.shape), format!("{}.output", node.name));
        writer.push(
            "Conv",
            &node.name,
            &[&x, &weight, &bias],
            &to.name,
            attributes,
        );
        to
    }

    fn write_integer(
        &self,
        writer: &mut IntegerWriter<'_>,
        node: &Node<Integer>,
        linear: &QuantizedLinear,
    ) -> Vec<usize> {
        let x = writer.picture(node);
        let from = writer.network.first_shape(node);
        let attributes = attributes(self.0, self.0.far_padding(from.sides(), node.shape.sides()));
        let kernel = conv_of_rows(linear.weights.view(), self.0);
        let weights = (kernel.shape(), kernel.iter().copied().collect());
        writer.linear(node, linear, &x, weights, 0, ("Conv", attributes));
        picture(node.shape).to_vec()
    }

    fn lower<'a>(&self, lowering: &Lowering<'a>) -> Result<Kind<'a>, LowerError> {
        Ok(Kind::Conv(op::Conv {
            window: window(self.0)?,
            groups: u16_of("a number of groups", self.0.groups)?,
            weights: lowering.weights,
        }))
    }
}

/// Reads Conv.
///
/// # Errors
/// [`NodeFault`].
pub fn read(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    let windowed = Windowed::read(importer, node, false)?;
    let (outputs, inputs, ..) = windowed.kernel.dim();
    if !outputs.is_multiple_of(windowed.window.groups) {
        let expected = format!(
            "a number of outputs that {} divides",
            windowed.window.groups
        );
        return Err(wrong("weight", windowed.kernel.shape(), expected));
    }
    channels(&windowed, inputs.saturating_mul(windowed.window.groups))?;
    let (from, window) = (windowed.from.sides(), windowed.window);
    let extent = [0, 1].map(|axis| window.extent(axis));
    let padding = padding(windowed.auto, windowed.pads, from, extent, window.stride);
    let [top, left, bottom, right] = padding;
    let window = Window {
        padding: [top, left],
        ..windowed.window
    };
    super::check::padding(&clean(&node_name(node)), window, [bottom, right])?;
    let outputs = windowed.bias.len();
    let to = output(window, windowed.from, outputs, [bottom, right]).ok_or_else(|| {
        let [rows, columns] = extent;
        let expected = format!("a picture that its window of {rows} x {columns} fits in");
        wrong("input", from, expected)
    })?;
    let op = Op::conv(&windowed.kernel, windowed.bias, window);
    importer.push(node, op, vec![windowed.source], to, dims(to))
}
