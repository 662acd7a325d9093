//! Batch normalisation into the layer before it, and activations into dense layers where the arithmetic has them.

use super::QuantizeError;
use crate::network::{BatchNorm, Dense, Layer, Network};
use ndarray::{Array1, Array2};
use shared::arithmetic::Activation;

/// A function that the host tabulates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Function {
    /// The value itself, at another exponent.
    Identity,
    /// A LeakyReLU whose slope is no power of two, or that follows no dense layer.
    LeakyRelu(f32),
    /// A ReLU that follows no dense layer.
    Relu,
    /// Hyperbolic tangent.
    Tanh,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
}

impl Function {
    /// The value at `x`.
    pub fn at(self, x: f64) -> f64 {
        match self {
            Self::Identity => x,
            Self::LeakyRelu(slope) => {
                if x < 0.0 {
                    f64::from(slope) * x
                } else {
                    x
                }
            }
            Self::Relu => x.max(0.0),
            Self::Tanh => x.tanh(),
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        }
    }

    /// The exponent at which int8 just covers its range, where the range is bounded: 2^-7 for -1 to 1.
    pub const fn natural_exponent(self) -> Option<i8> {
        match self {
            Self::Tanh | Self::Sigmoid => Some(-7),
            Self::Identity | Self::LeakyRelu(_) | Self::Relu => None,
        }
    }

    const fn suffix(self) -> &'static str {
        match self {
            Self::Identity => "pixels",
            Self::LeakyRelu(_) => "leaky_relu",
            Self::Relu => "relu",
            Self::Tanh => "tanh",
            Self::Sigmoid => "sigmoid",
        }
    }
}

/// A layer as it will be computed.
#[derive(Debug, Clone, PartialEq)]
pub enum FoldedKind {
    /// A dense layer and its activation.
    Dense {
        /// Shape (outputs, inputs), batch normalisation folded in.
        weight: Array2<f64>,
        /// Shape (outputs).
        bias: Array1<f64>,
        /// What follows.
        activation: Activation,
    },
    /// A function of one element.
    Table(Function),
}

/// A layer as it will be computed, and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Folded {
    /// Name of the dense layer; with the function behind it for a table.
    pub name: String,
    /// Index of the float network's layer whose output this one's equals.
    pub layer: usize,
    /// What it computes.
    pub kind: FoldedKind,
}

/// The activation of the arithmetic that a layer is, where it has one.
fn fused(layer: &Layer) -> Option<Activation> {
    match layer {
        Layer::Relu => Some(Activation::Relu),
        Layer::LeakyRelu { slope } => (1u8..=7)
            .find(|&k| *slope == 2f32.powi(-i32::from(k)))
            .map(|slope_shift| Activation::LeakyRelu { slope_shift }),
        _ => None,
    }
}

/// Folds a network. Names stay unique, and every name is a dense layer's or starts with one.
///
/// # Errors
/// [`QuantizeError::NothingToFold`] and [`QuantizeError::Network`].
pub fn fold(network: &Network) -> Result<Vec<Folded>, QuantizeError> {
    network.check()?;
    let mut steps: Vec<Folded> = Vec::new();
    let mut previous = "input".to_owned();
    for (index, node) in network.nodes.iter().enumerate() {
        let name = &node.name;
        // A dense layer that nothing has activated yet can still take something in.
        let open = match steps.last_mut() {
            Some(Folded {
                layer,
                kind:
                    FoldedKind::Dense {
                        weight,
                        bias,
                        activation,
                    },
                ..
            }) if *activation == Activation::None => Some((layer, weight, bias, activation)),
            _ => None,
        };
        let function = match &node.layer {
            Layer::Dense(Dense { weight, bias }) => {
                previous.clone_from(name);
                let kind = FoldedKind::Dense {
                    weight: weight.mapv(f64::from),
                    bias: bias.mapv(f64::from),
                    activation: Activation::None,
                };
                steps.push(Folded {
                    name: name.clone(),
                    layer: index,
                    kind,
                });
                continue;
            }
            Layer::BatchNorm(norm) => {
                let (layer, weight, bias, _) =
                    open.ok_or_else(|| QuantizeError::NothingToFold {
                        layer: name.clone(),
                    })?;
                fold_norm(norm, weight, bias);
                *layer = index;
                continue;
            }
            Layer::LeakyRelu { slope } => Function::LeakyRelu(*slope),
            Layer::Relu => Function::Relu,
            Layer::Tanh => Function::Tanh,
            Layer::Sigmoid => Function::Sigmoid,
            Layer::Reshape { .. } => continue,
            _ => {
                return Err(QuantizeError::NothingToFold {
                    layer: name.clone(),
                });
            }
        };
        if let (Some((layer, _, _, activation)), Some(fused)) = (open, fused(&node.layer)) {
            (*layer, *activation) = (index, fused);
        } else {
            let name = unused(&steps, format!("{previous}.{}", function.suffix()), network);
            steps.push(Folded {
                name,
                layer: index,
                kind: FoldedKind::Table(function),
            });
        }
    }
    Ok(steps)
}

