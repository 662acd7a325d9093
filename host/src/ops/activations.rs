//! Functions of one element: LeakyRelu, Relu, Tanh, Sigmoid in ONNX, tables of 256 entries in
//! integers.

use crate::graph::{Columns, Float, Folded, Function, Integer, Node, Op, Phase};
use crate::onnx::build::{float, int, int8s};
use crate::onnx::error::NodeFault;
use crate::onnx::importer::{Importer, Value, attribute};
use crate::onnx::proto::{AttributeProto, NodeProto, data_type};
use crate::onnx::tensors::{FloatWriter, IntegerWriter, Tensor, output_name};
use crate::onnx::turn;
use shared::arithmetic::Activation;
use shared::op::{Kind, Table};

impl<P: Phase<Function = Function>> Op<P> {
    /// `max(x, 0)`.
    pub const RELU: Self = Self::Pointwise(Function::Relu);
    /// Hyperbolic tangent.
    pub const TANH: Self = Self::Pointwise(Function::Tanh);
    /// `1 / (1 + exp(-x))`.
    pub const SIGMOID: Self = Self::Pointwise(Function::Sigmoid);

    /// `x` where positive, `slope * x` elsewhere.
    pub const fn leaky_relu(slope: f32) -> Self {
        Self::Pointwise(Function::LeakyRelu(slope))
    }
}

/// The value at `x` in single precision, as runtimes compute it.
pub fn single(function: Function, x: f32) -> f32 {
    match function {
        Function::Identity => x,
        Function::LeakyRelu(slope) => {
            if x < 0.0 {
                slope * x
            } else {
                x
            }
        }
        Function::Relu => x.max(0.0),
        Function::Tanh => x.tanh(),
        Function::Sigmoid => 1.0 / (1.0 + (-x).exp()),
    }
}

/// What a folded operation's activation is, where it takes one in.
pub fn of(op: &Op<Folded>) -> Option<Activation> {
    match op {
        Op::Linear(_, linear) => Some(linear.activation),
        Op::Combine(combine, activation) => {
            combine.operator().takes_activation().then_some(*activation)
        }
        Op::Norm(_) | Op::Pointwise(_) | Op::Move(_) => None,
    }
}

/// Where a folded operation keeps its activation, where it can have one.
pub fn slot(op: &mut Op<Folded>) -> Option<&mut Activation> {
    match op {
        Op::Linear(kind, _) if matches!(kind.columns(), Columns::Rows { .. }) => None,
        Op::Linear(_, linear) => Some(&mut linear.activation),
        Op::Combine(combine, activation) => {
            combine.operator().takes_activation().then_some(activation)
        }
        Op::Norm(_) | Op::Pointwise(_) | Op::Move(_) => None,
    }
}

/// What a function is called, for `inspect`.
pub fn describe(function: Function) -> String {
    match function {
        Function::Identity => "identity".to_owned(),
        Function::LeakyRelu(slope) => format!("LeakyReLU {slope}"),
        Function::Relu => "ReLU".to_owned(),
        Function::Tanh => "tanh".to_owned(),
        Function::Sigmoid => "sigmoid".to_owned(),
    }
}

/// What a table of a function is called, behind the name of the layer before it.
pub const fn suffix(function: Function) -> &'static str {
    match function {
        Function::Identity => "pixels",
        Function::LeakyRelu(_) => "leaky_relu",
        Function::Relu => "relu",
        Function::Tanh => "tanh",
        Function::Sigmoid => "sigmoid",
    }
}

/// The operator of ONNX that a function is, and its attributes.
fn operator(function: Function) -> (&'static str, Vec<AttributeProto>) {
    match function {
        // ONNX's Identity would be gone when it is read back.
        Function::Identity => ("LeakyRelu", vec![float("alpha", 1.0)]),
        Function::LeakyRelu(slope) => ("LeakyRelu", vec![float("alpha", slope)]),
        Function::Relu => ("Relu", vec![]),
        Function::Tanh => ("Tanh", vec![]),
        Function::Sigmoid => ("Sigmoid", vec![]),
    }
}

/// Appends a function to a float ONNX graph and gives its output.
pub fn write(
    writer: &mut FloatWriter<'_>,
    index: usize,
    node: &Node<Float>,
    function: Function,
) -> Tensor {
    let (op, attributes) = operator(function);
    let from = writer.emitter.source(node.inputs[0]);
    // A layer may be named so too: values of parameterless layers live in a name space of their
    // own.
    let own = format!("{}:{}", node.name, op.to_lowercase());
    let to = writer.named(index, &from.dims, own);
    writer.push(op, &node.name, &[&from.name], &to.name, attributes);
    to
}

/// Appends a table to an integer ONNX graph and gives its output's dimensions: Cast and Gather. A
/// negative index counts from the end, so the entries for -128 to -1 stand behind those for 0 to
/// 127.
pub fn write_integer(
    writer: &mut IntegerWriter<'_>,
    node: &Node<Integer>,
    table: &[i8; 256],
) -> Vec<usize> {
    let name = node.name.as_str();
    let from = writer.emitter.source(node.inputs[0]);
    let (entries, cast) = (format!("{name}.entries"), format!("{name}.index"));
    let (negative, positive) = table.split_at(128);
    writer.constant(int8s(&entries, &[256], positive.iter().chain(negative)));
    let to = int("to", i64::from(data_type::INT32));
    writer.push("Cast", &cast, &[&from.name], &cast, vec![to]);
    let inputs = [entries.as_str(), &cast];
    writer.push(
        "Gather",
        name,
        &inputs,
        &output_name(name),
        vec![int("axis", 0)],
    );
    from.dims
}

/// The device's operation.
pub const fn lower(entries: &[u8; 256]) -> Kind<'_> {
    Kind::Table(Table { entries })
}

/// Reads LeakyRelu, Relu, Tanh and Sigmoid.
///
/// # Errors
/// [`NodeFault`].
pub fn read(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    let function = match node.op_type.as_str() {
        "LeakyRelu" => Function::LeakyRelu(attribute(node, "alpha").map_or(0.01, |a| a.f)),
        "Relu" => Function::Relu,
        "Tanh" => Function::Tanh,
        "Sigmoid" => Function::Sigmoid,
        _ => return Err(NodeFault::Place("it is no activation")),
    };
    let data = importer.turned(node, 0)?;
    let (source, shape) = match data.turned.is_empty() {
        true => importer.element_wise(&data)?,
        false => (data.source, importer.source_shape(data.source)),
    };
    let op = Op::Pointwise(function);
    let value = importer.push(node, op, vec![source], shape, data.dims)?;
    Ok(turn::turned(value, data.turned))
}
