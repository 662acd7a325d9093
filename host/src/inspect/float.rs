//! A description of a float network: its layers with shapes, weights and multiplications.

use super::description::{Description, LayerRow, input_fact};
use crate::graph::{Float, Network, Node, Op};
use crate::ops;
use crate::quantize::fold::fold;

/// Describes a float network that was read from a file of `bytes` bytes.
pub fn network(network: &Network, producer: &str, bytes: usize) -> Description {
    let layers = network
        .nodes
        .iter()
        .map(|node| row(network, node))
        .collect();
    let tables = fold(network).map(|folded| {
        let tables = folded.nodes.iter();
        tables
            .filter(|node| matches!(node.op, Op::Pointwise(_)))
            .count()
    });
    let mut facts = vec![
        ("producer", producer.to_owned()),
        (
            "input",
            format!(
                "{} float",
                input_fact(network.input.latent, network.input.classes)
            ),
        ),
        ("output", network.output.to_string().replace(' ', "")),
        ("file", format!("{bytes} bytes")),
    ];
    facts.push(match tables {
        Ok(tables) => (
            "as integers",
            format!("possible; {tables} activations become tables"),
        ),
        Err(error) => ("as integers", format!("not possible: {error}")),
    });
    Description {
        format: "float ONNX network",
        name: network.name.clone(),
        facts,
        layers,
        arena: None,
    }
}

fn row(network: &Network, node: &Node<Float>) -> LayerRow {
    // Weights, other parameters, multiplications.
    let (weights, others, macs) = match &node.op {
        Op::Linear(kind, linear) => {
            let operator = kind.operator();
            let products = operator.products(network.first_shape(node), node.shape);
            (linear.weight.len(), linear.bias.len(), products)
        }
        Op::Norm(norm) => (0, 4 * norm.scale.len(), 0),
        Op::Pointwise(_) | Op::Move(_) => (0, 0, 0),
        Op::Combine(combine, ()) => {
            let inputs = network.input_shapes(node);
            (0, 0, combine.operator().products(&inputs, node.shape))
        }
    };
    LayerRow {
        name: node.name.clone(),
        kind: ops::describe(node),
        output: node.shape.to_string().replace(' ', ""),
        weights: weights as u64,
        work: macs,
        bytes: 4 * (weights + others) as u64,
        ..Default::default()
    }
}
