//! Tests of [`super`].

use burn_flex::Flex;
use burn_tensor::Tensor;
use ndarray::Array2;

use super::*;
use crate::graph::{Network, Shape};
use crate::train::config::{Config, Family, ModelConfig};
use crate::train::ops::{Activation, tensor, values};
use crate::train::rng::{Purpose, normal, rng};

fn small(family: Family, batch_norm: bool) -> ModelConfig {
    let mut model = Config::resolve("cgan", &[]).unwrap().model;
    model.family = family;
    model.latent = 3;
    model.generator = vec![5, 4];
    model.discriminator = vec![4, 3];
    model.height = 8;
    model.width = 6;
    model.batch_norm = batch_norm;
    model.truncation = 0.5;
    model
}

fn starting(specs: &[Spec]) -> Vec<Tensor<Flex, 2>> {
    let mut random = rng(1, Purpose::GeneratorWeights, 0);
    let mut parameters = initial::<Flex>(specs, &mut random, &Default::default());
    // Scales and biases that are not what they start with, so that each is seen to be used in its
    // place.
    for (spec, parameter) in specs.iter().zip(&mut parameters) {
        if spec.name.contains(".norm") {
            let count = spec.shape[0] * spec.shape[1];
            *parameter = tensor(normal(&mut random, count), spec.shape, &Default::default());
        }
    }
    parameters
}

fn random(rows: usize, columns: usize) -> Tensor<Flex, 2> {
    let values = normal(&mut rng(7, Purpose::Latents, 0), rows * columns);
    tensor(values, [rows, columns], &Default::default())
}

/// The exported network on the same input.
fn exported(network: &Network, input: &Tensor<Flex, 2>) -> Vec<f32> {
    network.check().unwrap();
    let input = Array2::from_shape_vec(input.dims(), values(input)).unwrap();
    crate::ops::forward::run(network, input.view())
        .into_raw_vec_and_offset()
        .0
}

fn close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
}

#[test]
fn the_exported_generator_draws_what_the_trainer_draws() {
    for (family, batch_norm) in [
        (Family::Dense, true),
        (Family::Dense, false),
        (Family::Conv, true),
        (Family::Conv, false),
    ] {
        for (height, width) in [(8, 6), (7, 9)] {
            let mut model = small(family, batch_norm);
            (model.height, model.width) = (height, width);
            let generator = Generator::new("generator", &model, 2, Activation::Tanh);
            let parameters = starting(generator.specs());
            let input = random(7, 5);
            let moments = generator.forward(&parameters, input.clone(), None).moments;
            assert_eq!(moments.len(), if batch_norm { 2 } else { 0 });
            // Three latent values, truncated, and two classes, not.
            let half = tensor::<Flex>(vec![0.5, 0.5, 0.5, 1.0, 1.0], [1, 5], &Default::default());
            let truncated = input.clone() * half;
            let drawn = generator
                .forward(&parameters, truncated, Some(&moments))
                .last();
            let network = generator.network("test", &parameters, &moments);
            assert_eq!(
                (network.input.len(), network.output.len()),
                (5, height * width)
            );
            close(&exported(&network, &input), &values(&drawn));
        }
    }
}

#[test]
fn the_exported_classifier_says_what_the_trainer_says() {
    let mut model = small(Family::Conv, false);
    model.features = 6;
    model.discriminator_slope = 0.0;
    let classifier = discriminator::classifier(&model, 4);
    let parameters = starting(classifier.specs());
    let pictures = random(5, 48);
    let logits = classifier
        .forward(&parameters, &Given::Whole(pictures.clone()), None)
        .last();
    assert_eq!(logits.dims(), [5, 4]);
    let network = classifier.float("test", &parameters, &[]);
    assert_eq!(network.output, Shape::vector(4));
    close(&exported(&network, &pictures), &values(&logits));
}

