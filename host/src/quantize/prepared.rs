//! The search: each node's exponents and weights, calibrated on what the quantized nodes before it
//! give.

use super::QuantizeError;
use super::calibrate::{Calibration, integer_inputs};
use super::choose::{self, Choose, Site};
use super::equalize::{Factors, equalize};
use super::exponents::{self, power};
use super::flow::{Destination, destination};
use super::fold::fold;
use super::hessian::Hessian;
use super::label::{Fit, fit_label_columns};
use super::patches;
use super::rounding::{Met, Task};
use super::simulate;
use super::weights::{Method, covering_exponent};
use super::{Scheme, fixed};
use crate::graph::query::value;
use crate::graph::{
    Bits, Folded, Function, Graph, Linear, Network, Op, QuantizedLinear, QuantizedNetwork, Source,
};
use crate::ops::Exponent;
use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use shared::image::PIXEL_EXPONENT;
use shared::latent::{self, Prior};

/// Exponents are searched on at most this many values of a tensor, taken evenly.
const MAX_SEARCHED: usize = 1 << 17;

/// How many exponents an output may give up so that its layer's accumulators stay within the limit.
const MAX_RAISE: i32 = 12;

/// The most values of all nodes that calibration keeps, 256 MiB in double precision: large networks
/// are calibrated on fewer points, each of which has more places.
const MAX_VALUES: usize = 1 << 25;

/// The fewest points that calibration falls back to; a network too large for so many is refused.
const MIN_POINTS: usize = 16;

/// What may be chosen about a quantization.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QuantizeOptions {
    /// Width of the weights of each node that has some, in order; empty for int8 everywhere.
    pub bits: Vec<Bits>,
    /// How weights are rounded.
    pub method: Method,
    /// Widths and exponents that are given, of a network trained for them: then nothing is
    /// searched, `bits` and `method` do not matter, and each weight goes to its nearest. See
    /// [`fixed::quantize`].
    pub scheme: Option<Scheme>,
}

/// A network, folded, with its float outputs on calibration inputs: what every quantization of it
/// starts from.
pub struct Prepared<'a> {
    network: &'a Network,
    prior: Prior,
    folded: Graph<Folded>,
    /// Shape (points, latent + classes).
    inputs: Array2<i8>,
    /// Each folded node's float output, shape (points, elements).
    targets: Vec<Array2<f64>>,
    /// What the label's scale and equalization divided each node's output by.
    factors: Vec<Factors>,
}

impl<'a> Prepared<'a> {
    /// Folds the network and runs it on latents of the prior, all labels evenly.
    ///
    /// # Errors
    /// [`QuantizeError`] where the network cannot be folded, is far larger than any device, or a
    /// layer gives values that are not finite.
    pub fn new(network: &'a Network, calibration: &Calibration) -> Result<Self, QuantizeError> {
        let mut folded = fold(network)?;
        let mut factors = fit_label_columns(&mut folded, Fit::Centred)?;
        let values: usize = folded.nodes.iter().map(|node| node.shape.len()).sum();
        let most = MAX_VALUES / values.max(1);
        if most < MIN_POINTS {
            return Err(QuantizeError::TooLarge {
                values,
                limit: MAX_VALUES / MIN_POINTS,
            });
        }
        let calibration = Calibration {
            points: calibration.points.min(most),
            ..*calibration
        };
        let prior = calibration.prior;
        let points = calibration.draw(network.input.classes);
        let inputs = integer_inputs(&points, network.input, prior);
        let reals = real(inputs.view(), i32::from(latent::EXPONENT));
        let mut targets = simulate::all_folded(&folded, reals.view());
        for (node, target) in folded.nodes.iter().zip(&targets) {
            if target.iter().any(|v| !v.is_finite()) {
                return Err(QuantizeError::NotFinite {
                    layer: node.name.clone(),
                });
            }
        }
        equalize(&mut folded, &mut targets, &mut factors)?;
        Ok(Self {
            network,
            prior,
            folded,
            inputs,
            targets,
            factors,
        })
    }

