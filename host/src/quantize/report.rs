//! What quantization did: a row of figures for every step, and the pictures' difference.

use super::calibrate::{MEASURING_SEEDS, float_inputs, integer_inputs, points};
use super::simulate;
use crate::graph::query::value;
use crate::graph::{Bits, Integer, Network, Node, Op, QuantizedNetwork};
use crate::ops;
use crate::ops::forward;
use ndarray::{Array2, ArrayView2};
use serde::Serialize;
use shared::image::PixelRange;
use shared::latent::Point;
use std::fmt;

/// How many points measurements use where nothing else is asked for.
pub const MEASURING_POINTS: usize = 1000;

/// One step of a quantized network, measured against the float network.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerReport {
    /// Name of the step.
    pub name: String,
    /// [`ops::integer_name`].
    pub kind: &'static str,
    /// Width of the weights, where there are some.
    pub weights: Option<Bits>,
    /// Number of elements of all inputs.
    pub inputs: usize,
    /// Number of elements of the output.
    pub outputs: usize,
    /// Multiplications of a weight with an activation that must be computed: none with the zeros
    /// around a picture, none of what a transposed convolution crops, and those of the one class
    /// that is on for an embedding.
    pub macs: u64,
    /// Bytes of weights, biases, shifts and tables in the image, without alignment. A row of
    /// weights fills whole bytes.
    pub bytes: usize,
    /// Exponent of the outputs.
    pub exponent: i8,
    /// Smallest and largest shift, without the slope's.
    pub shifts: Option<(u8, u8)>,
    /// The largest magnitude that an accumulator can reach, proven; below 2^24.
    pub largest_accumulator: Option<i64>,
    /// Power of the float output over that of the difference to it, in decibels; all steps before
    /// have their part in it.
    pub sqnr_db: f64,
    /// Largest difference to the float output, as a real number.
    pub largest_difference: f64,
}

/// The pictures' difference, in grey levels of 0 to 255.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PictureReport {
    /// How many pictures were compared.
    pub pictures: usize,
    /// As a step's.
    pub sqnr_db: f64,
    /// Peak signal to noise ratio of the grey levels, in decibels.
    pub psnr_db: f64,
    /// Largest difference of a pixel.
    pub largest_grey: u8,
    /// Mean difference of all pixels.
    pub mean_grey: f64,
}

/// Everything that was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QuantizationReport {
    /// One row a step.
    pub layers: Vec<LayerReport>,
    /// The pictures' difference.
    pub picture: PictureReport,
}

impl fmt::Display for QuantizationReport {
    /// A table of the steps, and a line for the pictures.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:16} {:>7} {:>12} {:>9} {:>8} {:>9} {:>10} {:>12}",
            "layer", "weights", "shape", "MACs", "bytes", "SQNR", "largest", "accumulator"
        )?;
        for layer in &self.layers {
            let dash = || "-".to_owned();
            let weights = layer.weights.map_or_else(dash, |bits| bits.to_string());
            let accumulator = layer
                .largest_accumulator
                .map_or_else(dash, |bound| bound.to_string());
            writeln!(
                f,
                "{:16} {:>7} {:>12} {:>9} {:>8} {:>6.1} dB {:>10.4} {:>12}",
                layer.name,
                weights,
                format!("{}x{}", layer.inputs, layer.outputs),
                layer.macs,
                layer.bytes,
                layer.sqnr_db,
                layer.largest_difference,
                accumulator
            )?;
        }
        write!(
            f,
            "pictures: {:.1} dB SQNR, {:.1} dB PSNR, grey levels apart {:.2} on average and {} at most, on {} pictures",
            self.picture.sqnr_db,
            self.picture.psnr_db,
            self.picture.mean_grey,
            self.picture.largest_grey,
            self.picture.pictures
        )
    }
}

/// A float value as a grey level.
pub fn float_grey(range: PixelRange, value: f32) -> u8 {
    match range {
        // Clamped, so the cast loses nothing.
        PixelRange::Signed => (value * 128.0 + 128.0).round_ties_even().clamp(0.0, 255.0) as u8,
        PixelRange::Unit => (value * 255.0).round_ties_even().clamp(0.0, 255.0) as u8,
    }
}

/// `10 log10(signal / noise)`; 200 where there is no noise, so that reports hold numbers.
pub fn decibels(signal: f64, noise: f64) -> f64 {
    if noise > 0.0 {
        (10.0 * (signal / noise).log10()).clamp(-200.0, 200.0)
    } else {
        200.0
    }
}

/// The SQNR of the pictures alone, in decibels.
pub fn picture_sqnr(network: &Network, quantized: &QuantizedNetwork, count: usize) -> f64 {
    let points = points(MEASURING_SEEDS, count, network.input.classes);
    let inputs = integer_inputs(&points, network.input, quantized.about.prior);
    let floats = forward::run(network, float_inputs(&inputs, network.input).view());
    let pictures = simulate::run(quantized, inputs.view());
    let last = quantized.nodes.last();
    last.map_or(0.0, |node| difference(floats.view(), &pictures, node).0)
}

