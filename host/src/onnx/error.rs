//! Why an ONNX file cannot become a network.

use super::limits::WireFault;
use super::tensor::TensorFault;
use crate::graph::GraphError;
use crate::system::files::FileError;
use std::path::PathBuf;

/// Why a file is not a generator that this program can take.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// The file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// What is wrong with a file.
    #[error("{path}: {source}")]
    In {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: Box<OnnxError>,
    },
    /// The bytes are no protocol buffers, or hostile ones.
    #[error("not an ONNX file: {0}; export it again")]
    Wire(#[from] WireFault),
    /// The bytes cannot be decoded.
    #[error("not an ONNX file: {0}; export it again")]
    Decode(#[from] prost::DecodeError),
    /// Nothing to run.
    #[error("the ONNX file holds no graph; export it again")]
    NoGraph,
    /// Operators of too old a version.
    #[error(
        "the ONNX file uses version {found} of the standard operators, expected 7 or later; export it again with opset 17"
    )]
    Opset {
        /// The version; 0 where none is stated.
        found: i64,
    },
    /// A constant cannot be used.
    #[error("tensor {name}: {fault}")]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong.
        fault: TensorFault,
    },
    /// A node cannot be used.
    #[error("node {node} ({op}): {fault}")]
    Node {
        /// Its name, or its output's.
        node: String,
        /// Its operator.
        op: String,
        /// What is wrong.
        fault: NodeFault,
    },
    /// An input of the graph is not what a generator takes.
    #[error("input {name}: {why}")]
    Input {
        /// Its name.
        name: String,
        /// What is wrong and what to do.
        why: String,
    },
    /// The graph's output is not a picture.
    #[error("output: {0}")]
    Output(String),
    /// The layers do not fit each other.
    #[error(transparent)]
    Network(#[from] GraphError),
}

/// What is wrong with one node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodeFault {
    /// An operator that this program does not know.
    #[error("this operator is not supported; supported are {0}")]
    Unsupported(String),
    /// An operator of somebody's own.
    #[error("operators of the domain {0} are not supported; export with standard operators only")]
    Domain(String),
    /// An input is not there.
    #[error("its input {0} is missing")]
    Missing(usize),
    /// An input's name is not known before this node.
    #[error("it reads {0}, which no node before it, input or initializer gives")]
    Unknown(String),
    /// An input must be a constant and is computed.
    #[error("its input {0} must be a constant; export with constant folding, in evaluation mode")]
    NotConstant(String),
    /// An input must be computed from the graph's inputs and is a constant.
    #[error("its input {0} is a constant, expected a value that depends on the latent vector")]
    NotData(String),
    /// A label that is a number where a vector is needed.
    #[error(
        "it reads {0}, which is a class's index; only Gather of an embedding and OneHot take an index"
    )]
    Index(String),
    /// Two tables or depths for one label.
    #[error("it is made for {found} classes, but the label has {expected}")]
    Classes {
        /// What the node is made for.
        found: usize,
        /// What the label has.
        expected: usize,
    },
    /// Too many nodes.
    #[error("the graph has more than {0} layers; a model image holds no more")]
    TooManyNodes(usize),
    /// An attribute has a value that cannot be used.
    #[error("its attribute {name} is {value}, expected {expected}")]
    Attribute {
        /// Name of the attribute.
        name: &'static str,
        /// Its value.
        value: String,
        /// What would be accepted.
        expected: &'static str,
    },
    /// A shape does not fit.
    #[error("its {what} has shape {found}, expected {expected}")]
    Shape {
        /// What does not fit.
        what: &'static str,
        /// The shape.
        found: String,
        /// What would fit.
        expected: String,
    },
    /// What it would become is no layer of a network.
    #[error(transparent)]
    Network(Box<GraphError>),
    /// The operator is known, but not in this place.
    #[error("{0}")]
    Place(&'static str),
}

impl From<GraphError> for NodeFault {
    fn from(error: GraphError) -> Self {
        Self::Network(Box::new(error))
    }
}