    /// The network that all this is about.
    pub fn network(&self) -> &'a Network {
        self.network
    }

    /// What latents are drawn from.
    pub fn prior(&self) -> Prior {
        self.prior
    }

    /// The network as it will be computed: label columns fitted, channels equalized.
    pub fn folded(&self) -> &Graph<Folded> {
        &self.folded
    }

    /// How many points it was calibrated on: fewer than were asked for where the network is large.
    pub fn points(&self) -> usize {
        self.inputs.nrows()
    }

    /// Names of the nodes with weights, in order: one width each.
    pub fn linear_layers(&self) -> Vec<&str> {
        self.folded.linear_names()
    }

    /// Quantizes. The same options always give the same network.
    ///
    /// # Errors
    /// [`QuantizeError`] names the layer and the output.
    pub fn quantize(&self, options: &QuantizeOptions) -> Result<QuantizedNetwork, QuantizeError> {
        if let Some(scheme) = &options.scheme {
            return fixed::quantize(self.network, self.prior, scheme);
        }
        let layers = self.linear_layers();
        let bits = if options.bits.is_empty() {
            vec![Bits::Eight; layers.len()]
        } else {
            options.bits.clone()
        };
        if bits.len() != layers.len() {
            let (found, expected) = (bits.len(), layers.len());
            return Err(QuantizeError::Widths {
                found,
                expected,
                layers: layers.join(", "),
            });
        }
        let mut search = Search {
            prepared: self,
            outputs: Vec::with_capacity(self.folded.nodes.len()),
            bits: bits.into_iter(),
            method: options.method,
        };
        choose::quantize(&self.folded, self.prior, &mut search)
    }
}

/// A search in progress.
struct Search<'a> {
    prepared: &'a Prepared<'a>,
    /// What the quantized nodes so far give.
    outputs: Vec<Array2<i8>>,
    /// Widths that are left.
    bits: std::vec::IntoIter<Bits>,
    method: Method,
}

impl Choose for Search<'_> {
    fn linear(
        &mut self,
        site: Site<'_>,
        linear: &Linear<f64>,
        input: i32,
    ) -> Result<(QuantizedLinear, i32), QuantizeError> {
        let bits = self.bits.next().unwrap_or_default();
        let task = self.task(site, linear, input, bits)?;
        self.prepared.linear(site, &task)
    }

    fn rows(&mut self, site: Site<'_>, rows: &Linear<f64>) -> Result<(Bits, i32), QuantizeError> {
        let bits = self.bits.next().unwrap_or_default();
        let entries = (&rows.weight + &rows.bias.view().insert_axis(Axis(1))).into_iter();
        let largest = entries.fold(0f64, |largest, entry| largest.max(entry.abs()));
        let natural = self.prepared.output_exponent(site.index);
        // Fewer bits reach less far.
        let reach = f64::from(bits.range().1);
        let exponent = match bits {
            Bits::Eight => natural,
            Bits::Four => exponents::covering(largest, reach).unwrap_or(natural),
        };
        Ok((bits, exponent))
    }

    fn table(&mut self, site: Site<'_>, function: Function) -> Result<i32, QuantizeError> {
        Ok(self.prepared.table_output(site.index, function))
    }

    fn exponent(&mut self, site: Site<'_>, allowed: Exponent) -> Result<i32, QuantizeError> {
        Ok(match allowed {
            Exponent::Only(exponent) | Exponent::Natural(exponent) => exponent,
            Exponent::Within(range) => {
                let wanted = self.prepared.output_exponent(site.index);
                wanted.clamp(*range.start(), *range.end())
            }
        })
    }

    fn factors(&self, site: Site<'_>) -> Vec<f64> {
        let factors = self.prepared.factors.get(site.index).cloned().flatten();
        factors.map(|f| f.to_vec()).unwrap_or_default()
    }

    fn done(&mut self, network: &QuantizedNetwork) {
        if let Some(node) = network.nodes.last() {
            let inputs = self.prepared.inputs.view();
            let output = simulate::next(network, node, inputs, &self.outputs);
            self.outputs.push(output);
        }
    }
}

impl Search<'_> {
    fn task<'b>(
        &self,
        site: Site<'b>,
        linear: &'b Linear<f64>,
        input_exponent: i32,
        bits: Bits,
    ) -> Result<Task<'b>, QuantizeError> {
        let (node, source) = (site.node, site.node.inputs[0]);
        let input = site.graph.input;
        let x = value(source, input, self.prepared.inputs.view(), &self.outputs);
        let input_means = column_means(real(x, input_exponent).view());
        let float_means = match source {
            Source::Node(before) => column_means(self.prepared.targets[before].view()),
            Source::Input | Source::Latent | Source::Label => input_means.clone(),
        };
        let missing = || QuantizeError::Hessian {
            layer: node.name.clone(),
        };
        let from = site.graph.source_shape(source);
        let kind = node.op.linear_kind();
        let taps = kind.and_then(|kind| kind.taps(from, node.shape));
        let (mut met, mut means) = (Vec::new(), linear.bias.clone());
        match &taps {
            None => {
                means = linear.weight.dot(&float_means) + &linear.bias;
                met.push(Met {
                    means: input_means,
                    hessian: Hessian::new(&real(x, input_exponent)).ok_or_else(missing)?,
                });
            }
            Some(taps) => {
                let (inputs, floats) = (input_means.to_vec(), float_means.to_vec());
                let each = linear.weight.nrows() / taps.window.groups;
                for group in 0..taps.window.groups {
                    let rows = s![group * each..(group + 1) * each, ..];
                    let floats = patches::mean(taps, group, &floats);
                    let mut own = means.slice_mut(s![group * each..(group + 1) * each]);
                    let sums = linear.weight.slice(rows).dot(&floats);
                    own += &sums;
                    let hessian = Hessian::of_patches(x, input_exponent, taps, group);
                    met.push(Met {
                        means: patches::mean(taps, group, &inputs),
                        hessian: hessian.ok_or_else(missing)?,
                    });
                }
            }
        }
        Ok(Task {
            name: &node.name,
            linear,
            means,
            bits,
            method: self.method,
            input_exponent,
            met,
        })
    }
}

