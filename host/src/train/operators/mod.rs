//! What belongs to one operator alone in training: its run, its gradient, and how its integers
//! round. The operators themselves, and all else that is known of them, are in [`crate::ops`].

mod channels;
mod convolution;
mod dense;
mod elementwise;
mod matrix;
mod pool;
mod rows;

use burn_tensor::Tensor;

pub use elementwise::scaled;

use super::ops::{Grid, Kernels, round, tensor};
use crate::graph::{Combine, LinearKind, Shape};
use crate::ops::{with_combine, with_linear};

/// The shapes that an operation lies between.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    /// Shapes of its inputs.
    pub shapes: &'a [Shape],
    /// Shape of its output.
    pub to: Shape,
}

/// What integers are multiplied with.
#[derive(Debug, Clone, PartialEq)]
pub struct Scales {
    /// Each input: a power of two.
    pub inputs: Vec<f32>,
    /// The result, before it is rounded: one for all, or one an element; none where it is not
    /// rounded.
    pub output: Vec<f32>,
}

impl Scales {
    /// Those of `inputs` inputs as they are, whose result is rounded by one shift.
    fn rounded_once(shifts: &[u8], at: At<'_>, inputs: usize) -> Option<Self> {
        let &[shift] = shifts else { return None };
        (at.shapes.len() == inputs).then(|| Self {
            inputs: vec![1.0; inputs],
            output: vec![down(shift)],
        })
    }
}

/// What a shift to the right multiplies with.
fn down(shift: u8) -> f32 {
    2f32.powi(-i32::from(shift))
}

/// What weights meet. In training they have a shape of their own, in which a convolution and a
/// transposed one are each other's derivative.
pub trait TrainableLinear {
    /// The first part of the names of its layers and parameters.
    const NAME: &'static str;

    /// Shape of the weights between these shapes, and how many inputs one output sees.
    fn weights(&self, from: Shape, to: Shape) -> ([usize; 2], usize);

    /// Where the graph's weight of an output and a column is in training: its row and its column.
    fn place(&self, output: usize, column: usize, shapes: [Shape; 2]) -> [usize; 2] {
        let _ = shapes;
        [column, output]
    }

    /// The graph's weights, (outputs, columns), as training has them.
    fn turned<B: Kernels>(&self, weight: Tensor<B, 2>, shapes: [Shape; 2]) -> Tensor<B, 2> {
        let _ = shapes;
        weight.transpose()
    }

    /// The output, without a bias, of an input of shape (batch, elements).
    fn forward<B: Kernels>(
        &self,
        x: Tensor<B, 2>,
        weight: Tensor<B, 2>,
        shapes: [Shape; 2],
    ) -> Tensor<B, 2>;

    /// The gradient for the input from that for the output, made of operations that can be
    /// differentiated again.
    fn input_gradient<B: Kernels>(
        &self,
        gradient: Tensor<B, 2>,
        weight: Tensor<B, 2>,
        shapes: [Shape; 2],
    ) -> Tensor<B, 2>;
}

/// How several tensors, each of shape (batch, elements), become one.
pub trait TrainableCombine {
    /// The output.
    fn forward<B: Kernels>(&self, inputs: Vec<Tensor<B, 2>>, at: At<'_>) -> Tensor<B, 2>;

    /// The gradient for the input at a place from that for the output, made of operations that can
    /// be differentiated again; `value` gives the inputs.
    fn input_gradient<B: Kernels>(
        &self,
        place: usize,
        gradient: Tensor<B, 2>,
        value: &dyn Fn(usize) -> Tensor<B, 2>,
        at: At<'_>,
    ) -> Tensor<B, 2>;

    /// What its integers are multiplied with, given the shifts of its alignment. None where there
    /// are not so many as there should be.
    fn scales(&self, shifts: &[u8], at: At<'_>) -> Option<Scales>;

    /// The result for integers before it is rounded. All numbers must stay below 2^24, so that
    /// 32-bit floats hold them exactly; the check of a quantized network proves it.
    fn exact<B: Kernels>(
        &self,
        inputs: Vec<Tensor<B, 2>>,
        factors: &[f32],
        at: At<'_>,
    ) -> Tensor<B, 2> {
        let inputs = inputs.into_iter().zip(factors);
        let scaled = inputs.map(|(x, factor)| match factor {
            1.0 => x,
            factor => x * *factor,
        });
        self.forward(scaled.collect(), at)
    }
}

/// See [`TrainableLinear::NAME`].
pub fn linear_name(kind: LinearKind) -> &'static str {
    fn name<L: TrainableLinear>(_: L) -> &'static str {
        L::NAME
    }
    with_linear!(kind, |operator| name(operator))
}

