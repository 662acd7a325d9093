//! The axes of a sample in another order: Transpose.

use super::lower::LowerError;
use super::{MoveNode, MoveOperator, depth_to_space, space_to_depth};
use crate::graph::random::Random;
use crate::graph::shape::Place;
use crate::graph::{GraphError, Move, Op, Shape};
use crate::onnx::axes::{Axes, OF_PICTURES};
use crate::onnx::build::ints;
use crate::onnx::constants;
use crate::onnx::error::NodeFault;
use crate::onnx::importer::{Importer, Value, attribute, wrong};
use crate::onnx::proto::NodeProto;
use crate::onnx::tensors::Emitter;
use crate::onnx::turn;
use shared::op::{self, Kind};

/// Axis `i` of the output (rows, columns, channels) is this axis of the input.
pub struct Transpose(pub [usize; 3]);

/// Every order but the one that changes nothing.
const ORDERS: [[usize; 3]; 5] = [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// A random one.
pub fn arbitrary(random: &mut Random, from: Shape) -> Option<(Move, Shape)> {
    let order = ORDERS[random.below(ORDERS.len())];
    Some((Move::Transpose { order }, output(from, order)?))
}

/// The shape of the output; `None` where the order names no axis.
fn output(from: Shape, order: [usize; 3]) -> Option<Shape> {
    let side = |axis: usize| from.axes().get(axis).copied();
    let [height, width, channels] = order.map(side);
    Some(Shape::of_axes([height?, width?, channels?]))
}

impl MoveOperator for Transpose {
    fn name(&self) -> &'static str {
        "transpose"
    }

    fn describe(&self) -> String {
        let names = self.0.map(|axis| ["rows", "columns", "channels"][axis]);
        format!("transpose to {}", names.join(", "))
    }

    fn check(&self, layer: &str, from: Shape, to: Shape) -> Result<(), GraphError> {
        let whole = (0..3).all(|axis| self.0.contains(&axis));
        let given = output(from, self.0).filter(|_| whole);
        let given = given.ok_or_else(|| GraphError::Window {
            layer: layer.to_owned(),
            what: "an order of axes",
            found: format!("{:?}", self.0),
            expected: "each axis once",
        })?;
        super::check::gives(layer, given, to)
    }

    fn source(&self, from: Shape, to: Shape, element: usize) -> Option<usize> {
        let mut at = [0; 3];
        for (axis, place) in self.0.iter().zip(to.place(element).axes()) {
            at[*axis] = place;
        }
        Some(from.index(Place::new(at)))
    }

    fn append(&self, emitter: &mut Emitter, node: &MoveNode<'_>) {
        let mut order = [0; 4];
        for (to, from) in OF_PICTURES.iter().zip(self.0) {
            order[*to] = OF_PICTURES[from];
        }
        let inputs = [node.x];
        let attributes = vec![ints("perm", &order)];
        emitter.push("Transpose", node.name, &inputs, &node.to.name, attributes);
    }

    fn lower<'a>(&self) -> Result<Option<Kind<'a>>, LowerError> {
        // Each is at most 2.
        let order = self.0.map(|axis| axis as u8);
        Ok(Some(Kind::Transpose(op::Transpose { order })))
    }
}

