//! Quantization with nothing left to choose: widths and exponents are given, each weight goes to
//! its nearest.
//!
//! This is what training with quantization in the loop computes at each step, and what an export of
//! such a training does. Weights that lie on the grid stay where they are, so a [`Scheme`] and a
//! network of such weights give the same integers everywhere. No label columns are centred and no
//! channels equalized: what was trained is taken as it is.

use super::QuantizeError;
use super::choose::{self, Choose, Site};
use super::exponents::{RANGE, power};
use super::fold::fold;
use super::label::{Fit, fit_label_columns};
use super::rounding::{shift_of, small};
use super::scheme::{Scheme, StepScheme, WeightScheme};
use crate::graph::{
    Bits, Folded, Function, Graph, Integer, Linear, Network, Node, QuantizedLinear,
    QuantizedNetwork,
};
use crate::ops::Exponent;
use ndarray::Array2;
use shared::arithmetic::ACCUMULATOR_LIMIT;
use shared::latent::Prior;

/// Quantizes a float network by a scheme.
///
/// # Errors
/// [`QuantizeError::Scheme`] where the scheme is another network's, and errors of layer and output
/// where its exponents leave the arithmetic.
pub fn quantize(
    network: &Network,
    prior: Prior,
    scheme: &Scheme,
) -> Result<QuantizedNetwork, QuantizeError> {
    let mut folded = fold(network)?;
    fit_label_columns(&mut folded, Fit::Scaled)?;
    quantize_folded(&folded, prior, scheme)
}

/// Quantizes a network whose label columns are fitted to integers, as [`super::Prepared::folded`]
/// has them, by a scheme.
///
/// # Errors
/// As [`quantize`].
pub fn quantize_folded(
    folded: &Graph<Folded>,
    prior: Prior,
    scheme: &Scheme,
) -> Result<QuantizedNetwork, QuantizeError> {
    let known = |name: &str| {
        name == folded.about.pixels || folded.nodes.iter().any(|node| node.name == name)
    };
    if let Some(name) = scheme.steps.keys().find(|name| !known(name)) {
        let why = format!("has a layer {name}, which the network has not");
        return Err(QuantizeError::Scheme(why));
    }
    choose::quantize(folded, prior, &mut Given(scheme))
}

/// A scheme that chooses.
struct Given<'a>(&'a Scheme);

impl Given<'_> {
    /// What is fixed of a node, and its output's exponent.
    fn of(&self, site: Site<'_>) -> Result<(&StepScheme, i32), QuantizeError> {
        let own = self.0.step(&site.node.name)?;
        let exponent = i32::from(own.exponent);
        if RANGE.contains(&exponent) {
            return Ok((own, exponent));
        }
        Err(QuantizeError::Exponent {
            layer: site.node.name.clone(),
            largest: power(exponent),
        })
    }
}

impl Choose for Given<'_> {
    fn linear(
        &mut self,
        site: Site<'_>,
        linear: &Linear<f64>,
        input: i32,
    ) -> Result<(QuantizedLinear, i32), QuantizeError> {
        let (own, exponent) = self.of(site)?;
        let rounded = round(&site.node.name, linear, own, input, exponent)?;
        Ok((rounded, exponent))
    }

    fn rows(&mut self, site: Site<'_>, _: &Linear<f64>) -> Result<(Bits, i32), QuantizeError> {
        let (own, exponent) = self.of(site)?;
        let name = &site.node.name;
        let weights = weights_of(name, own)?;
        if weights
            .exponents
            .iter()
            .any(|&own| i32::from(own) != exponent)
        {
            let why = format!("has rows at another exponent than the output of layer {name}");
            return Err(QuantizeError::Scheme(why));
        }
        Ok((weights.bits, exponent))
    }

    fn table(&mut self, site: Site<'_>, _: Function) -> Result<i32, QuantizeError> {
        self.of(site).map(|(_, exponent)| exponent)
    }

    fn exponent(&mut self, site: Site<'_>, allowed: Exponent) -> Result<i32, QuantizeError> {
        let (_, exponent) = self.of(site)?;
        match allowed {
            Exponent::Only(only) if only != exponent => {
                let name = &site.node.name;
                let why = format!("has an exponent of {exponent} for layer {name}, not {only}");
                Err(QuantizeError::Scheme(why))
            }
            // What does not fit, the alignment refuses.
            Exponent::Only(_) | Exponent::Natural(_) | Exponent::Within(_) => Ok(exponent),
        }
    }
}

