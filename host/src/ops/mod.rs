//! One home an operator: everything that only one operator knows stands in its file, from the ONNX node to the device.
//!
//! The phases ask through this module, by class:
//!
//! - a [`LinearOperator`] is dense, conv, conv_transpose or embedding;
//! - a [`MoveOperator`] is reshape or upsample;
//! - a [`CombineOperator`] is concat;
//! - [`activations`] and [`batch_norm`] hold the functions of one element and the normalisation.
//!
//! A new operator is one file here, a variant in [`crate::graph::op`], and the arms and the line in [`READERS`] below that
//! the compiler then asks for. [`check`] checks whole graphs.

pub mod activations;
pub mod batch_norm;
pub mod check;
pub mod concat;
pub mod conv;
pub mod conv_transpose;
pub mod dense;
pub mod divide;
pub mod embedding;
pub mod kernels;
pub mod lower;
pub mod reshape;
pub mod upsample;

use crate::graph::{
    Alignment, Combine, Float, GraphError, Integer, Linear, LinearKind, Move, Node,
    QuantizedLinear, Shape,
};
use crate::onnx::importer::Reader;
use crate::onnx::tensors::{FloatWriter, IntegerWriter, Tensor};
use lower::{LowerError, Lowering};
use ndarray::{Array2, ArrayView1, ArrayView2, LinalgScalar};
use shared::layer::Kind;

