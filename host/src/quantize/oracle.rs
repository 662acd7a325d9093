//! A quantized network, run slowly and obviously in 64-bit integers: what every other implementation must equal.
//!
//! It shares no arithmetic with `shared` and no loops with `simulate` on purpose: rounding is a division with its
//! remainder, saturation a clamp, and a transposed convolution adds each input's multiple of the kernel to the output.

use super::{QuantizedLinear, QuantizedNetwork, Step, StepKind};
use crate::forward::conv::Geometry;
use crate::network::{Shape, Source};
use shared::arithmetic::Activation;

/// `a / 2^s`, rounded half to even.
fn divide(a: i64, s: u32) -> i64 {
    let divisor = 1i64 << s;
    let (quotient, remainder) = (a.div_euclid(divisor), a.rem_euclid(divisor));
    match (2 * remainder).cmp(&divisor) {
        std::cmp::Ordering::Less => quotient,
        std::cmp::Ordering::Greater => quotient + 1,
        std::cmp::Ordering::Equal if quotient % 2 == 0 => quotient,
        std::cmp::Ordering::Equal => quotient + 1,
    }
}

/// What an output's accumulator becomes.
fn requantize(linear: &QuantizedLinear, output: usize, accumulator: i64) -> i8 {
    let shift = u32::from(linear.shifts[output]);
    let rounded = match linear.activation {
        Activation::Relu if accumulator < 0 => 0,
        Activation::LeakyRelu { slope_shift } if accumulator < 0 => {
            divide(accumulator, shift + u32::from(slope_shift))
        }
        _ => divide(accumulator, shift),
    };
    // Clamped, so the cast loses nothing.
    rounded.clamp(-128, 127) as i8
}

/// Rows, columns, one output each.
fn dense(linear: &QuantizedLinear, x: &[i8]) -> Vec<i8> {
    let mut y = Vec::new();
    for (output, row) in linear.weights.rows().into_iter().enumerate() {
        let mut accumulator = i64::from(linear.bias[output]);
        for (&w, &x) in row.iter().zip(x) {
            accumulator += i64::from(w) * i64::from(x);
        }
        y.push(requantize(linear, output, accumulator));
    }
    y
}

/// A picture that is zero outside of its sides.
struct Picture<'a> {
    shape: Shape,
    elements: &'a [i8],
}

impl Picture<'_> {
    fn at(&self, channel: usize, row: i64, column: i64) -> i64 {
        let (height, width) = (self.shape.height as i64, self.shape.width as i64);
        if !(0..height).contains(&row) || !(0..width).contains(&column) {
            return 0;
        }
        let at = (channel as i64 * height + row) * width + column;
        i64::from(self.elements[at as usize])
    }
}

/// Each output gathers the products of the kernel with the input that it lies on.
fn conv(linear: &QuantizedLinear, geometry: Geometry, x: &Picture<'_>, to: Shape) -> Vec<i8> {
    let [kernel_rows, kernel_columns] = geometry.kernel;
    let mut y = Vec::new();
    for output in 0..to.channels {
        for i in 0..to.height {
            for j in 0..to.width {
                let mut accumulator = i64::from(linear.bias[output]);
                let mut column = 0;
                for u in 0..kernel_rows {
                    for v in 0..kernel_columns {
                        for channel in 0..x.shape.channels {
                            let row = (i * geometry.stride[0] + u) as i64;
                            let across = (j * geometry.stride[1] + v) as i64;
                            let (row, across) = (
                                row - geometry.corner[0] as i64,
                                across - geometry.corner[1] as i64,
                            );
                            let weight = i64::from(linear.weights[[output, column]]);
                            accumulator += weight * x.at(channel, row, across);
                            column += 1;
                        }
                    }
                }
                y.push(requantize(linear, output, accumulator));
            }
        }
    }
    y
}

/// Each input scatters its multiple of the kernel over the output.
fn conv_transpose(
    linear: &QuantizedLinear,
    geometry: Geometry,
    x: &Picture<'_>,
    to: Shape,
) -> Vec<i8> {
    let [kernel_rows, kernel_columns] = geometry.kernel;
    let mut sums = Vec::new();
    for output in 0..to.channels {
        sums.extend(std::iter::repeat_n(
            i64::from(linear.bias[output]),
            to.height * to.width,
        ));
    }
    for channel in 0..x.shape.channels {
        for i in 0..x.shape.height {
            for j in 0..x.shape.width {
                let value = x.at(channel, i as i64, j as i64);
                for output in 0..to.channels {
                    for u in 0..kernel_rows {
                        for v in 0..kernel_columns {
                            let row = (i * geometry.stride[0] + u) as i64;
                            let across = (j * geometry.stride[1] + v) as i64;
                            let (row, across) = (
                                row - geometry.corner[0] as i64,
                                across - geometry.corner[1] as i64,
                            );
                            let inside = (0..to.height as i64).contains(&row)
                                && (0..to.width as i64).contains(&across);
                            if inside {
                                let column = (u * kernel_columns + v) * x.shape.channels + channel;
                                let at = (output * to.height + row as usize) * to.width;
                                sums[at + across as usize] +=
                                    i64::from(linear.weights[[output, column]]) * value;
                            }
                        }
                    }
                }
            }
        }
    }
    let mut y = Vec::new();
    for (element, &accumulator) in sums.iter().enumerate() {
        let output = element / (to.height * to.width);
        y.push(requantize(linear, output, accumulator));
    }
    y
}

