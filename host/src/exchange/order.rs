//! Tidying a network that was read: what nobody needs goes, and a label that comes first moves
//! behind.

use crate::graph::query::live;
use crate::graph::{Combine, Float, InputSpec, LinearKind, Node, Op, Source};
use ndarray::{Array2, Axis};

/// Keeps the nodes that `output` depends on, in their order; `output` is then the last.
pub fn prune(nodes: Vec<Node<Float>>, output: usize) -> Vec<Node<Float>> {
    let needed = live(nodes.len(), output, |index| nodes[index].inputs.clone());
    keep(nodes, &needed)
}

fn keep(nodes: Vec<Node<Float>>, needed: &[bool]) -> Vec<Node<Float>> {
    let mut places = Vec::with_capacity(nodes.len());
    let mut kept: Vec<Node<Float>> = Vec::new();
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

/// Where a Concat puts the label before the latent vector and only weights read it, the weights
/// change their order instead, and the Concat goes.
pub fn label_behind(mut nodes: Vec<Node<Float>>, input: InputSpec) -> Vec<Node<Float>> {
    let swaps = |node: &Node<Float>| {
        node.op == Op::Combine(Combine::Concat, ())
            && node.inputs == [Source::Label, Source::Latent]
    };
    let mut needed = vec![true; nodes.len()];
    let last = nodes.len().saturating_sub(1);
    for index in 0..nodes.len() {
        let swapped = Source::Node(index);
        let reads = |node: &&Node<Float>| node.inputs.contains(&swapped);
        let weights = |node: &Node<Float>| match node.op.linear_kind() {
            // A group's weights see only some of the channels.
            Some(kind) => {
                kind != LinearKind::Embedding && kind.window().is_none_or(|w| w.groups == 1)
            }
            None => false,
        };
        if !swaps(&nodes[index]) || index == last || !nodes.iter().filter(reads).all(weights) {
            continue;
        }
        needed[index] = false;
        for node in &mut nodes {
            if node.inputs == [swapped] {
                node.inputs = vec![Source::Input];
                let channels = input.len();
                if let Some(linear) = node.op.linear_mut() {
                    rotate(&mut linear.weight, channels, input.classes);
                }
            }
        }
    }
    keep(nodes, &needed)
}

/// Moves the first `count` of each group of so many columns behind the others.
fn rotate(weight: &mut Array2<f32>, channels: usize, count: usize) {
    if channels == 0 || count > channels {
        return;
    }
    let columns: Vec<usize> = (0..weight.ncols())
        .map(|column| column / channels * channels + (column % channels + count) % channels)
        .filter(|&column| column < weight.ncols())
        .collect();
    if columns.len() == weight.ncols() {
        *weight = weight.select(Axis(1), &columns);
    }
}
