//! Means over windows: AveragePool and GlobalAveragePool.

use super::conv::{attributes, output};
use super::divide::requantize;
use super::lower::{LowerError, Lowering, window};
use super::{CombineOperator, Exponent};
use crate::graph::{Alignment, Combine, Float, GraphError, Integer, Node, Op, Shape, Taps, Window};
use crate::onnx::build::{floats, int};
use crate::onnx::error::NodeFault;
use crate::onnx::importer::{Importer, Value, clean, int as int_of, node_name, wrong};
use crate::onnx::proto::NodeProto;
use crate::onnx::tensors::{FloatWriter, IntegerWriter, Tensor, picture};
use crate::onnx::windows::{Auto, dims, list, padding, pictures};
use ndarray::{Array2, ArrayView2, LinalgScalar};
use shared::arithmetic::{Activation, MAX_SHIFT, saturate, shift_round_half_even};
use shared::op::{self, Kind, reciprocal};

/// Bits behind the point of the factor that a sum over a window is multiplied with.
const RECIPROCAL_BITS: i32 = 16;

/// The mean over a window of each channel.
pub struct AveragePool {
    /// How the window moves; it has no groups.
    pub window: Window,
    /// Zeros around the picture count as values.
    pub count_include_pad: bool,
}

impl Op<Float> {
    /// The mean over a window of each channel.
    pub const fn average_pool(window: Window, count_include_pad: bool) -> Self {
        Self::Combine(
            Combine::AveragePool {
                window,
                count_include_pad,
            },
            (),
        )
    }
}

impl AveragePool {
    /// For each pixel of the output, the pixels of the input under the window, and by how many
    /// their sum is divided.
    fn windows(&self, from: Shape, to: Shape) -> Vec<(Vec<usize>, u32)> {
        let taps = Taps {
            window: self.window,
            from,
            to,
            transposed: false,
        };
        let pixel = |pixel: usize| {
            let mut under = Vec::with_capacity(self.window.area());
            taps.at(pixel, |_, at| under.push(at));
            let count = match self.count_include_pad {
                true => self.window.area(),
                false => under.len(),
            };
            // At most 255 x 255.
            (under, count as u32)
        };
        (0..to.pixels()).map(pixel).collect()
    }
}

/// Sums under the windows, and what `finish` makes of each with its count.
fn pool<T: LinalgScalar, U: Copy>(
    windows: &[(Vec<usize>, u32)],
    x: ArrayView2<T>,
    from: Shape,
    to: Shape,
    finish: impl Fn(T, usize) -> U,
) -> Vec<U> {
    let mut y = Vec::with_capacity(x.nrows() * to.len());
    for row in x.rows() {
        for at in 0..to.len() {
            let place = to.place(at);
            let pixel = place.row * to.width + place.column;
            let elements = windows[pixel].0.iter();
            let elements = elements.map(|&under| row[from.at(place.channel, under)]);
            y.push(finish(elements.fold(T::zero(), |sum, x| sum + x), pixel));
        }
    }
    y
}

/// The output for a batch.
pub fn run<T: LinalgScalar>(
    window: Window,
    count_include_pad: bool,
    x: ArrayView2<T>,
    from: Shape,
    to: Shape,
) -> Array2<T> {
    let operator = AveragePool {
        window,
        count_include_pad,
    };
    let windows = operator.windows(from, to);
    let count = |count: u32| (0..count).fold(T::zero(), |sum, _| sum + T::one());
    let counts: Vec<T> = windows.iter().map(|(_, n)| count(*n)).collect();
    let y = pool(&windows, x, from, to, |sum, pixel| sum / counts[pixel]);
    Array2::from_shape_vec((x.nrows(), to.len()), y).unwrap_or_else(|_| Array2::zeros((0, 0)))
}

/// The output for a batch in integers.
pub fn run_integer(
    operator: &AveragePool,
    alignment: &Alignment,
    x: ArrayView2<i8>,
    from: Shape,
    to: Shape,
) -> Array2<i8> {
    let windows = operator.windows(from, to);
    let shift = u32::from(alignment.only());
    let factors: Vec<i32> = windows.iter().map(|(_, n)| reciprocal(*n)).collect();
    let y = pool(
        &windows,
        x.mapv(i32::from).view(),
        from,
        to,
        |sum, pixel| saturate(shift_round_half_even(sum * factors[pixel], shift)),
    );
    Array2::from_shape_vec((x.nrows(), to.len()), y).unwrap_or_else(|_| Array2::zeros((0, 0)))
}

