//! Where the elements of a move come from, with the channels last.

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
    let before = order(from);
    let mut origins = vec![None; to.len()];
    for (element, place) in order(to).into_iter().enumerate() {
        let source = operator.source(from, to, element);
        origins[place] = source.and_then(|source| before.get(source).copied());
    }
    Some(Moved(Arc::new(Origins::new(
        from.len(),
        movement.fill(),
        origins,
    ))))
}

/// For each element of a tensor in the order that [`Shape::index`] says, its place with the
/// channels last.
pub(super) fn order(shape: Shape) -> Vec<usize> {
    let place = |element: usize| {
        let place = shape.place(element);
        (place.row * shape.width + place.column) * shape.channels + place.channel
    };
    (0..shape.len()).map(place).collect()
}

/// From the channels last to the order of the graph's tensors; none where both are the same.
pub fn to_graph_order(shape: Shape) -> Option<Moved> {
    in_order(order(shape))
}

/// From the order of the graph's tensors to the channels last; none where both are the same.
pub fn from_graph_order(shape: Shape) -> Option<Moved> {
    let mut places = vec![0; shape.len()];
    for (element, place) in order(shape).into_iter().enumerate() {
        places[place] = element;
    }
    in_order(places)
}

fn in_order(places: Vec<usize>) -> Option<Moved> {
    if places.iter().enumerate().all(|(at, place)| at == *place) {
        return None;
    }
    let origins = Origins::new(places.len(), 0.0, places.into_iter().map(Some));
    Some(Moved(Arc::new(origins)))
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
