//! One home an operator: everything that only one operator knows stands in its file, from the ONNX
//! node to the device.
//!
//! The phases ask through this module, by class:
//!
//! - a [`LinearOperator`] is dense, conv, conv_transpose, embedding or gather;
//! - a [`MoveOperator`] is reshape, upsample, depth_to_space, space_to_depth, transpose, slice or
//!   pad;
//! - a [`CombineOperator`] is concat, add, mul, mat_mul, average_pool or argmax;
//! - [`activations`] and [`batch_norm`] hold the functions of one element and the normalisation.
//!
//! A new operator is one file here, a variant in [`crate::graph::op`], and the arms and the line in
//! [`READERS`] below that the compiler then asks for. [`check`] checks whole graphs.

pub mod activations;
pub mod add;
pub mod argmax;
pub mod average_pool;
pub mod batch_norm;
pub mod broadcast;
pub mod check;
pub mod combine;
pub mod concat;
pub mod conv;
pub mod conv_transpose;
pub mod dense;
pub mod depth_to_space;
pub mod divide;
pub mod embedding;
pub mod forward;
pub mod gather;
pub mod gemm;
pub mod groups;
pub mod kernels;
pub mod lower;
pub mod mat_mul;
pub mod moves;
pub mod mul;
pub mod pad;
pub mod parameter;
pub mod reshape;
pub mod slice;
pub mod space_to_depth;
pub mod transpose;
pub mod upsample;

pub use combine::{CombineOperator, Exponent, Vectors};

use crate::graph::{
    Alignment, Combine, Float, GraphError, Integer, Linear, LinearKind, Node, QuantizedLinear,
    Shape,
};
use crate::onnx::importer::Reader;
use crate::onnx::tensors::{FloatWriter, IntegerWriter, Tensor};
use lower::{LowerError, Lowering};
pub use moves::{MoveNode, MoveOperator, arbitrary_move};
use ndarray::{Array2, ArrayView1, ArrayView2, LinalgScalar};
use shared::op::Kind;

/// The operators of ONNX that become operations, and who reads each.
pub const READERS: &[(&str, Reader)] = &[
    ("Add", add::read),
    ("ArgMax", argmax::read),
    ("AveragePool", average_pool::read),
    ("BatchNormalization", batch_norm::read),
    ("Concat", concat::read),
    ("Conv", conv::read),
    ("ConvTranspose", conv_transpose::read),
    ("DepthToSpace", depth_to_space::read),
    ("Flatten", reshape::read_flatten),
    ("Gather", gather::read),
    ("Gemm", dense::read_gemm),
    ("GlobalAveragePool", average_pool::read),
    ("LeakyRelu", activations::read),
    ("MatMul", mat_mul::read),
    ("Mul", mul::read),
    ("Pad", pad::read),
    ("Relu", activations::read),
    ("Reshape", reshape::read),
    ("Resize", upsample::read),
    ("Sigmoid", activations::read),
    ("Slice", slice::read),
    ("SpaceToDepth", space_to_depth::read),
    ("Squeeze", reshape::read_axes),
    ("Sum", add::read),
    ("Tanh", activations::read),
    ("Transpose", transpose::read),
    ("Unsqueeze", reshape::read_axes),
    ("Upsample", upsample::read),
];

/// What weights meet.
pub trait LinearOperator {
    /// In a word or two, for tables and messages.
    fn name(&self) -> &'static str;

    /// The same with its attributes, for `inspect`.
    fn describe(&self) -> String;

    /// Rows and columns of the weights between these shapes.
    fn weight_dim(&self, from: Shape, to: Shape) -> (usize, usize);

    /// Checks that the operator gives `to` of `from`.
    ///
    /// # Errors
    /// [`GraphError`] names the layer.
    fn check(
        &self,
        layer: &str,
        weight_dim: (usize, usize),
        from: Shape,
        to: Shape,
    ) -> Result<(), GraphError>;

    /// Multiplications for one sample that must be computed: none with the zeros around a picture,
    /// none of what a transposed convolution crops, and those of the one class that is on for an
    /// embedding.
    fn products(&self, from: Shape, to: Shape) -> u64;

    /// The accumulator of each element of the output, slowly and obviously.
    fn oracle(&self, linear: &QuantizedLinear, x: &[i8], from: Shape, to: Shape) -> Vec<i64>;

    /// Appends the node to a float ONNX graph and gives its output.
    fn write(
        &self,
        writer: &mut FloatWriter<'_>,
        index: usize,
        node: &Node<Float>,
        linear: &Linear<f32>,
    ) -> Tensor;

    /// Appends the node to an integer ONNX graph and gives its output's dimensions.
    fn write_integer(
        &self,
        writer: &mut IntegerWriter<'_>,
        node: &Node<Integer>,
        linear: &QuantizedLinear,
    ) -> Vec<usize>;

    /// The weights as the device reads them: a row an output, but for an embedding.
    fn device_rows(&self, weights: ArrayView2<i8>) -> Array2<i8> {
        weights.to_owned()
    }

    /// The device's operation.
    ///
    /// # Errors
    /// [`LowerError`] where a number does not fit the device's.
    fn lower<'a>(&self, lowering: &Lowering<'a>) -> Result<Kind<'a>, LowerError>;
}

