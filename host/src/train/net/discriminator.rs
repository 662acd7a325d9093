//! Networks that take pictures: discriminator, encoder, classifier.
//!
//! A discriminator or an encoder is told the class in one of two ways. Where the network is dense,
//! and in an encoder, the one-hot label is joined to the input of the first dense layer. The output
//! of a convolutional discriminator gains the product of the features and the class's row of a
//! table (Miyato and Koyama 2018), from which it learns much faster than from a label beside its
//! features.

use super::generator::{Layers, picture};
use super::{Builder, Trainable};
use crate::graph::{Combine, Graph, InputSpec, LinearKind, Move, Shape, Source};
use crate::train::config::{Family, ModelConfig};
use crate::train::ops::{Activation, Geometry};

/// The discriminator of a config: logits, positive for real. `classes` is 0 where it is not
/// conditional, `outputs` 1, or the classes of the data where it has a logit for each.
pub fn discriminator(model: &ModelConfig, classes: usize, outputs: usize) -> Graph<Trainable> {
    let told = match (classes, model.family) {
        (0, _) => Told::Nothing,
        (_, Family::Dense) => Told::Joined,
        (_, Family::Conv) => Told::Projected,
    };
    discriminator_layers("discriminator", model, classes, told, outputs)
}

/// The encoder of a config: mean and logarithm of the variance of each latent value.
pub fn encoder(model: &ModelConfig, classes: usize) -> Graph<Trainable> {
    let told = match classes {
        0 => Told::Nothing,
        _ => Told::Joined,
    };
    discriminator_layers("encoder", model, classes, told, 2 * model.latent)
}

/// The classifier of a config: a logit for each class.
pub fn classifier(model: &ModelConfig, classes: usize) -> Graph<Trainable> {
    discriminator_layers("classifier", model, 0, Told::Nothing, classes)
}

/// How a network is told the class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Joined,
    Projected,
}

/// Picture -> a vector of `outputs` values, without an activation at its end.
///
/// Dense: hidden layers of the sizes of `model.discriminator`. Convolutional: convolutions of so
/// many channels, each halving height and width, then a dense layer of `model.features` unless that
/// is 0.
fn discriminator_layers(
    name: &str,
    model: &ModelConfig,
    classes: usize,
    told: Told,
    outputs: usize,
) -> Graph<Trainable> {
    let hidden = Activation::LeakyRelu(model.discriminator_slope);
    let picture = picture(model);
    let input = InputSpec {
        latent: picture.len(),
        classes,
    };
    let mut layers = Layers::new(Builder::new(name, input), false);
    let pictures = match classes {
        0 => Source::Input,
        _ => Source::Latent,
    };
    let moved = |layers: &mut Layers, name: &str, to: Shape| {
        layers.builder.moved(name, Move::Reshape, layers.head, to)
    };
    layers.head = pictures;
    layers.head = moved(&mut layers, "input", picture);
    let mut dense = model.discriminator.as_slice();
    if model.family == Family::Conv {
        for channels in &model.discriminator {
            let large = layers.builder.shape(layers.head);
            let geometry = Geometry::halving(large, *channels, model.kernel);
            layers.hidden(LinearKind::Conv(geometry.window()), geometry.small, hidden);
        }
        let has_features = usize::from(model.features > 0);
        dense = &std::slice::from_ref(&model.features)[..has_features];
    }
    let length = |layers: &Layers| layers.builder.shape(layers.head).len();
    if told == Told::Joined {
        let flat = Shape::vector(length(&layers));
        layers.head = moved(&mut layers, "flat", flat);
        let (parts, both) = (vec![layers.head, Source::Label], flat.len() + classes);
        let both = Shape::vector(both);
        layers.head = layers
            .builder
            .combine("joined", Combine::Concat, parts, both);
    }
    for size in dense {
        layers.hidden(LinearKind::Dense, Shape::vector(*size), hidden);
    }
    let (features, count) = (layers.head, length(&layers));
    let scores = Shape::vector(outputs);
    layers.last(LinearKind::Dense, scores, Activation::None);
    if told == Told::Projected {
        let (score, flat) = (layers.head, Shape::vector(count));
        layers.head = features;
        let features = moved(&mut layers, "features", flat);
        let builder = &mut layers.builder;
        let kind = LinearKind::Embedding;
        let row = builder.linear("embedding", kind, Source::Label, flat, false);
        let product = Combine::MatMul { transposed: true };
        let pair = vec![features, row];
        let projection = builder.combine("projection", product, pair, Shape::vector(1));
        builder.combine("score", Combine::Add, vec![score, projection], scores);
    }
    layers.builder.done()
}