impl Prepared<'_> {
    /// A node's float outputs, or as many of them as a search needs.
    fn searched(&self, index: usize) -> Vec<f64> {
        let Some(target) = self.targets.get(index) else {
            return Vec::new();
        };
        let Some(shape) = self.folded.nodes.get(index).map(|node| node.shape) else {
            return Vec::new();
        };
        // Channel by channel, whatever the order in memory.
        let pixels = 0..shape.pixels();
        let channels = 0..shape.channels;
        let order: Vec<usize> = channels
            .flat_map(|c| pixels.clone().map(move |p| shape.at(c, p)))
            .collect();
        // A stride that is no multiple of a row's length, so that all channels take part.
        let stride = target.len().div_ceil(MAX_SEARCHED) | 1;
        (0..target.len())
            .step_by(stride)
            .map(|at| target[[at / order.len(), order[at % order.len()]]])
            .collect()
    }

    /// Exponent of a table's output.
    fn table_output(&self, index: usize, function: Function) -> i32 {
        if destination(&self.folded, index) == Destination::Picture {
            return i32::from(PIXEL_EXPONENT);
        }
        if let Some(natural) = function.natural_exponent() {
            return i32::from(natural);
        }
        // All zero: any exponent will do.
        exponents::search(&self.searched(index), exponents::squared_error)
            .unwrap_or(i32::from(PIXEL_EXPONENT))
    }

    /// The exponent that suits a node's output best, for what reads it.
    fn output_exponent(&self, index: usize) -> i32 {
        let values = self.searched(index);
        let searched = match destination(&self.folded, index) {
            Destination::Picture => Some(i32::from(PIXEL_EXPONENT)),
            Destination::Table(table) => match &self.folded.nodes[table].op {
                Op::Pointwise(function) => {
                    let output = self.table_output(table, *function);
                    exponents::of_table(*function, &values, Some(output)).map(|(input, _)| input)
                }
                Op::Linear(..) | Op::Norm(_) | Op::Move(_) | Op::Combine(..) => None,
            },
            Destination::Other => exponents::search(&values, exponents::squared_error),
        };
        // All zero: any exponent will do.
        searched.unwrap_or(i32::from(PIXEL_EXPONENT))
    }

    /// Quantizes a layer with weights and chooses its output's exponent.
    fn linear(
        &self,
        site: Site<'_>,
        task: &Task<'_>,
    ) -> Result<(QuantizedLinear, i32), QuantizeError> {
        let mut exponent = self.output_exponent(site.index);
        // A shift of at least 1 bounds the weights' exponents: the largest row may be clipped by
        // one step, not more.
        let rows = task.linear.weight.rows().into_iter();
        let covering = rows
            .filter_map(|row| covering_exponent(row, task.bits))
            .max();
        let needed = covering.map_or(exponent, |covering| covering + task.input_exponent);
        if exponent < needed {
            // The last layer's too: a table then takes its output to that of pixels.
            exponent = needed;
        }
        let end = exponent + MAX_RAISE;
        loop {
            match task.quantize(exponent) {
                Ok(linear) => return Ok((linear, exponent)),
                // A coarser output allows coarser weights, and those a smaller accumulator.
                Err(QuantizeError::Accumulator { .. }) if exponent < end => exponent += 1,
                Err(error) => return Err(error),
            }
        }
    }
}

fn real(x: ArrayView2<i8>, exponent: i32) -> Array2<f64> {
    let step = power(exponent);
    x.mapv(|q| f64::from(q) * step)
}

fn column_means(x: ArrayView2<f64>) -> Array1<f64> {
    x.mean_axis(Axis(0))
        .unwrap_or_else(|| Array1::zeros(x.ncols()))
}
