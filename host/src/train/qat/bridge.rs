//! From the steps that quantization still has to graphs.

use crate::forward::conv::Geometry;
use crate::graph::{
    self, Alignment, Bits, Combine, Function, Graph, InputSpec, Integer, IntegerNote, Linear,
    LinearKind, Move, Op, Picture, QuantizedLinear, Shape, Source, Window,
};
use crate::network;
use crate::quantize::fold::{self, Folded, FoldedKind};
use crate::quantize::{self, QuantizedNetwork, StepKind};
use shared::arithmetic::Activation;

/// The steps that were quantized to a network.
pub(super) fn folded(steps: &[Folded], network: &QuantizedNetwork) -> Graph<graph::Folded> {
    let mut graph = Graph::new(
        &network.name,
        input(network.input),
        shape(network.output),
        (),
    );
    for step in steps {
        let of = |linear: &fold::Linear| Linear {
            weight: linear.weight.clone(),
            bias: linear.bias.clone(),
            activation: linear.activation,
        };
        let op = match &step.kind {
            FoldedKind::Dense(linear) => Op::Linear(LinearKind::Dense, of(linear)),
            FoldedKind::Conv(linear, own) => Op::Linear(LinearKind::Conv(window(*own)), of(linear)),
            FoldedKind::ConvTranspose(linear, own) => {
                Op::Linear(LinearKind::ConvTranspose(window(*own)), of(linear))
            }
            FoldedKind::Embedding(linear) => Op::Linear(LinearKind::Embedding, of(linear)),
            FoldedKind::Table(function) => Op::Pointwise(match function {
                fold::Function::Identity => Function::Identity,
                fold::Function::LeakyRelu(slope) => Function::LeakyRelu(*slope),
                fold::Function::Relu => Function::Relu,
                fold::Function::Tanh => Function::Tanh,
                fold::Function::Sigmoid => Function::Sigmoid,
            }),
            FoldedKind::Upsample { factor } => Op::Move(Move::Upsample { factor: *factor }),
            FoldedKind::Reshape => Op::Move(Move::Reshape),
            FoldedKind::Concat => Op::Combine(Combine::Concat, Activation::None),
        };
        let inputs = step.inputs.iter().map(|source| self::source(*source));
        let to = shape(step.shape);
        graph.push(&step.name, op, inputs.collect(), to, step.layer);
    }
    graph
}

/// The same network of integers.
pub(super) fn integers(network: &QuantizedNetwork) -> Graph<Integer> {
    let about = Picture {
        prior: network.prior,
        pixel_range: network.pixel_range,
    };
    let mut graph = Graph::new(
        &network.name,
        input(network.input),
        shape(network.output),
        about,
    );
    for step in &network.steps {
        let op = match &step.kind {
            StepKind::Dense(linear) => Op::Linear(LinearKind::Dense, integer_linear(linear)),
            StepKind::Conv(linear, own) => {
                Op::Linear(LinearKind::Conv(window(*own)), integer_linear(linear))
            }
            StepKind::ConvTranspose(linear, own) => Op::Linear(
                LinearKind::ConvTranspose(window(*own)),
                integer_linear(linear),
            ),
            StepKind::Embedding(linear) => {
                Op::Linear(LinearKind::Embedding, integer_linear(linear))
            }
            StepKind::Table(table) => Op::Pointwise(table.clone()),
            StepKind::Upsample { factor } => Op::Move(Move::Upsample { factor: *factor }),
            StepKind::Reshape => Op::Move(Move::Reshape),
            StepKind::Concat { shifts } => {
                let alignment = Alignment {
                    shifts: shifts.clone(),
                    activation: Activation::None,
                };
                Op::Combine(Combine::Concat, alignment)
            }
        };
        let inputs = step.inputs.iter().map(|source| self::source(*source));
        let note = IntegerNote {
            layer: step.layer,
            exponent: step.exponent,
            factors: step.factors.clone(),
        };
        graph.push(&step.name, op, inputs.collect(), shape(step.shape), note);
    }
    graph
}

fn integer_linear(linear: &quantize::QuantizedLinear) -> QuantizedLinear {
    QuantizedLinear {
        bits: match linear.bits {
            quantize::Bits::Four => Bits::Four,
            quantize::Bits::Eight => Bits::Eight,
        },
        weights: linear.weights.clone(),
        weight_exponents: linear.weight_exponents.clone(),
        bias: linear.bias.clone(),
        shifts: linear.shifts.clone(),
        activation: linear.activation,
    }
}

fn window(own: Geometry) -> Window {
    Window::new(own.kernel, own.stride, own.corner)
}

fn input(input: network::InputSpec) -> InputSpec {
    InputSpec {
        latent: input.latent,
        classes: input.classes,
    }
}

/// The same shape.
pub(in crate::train) fn shape(shape: network::Shape) -> Shape {
    Shape {
        channels: shape.channels,
        height: shape.height,
        width: shape.width,
    }
}

fn source(source: network::Source) -> Source {
    match source {
        network::Source::Input => Source::Input,
        network::Source::Latent => Source::Latent,
        network::Source::Label => Source::Label,
        network::Source::Node(index) => Source::Node(index),
    }
}
