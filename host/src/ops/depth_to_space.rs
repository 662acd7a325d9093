//! Channels that become pixels: DepthToSpace.

use super::lower::{LowerError, byte_pair};
use super::{MoveNode, MoveOperator};
use crate::graph::random::Random;
use crate::graph::shape::Place;
use crate::graph::{GraphError, Move, Op, Shape};
use crate::onnx::build::{int as int_of, ints, text as text_of};
use crate::onnx::error::NodeFault;
use crate::onnx::importer::{Importer, Value, clean, int, text, wrong};
use crate::onnx::proto::NodeProto;
use crate::onnx::tensors::{Emitter, Tensor};
use crate::onnx::windows::{dims, pictures};
use shared::op::{self, BlockOrder, Kind};

/// Sides of blocks are bytes in a model image.
const MAX_BLOCK: usize = 255;

/// Blocks of pixels, and the channels that they are or become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocks {
    /// Rows and columns of a block.
    pub block: [usize; 2],
    /// Which channel is which pixel of the block.
    pub order: BlockOrder,
}

/// Each pixel's channels become a block of pixels.
pub struct DepthToSpace(pub Blocks);

/// A random one, where the channels can be spread.
pub fn arbitrary(random: &mut Random, from: Shape) -> Option<(Move, Shape)> {
    let blocks = Blocks::arbitrary(random);
    let to = blocks.spread(from)?;
    let Blocks { block, order } = blocks;
    Some((Move::DepthToSpace { block, order }, to))
}

impl Blocks {
    /// Random ones.
    pub fn arbitrary(random: &mut Random) -> Self {
        Self {
            block: [1 + random.below(2), 1 + random.below(3)],
            order: [BlockOrder::PixelsFirst, BlockOrder::ChannelsFirst][random.below(2)],
        }
    }

    const fn area(&self) -> usize {
        self.block[0] * self.block[1]
    }

    /// The shape of a picture whose channels become blocks; `None` where they cannot.
    pub fn spread(&self, from: Shape) -> Option<Shape> {
        from.channels.is_multiple_of(self.area()).then(|| Shape {
            channels: from.channels / self.area(),
            height: from.height.saturating_mul(self.block[0]),
            width: from.width.saturating_mul(self.block[1]),
        })
    }

    /// The shape of a picture whose blocks become channels; `None` where they cannot.
    pub fn gathered(&self, from: Shape) -> Option<Shape> {
        let [height, width] = from.sides();
        let whole = height.is_multiple_of(self.block[0]) && width.is_multiple_of(self.block[1]);
        whole.then(|| Shape {
            channels: from.channels.saturating_mul(self.area()),
            height: height / self.block[0],
            width: width / self.block[1],
        })
    }

    /// Checks the blocks' sides.
    ///
    /// # Errors
    /// [`GraphError::Window`].
    pub fn check(&self, layer: &str) -> Result<(), GraphError> {
        if self.block.iter().all(|b| (1..=MAX_BLOCK).contains(b)) {
            return Ok(());
        }
        Err(GraphError::Window {
            layer: layer.to_owned(),
            what: "a block",
            found: format!("{:?}", self.block),
            expected: "1 to 255 a side",
        })
    }

    /// The dimensions in which a picture of `small` is (block's rows, block's columns, channels,
    /// rows, columns), channels first where the order says so, and those of the large one,
    /// (channels, rows, block's rows, columns, block's columns).
    fn dims(&self, small: Shape) -> ([usize; 5], [usize; 5]) {
        let ([down, across], channels) = (self.block, small.channels / self.area());
        let (rows, columns) = (small.height, small.width);
        let first = match self.order {
            BlockOrder::PixelsFirst => [down, across, channels, rows, columns],
            BlockOrder::ChannelsFirst => [channels, down, across, rows, columns],
        };
        (first, [channels, rows, down, columns, across])
    }

    /// Which of the small picture's dimensions each of the large one's is.
    const fn spreading(&self) -> [usize; 5] {
        match self.order {
            BlockOrder::PixelsFirst => [2, 3, 0, 4, 1],
            BlockOrder::ChannelsFirst => [0, 3, 1, 4, 2],
        }
    }

    /// Appends Reshape, Transpose, Reshape, which every runtime has for every type.
    pub fn append(&self, emitter: &mut Emitter, node: &MoveNode<'_>, spreads: bool) {
        let small = if spreads {
            node.shapes.0
        } else {
            node.shapes.1
        };
        let (small, large) = self.dims(small);
        let spreading = self.spreading();
        let (from, to, order) = match spreads {
            true => (small, large, spreading),
            false => (large, small, inverse(spreading)),
        };
        let own = |what: &str| format!("{}:{what}", node.name);
        let split = Tensor::new(&own("split"), &from);
        emitter.reshape(node.x, &split, &own("split"), &own("split.shape"));
        let moved = Tensor::new(&own("moved"), &to);
        let order: Vec<usize> = std::iter::once(0)
            .chain(order.map(|axis| axis + 1))
            .collect();
        let attributes = vec![ints("perm", &order)];
        emitter.push(
            "Transpose",
            node.name,
            &[&split.name],
            &moved.name,
            attributes,
        );
        let joined = own("joined");
        emitter.reshape(&moved.name, node.to, &joined, &own("joined.shape"));
    }

