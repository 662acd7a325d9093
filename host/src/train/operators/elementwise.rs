//! Sums and products, element by element; a vector may count for every pixel.

use burn_tensor::{Tensor, backend::Backend};

use super::{At, Scales, TrainableCombine};
use crate::graph::Shape;
use crate::ops::add::Add;
use crate::ops::mul::Mul;
use crate::train::ops::Kernels;

impl TrainableCombine for Add {
    fn forward<B: Kernels>(&self, mut inputs: Vec<Tensor<B, 2>>, at: At<'_>) -> Tensor<B, 2> {
        let others = inputs.split_off(1);
        add(inputs.swap_remove(0), others, at.to.channels)
    }

    fn input_gradient<B: Kernels>(
        &self,
        place: usize,
        gradient: Tensor<B, 2>,
        _: &dyn Fn(usize) -> Tensor<B, 2>,
        at: At<'_>,
    ) -> Tensor<B, 2> {
        as_vector(gradient, at.shapes[place], at.to)
    }

    /// One shift an input, by which it is multiplied, then the one by which the sum is rounded.
    fn scales(&self, shifts: &[u8], at: At<'_>) -> Option<Scales> {
        let (last, ups) = shifts.split_last()?;
        (ups.len() == at.shapes.len() && !ups.is_empty()).then(|| Scales {
            inputs: ups
                .iter()
                .map(|&shift| 2f32.powi(i32::from(shift)))
                .collect(),
            output: vec![super::down(*last)],
        })
    }
}

impl TrainableCombine for Mul {
    fn forward<B: Kernels>(&self, mut inputs: Vec<Tensor<B, 2>>, at: At<'_>) -> Tensor<B, 2> {
        let b = inputs.swap_remove(1);
        mul(inputs.swap_remove(0), b, at.to.channels)
    }

    fn input_gradient<B: Kernels>(
        &self,
        place: usize,
        gradient: Tensor<B, 2>,
        value: &dyn Fn(usize) -> Tensor<B, 2>,
        at: At<'_>,
    ) -> Tensor<B, 2> {
        let product = mul(gradient, value(1 - place), at.to.channels);
        as_vector(product, at.shapes[place], at.to)
    }

    fn scales(&self, shifts: &[u8], at: At<'_>) -> Option<Scales> {
        Scales::rounded_once(shifts, at, 2)
    }
}

/// Each channel times its factor, of shape (1, channels).
pub fn scaled<B: Backend>(x: Tensor<B, 2>, factors: Tensor<B, 2>) -> Tensor<B, 2> {
    let ([batch, elements], [_, channels]) = (x.dims(), factors.dims());
    let rows: Tensor<B, 2> = x.reshape([batch * elements / channels.max(1), channels]);
    (rows * factors).reshape([batch, elements])
}

/// The gradient for an input of [`add`] or [`mul`], where it is a vector that counts for each
/// pixel: the sum over the pixels.
pub fn as_vector<B: Backend>(gradient: Tensor<B, 2>, own: Shape, to: Shape) -> Tensor<B, 2> {
    if own.len() == to.len() {
        return gradient;
    }
    let [batch, _] = gradient.dims();
    let pixels: Tensor<B, 3> = gradient.reshape([batch, to.pixels(), to.channels]);
    pixels.sum_dim(1).reshape([batch, own.len()])
}

/// Sum of tensors (batch, elements). Each has the elements of the largest, or `channels`: a vector
/// that is the same for all its pixels.
pub fn add<B: Backend>(
    first: Tensor<B, 2>,
    others: impl IntoIterator<Item = Tensor<B, 2>>,
    channels: usize,
) -> Tensor<B, 2> {
    others.into_iter().fold(first, |sum, part| {
        pixel_by_pixel(sum, part, channels, |a, b| a + b)
    })
}

/// Product of two tensors, element by element; sizes as in [`add`].
pub fn mul<B: Backend>(a: Tensor<B, 2>, b: Tensor<B, 2>, channels: usize) -> Tensor<B, 2> {
    pixel_by_pixel(a, b, channels, |a, b| a * b)
}

fn pixel_by_pixel<B: Backend>(
    a: Tensor<B, 2>,
    b: Tensor<B, 2>,
    channels: usize,
    combine: impl Fn(Tensor<B, 3>, Tensor<B, 3>) -> Tensor<B, 3>,
) -> Tensor<B, 2> {
    let ([batch, of_a], [_, of_b]) = (a.dims(), b.dims());
    let cut = |x: Tensor<B, 2>, elements: usize| -> Tensor<B, 3> {
        x.reshape([batch, elements / channels.max(1), channels])
    };
    combine(cut(a, of_a), cut(b, of_b)).reshape([batch, of_a.max(of_b)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::ops::checks::{differentiates, random};
    use crate::train::ops::values;

    #[test]
    fn sums_and_products_follow_their_definition_and_have_their_gradients() {
        let (pixels, channels) = (4, 3);
        let (x, y, vector) = (random(2, 12, 1), random(2, 12, 2), random(2, 3, 3));
        let [a, b, v] = [&x, &y, &vector].map(values);
        let sum = values(&add(vector.clone(), [x.clone(), y.clone()], channels));
        let gated = values(&mul(vector.clone(), x.clone(), channels));
        for (i, (sum, gated)) in sum.iter().zip(&gated).enumerate() {
            let v = v[i / (pixels * channels) * channels + i % channels];
            assert_eq!((*sum, *gated), (v + a[i] + b[i], v * a[i]), "{i}");
        }
        assert_eq!(values(&mul(x.clone(), y.clone(), channels))[7], a[7] * b[7]);
        differentiates(
            vec![x.clone(), vector.clone(), y.clone()],
            |t| add(t[0].clone(), t[1..].to_vec(), channels),
            "sum",
        );
        for pair in [
            vec![x.clone(), y],
            vec![x.clone(), vector.clone()],
            vec![vector, x],
        ] {
            differentiates(pair, |t| mul(t[0].clone(), t[1].clone(), channels), "gate");
        }
    }
}
