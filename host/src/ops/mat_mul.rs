//! Products of matrices that are both computed: MatMul of computed values.
//!
//! A tensor of height h, width m and k channels is h matrices of m rows and k columns. In ONNX
//! pictures have their channels first, so a Transpose stands in front of MatMul and another behind
//! it; the reader takes any that amount to the same, and moves the elements of others.

use super::divide::requantize;
use super::lower::{LowerError, Lowering};
use super::{CombineOperator, Exponent, dense};
use crate::graph::shape::Place;
use crate::graph::{Alignment, Combine, Float, GraphError, Integer, Node, Op, Shape};
use crate::onnx::build::ints;
use crate::onnx::error::NodeFault;
use crate::onnx::importer::{Importer, Value, wrong};
use crate::onnx::proto::NodeProto;
use crate::onnx::tensors::{FloatWriter, IntegerWriter, Tensor, picture};
use crate::onnx::turn;
use ndarray::{Array2, ArrayView2, LinalgScalar};
use shared::arithmetic::{ACCUMULATOR_LIMIT, Activation, MAX_SHIFT};
use shared::op::{self, Kind};

/// The most columns of the first input's matrices: a sum of so many products stays within the
/// accumulator.
const MAX_INNER: usize = (ACCUMULATOR_LIMIT >> 14) as usize - 1;

/// From (N, k, h, m) to (N, h, m, k).
const TO_MATRICES: [usize; 4] = [0, 2, 3, 1];

/// From (N, k, h, n) to (N, h, k, n).
const TO_TRANSPOSED: [usize; 4] = [0, 2, 1, 3];

/// From (N, h, m, n) to (N, n, h, m).
const TO_PICTURE: [usize; 4] = [0, 3, 1, 2];

/// Products of the matrices of two inputs.
pub struct MatMul {
    /// The second input's matrices are n x k.
    pub transposed: bool,
}

impl Op<Float> {
    /// Products of the matrices of two inputs, the second's perhaps transposed.
    pub const fn mat_mul(transposed: bool) -> Self {
        Self::Combine(Combine::MatMul { transposed }, ())
    }
}

/// The shape of the output; `None` where the matrices do not fit each other.
pub fn output(transposed: bool, a: Shape, b: Shape) -> Option<Shape> {
    let (inner, columns) = match transposed {
        true => (b.channels, b.width),
        false => (b.width, b.channels),
    };
    let fits = inner == a.channels && (b.height == a.height || b.height == 1);
    fits.then_some(Shape {
        channels: columns,
        ..a
    })
}

/// The places of the two factors of a product.
fn factors(transposed: bool, b: Shape, at: Place, inner: usize) -> [Place; 2] {
    let row = if b.height == 1 { 0 } else { at.row };
    let (column, channel) = match transposed {
        true => (at.channel, inner),
        false => (inner, at.channel),
    };
    let first = Place {
        channel: inner,
        ..at
    };
    let second = Place {
        row,
        column,
        channel,
    };
    [first, second]
}

/// The output for a batch.
pub fn run<T: LinalgScalar>(
    transposed: bool,
    inputs: &[ArrayView2<T>],
    shapes: &[Shape],
    to: Shape,
) -> Array2<T> {
    let (a, b, from) = (inputs[0], inputs[1], shapes[0]);
    // Rows of the first factor's indices, and of the second's, for each of the output's elements.
    let pairs = |at: usize| {
        let pair = move |inner| {
            let [first, second] = factors(transposed, shapes[1], to.place(at), inner);
            (from.index(first), shapes[1].index(second))
        };
        (0..from.channels).map(pair).collect()
    };
    let pairs: Vec<Vec<(usize, usize)>> = (0..to.len()).map(pairs).collect();
    Array2::from_shape_fn((a.nrows(), to.len()), |(sample, at)| {
        let products = pairs[at].iter();
        let products = products.map(|&(first, second)| a[(sample, first)] * b[(sample, second)]);
        products.fold(T::zero(), |sum, product| sum + product)
    })
}

