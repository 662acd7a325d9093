//! Other people's ONNX runtimes, as witnesses: what they compute from this program's files must
//! equal what it computes.
//!
//! [`tract`] is Rust and always there; [`ort`] is Microsoft's ONNX Runtime, where its library is
//! installed.

pub mod ort;
pub mod tract;

use ndarray::ArrayView2;
use std::path::PathBuf;

/// A tensor with its name in the model, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor<T> {
    /// Name of the input or output.
    pub name: String,
    /// Its shape, batch first.
    pub shape: Vec<usize>,
    /// Its elements.
    pub data: Vec<T>,
}

impl<T: Clone> Tensor<T> {
    /// Columns `from..to` of a batch.
    fn columns(name: &str, batch: ArrayView2<T>, from: usize, to: usize) -> Self {
        let part = batch.slice(ndarray::s![.., from..to]);
        Self {
            name: name.to_owned(),
            shape: vec![batch.nrows(), to - from],
            data: part.iter().cloned().collect(),
        }
    }
}

/// Splits a batch of shape (batch, latent + classes) into the inputs of this program's files:
/// `latent`, and `label` where there are classes. A latent length beyond the batch's counts as all
/// of it.
pub fn inputs<T: Clone>(batch: ArrayView2<T>, latent: usize) -> Vec<Tensor<T>> {
    use crate::onnx::names::{LABEL, LATENT};
    let (latent, len) = (latent.min(batch.ncols()), batch.ncols());
    let mut inputs = vec![Tensor::columns(LATENT, batch, 0, latent)];
    if len > latent {
        inputs.push(Tensor::columns(LABEL, batch, latent, len));
    }
    inputs
}

/// A model, loaded by some runtime.
pub trait Runtime {
    /// The runtime's name and version.
    fn name(&self) -> String;

    /// Runs a model of float inputs and outputs; gives all outputs in the model's order.
    ///
    /// # Errors
    /// [`RuntimeError`] where the inputs do not fit the model, or the runtime fails.
    fn run_float(&mut self, inputs: &[Tensor<f32>]) -> Result<Vec<Tensor<f32>>, RuntimeError>;

    /// Runs a model of int8 inputs and outputs; gives all outputs in the model's order.
    ///
    /// # Errors
    /// As [`Runtime::run_float`].
    fn run_int8(&mut self, inputs: &[Tensor<i8>]) -> Result<Vec<Tensor<i8>>, RuntimeError>;

    /// Runs a model of float inputs and uint8 outputs; gives all outputs in the model's order.
    ///
    /// # Errors
    /// As [`Runtime::run_float`].
    fn run_uint8(&mut self, inputs: &[Tensor<f32>]) -> Result<Vec<Tensor<u8>>, RuntimeError>;
}

/// Why a runtime does not run a model.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// There is no ONNX Runtime.
    #[error(
        "ONNX Runtime was not found; install it with `python3 -m pip install onnxruntime` and set ORT_DYLIB_PATH to its libonnxruntime.so (in onnxruntime/capi)"
    )]
    NoLibrary,
    /// There is a library that cannot be used.
    #[error(
        "{path} cannot be used as ONNX Runtime: {why}; set ORT_DYLIB_PATH to version 1.24 or later"
    )]
    Library {
        /// Which file.
        path: PathBuf,
        /// What the loader said.
        why: String,
    },
    /// The runtime refused the model or its inputs.
    #[error("{runtime} cannot {step}: {why}")]
    Failed {
        /// Which runtime.
        runtime: &'static str,
        /// What it was doing.
        step: &'static str,
        /// What it said, on one line.
        why: String,
    },
}

