//! Moves of elements: each output is one element of the input, or a constant.

use std::sync::Arc;

use burn_tensor::ops::FloatTensor;
use burn_tensor::{IndexingUpdateOp, Int, Tensor, TensorData, backend::Backend};

use super::{bare, wrapped};

/// Where the elements of a sample come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Origins {
    /// Elements of a sample that goes in.
    inputs: usize,
    /// For each element that comes out the element that it is, or `inputs` where it is the
    /// constant.
    places: Vec<u32>,
    /// What has no origin.
    constant: f32,
}

impl Origins {
    /// Elements with an origin below `inputs` are that element, all others `constant`.
    ///
    /// A tensor of a network has far fewer than 2^32 elements.
    pub fn new(
        inputs: usize,
        constant: f32,
        origins: impl IntoIterator<Item = Option<usize>>,
    ) -> Self {
        let place = |origin: Option<usize>| origin.map_or(inputs, |place| place.min(inputs)) as u32;
        Self {
            inputs,
            places: origins.into_iter().map(place).collect(),
            constant,
        }
    }

    /// Elements of a sample that goes in.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// For each element that comes out its origin; [`Origins::inputs`] and more means the constant.
    pub fn places(&self) -> &[u32] {
        &self.places
    }

    /// What has no origin.
    pub fn constant(&self) -> f32 {
        self.constant
    }

    /// The same with zeros for what has no origin.
    pub(super) fn without_constant(self: Arc<Self>) -> Arc<Self> {
        if self.constant == 0.0 {
            return self;
        }
        Arc::new(Self {
            constant: 0.0,
            ..Self::clone(&self)
        })
    }

    fn tensor<B: Backend>(&self, device: &B::Device) -> Tensor<B, 1, Int> {
        // Below 2^31, as no network is that large.
        let places: Vec<i32> = self.places.iter().map(|place| *place as i32).collect();
        let count = places.len();
        Tensor::from_data(TensorData::new(places, [count]), device)
    }
}

/// See [`super::Kernels::relocate`].
pub fn relocate<B: Backend>(input: FloatTensor<B>, origins: &Origins) -> FloatTensor<B> {
    let input = wrapped::<B, 2>(input);
    let ([batch, _], device) = (input.dims(), input.device());
    let constant = Tensor::full([batch, 1], origins.constant, &device);
    let with_constant = Tensor::cat(vec![input, constant], 1);
    bare(with_constant.select(1, origins.tensor(&device)))
}

/// See [`super::Kernels::relocate_gradient`].
pub fn relocate_gradient<B: Backend>(
    gradient: FloatTensor<B>,
    origins: &Origins,
) -> FloatTensor<B> {
    let gradient = wrapped::<B, 2>(gradient);
    let ([batch, _], device) = (gradient.dims(), gradient.device());
    let sums = Tensor::<B, 2>::zeros([batch, origins.inputs + 1], &device);
    let places = origins.tensor(&device);
    let sums = sums.select_assign(1, places, gradient, IndexingUpdateOp::Add);
    bare(sums.narrow(1, 0, origins.inputs))
}

#[cfg(test)]
mod tests {
    use burn_flex::Flex;

    use super::super::checks::{close, differentiates, random};
    use super::super::relocate as taken;
    use super::super::{Kernels, gathered, values};
    use super::*;

    #[test]
    fn moves_take_elements_or_a_constant_and_add_the_gradients_of_copies() {
        let origins = [Some(2), None, Some(0), Some(2), Some(4), None, Some(2)];
        let origins = Arc::new(Origins::new(5, -3.0, origins));
        let x = random(40, 5, 1);
        let (plain, gradient) = (values(&x), random(40, 7, 2));
        let found = taken(x.clone(), &origins);
        for (found, x) in values(&found).chunks(7).zip(plain.chunks(5)) {
            assert_eq!(found, [x[2], -3.0, x[0], x[2], x[4], -3.0, x[2]]);
        }
        let portable = relocate::<Flex>(bare(x.clone()), &origins);
        assert_eq!(values(&wrapped::<Flex, 2>(portable)), values(&found));
        let fast = Flex::relocate_gradient(bare(gradient.clone()), &origins);
        let portable = relocate_gradient::<Flex>(bare(gradient), &origins);
        close(
            &values(&wrapped::<Flex, 2>(fast)),
            &values(&wrapped::<Flex, 2>(portable)),
            "gradient of a move",
        );
        differentiates(
            vec![x.narrow(0, 0, 3)],
            |t| taken(t[0].clone(), &origins),
            "move",
        );
        differentiates(
            vec![random(3, 7, 4)],
            |t| gathered(t[0].clone(), &origins),
            "gradient of a move",
        );
    }
}
