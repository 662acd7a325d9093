//! From a float network to the nodes that integers will compute: batch normalisation goes into the
//! weights beside it, activations into the layers before them where the arithmetic has them, and
//! what changes nothing goes away.
//!
//! `pass` goes over the nodes, `reads` says who reads what, [`weights`] changes weights,
//! [`unfold`](fn@unfold) goes the way back.

mod pass;
mod reads;
#[cfg(test)]
mod tests;
mod unfold;
pub mod weights;

pub use pass::{fold, pixel_range};
pub use unfold::unfold;

use crate::graph::{Folded, Function, Network, Node, Op};
use crate::ops::activations::suffix;

/// The name of a table that changes nothing but the exponent, behind the last node.
fn pixels_name(nodes: &[Node<Folded>], network: &Network) -> String {
    let last = nodes.last().map_or("input", |node| node.name.as_str());
    unused(
        nodes,
        network,
        &format!("{last}.{}", suffix(Function::Identity)),
    )
}

/// A name that no node has, and that no node that becomes one of its own has.
fn unused(nodes: &[Node<Folded>], network: &Network, wanted: &str) -> String {
    let taken = |name: &str| {
        nodes.iter().any(|node| node.name == name)
            || network
                .nodes
                .iter()
                .any(|node| !matches!(node.op, Op::Pointwise(_)) && node.name == name)
    };
    let mut name = wanted.to_owned();
    let mut count = 1;
    while taken(&name) {
        count += 1;
        name = format!("{wanted}_{count}");
    }
    name
}
