//! A tensor with something around it: Pad.

use super::lower::{LowerError, u16_of};
use super::{MoveNode, MoveOperator};
use crate::graph::random::Random;
use crate::graph::shape::Place;
use crate::graph::{Around, GraphError, Move, Op, Shape};
use crate::onnx::axes::{Axes, OF_PICTURES};
use crate::onnx::build::{floats, int8s, int64s, text as text_of};
use crate::onnx::error::NodeFault;
use crate::onnx::importer::{Importer, Value, attribute, clean, text, wrong};
use crate::onnx::proto::NodeProto;
use crate::onnx::tensors::Emitter;
use shared::op::{self, Kind, PadMode};

/// A tensor with something around it; axes are rows, columns, channels.
pub struct Pad {
    /// How much lies before it along each axis.
    pub before: [usize; 3],
    /// What lies around it.
    pub around: Around,
}

/// A random one; zeros as often as everything else together.
pub fn arbitrary(random: &mut Random, from: Shape) -> Option<(Move, Shape)> {
    let around = match random.below(6) {
        0..=2 => Around::Constant(0.0),
        3 => Around::Constant(random.uniform(-1.0, 1.0)),
        4 => Around::Edge,
        _ => Around::Reflect,
    };
    let sides = from.axes();
    let mut amount = |axis: usize| match (around, axis) {
        (Around::Reflect, _) => random.below(sides[axis].min(3)),
        (_, 2) => random.below(4) / 3,
        _ => random.below(3),
    };
    let (before, behind) = ([0, 1, 2].map(&mut amount), [0, 1, 2].map(&mut amount));
    let to = [0, 1, 2].map(|axis| before[axis] + sides[axis] + behind[axis]);
    Some((Move::Pad { before, around }, Shape::of_axes(to)))
}

impl Pad {
    /// How much lies behind, where the shapes fit.
    fn behind(&self, from: Shape, to: Shape) -> [Option<usize>; 3] {
        let behind = |axis: usize| {
            let own = from.axes()[axis].checked_add(self.before[axis])?;
            to.axes()[axis].checked_sub(own)
        };
        [0, 1, 2].map(behind)
    }

    /// What lies at a position along an axis of so many elements; none for the constant.
    fn inside(&self, axis: usize, position: usize, len: usize) -> Option<usize> {
        // Sides are below 2^16.
        let (at, last) = (position as i64 - self.before[axis] as i64, len as i64 - 1);
        let inside = match self.around {
            _ if (0..=last).contains(&at) => at,
            Around::Constant(_) => return None,
            Around::Edge => at.clamp(0, last),
            Around::Reflect if at < 0 => -at,
            Around::Reflect => 2 * last - at,
        };
        usize::try_from(inside).ok()
    }
}

impl MoveOperator for Pad {
    fn name(&self) -> &'static str {
        "pad"
    }

    fn describe(&self) -> String {
        match self.around {
            Around::Constant(value) => format!("pad with {value}"),
            Around::Edge => "pad with the edge".to_owned(),
            Around::Reflect => "pad with the reflection".to_owned(),
        }
    }

    fn check(&self, layer: &str, from: Shape, to: Shape) -> Result<(), GraphError> {
        let wrong = |what, found, expected| GraphError::Window {
            layer: layer.to_owned(),
            what,
            found,
            expected,
        };
        if let Around::Constant(value) = self.around
            && !value.is_finite()
        {
            let value = value.to_string();
            return Err(wrong("a constant", value, "a finite one"));
        }
        let [Some(below), Some(right), Some(last)] = self.behind(from, to) else {
            return Err(GraphError::Shape {
                layer: layer.to_owned(),
                expected: format!("what {:?} and more around it make {to}", self.before),
                found: from,
            });
        };
        let amounts = self.before.iter().zip([below, right, last]);
        let mut sides = amounts.zip(from.axes());
        let mirrored =
            |((&before, behind), len): ((&usize, usize), usize)| before.max(behind) < len;
        if self.around == Around::Reflect && !sides.all(mirrored) {
            let found = format!("{:?}, {:?}", self.before, [below, right, last]);
            return Err(wrong("a padding", found, "less than its input's sides"));
        }
        Ok(())
    }

    fn source(&self, from: Shape, to: Shape, element: usize) -> Option<usize> {
        let (place, sides) = (to.place(element).axes(), from.axes());
        let inside = |axis: usize| self.inside(axis, place[axis], sides[axis]);
        Some(from.index(Place::new([inside(0)?, inside(1)?, inside(2)?])))
    }

    fn append(&self, emitter: &mut Emitter, node: &MoveNode<'_>) {
        let behind = self.behind(node.shapes.0, node.shapes.1);
        let mut pads = [0; 8];
        for (axis, (before, behind)) in OF_PICTURES.iter().zip(self.before.iter().zip(behind)) {
            // Sides are below 2^16, and the check has found them to fit.
            pads[*axis] = *before as i64;
            pads[*axis + 4] = behind.unwrap_or(0) as i64;
        }
        let (amounts, value) = (
            format!("{}.pads", node.name),
            format!("{}.value", node.name),
        );
        emitter.graph.initializer.push(int64s(&amounts, &pads));
        let mut inputs = vec![node.x, &amounts];
        let mode = match self.around {
            Around::Constant(constant) => {
                emitter.graph.initializer.push(match node.integer {
                    // Rounded and clamped already.
                    true => int8s(&value, &[], &[constant as i8]),
                    false => floats(&value, &[], &[constant]),
                });
                inputs.push(&value);
                "constant"
            }
            Around::Edge => "edge",
            Around::Reflect => "reflect",
        };
        let mode = vec![text_of("mode", mode)];
        emitter.push("Pad", node.name, &inputs, &node.to.name, mode);
    }

    fn lower<'a>(&self) -> Result<Option<Kind<'a>>, LowerError> {
        let [top, left, first] = self.before.map(|before| u16_of("a padding", before));
        Ok(Some(Kind::Pad(op::Pad {
            before: [top?, left?, first?],
            mode: match self.around {
                // Rounded and clamped already.
                Around::Constant(value) => PadMode::Constant(value as i8),
                Around::Edge => PadMode::Edge,
                Around::Reflect => PadMode::Reflect,
            },
        })))
    }
}

