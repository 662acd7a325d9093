//! Convolutions of any window by the trainer's operations, which know square kernels and one stride.
//!
//! A kernel that is not square, or whose padding above is not that on the left, is one with zeros at its sides; dilation
//! is zeros between its elements, and groups are zeros for all other channels. Unequal strides are a stride of 1 with the
//! places between left out.

use burn_tensor::Tensor;

use crate::graph::Taps;
use crate::train::ops::{self, Geometry, Kernels};

/// A convolution, or a transposed one, and how its tensors are brought into the trainer's form.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Window {
    geometry: Geometry,
    /// Rows and columns of the kernel as it is.
    kernel: [usize; 2],
    dilation: [usize; 2],
    groups: usize,
    /// Zeros above and left of it.
    inset: [usize; 2],
    /// Strides, where they are unequal.
    strides: Option<[usize; 2]>,
    transposed: bool,
}

impl Window {
    /// The trainer's form of a window.
    pub(super) fn new(taps: &Taps) -> Self {
        let Taps {
            window: own,
            from,
            to,
            transposed,
        } = *taps;
        let (large, mut small) = if transposed { (to, from) } else { (from, to) };
        let [down, across] = own.stride;
        let strides = (down != across).then_some(own.stride);
        let stride = if strides.is_some() { 1 } else { down };
        if strides.is_some() {
            small.height *= down;
            small.width *= across;
        }
        let before = own.padding[0].max(own.padding[1]);
        let inset = own.padding.map(|padding| before - padding);
        // So large that the last place reaches the last row and column.
        let reach = |large: usize, small: usize| {
            (before + large).saturating_sub(small.saturating_sub(1) * stride)
        };
        let kernel = [
            own.extent(0) + inset[0],
            own.extent(1) + inset[1],
            reach(large.height, small.height),
            reach(large.width, small.width),
        ];
        Self {
            geometry: Geometry {
                large,
                small,
                kernel: kernel.into_iter().max().unwrap_or(1),
                stride,
                before,
            },
            kernel: own.kernel,
            dilation: own.dilation,
            groups: own.groups,
            inset,
            strides,
            transposed,
        }
    }

    /// Sums of products: (batch, input) and weights (outputs, kernel rows x kernel columns x channels) -> (batch,
    /// output), channels last.
    pub(super) fn apply<B: Kernels>(
        &self,
        input: Tensor<B, 2>,
        weight: Tensor<B, 2>,
    ) -> Tensor<B, 2> {
        let weight = self.weight(weight);
        if self.transposed {
            ops::conv_transpose(self.spread(input), weight, self.geometry)
        } else {
            self.thin(ops::conv(input, weight, self.geometry))
        }
    }

    fn weight<B: Kernels>(&self, weight: Tensor<B, 2>) -> Tensor<B, 2> {
        let [outputs, columns] = weight.dims();
        let [rows, across] = self.kernel;
        let channels = columns / (rows * across).max(1);
        let side = self.geometry.kernel;
        let mut weight = weight;
        if self.kernel != [side; 2] || self.dilation != [1, 1] {
            let wide = weight.reshape([outputs * rows, across, channels]);
            let wide = between_zeros(dilated(wide, self.dilation[1]), self.inset[1], side);
            let high = wide.reshape([outputs, rows, side * channels]);
            let high = between_zeros(dilated(high, self.dilation[0]), self.inset[0], side);
            weight = high.reshape([outputs, side * side * channels]);
        }
        let (each, whole) = (outputs / self.groups.max(1), channels * self.groups);
        if self.groups > 1 {
            let of_group = |group: usize| {
                let rows = weight.clone().narrow(0, group * each, each);
                let columns = rows.reshape([each * side * side, channels, 1]);
                between_zeros(columns, group * channels, whole).reshape([each, side * side * whole])
            };
            weight = Tensor::cat((0..self.groups).map(of_group).collect(), 0);
        }
        let channels = whole;
        if self.transposed {
            weight
                .reshape([outputs, side * side, channels])
                .swap_dims(0, 1)
                .reshape([side * side * outputs, channels])
        } else {
            weight.transpose()
        }
    }

    /// The places of the real strides among those of stride 1.
    fn thin<B: Kernels>(&self, output: Tensor<B, 2>) -> Tensor<B, 2> {
        let Some([down, across]) = self.strides else {
            return output;
        };
        let ([batch, _], small) = (output.dims(), self.geometry.small);
        let (height, width) = (small.height / down, small.width / across);
        output
            .reshape([batch * height, down, small.width * small.channels])
            .narrow(1, 0, 1)
            .reshape([batch * height * width, across, small.channels])
            .narrow(1, 0, 1)
            .reshape([batch, height * width * small.channels])
    }

    /// The input with zeros between, so that stride 1 puts each where the real strides do.
    fn spread<B: Kernels>(&self, input: Tensor<B, 2>) -> Tensor<B, 2> {
        let Some([down, across]) = self.strides else {
            return input;
        };
        let ([batch, _], small) = (input.dims(), self.geometry.small);
        let (height, width) = (small.height / down, small.width / across);
        let wide = input.reshape([batch * height * width, 1, small.channels]);
        let wide = between_zeros(wide, 0, across);
        let high = wide.reshape([batch * height, 1, small.width * small.channels]);
        between_zeros(high, 0, down).reshape([batch, small.len()])
    }
}

/// Zeros between the elements of the second dimension, so that each is so far from the next.
fn dilated<B: Kernels>(tensor: Tensor<B, 3>, dilation: usize) -> Tensor<B, 3> {
    let [first, own, last] = tensor.dims();
    if dilation == 1 {
        return tensor;
    }
    let apart = between_zeros(tensor.reshape([first * own, 1, last]), 0, dilation);
    let spread = apart.reshape([first, own * dilation, last]);
    spread.narrow(1, 0, (own - 1) * dilation + 1)
}

/// Zeros before and behind along the second dimension, `length` in all.
fn between_zeros<B: Kernels>(tensor: Tensor<B, 3>, before: usize, length: usize) -> Tensor<B, 3> {
    let [first, own, last] = tensor.dims();
    let device = tensor.device();
    let zeros = |count: usize| Tensor::zeros([first, count, last], &device);
    let after = length.saturating_sub(before + own);
    let mut parts = Vec::new();
    if before > 0 {
        parts.push(zeros(before));
    }
    parts.push(tensor);
    if after > 0 {
        parts.push(zeros(after));
    }
    Tensor::cat(parts, 1)
}