fn weights_of<'a>(name: &str, scheme: &'a StepScheme) -> Result<&'a WeightScheme, QuantizeError> {
    let missing = || QuantizeError::Scheme(format!("has no weights for layer {name}"));
    scheme.weights.as_ref().ok_or_else(missing)
}

/// Each weight and bias to its nearest, ties to even, saturating.
fn round(
    name: &str,
    linear: &Linear<f64>,
    scheme: &StepScheme,
    input: i32,
    output: i32,
) -> Result<QuantizedLinear, QuantizeError> {
    let (outputs, columns) = linear.weight.dim();
    let WeightScheme { bits, exponents } = weights_of(name, scheme)?;
    if exponents.len() != outputs {
        let found = exponents.len();
        let why = format!("has {found} exponents for the {outputs} outputs of layer {name}");
        return Err(QuantizeError::Scheme(why));
    }
    let (low, high) = bits.range();
    let mut weights = Array2::zeros((outputs, columns));
    let mut bias = Vec::with_capacity(outputs);
    let mut shifts = Vec::with_capacity(outputs);
    for (channel, (&exponent, mut row)) in exponents.iter().zip(weights.rows_mut()).enumerate() {
        let exponent = i32::from(exponent);
        let inverse = power(-exponent);
        let nearest = |w: &f64| (w * inverse).round_ties_even();
        for (q, w) in row.iter_mut().zip(linear.weight.row(channel)) {
            // Clamped to the width's range; a weight that is no number becomes 0.
            *q = nearest(w).clamp(f64::from(low), f64::from(high)) as i8;
        }
        let rounded = (linear.bias[channel] * power(-exponent - input)).round_ties_even();
        // Far beyond any limit still fits after the clamp.
        let rounded = rounded.clamp(-1e15, 1e15) as i64;
        let magnitudes = row.iter().map(|&w| i64::from(w.unsigned_abs()));
        let bound = magnitudes.sum::<i64>() * 128 + rounded.abs();
        if bound >= ACCUMULATOR_LIMIT {
            return Err(QuantizeError::Accumulator {
                layer: name.to_owned(),
                channel,
                bound,
                weights: columns,
            });
        }
        // Below 2^24.
        bias.push(rounded as i32);
        shifts.push(shift_of(
            output - input - exponent,
            linear.activation,
            name,
            channel,
        )?);
        small(exponent, name)?;
    }
    Ok(QuantizedLinear {
        bits: *bits,
        weights,
        weight_exponents: exponents.clone(),
        bias,
        shifts,
        activation: linear.activation,
    })
}

