//! The checks that make every later access safe: shapes, orders, finite parameters, unique names.

use super::{
    BatchNorm, Conv, ConvTranspose, Dense, Layer, MAX_ELEMENTS, MAX_NODES, MAX_SIDE, Network,
    NetworkError, Node, Shape, Source,
};
use ndarray::Array1;
use std::collections::BTreeSet;

/// Kernels and strides are bytes in a model image.
const MAX_WINDOW: usize = 255;

impl Network {
    /// Checks that every shape fits the next, that all parameters are finite and all names differ.
    ///
    /// # Errors
    /// [`NetworkError`] names the node.
    pub fn check(&self) -> Result<(), NetworkError> {
        self.shapes().map(|_| ())
    }

    /// The shape of each node's output. Does all of [`Network::check`] on the way.
    ///
    /// # Errors
    /// [`NetworkError`] names the node.
    pub fn shapes(&self) -> Result<Vec<Shape>, NetworkError> {
        if self.nodes.len() > MAX_NODES {
            return Err(NetworkError::TooManyNodes(self.nodes.len()));
        }
        if self.input.classes > 255 {
            return Err(NetworkError::Classes(self.input.classes));
        }
        size("the input", Shape::vector(self.input.len()))?;
        let mut names = BTreeSet::new();
        let mut shapes = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            if !names.insert(&node.name) {
                return Err(NetworkError::Name(node.name.clone()));
            }
            let inputs = self.input_shapes(node, &shapes)?;
            let shape = output_shape(node, &inputs)?;
            size(&node.name, shape)?;
            shapes.push(shape);
        }
        let has_weights = self.nodes.iter().any(|node| {
            matches!(
                node.layer,
                Layer::Dense(_) | Layer::Conv(_) | Layer::ConvTranspose(_)
            )
        });
        match shapes.last() {
            Some(last) if *last == self.output && has_weights => Ok(shapes),
            Some(last) if has_weights => Err(NetworkError::Picture {
                found: *last,
                picture: self.output,
            }),
            _ => Err(NetworkError::NoWeights),
        }
    }

    fn input_shapes(&self, node: &Node, shapes: &[Shape]) -> Result<Vec<Shape>, NetworkError> {
        let fits = match node.layer {
            Layer::Concat => node.inputs.len() >= 2,
            _ => node.inputs.len() == 1,
        };
        if !fits {
            return Err(NetworkError::Inputs {
                layer: node.name.clone(),
                found: node.inputs.len(),
                expected: if matches!(node.layer, Layer::Concat) {
                    "two or more"
                } else {
                    "one"
                },
            });
        }
        if matches!(node.layer, Layer::Embedding { .. }) && node.inputs != [Source::Label] {
            return Err(NetworkError::Order {
                layer: node.name.clone(),
            });
        }
        let shape = |source: &Source| {
            self.source_shape(*source, shapes)
                .filter(|shape| !shape.is_empty())
                .ok_or_else(|| NetworkError::Order {
                    layer: node.name.clone(),
                })
        };
        node.inputs.iter().map(shape).collect()
    }
}

/// The output of a node with inputs of these shapes; its parameters are checked on the way.
fn output_shape(node: &Node, inputs: &[Shape]) -> Result<Shape, NetworkError> {
    let name = node.name.as_str();
    // `input_shapes` has made sure that there is one.
    let from = inputs.first().copied().unwrap_or(Shape::vector(0));
    let unfit = |expected: String| NetworkError::Shape {
        layer: name.to_owned(),
        expected,
        found: from,
    };
    Ok(match &node.layer {
        Layer::Dense(Dense { weight, bias }) => {
            if weight.ncols() != from.len() {
                return Err(unfit(format!("{} values", weight.ncols())));
            }
            parameter(name, "a bias", weight.nrows(), bias)?;
            finite(name, "a weight", weight.iter())?;
            Shape::vector(weight.nrows())
        }
        Layer::Conv(conv) => {
            let (outputs, inputs, rows, columns) = conv.weight.dim();
            if inputs != from.channels {
                return Err(unfit(format!("{inputs} channels")));
            }
            parameter(name, "a bias", outputs, &conv.bias)?;
            finite(name, "a weight", conv.weight.iter())?;
            window(name, [rows, columns], conv.stride, conv.padding)?;
            conv.output_shape(from).ok_or_else(|| {
                unfit(format!(
                    "a picture that its {rows} x {columns} kernel fits in"
                ))
            })?
        }
        Layer::ConvTranspose(conv) => {
            let (inputs, outputs, rows, columns) = conv.weight.dim();
            if inputs != from.channels {
                return Err(unfit(format!("{inputs} channels")));
            }
            parameter(name, "a bias", outputs, &conv.bias)?;
            finite(name, "a weight", conv.weight.iter())?;
            window(name, [rows, columns], conv.stride, conv.padding)?;
            let [down, across] = conv.output_padding;
            if down >= conv.stride[0] || across >= conv.stride[1] {
                return Err(NetworkError::Window {
                    layer: name.to_owned(),
                    what: "an output padding",
                    found: format!("{:?}", conv.output_padding),
                    expected: "less than the stride",
                });
            }
            conv.output_shape(from)
                .ok_or_else(|| unfit("a picture that its padding leaves something of".to_owned()))?
        }
        Layer::BatchNorm(norm) => {
            batch_norm(name, norm, from)?;
            from
        }
        Layer::LeakyRelu { slope } => {
            finite(name, "a slope", std::iter::once(slope))?;
            from
        }
        Layer::Relu | Layer::Tanh | Layer::Sigmoid => from,
        Layer::Upsample { factor } => {
            if factor.iter().any(|f| !(1..=MAX_WINDOW).contains(f)) {
                return Err(NetworkError::Window {
                    layer: name.to_owned(),
                    what: "a factor",
                    found: format!("{factor:?}"),
                    expected: "1 to 255",
                });
            }
            Shape {
                channels: from.channels,
                height: from.height * factor[0],
                width: from.width * factor[1],
            }
        }
        Layer::Reshape { shape } => {
            if shape.len() != from.len() {
                return Err(unfit(format!("{} values", shape.len())));
            }
            *shape
        }
        Layer::Concat => {
            let other = inputs
                .iter()
                .find(|shape| (shape.height, shape.width) != (from.height, from.width));
            if let Some(other) = other {
                return Err(NetworkError::Shape {
                    layer: name.to_owned(),
                    expected: format!("{} x {} rows and columns", from.height, from.width),
                    found: *other,
                });
            }
            Shape {
                channels: inputs
                    .iter()
                    .fold(0, |sum, shape| sum.saturating_add(shape.channels)),
                ..from
            }
        }
        Layer::Embedding { table } => {
            if table.nrows() != from.len() {
                return Err(unfit(format!("{} classes", table.nrows())));
            }
            finite(name, "an entry", table.iter())?;
            Shape::vector(table.ncols())
        }
    })
}

