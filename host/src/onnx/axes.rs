//! Axes of ONNX tensors, and of the network's.

use super::error::NodeFault;
use super::importer::{Data, canonical, wrong};
use crate::graph::Shape;
use crate::graph::shape::{CHANNELS, COLUMNS, ROWS};

/// Which axis of (N, channels, rows, columns) the network's rows, columns and channels are.
pub const OF_PICTURES: [usize; 3] = [2, 3, 1];

/// What the axes of a value mean: those behind the batch.
#[derive(Debug, Clone, Copy)]
pub struct Axes(&'static [usize]);

impl Axes {
    /// The axes of a value, and its shape: (N, channels), (N, rows, columns) or (N, channels, rows,
    /// columns).
    ///
    /// # Errors
    /// [`NodeFault::Shape`] for others.
    pub fn of(data: &Data) -> Result<(Self, Shape), NodeFault> {
        Self::of_dims(&data.dims)
            .ok_or_else(|| wrong("input", &data.dims, "a batch and 1 to 3 axes".to_owned()))
    }

    /// The same of the dimensions of a sample.
    pub fn of_dims(dims: &[usize]) -> Option<(Self, Shape)> {
        match *dims {
            [_] => Some((Self(&[CHANNELS]), canonical(dims)?)),
            [rows, columns] => Some((Self(&[ROWS, COLUMNS]), canonical(&[1, rows, columns])?)),
            [_, _, _] => Some((Self(&[CHANNELS, ROWS, COLUMNS]), canonical(dims)?)),
            _ => None,
        }
    }

    /// What the axes mean, in ONNX's order.
    pub const fn meanings(&self) -> &'static [usize] {
        self.0
    }

    /// The dimensions of a sample of this shape.
    pub fn dims(&self, shape: Shape) -> Vec<usize> {
        self.0.iter().map(|&axis| shape.axes()[axis]).collect()
    }

    /// Number of axes, the batch included.
    pub const fn rank(&self) -> usize {
        self.0.len() + 1
    }

    /// The place of an axis of ONNX, which may count from the end; 0 is the batch.
    pub fn place(&self, axis: i64) -> Result<usize, NodeFault> {
        // At most 4.
        let rank = self.rank() as i64;
        let positive = if axis < 0 {
            axis.saturating_add(rank)
        } else {
            axis
        };
        usize::try_from(positive)
            .ok()
            .filter(|&axis| axis < self.rank())
            .ok_or_else(|| wrong("axes", axis, format!("axes below {rank}")))
    }
}
