//! The one walk from a folded network to integers. What there is to choose on the way, [`Choose`]
//! chooses: a search, a given scheme, or a training.

use super::QuantizeError;
use super::exponents;
use super::rounding::small;
use crate::graph::query::source_exponent;
use crate::graph::{
    Bits, Columns, Folded, Function, Graph, Integer, IntegerNote, Linear, Node, Op, Picture,
    QuantizedLinear, QuantizedNetwork, Source,
};
use crate::ops::{Exponent, gather};
use shared::image::PIXEL_EXPONENT;
use shared::latent::Prior;

/// Where the walk is.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// The whole network.
    pub graph: &'a Graph<Folded>,
    /// Index of the node.
    pub index: usize,
    /// The node.
    pub node: &'a Node<Folded>,
}

/// Who chooses exponents and weights.
pub trait Choose {
    /// The weights of a layer whose input is at this exponent, and the exponent of its output.
    ///
    /// # Errors
    /// [`QuantizeError`] names the layer and the output.
    fn linear(
        &mut self,
        site: Site<'_>,
        linear: &Linear<f64>,
        input: i32,
    ) -> Result<(QuantizedLinear, i32), QuantizeError>;

    /// The width and the exponent of the rows that a number chooses from.
    ///
    /// # Errors
    /// [`QuantizeError`] names the layer.
    fn rows(&mut self, site: Site<'_>, rows: &Linear<f64>) -> Result<(Bits, i32), QuantizeError>;

    /// The exponent of a table's output.
    ///
    /// # Errors
    /// [`QuantizeError`] names the layer.
    fn table(&mut self, site: Site<'_>, function: Function) -> Result<i32, QuantizeError>;

    /// The exponent of an output without weights or a table, which may be one of these: the input's
    /// alone where elements only move, what the operator says where tensors are combined.
    ///
    /// # Errors
    /// [`QuantizeError`] names the layer.
    fn exponent(&mut self, site: Site<'_>, allowed: Exponent) -> Result<i32, QuantizeError>;

    /// What the float layer's output is divided by, one factor a channel; empty for ones.
    fn factors(&self, _: Site<'_>) -> Vec<f64> {
        Vec::new()
    }

    /// Takes note of a network whose last node is new.
    fn done(&mut self, _: &QuantizedNetwork) {}
}

/// Quantizes a folded network whose label columns are fitted to integers. Where the last node's
/// exponent is not that of pixels, a table takes it there.
///
/// # Errors
/// What `choose` says, and [`QuantizeError::Alignment`].
pub fn quantize(
    graph: &Graph<Folded>,
    prior: Prior,
    choose: &mut dyn Choose,
) -> Result<QuantizedNetwork, QuantizeError> {
    let about = Picture {
        prior,
        pixel_range: graph.about.pixel_range,
    };
    let mut network = QuantizedNetwork::new(&graph.name, graph.input, graph.output, about);
    for (index, node) in graph.nodes.iter().enumerate() {
        let site = Site { graph, index, node };
        let (op, exponent) = one(site, &network, choose)?;
        let note = IntegerNote {
            layer: node.note,
            exponent: small(exponent, &node.name)?,
            factors: choose.factors(site),
        };
        network.push(&node.name, op, node.inputs.clone(), node.shape, note);
        choose.done(&network);
    }
    if let Some(last) = network.nodes.last()
        && last.note.exponent != PIXEL_EXPONENT
    {
        let from = i32::from(last.note.exponent);
        let table = exponents::table(Function::Identity, from, i32::from(PIXEL_EXPONENT));
        let (inputs, shape) = (vec![Source::Node(network.nodes.len() - 1)], last.shape);
        let note = IntegerNote {
            layer: last.note.layer,
            exponent: PIXEL_EXPONENT,
            factors: Vec::new(),
        };
        network.push(
            &graph.about.pixels,
            Op::Pointwise(table),
            inputs,
            shape,
            note,
        );
    }
    Ok(network)
}

/// A node in integers, and its output's exponent.
fn one(
    site: Site<'_>,
    network: &QuantizedNetwork,
    choose: &mut dyn Choose,
) -> Result<(Op<Integer>, i32), QuantizeError> {
    let inputs = site.node.inputs.iter();
    let inputs: Vec<i32> = inputs
        .map(|&source| i32::from(source_exponent(&network.nodes, source)))
        .collect();
    let first = inputs.first().copied().unwrap_or_default();
    Ok(match &site.node.op {
        Op::Linear(kind, rows) if matches!(kind.columns(), Columns::Rows { .. }) => {
            let (bits, exponent) = choose.rows(site, rows)?;
            let rows = gather::quantized(rows, bits, exponent);
            (Op::Linear(*kind, rows), exponent)
        }
        Op::Linear(kind, linear) => {
            let (linear, exponent) = choose.linear(site, linear, first)?;
            (Op::Linear(*kind, linear), exponent)
        }
        Op::Norm(norm) => match *norm {},
        Op::Pointwise(function) => {
            let exponent = choose.table(site, *function)?;
            let table = exponents::table(*function, first, exponent);
            (Op::Pointwise(table), exponent)
        }
        Op::Move(moved) => {
            let exponent = choose.exponent(site, Exponent::Only(first))?;
            (Op::Move(moved.at_exponent(exponent)), exponent)
        }
        Op::Combine(combine, activation) => {
            let operator = combine.operator();
            let allowed = operator.exponent(&inputs, *activation);
            let exponent = choose.exponent(site, allowed)?;
            let alignment = operator.align(&inputs, exponent, *activation);
            let alignment = alignment.map_err(|(part, shift)| QuantizeError::Alignment {
                layer: site.node.name.clone(),
                part,
                shift,
            })?;
            (Op::Combine(*combine, alignment), exponent)
        }
    })
}
