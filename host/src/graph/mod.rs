//! The one graph that every part of the host works on, in phases.
//!
//! A network is a [`Graph`]: nodes in order of execution, each with its inputs, its operation, and
//! the shape of what it gives. The [`Phase`] says how far it has come on its way to the device:
//!
//! ONNX file or trainer -> [`Graph<Float>`] -> folding -> [`Graph<Folded>`] -> quantization ->
//! [`Graph<Integer>`] -> model image and int8 ONNX file.
//!
//! [`op`] holds the four classes of operations, which is what phases tell apart; what belongs to
//! one operator alone stands in `crate::ops`. [`shape`] holds shapes and sources, [`window`] how
//! kernels move, [`linear`] weights, [`function`] functions of one element, [`query`] what every
//! phase asks of a graph. A phase of one's own, as the trainer's, is an implementation of
//! [`Phase`].

pub mod error;
pub mod function;
pub mod linear;
pub mod op;
pub mod phase;
pub mod query;
pub mod random;
pub mod shape;
pub mod window;

pub use error::GraphError;
pub use function::{BatchNorm, Function};
pub use linear::{Bits, Linear, QuantizedLinear};
pub use op::{Around, Columns, Combine, LinearKind, Move, Op};
pub use phase::{Alignment, Ending, Float, Folded, Integer, IntegerNote, Phase, Picture};
pub use shape::{InputSpec, Shape, Source};
pub use window::{Taps, Window};

/// The most channels, rows or columns of a tensor: what a model image's regions can count.
pub const MAX_SIDE: usize = u16::MAX as usize;

/// The most elements of a tensor; far over any microcontroller's memory.
pub const MAX_ELEMENTS: usize = 1 << 22;

/// The most nodes of a network.
pub const MAX_NODES: usize = 1024;

/// A float network, in most cases a generator: a latent vector (and label) in, a picture out.
pub type Network = Graph<Float>;

/// A network in integers, independent of any file format.
pub type QuantizedNetwork = Graph<Integer>;

/// An operation in its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node<P: Phase> {
    /// Name of the ONNX node, or of the layer in the trainer; unique, errors and reports use it.
    pub name: String,
    /// What the operation reads, in the operation's order.
    pub inputs: Vec<Source>,
    /// What is computed.
    pub op: Op<P>,
    /// Shape of the output.
    pub shape: Shape,
    /// What the phase keeps beside it.
    pub note: P::Note,
}

/// A network: nodes in order of execution.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph<P: Phase> {
    /// Short name, as it stands in file names.
    pub name: String,
    /// What the first nodes are given.
    pub input: InputSpec,
    /// In order of execution: every node's inputs come before it. The last one gives the output.
    pub nodes: Vec<Node<P>>,
    /// Shape of the picture: that of the last node, or what a last node that gives a vector is
    /// shaped to.
    pub output: Shape,
    /// What the phase knows of the whole network.
    pub about: P::About,
}