/// The output for a batch in integers.
pub fn run_integer(
    transposed: bool,
    alignment: &Alignment,
    inputs: &[ArrayView2<i8>],
    shapes: &[Shape],
    to: Shape,
) -> Array2<i8> {
    let wide: Vec<Array2<i32>> = inputs.iter().map(|x| x.mapv(i32::from)).collect();
    let views: Vec<ArrayView2<i32>> = wide.iter().map(|part| part.view()).collect();
    let sums = run(transposed, &views, shapes, to);
    sums.mapv(|sum| alignment.activation.requantize(sum, alignment.only()))
}

impl CombineOperator for MatMul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn describe(&self, _: usize) -> String {
        match self.transposed {
            true => "matmul of the second transposed".to_owned(),
            false => "matmul".to_owned(),
        }
    }

    fn takes(&self, inputs: usize) -> Result<(), &'static str> {
        if inputs == 2 { Ok(()) } else { Err("two") }
    }

    fn check(&self, layer: &str, inputs: &[Shape], to: Shape) -> Result<(), GraphError> {
        let &[a, b] = inputs else {
            return Ok(());
        };
        let given = output(self.transposed, a, b).ok_or_else(|| GraphError::Shape {
            layer: layer.to_owned(),
            expected: format!("matrices that those of {a} can be multiplied with"),
            found: b,
        })?;
        if a.channels > MAX_INNER {
            return Err(GraphError::Shape {
                layer: layer.to_owned(),
                expected: format!("at most {MAX_INNER} channels, so that sums stay exact"),
                found: a,
            });
        }
        super::check::gives(layer, given, to)
    }

    fn hands_on(&self) -> bool {
        false
    }

    fn takes_activation(&self) -> bool {
        true
    }

    fn products(&self, inputs: &[Shape], to: Shape) -> u64 {
        let inner = inputs.first().map_or(0, |from| from.channels);
        to.len() as u64 * inner as u64
    }

    fn exponent(&self, inputs: &[i32], activation: Activation) -> Exponent {
        let finest: i32 = inputs.iter().sum();
        let most = i32::from(MAX_SHIFT - activation.slope_shift());
        Exponent::Within(finest + 1..=finest + most)
    }

    fn align(
        &self,
        inputs: &[i32],
        output: i32,
        activation: Activation,
    ) -> Result<Alignment, (usize, i32)> {
        Alignment::one(output - inputs.iter().sum::<i32>(), 1, activation)
    }

    fn oracle(
        &self,
        alignment: &Alignment,
        inputs: &[&[i8]],
        shapes: &[Shape],
        to: Shape,
    ) -> Vec<i8> {
        let (a, b) = (shapes[0], shapes[1]);
        let mut y = Vec::with_capacity(to.len());
        for at in 0..to.len() {
            let place = to.place(at);
            let mut sum = 0i64;
            for inner in 0..a.channels {
                let x = a.index(Place {
                    row: place.row,
                    column: place.column,
                    channel: inner,
                });
                let row = place.row % b.height;
                let w = b.index(match self.transposed {
                    true => Place {
                        row,
                        column: place.channel,
                        channel: inner,
                    },
                    false => Place {
                        row,
                        column: inner,
                        channel: place.channel,
                    },
                });
                sum += i64::from(inputs[0][x]) * i64::from(inputs[1][w]);
            }
            let shift = u32::from(alignment.only());
            y.push(requantize(sum, shift, alignment.activation));
        }
        y
    }

    fn write(&self, writer: &mut FloatWriter<'_>, index: usize, node: &Node<Float>) -> Tensor {
        let name = node.name.as_str();
        let shapes = writer.network.input_shapes(node);
        let mut factors = Vec::new();
        for (at, (&source, shape)) in node.inputs.iter().zip(shapes).enumerate() {
            let whole = format!("{name}:picture{at}");
            let x = writer.emitter.with_dims(source, &picture(shape), &whole);
            let matrices = format!("{name}:matrices{at}");
            let perm = vec![ints("perm", &self.perm(at))];
            writer.push("Transpose", &matrices, &[&x], &matrices, perm);
            factors.push(matrices);
        }
        let product = format!("{name}:product");
        writer.push(
            "MatMul",
            name,
            &[&factors[0], &factors[1]],
            &product,
            vec![],
        );
        let to = writer.named(index, &picture(node.shape), format!("{name}.output"));
        let perm = vec![ints("perm", &TO_PICTURE)];
        writer.push(
            "Transpose",
            &format!("{name}:back"),
            &[&product],
            &to.name,
            perm,
        );
        to
    }

    fn write_integer(&self, writer: &mut IntegerWriter<'_>, node: &Node<Integer>) -> Vec<usize> {
        let name = node.name.as_str();
        let shapes = writer.network.input_shapes(node);
        let mut factors = Vec::new();
        for (at, (&source, shape)) in node.inputs.iter().zip(shapes).enumerate() {
            let whole = format!("{name}:picture{at}");
            let x = writer.emitter.with_dims(source, &picture(shape), &whole);
            let x = writer.real(node, at, &x);
            let matrices = format!("{name}:matrices{at}");
            let perm = vec![ints("perm", &self.perm(at))];
            writer.push("Transpose", &matrices, &[&x], &matrices, perm);
            factors.push(matrices);
        }
        let [product, back] = ["product", "float"].map(|what| format!("{name}.{what}"));
        writer.push(
            "MatMul",
            name,
            &[&factors[0], &factors[1]],
            &product,
            vec![],
        );
        let perm = vec![ints("perm", &TO_PICTURE)];
        writer.push("Transpose", &back, &[&product], &back, perm);
        let activation = match &node.op {
            Op::Combine(_, alignment) => alignment.activation,
            Op::Linear(..) | Op::Norm(_) | Op::Pointwise(_) | Op::Move(_) => Activation::None,
        };
        writer.round(node, &back, activation);
        picture(node.shape).to_vec()
    }

    fn lower<'a>(&self, _: &Lowering<'a>, alignment: &Alignment) -> Result<Kind<'a>, LowerError> {
        Ok(Kind::MatMul(op::MatMul {
            transposed: self.transposed,
            shift: alignment.only(),
            activation: alignment.activation,
        }))
    }
}

