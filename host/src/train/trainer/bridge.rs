//! From the graph to the network that the other parts of the host still take.

use ndarray::{Array2, Array4};

use crate::graph::{self, Function, Graph, LinearKind, Op, Shape, Window};
use crate::network::{self, Conv, ConvTranspose, Dense, Layer, Network};

/// The same network.
pub(in crate::train) fn network(graph: &graph::Network) -> Network {
    let nodes = graph.nodes.iter().map(|node| network::Node {
        name: node.name.clone(),
        inputs: node
            .inputs
            .iter()
            .map(|source| self::source(*source))
            .collect(),
        layer: layer(graph, node),
    });
    Network {
        name: graph.name.clone(),
        input: network::InputSpec {
            latent: graph.input.latent,
            classes: graph.input.classes,
        },
        nodes: nodes.collect(),
        output: shape(graph.output),
    }
}

fn shape(shape: Shape) -> network::Shape {
    network::Shape {
        channels: shape.channels,
        height: shape.height,
        width: shape.width,
    }
}

fn source(source: graph::Source) -> network::Source {
    match source {
        graph::Source::Input => network::Source::Input,
        graph::Source::Latent => network::Source::Latent,
        graph::Source::Label => network::Source::Label,
        graph::Source::Node(index) => network::Source::Node(index),
    }
}

fn layer(graph: &Graph<graph::Float>, node: &graph::Node<graph::Float>) -> Layer {
    let from = graph.first_shape(node);
    match &node.op {
        Op::Linear(kind, linear) => {
            let (weight, bias) = (&linear.weight, linear.bias.clone());
            match kind {
                LinearKind::Conv(window) => {
                    let far = window.far_padding(from.sides(), node.shape.sides());
                    Layer::Conv(Conv {
                        weight: kernel(*window, weight, false),
                        bias,
                        stride: window.stride,
                        padding: padding(*window, far),
                    })
                }
                LinearKind::ConvTranspose(window) => {
                    let (far, added) = window.far_cut(from.sides(), node.shape.sides());
                    Layer::ConvTranspose(ConvTranspose {
                        weight: kernel(*window, weight, true),
                        bias,
                        stride: window.stride,
                        padding: padding(*window, far),
                        output_padding: added,
                    })
                }
                LinearKind::Embedding => Layer::Embedding {
                    table: weight.t().to_owned(),
                },
                LinearKind::Dense | LinearKind::Gather { .. } => Layer::Dense(Dense {
                    weight: weight.clone(),
                    bias,
                }),
            }
        }
        Op::Norm(norm) => Layer::BatchNorm(network::BatchNorm {
            scale: norm.scale.clone(),
            bias: norm.bias.clone(),
            mean: norm.mean.clone(),
            variance: norm.variance.clone(),
            epsilon: norm.epsilon,
        }),
        Op::Pointwise(function) => match function {
            Function::LeakyRelu(slope) => Layer::LeakyRelu { slope: *slope },
            Function::Relu => Layer::Relu,
            Function::Tanh => Layer::Tanh,
            Function::Sigmoid => Layer::Sigmoid,
            Function::Identity => Layer::LeakyRelu { slope: 1.0 },
        },
        Op::Move(graph::Move::Upsample { factor }) => Layer::Upsample { factor: *factor },
        Op::Move(graph::Move::Reshape) => Layer::Reshape {
            shape: shape(node.shape),
        },
        // No generator or classifier of a config has another combination.
        Op::Combine(..) => Layer::Concat,
    }
}

fn padding(window: Window, far: [usize; 2]) -> [usize; 4] {
    [window.padding[0], window.padding[1], far[0], far[1]]
}

/// Weights as (outputs, inputs, rows, columns), or (inputs, outputs, rows, columns).
fn kernel(window: Window, weight: &Array2<f32>, swapped: bool) -> Array4<f32> {
    let ([rows, columns], outputs) = (window.kernel, weight.nrows());
    let inputs = weight.ncols() / window.area().max(1);
    let at = |output: usize, input: usize, row: usize, column: usize| {
        weight[(output, (row * columns + column) * inputs + input)]
    };
    if swapped {
        Array4::from_shape_fn((inputs, outputs, rows, columns), |(i, o, y, x)| {
            at(o, i, y, x)
        })
    } else {
        Array4::from_shape_fn((outputs, inputs, rows, columns), |(o, i, y, x)| {
            at(o, i, y, x)
        })
    }
}
