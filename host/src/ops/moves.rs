//! Moves: what becomes of elements that only change their place.

use super::depth_to_space::Blocks;
use super::lower::LowerError;
use super::{depth_to_space, pad, reshape, slice, space_to_depth, transpose, upsample};
use crate::graph::random::Random;
use crate::graph::{Around, Float, GraphError, Integer, Move, Node, Shape};
use crate::onnx::tensors::{Emitter, FloatWriter, IntegerWriter, Tensor, output_name, picture};
use ndarray::{Array2, ArrayView2, LinalgScalar};
use shared::op::Kind;

/// A random move of a tensor of this shape, with the shape that it gives, where there is one; for
/// tests.
type Arbitrary = fn(&mut Random, Shape) -> Option<(Move, Shape)>;

const ARBITRARY_MOVES: &[Arbitrary] = &[
    depth_to_space::arbitrary,
    pad::arbitrary,
    slice::arbitrary,
    space_to_depth::arbitrary,
    transpose::arbitrary,
];

/// A random move of a tensor of this shape, and the shape of its output.
pub fn arbitrary_move(random: &mut Random, from: Shape) -> Option<(Move, Shape)> {
    ARBITRARY_MOVES[random.below(ARBITRARY_MOVES.len())](random, from)
}

/// A move's place in an ONNX graph.
pub struct MoveNode<'a> {
    /// Name of the node.
    pub name: &'a str,
    /// Name of the tensor that it reads: a picture with channels.
    pub x: &'a str,
    /// The tensor that it gives.
    pub to: &'a Tensor,
    /// Shapes of both.
    pub shapes: (Shape, Shape),
    /// Whether elements are int8, not float.
    pub integer: bool,
}

/// What becomes of elements that only move.
pub trait MoveOperator {
    /// As [`super::LinearOperator::name`].
    fn name(&self) -> &'static str;

    /// As [`super::LinearOperator::describe`].
    fn describe(&self) -> String;

    /// As [`super::LinearOperator::check`].
    ///
    /// # Errors
    /// [`GraphError`] names the layer.
    fn check(&self, layer: &str, from: Shape, to: Shape) -> Result<(), GraphError>;

    /// The whole operator: which of the input's elements an element of the output is; none for a
    /// constant.
    fn source(&self, from: Shape, to: Shape, element: usize) -> Option<usize>;

    /// Whether elements keep their order, so that no byte moves.
    fn keeps_order(&self) -> bool {
        false
    }

    /// Appends the node to an ONNX graph, float or integer.
    fn append(&self, emitter: &mut Emitter, node: &MoveNode<'_>);

    /// As [`super::LinearOperator::write`].
    fn write(&self, writer: &mut FloatWriter<'_>, index: usize, node: &Node<Float>) -> Tensor {
        let x = writer.picture(node);
        let to = writer.named(index, &picture(node.shape), format!("{}.output", node.name));
        let own = MoveNode {
            name: &node.name,
            x: &x,
            to: &to,
            shapes: (writer.network.first_shape(node), node.shape),
            integer: false,
        };
        self.append(&mut writer.emitter, &own);
        to
    }

    /// As [`super::LinearOperator::write_integer`].
    fn write_integer(&self, writer: &mut IntegerWriter<'_>, node: &Node<Integer>) -> Vec<usize> {
        let x = writer.picture(node);
        let to = Tensor::new(&output_name(&node.name), &picture(node.shape));
        let own = MoveNode {
            name: &node.name,
            x: &x,
            to: &to,
            shapes: (writer.network.first_shape(node), node.shape),
            integer: true,
        };
        self.append(&mut writer.emitter, &own);
        to.dims
    }

    /// The device's operation; none where no byte moves.
    ///
    /// # Errors
    /// [`LowerError`] where a number does not fit the device's.
    fn lower<'a>(&self) -> Result<Option<Kind<'a>>, LowerError>;
}

impl Move {
    /// What belongs to this operator alone.
    pub fn operator(&self) -> Box<dyn MoveOperator> {
        match *self {
            Self::Reshape => Box::new(reshape::Reshape),
            Self::Upsample { factor } => Box::new(upsample::Upsample(factor)),
            Self::DepthToSpace { block, order } => {
                Box::new(depth_to_space::DepthToSpace(Blocks { block, order }))
            }
            Self::SpaceToDepth { block, order } => {
                Box::new(space_to_depth::SpaceToDepth(Blocks { block, order }))
            }
            Self::Transpose { order } => Box::new(transpose::Transpose(order)),
            Self::Slice { start, step } => Box::new(slice::Slice { start, step }),
            Self::Pad { before, around } => Box::new(pad::Pad { before, around }),
        }
    }

    /// What elements without a source are.
    pub const fn fill(&self) -> f32 {
        match self {
            Self::Pad {
                around: Around::Constant(value),
                ..
            } => *value,
            Self::Pad { .. }
            | Self::Reshape
            | Self::Upsample { .. }
            | Self::DepthToSpace { .. }
            | Self::SpaceToDepth { .. }
            | Self::Transpose { .. }
            | Self::Slice { .. } => 0.0,
        }
    }

    /// The same for integers of int8 at this exponent.
    pub fn at_exponent(self, exponent: i32) -> Self {
        match self {
            Self::Pad {
                before,
                around: Around::Constant(value),
            } => {
                let steps = f64::from(value) * 2f64.powi(-exponent);
                // Whole and small: exact in a float.
                let steps = steps.round_ties_even().clamp(-128.0, 127.0) as f32;
                Self::Pad {
                    before,
                    around: Around::Constant(steps),
                }
            }
            moved => moved,
        }
    }

    /// The elements of one sample, moved; `fill` where there is none.
    pub fn apply<T: Copy>(&self, x: &[T], from: Shape, to: Shape, fill: T) -> Vec<T> {
        let operator = self.operator();
        let element = |at| operator.source(from, to, at).and_then(|at| x.get(at));
        (0..to.len())
            .map(|at| element(at).copied().unwrap_or(fill))
            .collect()
    }

    /// The elements of a batch, moved; `fill` where there is none.
    pub fn run<T: LinalgScalar>(
        &self,
        x: ArrayView2<T>,
        from: Shape,
        to: Shape,
        fill: T,
    ) -> Array2<T> {
        let operator = self.operator();
        if operator.keeps_order() {
            return x.to_owned();
        }
        let sources: Vec<Option<usize>> = (0..to.len())
            .map(|at| operator.source(from, to, at))
            .collect();
        Array2::from_shape_fn((x.nrows(), to.len()), |(sample, at)| {
            sources[at].map_or(fill, |source| x[(sample, source)])
        })
    }
}