impl MatMul {
    /// How an input's picture becomes matrices.
    const fn perm(&self, input: usize) -> [usize; 4] {
        match input == 1 && self.transposed {
            true => TO_TRANSPOSED,
            false => TO_MATRICES,
        }
    }
}

/// Reads MatMul: with a constant a layer with weights, of two computed values a product of
/// matrices.
///
/// # Errors
/// [`NodeFault`].
pub fn read(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    if let Value::Constant(_) = importer.value(node, 1)? {
        return dense::read_mat_mul(importer, node);
    }
    let (first, second) = (importer.turned(node, 0)?, importer.turned(node, 1)?);
    let sides = match first.dims.len() {
        2 => vec![2, 0],
        3 => vec![1, 2, 0],
        _ => return Err(turn::refuse(node, 0)),
    };
    if second.dims.len() != sides.len() {
        return Err(turn::refuse(node, 1));
    }
    let a = turn::laid(importer, &first, &sides)?;
    let (b, other) = turn::sided(importer, &second)?;
    let (b, transposed) = match other[..] {
        [2, 0] | [1, 2, 0] => (b, false),
        [0, 2] | [1, 0, 2] => (b, true),
        _ => (turn::laid(importer, &second, &sides)?, false),
    };
    let shapes = [a, b].map(|source| importer.source_shape(source));
    let to = output(transposed, shapes[0], shapes[1]).ok_or_else(|| {
        let expected = format!(
            "matrices that those of {:?} can be multiplied with",
            first.dims
        );
        wrong("input", &second.dims, expected)
    })?;
    let mut dims = first.dims;
    if let Some(last) = dims.last_mut() {
        *last = to.channels;
    }
    let value = importer.push(node, Op::mat_mul(transposed), vec![a, b], to, dims)?;
    Ok(turn::turned(value, sides))
}
