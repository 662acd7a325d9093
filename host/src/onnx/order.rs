//! Tidying a network that was read: what nobody needs goes, and a label that comes first moves behind.

use crate::network::{InputSpec, Layer, Node, Source};
use ndarray::{Array, Axis, Dimension, RemoveAxis, concatenate};

/// Keeps the nodes that `output` depends on, in their order; `output` is then the last.
pub fn prune(nodes: Vec<Node>, output: usize) -> Vec<Node> {
    let mut needed = vec![false; nodes.len()];
    if let Some(last) = needed.get_mut(output) {
        *last = true;
    }
    for index in (0..nodes.len()).rev() {
        if needed[index] {
            for source in &nodes[index].inputs {
                if let Source::Node(from) = source {
                    needed[*from] = true;
                }
            }
        }
    }
    keep(nodes, &needed)
}

fn keep(nodes: Vec<Node>, needed: &[bool]) -> Vec<Node> {
    let mut places = Vec::with_capacity(nodes.len());
    let mut kept: Vec<Node> = Vec::new();
    for (mut node, &needed) in nodes.into_iter().zip(needed) {
        places.push(kept.len());
        if needed {
            for source in &mut node.inputs {
                if let Source::Node(from) = source {
                    // Earlier than the node itself, so its place is known.
                    *from = places[*from];
                }
            }
            kept.push(node);
        }
    }
    kept
}

/// Where a Concat puts the label before the latent vector and only weights read it, the weights change their order
/// instead, and the Concat goes.
pub fn label_behind(mut nodes: Vec<Node>, input: InputSpec) -> Vec<Node> {
    let swaps = |node: &Node| {
        matches!(node.layer, Layer::Concat) && node.inputs == [Source::Label, Source::Latent]
    };
    let mut needed = vec![true; nodes.len()];
    let last = nodes.len().saturating_sub(1);
    for index in 0..nodes.len() {
        let swapped = Source::Node(index);
        let reads = |node: &&Node| node.inputs.contains(&swapped);
        let weights = |node: &Node| {
            matches!(
                node.layer,
                Layer::Dense(_) | Layer::Conv(_) | Layer::ConvTranspose(_)
            )
        };
        if !swaps(&nodes[index]) || index == last || !nodes.iter().filter(reads).all(weights) {
            continue;
        }
        needed[index] = false;
        for node in &mut nodes {
            if node.inputs == [swapped] {
                node.inputs = vec![Source::Input];
                match &mut node.layer {
                    Layer::Dense(dense) => rotate(&mut dense.weight, 1, input.classes),
                    Layer::Conv(conv) => rotate(&mut conv.weight, 1, input.classes),
                    Layer::ConvTranspose(conv) => rotate(&mut conv.weight, 0, input.classes),
                    _ => {}
                }
            }
        }
    }
    keep(nodes, &needed)
}

/// Moves the first `count` entries along an axis behind the others.
fn rotate<D: Dimension + RemoveAxis>(weight: &mut Array<f32, D>, axis: usize, count: usize) {
    let axis = Axis(axis);
    if count <= weight.len_of(axis) {
        let (first, rest) = weight.view().split_at(axis, count);
        if let Ok(moved) = concatenate(axis, &[rest, first]) {
            // Standard layout, as every weight of a network has.
            *weight = moved.as_standard_layout().into_owned();
        }
    }
}