/// The name of a table that changes nothing but the exponent, behind the last layer.
pub(super) fn pixels_name(steps: &[Folded], network: &Network) -> String {
    let last = steps.last().map_or("input", |step| step.name.as_str());
    unused(
        steps,
        format!("{last}.{}", Function::Identity.suffix()),
        network,
    )
}

fn unused(steps: &[Folded], wanted: String, network: &Network) -> String {
    let taken = |name: &str| {
        steps.iter().any(|step| step.name == name)
            || network
                .nodes
                .iter()
                .any(|node| matches!(node.layer, Layer::Dense(_)) && node.name == name)
    };
    let mut name = wanted.clone();
    let mut count = 1;
    while taken(&name) {
        count += 1;
        name = format!("{wanted}_{count}");
    }
    name
}

/// `scale * (W x + b - mean) / sqrt(variance + epsilon) + bias`: Jacob et al., "Quantization and Training of Neural
/// Networks for Efficient Integer-Arithmetic-Only Inference" (2018), section 3.2.
fn fold_norm(norm: &BatchNorm, weight: &mut Array2<f64>, bias: &mut Array1<f64>) {
    for (channel, (mut row, bias)) in weight
        .rows_mut()
        .into_iter()
        .zip(bias.iter_mut())
        .enumerate()
    {
        // The check of the network made all lengths equal.
        let factor = f64::from(norm.scale[channel])
            / f64::from(norm.variance[channel] + norm.epsilon).sqrt();
        row *= factor;
        *bias = (*bias - f64::from(norm.mean[channel])) * factor + f64::from(norm.bias[channel]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forward;
    use crate::network::{Node, Shape, Source};
    use crate::synthetic;

    #[test]
    fn the_folded_network_computes_the_same() {
        let shape = Shape {
            channels: 1,
            height: 5,
            width: 6,
        };
        let network = synthetic::generator(5, 12, 4, &[20, 10], shape);
        let folded = fold(&network).unwrap();
        assert_eq!(
            folded.iter().map(|f| f.layer).collect::<Vec<_>>(),
            [2, 5, 6, 7]
        );
        let mut random = synthetic::Random::new(9);
        let inputs = Array2::from_shape_simple_fn((7, 16), || random.normal());
        let expected = forward::all_layers(&network, inputs.view());
        let mut value = inputs.mapv(f64::from);
        for step in &folded {
            value = super::super::simulate::folded(step, value.view());
            let difference = (&value - &expected[step.layer].mapv(f64::from)).mapv(f64::abs);
            let largest = difference.iter().copied().fold(0.0, f64::max);
            assert!(largest < 1e-5, "{}: {largest}", step.name);
        }
    }

    #[test]
    fn every_slope_goes_where_it_can() {
        let mut network = synthetic::any_network(1);
        network.nodes.truncate(1);
        let Layer::Dense(d) = &network.nodes[0].layer else {
            unreachable!()
        };
        network.output = Shape::vector(d.weight.nrows());
        network.nodes.push(Node {
            name: "slope".into(),
            inputs: vec![Source::Node(0)],
            layer: Layer::Relu,
        });
        let mut kinds = |slope| {
            network.nodes[1].layer = Layer::LeakyRelu { slope };
            fold(&network).unwrap()
        };
        assert!(matches!(
            kinds(0.25)[..],
            [Folded {
                kind: FoldedKind::Dense {
                    activation: Activation::LeakyRelu { slope_shift: 2 },
                    ..
                },
                ..
            }]
        ));
        assert!(matches!(
            kinds(0.2)[..],
            [
                _,
                Folded {
                    kind: FoldedKind::Table(Function::LeakyRelu(_)),
                    ..
                }
            ]
        ));
        assert!(matches!(
            kinds(1.0)[..],
            [
                _,
                Folded {
                    kind: FoldedKind::Table(_),
                    ..
                }
            ]
        ));
    }

    #[test]
    fn batch_norm_behind_an_activation_is_refused_by_name() {
        let shape = Shape {
            channels: 1,
            height: 2,
            width: 2,
        };
        let mut network = synthetic::generator(5, 4, 0, &[4], shape);
        let [_, norm, activation, ..] = &mut network.nodes[..] else {
            unreachable!()
        };
        std::mem::swap(&mut norm.layer, &mut activation.layer);
        assert_eq!(
            fold(&network),
            Err(QuantizeError::NothingToFold {
                layer: "activation0".into()
            })
        );
    }
}
