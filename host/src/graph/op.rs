//! Operations in four classes. Phases tell the classes apart, and seldom the operators within one.
//!
//! - `Linear`: weights times inputs, and a bias.
//! - `Move`: each element of the output is one of the input, or a constant.
//! - `Pointwise`: a function of one element.
//! - `Combine`: several tensors, or several elements without weights, become one.
//!
//! Beside these is batch normalisation, [`Op::Norm`], which folding does away with: a phase without it has an
//! uninhabited [`Phase::Norm`].

use super::{Phase, Shape, Taps, Window};

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
    /// A cross-correlation, as every framework calls convolution. Columns: kernel row, kernel column, input channel.
    Conv(Window),
    /// The adjoint of a convolution: each input adds its multiple of the kernel to the output at `stride` times its place.
    /// Columns as a convolution's; a column is multiplied with the input that meets its element of the kernel at the
    /// output's place, where there is one.
    ConvTranspose(Window),
    /// The label's column of a table. Columns: classes.
    Embedding,
}

/// Each element of the output is one of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// The same elements in the same order, with another shape.
    Reshape,
    /// Each element becomes a block of equal ones.
    Upsample {
        /// Rows and columns of the block.
        factor: [usize; 2],
    },
}

/// How several tensors become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combine {
    /// All inputs, one after the other along the channels.
    Concat,
}

impl LinearKind {
    /// How the kernel moves, where there is one.
    pub const fn window(&self) -> Option<Window> {
        match self {
            Self::Conv(window) | Self::ConvTranspose(window) => Some(*window),
            Self::Dense | Self::Embedding => None,
        }
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
