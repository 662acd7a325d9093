//! Gradients of combinations of integers, against those of real numbers; the student's tests
//! compare their values with the oracle.

use burn_autodiff::Autodiff;
use burn_flex::Flex;
use burn_tensor::Tensor;
use rand::RngExt;

use super::*;
use crate::graph::{Alignment, Combine, Shape, Window};
use crate::train::operators::{self, At};
use crate::train::ops::{Kernels, tensor, values};
use crate::train::rng::{Purpose, rng};
use shared::arithmetic::Activation;

type A = Autodiff<Flex>;

const fn shape(height: usize, width: usize, channels: usize) -> Shape {
    Shape {
        channels,
        height,
        width,
    }
}

#[test]
fn gradients_pass_straight_through() {
    let small = |count: usize, seed: u64| {
        let mut random = rng(seed, Purpose::Latents, 0);
        let values = (0..2 * count).map(|_| random.random_range(-5i32..=5) as f32);
        Tensor::<A, 2>::from_inner(tensor(values.collect(), [2, count], &Default::default()))
    };
    let (a, b) = (shape(2, 3, 4), shape(2, 4, 4));
    let square = Combine::MatMul { transposed: true };
    let mean = Combine::AveragePool {
        window: Window::new([2, 2], [1, 1], [0, 0]),
        count_include_pad: true,
    };
    for (combine, shifts, shapes, to, scale) in [
        (Combine::Add, vec![2, 0, 1], vec![a, a], a, 0.5),
        (Combine::Mul, vec![3], vec![a, Shape::vector(4)], a, 0.125),
        (square, vec![2], vec![a, b], shape(2, 3, 4), 0.25),
        (mean, vec![16], vec![a], shape(1, 2, 4), 1.0),
    ] {
        let alignment = Alignment {
            shifts: shifts.clone(),
            activation: Activation::None,
        };
        let own = IntegerCombine::new(combine, &alignment, &shapes, to).unwrap();
        let tracked = || -> Vec<Tensor<A, 2>> {
            let of = |(i, shape): (usize, &Shape)| small(shape.len(), i as u64).require_grad();
            shapes.iter().enumerate().map(of).collect()
        };
        let gradient = small(to.len(), 9);
        let (x, y) = (tracked(), tracked());
        let found = own.apply(combine, x.clone(), &shapes, to);
        let real = real(combine, y.clone(), &shapes, to) * scale;
        let found = (found * gradient.clone()).sum().backward();
        let expected = (real * gradient).sum().backward();
        for (x, y) in x.iter().zip(&y) {
            let (found, expected) = (x.grad(&found).unwrap(), y.grad(&expected).unwrap());
            assert_eq!(values(&found), values(&expected), "{combine:?}");
        }
    }
}

/// The combination without rounding; the first part of the sum counts four times.
fn real<B: Kernels>(
    combine: Combine,
    mut x: Vec<Tensor<B, 2>>,
    shapes: &[Shape],
    to: Shape,
) -> Tensor<B, 2> {
    if combine == Combine::Add {
        let first = x.remove(0);
        return first * 4.0 + x.remove(0);
    }
    operators::forward(combine, x, At { shapes, to })
}

#[test]
fn shifts_that_do_not_fit_are_refused() {
    let shapes = [shape(2, 2, 3); 2];
    for (combine, shifts) in [
        (Combine::Add, vec![1, 2]),
        (Combine::Mul, vec![]),
        (Combine::Concat, vec![1]),
        (Combine::Argmax, vec![]),
    ] {
        let alignment = Alignment {
            shifts,
            activation: Activation::None,
        };
        let found = IntegerCombine::new(combine, &alignment, &shapes, shapes[0]);
        assert!(found.is_none(), "{combine:?}");
    }
}