impl Conv {
    /// The output's shape; `None` where the kernel does not fit.
    pub fn output_shape(&self, from: Shape) -> Option<Shape> {
        let (outputs, _, rows, columns) = self.weight.dim();
        let [top, left, bottom, right] = self.padding;
        let side = |len: usize, before: usize, after: usize, kernel: usize, stride: usize| {
            (len + before + after)
                .checked_sub(kernel)?
                .checked_div(stride)
                .map(|steps| steps + 1)
        };
        Some(Shape {
            channels: outputs,
            height: side(from.height, top, bottom, rows, self.stride[0])?,
            width: side(from.width, left, right, columns, self.stride[1])?,
        })
    }
}

impl ConvTranspose {
    /// The output's shape; `None` where the padding leaves nothing.
    pub fn output_shape(&self, from: Shape) -> Option<Shape> {
        let (_, outputs, rows, columns) = self.weight.dim();
        let [top, left, bottom, right] = self.padding;
        let side = |len: usize, axis: usize, kernel: usize, cut: usize| {
            let whole =
                len.checked_sub(1)? * self.stride[axis] + kernel + self.output_padding[axis];
            whole.checked_sub(cut).filter(|&side| side > 0)
        };
        Some(Shape {
            channels: outputs,
            height: side(from.height, 0, rows, top + bottom)?,
            width: side(from.width, 1, columns, left + right)?,
        })
    }
}

fn window(
    layer: &str,
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 4],
) -> Result<(), NetworkError> {
    let fail = |what, found: String, expected| {
        Err(NetworkError::Window {
            layer: layer.to_owned(),
            what,
            found,
            expected,
        })
    };
    let bytes = |sides: [usize; 2]| sides.iter().all(|side| (1..=MAX_WINDOW).contains(side));
    if !bytes(kernel) {
        return fail("a kernel", format!("{kernel:?}"), "1 to 255 a side");
    }
    if !bytes(stride) {
        return fail("a stride", format!("{stride:?}"), "1 to 255 a side");
    }
    let [top, left, bottom, right] = padding;
    if top.max(bottom) >= kernel[0] || left.max(right) >= kernel[1] {
        return fail("a padding", format!("{padding:?}"), "less than the kernel");
    }
    Ok(())
}

fn batch_norm(name: &str, norm: &BatchNorm, from: Shape) -> Result<(), NetworkError> {
    let channels = norm.scale.len();
    if channels != from.channels {
        return Err(NetworkError::Shape {
            layer: name.to_owned(),
            expected: format!("{channels} channels"),
            found: from,
        });
    }
    parameter(name, "a scale", channels, &norm.scale)?;
    parameter(name, "a bias", channels, &norm.bias)?;
    parameter(name, "a mean", channels, &norm.mean)?;
    parameter(name, "a variance", channels, &norm.variance)?;
    let guarded = norm.variance.iter().map(|v| v + norm.epsilon);
    match guarded.into_iter().find(|v| v.is_nan() || *v <= 0.0) {
        None => Ok(()),
        Some(value) => Err(NetworkError::NotFinite {
            layer: name.to_owned(),
            parameter: "a variance plus epsilon",
            value: value.to_string(),
        }),
    }
}

fn size(what: &str, shape: Shape) -> Result<(), NetworkError> {
    let sides = [shape.channels, shape.height, shape.width];
    if sides.iter().all(|side| (1..=MAX_SIDE).contains(side)) && shape.len() <= MAX_ELEMENTS {
        Ok(())
    } else {
        Err(NetworkError::Size {
            what: what.to_owned(),
            shape,
        })
    }
}

fn parameter(
    layer: &str,
    parameter: &'static str,
    expected: usize,
    values: &Array1<f32>,
) -> Result<(), NetworkError> {
    if values.len() != expected {
        return Err(NetworkError::Parameter {
            layer: layer.to_owned(),
            parameter,
            expected,
            found: values.len(),
        });
    }
    finite(layer, parameter, values.iter())
}

fn finite<'a>(
    layer: &str,
    parameter: &'static str,
    mut values: impl Iterator<Item = &'a f32>,
) -> Result<(), NetworkError> {
    match values.find(|v| !v.is_finite()) {
        None => Ok(()),
        Some(value) => Err(NetworkError::NotFinite {
            layer: layer.to_owned(),
            parameter,
            value: value.to_string(),
        }),
    }
}
