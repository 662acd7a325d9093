//! The stacks of a config.

use super::{Block, Map, Stack};
use crate::graph::Shape;
use crate::train::config::{Family, Model};
use crate::train::ops::{Activation, Geometry};

/// A network that draws: a vector of `inputs` values -> picture, `last` at its end.
///
/// Dense: hidden layers of the sizes of `model.generator`. Convolutional: dense layers of `model.mapping`, then one to the smallest picture of
/// `model.generator[0]` channels, then transposed convolutions, each doubling height and width (Radford, Metz and
/// Chintala 2016).
pub fn drawing(name: &'static str, model: &Model, inputs: usize, last: Activation) -> Stack {
    let hidden = Activation::LeakyRelu(model.generator_slope);
    let mut stack = Builder::new(name, Shape::vector(inputs));
    match model.family {
        Family::Dense => {
            for size in &model.generator {
                stack.push(Map::Dense, Shape::vector(*size), model.batch_norm, hidden);
            }
            stack.push(Map::Dense, picture(model), false, last);
        }
        Family::Conv => {
            // From the picture down to the smallest: what is drawn is then turned round.
            let mut up = Vec::new();
            let mut large = picture(model);
            for channels in model.generator.iter().rev() {
                let geometry = Geometry::halving(large, *channels, model.kernel);
                large = geometry.small;
                up.push(geometry);
            }
            for size in &model.mapping {
                stack.push(Map::Dense, Shape::vector(*size), model.batch_norm, hidden);
            }
            stack.push(Map::Dense, large, model.batch_norm, hidden);
            for (i, geometry) in up.into_iter().enumerate().rev() {
                let (norm, activation) = if i == 0 {
                    (false, last)
                } else {
                    (model.batch_norm, hidden)
                };
                stack.push(
                    Map::ConvTranspose(geometry),
                    geometry.large,
                    norm,
                    activation,
                );
            }
        }
    }
    stack.done
}

/// A network that looks: picture -> a vector of `outputs` values, without an activation at its end.
///
/// Dense: hidden layers of the sizes of `model.discriminator`. Convolutional: convolutions of so many channels, each
/// halving height and width, then a dense layer of `model.features` unless that is 0. `labels` values more enter the
/// first dense layer.
pub fn looking(name: &'static str, model: &Model, labels: usize, outputs: usize) -> Stack {
    let hidden = Activation::LeakyRelu(model.discriminator_slope);
    let mut stack = Builder::new(name, picture(model));
    let mut dense = model.discriminator.as_slice();
    if model.family == Family::Conv {
        for channels in &model.discriminator {
            let geometry = Geometry::halving(stack.shape, *channels, model.kernel);
            stack.push(Map::Conv(geometry), geometry.small, false, hidden);
        }
        let has_features = usize::from(model.features > 0);
        dense = &std::slice::from_ref(&model.features)[..has_features];
    }
    if labels > 0 {
        stack.shape = Shape::vector(stack.shape.len() + labels);
    }
    for size in dense {
        stack.push(Map::Dense, Shape::vector(*size), false, hidden);
    }
    stack.push(Map::Dense, Shape::vector(outputs), false, Activation::None);
    stack.done
}

/// The picture's shape.
fn picture(model: &Model) -> Shape {
    Shape {
        channels: 1,
        height: model.height,
        width: model.width,
    }
}

/// A stack that grows.
struct Builder {
    done: Stack,
    /// Shape of the last output.
    shape: Shape,
}

impl Builder {
    fn new(name: &'static str, shape: Shape) -> Self {
        Self {
            done: Stack {
                name,
                blocks: Vec::new(),
            },
            shape,
        }
    }

    fn push(&mut self, map: Map, output: Shape, norm: bool, activation: Activation) {
        self.done.blocks.push(Block {
            index: self.done.blocks.len(),
            map,
            input: self.shape,
            output,
            norm,
            activation,
        });
        self.shape = output;
    }
}