impl CombineOperator for AveragePool {
    fn name(&self) -> &'static str {
        "average pool"
    }

    fn describe(&self, _: usize) -> String {
        let ([rows, columns], [down, across]) = (self.window.kernel, self.window.stride);
        format!("average pool {rows}x{columns} stride {down}x{across}")
    }

    fn takes(&self, inputs: usize) -> Result<(), &'static str> {
        if inputs == 1 { Ok(()) } else { Err("one") }
    }

    fn check(&self, layer: &str, inputs: &[Shape], to: Shape) -> Result<(), GraphError> {
        let Some(&from) = inputs.first() else {
            return Ok(());
        };
        let columns = self.window.area() * from.channels;
        super::check::window(layer, self.window, (from.channels, columns), from)?;
        let far = self.window.far_padding(from.sides(), to.sides());
        super::check::padding(layer, self.window, far)?;
        let [rows, columns] = self.window.kernel;
        let unfit = || GraphError::Shape {
            layer: layer.to_owned(),
            expected: format!("a picture that its {rows} x {columns} window fits in"),
            found: from,
        };
        let given = output(self.window, from, from.channels, far).ok_or_else(unfit)?;
        super::check::gives(layer, given, to)
    }

    fn hands_on(&self) -> bool {
        false
    }

    fn exponent(&self, inputs: &[i32], _: Activation) -> Exponent {
        let finest = inputs.iter().sum::<i32>() - RECIPROCAL_BITS;
        Exponent::Within(finest + 1..=finest + i32::from(MAX_SHIFT))
    }

    fn align(
        &self,
        inputs: &[i32],
        output: i32,
        activation: Activation,
    ) -> Result<Alignment, (usize, i32)> {
        let shift = RECIPROCAL_BITS + output - inputs.iter().sum::<i32>();
        Alignment::one(shift, 1, activation)
    }

    fn oracle(
        &self,
        alignment: &Alignment,
        inputs: &[&[i8]],
        shapes: &[Shape],
        to: Shape,
    ) -> Vec<i8> {
        let (from, window) = (shapes[0], self.window);
        let x = super::conv::Picture {
            shape: from,
            elements: inputs[0],
        };
        let inside = |at: i64, len: usize| (0..len as i64).contains(&at);
        let mut y = Vec::with_capacity(to.len());
        for at in 0..to.len() {
            let place = to.place(at);
            let (mut sum, mut met, mut all) = (0i64, 0i64, 0i64);
            for u in 0..window.kernel[0] {
                for v in 0..window.kernel[1] {
                    let row = (place.row * window.stride[0] + u) as i64 - window.padding[0] as i64;
                    let column =
                        (place.column * window.stride[1] + v) as i64 - window.padding[1] as i64;
                    sum += x.at(place.channel, row, column);
                    met += i64::from(inside(row, from.height) && inside(column, from.width));
                    all += 1;
                }
            }
            let count = if self.count_include_pad { all } else { met };
            // Half of the count makes it round half up.
            let factor = ((1 << 16) + count / 2) / count;
            y.push(requantize(
                sum * factor,
                u32::from(alignment.only()),
                Activation::None,
            ));
        }
        y
    }

    fn write(&self, writer: &mut FloatWriter<'_>, index: usize, node: &Node<Float>) -> Tensor {
        let x = writer.picture(node);
        let from = writer.network.first_shape(node);
        let far = self.window.far_padding(from.sides(), node.shape.sides());
        let mut attributes = attributes(self.window, far);
        let counts = int("count_include_pad", i64::from(self.count_include_pad));
        attributes.push(counts);
        let to = writer.named(index, &picture(node.shape), format!("{}.output", node.name));
        writer.push("AveragePool", &node.name, &[&x], &to.name, attributes);
        to
    }

    /// Sums by a convolution of ones with a group for each channel, times the reciprocals of the
    /// counts: exact, where a runtime's own pooling divides.
    fn write_integer(&self, writer: &mut IntegerWriter<'_>, node: &Node<Integer>) -> Vec<usize> {
        let name = node.name.as_str();
        let from = writer.network.first_shape(node);
        let far = self.window.far_padding(from.sides(), node.shape.sides());
        let x = writer.picture(node);
        let x = writer.real(node, 0, &x);
        let [ones, sum, factor, mean] =
            ["ones", "sum", "reciprocal", "float"].map(|what| format!("{name}.{what}"));
        let kernel = [
            from.channels,
            1,
            self.window.kernel[0],
            self.window.kernel[1],
        ];
        writer.constant(floats(&ones, &kernel, &vec![1.0; kernel.iter().product()]));
        let mut attributes = attributes(self.window, far);
        // At most 65535.
        attributes.push(int("group", from.channels as i64));
        writer.push("Conv", &sum, &[&x, &ones], &sum, attributes);
        let scale = 2f32.powi(-RECIPROCAL_BITS);
        let windows = self.windows(from, node.shape);
        // At most 2^16: exact.
        let factors = windows.iter().map(|(_, n)| reciprocal(*n) as f32 * scale);
        let factors: Vec<f32> = factors.collect();
        let sides = [1, 1, node.shape.height, node.shape.width];
        writer.constant(floats(&factor, &sides, &factors));
        writer.push("Mul", name, &[&sum, &factor], &mean, vec![]);
        writer.round(node, &mean, Activation::None);
        picture(node.shape).to_vec()
    }

    fn lower<'a>(&self, _: &Lowering<'a>, alignment: &Alignment) -> Result<Kind<'a>, LowerError> {
        Ok(Kind::AveragePool(op::AveragePool {
            window: window(self.window)?,
            counts_padding: self.count_include_pad,
            shift: alignment.only(),
        }))
    }
}

