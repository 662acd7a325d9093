//! Sums of tensors: Add and Sum of computed values.

use super::divide::requantize;
use super::lower::{LowerError, Lowering};
use super::{CombineOperator, Exponent, Vectors, batch_norm, broadcast};
use crate::graph::{Alignment, Combine, Float, GraphError, Integer, Node, Op, Shape, Source};
use crate::onnx::error::NodeFault;
use crate::onnx::importer::{Importer, Value, wrong};
use crate::onnx::proto::NodeProto;
use crate::onnx::tensors::{FloatWriter, IntegerWriter, Tensor};
use ndarray::{Array2, ArrayView2, LinalgScalar};
use shared::arithmetic::{Activation, MAX_SHIFT};
use shared::op::{self, Kind, MAX_INPUTS};

/// The sum of all inputs.
pub struct Add;

impl Op<Float> {
    /// The sum of all inputs; a vector counts for each pixel.
    pub const fn add() -> Self {
        Self::Combine(Combine::Add, ())
    }
}

/// The output for a batch.
pub fn run<T: LinalgScalar>(inputs: &[ArrayView2<T>], shapes: &[Shape], to: Shape) -> Array2<T> {
    let batch = inputs.first().map_or(0, |x| x.nrows());
    Array2::from_shape_fn((batch, to.len()), |(sample, at)| {
        let parts = inputs.iter().zip(shapes);
        let part =
            |(x, from): (&ArrayView2<T>, &Shape)| x[(sample, broadcast::element(*from, to, at))];
        parts.map(part).fold(T::zero(), |sum, x| sum + x)
    })
}

/// The output for a batch in integers.
pub fn run_integer(
    alignment: &Alignment,
    inputs: &[ArrayView2<i8>],
    shapes: &[Shape],
    to: Shape,
) -> Array2<i8> {
    let (ups, shift) = split(alignment);
    let aligned: Vec<Array2<i32>> = inputs
        .iter()
        .zip(ups)
        .map(|(x, &up)| x.mapv(|q| i32::from(q) << up))
        .collect();
    let views: Vec<ArrayView2<i32>> = aligned.iter().map(|part| part.view()).collect();
    let sums = run(&views, shapes, to);
    sums.mapv(|sum| alignment.activation.round(sum, shift))
}

/// The shifts of the inputs and of the sum.
fn split(alignment: &Alignment) -> (&[u8], u8) {
    match alignment.shifts.split_last() {
        Some((&shift, ups)) => (ups, shift),
        None => (&[], 0),
    }
}

