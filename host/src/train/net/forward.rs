//! Networks in training, run by burn.

use burn_tensor::Tensor;

use super::{Given, LinearParameters, NormParameters, Trainable, walk};
use crate::graph::{Graph, LinearKind, Op, Shape, Source};
use crate::train::operators::{self, At};
use crate::train::ops::{self, Activation, Kernels, NORM_EPSILON, activate};

/// Mean and variance of one normalisation's channels, each of shape (1, channels).
#[derive(Debug, Clone)]
pub struct Moments<B: Kernels> {
    /// Mean over the batch and all pixels.
    pub mean: Tensor<B, 2>,
    /// Variance over the same (divided by their number, not by one less).
    pub variance: Tensor<B, 2>,
}

/// What a graph gives.
#[derive(Debug, Clone)]
pub struct Outputs<B: Kernels> {
    /// Output of each node in order, of shape (batch, elements). That of a node which a function
    /// alone reads has been through the function already.
    pub nodes: Vec<Tensor<B, 2>>,
    /// Moments of each batch normalisation in order.
    pub moments: Vec<Moments<B>>,
}

impl<B: Kernels> Outputs<B> {
    /// Output of the last node.
    pub fn last(&self) -> Tensor<B, 2> {
        self.nodes.last().expect("a network has nodes").clone()
    }
}

impl Graph<Trainable> {
    /// The output of each node. With `fixed` moments the network is the one that is exported;
    /// without, each batch gives its own (training).
    pub fn forward<B: Kernels>(
        &self,
        parameters: &[Tensor<B, 2>],
        given: &Given<B>,
        fixed: Option<&[Moments<B>]>,
    ) -> Outputs<B> {
        let functions = self.fused_functions();
        let mut moments: Vec<Moments<B>> = Vec::new();
        let nodes = walk(self, given, |index, node, mut inputs| match &node.op {
            Op::Combine(combine, ()) => {
                let shapes = self.input_shapes(node);
                let (shapes, to) = (shapes.as_slice(), node.shape);
                operators::forward(*combine, inputs, At { shapes, to })
            }
            op => {
                // Every other operation has one input.
                let x = inputs.swap_remove(0);
                let from = self.first_shape(node);
                let function = functions[index].unwrap_or(Activation::None);
                match op {
                    Op::Linear(kind, own) => {
                        linear(*kind, *own, parameters, x, [from, node.shape], function)
                    }
                    Op::Norm(own) => {
                        let fixed = fixed.and_then(|fixed| fixed.get(own.moments));
                        let (y, found) = norm(*own, parameters, x, fixed, function);
                        moments.push(found);
                        y
                    }
                    Op::Pointwise(function) => match node.inputs.first() {
                        Some(Source::Node(before)) if functions[*before].is_some() => x,
                        _ => {
                            let zero = Tensor::zeros([1, 1], &x.device());
                            activate(x, zero, *function)
                        }
                    },
                    Op::Move(_) => match &node.note {
                        Some(moved) => moved.apply(x),
                        None => x,
                    },
                    Op::Combine(..) => x,
                }
            }
        });
        Outputs { nodes, moments }
    }

    /// For each node the function that it computes with its own work: that of its reader, where it
    /// has one only.
    fn fused_functions(&self) -> Vec<Option<Activation>> {
        let readers = self.readers();
        let nodes = self.nodes.iter().zip(&readers);
        let function = |reader: usize| match &self.nodes[reader].op {
            Op::Pointwise(function) => Some(*function),
            _ => None,
        };
        nodes
            .map(|(node, readers)| match (&node.op, readers.as_slice()) {
                (Op::Linear(_, own), [reader]) if own.bias.is_some() => function(*reader),
                (Op::Norm(_), [reader]) => function(*reader),
                _ => None,
            })
            .collect()
    }
}

/// A linear operation with its bias, and a function behind it.
fn linear<B: Kernels>(
    kind: LinearKind,
    own: LinearParameters,
    parameters: &[Tensor<B, 2>],
    x: Tensor<B, 2>,
    shapes: [Shape; 2],
    function: Activation,
) -> Tensor<B, 2> {
    let weight = parameters[own.weight].clone();
    let y = operators::linear(kind, x, weight, shapes);
    match own.bias {
        Some(bias) => activate(y, parameters[bias].clone(), function),
        None => y,
    }
}

/// Batch normalisation and a function behind it, with the moments of this batch or those that are
/// given.
fn norm<B: Kernels>(
    own: NormParameters,
    parameters: &[Tensor<B, 2>],
    x: Tensor<B, 2>,
    fixed: Option<&Moments<B>>,
    function: Activation,
) -> (Tensor<B, 2>, Moments<B>) {
    let (scale, bias) = (parameters[own.scale].clone(), parameters[own.bias].clone());
    let Some(moments) = fixed else {
        let done = ops::normalise(x, scale, bias, function);
        let moments = Moments {
            mean: done.mean,
            variance: done.variance,
        };
        return (done.output, moments);
    };
    let factor = scale / (moments.variance.clone() + NORM_EPSILON).sqrt();
    let dims = x.dims();
    let rows = dims[0] * dims[1] / own.channels.max(1);
    let scaled = (x.reshape([rows, own.channels]) - moments.mean.clone()) * factor;
    let output = activate(scaled, bias, function).reshape(dims);
    (output, moments.clone())
}
