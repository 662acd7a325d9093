//! A quantized network as trainable tensors: exact forwards, differentiable backwards.

use burn_tensor::Tensor;
use ndarray::{Array2, ArrayView2};

use super::phase::{TrainableIntegers, other};
use crate::graph::{Folded, Graph, InputSpec, Network, Op, QuantizedNetwork};
use crate::quantize::QuantizeError;
use crate::quantize::fixed::on_grid;
use crate::quantize::fold::unfold;
use crate::train::net::Spec;
use crate::train::ops::{Kernels, tensor, values};
use shared::arithmetic::ACCUMULATOR_LIMIT;
use shared::image::PIXEL_EXPONENT;
use shared::latent;

/// A quantized network in training: operations of fixed exponents, whose weights and biases are
/// parameters.
///
/// Tensors have rank 2, (batch, elements): whole numbers in 32-bit floats, exact because every
/// accumulator stays below 2^24.
#[derive(Debug, Clone, PartialEq)]
pub struct Student {
    network: QuantizedNetwork,
    folded: Graph<Folded>,
    graph: Graph<TrainableIntegers>,
}

impl Student {
    /// The student that computes what a quantized network does. Each weight's parameter starts as
    /// near to its float value in `folded` (the steps that were quantized) as still rounds to its
    /// integer.
    ///
    /// # Errors
    /// [`QuantizeError::Scheme`] where the two are not the same steps.
    pub fn new(folded: &Graph<Folded>, network: &QuantizedNetwork) -> Result<Self, QuantizeError> {
        Ok(Self {
            network: network.clone(),
            folded: folded.clone(),
            graph: Graph::<TrainableIntegers>::of(folded, network)?,
        })
    }

    /// What it is given.
    pub fn input(&self) -> InputSpec {
        self.graph.input
    }

    /// The network that it started as.
    pub fn network(&self) -> &QuantizedNetwork {
        &self.network
    }

    /// Names and shapes of its parameters, in order; they start as [`Student::start`] says.
    pub fn specs(&self) -> &[Spec] {
        &self.graph.about.specs
    }

    /// The parameters that give the network it was made of.
    pub fn start<B: Kernels>(&self, device: &B::Device) -> Vec<Tensor<B, 2>> {
        let about = &self.graph.about;
        let specs = about.specs.iter().zip(&about.start);
        specs
            .map(|(spec, values)| tensor(values.clone(), spec.shape, device))
            .collect()
    }

    /// Every operation's output for integer inputs of shape (batch, latent + classes): whole
    /// numbers from -128 to 127.
    pub fn all_steps<B: Kernels>(
        &self,
        parameters: &[Tensor<B, 2>],
        inputs: Tensor<B, 2>,
    ) -> Vec<Tensor<B, 2>> {
        self.graph.forward(parameters, inputs)
    }

    /// Pictures for integer inputs as real numbers, shape (batch, elements).
    pub fn forward<B: Kernels>(
        &self,
        parameters: &[Tensor<B, 2>],
        inputs: Tensor<B, 2>,
    ) -> Tensor<B, 2> {
        let mut outputs = self.all_steps(parameters, inputs.clone());
        let picture = outputs.pop().unwrap_or(inputs);
        picture * 2f32.powi(i32::from(PIXEL_EXPONENT))
    }

    /// The integer inputs of latent vectors as real numbers and labels that are 1 where they are
    /// on: each value to its nearest.
    pub fn integers<B: Kernels>(&self, inputs: Tensor<B, 2>) -> Tensor<B, 2> {
        let spec = self.graph.input;
        let step = 2f32.powi(i32::from(latent::EXPONENT));
        let latents = inputs.clone().narrow(1, 0, spec.latent) / step;
        let latents = latents.round().clamp(-128.0, 127.0);
        if spec.classes == 0 {
            return latents;
        }
        let labels = inputs.narrow(1, spec.latent, spec.classes) * f32::from(latent::ONE);
        Tensor::cat(vec![latents, labels], 1)
    }

    /// Brings parameters back to where their integers are valid: within their width, and
    /// accumulators below their limit. To be called after each update.
    pub fn constrain<B: Kernels>(&self, parameters: &mut [Tensor<B, 2>]) {
        for node in &self.graph.nodes {
            if let Op::Linear(_, linear) = &node.op {
                linear.constrain(parameters);
            }
        }
    }

    /// The network that the parameters stand for.
    ///
    /// # Errors
    /// [`QuantizeError::Accumulator`] where an accumulator can leave its range.
    pub fn quantized<B: Kernels>(
        &self,
        parameters: &[Tensor<B, 2>],
    ) -> Result<QuantizedNetwork, QuantizeError> {
        let mut network = self.network.clone();
        for (node, own) in network.nodes.iter_mut().zip(&self.graph.nodes) {
            let (Op::Linear(_, own), Some(linear)) = (&own.op, node.op.linear_mut()) else {
                continue;
            };
            let (weight, bias) = own.rounded(parameters);
            // Whole numbers within the width's range; no panic where they are not.
            let weights = values(&weight).into_iter().map(|w| w as i8).collect();
            linear.weights = Array2::from_shape_vec(linear.weights.raw_dim(), weights)
                .map_err(|_| other(&node.name))?;
            linear.bias = values(&bias).into_iter().map(|b| b as i32).collect();
            for (channel, bound) in linear.accumulator_bounds().enumerate() {
                if bound >= ACCUMULATOR_LIMIT {
                    return Err(QuantizeError::Accumulator {
                        layer: node.name.clone(),
                        channel,
                        bound,
                        weights: linear.weights.ncols(),
                    });
                }
            }
        }
        Ok(network)
    }

    /// The float network of these integers: its weights lie on their grids, and by the scheme it
    /// quantizes to the same integers.
    ///
    /// # Errors
    /// As [`Student::quantized`].
    pub fn float_network<B: Kernels>(
        &self,
        parameters: &[Tensor<B, 2>],
    ) -> Result<Network, QuantizeError> {
        let network = self.quantized(parameters)?;
        let grid = on_grid(&self.folded, &network);
        unfold(&network.name, &grid, network.output)
    }
}

/// Integer inputs as a tensor.
pub(super) fn inputs<B: Kernels>(inputs: ArrayView2<i8>, device: &B::Device) -> Tensor<B, 2> {
    let values = inputs.iter().map(|&q| f32::from(q)).collect();
    tensor(values, [inputs.nrows(), inputs.ncols()], device)
}
