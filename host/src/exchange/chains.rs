//! Chains of reshapes and transpositions: each becomes one transposition, or none, where that does
//! the same.
//!
//! A shuffle of channels is three of them once its pictures have their channels last, and one here.

use crate::graph::{Float, Graph, Move, Network, Node, Op, Shape, Source};
use std::collections::{BTreeMap, BTreeSet};

/// An axis of elements: how many, and how far they lie apart before the chain.
type Axis = (usize, usize);

/// Every order of three axes, that which changes nothing first.
const ORDERS: [[usize; 3]; 6] = [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
];

/// A network whose chains are as short as they can be. Transpositions keep one of these names where
/// they had one.
pub fn shorten(network: Network, names: &BTreeSet<String>) -> Network {
    let inner = inner(&network);
    let mut new = Graph::new(&network.name, network.input, network.output, ());
    // What gives each node's output; for one within a chain, what the chain is given.
    let mut values: Vec<Source> = Vec::with_capacity(network.nodes.len());
    let mut waiting: BTreeMap<usize, Node<Float>> = BTreeMap::new();
    for (index, mut node) in network.nodes.into_iter().enumerate() {
        let of = |source: &Source| match source {
            Source::Node(before) => values[*before],
            Source::Input | Source::Latent | Source::Label => *source,
        };
        let inputs: Vec<Source> = node.inputs.iter().map(of).collect();
        if inner[index] {
            values.push(inputs[0]);
            waiting.insert(index, node);
            continue;
        }
        if !moves(&node) {
            node.inputs = inputs;
            new.nodes.push(node);
            values.push(Source::Node(new.nodes.len() - 1));
            continue;
        }
        let mut chain = vec![node];
        while let Some(&Source::Node(before)) = chain.last().and_then(|node| node.inputs.first())
            && let Some(node) = waiting.remove(&before)
        {
            chain.push(node);
        }
        chain.reverse();
        let short = short(new.source_shape(inputs[0]), &chain, names);
        let short = short.filter(|short| short.len() < chain.len());
        let nodes = short.unwrap_or_else(|| {
            let nodes = chain.into_iter();
            nodes.map(|node| (node.name, node.op, node.shape)).collect()
        });
        let end = nodes
            .into_iter()
            .fold(inputs[0], |from, (name, op, shape)| {
                new.push(name, op, vec![from], shape, ())
            });
        values.push(end);
    }
    new
}

/// For each node, whether it belongs to a chain that goes on behind it.
fn inner(network: &Network) -> Vec<bool> {
    let of = |(node, readers): (&Node<Float>, Vec<usize>)| match readers[..] {
        [reader] => moves(node) && network.nodes.get(reader).is_some_and(moves),
        _ => false,
    };
    network
        .nodes
        .iter()
        .zip(network.readers())
        .map(of)
        .collect()
}

/// Whether a node only moves elements among axes.
fn moves(node: &Node<Float>) -> bool {
    matches!(&node.op, Op::Move(Move::Reshape | Move::Transpose { .. }))
}

/// The same as a chain by at most one transposition, with a reshape before and behind it where it
/// needs them; none where it takes more, or where the chain has no names for them.
fn short(
    from: Shape,
    chain: &[Node<Float>],
    names: &BTreeSet<String>,
) -> Option<Vec<(String, Op<Float>, Shape)>> {
    let (mut axes, mut shape) = (vec![(from.len(), 1)], from);
    let (mut reshapes, mut transpositions) = (Vec::new(), Vec::new());
    for node in chain {
        match &node.op {
            Op::Move(Move::Transpose { order }) => {
                axes = merged(transposed(&axes, shape.axes(), *order)?);
                transpositions.push(&node.name);
            }
            Op::Move(_) | Op::Linear(..) | Op::Norm(_) | Op::Pointwise(_) | Op::Combine(..) => {
                reshapes.push(&node.name);
            }
        }
        shape = node.shape;
    }
    let (lens, order) = of_axes(from, &axes)?;
    let mut short = Vec::new();
    let mut own = from;
    if order != ORDERS[0] {
        let before = Shape::of_axes(lens);
        if before != from {
            let name = reshapes.first()?;
            short.push((name.to_string(), Op::reshape(), before));
            reshapes.remove(0);
        }
        let kept = transpositions.iter().find(|name| names.contains(**name));
        let name = kept.or(transpositions.first())?;
        own = Shape::of_axes(order.map(|axis| lens[axis]));
        short.push((name.to_string(), Op::Move(Move::Transpose { order }), own));
    }
    if own != shape {
        let name = reshapes.last()?;
        short.push((name.to_string(), Op::reshape(), shape));
    }
    Some(short)
}

