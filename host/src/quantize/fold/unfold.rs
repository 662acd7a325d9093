//! Back from folded nodes to a float network: for networks that were trained as they are computed,
//! with batch normalisation folded in.

use super::super::QuantizeError;
use super::super::equalize::absorb;
use super::super::flow::reach;
use super::super::label::label_value;
use crate::graph::{
    Float, Folded, Function, Graph, Linear, LinearKind, Network, Op, Shape, Source,
};
use crate::ops::activations;
use std::collections::BTreeSet;

/// A float network that folds to this one; weights become single precision, which is exact on the
/// grid of a quantized network.
///
/// The nodes are those of [`super::super::Prepared::folded`], or others whose label columns are
/// fitted to integers: here the label is 1 where it is on. `output` is the picture's shape.
///
/// # Errors
/// [`QuantizeError`] where the nodes are not ones that folding makes.
pub fn unfold(name: &str, folded: &Graph<Folded>, output: Shape) -> Result<Network, QuantizeError> {
    let mut folded = folded.clone();
    label_of_one(&mut folded)?;
    let mut names: BTreeSet<String> = folded.nodes.iter().map(|node| node.name.clone()).collect();
    let mut network = Network::new(name, folded.input, output, ());
    // The node that gives what each folded one does.
    let mut values: Vec<Source> = Vec::new();
    for node in &folded.nodes {
        let of = |source: &Source| match source {
            Source::Node(index) => values.get(*index).copied().unwrap_or(*source),
            Source::Input | Source::Latent | Source::Label => *source,
        };
        let inputs: Vec<Source> = node.inputs.iter().map(of).collect();
        let mut value = network.push(&node.name, single(&node.op), inputs, node.shape, ());
        let activation = activations::of(&node.op);
        if let Some(function) = activation.and_then(Function::of_activation) {
            let name = unused(&mut names, &format!("{}.activation", node.name));
            value = network.push(name, Op::Pointwise(function), vec![value], node.shape, ());
        }
        values.push(value);
    }
    if let (Some(last), Some(&value)) = (folded.nodes.last(), values.last())
        && last.shape != output
    {
        let name = unused(&mut names, "picture");
        network.push(name, Op::reshape(), vec![value], output, ());
    }
    network.check()?;
    Ok(network)
}

/// Weights that meet the label's integers now meet 1.
fn label_of_one(folded: &mut Graph<Folded>) -> Result<(), QuantizeError> {
    let input = folded.input;
    if input.classes == 0 {
        return Ok(());
    }
    for (source, latent) in [(Source::Input, input.latent), (Source::Label, 0)] {
        let mut factors = vec![1.0; latent];
        factors.resize(latent + input.classes, label_value());
        for consumer in reach(folded, source).unwrap_or_default().consumers {
            absorb(folded, &consumer, &factors)?;
        }
    }
    Ok(())
}

/// An operation in single precision, without its activation.
fn single(op: &Op<Folded>) -> Op<Float> {
    match op {
        Op::Linear(kind, linear) => {
            // An embedding may have a bias, and folding makes one of every such layer.
            let kind = match kind {
                LinearKind::Embedding => LinearKind::Dense,
                kind => *kind,
            };
            let weight = linear.weight.mapv(|w| w as f32);
            Op::Linear(kind, Linear::new(weight, linear.bias.mapv(|b| b as f32)))
        }
        Op::Norm(norm) => match *norm {},
        Op::Pointwise(Function::Identity) => Op::leaky_relu(1.0),
        Op::Pointwise(function) => Op::Pointwise(*function),
        Op::Move(moved) => Op::Move(*moved),
        Op::Combine(combine, _) => Op::Combine(*combine, ()),
    }
}

fn unused(names: &mut BTreeSet<String>, wanted: &str) -> String {
    let mut name = wanted.to_owned();
    let mut count = 1;
    while !names.insert(name.clone()) {
        count += 1;
        name = format!("{wanted}_{count}");
    }
    name
}
