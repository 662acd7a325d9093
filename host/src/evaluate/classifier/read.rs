//! From an ONNX file to a [`ConvNet`]: a chain of convolutions, batch normalisations, ReLUs and dense layers.
//!
//! The file may be hostile: sizes are checked before anything is allocated, and nothing in it can make this code panic.

use super::layers::{ConvNet, Convolution, Extent, Layer};
use crate::onnx::proto::{AttributeProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use crate::onnx::tensor::{Constant, TensorFault};
use crate::onnx::{OnnxError, limits};
use ndarray::{Array1, Array2, ArrayView2, ArrayView4, Axis};
use prost::Message;
use std::collections::BTreeMap;

/// The most elements of one picture's activations, and the most rows or columns of a kernel.
const MAX_ACTIVATIONS: usize = 1 << 20;
const MAX_KERNEL: usize = 64;

/// The most multiplications for one picture: twenty times those of a good classifier of small pictures. Weights count
/// as often as they are used, so this bounds memory, too.
const MAX_PRODUCTS: u64 = 1 << 26;

/// Why a file is no classifier.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is no ONNX file, or a constant in it is wrong.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// The graph's input is no grey picture.
    #[error("its input is {found}, expected one grey picture of shape (N, 1, rows, columns)")]
    Input {
        /// What it is.
        found: String,
    },
    /// A node cannot be used.
    #[error(
        "node {node} ({op}): {why}; expected a chain of Conv, BatchNormalization, Relu, LeakyRelu, Flatten, Reshape and Gemm, trained by `thumbgen train classifier`"
    )]
    Node {
        /// Its name, or its output's.
        node: String,
        /// Its operator.
        op: String,
        /// What is wrong with it.
        why: String,
    },
    /// It does not end in a dense layer behind another layer.
    #[error("its last node is no Gemm that gives class logits from features")]
    NoHead,
}

/// Reads a classifier of one input, a picture of shape (N, 1, rows, columns) or (N, rows * columns) with a Reshape to
/// that behind it, and one output, logits of shape (N, classes).
///
/// # Errors
/// [`ReadError`] names the node.
pub fn from_bytes(bytes: &[u8]) -> Result<ConvNet, ReadError> {
    limits::check(bytes).map_err(OnnxError::from)?;
    let model = ModelProto::decode(bytes).map_err(OnnxError::from)?;
    let graph = model.graph.as_ref().ok_or(OnnxError::NoGraph)?;
    let constants: BTreeMap<&str, &TensorProto> = graph
        .initializer
        .iter()
        .map(|t| (t.name.as_str(), t))
        .collect();
    let inputs: Vec<&ValueInfoProto> = graph
        .input
        .iter()
        .filter(|i| !constants.contains_key(i.name.as_str()))
        .collect();
    let &[input] = inputs.as_slice() else {
        return Err(ReadError::Input {
            found: format!("{} inputs", inputs.len()),
        });
    };
    let mut chain = Chain {
        constants,
        value: input.name.clone(),
        shape: input_shape(input)?,
        input: None,
        layers: Vec::new(),
        products: 0,
    };
    for node in &graph.node {
        chain.step(node).map_err(|fault| match fault {
            Fault::Wrong(why) => ReadError::Node {
                node: clean(
                    node.output
                        .first()
                        .filter(|_| node.name.is_empty())
                        .unwrap_or(&node.name),
                ),
                op: clean(&node.op_type),
                why,
            },
            Fault::Tensor(name, fault) => ReadError::Onnx(OnnxError::Tensor { name, fault }),
        })?;
    }
    match (chain.input, chain.layers.pop()) {
        (Some(input), Some(Layer::Dense(weight, bias))) if !chain.layers.is_empty() => {
            Ok(ConvNet {
                input,
                body: chain.layers,
                head: (weight, bias),
            })
        }
        _ => Err(ReadError::NoHead),
    }
}

/// A name from a file, short and on one line.
fn clean(name: &str) -> String {
    name.chars().take(80).filter(|c| !c.is_control()).collect()
}

/// A sample's shape as the chain goes: a vector, or rows, columns and channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Vector(usize),
    Picture(Extent),
}

/// A constant of floats.
struct Weights {
    shape: Vec<usize>,
    values: Vec<f32>,
}

enum Fault {
    Wrong(String),
    Tensor(String, TensorFault),
}

