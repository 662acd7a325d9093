//! Convolutions and transposed convolutions: each is the other's derivative.

use burn_tensor::Tensor;

use super::TrainableLinear;
use crate::graph::Shape;
use crate::ops::conv::Conv;
use crate::ops::conv_transpose::ConvTranspose;
use crate::train::ops::{Geometry, Kernels, conv, conv_transpose};

impl TrainableLinear for Conv {
    const NAME: &'static str = "conv";

    fn weights(&self, from: Shape, to: Shape) -> ([usize; 2], usize) {
        let weight = Geometry::of(self.0, from, to).weight();
        (weight, weight[0])
    }

    fn forward<B: Kernels>(
        &self,
        x: Tensor<B, 2>,
        weight: Tensor<B, 2>,
        [from, to]: [Shape; 2],
    ) -> Tensor<B, 2> {
        conv(x, weight, Geometry::of(self.0, from, to))
    }

    fn input_gradient<B: Kernels>(
        &self,
        gradient: Tensor<B, 2>,
        weight: Tensor<B, 2>,
        [from, to]: [Shape; 2],
    ) -> Tensor<B, 2> {
        conv_transpose(gradient, weight, Geometry::of(self.0, from, to))
    }
}

impl ConvTranspose {
    /// The geometry of the convolution that it is the derivative of.
    fn geometry(&self, [from, to]: [Shape; 2]) -> Geometry {
        Geometry::of(self.0, to, from)
    }
}

impl TrainableLinear for ConvTranspose {
    const NAME: &'static str = "deconv";

    /// It spreads its kernel over `stride x stride` outputs.
    fn weights(&self, from: Shape, to: Shape) -> ([usize; 2], usize) {
        let g = self.geometry([from, to]);
        let strides: usize = self.0.stride.iter().product();
        let seen = self.0.area() * g.small_group() / strides.max(1);
        (g.weight(), seen.max(1))
    }

    fn place(&self, output: usize, column: usize, shapes: [Shape; 2]) -> [usize; 2] {
        let g = self.geometry(shapes);
        let (large, small) = (g.large_group(), g.small_group());
        let (tap, input) = (column / small, column % small);
        let group = output / large;
        [tap * large + output % large, group * small + input]
    }

    fn turned<B: Kernels>(&self, weight: Tensor<B, 2>, shapes: [Shape; 2]) -> Tensor<B, 2> {
        let g = self.geometry(shapes);
        let parts = [g.groups, g.large_group(), self.0.area(), g.small_group()];
        let weight: Tensor<B, 4> = weight.reshape(parts);
        weight.permute([2, 1, 0, 3]).reshape(g.weight())
    }

    fn forward<B: Kernels>(
        &self,
        x: Tensor<B, 2>,
        weight: Tensor<B, 2>,
        shapes: [Shape; 2],
    ) -> Tensor<B, 2> {
        conv_transpose(x, weight, self.geometry(shapes))
    }

    fn input_gradient<B: Kernels>(
        &self,
        gradient: Tensor<B, 2>,
        weight: Tensor<B, 2>,
        shapes: [Shape; 2],
    ) -> Tensor<B, 2> {
        conv(gradient, weight, self.geometry(shapes))
    }
}
