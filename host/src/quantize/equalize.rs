//! Channel equalization: every hidden channel is scaled so that it just fills int8.
//!
//! An output `y` of a layer whose activation keeps factors (`f(a x) = a f(x)` for `a > 0`: ReLU,
//! LeakyReLU, none) may be divided by a factor of its own if all weights that meet it are
//! multiplied by the same: the network computes what it did, but one exponent then fits all
//! channels. After Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias
//! Correction" (2019), section 4.1; here the factors come from the activations, because weights
//! have an exponent a channel anyway.

use super::QuantizeError;
use super::flow::{Alias, Groups, Reach, reach};
use crate::graph::{Folded, Graph, Shape, Source};
use ndarray::{Array1, Array2};
use shared::latent;

/// Shares of a channel's largest magnitude that are tried as its range; the rest is clipped.
const SHARES: [f64; 7] = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4];

/// A range is searched on at most this many values of a channel, taken evenly.
const MAX_SEARCHED: usize = 1 << 15;

/// One factor a channel of a node's output; `None` for ones.
pub type Factors = Option<Array1<f64>>;

/// Equalizes the nodes in place, and their outputs `targets`, shape (points, length) each.
///
/// Each node's `factors`, one a channel, are multiplied: its old output is the new one times the
/// factor. `None` stands for ones.
///
/// # Errors
/// As [`absorb`]. Elements that cannot be scaled are left alone.
pub fn equalize(
    graph: &mut Graph<Folded>,
    targets: &mut [Array2<f64>],
    factors: &mut [Factors],
) -> Result<(), QuantizeError> {
    for index in 0..graph.nodes.len() {
        let (Some(node), Some(target)) = (graph.nodes.get(index), targets.get(index)) else {
            continue;
        };
        if node.op.linear().is_none() {
            continue;
        }
        let Some(reach) = reach(graph, Source::Node(index)) else {
            continue;
        };
        let own = Alias {
            node: index,
            shape: node.shape,
            origin: (0..node.shape.len()).collect(),
        };
        let mut groups = Groups::new(own.origin.len());
        let windowed = |alias: &&Alias| {
            graph
                .nodes
                .get(alias.node)
                .is_some_and(|n| n.op.window().is_some())
        };
        groups.unite_channels(&own);
        for alias in reach
            .between
            .iter()
            .chain(reach.consumers.iter().filter(windowed))
        {
            groups.unite_channels(alias);
        }
        let own_factors = search(&mut groups, target, own.shape, reach.beside_inputs);
        apply(graph, &own, &reach, &own_factors)?;
        for alias in std::iter::once(&own).chain(&reach.between) {
            if let Some(target) = targets.get_mut(alias.node) {
                *target /= &elements(alias, &own_factors);
            }
            record(alias, &own_factors, factors);
        }
    }
    Ok(())
}

/// The factor of each element of what a node holds of a value; `factors` are the value's, one an
/// element.
fn elements(alias: &Alias, factors: &[f64]) -> Array1<f64> {
    // No factor is found for foreign elements.
    let of = |element: &usize| factors.get(*element).copied().unwrap_or(1.0);
    alias.origin.iter().map(of).collect()
}

/// Multiplies what is known of the factors of a node's channels by those of a value that it holds.
pub fn record(alias: &Alias, factors: &[f64], all: &mut [Factors]) {
    let of = |channel| {
        let first = alias.channel(channel).next();
        let factor = first.and_then(|element| factors.get(element));
        factor.copied().unwrap_or(1.0)
    };
    let channels = Array1::from_shape_fn(alias.shape.channels, of);
    if let Some(slot) = all.get_mut(alias.node) {
        *slot = Some(match slot.take() {
            Some(before) => before * channels,
            None => channels,
        });
    }
}

