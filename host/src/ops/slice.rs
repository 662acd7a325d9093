//! A part of a tensor: Slice.

use super::lower::{LowerError, u16_of};
use super::{MoveNode, MoveOperator};
use crate::graph::random::Random;
use crate::graph::shape::Place;
use crate::graph::{GraphError, Move, Op, Shape};
use crate::onnx::axes::{Axes, OF_PICTURES};
use crate::onnx::build::int64s;
use crate::onnx::error::NodeFault;
use crate::onnx::importer::{Importer, Value, attribute, known, wrong};
use crate::onnx::proto::NodeProto;
use crate::onnx::tensor::Constant;
use crate::onnx::tensors::Emitter;
use shared::op::{self, Kind};

/// Steps are bytes in a model image.
const MAX_STEP: usize = 255;

/// A part of a tensor; axes are rows, columns, channels.
pub struct Slice {
    /// The first along each axis.
    pub start: [usize; 3],
    /// From one to the next along each axis.
    pub step: [usize; 3],
}

/// A random one.
pub fn arbitrary(random: &mut Random, from: Shape) -> Option<(Move, Shape)> {
    let (mut start, mut step, mut to) = ([0; 3], [1; 3], [1; 3]);
    for (axis, len) in from.axes().into_iter().enumerate() {
        start[axis] = random.below(len.min(3));
        step[axis] = 1 + random.below(3) / 2;
        let most = (len - start[axis]).div_ceil(step[axis]);
        to[axis] = most - random.below(most.min(2));
    }
    Some((Move::Slice { start, step }, Shape::of_axes(to)))
}

impl Slice {
    /// The last along each axis.
    fn last(&self, to: Shape) -> [usize; 3] {
        let steps = |axis: usize| to.axes()[axis].saturating_sub(1);
        [0, 1, 2].map(|axis| self.start[axis].saturating_add(steps(axis) * self.step[axis]))
    }
}

impl MoveOperator for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }

    fn describe(&self) -> String {
        let list = |values: [usize; 3]| values.map(|value| value.to_string()).join("x");
        match self.step {
            [1, 1, 1] => format!("slice from {}", list(self.start)),
            step => format!("slice from {} by {}", list(self.start), list(step)),
        }
    }

    fn check(&self, layer: &str, from: Shape, to: Shape) -> Result<(), GraphError> {
        if self.step.iter().any(|s| !(1..=MAX_STEP).contains(s)) {
            return Err(GraphError::Window {
                layer: layer.to_owned(),
                what: "a step",
                found: format!("{:?}", self.step),
                expected: "1 to 255",
            });
        }
        let inside = |axis: usize| to.axes()[axis] > 0 && self.last(to)[axis] < from.axes()[axis];
        if (0..3).all(inside) {
            return Ok(());
        }
        let [height, width, channels] = self.last(to).map(|last| last.saturating_add(1));
        let least = Shape {
            channels,
            height,
            width,
        };
        Err(GraphError::Shape {
            layer: layer.to_owned(),
            expected: format!("at least {least} of which to take {to}"),
            found: from,
        })
    }

    fn source(&self, from: Shape, to: Shape, element: usize) -> Option<usize> {
        let place = to.place(element).axes();
        let at = [0, 1, 2].map(|axis| self.start[axis] + place[axis] * self.step[axis]);
        Some(from.index(Place::new(at)))
    }

    fn append(&self, emitter: &mut Emitter, node: &MoveNode<'_>) {
        let last = self.last(node.shapes.1);
        // Sides are below 2^16.
        let list = |values: [usize; 3]| values.map(|value| value as i64);
        let own = |what: &str| format!("{}.{what}", node.name);
        let names = ["starts", "ends", "axes", "steps"].map(own);
        let values = [
            self.start,
            last.map(|last| last + 1),
            OF_PICTURES,
            self.step,
        ];
        let constants = names.iter().zip(values);
        let constants = constants.map(|(name, values)| int64s(name, &list(values)));
        emitter.graph.initializer.extend(constants);
        let [starts, ends, axes, steps] = &names;
        let inputs = [node.x, starts, ends, axes, steps];
        emitter.push("Slice", node.name, &inputs, &node.to.name, vec![]);
    }

    fn lower<'a>(&self) -> Result<Option<Kind<'a>>, LowerError> {
        let [top, left, first] = self.start.map(|start| u16_of("a start", start));
        Ok(Some(Kind::Slice(op::Slice {
            start: [top?, left?, first?],
            // At most 255, as the check says.
            step: self.step.map(|step| step as u8),
        })))
    }
}

