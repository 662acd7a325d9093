//! Products of two tensors, element by element: Mul of computed values.

use super::divide::requantize;
use super::lower::{LowerError, Lowering};
use super::{CombineOperator, Exponent, Vectors, broadcast};
use crate::graph::{Alignment, Combine, Float, GraphError, Integer, Node, Op, Shape, Source};
use crate::onnx::error::NodeFault;
use crate::onnx::importer::{Importer, Value};
use crate::onnx::proto::NodeProto;
use crate::onnx::tensors::{FloatWriter, IntegerWriter, Tensor};
use ndarray::{Array2, ArrayView2, LinalgScalar};
use shared::arithmetic::{Activation, MAX_SHIFT};
use shared::op::{self, Kind};

/// The product of two inputs, element by element.
pub struct Mul;

impl Op<Float> {
    /// The product of two inputs, element by element; a vector counts for each pixel.
    pub const fn mul() -> Self {
        Self::Combine(Combine::Mul, ())
    }
}

/// The output for a batch.
pub fn run<T: LinalgScalar>(inputs: &[ArrayView2<T>], shapes: &[Shape], to: Shape) -> Array2<T> {
    let batch = inputs.first().map_or(0, |x| x.nrows());
    Array2::from_shape_fn((batch, to.len()), |(sample, at)| {
        let parts = inputs.iter().zip(shapes);
        let part =
            |(x, from): (&ArrayView2<T>, &Shape)| x[(sample, broadcast::element(*from, to, at))];
        parts.map(part).fold(T::one(), |product, x| product * x)
    })
}

/// The output for a batch in integers.
pub fn run_integer(
    alignment: &Alignment,
    inputs: &[ArrayView2<i8>],
    shapes: &[Shape],
    to: Shape,
) -> Array2<i8> {
    let wide: Vec<Array2<i32>> = inputs.iter().map(|x| x.mapv(i32::from)).collect();
    let views: Vec<ArrayView2<i32>> = wide.iter().map(|part| part.view()).collect();
    let shift = alignment.only();
    run(&views, shapes, to).mapv(|product| Activation::None.round(product, shift))
}

impl CombineOperator for Mul {
    fn name(&self) -> &'static str {
        "mul"
    }

    fn describe(&self, _: usize) -> String {
        "mul".to_owned()
    }

    fn takes(&self, inputs: usize) -> Result<(), &'static str> {
        if inputs == 2 { Ok(()) } else { Err("two") }
    }

    fn check(&self, layer: &str, inputs: &[Shape], to: Shape) -> Result<(), GraphError> {
        broadcast::check(layer, inputs, to)
    }

    fn vectors(&self) -> Vectors {
        Vectors::Alike
    }

    fn hands_on(&self) -> bool {
        false
    }

    fn products(&self, _: &[Shape], to: Shape) -> u64 {
        to.len() as u64
    }

    fn exponent(&self, inputs: &[i32], _: Activation) -> Exponent {
        let finest: i32 = inputs.iter().sum();
        Exponent::Within(finest..=finest + i32::from(MAX_SHIFT))
    }

    fn align(
        &self,
        inputs: &[i32],
        output: i32,
        activation: Activation,
    ) -> Result<Alignment, (usize, i32)> {
        let shift = output - inputs.iter().sum::<i32>();
        Alignment::one(shift, 0, activation)
    }

    fn oracle(
        &self,
        alignment: &Alignment,
        inputs: &[&[i8]],
        shapes: &[Shape],
        to: Shape,
    ) -> Vec<i8> {
        let mut y = Vec::with_capacity(to.len());
        for at in 0..to.len() {
            let mut product = 1i64;
            for (x, from) in inputs.iter().zip(shapes) {
                product *= i64::from(match from.is_vector() {
                    true => x[from.at(to.place(at).channel, 0)],
                    false => x[from.index(to.place(at))],
                });
            }
            y.push(requantize(
                product,
                u32::from(alignment.only()),
                Activation::None,
            ));
        }
        y
    }

    fn write(&self, writer: &mut FloatWriter<'_>, index: usize, node: &Node<Float>) -> Tensor {
        let shapes = writer.network.input_shapes(node);
        let parts: Vec<(Source, Shape)> = node.inputs.iter().copied().zip(shapes).collect();
        let (names, dims) = writer.emitter.parts(&parts, node.shape, &node.name);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let to = writer.named(index, &dims, format!("{}.output", node.name));
        writer.push("Mul", &node.name, &names, &to.name, vec![]);
        to
    }

    fn write_integer(&self, writer: &mut IntegerWriter<'_>, node: &Node<Integer>) -> Vec<usize> {
        let (reals, dims) = broadcast::reals(writer, node);
        let reals: Vec<&str> = reals.iter().map(String::as_str).collect();
        let product = format!("{}.float", node.name);
        writer.push("Mul", &node.name, &reals, &product, vec![]);
        writer.round(node, &product, Activation::None);
        dims
    }

    fn lower<'a>(&self, _: &Lowering<'a>, alignment: &Alignment) -> Result<Kind<'a>, LowerError> {
        let shift = alignment.only();
        Ok(Kind::Mul(op::Mul { shift }))
    }
}

/// Reads Mul of two computed values.
///
/// # Errors
/// [`NodeFault`].
pub fn read(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    broadcast::read(importer, node, Op::mul())
}
