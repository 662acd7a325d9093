//! Rounding to grids of integers, as a quantized network does it, in a backend's own tensor
//! operations.

use burn_tensor::ops::FloatTensor;
use burn_tensor::{Int, Tensor, backend::Backend};

use super::{bare, wrapped};

/// The whole numbers that values are rounded to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// The smallest.
    pub low: f32,
    /// The largest.
    pub high: f32,
    /// What negative values are multiplied by before they are rounded: 1 for nothing, 0 for ReLU.
    pub slope: f32,
}

impl Grid {
    /// int8 without an activation.
    pub const INT8: Self = Self {
        low: -128.0,
        high: 127.0,
        slope: 1.0,
    };
}

/// Rounded values, and how they would follow their inputs if nothing was rounded.
#[derive(Debug, Clone)]
pub struct Rounded<T> {
    /// Whole numbers.
    pub output: T,
    /// Derivative of each output for its input without the rounding; zero where it saturated.
    pub derivative: T,
}

/// A table of 256 entries for inputs of -128 to 127.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What comes out.
    pub entries: [f32; 256],
    /// The derivative that counts at each input.
    pub slopes: [f32; 256],
}

/// (rows, pixels x channels) to (rows x pixels, channels).
fn by_channel<B: Backend>(tensor: FloatTensor<B>, channels: usize) -> (Tensor<B, 2>, [usize; 2]) {
    let tensor = wrapped::<B, 2>(tensor);
    let dims = tensor.dims();
    let rows = dims[0] * dims[1] / channels.max(1);
    (tensor.reshape([rows, channels]), dims)
}

/// See [`super::Kernels::round`].
pub fn round<B: Backend>(
    input: FloatTensor<B>,
    bias: FloatTensor<B>,
    scale: FloatTensor<B>,
    grid: Grid,
) -> Rounded<FloatTensor<B>> {
    let (bias, scale) = (wrapped::<B, 2>(bias), wrapped::<B, 2>(scale));
    let (x, dims) = by_channel::<B>(input, bias.dims()[1]);
    let x = (x + bias) * scale.clone();
    let negative = x.clone().lower_elem(0.0);
    let bent = x.clone() * grid.slope;
    let rounded = x.mask_where(negative.clone(), bent).round();
    let outside = rounded
        .clone()
        .lower_elem(grid.low)
        .bool_or(rounded.clone().greater_elem(grid.high));
    let straight = rounded.zeros_like() + scale;
    let derivative = straight
        .clone()
        .mask_where(negative, straight * grid.slope)
        .mask_fill(outside, 0.0);
    Rounded {
        output: bare(rounded.clamp(grid.low, grid.high).reshape(dims)),
        derivative: bare(derivative.reshape(dims)),
    }
}

/// See [`super::Kernels::look_up`].
pub fn look_up<B: Backend>(input: FloatTensor<B>, table: &Table) -> Rounded<FloatTensor<B>> {
    let input = wrapped::<B, 2>(input);
    let (dims, device) = (input.dims(), input.device());
    let places: Tensor<B, 1, Int> = (input + 128.0)
        .clamp(0.0, 255.0)
        .int()
        .reshape([dims[0] * dims[1]]);
    let take = |values: &[f32; 256]| {
        let values = Tensor::<B, 1>::from_floats(values.as_slice(), &device);
        bare(values.select(0, places.clone()).reshape(dims))
    };
    Rounded {
        output: take(&table.entries),
        derivative: take(&table.slopes),
    }
}

/// Sums over rows and pixels of (rows, pixels x channels): shape (1, channels).
pub(super) fn sum_rows<B: Backend>(tensor: FloatTensor<B>, channels: usize) -> FloatTensor<B> {
    bare(by_channel::<B>(tensor, channels).0.sum_dim(0))
}

#[cfg(test)]
mod tests {
    use super::super::{look_up as taken, round as rounded, tensor, values};
    use super::*;
    use burn_autodiff::Autodiff;
    use burn_flex::Flex;

    type A = Autodiff<Flex>;

    fn inputs() -> Vec<f32> {
        // Every tie, both signs, and what is far outside.
        let near = (-1200..1200).map(|i| i as f32 / 4.0);
        near.chain([1e6, -1e6, 16_777_215.0, -16_777_215.0])
            .collect()
    }