/// What a Slice says along some axes.
struct Parts {
    starts: Vec<i64>,
    ends: Vec<i64>,
    axes: Vec<i64>,
    steps: Vec<i64>,
}

impl Parts {
    fn read(importer: &Importer, node: &NodeProto) -> Result<Self, NodeFault> {
        let listed = |name: &str| attribute(node, name).map(|a| a.ints.clone());
        let given = |at: usize| match node.input.get(at) {
            Some(name) if !name.is_empty() => importer.ints(node, at).map(Some),
            _ => Ok(None),
        };
        // Attributes before version 10.
        let (starts, ends, axes, steps) = match (listed("starts"), listed("ends")) {
            (Some(starts), Some(ends)) => (starts, ends, listed("axes"), None),
            _ => {
                let (starts, ends) = (importer.ints(node, 1)?, importer.ints(node, 2)?);
                (starts, ends, given(3)?, given(4)?)
            }
        };
        let count = starts.len();
        let parts = Self {
            // No more than 8, else refused below.
            axes: axes.unwrap_or_else(|| (0..count as i64).collect()),
            steps: steps.unwrap_or_else(|| vec![1; count]),
            starts,
            ends,
        };
        let counts = [&parts.ends, &parts.axes, &parts.steps].map(Vec::len);
        if count > 8 || counts != [count; 3] {
            let expected = "one an axis, at most 8, as ends, axes and steps".to_owned();
            return Err(wrong("starts", count, expected));
        }
        Ok(parts)
    }

    /// Start, length and step along an axis of so many elements.
    fn along(&self, at: usize, len: usize) -> Result<(usize, usize, usize), NodeFault> {
        let bound = |value: i64| {
            // Tensors are far smaller.
            let len = len as i64;
            let positive = if value < 0 {
                value.saturating_add(len)
            } else {
                value
            };
            positive.clamp(0, len) as usize
        };
        let (start, end) = (bound(self.starts[at]), bound(self.ends[at]));
        let step = usize::try_from(self.steps[at]).ok();
        let step = step.filter(|step| (1..=MAX_STEP).contains(step));
        let step = step.ok_or_else(|| wrong("steps", self.steps[at], "1 to 255".to_owned()))?;
        if end <= start {
            let expected = "a part with something in it".to_owned();
            return Err(wrong("part", [self.starts[at], self.ends[at]], expected));
        }
        Ok((start, (end - start).div_ceil(step), step))
    }
}

/// Reads Slice.
///
/// # Errors
/// [`NodeFault`].
pub fn read(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    let parts = Parts::read(importer, node)?;
    if let Value::Constant(_) = importer.value(node, 0)? {
        // A part of a shape that the graph computes.
        let all = importer.ints(node, 0)?;
        let [0 | -1] = parts.axes[..] else {
            return Err(wrong("axes", &parts.axes, "the only one".to_owned()));
        };
        let (start, count, step) = parts.along(0, all.len())?;
        let picked = all.into_iter().skip(start).step_by(step).take(count);
        return Ok(known(Constant::ints(picked.collect())));
    }
    let data = importer.operand(node, 0)?;
    let (axes, from) = Axes::of(&data)?;
    let (mut start, mut step, mut to) = ([0; 3], [1; 3], from.axes());
    let mut seen = vec![false; axes.rank()];
    for (at, &axis) in parts.axes.iter().enumerate() {
        let place = axes.place(axis)?;
        let whole = parts.starts[at] == 0 && parts.ends[at] >= i64::from(i32::MAX);
        match place.checked_sub(1).map(|place| axes.meanings()[place]) {
            None if whole && parts.steps[at] == 1 => continue,
            Some(meaning) if !seen[place] => {
                let along = parts.along(at, to[meaning])?;
                (start[meaning], to[meaning], step[meaning]) = along;
            }
            _ => {
                let expected = "axes behind the batch, each once".to_owned();
                return Err(wrong("axes", &parts.axes, expected));
            }
        }
        seen[place] = true;
    }
    let source = importer.shaped(&data, from)?;
    let to = Shape::of_axes(to);
    let op = Op::Move(Move::Slice { start, step });
    importer.push(node, op, vec![source], to, axes.dims(to))
}