#[test]
fn batch_moments_normalise() {
    let generator = Generator::new(
        "generator",
        &small(Family::Dense, true),
        2,
        Activation::Tanh,
    );
    let parameters = starting(generator.specs());
    let input = random(10, 5);
    let moments = generator.forward(&parameters, input.clone(), None).moments;
    let first = values(&input.matmul(parameters[0].clone()));
    let mean = first.chunks(5).map(|row| row[1]).sum::<f32>() / 10.0;
    assert!((values(&moments[0].mean)[1] - mean).abs() < 1e-5);
}

#[test]
fn names_and_shapes_are_those_of_the_config() {
    let shapes = |specs: &[Spec]| -> Vec<(String, [usize; 2])> {
        specs
            .iter()
            .map(|spec| (spec.name.clone(), spec.shape))
            .collect()
    };
    let expected = |all: &[(&str, [usize; 2])]| -> Vec<(String, [usize; 2])> {
        all.iter()
            .map(|(name, shape)| ((*name).to_owned(), *shape))
            .collect()
    };
    let model = small(Family::Conv, true);
    let generator = Generator::new("generator", &model, 2, Activation::Tanh);
    let wanted = [
        ("generator.dense0.weight", [5, 2 * 2 * 5]),
        ("generator.norm0.scale", [1, 5]),
        ("generator.norm0.bias", [1, 5]),
        ("generator.deconv1.weight", [16 * 4, 5]),
        ("generator.norm1.scale", [1, 4]),
        ("generator.norm1.bias", [1, 4]),
        ("generator.deconv2.weight", [16, 4]),
        ("generator.deconv2.bias", [1, 1]),
    ];
    assert_eq!(shapes(generator.specs()), expected(&wanted));
    let wanted = [
        ("discriminator.conv0.weight", [16, 4]),
        ("discriminator.conv0.bias", [1, 4]),
        ("discriminator.conv1.weight", [64, 3]),
        ("discriminator.conv1.bias", [1, 3]),
        ("discriminator.dense2.weight", [2 * 2 * 3, 1]),
        ("discriminator.dense2.bias", [1, 1]),
        ("discriminator.embedding.weight", [2, 12]),
    ];
    assert_eq!(
        shapes(discriminator::discriminator(&model, 2, 1).specs()),
        expected(&wanted)
    );

    let model = Config::resolve("cgan", &[]).unwrap().model;
    let count = |specs: &[Spec]| -> usize { specs.iter().map(|s| s.shape[0] * s.shape[1]).sum() };
    let generator = Generator::new("generator", &model, 10, Activation::Tanh);
    assert_eq!(
        count(generator.specs()),
        42 * 256 + 256 * 256 + 256 * 784 + 4 * 256 + 784
    );
    assert_eq!(
        discriminator::discriminator(&model, 10, 1).specs()[0].shape,
        [794, 256]
    );
}

#[test]
fn the_input_gradient_is_that_of_finite_differences() {
    for family in [Family::Dense, Family::Conv] {
        for classes in [0, 2] {
            let network = discriminator::discriminator(&small(family, false), classes, 1);
            let parameters = starting(network.specs());
            let pictures = random(2, 48);
            let labels = (classes > 0)
                .then(|| tensor::<Flex>(vec![1.0, 0.0, 0.0, 1.0], [2, 2], &Default::default()));
            let given = |pictures: Tensor<Flex, 2>| Given::Parts(pictures, labels.clone());
            let judge =
                |pictures: Tensor<Flex, 2>| network.forward(&parameters, &given(pictures), None);
            let (judged, told) = (judge(pictures.clone()), given(pictures.clone()));
            let found = values(&network.input_gradient(&parameters, &told, &judged));
            let plain = values(&pictures);
            assert_eq!(found.len(), plain.len());
            for i in 0..plain.len() {
                let moved = |by: f32| {
                    let mut changed = plain.clone();
                    changed[i] += by;
                    let changed = tensor(changed, [2, 48], &Default::default());
                    values(&judge(changed).last())[i / 48]
                };
                let expected = (moved(1e-3) - moved(-1e-3)) / 2e-3;
                assert!(
                    (found[i] - expected).abs() < 2e-3,
                    "{} {expected}",
                    found[i]
                );
            }
        }
    }
}