fn wrong<T>(why: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Wrong(why.into()))
}

fn input_shape(input: &ValueInfoProto) -> Result<Form, ReadError> {
    let tensor = input.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    let dims = tensor
        .and_then(|t| t.shape.as_ref())
        .map_or(&[][..], |s| s.dim.as_slice());
    let size = |value: Option<i64>| usize::try_from(value.unwrap_or(0)).ok();
    let sizes: Option<Vec<usize>> = dims.iter().skip(1).map(|d| size(d.dim_value)).collect();
    let found = || ReadError::Input {
        found: format!("of shape (N, {sizes:?})"),
    };
    let extent = match sizes.as_deref() {
        Some(&[length]) if (1..=MAX_ACTIVATIONS).contains(&length) => {
            return Ok(Form::Vector(length));
        }
        Some(&[1, height, width]) => Extent {
            height,
            width,
            channels: 1,
        },
        _ => return Err(found()),
    };
    if (1..=MAX_ACTIVATIONS).contains(&extent.len()) {
        Ok(Form::Picture(extent))
    } else {
        Err(found())
    }
}

/// The walk along the nodes; every node reads what the one before it wrote.
struct Chain<'a> {
    constants: BTreeMap<&'a str, &'a TensorProto>,
    value: String,
    shape: Form,
    /// The picture's extent, once it is known.
    input: Option<Extent>,
    layers: Vec<Layer>,
    products: u64,
}

