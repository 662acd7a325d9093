//! The widths and exponents of a quantized network, apart from its weights: what stands in an ONNX
//! file's metadata.

use super::QuantizeError;
use crate::graph::{Bits, Integer, Node, QuantizedNetwork};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Width and exponents of a node's weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightScheme {
    /// Width of the weights.
    pub bits: Bits,
    /// One exponent an output.
    pub exponents: Vec<i8>,
}

/// What is fixed of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepScheme {
    /// Exponent of the output.
    pub exponent: i8,
    /// How weights are rounded, where there are some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightScheme>,
}

/// All widths and exponents of a quantized network, by the nodes' names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scheme {
    /// One entry a node.
    pub steps: BTreeMap<String, StepScheme>,
}

impl Scheme {
    /// The scheme of a quantized network.
    pub fn of(network: &QuantizedNetwork) -> Self {
        let entry = |node: &Node<Integer>| {
            let weights = node.op.linear().map(|linear| WeightScheme {
                bits: linear.bits,
                exponents: linear.weight_exponents.clone(),
            });
            let scheme = StepScheme {
                exponent: node.note.exponent,
                weights,
            };
            (node.name.clone(), scheme)
        };
        Self {
            steps: network.nodes.iter().map(entry).collect(),
        }
    }

    /// One line of JSON, as it stands in an ONNX file's metadata.
    pub fn to_json(&self) -> String {
        // Maps with strings for keys, lists and integers always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads [`Scheme::to_json`].
    ///
    /// # Errors
    /// [`QuantizeError::Scheme`] says where it is damaged.
    pub fn from_json(json: &str) -> Result<Self, QuantizeError> {
        serde_json::from_str(json)
            .map_err(|error| QuantizeError::Scheme(format!("cannot be read: {error}")))
    }

    /// The same where outputs of layers lie in another order, as a file and the network of it have
    /// them: for each such layer, which output each one was.
    pub fn in_order(mut self, orders: &BTreeMap<String, Vec<usize>>) -> Self {
        for (name, order) in orders {
            let step = self.steps.get_mut(name);
            let weights = step.and_then(|step| step.weights.as_mut());
            // Others are refused where they are used.
            if let Some(weights) = weights.filter(|weights| weights.exponents.len() == order.len())
            {
                let exponents = order.iter().filter_map(|&was| weights.exponents.get(was));
                weights.exponents = exponents.copied().collect();
            }
        }
        self
    }

    pub(super) fn step(&self, name: &str) -> Result<&StepScheme, QuantizeError> {
        self.steps
            .get(name)
            .ok_or_else(|| QuantizeError::Scheme(format!("says nothing of layer {name}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_follow_their_outputs() {
        let scheme = |exponents: &[i8]| {
            let weights = WeightScheme {
                bits: Bits::Eight,
                exponents: exponents.to_vec(),
            };
            let step = StepScheme {
                exponent: -5,
                weights: Some(weights),
            };
            Scheme {
                steps: BTreeMap::from([("dense".to_owned(), step)]),
            }
        };
        let order =
            |name: &str, order: &[usize]| BTreeMap::from([(name.to_owned(), order.to_vec())]);
        let given = scheme(&[-3, -4, -5, -6]);
        let turned = given.clone().in_order(&order("dense", &[0, 2, 1, 3]));
        assert_eq!(turned, scheme(&[-3, -5, -4, -6]));
        // Another network's, which is refused later.
        for other in [order("conv", &[1, 0]), order("dense", &[1, 0])] {
            assert_eq!(given.clone().in_order(&other), given);
        }
    }
}
