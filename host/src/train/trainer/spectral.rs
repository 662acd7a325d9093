//! Spectral normalisation (Miyato et al. 2018, section 2.1 and appendix A): weights divided by
//! their largest singular value, which one power iteration a step follows.

use burn_tensor::Tensor;

use crate::train::net::Spec;
use crate::train::ops::{TrainBackend, tensor};
use crate::train::rng::normal;

/// Guards the division by a norm.
const GUARD: f64 = 1e-12;

/// Whether a parameter is a weight, and not a vector.
pub(super) fn is_weight(spec: &Spec) -> bool {
    spec.name.ends_with(".weight")
}

/// A random vector of shape (1, columns) for each weight (rows, columns).
pub(super) fn start<I: burn_tensor::backend::Backend>(
    specs: &[Spec],
    rng: &mut impl rand::Rng,
    device: &I::Device,
) -> Vec<Tensor<I, 2>> {
    let weights = specs.iter().filter(|spec| is_weight(spec));
    weights
        .map(|spec| {
            let columns = spec.shape[1];
            unit(tensor(normal(rng, columns), [1, columns], device))
        })
        .collect()
}

fn unit<I: burn_tensor::backend::Backend>(vector: Tensor<I, 2>) -> Tensor<I, 2> {
    let norm = (vector.clone() * vector.clone()).sum().sqrt() + GUARD;
    vector / norm.unsqueeze()
}

/// One power iteration on every weight; nothing without spectral normalisation.
pub(super) fn iterate<I: burn_tensor::backend::Backend>(
    specs: &[Spec],
    parameters: &[Tensor<I, 2>],
    singular: &mut [Tensor<I, 2>],
) {
    let weights = specs.iter().zip(parameters);
    let weights = weights.filter(|(spec, _)| is_weight(spec));
    for ((_, weight), right) in weights.zip(singular) {
        let left = unit(right.clone().matmul(weight.clone().transpose()));
        *right = unit(left.matmul(weight.clone()));
    }
}

/// Parameters (tracked or not) with each weight divided by its largest singular value; as they
/// are without spectral normalisation. The singular vectors count as constants, the value does
/// not.
pub(super) fn normalised<B: TrainBackend>(
    specs: &[Spec],
    parameters: &[Tensor<B, 2>],
    singular: &[Tensor<B::InnerBackend, 2>],
) -> Vec<Tensor<B, 2>> {
    let mut singular = singular.iter();
    let pairs = specs.iter().zip(parameters);
    pairs
        .map(|(spec, parameter)| {
            let vector = if is_weight(spec) {
                singular.next()
            } else {
                None
            };
            let Some(right) = vector else {
                return parameter.clone();
            };
            let left = unit(right.clone().matmul(parameter.clone().inner().transpose()));
            let (left, right) = (Tensor::from_inner(left), Tensor::from_inner(right.clone()));
            let largest = left.matmul(parameter.clone()) * right;
            parameter.clone() / (largest.sum() + GUARD).unsqueeze()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::net::{Start, initial};
    use crate::train::ops::values;
    use crate::train::rng::{Purpose, rng};
    use burn_autodiff::Autodiff;
    use burn_flex::Flex;
    use ndarray::{Array1, Array2};

    #[test]
    fn the_largest_singular_value_becomes_one() {
        let spec = |name: &str, shape, start| Spec {
            name: name.to_owned(),
            shape,
            start,
        };
        let specs = vec![
            spec("d.dense0.weight", [7, 4], Start::Uniform(2.0)),
            spec("d.dense0.bias", [1, 4], Start::Uniform(1.0)),
        ];
        let mut random = rng(3, Purpose::DiscriminatorWeights, 0);
        let parameters = initial::<Flex>(&specs, &mut random, &Default::default());
        let mut singular = start(&specs, &mut random, &Default::default());
        for _ in 0..200 {
            iterate(&specs, &parameters, &mut singular);
        }
        let constant: Vec<_> = parameters.into_iter().map(Tensor::from_inner).collect();
        let found = normalised::<Autodiff<Flex>>(&specs, &constant, &singular);
        assert_eq!(values(&found[1]), values(&constant[1]));
        let weight = Array2::from_shape_vec((7, 4), values(&found[0])).unwrap();
        // The largest gain over the eigenvectors of a fine power iteration of its own.
        let mut vector = Array1::from_vec(vec![1.0f32, 0.3, -0.2, 0.5]);
        for _ in 0..500 {
            vector = weight.t().dot(&weight.dot(&vector));
            vector /= vector.dot(&vector).sqrt();
        }
        let out = weight.dot(&vector);
        assert!((out.dot(&out).sqrt() - 1.0).abs() < 1e-4);
    }
}
