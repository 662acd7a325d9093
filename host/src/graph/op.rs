//! Operations in four classes. Phases tell the classes apart, and seldom the operators within one.
//!
//! - `Linear`: weights times inputs, and a bias.
//! - `Move`: each element of the output is one of the input, or a constant.
//! - `Pointwise`: a function of one element.
//! - `Combine`: several tensors, or several elements without weights, become one.
//!
//! Beside these is batch normalisation, [`Op::Norm`], which folding does away with: a phase without
//! it has an uninhabited [`Phase::Norm`].

use super::{Phase, Shape, Taps, Window};
use shared::op::BlockOrder;

/// An operation of a phase.
#[derive(Debug, Clone, PartialEq)]
pub enum Op<P: Phase> {
    /// Weights times inputs, and a bias.
    Linear(LinearKind, P::Linear),
    /// Normalisation, a channel at a time.
    Norm(P::Norm),
    /// A function of one element.
    Pointwise(P::Function),
    /// Each element is one of the input's, or a constant.
    Move(Move),
    /// Several tensors become one, or elements are combined without weights.
    Combine(Combine, P::Combine),
}

/// What the columns of weights are multiplied with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinearKind {
    /// Fully connected: all of the input's elements, in order. The output is a vector.
    Dense,
    /// A cross-correlation, as every framework calls convolution. Columns: kernel row, kernel
    /// column, input channel of the group.
    Conv(Window),
    /// The adjoint of a convolution: each input adds its multiple of the kernel to the output at
    /// `stride` times its place. Columns as a convolution's; a column is multiplied with the input
    /// that meets its element of the kernel at the output's place, where there is one.
    ConvTranspose(Window),
    /// The label's column of a table. Columns: classes.
    Embedding,
    /// A column of a table by its number, the last one for numbers past it. Columns: rows of the
    /// table.
    Gather {
        /// Rows of the table.
        rows: usize,
    },
}

/// Each element of the output is one of the input, or a constant. Axes are rows, columns, channels,
/// in this order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Move {
    /// The same elements in the same order, with another shape.
    Reshape,
    /// Each element becomes a block of equal ones.
    Upsample {
        /// Rows and columns of the block.
        factor: [usize; 2],
    },
    /// Each pixel's channels become a block of pixels.
    DepthToSpace {
        /// Rows and columns of the block.
        block: [usize; 2],
        /// Which channel is which pixel of the block.
        order: BlockOrder,
    },
    /// Each block of pixels becomes the channels of one.
    SpaceToDepth {
        /// Rows and columns of the block.
        block: [usize; 2],
        /// Which channel is which pixel of the block.
        order: BlockOrder,
    },
    /// The axes in another order.
    Transpose {
        /// Which axis of the input each of the output is, each once.
        order: [usize; 3],
    },
    /// A part of the input; how long along each axis, the node's shape says.
    Slice {
        /// The first along each axis.
        start: [usize; 3],
        /// From one to the next along each axis.
        step: [usize; 3],
    },
    /// The input with something around it; how much behind it, the node's shape says.
    Pad {
        /// How much lies before it along each axis.
        before: [usize; 3],
        /// What lies around it.
        around: Around,
    },
}

/// What lies around a padded tensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Around {
    /// One value: a real number, or in a network of integers one of int8 at the node's exponent.
    Constant(f32),
    /// The element at the edge.
    Edge,
    /// The tensor mirrored at the element at its edge, which is not repeated.
    Reflect,
}

/// How several tensors become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combine {
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

/// What the columns of an operation's weights stand for, which is all that the phases ask of most
/// linear operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    /// The input's elements, each of which any column may be.
    Elements,
    /// Places of a kernel, and the channels of the input at each.
    Kernel(Window),
    /// Classes: one is on.
    Classes,
    /// Rows of a table, one of which is taken by its number. Nothing is multiplied or added.
    Rows {
        /// How many there are.
        count: usize,
    },
}

impl LinearKind {
    /// What the columns of its weights stand for.
    pub const fn columns(&self) -> Columns {
        match self {
            Self::Dense => Columns::Elements,
            Self::Conv(window) | Self::ConvTranspose(window) => Columns::Kernel(*window),
            Self::Embedding => Columns::Classes,
            Self::Gather { rows } => Columns::Rows { count: *rows },
        }
    }

    /// How the kernel moves, where there is one.
    pub const fn window(&self) -> Option<Window> {
        match self.columns() {
            Columns::Kernel(window) => Some(window),
            Columns::Elements | Columns::Classes | Columns::Rows { .. } => None,
        }
    }

    /// Whether one column alone counts, whose entries are not multiplied.
    pub const fn is_table(&self) -> bool {
        matches!(self.columns(), Columns::Classes | Columns::Rows { .. })
    }

    /// What meets what between these shapes, where a kernel moves.
    pub fn taps(&self, from: Shape, to: Shape) -> Option<Taps> {
        Some(Taps {
            window: self.window()?,
            from,
            to,
            transposed: matches!(self, Self::ConvTranspose(_)),
        })
    }
}

impl<P: Phase> Op<P> {
    /// The weights, where there are some.
    pub const fn linear(&self) -> Option<&P::Linear> {
        match self {
            Self::Linear(_, linear) => Some(linear),
            Self::Norm(_) | Self::Pointwise(_) | Self::Move(_) | Self::Combine(..) => None,
        }
    }

    /// As [`Op::linear`], to be changed.
    pub const fn linear_mut(&mut self) -> Option<&mut P::Linear> {
        match self {
            Self::Linear(_, linear) => Some(linear),
            Self::Norm(_) | Self::Pointwise(_) | Self::Move(_) | Self::Combine(..) => None,
        }
    }

    /// What weights are multiplied with, where there are some.
    pub const fn linear_kind(&self) -> Option<LinearKind> {
        match self {
            Self::Linear(kind, _) => Some(*kind),
            Self::Norm(_) | Self::Pointwise(_) | Self::Move(_) | Self::Combine(..) => None,
        }
    }

    /// How a kernel with weights moves, where there is one.
    pub fn window(&self) -> Option<Window> {
        self.linear_kind().and_then(|kind| kind.window())
    }
}
