//! What the tests of operations have in common: random tensors, comparisons, finite differences.

use burn_autodiff::Autodiff;
use burn_flex::Flex;
use burn_tensor::Tensor;

use super::{tensor, values};
use crate::train::rng::{Purpose, normal, rng};

type A = Autodiff<Flex>;

/// Numbers of the standard normal distribution.
pub(crate) fn random(rows: usize, columns: usize, seed: u64) -> Tensor<Flex, 2> {
    let values = normal(&mut rng(seed, Purpose::Latents, 0), rows * columns);
    tensor(values, [rows, columns], &Default::default())
}

/// Fails where numbers differ by more than rounding.
pub(super) fn close(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected
        .iter()
        .fold(1f32, |most, value| most.max(value.abs()));
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!(
            (a - b).abs() < 2e-5 * scale,
            "{what}, element {i}: {a}, expected {b}"
        );
    }
}

/// Checks the gradients of a function of some tensors by central differences.
pub(crate) fn differentiates(
    inputs: Vec<Tensor<Flex, 2>>,
    function: impl Fn(&[Tensor<A, 2>]) -> Tensor<A, 2>,
    what: &str,
) {
    let tracked: Vec<Tensor<A, 2>> = inputs
        .iter()
        .map(|input| Tensor::from_inner(input.clone()).require_grad())
        .collect();
    let output = function(&tracked);
    // A loss in which every output counts differently.
    let [rows, columns] = output.dims();
    let loss = |output: Tensor<A, 2>| {
        let coefficients = Tensor::<A, 2>::from_inner(random(rows, columns, 9));
        (output * coefficients).sum()
    };
    let gradients = loss(output).backward();
    for (number, input) in inputs.iter().enumerate() {
        let found = values(&tracked[number].grad(&gradients).unwrap());
        let (plain, dims) = (values(input), input.dims());
        assert_eq!(found.len(), plain.len(), "{what}");
        let step = 1e-2;
        for i in (0..plain.len()).step_by(plain.len().div_ceil(40)) {
            let moved = |by: f32| {
                let mut changed = plain.clone();
                changed[i] += by;
                let mut all: Vec<Tensor<A, 2>> =
                    inputs.iter().cloned().map(Tensor::from_inner).collect();
                all[number] = tensor(changed, dims, &Default::default());
                f64::from(values(&loss(function(&all)))[0])
            };
            let expected = (moved(step) - moved(-step)) / f64::from(2.0 * step);
            let allowed = 2e-2 * expected.abs().max(1.0);
            assert!(
                (f64::from(found[i]) - expected).abs() < allowed,
                "{what}, input {number}, element {i}: {}, expected {expected}",
                found[i]
            );
        }
    }
}
