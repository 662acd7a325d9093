//! Steps that move elements, on tensors whose channels come last.

use burn_tensor::{Int, Tensor, TensorData};

use crate::graph::{Move, Shape};
use crate::train::arch::tensor;
use crate::train::ops::{Grid, Kernels, round};

/// (batch, rows x columns x channels) to (batch, channels x rows x columns).
pub fn channels_first<B: Kernels>(x: Tensor<B, 2>, shape: Shape) -> Tensor<B, 2> {
    turned(x, [shape.height * shape.width, shape.channels])
}

/// The way back.
pub fn channels_last<B: Kernels>(x: Tensor<B, 2>, shape: Shape) -> Tensor<B, 2> {
    turned(x, [shape.channels, shape.height * shape.width])
}

fn turned<B: Kernels>(x: Tensor<B, 2>, [first, second]: [usize; 2]) -> Tensor<B, 2> {
    if first == 1 || second == 1 {
        return x;
    }
    let [batch, elements] = x.dims();
    x.reshape([batch, first, second])
        .swap_dims(1, 2)
        .reshape([batch, elements])
}

/// Each pixel becomes a block of equal ones.
pub(super) fn upsample<B: Kernels>(
    x: Tensor<B, 2>,
    from: Shape,
    [down, across]: [usize; 2],
) -> Tensor<B, 2> {
    let [batch, elements] = x.dims();
    let wide = x.reshape([batch * from.height * from.width, 1, from.channels]);
    let wide = wide.repeat_dim(1, across);
    let row = from.width * across * from.channels;
    let high = wide.reshape([batch * from.height, 1, row]);
    high.repeat_dim(1, down)
        .reshape([batch, elements * down * across])
}

/// Where each element comes from; what has no source is behind the last of the input.
pub(super) fn sources(moved: &Move, from: Shape, to: Shape) -> Vec<i32> {
    let place = |shape: Shape, element: usize| {
        let place = shape.place(element);
        (place.row * shape.width + place.column) * shape.channels + place.channel
    };
    let operator = moved.operator();
    let mut sources = vec![0; to.len()];
    for element in 0..to.len() {
        let source = operator.source(from, to, element);
        // At most 2^22 elements.
        sources[place(to, element)] = source.map_or(from.len(), |at| place(from, at)) as i32;
    }
    sources
}

/// Elements moved to where [`sources`] says; `fill` is what has none.
pub(super) fn relocate<B: Kernels>(x: Tensor<B, 2>, sources: &[i32], fill: f32) -> Tensor<B, 2> {
    let (batch, device) = (x.dims()[0], x.device());
    let data = TensorData::new(sources.to_vec(), [sources.len()]);
    let sources = Tensor::<B, 1, Int>::from_data(data, &device);
    Tensor::cat(vec![x, Tensor::full([batch, 1], fill, &device)], 1).select(1, sources)
}

/// Parts side by side along the channels, each times its factor, which is 2^-shift, and rounded.
pub(super) fn concat<B: Kernels>(
    parts: impl Iterator<Item = (Tensor<B, 2>, f32)>,
    to: Shape,
) -> Tensor<B, 2> {
    let pixels = (to.height * to.width).max(1);
    let mut batch = 0;
    let aligned = parts.map(|(x, factor)| {
        let (dims, device) = (x.dims(), x.device());
        batch = dims[0];
        let one = |value: f32| tensor(vec![value], [1, 1], &device);
        let x = if factor == 1.0 {
            x
        } else {
            round(x, one(0.0), one(factor), Grid::INT8)
        };
        x.reshape([dims[0] * pixels, dims[1] / pixels])
    });
    let joined = Tensor::cat(aligned.collect(), 1);
    joined.reshape([batch, to.len()])
}
