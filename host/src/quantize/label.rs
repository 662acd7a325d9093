//! Weights that a one-hot label meets, fitted to its integers and made kind to rounding.
//!
//! In integers a label that is on is [`latent::ONE`] steps of the inputs' exponent, in place of 1:
//! the weights that meet it make up for that. Exactly one label is on, so moving a constant from
//! all of a row's label columns into its bias changes nothing for any label. Trained label weights
//! are often many times the latent vector's; without their common part they widen a row's range
//! least, and the row's one exponent is finer.

use super::QuantizeError;
use super::equalize::{Factors, absorb, record};
use super::flow::{Alias, reach};
use crate::graph::{Folded, Graph, Source};
use shared::latent;

/// What the integer input of a label that is on stands for, as a real number at the input's
/// exponent.
pub fn label_value() -> f64 {
    f64::from(latent::ONE) * 2f64.powi(i32::from(latent::EXPONENT))
}

/// What is done to the weights of label columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// They are divided by [`label_value`].
    Scaled,
    /// Each row's are centred around zero first, with the common part in the bias.
    Centred,
}

/// Fits all weights that meet the label to its integer input. Gives the factors of the nodes that
/// hold it on the way, as [`super::equalize::equalize`] does.
///
/// # Errors
/// [`QuantizeError::Mixed`] where a kernel meets label and latent values in one channel.
pub fn fit_label_columns(
    graph: &mut Graph<Folded>,
    fit: Fit,
) -> Result<Vec<Factors>, QuantizeError> {
    let input = graph.input;
    let mut all = vec![None; graph.nodes.len()];
    if input.classes == 0 {
        return Ok(all);
    }
    for (source, latent) in [(Source::Input, input.latent), (Source::Label, 0)] {
        // Folding lets nothing but weights end a label's way.
        let Some(reach) = reach(graph, source) else {
            continue;
        };
        let mut factors = vec![1.0; latent];
        factors.resize(latent + input.classes, label_value().recip());
        for consumer in &reach.consumers {
            if !fit_dense(graph, consumer, latent, input.classes, fit) {
                absorb(graph, consumer, &factors)?;
            }
        }
        for held in &reach.between {
            record(held, &factors, &mut all);
        }
    }
    Ok(all)
}

/// Fits a layer that meets each class's element in one column; gives whether it is one.
fn fit_dense(
    graph: &mut Graph<Folded>,
    consumer: &Alias,
    latent: usize,
    classes: usize,
    fit: Fit,
) -> bool {
    let node = graph.nodes.get_mut(consumer.node);
    let Some(node) = node.filter(|node| node.op.window().is_none()) else {
        return false;
    };
    let Some(linear) = node.op.linear_mut() else {
        return false;
    };
    let is_label = |origin: usize| (latent..latent + classes).contains(&origin);
    let columns: Vec<usize> = (0..consumer.origin.len())
        .filter(|&column| is_label(consumer.origin[column]))
        .collect();
    let mut seen = vec![0; classes];
    for &column in &columns {
        seen[consumer.origin[column] - latent] += 1;
    }
    let once = seen.iter().all(|&count| count == 1);
    for (mut row, bias) in linear.weight.rows_mut().into_iter().zip(&mut linear.bias) {
        let (low, high) = columns
            .iter()
            .fold((f64::MAX, f64::MIN), |(low, high), &column| {
                (low.min(row[column]), high.max(row[column]))
            });
        let common = if once && fit == Fit::Centred {
            (low + high) / 2.0
        } else {
            0.0
        };
        *bias += common;
        for &column in &columns {
            row[column] = (row[column] - common) / label_value();
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::calibrate::{float_inputs, integer_inputs, points};
    use super::super::fold::fold;
    use super::super::simulate;
    use super::*;
    use crate::graph::{Float, InputSpec, Move, Network, Op, Shape, Window};
    use crate::synthetic;
    use ndarray::{Array1, Array4, array, s};
    use shared::latent::Prior;

    #[test]
    fn every_label_gives_what_it_gave() {
        let network = synthetic::generator(
            6,
            10,
            7,
            &[24],
            Shape {
                channels: 1,
                height: 2,
                width: 2,
            },
        );
        let inputs = integer_inputs(&points(3, 70, 7), network.input, Prior::Normal);
        let mut layers = fold(&network).unwrap();
        let real = float_inputs(&inputs, network.input).mapv(f64::from);
        let run = |folded: &Graph<Folded>, x| simulate::all_folded(folded, x).remove(0);
        let expected = run(&layers, real.view());
        fit_label_columns(&mut layers, Fit::Centred).unwrap();
        let scaled = inputs.mapv(|q| f64::from(q) * 2f64.powi(i32::from(latent::EXPONENT)));
        let found = run(&layers, scaled.view());
        assert!((&found - &expected).iter().all(|d| d.abs() < 1e-9));
        for row in layers.nodes[0].op.linear().unwrap().weight.rows() {
            let label = row.slice(s![10..]);
            let sum = label.iter().fold(f64::MIN, |a, &b| a.max(b))
                + label.iter().fold(f64::MAX, |a, &b| a.min(b));
            assert!(sum.abs() < 1e-9, "{sum}");
        }
    }

    #[test]
    fn a_kernel_that_meets_label_and_latent_in_one_channel_is_refused_by_name() {
        let conv = |channels| {
            Op::conv(
                &Array4::ones((1, channels, 1, 1)),
                Array1::ones(1),
                Window::POINT,
            )
        };
        let shape = |channels, height, width| Shape {
            channels,
            height,
            width,
        };
        // The input in a shape, perhaps transposed, before a convolution of so many channels.
        let fitted = |moves: Vec<(&str, Op<Float>, Shape)>| {
            let input = InputSpec {
                latent: 3,
                classes: 3,
            };
            let picture = moves.last().map_or(shape(1, 1, 1), |(_, _, shape)| *shape);
            let output = Shape {
                channels: 1,
                ..picture
            };
            let layers = moves
                .into_iter()
                .chain([("conv", conv(picture.channels), output)]);
            let layers = layers.map(|(name, op, shape)| (name.to_owned(), op, shape));
            let network = Network::chain("label", input, layers, output);
            let mut steps = fold(&network).unwrap();
            let factors = fit_label_columns(&mut steps, Fit::Centred)?;
            let weight = steps
                .nodes
                .last()
                .unwrap()
                .op
                .linear()
                .unwrap()
                .weight
                .clone();
            Ok((factors, weight))
        };
        // A row of latent values and a row of labels, which become channels.
        let (factors, weight) = fitted(vec![
            ("rows", Op::reshape(), shape(1, 2, 3)),
            (
                "channels",
                Op::Move(Move::Transpose { order: [1, 2, 0] }),
                shape(2, 3, 1),
            ),
        ])
        .unwrap();
        let scale = label_value().recip();
        assert_eq!(factors[1], Some(array![1.0, scale]));
        assert_eq!(weight, array![[1.0, scale]]);
        let refused = QuantizeError::Mixed {
            layer: "conv".into(),
        };
        let mixed = fitted(vec![("shape", Op::reshape(), shape(3, 2, 1))]);
        assert_eq!(mixed, Err(refused));
    }
}