/// Reads Pad.
///
/// # Errors
/// [`NodeFault`].
pub fn read(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    let data = importer.operand(node, 0)?;
    let (axes, from) = Axes::of(&data)?;
    let given = |at: usize| node.input.get(at).is_some_and(|name| !name.is_empty());
    let amounts = match attribute(node, "pads") {
        // Before version 11.
        Some(pads) => pads.ints.clone(),
        None => importer.ints(node, 1)?,
    };
    let around = match text(node, "mode", "constant") {
        "constant" => Around::Constant(value(importer, node)?),
        "edge" => Around::Edge,
        "reflect" => Around::Reflect,
        other => {
            return Err(NodeFault::Attribute {
                name: "mode",
                value: clean(other),
                expected: "constant, edge or reflect",
            });
        }
    };
    let places: Vec<usize> = match given(3) {
        true => {
            let listed = importer.ints(node, 3)?.into_iter();
            listed
                .map(|axis| axes.place(axis))
                .collect::<Result<_, _>>()?
        }
        false => (0..axes.rank()).collect(),
    };
    let refuse = || {
        let expected = "what comes before and behind each axis, none below 0, none of the batch";
        wrong(
            "pads",
            &amounts[..amounts.len().min(8)],
            expected.to_owned(),
        )
    };
    if amounts.len() != 2 * places.len() {
        return Err(refuse());
    }
    let amount = |at: usize| {
        let amount = usize::try_from(amounts[at]).ok();
        amount.filter(|&amount| amount <= crate::graph::MAX_SIDE)
    };
    let (mut before, mut to) = ([0; 3], from.axes());
    for (at, &place) in places.iter().enumerate() {
        let both = amount(at).zip(amount(at + places.len()));
        let (own, behind) = both.ok_or_else(refuse)?;
        match place.checked_sub(1).map(|place| axes.meanings()[place]) {
            Some(meaning) => {
                before[meaning] += own;
                to[meaning] += own + behind;
            }
            None if own + behind == 0 => {}
            None => return Err(refuse()),
        }
    }
    let source = importer.shaped(&data, from)?;
    let to = Shape::of_axes(to);
    let op = Op::Move(Move::Pad { before, around });
    importer.push(node, op, vec![source], to, axes.dims(to))
}

/// The constant that lies around.
fn value(importer: &Importer, node: &NodeProto) -> Result<f32, NodeFault> {
    if let Some(value) = attribute(node, "value") {
        return Ok(value.f);
    }
    match node.input.get(2) {
        Some(name) if !name.is_empty() => match importer.floats(node, 2)? {
            (_, &[value]) => Ok(value),
            (shape, _) => Err(wrong("value", shape, "one number".to_owned())),
        },
        _ => Ok(0.0),
    }
}