/// Reads Transpose. With more than three axes behind the batch, it moves blocks of pixels, or its
/// neighbours stay together.
///
/// # Errors
/// [`NodeFault`].
pub fn read(importer: &mut Importer, node: &NodeProto) -> Result<Value, NodeFault> {
    if let Value::Constant(_) = importer.value(node, 0)? {
        return constants::transpose(importer, node);
    }
    if importer.data(node, 0)?.dims.len() <= 3 {
        return turn::read(importer, node);
    }
    let data = importer.operand(node, 0)?;
    let listed = attribute(node, "perm").map_or(&[][..], |perm| &perm.ints);
    let order = order_behind_batch(listed, data.dims.len()).ok_or_else(|| {
        let expected = "every axis once, the batch first".to_owned();
        wrong("order", &listed[..listed.len().min(8)], expected)
    })?;
    let dims: Vec<usize> = order.iter().map(|&axis| data.dims[axis]).collect();
    let blocks = depth_to_space::of_axes(&data.dims, &order)
        .or_else(|| space_to_depth::of_axes(&data.dims, &order));
    let (moved, from, to) = match blocks {
        Some(blocks) => blocks,
        None => of_axes(&data.dims, &order).ok_or_else(|| {
            let expected = "up to three axes behind the batch that do not stay together".to_owned();
            wrong("input", &data.dims, expected)
        })?,
    };
    let source = importer.shaped(&data, from)?;
    importer.push(node, Op::Move(moved), vec![source], to, dims)
}

/// Which of a sample's axes each of the output's is; `None` where the batch moves, or an axis is
/// missing.
fn order_behind_batch(listed: &[i64], axes: usize) -> Option<Vec<usize>> {
    let (&batch, rest) = listed.split_first()?;
    let order = rest
        .iter()
        .map(|&axis| usize::try_from(axis.checked_sub(1)?).ok());
    let order: Vec<usize> = order.collect::<Option<_>>()?;
    let whole = order.len() == axes && (0..axes).all(|axis| order.contains(&axis));
    (batch == 0 && whole).then_some(order)
}

/// What an order of a sample's axes moves, from which shape to which.
fn of_axes(dims: &[usize], order: &[usize]) -> Option<(Move, Shape, Shape)> {
    let (dims, order) = match dims.len() {
        0..=3 => (dims.to_vec(), order.to_vec()),
        _ => together(dims, order),
    };
    let (axes, from) = Axes::of_dims(&dims)?;
    let mut moved = [0, 1, 2];
    for (&to, &from) in axes.meanings().iter().zip(&order) {
        moved[to] = axes.meanings()[from];
    }
    let to = output(from, moved)?;
    Some((Move::Transpose { order: moved }, from, to))
}

/// Axes that lie one behind the other before and after become one.
fn together(dims: &[usize], order: &[usize]) -> (Vec<usize>, Vec<usize>) {
    // The first input axis of each run of the output, with the run's number of elements.
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (at, &axis) in order.iter().enumerate() {
        match runs.last_mut() {
            Some((_, len)) if at > 0 && order[at - 1] + 1 == axis => *len *= dims[axis],
            _ => runs.push((axis, dims[axis])),
        }
    }
    let mut sorted = runs.clone();
    sorted.sort_unstable();
    let rank = |run: &(usize, usize)| sorted.iter().filter(|other| other.0 < run.0).count();
    let order = runs.iter().map(rank).collect();
    (sorted.into_iter().map(|(_, len)| len).collect(), order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_that_stay_together_are_one_axis() {
        // A shuffle of channels.
        let found = of_axes(&[2, 3, 4, 5], &[1, 0, 2, 3]);
        let shape = |channels, height, width| Shape {
            channels,
            height,
            width,
        };
        let order = [2, 1, 0];
        let expected = (Move::Transpose { order }, shape(2, 3, 20), shape(3, 2, 20));
        assert_eq!(found, Some(expected));
        assert_eq!(
            together(&[2, 3, 4, 5], &[2, 3, 0, 1]),
            (vec![6, 20], vec![1, 0])
        );
        assert_eq!(of_axes(&[2, 3, 4, 5], &[3, 1, 0, 2]), None);
    }

    #[test]
    fn the_batch_stays_first_and_every_axis_takes_part() {
        assert_eq!(order_behind_batch(&[0, 3, 1, 2], 3), Some(vec![2, 0, 1]));
        for bad in [
            &[][..],
            &[1, 0],
            &[0, 1, 1, 2],
            &[0, 1, 2],
            &[0, 1, 2, i64::MIN],
        ] {
            assert_eq!(order_behind_batch(bad, 3), None, "{bad:?}");
        }
    }
}