/// Points, real inputs, and what each node gives in floats and in integers.
type Runs = (Vec<Point>, Array2<f32>, Vec<Array2<f32>>, Vec<Array2<i8>>);

fn run(network: &Network, quantized: &QuantizedNetwork, count: usize) -> Runs {
    let points = points(MEASURING_SEEDS, count, network.input.classes);
    let inputs = integer_inputs(&points, network.input, quantized.about.prior);
    let reals = float_inputs(&inputs, network.input);
    let floats = forward::all_layers(network, reals.view());
    let steps = simulate::all_nodes(quantized, inputs.view());
    (points, reals, floats, steps)
}

/// SQNR and largest difference of a step's output.
fn difference(float: ArrayView2<f32>, integer: &Array2<i8>, node: &Node<Integer>) -> (f64, f64) {
    let scale = 2f64.powi(i32::from(node.note.exponent));
    let shape = node.shape;
    let all = &node.note.factors;
    let factor = |element: usize| all.get(shape.channel(element)).copied().unwrap_or(1.0);
    let factors: Vec<f64> = (0..shape.len()).map(factor).collect();
    let (mut signal, mut noise, mut largest) = (0.0, 0.0, 0f64);
    for (float, integer) in float.rows().into_iter().zip(integer.rows()) {
        for ((&float, &q), factor) in float.iter().zip(integer).zip(&factors) {
            let float = f64::from(float);
            let difference = float - f64::from(q) * scale * factor;
            signal += float * float;
            noise += difference * difference;
            largest = largest.max(difference.abs());
        }
    }
    (decibels(signal, noise), largest)
}

/// Multiplications of a step that must be computed; see [`LayerReport::macs`].
pub fn macs(network: &QuantizedNetwork, node: &Node<Integer>) -> u64 {
    let from = network.first_shape(node);
    match &node.op {
        Op::Linear(kind, _) => kind.operator().products(from, node.shape),
        Op::Norm(norm) => match *norm {},
        Op::Pointwise(_) | Op::Move(_) => 0,
        Op::Combine(combine, _) => {
            let inputs = network.input_shapes(node);
            combine.operator().products(&inputs, node.shape)
        }
    }
}

/// Bytes of a step's data; see [`LayerReport::bytes`].
pub fn bytes(node: &Node<Integer>) -> usize {
    match &node.op {
        Op::Linear(_, linear) => {
            let row = (linear.weights.ncols() * usize::from(linear.bits.count())).div_ceil(8);
            // With each row a bias of 4 bytes and a shift.
            linear.weights.nrows() * (row + 5)
        }
        Op::Norm(norm) => match *norm {},
        Op::Pointwise(table) => table.len(),
        Op::Move(_) | Op::Combine(..) => 0,
    }
}

/// Measures on `count` points that calibration has not seen.
pub fn measure(
    network: &Network,
    quantized: &QuantizedNetwork,
    count: usize,
) -> QuantizationReport {
    let (points, reals, floats, steps) = run(network, quantized, count);
    let rows = quantized.nodes.iter().zip(&steps);
    let layers: Vec<LayerReport> = rows
        .map(|(node, output)| {
            let float = value(node.note.layer, network.input, reals.view(), &floats);
            let (sqnr_db, largest_difference) = difference(float, output, node);
            let linear = node.op.linear();
            let shifts = linear.map(|linear| linear.shifts.iter().copied());
            LayerReport {
                name: node.name.clone(),
                kind: ops::integer_name(&node.op),
                weights: linear.map(|linear| linear.bits),
                inputs: quantized.input_len(node),
                outputs: node.shape.len(),
                macs: macs(quantized, node),
                bytes: bytes(node),
                exponent: node.note.exponent,
                shifts: shifts.and_then(|shifts| shifts.clone().min().zip(shifts.max())),
                largest_accumulator: linear.and_then(|l| l.accumulator_bounds().max()),
                sqnr_db,
                largest_difference,
            }
        })
        .collect();
    let mut picture = PictureReport {
        pictures: points.len(),
        sqnr_db: layers.last().map_or(0.0, |l| l.sqnr_db),
        psnr_db: 0.0,
        largest_grey: 0,
        mean_grey: 0.0,
    };
    if let (Some(float), Some(integer)) = (floats.last(), steps.last()) {
        let (mut sum, mut squares) = (0u64, 0u64);
        for (&float, &q) in float.iter().zip(integer) {
            let grey = quantized
                .about
                .pixel_range
                .grey(q)
                .abs_diff(float_grey(quantized.about.pixel_range, float));
            picture.largest_grey = picture.largest_grey.max(grey);
            sum += u64::from(grey);
            squares += u64::from(grey) * u64::from(grey);
        }
        let pixels = float.len().max(1) as f64;
        picture.mean_grey = sum as f64 / pixels;
        picture.psnr_db = decibels(255.0 * 255.0, squares as f64 / pixels);
    }
    QuantizationReport { layers, picture }
}