/// One factor an element, equal within groups.
fn search(
    groups: &mut Groups,
    target: &Array2<f64>,
    shape: Shape,
    beside_inputs: bool,
) -> Vec<f64> {
    // Beside values of the inputs' exponent, channels fill int8 at that exponent.
    let range = if beside_inputs {
        128.0 * 2f64.powi(i32::from(latent::EXPONENT))
    } else {
        1.0
    };
    let len = target.ncols();
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); len];
    // Channel by channel, whatever the order in memory.
    let pixels = 0..shape.pixels();
    let elements = (0..shape.channels).flat_map(|c| pixels.clone().map(move |p| shape.at(c, p)));
    for element in elements {
        if !groups.is_fixed(element)
            && let Some(group) = members.get_mut(groups.of(element))
        {
            group.push(element);
        }
    }
    let mut factors = vec![1.0; len];
    for members in members.iter().filter(|members| !members.is_empty()) {
        let columns = members.iter().map(|&element| target.column(element));
        let values: Vec<f64> = columns.flat_map(|column| column.to_vec()).collect();
        let factor = factor(&values) / range;
        for &element in members {
            factors[element] = factor;
        }
    }
    factors
}

/// Divides what a node gives, and multiplies the weights that meet it, by one factor an element.
///
/// # Errors
/// [`QuantizeError::Mixed`] where a kernel meets elements of different factors in one channel.
pub fn apply(
    graph: &mut Graph<Folded>,
    own: &Alias,
    reach: &Reach,
    factors: &[f64],
) -> Result<(), QuantizeError> {
    if let Some(linear) = graph
        .nodes
        .get_mut(own.node)
        .and_then(|node| node.op.linear_mut())
    {
        let outputs = linear.weight.rows_mut().into_iter().zip(&mut linear.bias);
        for (output, (mut row, bias)) in outputs.enumerate() {
            let factor = factors.get(own.shape.at(output, 0)).copied().unwrap_or(1.0);
            row /= factor;
            *bias /= factor;
        }
    }
    reach
        .consumers
        .iter()
        .try_for_each(|consumer| absorb(graph, consumer, factors))
}

/// Multiplies the weights that meet a value's elements by one factor an element.
///
/// # Errors
/// [`QuantizeError::Mixed`] where a kernel meets elements of different factors in one channel.
pub fn absorb(
    graph: &mut Graph<Folded>,
    consumer: &Alias,
    factors: &[f64],
) -> Result<(), QuantizeError> {
    let Some(node) = graph.nodes.get_mut(consumer.node) else {
        return Ok(());
    };
    let Some(window) = node.op.window() else {
        if let Some(linear) = node.op.linear_mut() {
            linear.weight *= &elements(consumer, factors);
        }
        return Ok(());
    };
    let of = |element: usize| factors.get(element).copied().unwrap_or(1.0);
    let mut by_channel = Vec::with_capacity(consumer.shape.channels);
    for channel in 0..consumer.shape.channels {
        let mut own = consumer.channel(channel).map(of);
        let first = own.next().unwrap_or(1.0);
        if own.any(|factor| factor != first) {
            return Err(QuantizeError::Mixed {
                layer: node.name.clone(),
            });
        }
        by_channel.push(first);
    }
    if let Some(linear) = node.op.linear_mut() {
        let outputs = (linear.weight.nrows() / window.groups).max(1);
        let inputs = (by_channel.len() / window.groups).max(1);
        for (output, mut row) in linear.weight.rows_mut().into_iter().enumerate() {
            // Columns are kernel row, kernel column, channel of the output's group.
            let group = by_channel.chunks(inputs).nth(output / outputs);
            let columns = group.unwrap_or_default().iter().cycle();
            row.iter_mut().zip(columns).for_each(|(w, f)| *w *= f);
        }
    }
    Ok(())
}