fn upsample(x: &Picture<'_>, [down, across]: [usize; 2]) -> Vec<i8> {
    let mut y = Vec::new();
    for channel in 0..x.shape.channels {
        for i in 0..x.shape.height * down {
            for j in 0..x.shape.width * across {
                // An int8 that became an i64 on the way.
                y.push(x.at(channel, (i / down) as i64, (j / across) as i64) as i8);
            }
        }
    }
    y
}

fn concat(parts: &[&[i8]], shifts: &[u8]) -> Vec<i8> {
    let mut y = Vec::new();
    for (part, &shift) in parts.iter().zip(shifts) {
        for &x in *part {
            // A shift only makes it smaller; shifting by 0 divides by 1.
            y.push(divide(i64::from(x), u32::from(shift)).clamp(-128, 127) as i8);
        }
    }
    y
}

fn one(network: &QuantizedNetwork, step: &Step, inputs: &[&[i8]]) -> Vec<i8> {
    let x = inputs[0];
    let picture = Picture {
        shape: network.input_shape(step.inputs[0]),
        elements: x,
    };
    match &step.kind {
        StepKind::Dense(linear) | StepKind::Embedding(linear) => dense(linear, x),
        StepKind::Conv(linear, geometry) => conv(linear, *geometry, &picture, step.shape),
        StepKind::ConvTranspose(linear, geometry) => {
            conv_transpose(linear, *geometry, &picture, step.shape)
        }
        StepKind::Table(table) => x
            .iter()
            .map(|&q| table[(i16::from(q) + 128) as usize])
            .collect(),
        StepKind::Upsample { factor } => upsample(&picture, *factor),
        StepKind::Reshape => x.to_vec(),
        StepKind::Concat { shifts } => concat(inputs, shifts),
    }
}

/// Every step's output for one input of latent vector and one-hot label.
///
/// The network must be one that quantization made and the input of its length; others panic.
pub fn all_steps(network: &QuantizedNetwork, input: &[i8]) -> Vec<Vec<i8>> {
    let mut outputs: Vec<Vec<i8>> = Vec::new();
    for step in &network.steps {
        let value = |source: &Source| -> &[i8] {
            match source {
                Source::Input => input,
                Source::Latent => &input[..network.input.latent],
                Source::Label => &input[network.input.latent..],
                Source::Node(index) => &outputs[*index],
            }
        };
        let inputs: Vec<&[i8]> = step.inputs.iter().map(value).collect();
        let output = one(network, step, &inputs);
        outputs.push(output);
    }
    outputs
}

/// The picture for one input.
pub fn run(network: &QuantizedNetwork, input: &[i8]) -> Vec<i8> {
    all_steps(network, input).pop().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::calibrate::Calibration;
    use super::super::{Prepared, QuantizeOptions, calibrate, simulate};
    use super::*;
    use crate::synthetic;
    use shared::latent::Prior;

    #[test]
    fn division_rounds_half_to_even() {
        for (a, s, expected) in [
            (5, 1, 2),
            (7, 1, 4),
            (-5, 1, -2),
            (-7, 1, -4),
            (-1, 1, 0),
            (3, 2, 1),
            (-6, 2, -2),
        ] {
            assert_eq!(divide(a, s), expected, "{a} / 2^{s}");
        }
    }

    #[test]
    fn the_fast_run_equals_the_oracle_at_each_step() {
        let dense = (0..40).map(synthetic::any_network);
        let graphs = (0..60).map(synthetic::any_graph);
        let mut kinds = std::collections::BTreeSet::new();
        for (seed, network) in dense.chain(graphs).enumerate() {
            let prepared = Prepared::new(
                &network,
                &Calibration {
                    prior: Prior::Normal,
                    points: 64,
                    seed: 0,
                },
            )
            .unwrap();
            let quantized = prepared.quantize(&QuantizeOptions::default()).unwrap();
            let points = calibrate::points(1, 20, network.input.classes);
            let inputs = calibrate::integer_inputs(&points, network.input, Prior::Normal);
            let pictures = simulate::run(&quantized, inputs.view());
            let fast = simulate::all_steps(&quantized, inputs.view());
            for (sample, input) in inputs.rows().into_iter().enumerate() {
                let slow = all_steps(&quantized, input.as_slice().unwrap());
                assert_eq!(slow.last(), Some(&pictures.row(sample).to_vec()));
                for (step, slow) in slow.iter().enumerate() {
                    let name = &quantized.steps[step].name;
                    kinds.insert(quantized.steps[step].kind.name());
                    assert_eq!(
                        fast[step].row(sample).to_vec(),
                        *slow,
                        "seed {seed}, sample {sample}, {name}"
                    );
                }
            }
        }
        assert_eq!(kinds.len(), 8, "{kinds:?}");
    }
}
