//! Products with a matrix: dense layers and embeddings.

use burn_tensor::Tensor;

use super::TrainableLinear;
use crate::graph::Shape;
use crate::ops::dense::Dense;
use crate::ops::embedding::Embedding;
use crate::train::ops::Kernels;

impl TrainableLinear for Dense {
    const NAME: &'static str = "dense";

    fn weights(&self, from: Shape, to: Shape) -> ([usize; 2], usize) {
        ([from.len(), to.len()], from.len())
    }

    fn forward<B: Kernels>(
        &self,
        x: Tensor<B, 2>,
        weight: Tensor<B, 2>,
        _: [Shape; 2],
    ) -> Tensor<B, 2> {
        x.matmul(weight)
    }

    fn input_gradient<B: Kernels>(
        &self,
        gradient: Tensor<B, 2>,
        weight: Tensor<B, 2>,
        _: [Shape; 2],
    ) -> Tensor<B, 2> {
        gradient.matmul(weight.transpose())
    }
}

impl TrainableLinear for Embedding {
    const NAME: &'static str = "embedding";

    /// A table is as large at its start as what it will be multiplied with.
    fn weights(&self, from: Shape, to: Shape) -> ([usize; 2], usize) {
        ([from.len(), to.len()], to.len())
    }

    fn forward<B: Kernels>(
        &self,
        x: Tensor<B, 2>,
        weight: Tensor<B, 2>,
        shapes: [Shape; 2],
    ) -> Tensor<B, 2> {
        Dense.forward(x, weight, shapes)
    }

    fn input_gradient<B: Kernels>(
        &self,
        gradient: Tensor<B, 2>,
        weight: Tensor<B, 2>,
        shapes: [Shape; 2],
    ) -> Tensor<B, 2> {
        Dense.input_gradient(gradient, weight, shapes)
    }
}