/// The three axes of the tensor before the chain, and the order of them, that axes are; its own
/// where these do.
fn of_axes(from: Shape, axes: &[Axis]) -> Option<([usize; 3], [usize; 3])> {
    let mut sorted = axes.to_vec();
    sorted.sort_unstable_by_key(|axis| std::cmp::Reverse(axis.1));
    let mut lens = vec![1; 3usize.checked_sub(sorted.len())?];
    lens.extend(sorted.iter().map(|axis| axis.0));
    let lens: [usize; 3] = lens.try_into().ok()?;
    let whole = [(from.len(), 1)];
    let same = |lens: [usize; 3], order: [usize; 3]| {
        transposed(&whole, lens, order).is_some_and(|own| merged(own) == axes)
    };
    let of_lens = |lens: [usize; 3]| {
        let order = ORDERS.into_iter().find(|&order| same(lens, order))?;
        Some((lens, order))
    };
    of_lens(from.axes()).or_else(|| of_lens(lens))
}

/// Axes as a transposition of a tensor of these sides leaves them; none where the sides split an
/// axis unevenly.
fn transposed(axes: &[Axis], sides: [usize; 3], order: [usize; 3]) -> Option<Vec<Axis>> {
    let mut left = axes.iter().copied();
    let mut next = left.next();
    let mut groups: [Vec<Axis>; 3] = Default::default();
    for (side, group) in sides.into_iter().zip(&mut groups) {
        let mut side = side;
        while side > 1 {
            let (len, stride) = next?;
            if side.is_multiple_of(len) {
                group.push((len, stride));
                side /= len;
                next = left.next();
            } else if len.is_multiple_of(side) {
                let inner = len / side;
                group.push((side, stride * inner));
                next = Some((inner, stride));
                side = 1;
            } else {
                return None;
            }
        }
    }
    Some(
        order
            .into_iter()
            .flat_map(|axis| groups[axis].clone())
            .collect(),
    )
}

/// Axes that lie one in the other become one.
fn merged(axes: Vec<Axis>) -> Vec<Axis> {
    let mut merged: Vec<Axis> = Vec::new();
    for (len, stride) in axes {
        match merged.last_mut() {
            _ if len == 1 => {}
            Some(outer) if outer.1 == len * stride => *outer = (outer.0 * len, stride),
            _ => merged.push((len, stride)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::InputSpec;
    use crate::graph::random::Random;
    use crate::ops::forward;
    use ndarray::Array2;

    /// Random chains behind a layer, and what becomes of them.
    #[test]
    fn short_chains_do_the_same() {
        let mut random = Random::new(3);
        let (mut shorter, mut gone) = (0, 0);
        for _ in 0..300 {
            let input = InputSpec {
                latent: 24,
                classes: 0,
            };
            let sides = [[2, 3, 4], [4, 1, 6], [1, 1, 24], [6, 2, 2], [3, 8, 1]];
            let mut network = Network::new("chain", input, Shape::vector(24), ());
            let mut shape = Shape::vector(24);
            let mut last = Source::Input;
            for at in 0..2 + random.below(6) {
                let name = format!("move{at}");
                let op = if random.below(2) == 0 {
                    shape = Shape::of_axes(sides[random.below(sides.len())]);
                    Op::reshape()
                } else {
                    let order = ORDERS[random.below(ORDERS.len())];
                    let axes = shape.axes();
                    shape = Shape::of_axes(order.map(|axis| axes[axis]));
                    Op::Move(Move::Transpose { order })
                };
                last = network.push(name, op, vec![last], shape, ());
            }
            let function = Op::Pointwise(crate::graph::Function::Relu);
            network.output = shape;
            network.push("end", function, vec![last], shape, ());
            let short = shorten(network.clone(), &BTreeSet::new());
            let x = Array2::from_shape_fn((1, 24), |(_, at)| at as f32);
            let [a, b] = [&network, &short].map(|network| forward::run(network, x.view()));
            assert_eq!(a, b, "{network:?} {short:?}");
            assert!(short.nodes.len() <= network.nodes.len());
            shorter += usize::from(short.nodes.len() < network.nodes.len());
            gone += usize::from(short.nodes.len() == 1);
        }
        assert!(shorter > 100 && gone > 5, "{shorter} {gone}");
    }

    #[test]
    fn axes_split_and_merge() {
        let axes = transposed(&[(24, 1)], [2, 3, 4], [2, 0, 1]).unwrap();
        assert_eq!(axes, [(4, 1), (2, 12), (3, 4)]);
        assert_eq!(merged(axes.clone()), [(4, 1), (6, 4)]);
        // And back.
        let back = transposed(&merged(axes), [4, 2, 3], [1, 2, 0]).unwrap();
        assert_eq!(merged(back), [(24, 1)]);
        assert_eq!(transposed(&[(4, 6), (6, 1)], [3, 8, 1], [1, 0, 2]), None);
    }
}