/// The operators of ONNX that become operations, and who reads each.
pub const READERS: &[(&str, Reader)] = &[
    ("Add", batch_norm::read_add),
    ("BatchNormalization", batch_norm::read),
    ("Concat", concat::read),
    ("Conv", conv::read),
    ("ConvTranspose", conv_transpose::read),
    ("Flatten", reshape::read_flatten),
    ("Gather", embedding::read_gather),
    ("Gemm", dense::read_gemm),
    ("LeakyRelu", activations::read),
    ("MatMul", dense::read_mat_mul),
    ("Relu", activations::read),
    ("Reshape", reshape::read),
    ("Resize", upsample::read),
    ("Sigmoid", activations::read),
    ("Squeeze", reshape::read_axes),
    ("Tanh", activations::read),
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

    /// Multiplications for one sample that must be computed: none with the zeros around a picture, none of what a
    /// transposed convolution crops, and those of the one class that is on for an embedding.
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

/// What becomes of elements that only move.
pub trait MoveOperator {
    /// As [`LinearOperator::name`].
    fn name(&self) -> &'static str;

    /// As [`LinearOperator::describe`].
    fn describe(&self) -> String;

    /// As [`LinearOperator::check`].
    ///
    /// # Errors
    /// [`GraphError`] names the layer.
    fn check(&self, layer: &str, from: Shape, to: Shape) -> Result<(), GraphError>;

    /// The whole operator: which of the input's elements an element of the output is; none for a constant.
    fn source(&self, from: Shape, to: Shape, element: usize) -> Option<usize>;

    /// Whether elements keep their order, so that no byte moves.
    fn keeps_order(&self) -> bool {
        false
    }

    /// As [`LinearOperator::write`].
    fn write(&self, writer: &mut FloatWriter<'_>, index: usize, node: &Node<Float>) -> Tensor;

    /// As [`LinearOperator::write_integer`].
    fn write_integer(&self, writer: &mut IntegerWriter<'_>, node: &Node<Integer>) -> Vec<usize>;

    /// The device's operation; none where no byte moves.
    ///
    /// # Errors
    /// [`LowerError`] where a number does not fit the device's.
    fn lower<'a>(&self, lowering: &Lowering<'a>) -> Result<Option<Kind<'a>>, LowerError>;
}

/// How several tensors become one.
pub trait CombineOperator {
    /// As [`LinearOperator::name`].
    fn name(&self) -> &'static str;

    /// As [`LinearOperator::describe`], for so many inputs.
    fn describe(&self, inputs: usize) -> String;

    /// Whether it takes so many inputs, and how many it takes.
    ///
    /// # Errors
    /// How many it should be.
    fn takes(&self, inputs: usize) -> Result<(), &'static str>;

    /// As [`LinearOperator::check`].
    ///
    /// # Errors
    /// [`GraphError`] names the layer.
    fn check(&self, layer: &str, inputs: &[Shape], to: Shape) -> Result<(), GraphError>;

    /// Whether each of the output's elements is one of an input's, at another exponent at most.
    fn hands_on(&self) -> bool;

    /// Where the output's elements come from, given where each input's do (those of foreign inputs have none). `None`
    /// where a factor of an input's element is not one of the output's.
    fn origins(
        &self,
        parts: &[Option<Vec<usize>>],
        shapes: &[Shape],
        foreign: usize,
    ) -> Option<Vec<usize>>;

    /// The exponent of the output where it follows from the inputs'.
    fn exponent(&self, inputs: &[i32]) -> i32;

    /// The alignment of inputs at these exponents to an output's.
    ///
    /// # Errors
    /// Which input needs which shift, where the arithmetic has none such.
    fn align(&self, inputs: &[i32], output: i32) -> Result<Alignment, (usize, i32)>;

    /// The output in integers, slowly and obviously.
    fn oracle(
        &self,
        alignment: &Alignment,
        inputs: &[&[i8]],
        shapes: &[Shape],
        to: Shape,
    ) -> Vec<i8>;

    /// As [`LinearOperator::write`].
    fn write(&self, writer: &mut FloatWriter<'_>, index: usize, node: &Node<Float>) -> Tensor;

    /// As [`LinearOperator::write_integer`].
    fn write_integer(&self, writer: &mut IntegerWriter<'_>, node: &Node<Integer>) -> Vec<usize>;

    /// The device's operations are one an input, each with its own name; else one for all.
    fn one_an_input(&self) -> bool;

    /// The device's operation for one of the inputs, or for all.
    ///
    /// # Errors
    /// [`LowerError`] where a number does not fit the device's.
    fn lower<'a>(
        &self,
        lowering: &Lowering<'a>,
        alignment: &Alignment,
    ) -> Result<Kind<'a>, LowerError>;
}

impl LinearKind {
    /// What belongs to this operator alone.
    pub fn operator(&self) -> Box<dyn LinearOperator> {
        match *self {
            Self::Dense => Box::new(dense::Dense),
            Self::Conv(window) => Box::new(conv::Conv(window)),
            Self::ConvTranspose(window) => Box::new(conv_transpose::ConvTranspose(window)),
            Self::Embedding => Box::new(embedding::Embedding),
        }
    }

    /// Sums of products, and the bias, for a batch of shape (batch, elements of `from`).
    pub fn sums<T: LinalgScalar + Send + Sync>(
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
        }
    }
}

impl Move {
    /// What belongs to this operator alone.
    pub fn operator(&self) -> Box<dyn MoveOperator> {
        match *self {
            Self::Reshape => Box::new(reshape::Reshape),
            Self::Upsample { factor } => Box::new(upsample::Upsample(factor)),
        }
    }

    /// The elements of one sample, moved; `fill` where there is none.
    pub fn apply<T: Copy>(&self, x: &[T], from: Shape, to: Shape, fill: T) -> Vec<T> {
        let operator = self.operator();
        let element = |at| operator.source(from, to, at).and_then(|at| x.get(at));
        (0..to.len())
            .map(|at| element(at).copied().unwrap_or(fill))
            .collect()
    }

    /// The elements of a batch, moved.
    pub fn run<T: LinalgScalar>(&self, x: ArrayView2<T>, from: Shape, to: Shape) -> Array2<T> {
        let operator = self.operator();
        if operator.keeps_order() {
            return x.to_owned();
        }
        let sources: Vec<Option<usize>> = (0..to.len())
            .map(|at| operator.source(from, to, at))
            .collect();
        Array2::from_shape_fn((x.nrows(), to.len()), |(sample, at)| {
            sources[at].map_or(T::zero(), |source| x[(sample, source)])
        })
    }
}

impl Combine {
    /// What belongs to this operator alone.
    pub fn operator(&self) -> Box<dyn CombineOperator> {
        match self {
            Self::Concat => Box::new(concat::Concat),
        }
    }

    /// The output for a batch in real numbers, before any activation.
    pub fn run<T: LinalgScalar>(
        &self,
        inputs: &[ArrayView2<T>],
        shapes: &[Shape],
        to: Shape,
    ) -> Array2<T> {
        match self {
            Self::Concat => concat::run(inputs, shapes, to),
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
        match self {
            Self::Concat => concat::run_integer(alignment, inputs, shapes, to),
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
