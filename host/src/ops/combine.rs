//! What the phases ask of an operator by which several tensors, or several elements without
//! weights, become one.

use super::lower::{LowerError, Lowering};
use crate::graph::{Alignment, Float, GraphError, Integer, Node, Shape};
use crate::onnx::tensors::{FloatWriter, IntegerWriter, Tensor};
use shared::arithmetic::Activation;
use shared::op::Kind;
use std::ops::RangeInclusive;

/// What the exponent of an output may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exponent {
    /// This alone.
    Only(i32),
    /// This, where nothing else is given.
    Natural(i32),
    /// What suits the values best, within these.
    Within(RangeInclusive<i32>),
}

/// In which order a combination of vectors takes their elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vectors {
    /// In their own: an element's place counts.
    Fixed,
    /// In any, but the same of all; its output's is that, too.
    Alike,
    /// In any, each in its own: they lie one behind the other in the output.
    Joined,
}

/// How several tensors become one.
pub trait CombineOperator {
    /// As [`super::LinearOperator::name`].
    fn name(&self) -> &'static str;

    /// As [`super::LinearOperator::describe`], for so many inputs.
    fn describe(&self, inputs: usize) -> String;

    /// Whether it takes so many inputs, and how many it takes.
    ///
    /// # Errors
    /// How many it should be.
    fn takes(&self, inputs: usize) -> Result<(), &'static str>;

    /// As [`super::LinearOperator::check`].
    ///
    /// # Errors
    /// [`GraphError`] names the layer.
    fn check(&self, layer: &str, inputs: &[Shape], to: Shape) -> Result<(), GraphError>;

    /// Whether each of the output's elements is a known one of an input's, at another exponent at
    /// most: so of a concatenation, but not of a maximum, where the values decide which it is.
    fn hands_on(&self) -> bool;

    /// In which order it takes the elements of vectors, where it gives one.
    fn vectors(&self) -> Vectors {
        Vectors::Fixed
    }

    /// Where the output's elements come from, given where each input's do (those of foreign inputs
    /// have none). `None` where a factor of an input's element is not one of the output's.
    fn origins(
        &self,
        parts: &[Option<Vec<usize>>],
        shapes: &[Shape],
        foreign: usize,
    ) -> Option<Vec<usize>> {
        let _ = (parts, shapes, foreign);
        None
    }

    /// Whether an activation of the arithmetic that follows it becomes part of it.
    fn takes_activation(&self) -> bool {
        false
    }

    /// Multiplications of elements with each other for one sample.
    fn products(&self, inputs: &[Shape], to: Shape) -> u64 {
        let _ = (inputs, to);
        0
    }

    /// The exponents that the output may have, given the inputs'.
    fn exponent(&self, inputs: &[i32], activation: Activation) -> Exponent;

    /// The alignment of inputs at these exponents to an output's.
    ///
    /// # Errors
    /// Which input needs which shift, where the arithmetic has none such.
    fn align(
        &self,
        inputs: &[i32],
        output: i32,
        activation: Activation,
    ) -> Result<Alignment, (usize, i32)>;

    /// The output in integers, slowly and obviously.
    fn oracle(
        &self,
        alignment: &Alignment,
        inputs: &[&[i8]],
        shapes: &[Shape],
        to: Shape,
    ) -> Vec<i8>;

    /// As [`super::LinearOperator::write`].
    fn write(&self, writer: &mut FloatWriter<'_>, index: usize, node: &Node<Float>) -> Tensor;

    /// As [`super::LinearOperator::write_integer`].
    fn write_integer(&self, writer: &mut IntegerWriter<'_>, node: &Node<Integer>) -> Vec<usize>;

    /// The device's operations are one an input, each with its own name; else one for all.
    fn one_an_input(&self) -> bool {
        false
    }

    /// Whether the device may write the output over the first input, where that has its shape.
    fn in_place(&self) -> bool {
        false
    }

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
