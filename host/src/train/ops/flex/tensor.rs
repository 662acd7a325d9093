//! What all kernels of this backend have in common: how tensors are made, and how work is divided.

use burn_flex::{FlexTensor, Layout};
use burn_tensor::{Bytes, DType, Shape};

/// Partial sums of a weight gradient.
pub(super) const PARTS: usize = 16;

/// Values row by row as a tensor of so many columns.
pub(super) fn tensor(values: Vec<f32>, columns: usize) -> FlexTensor {
    let rows = values.len() / columns.max(1);
    let layout = Layout::contiguous(Shape::new([rows, columns]));
    FlexTensor::new(Bytes::from_elems(values), layout, DType::F32)
}