impl CombineOperator for Add {
    fn name(&self) -> &'static str {
        "add"
    }

    fn describe(&self, inputs: usize) -> String {
        format!("add of {inputs}")
    }

    fn takes(&self, inputs: usize) -> Result<(), &'static str> {
        if (2..=MAX_INPUTS).contains(&inputs) {
            Ok(())
        } else {
            const { assert!(MAX_INPUTS == 4) };
            Err("2 to 4")
        }
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

    fn takes_activation(&self) -> bool {
        true
    }

    fn exponent(&self, inputs: &[i32], activation: Activation) -> Exponent {
        let fits = |output: i32| self.align(inputs, output, activation).is_ok();
        let least = inputs.iter().copied().min().unwrap_or_default();
        let mut low = least;
        // Each step shifts all inputs further: a few at most before the sum could leave the
        // accumulator.
        while fits(low - 1) {
            low -= 1;
        }
        Exponent::Within(low..=least + i32::from(MAX_SHIFT - activation.slope_shift()))
    }

    fn align(
        &self,
        inputs: &[i32],
        output: i32,
        activation: Activation,
    ) -> Result<Alignment, (usize, i32)> {
        let least = inputs.iter().copied().chain([output]).min();
        let least = least.unwrap_or_default();
        let bytes = inputs.iter().map(|&exponent| i8::try_from(exponent).ok());
        let bytes: Option<Vec<i8>> = bytes.collect();
        let output = i8::try_from(output).ok();
        let add = bytes.zip(output);
        let add = add.and_then(|(inputs, output)| op::Add::new(&inputs, output, activation));
        let Some(add) = add else {
            let far = inputs
                .iter()
                .enumerate()
                .max_by_key(|(_, exponent)| **exponent);
            return Err(far.map_or((0, 0), |(part, exponent)| (part, exponent - least)));
        };
        let mut shifts = add.up[..inputs.len()].to_vec();
        shifts.push(add.shift);
        Ok(Alignment { shifts, activation })
    }

    fn oracle(
        &self,
        alignment: &Alignment,
        inputs: &[&[i8]],
        shapes: &[Shape],
        to: Shape,
    ) -> Vec<i8> {
        let (ups, shift) = split(alignment);
        let mut y = Vec::with_capacity(to.len());
        for at in 0..to.len() {
            let mut sum = 0i64;
            for ((x, from), &up) in inputs.iter().zip(shapes).zip(ups) {
                let element = match from.is_vector() {
                    true => from.at(to.place(at).channel, 0),
                    false => from.index(to.place(at)),
                };
                sum += i64::from(x[element]) * (1 << up);
            }
            y.push(requantize(sum, u32::from(shift), alignment.activation));
        }
        y
    }

    fn write(&self, writer: &mut FloatWriter<'_>, index: usize, node: &Node<Float>) -> Tensor {
        let shapes = writer.network.input_shapes(node);
        let parts: Vec<(Source, Shape)> = node.inputs.iter().copied().zip(shapes).collect();
        let (names, dims) = writer.emitter.parts(&parts, node.shape, &node.name);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let to = writer.named(index, &dims, format!("{}.output", node.name));
        let operator = if names.len() == 2 { "Add" } else { "Sum" };
        writer.push(operator, &node.name, &names, &to.name, vec![]);
        to
    }

    /// All inputs as real numbers, added one by one, activated, and rounded once: exact, because
    /// every sum stays below 2^24 steps of the smallest exponent.
    fn write_integer(&self, writer: &mut IntegerWriter<'_>, node: &Node<Integer>) -> Vec<usize> {
        let (reals, dims) = broadcast::reals(writer, node);
        let mut reals = reals.into_iter();
        let mut sum = reals.next().unwrap_or_default();
        for (at, real) in reals.enumerate() {
            let next = format!("{}.sum{at}", node.name);
            writer.push("Add", &next, &[&sum, &real], &next, vec![]);
            sum = next;
        }
        let activation = match &node.op {
            Op::Combine(_, alignment) => alignment.activation,
            Op::Linear(..) | Op::Norm(_) | Op::Pointwise(_) | Op::Move(_) => Activation::None,
        };
        writer.round(node, &sum, activation);
        dims
    }

    fn in_place(&self) -> bool {
        true
    }

    fn lower<'a>(&self, _: &Lowering<'a>, alignment: &Alignment) -> Result<Kind<'a>, LowerError> {
        let (ups, shift) = split(alignment);
        let mut up = [0; MAX_INPUTS];
        let Some(slots) = up.get_mut(..ups.len()) else {
            return Err(LowerError {
                what: "a number of inputs",
                value: ups.len(),
                limit: MAX_INPUTS,
            });
        };
        slots.copy_from_slice(ups);
        Ok(Kind::Add(op::Add {
            up,
            shift,
            activation: alignment.activation,
        }))
    }
}

/// Reads Add and Sum: of computed values a sum, of one and a constant a shift of it.
///
/// # Errors
/// [`NodeFault`].
pub fn read(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    let count = node.input.len();
    if !(1..=MAX_INPUTS).contains(&count) {
        return Err(wrong("inputs", count, "1 to 8 of them".to_owned()));
    }
    let mut constants = 0;
    for index in 0..count {
        constants += usize::from(matches!(importer.value(node, index)?, Value::Constant(_)));
    }
    match (count, constants) {
        (1, 0) => importer.value(node, 0).cloned(),
        (2, 1) => batch_norm::read_add(importer, node),
        (_, 0) => broadcast::read(importer, node, Op::add()),
        _ => Err(NodeFault::Place(
            "a constant may be added to one computed value only; put it in an Add of its own",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_are_those_that_the_device_takes() {
        for (inputs, activation) in [
            (vec![-4, -6, -5], Activation::None),
            (vec![-7, -7], Activation::Relu),
            (vec![-9, 2], Activation::LeakyRelu { slope_shift: 3 }),
        ] {
            let Exponent::Within(range) = Add.exponent(&inputs, activation) else {
                panic!("a sum has a range")
            };
            for output in range.start() - 3..=range.end() + 3 {
                let found = Add.align(&inputs, output, activation);
                assert_eq!(
                    found.is_ok(),
                    range.contains(&output),
                    "{inputs:?} {output}"
                );
            }
        }
        // Too far apart for one accumulator, whatever the output's.
        assert_eq!(Add.align(&[-20, 0], 0, Activation::None), Err((1, 20)));
    }
}