    /// The blocks of an order of five axes behind the batch, as [`Blocks::append`] writes it.
    pub fn of_axes(dims: &[usize], order: &[usize], spreads: bool) -> Option<(Self, Shape)> {
        let dims: &[usize; 5] = dims.try_into().ok()?;
        for own in [BlockOrder::PixelsFirst, BlockOrder::ChannelsFirst] {
            let mut blocks = Self {
                block: [1, 1],
                order: own,
            };
            let spreading = blocks.spreading();
            let expected = match spreads {
                true => spreading,
                false => inverse(spreading),
            };
            if order != expected {
                continue;
            }
            // As the large picture's dimensions.
            let large = match spreads {
                true => spreading.map(|axis| dims[axis]),
                false => *dims,
            };
            let [channels, rows, down, columns, across] = large;
            blocks.block = [down, across];
            let shape = Shape {
                channels,
                height: rows.saturating_mul(down),
                width: columns.saturating_mul(across),
            };
            return blocks.check("").is_ok().then_some((blocks, shape));
        }
        None
    }
}

fn inverse(order: [usize; 5]) -> [usize; 5] {
    let mut inverse = [0; 5];
    for (at, axis) in order.into_iter().enumerate() {
        inverse[axis] = at;
    }
    inverse
}

/// The operator that an order of five axes is, from which shape to which.
pub fn of_axes(dims: &[usize], order: &[usize]) -> Option<(Move, Shape, Shape)> {
    let (blocks, large) = Blocks::of_axes(dims, order, true)?;
    let Blocks { block, order } = blocks;
    Some((
        Move::DepthToSpace { block, order },
        blocks.gathered(large)?,
        large,
    ))
}

impl MoveOperator for DepthToSpace {
    fn name(&self) -> &'static str {
        "depth to space"
    }

    fn describe(&self) -> String {
        let [rows, columns] = self.0.block;
        format!("depth to space {rows}x{columns}")
    }

    fn check(&self, layer: &str, from: Shape, to: Shape) -> Result<(), GraphError> {
        self.0.check(layer)?;
        let unfit = || GraphError::Shape {
            layer: layer.to_owned(),
            expected: format!("a multiple of {} channels", self.0.area()),
            found: from,
        };
        super::check::gives(layer, self.0.spread(from).ok_or_else(unfit)?, to)
    }

    fn source(&self, from: Shape, to: Shape, element: usize) -> Option<usize> {
        let (place, [down, across]) = (to.place(element), self.0.block);
        let [i, j, c] = [place.row % down, place.column % across, place.channel];
        let channel = match self.0.order {
            BlockOrder::PixelsFirst => (i * across + j) * to.channels + c,
            BlockOrder::ChannelsFirst => (c * down + i) * across + j,
        };
        Some(from.index(Place {
            row: place.row / down,
            column: place.column / across,
            channel,
        }))
    }

    /// A node of its own, but for integers, for which ONNX Runtime has none.
    fn append(&self, emitter: &mut Emitter, node: &MoveNode<'_>) {
        let [down, across] = self.0.block;
        if node.integer || down != across {
            return self.0.append(emitter, node, true);
        }
        let mode = match self.0.order {
            BlockOrder::PixelsFirst => "DCR",
            BlockOrder::ChannelsFirst => "CRD",
        };
        // At most 255.
        let attributes = vec![int_of("blocksize", down as i64), text_of("mode", mode)];
        let inputs = [node.x];
        emitter.push(
            "DepthToSpace",
            node.name,
            &inputs,
            &node.to.name,
            attributes,
        );
    }

    fn lower<'a>(&self) -> Result<Option<Kind<'a>>, LowerError> {
        Ok(Some(Kind::DepthToSpace(op::DepthToSpace {
            block: byte_pair("a block", self.0.block)?,
            order: self.0.order,
        })))
    }
}

/// The attribute blocksize.
pub fn block_size(node: &NodeProto) -> Result<[usize; 2], NodeFault> {
    let size = int(node, "blocksize", 0);
    let side = usize::try_from(size).ok();
    let side = side.filter(|side| (1..=MAX_BLOCK).contains(side));
    side.map(|side| [side; 2])
        .ok_or_else(|| NodeFault::Attribute {
            name: "blocksize",
            value: size.to_string(),
            expected: "1 to 255",
        })
}

/// Reads DepthToSpace.
///
/// # Errors
/// [`NodeFault`].
pub fn read(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    let data = importer.operand(node, 0)?;
    let from = pictures(&data)?;
    let order = match text(node, "mode", "DCR") {
        "DCR" => BlockOrder::PixelsFirst,
        "CRD" => BlockOrder::ChannelsFirst,
        other => {
            return Err(NodeFault::Attribute {
                name: "mode",
                value: clean(other),
                expected: "DCR or CRD",
            });
        }
    };
    let block = block_size(node)?;
    let blocks = Blocks { block, order };
    let to = blocks.spread(from).ok_or_else(|| {
        let expected = format!("a multiple of {} channels", blocks.area());
        wrong("input", &data.dims, expected)
    })?;
    let source = importer.shaped(&data, from)?;
    let op = Op::Move(Move::DepthToSpace { block, order });
    importer.push(node, op, vec![source], to, dims(to))
}
