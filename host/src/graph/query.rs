//! What every phase asks of a graph: shapes and values of sources, readers, which nodes matter.

use super::{Graph, InputSpec, Integer, Network, Node, Op, Phase, Shape, Source};
use ndarray::{Array2, ArrayView2, s};
use shared::latent;

/// Shape of a source of these nodes; without elements where there is no such node.
pub fn source_shape<P: Phase>(nodes: &[Node<P>], input: InputSpec, source: Source) -> Shape {
    match source {
        Source::Input => Shape::vector(input.len()),
        Source::Latent => Shape::vector(input.latent),
        Source::Label => Shape::vector(input.classes),
        Source::Node(index) => nodes.get(index).map_or(Shape::vector(0), |node| node.shape),
    }
}

/// Exponent of a source of integer nodes.
pub fn source_exponent(nodes: &[Node<Integer>], source: Source) -> i8 {
    match source {
        Source::Node(index) => nodes.get(index).map_or(0, |node| node.note.exponent),
        Source::Input | Source::Latent | Source::Label => latent::EXPONENT,
    }
}

/// What a source gives for a batch: `inputs` has shape (batch, latent + classes), `outputs` are
/// those of the nodes.
pub fn value<'a, T>(
    source: Source,
    input: InputSpec,
    inputs: ArrayView2<'a, T>,
    outputs: &'a [Array2<T>],
) -> ArrayView2<'a, T> {
    match source {
        Source::Input => inputs,
        Source::Latent => inputs.slice_move(s![.., ..input.latent]),
        Source::Label => inputs.slice_move(s![.., input.latent..]),
        Source::Node(index) => outputs[index].view(),
    }
}

/// Which nodes a node depends on, itself included. `inputs` gives what a node reads.
pub fn live(count: usize, output: usize, inputs: impl Fn(usize) -> Vec<Source>) -> Vec<bool> {
    let mut live = vec![false; count];
    if let Some(last) = live.get_mut(output) {
        *last = true;
    }
    // Readers come later, so each node is decided when it is its turn.
    for index in (0..count).rev() {
        if !live[index] {
            continue;
        }
        for source in inputs(index) {
            if let Source::Node(before) = source
                && let Some(slot) = live.get_mut(before)
            {
                *slot = true;
            }
        }
    }
    live
}

impl<P: Phase> Graph<P> {
    /// A graph without nodes.
    pub fn new(name: impl Into<String>, input: InputSpec, output: Shape, about: P::About) -> Self {
        Self {
            name: name.into(),
            input,
            nodes: Vec::new(),
            output,
            about,
        }
    }

    /// Appends a node and gives its output. Nothing is checked here.
    pub fn push(
        &mut self,
        name: impl Into<String>,
        op: Op<P>,
        inputs: Vec<Source>,
        shape: Shape,
        note: P::Note,
    ) -> Source {
        self.nodes.push(Node {
            name: name.into(),
            inputs,
            op,
            shape,
            note,
        });
        Source::Node(self.nodes.len() - 1)
    }

    /// Shape of a source; without elements where there is no such node.
    pub fn source_shape(&self, source: Source) -> Shape {
        source_shape(&self.nodes, self.input, source)
    }

    /// Shapes of all that a node reads.
    pub fn input_shapes(&self, node: &Node<P>) -> Vec<Shape> {
        let inputs = node.inputs.iter();
        inputs.map(|&source| self.source_shape(source)).collect()
    }

    /// Shape of what a node reads first; without elements where it reads nothing.
    pub fn first_shape(&self, node: &Node<P>) -> Shape {
        node.inputs
            .first()
            .map_or(Shape::vector(0), |&source| self.source_shape(source))
    }

    /// Number of elements that a node is given, all its inputs together.
    pub fn input_len(&self, node: &Node<P>) -> usize {
        self.input_shapes(node).iter().map(Shape::len).sum()
    }

    /// For each node, which nodes read it, in order; a node that reads it twice is there twice.
    pub fn readers(&self) -> Vec<Vec<usize>> {
        let mut readers = vec![Vec::new(); self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            for source in &node.inputs {
                if let Source::Node(before) = source
                    && let Some(slot) = readers.get_mut(*before)
                {
                    slot.push(index);
                }
            }
        }
        readers
    }

    /// For each node, the last one that reads it; `None` where nobody does.
    pub fn last_readers(&self) -> Vec<Option<usize>> {
        let readers = self.readers();
        readers.iter().map(|list| list.last().copied()).collect()
    }

    /// Names of the nodes with weights, in order.
    pub fn linear_names(&self) -> Vec<&str> {
        let linear = self.nodes.iter().filter(|node| node.op.linear().is_some());
        linear.map(|node| node.name.as_str()).collect()
    }
}

impl Graph<Integer> {
    /// Exponent of a source.
    pub fn source_exponent(&self, source: Source) -> i8 {
        source_exponent(&self.nodes, source)
    }

    /// The width of the weights of each node that has some, in order.
    pub fn bits(&self) -> Vec<super::Bits> {
        let linear = self.nodes.iter().filter_map(|node| node.op.linear());
        linear.map(|linear| linear.bits).collect()
    }
}

impl Network {
    /// A network whose nodes form a chain from [`Source::Input`] to the output, each with the shape
    /// of what it gives.
    pub fn chain(
        name: impl Into<String>,
        input: InputSpec,
        layers: impl IntoIterator<Item = (String, Op<super::Float>, Shape)>,
        output: Shape,
    ) -> Self {
        let mut network = Self::new(name, input, output, ());
        let mut head = Source::Input;
        for (name, op, shape) in layers {
            head = network.push(name, op, vec![head], shape, ());
        }
        network
    }
}
