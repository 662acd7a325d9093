//! From an ONNX file to a classifier: any network of grey pictures that ends in a dense layer,
//! whose input is the features.

use super::{Activations, Classifier};
use crate::exchange::ReadOptions;
use crate::exchange::read::from_bytes as network;
use crate::graph::{Float, LinearKind, Move, Network, Node, Op, Shape, Source};
use crate::onnx::{OnnxError, Role};
use crate::ops::forward;
use ndarray::{Array2, ArrayView2};

/// The most multiplications for one picture: twenty times those of a good classifier of small
/// pictures.
const MAX_PRODUCTS: usize = 1 << 26;

/// Why a file is no classifier.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is no ONNX file, or not one that can be computed.
    #[error("{0}; train a classifier with `thumbgen train classifier`")]
    Onnx(#[from] OnnxError),
    /// The graph's input is no grey picture.
    #[error(
        "its input is {found}, expected one grey picture of shape (N, 1, rows, columns); train one with `thumbgen train classifier`"
    )]
    Input {
        /// What it is.
        found: String,
    },
    /// It does not end in a dense layer behind another layer.
    #[error(
        "its last node does not fit, expected a Gemm that gives class logits from features; train one with `thumbgen train classifier`"
    )]
    NoHead,
    /// It computes too long.
    #[error("it takes {found} multiplications a picture, over the limit of {MAX_PRODUCTS}")]
    TooSlow {
        /// How many.
        found: usize,
    },
}

/// A network that ends in a dense layer.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkClassifier {
    network: Network,
    /// The node whose output is the features.
    features: usize,
    size: (usize, usize),
}

/// Reads a classifier of one input, a picture of shape (N, 1, rows, columns) or (N, rows * columns)
/// with a Reshape to that behind it, and one output, logits of shape (N, classes).
///
/// # Errors
/// [`ReadError`] names the node.
pub fn from_bytes(bytes: &[u8]) -> Result<NetworkClassifier, ReadError> {
    let options = ReadOptions {
        role: Role::Classifier,
        ..Default::default()
    };
    let network = network(bytes, &options)?.network;
    let Some((features, Some(LinearKind::Dense))) = network.nodes.last().map(|last| {
        let before = match last.inputs[..] {
            [Source::Node(before)] => Some(before),
            _ => None,
        };
        (before, last.op.linear_kind())
    }) else {
        return Err(ReadError::NoHead);
    };
    let features = features.ok_or(ReadError::NoHead)?;
    let products = products(&network);
    if products > MAX_PRODUCTS {
        return Err(ReadError::TooSlow { found: products });
    }
    // The reader gives the picture as a vector, and its shape by a Reshape right behind it.
    let first = network
        .nodes
        .iter()
        .find(|node| node.inputs == [Source::Input]);
    let size = match first.map(|node| (&node.op, node.shape)) {
        Some((Op::Move(Move::Reshape), shape)) if shape.channels == 1 => {
            (shape.height, shape.width)
        }
        Some((Op::Move(Move::Reshape), shape)) => {
            // Channels come where the network has them by a transposition, behind which their
            // picture has its shape.
            let moves = network.nodes.iter();
            let moves = moves.take_while(|node| matches!(node.op, Op::Move(_)));
            return Err(ReadError::Input {
                found: moves.last().map_or(shape, |node| node.shape).to_string(),
            });
        }
        _ => {
            let pixels = network.input.len();
            let side = pixels.isqrt();
            if side * side != pixels {
                return Err(ReadError::Input {
                    found: Shape::vector(pixels).to_string(),
                });
            }
            (side, side)
        }
    };
    Ok(NetworkClassifier {
        network,
        features,
        size,
    })
}

/// Multiplications for one sample.
fn products(network: &Network) -> usize {
    let of_node = |node: &Node<Float>| match &node.op {
        // Each output, or each input of a transposed convolution, meets the whole kernel at most.
        Op::Linear(kind, linear) if kind.window().is_some() => {
            linear.weight.len().saturating_mul(node.shape.pixels())
        }
        Op::Linear(_, linear) => linear.weight.len(),
        Op::Norm(_) | Op::Pointwise(_) | Op::Move(_) | Op::Combine(..) => node.shape.len(),
    };
    network
        .nodes
        .iter()
        .map(of_node)
        .fold(0, usize::saturating_add)
}

impl Classifier for NetworkClassifier {
    fn size(&self) -> (usize, usize) {
        self.size
    }

    fn classes(&self) -> usize {
        self.network.output.len()
    }

    fn activations(&self, pictures: ArrayView2<f32>) -> Activations {
        let mut outputs = forward::all_layers(&self.network, pictures);
        let logits = outputs.pop().unwrap_or_default();
        let features = match outputs.get_mut(self.features) {
            Some(features) => std::mem::take(features),
            None => Array2::default((0, 0)),
        };
        Activations { features, logits }
    }
}