/// Runs an expression with the operator of a linear operation, for what is generic in its type: the
/// one list of them.
macro_rules! with_linear {
    ($kind:expr, |$operator:ident| $body:expr) => {{
        use $crate::graph::LinearKind;
        use $crate::ops::{conv, conv_transpose, dense, embedding, gather};
        match $kind {
            LinearKind::Dense => {
                let $operator = dense::Dense;
                $body
            }
            LinearKind::Conv(window) => {
                let $operator = conv::Conv(window);
                $body
            }
            LinearKind::ConvTranspose(window) => {
                let $operator = conv_transpose::ConvTranspose(window);
                $body
            }
            LinearKind::Embedding => {
                let $operator = embedding::Embedding;
                $body
            }
            LinearKind::Gather { rows } => {
                let $operator = gather::Gather { rows };
                $body
            }
        }
    }};
}
pub(crate) use with_linear;

impl LinearKind {
    /// What belongs to this operator alone.
    pub fn operator(&self) -> Box<dyn LinearOperator> {
        with_linear!(*self, |operator| Box::new(operator))
    }

    /// Sums of products, and the bias, for a batch of shape (batch, elements of `from`).
    pub fn sums<T: LinalgScalar + PartialOrd + Send + Sync>(
        &self,
        x: ArrayView2<T>,
        weight: ArrayView2<T>,
        bias: ArrayView1<T>,
        from: Shape,
        to: Shape,
    ) -> Array2<T> {
        match *self {
            Self::Dense => dense::sums(x, weight, bias),
            Self::Conv(window) => conv::sums(window, x, weight, bias, from, to),
            Self::ConvTranspose(window) => conv_transpose::sums(window, x, weight, bias, from, to),
            Self::Embedding => dense::sums(x, weight, bias),
            Self::Gather { .. } => gather::sums(x, weight, bias),
        }
    }
}

/// Runs an expression with the operator of a combination, for what is generic in its type: the one
/// list of them.
macro_rules! with_combine {
    ($combine:expr, |$operator:ident| $body:expr) => {{
        use $crate::graph::Combine;
        use $crate::ops::{add, argmax, average_pool, concat, mat_mul, mul};
        match $combine {
            Combine::Concat => {
                let $operator = concat::Concat;
                $body
            }
            Combine::Add => {
                let $operator = add::Add;
                $body
            }
            Combine::Mul => {
                let $operator = mul::Mul;
                $body
            }
            Combine::MatMul { transposed } => {
                let $operator = mat_mul::MatMul { transposed };
                $body
            }
            Combine::AveragePool {
                window,
                count_include_pad,
            } => {
                let $operator = average_pool::AveragePool {
                    window,
                    count_include_pad,
                };
                $body
            }
            Combine::Argmax => {
                let $operator = argmax::Argmax;
                $body
            }
        }
    }};
}
pub(crate) use with_combine;

impl Combine {
    /// What belongs to this operator alone.
    pub fn operator(&self) -> Box<dyn CombineOperator> {
        with_combine!(*self, |operator| Box::new(operator))
    }

    /// The output for a batch in real numbers, before any activation.
    pub fn run<T: LinalgScalar + PartialOrd>(
        &self,
        inputs: &[ArrayView2<T>],
        shapes: &[Shape],
        to: Shape,
    ) -> Array2<T> {
        match *self {
            Self::Concat => concat::run(inputs, shapes, to),
            Self::Add => add::run(inputs, shapes, to),
            Self::Mul => mul::run(inputs, shapes, to),
            Self::MatMul { transposed } => mat_mul::run(transposed, inputs, shapes, to),
            Self::AveragePool {
                window,
                count_include_pad,
            } => average_pool::run(window, count_include_pad, inputs[0], shapes[0], to),
            Self::Argmax => argmax::run(inputs[0], shapes[0], to),
        }
    }

    /// The output for a batch in integers.
    pub fn run_integer(
        &self,
        alignment: &Alignment,
        inputs: &[ArrayView2<i8>],
        shapes: &[Shape],
        to: Shape,
    ) -> Array2<i8> {
        match *self {
            Self::Concat => concat::run_integer(alignment, inputs, shapes, to),
            Self::Add => add::run_integer(alignment, inputs, shapes, to),
            Self::Mul => mul::run_integer(alignment, inputs, shapes, to),
            Self::MatMul { transposed } => {
                mat_mul::run_integer(transposed, alignment, inputs, shapes, to)
            }
            Self::AveragePool {
                window,
                count_include_pad,
            } => {
                let pool = average_pool::AveragePool {
                    window,
                    count_include_pad,
                };
                average_pool::run_integer(&pool, alignment, inputs[0], shapes[0], to)
            }
            Self::Argmax => argmax::run(inputs[0], shapes[0], to),
        }
    }
}

/// What an operation of the float network is called, with its attributes.
pub fn describe(node: &Node<Float>) -> String {
    use crate::graph::Op;
    match &node.op {
        Op::Linear(kind, _) => kind.operator().describe(),
        Op::Norm(_) => "batch normalisation".to_owned(),
        Op::Pointwise(function) => activations::describe(*function),
        Op::Move(moved) => moved.operator().describe(),
        Op::Combine(combine, ()) => combine.operator().describe(node.inputs.len()),
    }
}

/// What an integer operation is called, in a word or two.
pub fn integer_name(op: &crate::graph::Op<Integer>) -> &'static str {
    use crate::graph::Op;
    match op {
        Op::Linear(kind, _) => kind.operator().name(),
        Op::Norm(norm) => match *norm {},
        Op::Pointwise(_) => "table",
        Op::Move(moved) => moved.operator().name(),
        Op::Combine(combine, _) => combine.operator().name(),
    }
}