/// A runtime's message on one line.
fn failed(
    runtime: &'static str,
    step: &'static str,
    error: impl std::fmt::Display,
) -> RuntimeError {
    let why = format!("{error:#}")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    RuntimeError::Failed { runtime, step, why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::layout::{self, Layout, channels_first};
    use crate::exchange::qdq::{self, Outputs};
    use crate::exchange::write::{self, WriteOptions};
    use crate::graph::{Bits, QuantizedNetwork};
    use crate::graph::{Network, Shape, Source};
    use crate::ops::forward;
    use crate::quantize::calibrate::Calibration;
    use crate::quantize::{Prepared, QuantizeError, QuantizeOptions, calibrate, oracle};
    use crate::synthetic;
    use shared::latent::Prior;

    /// tract always; ONNX Runtime where `ORT_DYLIB_PATH` names it, else it says so.
    fn runtimes(model: &[u8]) -> Vec<Box<dyn Runtime>> {
        let mut runtimes: Vec<Box<dyn Runtime>> =
            vec![Box::new(tract::Tract::load(model).unwrap())];
        match ort::library_from_environment() {
            Some(library) => {
                runtimes.push(Box::new(ort::Ort::load(Some(&library), model).unwrap()))
            }
            None => println!("ONNX Runtime did not take part: ORT_DYLIB_PATH names no file"),
        }
        runtimes
    }

    fn check_float(network: &Network, samples: usize) {
        let bytes = write::to_bytes(network, &WriteOptions::default()).unwrap();
        let points = calibrate::points(7, samples, network.input.classes);
        let inputs = calibrate::float_inputs(
            &calibrate::integer_inputs(&points, network.input, Prior::Normal),
            network.input,
        );
        let expected = forward::run(network, inputs.view());
        for mut runtime in runtimes(&bytes) {
            let outputs = runtime
                .run_float(&super::inputs(inputs.view(), network.input.latent))
                .unwrap();
            let Shape {
                channels,
                height,
                width,
            } = network.output;
            assert_eq!(
                outputs[0].shape,
                [samples, channels, height, width],
                "{}",
                runtime.name()
            );
            let rows = expected.rows().into_iter();
            let first = rows.flat_map(|row| channels_first(network.output, &row.to_vec()));
            for (a, b) in outputs[0].data.iter().zip(first) {
                // Where no tanh bounds the values, relative to their size.
                assert!(
                    (a - b).abs() <= 1e-5 * b.abs().max(1.0),
                    "{} {}: {a} {b}",
                    network.name,
                    runtime.name()
                );
            }
        }
    }

    fn check_int8(network: &QuantizedNetwork, samples: usize) {
        let turned = layout::turn(network, Layout::ChannelsFirst);
        let bytes = qdq::to_bytes(network, Outputs::EveryStep);
        let points = calibrate::points(7, samples, network.input.classes);
        let inputs = calibrate::integer_inputs(&points, network.input, network.about.prior);
        let rows = inputs.rows().into_iter();
        let expected: Vec<Vec<Vec<i8>>> = rows
            .map(|row| oracle::all_nodes(network, &row.to_vec()))
            .collect();
        for mut runtime in runtimes(&bytes) {
            let outputs = runtime
                .run_int8(&super::inputs(inputs.view(), network.input.latent))
                .unwrap();
            assert_eq!(outputs.len(), turned.graph.nodes.len() + 1);
            for (index, step) in network.nodes.iter().enumerate() {
                // The file has channels first, and its nodes may be more.
                let Some((Source::Node(place), order)) = turned.output(index) else {
                    panic!("{}", step.name)
                };
                let output = &outputs[place];
                let whole: Vec<i8> = expected
                    .iter()
                    .flat_map(|sample| order.iter().map(|&at| sample[index][at]))
                    .collect();
                let differ = whole.iter().zip(&output.data).position(|(a, b)| a != b);
                assert_eq!(
                    differ,
                    None,
                    "{}, {}, {}",
                    network.name,
                    runtime.name(),
                    step.name
                );
                assert_eq!(whole.len(), output.data.len());
            }
            assert_eq!(
                outputs.last().unwrap().data,
                outputs[turned.graph.nodes.len() - 1].data
            );
        }
    }

    #[test]
    fn float_models_agree_with_the_reference() {
        let shape = Shape {
            channels: 1,
            height: 28,
            width: 28,
        };
        check_float(&synthetic::generator(1, 100, 10, &[64, 64], shape), 100);
        for seed in 0..30 {
            check_float(&synthetic::any_network(seed), 9);
        }
        for seed in 0..150 {
            check_float(&crate::exchange::tests::random::any_graph(seed), 9);
        }
    }

    #[test]
    fn int8_models_of_any_network_agree_to_the_byte() {
        let mut tables = 0;
        for seed in 0..40 {
            let network = synthetic::any_network(seed);
            let prepared = Prepared::new(
                &network,
                &Calibration {
                    prior: Prior::Uniform,
                    points: 50,
                    seed: 0,
                },
            )
            .unwrap();
            for bits in [Bits::Eight, Bits::Four] {
                let bits = vec![bits; prepared.linear_layers().len()];
                let quantized = prepared
                    .quantize(&QuantizeOptions {
                        bits,
                        ..Default::default()
                    })
                    .unwrap();
                tables += quantized.nodes.len() - quantized.bits().len();
                check_int8(&quantized, 25);
            }
        }
        assert!(tables > 40, "only {tables} tables took part");
    }

    #[test]
    fn int8_models_of_any_integers_agree_to_the_byte() {
        for seed in 0..200 {
            check_int8(&crate::pack::tests::any_integers(seed), 5);
        }
    }

    #[test]
    fn int8_models_of_any_graph_agree_to_the_byte() {
        let mut kinds = std::collections::BTreeSet::new();
        let graphs = (0..80).map(synthetic::any_graph);
        for network in graphs.chain((0..20).map(synthetic::any_choice)) {
            let calibration = Calibration {
                prior: Prior::Normal,
                points: 50,
                seed: 0,
            };
            // What cannot be quantized is the quantizer's matter, and its tests'.
            let prepared = Prepared::new(&network, &calibration).unwrap();
            let bits = [Bits::Eight, Bits::Four].into_iter().cycle();
            let bits = bits.take(prepared.linear_layers().len()).collect();
            let options = QuantizeOptions {
                bits,
                ..Default::default()
            };
            let quantized = prepared.quantize(&options).unwrap();
            kinds.extend(
                quantized
                    .nodes
                    .iter()
                    .map(|node| crate::ops::integer_name(&node.op)),
            );
            check_int8(&quantized, 9);
        }
        assert_eq!(kinds.len(), 19, "{kinds:?}");
    }

    #[test]
    fn int8_models_agree_to_the_byte_on_1000_latents() {
        let shape = Shape {
            channels: 1,
            height: 28,
            width: 28,
        };
        let network = synthetic::generator(2, 42, 10, &[128, 96], shape);
        let prepared = Prepared::new(
            &network,
            &Calibration {
                prior: Prior::Normal,
                points: 256,
                seed: 0,
            },
        )
        .unwrap();
        let bits = vec![Bits::Eight, Bits::Eight, Bits::Four];
        check_int8(
            &prepared
                .quantize(&QuantizeOptions {
                    bits,
                    ..Default::default()
                })
                .unwrap(),
            1000,
        );
    }

    #[test]
    fn wrong_inputs_and_wrong_models_are_errors() {
        assert!(matches!(
            tract::Tract::load(b"no model"),
            Err(RuntimeError::Failed { .. })
        ));
        let network = synthetic::any_network(1);
        let bytes = write::to_bytes(&network, &WriteOptions::default()).unwrap();
        for mut runtime in runtimes(&bytes) {
            let error = runtime.run_float(&[]).unwrap_err().to_string();
            assert!(
                error.contains("cannot run the model") && !error.contains('\n'),
                "{error}"
            );
        }
    }

    #[test]
    fn too_wide_a_choice_is_an_error_not_a_panic() {
        let network = synthetic::any_network(1);
        let prepared = Prepared::new(
            &network,
            &Calibration {
                prior: Prior::Normal,
                points: 10,
                seed: 0,
            },
        )
        .unwrap();
        let bits = vec![Bits::Four; 9];
        let error = prepared
            .quantize(&QuantizeOptions {
                bits,
                ..Default::default()
            })
            .unwrap_err();
        assert!(matches!(error, QuantizeError::Widths { found: 9, .. }));
    }
}