/// See [`TrainableLinear::weights`].
pub fn weights(kind: LinearKind, from: Shape, to: Shape) -> ([usize; 2], usize) {
    with_linear!(kind, |operator| operator.weights(from, to))
}

/// See [`TrainableLinear::place`].
pub fn place(kind: LinearKind, output: usize, column: usize, shapes: [Shape; 2]) -> [usize; 2] {
    with_linear!(kind, |operator| operator.place(output, column, shapes))
}

/// See [`TrainableLinear::forward`].
pub fn linear<B: Kernels>(
    kind: LinearKind,
    x: Tensor<B, 2>,
    weight: Tensor<B, 2>,
    shapes: [Shape; 2],
) -> Tensor<B, 2> {
    with_linear!(kind, |operator| operator.forward(x, weight, shapes))
}

/// The same with the graph's weights, (outputs, columns).
pub fn linear_turned<B: Kernels>(
    kind: LinearKind,
    x: Tensor<B, 2>,
    weight: Tensor<B, 2>,
    shapes: [Shape; 2],
) -> Tensor<B, 2> {
    with_linear!(kind, |operator| {
        let weight = operator.turned(weight, shapes);
        operator.forward(x, weight, shapes)
    })
}

/// See [`TrainableLinear::input_gradient`].
pub fn linear_gradient<B: Kernels>(
    kind: LinearKind,
    gradient: Tensor<B, 2>,
    weight: Tensor<B, 2>,
    shapes: [Shape; 2],
) -> Tensor<B, 2> {
    with_linear!(kind, |operator| operator
        .input_gradient(gradient, weight, shapes))
}

/// See [`TrainableCombine::forward`].
pub fn forward<B: Kernels>(
    combine: Combine,
    inputs: Vec<Tensor<B, 2>>,
    at: At<'_>,
) -> Tensor<B, 2> {
    with_combine!(combine, |operator| operator.forward(inputs, at))
}

/// See [`TrainableCombine::input_gradient`].
pub fn input_gradient<B: Kernels>(
    combine: Combine,
    place: usize,
    gradient: Tensor<B, 2>,
    value: &dyn Fn(usize) -> Tensor<B, 2>,
    at: At<'_>,
) -> Tensor<B, 2> {
    with_combine!(combine, |operator| operator
        .input_gradient(place, gradient, value, at))
}

/// See [`TrainableCombine::scales`].
pub fn scales(combine: Combine, shifts: &[u8], at: At<'_>) -> Option<Scales> {
    with_combine!(combine, |operator| operator.scales(shifts, at))
}

/// The result for integers, rounded to a grid.
pub fn integers<B: Kernels>(
    combine: Combine,
    inputs: Vec<Tensor<B, 2>>,
    scales: &Scales,
    grid: Grid,
    at: At<'_>,
) -> Tensor<B, 2> {
    let exact = with_combine!(combine, |operator| operator.exact(
        inputs,
        &scales.inputs,
        at
    ));
    match scales.output.is_empty() {
        true => exact,
        false => rounded(exact, &scales.output, grid),
    }
}

/// Times its scale, one for all or one an element, rounded and saturated.
fn rounded<B: Kernels>(x: Tensor<B, 2>, scales: &[f32], grid: Grid) -> Tensor<B, 2> {
    let (device, shape) = (x.device(), [1, scales.len()]);
    let scales = tensor(scales.to_vec(), shape, &device);
    round(x, Tensor::zeros(shape, &device), scales, grid)
}