/// Reads AveragePool and GlobalAveragePool, which is a window as large as the picture.
///
/// # Errors
/// [`NodeFault`].
pub fn read(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    let data = importer.operand(node, 0)?;
    let from = pictures(&data)?;
    let global = node.op_type == "GlobalAveragePool";
    let kernel = match global {
        true => from.sides(),
        false => list(node, "kernel_shape", [0; 2], 1)?,
    };
    if kernel.contains(&0) {
        return Err(NodeFault::Place("it has no kernel_shape"));
    }
    let (mut stride, mut pads, mut auto) = ([1, 1], [0; 4], Auto::NotSet);
    if !global {
        stride = list(node, "strides", [1, 1], 1)?;
        pads = list(node, "pads", [0; 4], 0)?;
        auto = Auto::read(node)?;
        if list(node, "dilations", [1, 1], 0)? != [1, 1] {
            return Err(NodeFault::Attribute {
                name: "dilations",
                value: "another".to_owned(),
                expected: "1, 1",
            });
        }
    }
    let pads = padding(auto, pads, from.sides(), kernel, stride);
    let [top, left, bottom, right] = pads;
    let window = Window::new(kernel, stride, [top, left]);
    super::check::padding(&clean(&node_name(node)), window, [bottom, right])?;
    let to = output(window, from, from.channels, [bottom, right]).ok_or_else(|| {
        let expected = format!("a picture that its {kernel:?} window fits in");
        wrong("input", from.sides(), expected)
    })?;
    if int_of(node, "ceil_mode", 0) != 0 {
        let whole = |axis: usize, far: usize| {
            let padded = from.sides()[axis] + window.padding[axis] + far;
            (padded - kernel[axis]).is_multiple_of(stride[axis])
        };
        if !(whole(0, bottom) && whole(1, right)) {
            return Err(NodeFault::Attribute {
                name: "ceil_mode",
                value: "1".to_owned(),
                expected: "0, where the windows do not end with the picture",
            });
        }
    }
    let count_include_pad = int_of(node, "count_include_pad", 0) != 0;
    let source = importer.shaped(&data, from)?;
    let op = Op::average_pool(window, count_include_pad);
    importer.push(node, op, vec![source], to, dims(to))
}
