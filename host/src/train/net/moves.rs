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
    let source: Box<dyn Fn(usize, usize, usize) -> Option<usize>> = match movement {
        Move::Reshape => return None,
        Move::Upsample { factor } => Box::new(move |row, column, channel| {
            let (row, column) = (row / factor[0], column / factor[1]);
            Some((row * from.width + column) * from.channels + channel)
        }),
    };
    let places = (0..to.height).flat_map(|row| (0..to.width).map(move |column| (row, column)));
    let places = places.flat_map(|(row, column)| (0..to.channels).map(move |c| (row, column, c)));
    let origins = places.map(|(row, column, channel)| source(row, column, channel));
    Some(Moved(Arc::new(Origins::new(from.len(), 0.0, origins))))
}

/// For each element of a tensor in the order that [`Shape::index`] says, its place with the channels last.
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

    /// The gradient of [`Moved::apply`] for its input, as a function that can itself be differentiated.
    pub fn adjoint<B: Kernels>(&self, gradient: Tensor<B, 2>) -> Tensor<B, 2> {
        crate::train::ops::gathered(gradient, &self.0)
    }
}
