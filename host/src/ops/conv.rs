//! Convolution: Conv.

use super::LinearOperator;
use super::kernels::{self, conv_of_rows, rows_of_conv};
use super::lower::{LowerError, Lowering, window};
use crate::graph::{
    Float, GraphError, Integer, Linear, LinearKind, Node, Op, QuantizedLinear, Shape, Taps, Window,
};
use crate::onnx::build::ints;
use crate::onnx::error::NodeFault;
use crate::onnx::importer::{Importer, Value, clean, node_name, wrong};
use crate::onnx::proto::{AttributeProto, NodeProto};
use crate::onnx::tensors::{FloatWriter, IntegerWriter, Tensor, picture};
use crate::onnx::windows::{Auto, Windowed, channels, dims, split};
use ndarray::{Array1, Array2, Array4, ArrayView1, ArrayView2, LinalgScalar};
use shared::layer::{self, Kind};

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
    let kernel = conv_of_rows(weight, window);
    kernels::conv(x, kernel.view(), bias, from, to.sides(), window)
}

/// What the windows of an ONNX node say.
pub fn attributes(window: Window, far: [usize; 2]) -> Vec<AttributeProto> {
    let [top, left] = window.padding;
    let [bottom, right] = far;
    vec![
        ints("kernel_shape", &window.kernel),
        ints("pads", &[top, left, bottom, right]),
        ints("strides", &window.stride),
    ]
}

/// The shape of the output with so many zeros below and on the right; `None` where the kernel does not fit.
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
        let ([rows, columns], [down, across]) = (self.0.kernel, self.0.stride);
        format!("conv {rows}x{columns} stride {down}x{across}")
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
        for output in 0..to.channels {
            for i in 0..to.height {
                for j in 0..to.width {
                    let mut accumulator = i64::from(linear.bias[output]);
                    let mut column = 0;
                    for u in 0..window.kernel[0] {
                        for v in 0..window.kernel[1] {
                            for channel in 0..from.channels {
                                let row = (i * window.stride[0] + u) as i64;
                                let across = (j * window.stride[1] + v) as i64;
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
        Ok(Kind::Conv(layer::Conv {
            input: lowering.input,
            output: lowering.output,
            window: window(self.0)?,
            weights: lowering.weights,
        }))
    }
}

/// Reads Conv.
///
/// # Errors
/// [`NodeFault`].
pub fn read(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    let windowed = Windowed::read(importer, node, 0)?;
    let (_, inputs, rows, columns) = windowed.kernel.dim();
    channels(&windowed, inputs)?;
    let (from, stride) = (windowed.from.sides(), windowed.stride);
    let mut padding = windowed.pads;
    if windowed.auto != Auto::NotSet {
        padding = [0; 4];
    }
    if let Auto::SameUpper | Auto::SameLower = windowed.auto {
        for (axis, kernel) in [rows, columns].into_iter().enumerate() {
            let whole = (from[axis].div_ceil(stride[axis]) - 1) * stride[axis] + kernel;
            let total = whole.saturating_sub(from[axis]);
            (padding[axis], padding[axis + 2]) = split(total, windowed.auto);
        }
    }
    let [top, left, bottom, right] = padding;
    let window = Window::new([rows, columns], stride, [top, left]);
    super::check::padding(&clean(&node_name(node)), window, [bottom, right])?;
    let outputs = windowed.bias.len();
    let to = output(window, windowed.from, outputs, [bottom, right]).ok_or_else(|| {
        let expected = format!("a picture that its {rows} x {columns} kernel fits in");
        wrong("input", from, expected)
    })?;
    let op = Op::conv(&windowed.kernel, windowed.bias, window);
    importer.push(node, op, vec![windowed.source], to, dims(to))
}
