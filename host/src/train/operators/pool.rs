//! Sums and means over windows: convolutions with a group a channel whose weights are all 1.

use burn_tensor::Tensor;

use super::{At, Scales, TrainableCombine};
use crate::ops::average_pool::AveragePool;
use crate::train::ops::{Geometry, Kernels, conv, conv_transpose, tensor};
use shared::op::reciprocal;

impl TrainableCombine for AveragePool {
    fn forward<B: Kernels>(&self, mut inputs: Vec<Tensor<B, 2>>, at: At<'_>) -> Tensor<B, 2> {
        average_pool(
            inputs.swap_remove(0),
            geometry(self, at),
            self.count_include_pad,
        )
    }

    fn input_gradient<B: Kernels>(
        &self,
        _: usize,
        gradient: Tensor<B, 2>,
        _: &dyn Fn(usize) -> Tensor<B, 2>,
        at: At<'_>,
    ) -> Tensor<B, 2> {
        average_pool_adjoint(gradient, geometry(self, at), self.count_include_pad)
    }

    fn scales(&self, shifts: &[u8], at: At<'_>) -> Option<Scales> {
        let (&[shift], [_]) = (shifts, at.shapes) else {
            return None;
        };
        let counts = window_counts(geometry(self, at), self.count_include_pad);
        let factors = counts.iter().flat_map(|count| {
            // At most 2^16, and a power of two times it.
            let count = u32::try_from(*count).unwrap_or(u32::MAX);
            let factor = reciprocal(count) as f32 * super::down(shift);
            std::iter::repeat_n(factor, at.to.channels)
        });
        Some(Scales {
            inputs: vec![1.0],
            output: factors.collect(),
        })
    }

    fn exact<B: Kernels>(
        &self,
        mut inputs: Vec<Tensor<B, 2>>,
        _: &[f32],
        at: At<'_>,
    ) -> Tensor<B, 2> {
        window_sums(inputs.swap_remove(0), geometry(self, at))
    }
}

fn geometry(pool: &AveragePool, at: At<'_>) -> Geometry {
    Geometry::of(
        pool.window.each_channel(at.to.channels),
        at.shapes[0],
        at.to,
    )
}

/// Sums over a window of each channel: (batch, large) to (batch, small). The geometry has a group a
/// channel.
pub fn window_sums<B: Kernels>(x: Tensor<B, 2>, g: Geometry) -> Tensor<B, 2> {
    let ones = ones(g, &x.device());
    conv(x, ones, g)
}

fn ones<B: Kernels>(g: Geometry, device: &B::Device) -> Tensor<B, 2> {
    let [rows, columns] = g.weight();
    tensor(vec![1.0; rows * columns], [rows, columns], device)
}

/// For each pixel of the small picture the values that a mean over its window is of: the window's
/// places, or those inside the large picture where the padding does not count.
pub fn window_counts(g: Geometry, with_padding: bool) -> Vec<usize> {
    let pixels = g.small.height * g.small.width;
    if with_padding {
        return vec![g.kernel[0] * g.kernel[1]; pixels];
    }
    let mut counts = vec![0; pixels];
    g.taps(|small, _, _| counts[small] += 1);
    counts
}

/// One over the number of values that each mean is of, shape (1, small).
fn factors<B: Kernels>(g: Geometry, with_padding: bool, device: &B::Device) -> Tensor<B, 2> {
    let counts = window_counts(g, with_padding);
    let factors = counts.iter().flat_map(|count| {
        // A window has far fewer than 2^24 places.
        std::iter::repeat_n(1.0 / (*count).max(1) as f32, g.small.channels)
    });
    tensor(factors.collect(), [1, g.small.len()], device)
}

/// Means over a window of each channel; see [`window_sums`] and [`window_counts`].
pub fn average_pool<B: Kernels>(x: Tensor<B, 2>, g: Geometry, with_padding: bool) -> Tensor<B, 2> {
    let factors = factors(g, with_padding, &x.device());
    window_sums(x, g) * factors
}

/// The gradient of [`average_pool`] for its input.
pub fn average_pool_adjoint<B: Kernels>(
    gradient: Tensor<B, 2>,
    g: Geometry,
    with_padding: bool,
) -> Tensor<B, 2> {
    let device = gradient.device();
    let shared = gradient * factors(g, with_padding, &device);
    conv_transpose(shared, ones(g, &device), g)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Shape;
    use crate::train::ops::checks::{differentiates, random};
    use crate::train::ops::values;

    fn pool(before: [usize; 2]) -> Geometry {
        let shape = |height, width| Shape {
            channels: 2,
            height,
            width,
        };
        Geometry {
            large: shape(5, 6),
            small: shape(3, 2),
            kernel: [2, 3],
            stride: [2, 3],
            before,
            dilation: [1; 2],
            groups: 2,
        }
    }

    #[test]
    fn means_over_windows_follow_their_definition_and_have_their_gradients() {
        let g = pool([1, 1]);
        let x = random(2, g.large.len(), 1);
        for with_padding in [false, true] {
            let found = values(&average_pool(x.clone(), g, with_padding));
            let x = values(&x);
            // The first window's places inside: one row, two columns.
            let count = if with_padding { 6.0 } else { 2.0 };
            assert!((found[1] - (x[1] + x[3]) / count).abs() < 1e-6);
            let last = g.small.len() - 2;
            let all: f32 = [3, 4]
                .iter()
                .flat_map(|y| [2, 3, 4].map(|column| x[(y * 6 + column) * 2]))
                .sum();
            assert!((found[last] - all / 6.0).abs() < 1e-6);
        }
        differentiates(
            vec![x],
            |t| average_pool(t[0].clone(), g, false),
            "mean over windows",
        );
        differentiates(
            vec![random(2, g.small.len(), 2)],
            |t| average_pool_adjoint(t[0].clone(), g, false),
            "gradient of a mean over windows",
        );
        assert_eq!(window_counts(g, false), [2, 3, 4, 6, 4, 6]);
    }
}
