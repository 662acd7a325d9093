//! Where the elements of a move come from.

use std::sync::Arc;

use burn_tensor::Tensor;

use crate::graph::{Move, Shape};
use crate::train::ops::{Kernels, Origins, relocate};

/// Where the elements of a move come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Moved(Arc<Origins>);

/// Where the elements of a move come from; none where all stay in order.
pub fn moved(movement: Move, from: Shape, to: Shape) -> Option<Moved> {
    let operator = movement.operator();
    if operator.keeps_order() {
        return None;
    }
    let origin = |element| operator.source(from, to, element);
    let origins = (0..to.len()).map(origin);
    Some(Moved(Arc::new(Origins::new(
        from.len(),
        movement.fill(),
        origins,
    ))))
}

impl Moved {
    /// The elements moved.
    pub fn apply<B: Kernels>(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        relocate(x, &self.0)
    }

    /// The gradient of [`Moved::apply`] for its input, as a function that can itself be
    /// differentiated.
    pub fn adjoint<B: Kernels>(&self, gradient: Tensor<B, 2>) -> Tensor<B, 2> {
        crate::train::ops::gathered(gradient, &self.0)
    }
}
