//! A quantized network, run slowly and obviously in 64-bit integers: what every other
//! implementation must equal.
//!
//! It shares no arithmetic with `shared` and no loops with `simulate` on purpose: rounding is a
//! division with its remainder, saturation a clamp, and a transposed convolution adds each input's
//! multiple of the kernel to the output.

use crate::graph::{Integer, Node, Op, QuantizedNetwork, Source};
use crate::ops::divide::requantize;

fn one(network: &QuantizedNetwork, node: &Node<Integer>, inputs: &[&[i8]]) -> Vec<i8> {
    let x = inputs[0];
    let (from, to) = (network.first_shape(node), node.shape);
    match &node.op {
        Op::Linear(kind, linear) => {
            let sums = kind.operator().oracle(linear, x, from, to);
            let sums = sums.into_iter().enumerate();
            sums.map(|(element, sum)| {
                let shift = u32::from(linear.shifts[to.channel(element)]);
                requantize(sum, shift, linear.activation)
            })
            .collect()
        }
        Op::Norm(norm) => match *norm {},
        Op::Pointwise(table) => x
            .iter()
            .map(|&q| table[(i16::from(q) + 128) as usize])
            .collect(),
        // An integer of int8.
        Op::Move(moved) => moved.apply(x, from, to, moved.fill() as i8),
        Op::Combine(combine, alignment) => {
            let shapes = network.input_shapes(node);
            combine.operator().oracle(alignment, inputs, &shapes, to)
        }
    }
}

/// Every node's output for one input of latent vector and one-hot label.
///
/// The network must be one that quantization made and the input of its length; others panic.
pub fn all_nodes(network: &QuantizedNetwork, input: &[i8]) -> Vec<Vec<i8>> {
    let mut outputs: Vec<Vec<i8>> = Vec::new();
    for node in &network.nodes {
        let value = |source: &Source| -> &[i8] {
            match source {
                Source::Input => input,
                Source::Latent => &input[..network.input.latent],
                Source::Label => &input[network.input.latent..],
                Source::Node(index) => &outputs[*index],
            }
        };
        let inputs: Vec<&[i8]> = node.inputs.iter().map(value).collect();
        let output = one(network, node, &inputs);
        outputs.push(output);
    }
    outputs
}

/// The picture for one input.
pub fn run(network: &QuantizedNetwork, input: &[i8]) -> Vec<i8> {
    all_nodes(network, input).pop().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::calibrate::Calibration;
    use super::super::{Prepared, QuantizeOptions, calibrate, simulate};
    use super::*;
    use crate::ops;
    use crate::synthetic;
    use shared::latent::Prior;

    #[test]
    fn the_fast_run_equals_the_oracle_at_each_step() {
        let dense = (0..40).map(synthetic::any_network);
        let graphs = (0..90).map(synthetic::any_graph);
        let graphs = graphs.chain((0..30).map(synthetic::any_choice));
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
            let fast = simulate::all_nodes(&quantized, inputs.view());
            for (sample, input) in inputs.rows().into_iter().enumerate() {
                let slow = all_nodes(&quantized, input.as_slice().unwrap());
                assert_eq!(slow.last(), Some(&pictures.row(sample).to_vec()));
                for (step, slow) in slow.iter().enumerate() {
                    let name = &quantized.nodes[step].name;
                    kinds.insert(ops::integer_name(&quantized.nodes[step].op));
                    assert_eq!(
                        fast[step].row(sample).to_vec(),
                        *slow,
                        "seed {seed}, sample {sample}, {name}"
                    );
                }
            }
        }
        assert_eq!(kinds.len(), 19, "{kinds:?}");
    }
}
