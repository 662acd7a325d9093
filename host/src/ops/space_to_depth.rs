//! Pixels that become channels: SpaceToDepth.

use super::depth_to_space::{Blocks, block_size};
use super::lower::{LowerError, byte_pair};
use super::{MoveNode, MoveOperator};
use crate::graph::random::Random;
use crate::graph::shape::Place;
use crate::graph::{GraphError, Move, Op, Shape};
use crate::onnx::error::NodeFault;
use crate::onnx::importer::{Importer, Value, wrong};
use crate::onnx::proto::NodeProto;
use crate::onnx::tensors::Emitter;
use crate::onnx::windows::{dims, pictures};
use shared::op::{self, BlockOrder, Kind};

/// Each block of pixels becomes the channels of one.
pub struct SpaceToDepth(pub Blocks);

/// A random one, where whole blocks cover the picture.
pub fn arbitrary(random: &mut Random, from: Shape) -> Option<(Move, Shape)> {
    let blocks = Blocks::arbitrary(random);
    let to = blocks.gathered(from)?;
    let Blocks { block, order } = blocks;
    Some((Move::SpaceToDepth { block, order }, to))
}

/// The operator that an order of five axes is, from which shape to which.
pub fn of_axes(dims: &[usize], order: &[usize]) -> Option<(Move, Shape, Shape)> {
    let (blocks, large) = Blocks::of_axes(dims, order, false)?;
    let Blocks { block, order } = blocks;
    Some((
        Move::SpaceToDepth { block, order },
        large,
        blocks.gathered(large)?,
    ))
}

impl MoveOperator for SpaceToDepth {
    fn name(&self) -> &'static str {
        "space to depth"
    }

    fn describe(&self) -> String {
        let [rows, columns] = self.0.block;
        format!("space to depth {rows}x{columns}")
    }

    fn check(&self, layer: &str, from: Shape, to: Shape) -> Result<(), GraphError> {
        self.0.check(layer)?;
        let [rows, columns] = self.0.block;
        let unfit = || GraphError::Shape {
            layer: layer.to_owned(),
            expected: format!("a picture of whole blocks of {rows} x {columns}"),
            found: from,
        };
        super::check::gives(layer, self.0.gathered(from).ok_or_else(unfit)?, to)
    }

    fn source(&self, from: Shape, to: Shape, element: usize) -> Option<usize> {
        let (place, [down, across]) = (to.place(element), self.0.block);
        let (pixel, channel) = match self.0.order {
            BlockOrder::PixelsFirst => {
                (place.channel / from.channels, place.channel % from.channels)
            }
            BlockOrder::ChannelsFirst => {
                let area = down * across;
                (place.channel % area, place.channel / area)
            }
        };
        Some(from.index(Place {
            row: place.row * down + pixel / across,
            column: place.column * across + pixel % across,
            channel,
        }))
    }

    /// Not as a node of its own: tract has none, nor has ONNX Runtime for integers.
    fn append(&self, emitter: &mut Emitter, node: &MoveNode<'_>) {
        self.0.append(emitter, node, false);
    }

    fn lower<'a>(&self) -> Result<Option<Kind<'a>>, LowerError> {
        Ok(Some(Kind::SpaceToDepth(op::SpaceToDepth {
            block: byte_pair("a block", self.0.block)?,
            order: self.0.order,
        })))
    }
}

/// Reads SpaceToDepth.
///
/// # Errors
/// [`NodeFault`].
pub fn read(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    let data = importer.operand(node, 0)?;
    let from = pictures(&data)?;
    let (block, order) = (block_size(node)?, BlockOrder::PixelsFirst);
    let to = Blocks { block, order }.gathered(from).ok_or_else(|| {
        let expected = format!("rows and columns that are multiples of {}", block[0]);
        wrong("input", &data.dims, expected)
    })?;
    let source = importer.shaped(&data, from)?;
    let op = Op::Move(Move::SpaceToDepth { block, order });
    importer.push(node, op, vec![source], to, dims(to))
}
