//! Tensors one after the other along the channels, and the channel that is largest.

use burn_tensor::{Tensor, backend::Backend};

use super::{At, Scales, TrainableCombine, rounded};
use crate::graph::Shape;
use crate::ops::argmax::Argmax;
use crate::ops::concat::Concat;
use crate::train::ops::{Grid, Kernels, tensor};

impl TrainableCombine for Concat {
    fn forward<B: Kernels>(&self, inputs: Vec<Tensor<B, 2>>, at: At<'_>) -> Tensor<B, 2> {
        concat(inputs, at.to)
    }

    fn input_gradient<B: Kernels>(
        &self,
        place: usize,
        gradient: Tensor<B, 2>,
        _: &dyn Fn(usize) -> Tensor<B, 2>,
        at: At<'_>,
    ) -> Tensor<B, 2> {
        let before = at.shapes[..place].iter().map(|shape| shape.channels).sum();
        channels(gradient, at.to.channels, before, at.shapes[place].channels)
    }

    /// One shift an input, by which it is rounded.
    fn scales(&self, shifts: &[u8], at: At<'_>) -> Option<Scales> {
        (shifts.len() == at.shapes.len()).then(|| Scales {
            inputs: shifts.iter().copied().map(super::down).collect(),
            output: Vec::new(),
        })
    }

    fn exact<B: Kernels>(
        &self,
        inputs: Vec<Tensor<B, 2>>,
        factors: &[f32],
        at: At<'_>,
    ) -> Tensor<B, 2> {
        let parts = inputs.into_iter().zip(factors);
        let parts = parts.map(|(x, factor)| match factor {
            1.0 => x,
            _ => rounded(x, &[*factor], Grid::INT8),
        });
        concat(parts.collect(), at.to)
    }
}

impl TrainableCombine for Argmax {
    fn forward<B: Kernels>(&self, mut inputs: Vec<Tensor<B, 2>>, at: At<'_>) -> Tensor<B, 2> {
        argmax(inputs.swap_remove(0), at.shapes[0].channels)
    }

    fn input_gradient<B: Kernels>(
        &self,
        _: usize,
        _: Tensor<B, 2>,
        value: &dyn Fn(usize) -> Tensor<B, 2>,
        _: At<'_>,
    ) -> Tensor<B, 2> {
        value(0).zeros_like()
    }

    /// None: its numbers are whole.
    fn scales(&self, shifts: &[u8], at: At<'_>) -> Option<Scales> {
        (shifts.is_empty() && at.shapes.len() == 1).then(|| Scales {
            inputs: vec![1.0],
            output: Vec::new(),
        })
    }
}

/// Tensors (batch, elements) one after the other along the channels, a pixel at a time.
pub fn concat<B: Backend>(parts: Vec<Tensor<B, 2>>, to: Shape) -> Tensor<B, 2> {
    let (pixels, mut batch) = (to.pixels().max(1), 0);
    let parts = parts.into_iter().map(|x| -> Tensor<B, 2> {
        let dims = x.dims();
        batch = dims[0];
        x.reshape([dims[0] * pixels, dims[1] / pixels])
    });
    Tensor::cat(parts.collect(), 1).reshape([batch, to.len()])
}

/// So many channels of each pixel from one on.
pub fn channels<B: Backend>(
    x: Tensor<B, 2>,
    channels: usize,
    first: usize,
    count: usize,
) -> Tensor<B, 2> {
    let [batch, elements] = x.dims();
    let pixels = elements / channels.max(1);
    x.reshape([batch * pixels, channels])
        .narrow(1, first, count)
        .reshape([batch, pixels * count])
}

/// The number of the largest channel of each pixel, the first of equals: (batch, pixels x channels)
/// to (batch, pixels). It has no gradient.
pub fn argmax<B: Backend>(x: Tensor<B, 2>, channels: usize) -> Tensor<B, 2> {
    let ([batch, elements], device) = (x.dims(), x.device());
    let pixels = elements / channels.max(1);
    let x = x.detach().reshape([batch * pixels, channels]);
    let numbers = (0..channels).map(|channel| channel as f32).collect();
    let numbers: Tensor<B, 2> = tensor(numbers, [1, channels], &device);
    let smaller = x.clone().lower(x.clone().max_dim(1));
    // What is smaller than the maximum counts as a number past the end.
    let numbers = x.zeros_like() + numbers;
    let first = numbers.mask_fill(smaller, channels as f32).min_dim(1);
    first.reshape([batch, pixels])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::ops::checks::{differentiates, random};
    use crate::train::ops::values;
    use burn_flex::Flex;

    #[test]
    fn channels_are_joined_and_taken_apart() {
        let (a, b) = (random(2, 6, 1), random(2, 4, 2));
        let to = Shape {
            channels: 5,
            height: 1,
            width: 2,
        };
        let both = concat(vec![a.clone(), b.clone()], to);
        assert_eq!(values(&both)[3..5], values(&b)[..2]);
        assert_eq!(values(&channels(both.clone(), 5, 0, 3)), values(&a));
        assert_eq!(values(&channels(both, 5, 3, 2)), values(&b));
        differentiates(vec![a, b], |t| concat(t.to_vec(), to), "concatenation");
    }

    #[test]
    fn the_first_of_the_largest_wins() {
        let x = vec![
            1.0, 3.0, 3.0, -2.0, -2.0, -7.0, 0.0, 0.5, 0.75, 4.0, 4.0, 4.0,
        ];
        let x = tensor::<Flex>(x, [2, 6], &Default::default());
        assert_eq!(values(&argmax(x, 3)), [1.0, 0.0, 2.0, 0.0]);
    }
}
