//! Back from steps to a float network: for networks that were trained as steps, with batch normalisation folded in.

use super::super::QuantizeError;
use super::super::equalize::absorb;
use super::super::flow::reach;
use super::super::label::label_value;
use super::linear::{conv_of_rows, conv_transpose_of_rows};
use super::{Folded, FoldedKind, Function, Linear, source_shape};
use crate::forward::conv::Geometry;
use crate::network::{Conv, ConvTranspose, Dense, InputSpec, Layer, Network, Node, Shape, Source};
use shared::arithmetic::Activation;
use std::collections::BTreeSet;

/// A float network that folds to these steps; weights become single precision, which is exact on the grid of a
/// quantized network.
///
/// The steps are those of [`super::super::Prepared::folded`], or others whose label columns are fitted to integers:
/// here the label is 1 where it is on. `output` is the picture's shape.
///
/// # Errors
/// [`QuantizeError`] where the steps are not ones that folding makes.
pub fn unfold(
    name: &str,
    input: InputSpec,
    steps: &[Folded],
    output: Shape,
) -> Result<Network, QuantizeError> {
    let mut steps = steps.to_vec();
    label_of_one(&mut steps, input)?;
    let mut names: BTreeSet<String> = steps.iter().map(|step| step.name.clone()).collect();
    let mut nodes: Vec<Node> = Vec::new();
    // The node that gives what each step does.
    let mut values: Vec<Source> = Vec::new();
    for step in &steps {
        let of = |source: &Source| match source {
            Source::Node(index) => values.get(*index).copied().unwrap_or(*source),
            _ => *source,
        };
        let mut inputs: Vec<Source> = step.inputs.iter().map(of).collect();
        let first = step.inputs.first().copied().unwrap_or(Source::Input);
        let from = source_shape(&steps, input, first);
        let mut push = |name: String, layer: Layer| {
            let inputs = std::mem::replace(&mut inputs, vec![Source::Node(nodes.len())]);
            nodes.push(Node {
                name,
                inputs,
                layer,
            });
        };
        push(step.name.clone(), layer(step, from));
        let activation = step
            .kind
            .linear()
            .map_or(Activation::None, |l| l.activation);
        let function = match activation {
            Activation::None => None,
            Activation::Relu => Some(Layer::Relu),
            Activation::LeakyRelu { slope_shift } => Some(Layer::LeakyRelu {
                slope: 2f32.powi(-i32::from(slope_shift)),
            }),
        };
        if let Some(function) = function {
            push(
                unused(&mut names, &format!("{}.activation", step.name)),
                function,
            );
        }
        values.push(Source::Node(nodes.len() - 1));
    }
    if let (Some(last), Some(&value)) = (steps.last(), values.last())
        && last.shape != output
    {
        nodes.push(Node {
            name: unused(&mut names, "picture"),
            inputs: vec![value],
            layer: Layer::Reshape { shape: output },
        });
    }
    let network = Network {
        name: name.to_owned(),
        input,
        nodes,
        output,
    };
    network.check()?;
    Ok(network)
}

/// Weights that meet the label's integers now meet 1.
fn label_of_one(steps: &mut [Folded], input: InputSpec) -> Result<(), QuantizeError> {
    if input.classes == 0 {
        return Ok(());
    }
    for (source, latent) in [(Source::Input, input.latent), (Source::Label, 0)] {
        let mut factors = vec![1.0; latent];
        factors.resize(latent + input.classes, label_value());
        for sink in reach(steps, input, source).unwrap_or_default().sinks {
            absorb(steps, &sink, &factors)?;
        }
    }
    Ok(())
}

fn layer(step: &Folded, from: Shape) -> Layer {
    // Rounding to single precision.
    let single = |&w: &f64| w as f32;
    match &step.kind {
        // An embedding may have a bias, and folding makes one of every such layer.
        FoldedKind::Dense(linear) | FoldedKind::Embedding(linear) => Layer::Dense(Dense {
            weight: linear.weight.map(single),
            bias: linear.bias.map(single),
        }),
        FoldedKind::Conv(linear, geometry) => Layer::Conv(Conv {
            weight: conv_of_rows(linear.weight.view(), *geometry, single),
            bias: linear.bias.map(single),
            stride: geometry.stride,
            padding: conv_padding(*geometry, from, step.shape),
        }),
        FoldedKind::ConvTranspose(linear, geometry) => {
            conv_transpose(step, linear, *geometry, from)
        }
        FoldedKind::Table(function) => match function {
            Function::Identity => Layer::LeakyRelu { slope: 1.0 },
            Function::LeakyRelu(slope) => Layer::LeakyRelu { slope: *slope },
            Function::Relu => Layer::Relu,
            Function::Tanh => Layer::Tanh,
            Function::Sigmoid => Layer::Sigmoid,
        },
        FoldedKind::Upsample { factor } => Layer::Upsample { factor: *factor },
        FoldedKind::Reshape => Layer::Reshape { shape: step.shape },
        FoldedKind::Concat => Layer::Concat,
    }
}

/// Top, left, bottom, right: as much at the far sides as the output needs.
fn conv_padding(geometry: Geometry, from: Shape, to: Shape) -> [usize; 4] {
    let far = |axis: usize, from: usize, to: usize| {
        let reached = to.saturating_sub(1) * geometry.stride[axis] + geometry.kernel[axis];
        reached.saturating_sub(from + geometry.corner[axis])
    };
    let [top, left] = geometry.corner;
    [
        top,
        left,
        far(0, from.height, to.height),
        far(1, from.width, to.width),
    ]
}

fn conv_transpose(step: &Folded, linear: &Linear, geometry: Geometry, from: Shape) -> Layer {
    let sides = |axis: usize, from: usize, to: usize| {
        let whole = from.saturating_sub(1) * geometry.stride[axis] + geometry.kernel[axis];
        let kept = to + geometry.corner[axis];
        // What is cut at the far side, or else added there.
        (whole.saturating_sub(kept), kept.saturating_sub(whole))
    };
    let (bottom, down) = sides(0, from.height, step.shape.height);
    let (right, across) = sides(1, from.width, step.shape.width);
    let [top, left] = geometry.corner;
    Layer::ConvTranspose(ConvTranspose {
        weight: conv_transpose_of_rows(linear.weight.view(), geometry, |&w| w as f32),
        bias: linear.bias.mapv(|b| b as f32),
        stride: geometry.stride,
        padding: [top, left, bottom, right],
        output_padding: [down, across],
    })
}

fn unused(names: &mut BTreeSet<String>, wanted: &str) -> String {
    let mut name = wanted.to_owned();
    let mut count = 1;
    while !names.insert(name.clone()) {
        count += 1;
        name = format!("{wanted}_{count}");
    }
    name
}
