//! How several tensors become one, in training.

use crate::graph::{Combine, Window};

/// How several tensors become one, or elements are combined without weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combination {
    /// All inputs, one after the other along the channels.
    Concat,
    /// The sum of all inputs; one of a vector's shape counts for each pixel.
    Add,
    /// The product of two inputs, element by element; a vector counts for each pixel.
    Mul,
    /// Products of matrices: of the first input (height h, width m, channels k), which is h
    /// matrices of m x k, and of the second, which is h (or one for all) of k x n.
    MatMul {
        /// The second input's matrices are n x k.
        transposed: bool,
    },
    /// The mean over a window of each channel.
    AveragePool {
        /// How the window moves; it has no groups.
        window: Window,
        /// Zeros around the picture count as values.
        count_include_pad: bool,
    },
    /// The number of the largest channel of each pixel, the first of equals.
    Argmax,
}

impl Combination {
    /// The operator of a network that is exported, where it has one.
    pub const fn exported(self) -> Option<Combine> {
        match self {
            Self::Concat => Some(Combine::Concat),
            Self::Add
            | Self::Mul
            | Self::MatMul { .. }
            | Self::AveragePool { .. }
            | Self::Argmax => None,
        }
    }
}

impl From<Combine> for Combination {
    fn from(combine: Combine) -> Self {
        match combine {
            Combine::Concat => Self::Concat,
        }
    }
}