/// What a channel is divided by, so that its range, the best of [`SHARES`] by squared error,
/// becomes 127/128.
fn factor(values: &[f64]) -> f64 {
    let largest = values.iter().fold(0f64, |largest, v| largest.max(v.abs()));
    if largest == 0.0 {
        return 1.0;
    }
    // A stride that is no multiple of a row's length, so that all places take part.
    let searched = values
        .iter()
        .step_by(values.len().div_ceil(MAX_SEARCHED) | 1);
    let error = |share: f64| -> f64 {
        let step = largest * share / 127.0;
        let one = |v: f64| v - (v / step).round_ties_even().clamp(-128.0, 127.0) * step;
        searched.clone().map(|&v| one(v).powi(2)).sum()
    };
    let scored = SHARES.iter().map(|&share| (share, error(share)));
    let best = scored
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map_or(1.0, |(share, _)| share);
    let factor = largest * best * (128.0 / 127.0);
    // A channel of denormals would overflow its weights.
    if factor > 1e-30 { factor } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::super::fold::fold;
    use super::super::simulate;
    use super::*;
    use crate::graph::Shape;
    use crate::graph::random::Random;
    use crate::synthetic;

    #[test]
    fn the_network_computes_the_same_with_channels_of_one_range() {
        let network = synthetic::generator(
            6,
            10,
            3,
            &[24, 16],
            Shape {
                channels: 1,
                height: 4,
                width: 4,
            },
        );
        let before = fold(&network).unwrap();
        let mut random = Random::new(8);
        let inputs = Array2::from_shape_simple_fn((300, 13), || f64::from(random.normal()));
        let run = |folded: &Graph<Folded>| simulate::all_folded(folded, inputs.view());
        let expected = run(&before);
        let (mut layers, mut targets) = (before, expected.clone());
        let mut factors = vec![None; layers.nodes.len()];
        equalize(&mut layers, &mut targets, &mut factors).unwrap();
        let outputs = run(&layers);
        for (index, factors) in factors.iter().enumerate() {
            // The dense layer before tanh keeps its values: tanh does not keep factors.
            assert_eq!(factors.is_some(), index < 2);
            let back = match factors {
                Some(factors) => &outputs[index] * factors,
                None => outputs[index].clone(),
            };
            assert!(
                (&back - &expected[index]).iter().all(|d| d.abs() < 1e-9),
                "layer {index}"
            );
            assert!(
                (&outputs[index] - &targets[index])
                    .iter()
                    .all(|d| d.abs() < 1e-9),
                "layer {index}"
            );
        }
        for column in outputs[0].columns() {
            let largest = column.iter().fold(0f64, |l, v| l.max(v.abs()));
            assert!((0.99..2.5).contains(&largest), "{largest}");
        }
    }

    #[test]
    fn graphs_compute_the_same_as_well() {
        let mut scaled = 0;
        for seed in 0..150 {
            let network = synthetic::any_graph(seed);
            let input = network.input;
            let mut random = Random::new(seed);
            let inputs =
                Array2::from_shape_simple_fn((20, input.len()), || f64::from(random.normal()));
            let before = fold(&network).unwrap();
            let expected = simulate::all_folded(&before, inputs.view());
            let (mut folded, mut targets) = (before, expected.clone());
            let mut factors = vec![None; folded.nodes.len()];
            equalize(&mut folded, &mut targets, &mut factors).unwrap();
            let outputs = simulate::all_folded(&folded, inputs.view());
            let all = outputs.iter().zip(&targets).zip(&expected);
            for ((index, ((output, target), expected)), factors) in all.enumerate().zip(&factors) {
                let shape = folded.nodes[index].shape;
                let mut back = output.clone();
                if let Some(factors) = factors {
                    scaled += 1;
                    assert_eq!(factors.len(), shape.channels);
                    for (element, mut column) in back.columns_mut().into_iter().enumerate() {
                        column *= factors[shape.channel(element)];
                    }
                }
                let scale = expected
                    .iter()
                    .fold(1f64, |largest, v| largest.max(v.abs()));
                let far = |a: &Array2<f64>, b: &Array2<f64>, scale: f64| {
                    (a - b).iter().any(|d| d.abs() > 1e-9 * scale)
                };
                assert!(!far(&back, expected, scale), "seed {seed}, step {index}");
                let scale = target.iter().fold(1f64, |largest, v| largest.max(v.abs()));
                assert!(!far(output, target, scale), "seed {seed}, step {index}");
            }
        }
        assert!(scaled > 300, "{scaled}");
    }
}