impl Chain<'_> {
    fn step(&mut self, node: &NodeProto) -> Result<(), Fault> {
        if node.input.first() != Some(&self.value) {
            return wrong("it does not read what the node before it gives");
        }
        if let Form::Picture(extent) = self.shape {
            self.input.get_or_insert(extent);
        }
        match node.op_type.as_str() {
            "Conv" => self.convolution(node)?,
            "BatchNormalization" => self.batch_norm(node)?,
            "Relu" => self.layers.push(Layer::Rectify(0.0)),
            "LeakyRelu" => {
                let slope = attribute(node, "alpha").map_or(0.01, |a| a.f);
                self.layers.push(Layer::Rectify(slope));
            }
            "Gemm" => self.dense(node)?,
            "Flatten" if attribute(node, "axis").is_none_or(|a| a.i == 1) => self.flatten(),
            "Reshape" => self.reshape(node)?,
            "Identity" | "Dropout" => {}
            _ => return wrong("this operator is not supported here"),
        }
        self.value = node.output.first().cloned().unwrap_or_default();
        Ok(())
    }

    /// The constant at an input of a node, of so many dimensions; `None` where the node has no such input.
    fn constant(
        &self,
        node: &NodeProto,
        index: usize,
        rank: usize,
    ) -> Result<Option<Weights>, Fault> {
        let Some(name) = node.input.get(index).filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let Some(tensor) = self.constants.get(name.as_str()) else {
            return wrong(format!("its input {} is no initializer", clean(name)));
        };
        let constant =
            Constant::decode(tensor).map_err(|fault| Fault::Tensor(clean(name), fault))?;
        match constant.as_floats() {
            Some(values) if constant.shape.len() == rank => Ok(Some(Weights {
                values: values.to_vec(),
                shape: constant.shape,
            })),
            _ => wrong(format!(
                "its input {} has shape {:?}",
                clean(name),
                constant.shape
            )),
        }
    }

    fn vector(&self, node: &NodeProto, index: usize, len: usize) -> Result<Array1<f32>, Fault> {
        match self.constant(node, index, 1)? {
            None => Ok(Array1::zeros(len)),
            Some(Weights { values, .. }) if values.len() == len => Ok(values.into()),
            Some(Weights { values, .. }) => {
                wrong(format!("{} values for {len} channels", values.len()))
            }
        }
    }

    /// Multiplications add up, so that a small file cannot ask for years of work.
    fn spend(&mut self, products: u64) -> Result<(), Fault> {
        self.products = self.products.saturating_add(products);
        if self.products > MAX_PRODUCTS {
            return wrong(format!("over {MAX_PRODUCTS} multiplications a picture"));
        }
        Ok(())
    }

    fn convolution(&mut self, node: &NodeProto) -> Result<(), Fault> {
        let Form::Picture(from) = self.shape else {
            return wrong("its input is a vector, expected a picture");
        };
        let Some(Weights { shape, values }) = self.constant(node, 1, 4)? else {
            return wrong("it has no weights");
        };
        let &[outputs, inputs, rows, columns] = shape.as_slice() else {
            return wrong("its weights do not have four dimensions");
        };
        let Ok(weight) = ArrayView4::from_shape([outputs, inputs, rows, columns], &values) else {
            return wrong("its weights do not fit their shape");
        };
        if inputs != from.channels || outputs == 0 {
            return wrong(format!(
                "weights for {inputs} channels, found {}",
                from.channels
            ));
        }
        let plain = |name, expected: i64| attribute(node, name).is_none_or(|a| a.i == expected);
        let ones = attribute(node, "dilations").is_none_or(|a| a.ints.iter().all(|&d| d == 1));
        let pads = attribute(node, "auto_pad").is_none_or(|a| a.s == b"NOTSET");
        if !(plain("group", 1) && ones && pads) {
            return wrong("groups, dilations and auto_pad are not supported");
        }
        let stride = sizes(node, "strides", [1, 1])?;
        let padding = sizes(node, "pads", [0; 4])?;
        let out = |size: usize, before: usize, after: usize, kernel: usize, stride: usize| {
            let room = (size + before + after).checked_sub(kernel)?;
            Some(room / stride.max(1) + 1)
        };
        let fits = (1..=MAX_KERNEL).contains(&rows)
            && (1..=MAX_KERNEL).contains(&columns)
            && stride.iter().all(|s| *s > 0);
        let to = (
            out(from.height, padding[0], padding[2], rows, stride[0]),
            out(from.width, padding[1], padding[3], columns, stride[1]),
        );
        let (true, (Some(height), Some(width))) = (fits, to) else {
            return wrong(format!(
                "kernel {rows} x {columns}, stride {stride:?} do not fit"
            ));
        };
        let to = Extent {
            height,
            width,
            channels: outputs,
        };
        if to.len() > MAX_ACTIVATIONS {
            return wrong(format!("{} activations a picture", to.len()));
        }
        self.spend(to.len() as u64 * (inputs * rows * columns) as u64)?;
        // (outputs, inputs, rows, columns) to (rows, columns, inputs; outputs).
        let weight = weight.permuted_axes([2, 3, 1, 0]);
        let weight: Vec<f32> = weight.iter().copied().collect();
        let weight = Array2::from_shape_vec((rows * columns * inputs, outputs), weight);
        let Ok(weight) = weight else {
            return wrong("its weights do not fit their shape");
        };
        let convolution = Convolution {
            weight,
            bias: self.vector(node, 2, outputs)?,
            kernel: [rows, columns],
            stride,
            corner: [padding[0], padding[1]],
            from,
            to,
        };
        self.layers.push(Layer::Convolution(convolution));
        self.shape = Form::Picture(to);
        Ok(())
    }

    fn batch_norm(&mut self, node: &NodeProto) -> Result<(), Fault> {
        let channels = match self.shape {
            Form::Vector(len) => len,
            Form::Picture(extent) => extent.channels,
        };
        if matches!(self.shape, Form::Vector(_)) && self.flattened_from().is_some() {
            return wrong("it stands behind a flattened picture; put it before");
        }
        let epsilon = attribute(node, "epsilon").map_or(1e-5, |a| a.f);
        let [scale, bias, mean, variance] = [1, 2, 3, 4].map(|i| self.vector(node, i, channels));
        let factor = scale? / variance?.mapv(|v| (v + epsilon).sqrt());
        let summand = bias? - mean? * &factor;
        if factor.iter().chain(&summand).any(|v| !v.is_finite()) {
            return wrong("its variances are negative or zero");
        }
        self.layers.push(Layer::Affine(factor, summand));
        Ok(())
    }

    fn dense(&mut self, node: &NodeProto) -> Result<(), Fault> {
        let Form::Vector(len) = self.shape else {
            return wrong("its input is a picture, expected a vector");
        };
        let factors = ["alpha", "beta"].map(|name| attribute(node, name).map_or(1.0, |a| a.f));
        if factors != [1.0, 1.0] || attribute(node, "transA").is_some_and(|a| a.i != 0) {
            return wrong("alpha, beta and transA are not supported");
        }
        let Some(Weights { shape, values }) = self.constant(node, 1, 2)? else {
            return wrong("it has no weights");
        };
        let Ok(weight) = ArrayView2::from_shape([shape[0], shape[1]], &values) else {
            return wrong("its weights do not fit their shape");
        };
        let transposed = attribute(node, "transB").is_some_and(|a| a.i != 0);
        let weight = if transposed {
            weight.reversed_axes()
        } else {
            weight
        };
        if weight.nrows() != len || weight.ncols() == 0 {
            return wrong(format!(
                "weights of shape {:?} for {len} values",
                weight.dim()
            ));
        }
        self.spend(values.len() as u64)?;
        // Activations lie channels last; the file's weights expect the channels first.
        let order = self
            .flattened_from()
            .map_or_else(|| (0..len).collect(), channels_last);
        let weight = weight.select(Axis(0), &order);
        let outputs = weight.ncols();
        let bias = self.vector(node, 2, outputs)?;
        self.layers.push(Layer::Dense(weight, bias));
        self.shape = Form::Vector(outputs);
        Ok(())
    }

    /// The extent of the activations where they are a picture that was flattened and no dense layer stands between.
    fn flattened_from(&self) -> Option<Extent> {
        let shaping = self.layers.iter().rev().find_map(|layer| match layer {
            Layer::Convolution(convolution) => Some(Some(convolution.to)),
            Layer::Dense(..) => Some(None),
            Layer::Affine(..) | Layer::Rectify(_) => None,
        });
        shaping.flatten()
    }

    fn flatten(&mut self) {
        if let Form::Picture(extent) = self.shape {
            self.shape = Form::Vector(extent.len());
        }
    }

    /// To a vector, or from the input's vector to its picture.
    fn reshape(&mut self, node: &NodeProto) -> Result<(), Fault> {
        let name = node.input.get(1).cloned().unwrap_or_default();
        let tensor = self.constants.get(name.as_str());
        let constant = tensor.and_then(|t| Constant::decode(t).ok());
        let target = constant
            .as_ref()
            .and_then(|c| c.as_ints())
            .unwrap_or_default();
        let size = |d: i64| usize::try_from(d).ok().filter(|&d| d > 0);
        match (self.shape, target) {
            (form, &[_, length]) => {
                let len = match form {
                    Form::Vector(len) => len,
                    Form::Picture(extent) => extent.len(),
                };
                if length != -1 && size(length) != Some(len) {
                    return wrong(format!("{len} values cannot become {length}"));
                }
                self.shape = Form::Vector(len);
                Ok(())
            }
            (Form::Vector(len), &[_, 1, height, width]) if self.layers.is_empty() => {
                let (Some(height), Some(width)) = (size(height), size(width)) else {
                    return wrong(format!("the shape {target:?} is not fixed"));
                };
                let extent = Extent {
                    height,
                    width,
                    channels: 1,
                };
                if extent.len() != len {
                    return wrong(format!("{len} values cannot become {height} x {width}"));
                }
                self.input.get_or_insert(extent);
                self.shape = Form::Picture(extent);
                Ok(())
            }
            _ => wrong("only a reshape of the input to a picture, or to a vector, is supported"),
        }
    }
}

/// For each element in the order rows, columns, channels, its place in the order channels, rows, columns.
fn channels_last(extent: Extent) -> Vec<usize> {
    let places = extent.height * extent.width;
    (0..extent.len())
        .map(|at| at % extent.channels * places + at / extent.channels)
        .collect()
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|a| a.name == name)
}

/// A list of sizes, each at most [`MAX_KERNEL`].
fn sizes<const N: usize>(
    node: &NodeProto,
    name: &str,
    absent: [usize; N],
) -> Result<[usize; N], Fault> {
    let Some(attribute) = attribute(node, name) else {
        return Ok(absent);
    };
    let size = |&v: &i64| usize::try_from(v).ok().filter(|v| *v <= MAX_KERNEL);
    let found: Option<Vec<usize>> = attribute.ints.iter().map(size).collect();
    match found.and_then(|found| <[usize; N]>::try_from(found).ok()) {
        Some(sizes) => Ok(sizes),
        None => wrong(format!(
            "its {name} are {:?}",
            attribute.ints.iter().take(8).collect::<Vec<_>>()
        )),
    }
}
