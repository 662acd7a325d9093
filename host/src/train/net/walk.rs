//! How the trainer runs through the nodes of a graph.

use burn_tensor::Tensor;

use crate::graph::{Graph, InputSpec, Node, Phase, Source};
use crate::train::ops::Kernels;

/// What a network is given, each of shape (batch, values).
#[derive(Debug, Clone)]
pub enum Given<B: Kernels> {
    /// Latent vectors, or pictures, followed by one-hot labels.
    Whole(Tensor<B, 2>),
    /// The two apart. Without labels none is on.
    Parts(Tensor<B, 2>, Option<Tensor<B, 2>>),
}

impl<B: Kernels> Given<B> {
    fn latent(&self, spec: InputSpec) -> Tensor<B, 2> {
        match self {
            Self::Whole(x) => x.clone().narrow(1, 0, spec.latent),
            Self::Parts(latent, _) => latent.clone(),
        }
    }

    fn label(&self, spec: InputSpec) -> Tensor<B, 2> {
        match self {
            Self::Whole(x) => x.clone().narrow(1, spec.latent, spec.classes),
            Self::Parts(_, Some(label)) => label.clone(),
            Self::Parts(latent, None) => {
                Tensor::zeros([latent.dims()[0], spec.classes], &latent.device())
            }
        }
    }

    fn whole(&self, spec: InputSpec) -> Tensor<B, 2> {
        match self {
            Self::Whole(x) => x.clone(),
            Self::Parts(latent, _) if spec.classes == 0 => latent.clone(),
            Self::Parts(latent, _) => Tensor::cat(vec![latent.clone(), self.label(spec)], 1),
        }
    }

    /// The value of a source of a graph, where `outputs` are those of the nodes so far.
    pub fn value(&self, source: Source, spec: InputSpec, outputs: &[Tensor<B, 2>]) -> Tensor<B, 2> {
        match source {
            Source::Input => self.whole(spec),
            Source::Latent => self.latent(spec),
            Source::Label => self.label(spec),
            Source::Node(index) => outputs[index].clone(),
        }
    }
}

/// Runs through the nodes in order, and gives the output of each: `compute` is called with a node
/// and its inputs.
pub fn walk<P: Phase, B: Kernels>(
    graph: &Graph<P>,
    given: &Given<B>,
    mut compute: impl FnMut(usize, &Node<P>, Vec<Tensor<B, 2>>) -> Tensor<B, 2>,
) -> Vec<Tensor<B, 2>> {
    let mut outputs: Vec<Tensor<B, 2>> = Vec::with_capacity(graph.nodes.len());
    for (index, node) in graph.nodes.iter().enumerate() {
        let inputs = node.inputs.iter();
        let inputs = inputs.map(|source| given.value(*source, graph.input, &outputs));
        let output = compute(index, node, inputs.collect());
        outputs.push(output);
    }
    outputs
}