    #[test]
    fn both_ways_round_half_to_even_saturate_and_bend() {
        let device = Default::default();
        let x = inputs();
        for slope in [1.0f32, 0.25, 0.0] {
            let grid = Grid {
                slope,
                ..Grid::INT8
            };
            let (bias, scale) = ([3.0f32, -1.0], [0.5f32, 2.0]);
            let make = |v: &[f32]| tensor::<Flex>(v.to_vec(), [v.len() / 4, 4], &device);
            let row = |v: [f32; 2]| tensor::<Flex>(v.to_vec(), [1, 2], &device);
            let own = <Flex as super::super::Kernels>::round(
                bare(make(&x)),
                bare(row(bias)),
                bare(row(scale)),
                grid,
            );
            let plain = round::<Flex>(bare(make(&x)), bare(row(bias)), bare(row(scale)), grid);
            for (found, expected) in [
                (own.output, plain.output.clone()),
                (own.derivative, plain.derivative.clone()),
            ] {
                let of = |t| values(&wrapped::<Flex, 2>(t));
                assert_eq!(of(found), of(expected));
            }
            let found = values(&wrapped::<Flex, 2>(plain.output));
            let derivative = values(&wrapped::<Flex, 2>(plain.derivative));
            for (i, &x) in x.iter().enumerate() {
                let v = f64::from(x + bias[i % 2]) * f64::from(scale[i % 2]);
                let bent = if v < 0.0 { v * f64::from(slope) } else { v };
                let whole = bent.round_ties_even();
                assert_eq!(f64::from(found[i]), whole.clamp(-128.0, 127.0), "{x}");
                let inside = (-128.0..=127.0).contains(&whole);
                let expected = match (inside, v < 0.0) {
                    (false, _) => 0.0,
                    (true, true) => scale[i % 2] * slope,
                    (true, false) => scale[i % 2],
                };
                assert_eq!(derivative[i], expected, "{x}");
            }
        }
    }

    #[test]
    fn gradients_pass_straight_through_and_stop_where_saturated() {
        let device = Default::default();
        let x = tensor::<A>(vec![1.3, -2.6, 300.0, -9.0], [2, 2], &device).require_grad();
        let bias = tensor::<A>(vec![0.0, 0.5], [1, 2], &device).require_grad();
        let scale = tensor::<A>(vec![2.0, 1.0], [1, 2], &device);
        let grid = Grid {
            slope: 0.25,
            ..Grid::INT8
        };
        let weights = tensor::<A>(vec![1.0, 10.0, 100.0, 1000.0], [2, 2], &device);
        let y = rounded(x.clone(), bias.clone(), scale, grid);
        assert_eq!(values(&y), [3.0, -1.0, 127.0, -2.0]);
        let gradients = (y * weights).sum().backward();
        let of = |t: &Tensor<A, 2>| values(&t.grad(&gradients).unwrap());
        assert_eq!(of(&x), [2.0, 2.5, 0.0, 250.0]);
        assert_eq!(of(&bias), [2.0, 252.5]);
    }

    #[test]
    fn tables_give_their_entries_and_slopes() {
        let device = Default::default();
        let mut table = Table {
            entries: [0.0; 256],
            slopes: [0.0; 256],
        };
        for i in 0..256 {
            (table.entries[i], table.slopes[i]) = (i as f32 - 7.0, 1.0 / (1.0 + i as f32));
        }
        let all: Vec<f32> = (-128i16..128).map(f32::from).collect();
        let x = tensor::<A>(all, [4, 64], &device).require_grad();
        let y = taken(x.clone(), &table);
        assert_eq!(values(&y), table.entries);
        let gradients = y.sum().backward();
        assert_eq!(values(&x.grad(&gradients).unwrap()), table.slopes);
        let plain = look_up::<Flex>(bare(x.inner()), &table);
        assert_eq!(values(&wrapped::<Flex, 2>(plain.output)), table.entries);
        assert_eq!(values(&wrapped::<Flex, 2>(plain.derivative)), table.slopes);
    }
}