/// The folded network with the real values of a quantized network's weights and biases: quantizing
/// it by its scheme gives the same integers.
pub fn on_grid(folded: &Graph<Folded>, quantized: &QuantizedNetwork) -> Graph<Folded> {
    let mut folded = folded.clone();
    for node in &mut folded.nodes {
        let same = |other: &&Node<Integer>| other.name == node.name;
        let Some(other) = quantized.nodes.iter().find(same) else {
            continue;
        };
        let source = other.inputs.first();
        let input = source.map_or(0, |&source| quantized.source_exponent(source));
        let (Some(to), Some(from)) = (node.op.linear_mut(), other.op.linear()) else {
            continue;
        };
        to.weight = from.weights.mapv(f64::from);
        for (channel, &exponent) in from.weight_exponents.iter().enumerate() {
            let exponent = i32::from(exponent);
            to.weight
                .row_mut(channel)
                .mapv_inplace(|w| w * power(exponent));
            to.bias[channel] = f64::from(from.bias[channel]) * power(exponent + i32::from(input));
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::super::calibrate::Calibration;
    use super::super::fold::unfold;
    use super::super::{Prepared, QuantizeOptions};
    use super::*;
    use crate::synthetic;

    fn prepared(network: &Network) -> Prepared<'_> {
        let calibration = Calibration {
            points: 48,
            ..Default::default()
        };
        Prepared::new(network, &calibration).unwrap()
    }

    #[test]
    fn weights_on_the_grid_give_the_same_integers_through_a_float_network() {
        let dense = (0..30).map(synthetic::any_network);
        let graphs = (0..60).map(synthetic::any_graph);
        let graphs = graphs.chain((0..20).map(synthetic::any_choice));
        for network in dense.chain(graphs) {
            let prepared = prepared(&network);
            let bits = [Bits::Eight, Bits::Four].into_iter().cycle();
            let bits = bits.take(prepared.linear_layers().len()).collect();
            let options = QuantizeOptions {
                bits,
                ..Default::default()
            };
            let quantized = prepared.quantize(&options).unwrap();
            let scheme = Scheme::of(&quantized);
            assert_eq!(Scheme::from_json(&scheme.to_json()).unwrap(), scheme);
            let grid = on_grid(prepared.folded(), &quantized);
            let trained = unfold(&network.name, &grid, network.output).unwrap();
            let again = super::tests::prepared(&trained);
            let options = QuantizeOptions {
                scheme: Some(scheme.clone()),
                ..Default::default()
            };
            let mut again = again.quantize(&options).unwrap();
            assert_eq!(Scheme::of(&again), scheme, "{}", network.name);
            for (step, expected) in again.nodes.iter_mut().zip(&quantized.nodes) {
                // The nodes of another float network, whose channels are not scaled against it.
                step.note.layer = expected.note.layer;
                step.note.factors.clone_from(&expected.note.factors);
                assert_eq!(step, expected, "{}", network.name);
            }
            let pixel_range = quantized.about.pixel_range;
            assert_eq!(
                (again.nodes.len(), again.output, again.about.pixel_range),
                (quantized.nodes.len(), quantized.output, pixel_range)
            );
        }
    }

    #[test]
    fn weights_off_the_grid_go_to_their_nearest_and_saturate() {
        let linear = Linear::new(
            ndarray::array![[0.75, -0.25, 100.0, f64::NAN], [-9.0, 0.3, 0.0, 1.0]],
            ndarray::array![0.625, -1.0],
        );
        let scheme = |exponents: &[i8]| StepScheme {
            exponent: -1,
            weights: Some(WeightScheme {
                bits: Bits::Four,
                exponents: exponents.to_vec(),
            }),
        };
        let rounded = round("a", &linear, &scheme(&[-1, 0]), -1, 3).unwrap();
        assert_eq!(
            rounded.weights,
            ndarray::array![[2, 0, 7, 0], [-8, 0, 0, 1]]
        );
        assert_eq!((rounded.bias, rounded.shifts), (vec![2, -2], vec![5, 4]));
        assert!(matches!(
            round("a", &linear, &scheme(&[-1, 0]), -1, -1),
            Err(QuantizeError::Shift {
                channel: 1,
                shift: 0,
                ..
            })
        ));
        assert!(matches!(
            round("a", &linear, &scheme(&[-24, 0]), -1, 3),
            Err(QuantizeError::Accumulator { channel: 0, .. })
        ));
    }

    #[test]
    fn a_scheme_of_another_network_is_refused_by_layer() {
        let network = synthetic::any_graph(3);
        let quantized = prepared(&network)
            .quantize(&QuantizeOptions::default())
            .unwrap();
        let good = Scheme::of(&quantized);
        let refused = |scheme: &Scheme| {
            let error = quantize(&network, quantized.about.prior, scheme)
                .unwrap_err()
                .to_string();
            assert!(!error.contains('\n'), "{error}");
            error
        };
        let linear = quantized.nodes.iter().find(|s| s.op.linear().is_some());
        let name = linear.unwrap().name.clone();
        let mut scheme = good.clone();
        scheme.steps.remove(&name);
        assert!(refused(&scheme).contains(&name));
        let mut scheme = good.clone();
        scheme.steps.get_mut(&name).unwrap().weights = None;
        assert!(refused(&scheme).contains("no weights"));
        let mut scheme = good.clone();
        let weights = &mut scheme.steps.get_mut(&name).unwrap().weights;
        weights.as_mut().unwrap().exponents.pop();
        assert!(refused(&scheme).contains("exponents"));
        let mut scheme = good.clone();
        scheme.steps.get_mut(&name).unwrap().exponent = 127;
        refused(&scheme);
        let mut scheme = good;
        let entry = scheme.steps[&name].clone();
        scheme.steps.insert("other".into(), entry);
        assert!(refused(&scheme).contains("other"));
        assert!(Scheme::from_json("{\"a\": {\"exponent\": 300}}").is_err());
    }
}
