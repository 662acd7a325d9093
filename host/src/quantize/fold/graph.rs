//! Who reads what in a float network, once nodes that change nothing are looked through and unread ones are left out.

use super::super::QuantizeError;
use crate::network::{Layer, Network, NetworkError, Node, Shape, Source};

/// A checked network's nodes that matter.
pub struct Graph<'a> {
    network: &'a Network,
    /// Shape of each node's output.
    pub shapes: Vec<Shape>,
    /// What stands for each node's output: the node itself, or what it hands on unchanged.
    alias: Vec<Source>,
    /// For each node, which nodes read it; a node that reads it twice is there twice.
    readers: Vec<Vec<usize>>,
    live: Vec<bool>,
    /// The node that gives the picture.
    pub output: usize,
}

impl<'a> Graph<'a> {
    /// Checks the network and finds its readers.
    ///
    /// # Errors
    /// [`QuantizeError::Network`], also where the output does not come from a layer with weights.
    pub fn new(network: &'a Network) -> Result<Self, QuantizeError> {
        let shapes = network.shapes()?;
        let count = network.nodes.len();
        let mut graph = Self {
            network,
            shapes,
            alias: Vec::with_capacity(count),
            readers: vec![Vec::new(); count],
            live: vec![false; count],
            output: 0,
        };
        for (index, node) in network.nodes.iter().enumerate() {
            let alias = graph.handed_on(node);
            graph.alias.push(alias.unwrap_or(Source::Node(index)));
        }
        graph.output = graph.output()?;
        graph.find_readers();
        let has_weights = |index: &usize| {
            matches!(
                network.nodes[*index].layer,
                Layer::Dense(_)
                    | Layer::Conv(_)
                    | Layer::ConvTranspose(_)
                    | Layer::Embedding { .. }
            )
        };
        if !graph.live().any(|index| has_weights(&index)) {
            return Err(NetworkError::NoWeights.into());
        }
        Ok(graph)
    }

    /// The nodes that the picture depends on, in order.
    pub fn live(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.live.len()).filter(|&index| self.live[index])
    }

    /// What a node reads, looking through what changes nothing.
    pub fn inputs(&self, node: usize) -> Vec<Source> {
        let inputs = self.network.nodes[node].inputs.iter();
        inputs.map(|&source| self.resolve(source)).collect()
    }

    /// How often a node's output is read; the picture counts once.
    pub fn reads(&self, node: usize) -> usize {
        self.readers[node].len() + usize::from(node == self.output)
    }

    /// Whether all that a node's output goes into is fully connected layers, perhaps reshaped on the way.
    pub fn feeds_dense_alone(&self, node: usize) -> bool {
        node != self.output
            && self.readers[node]
                .iter()
                .all(|&reader| match self.network.nodes[reader].layer {
                    Layer::Dense(_) => true,
                    Layer::Reshape { .. } => self.feeds_dense_alone(reader),
                    _ => false,
                })
    }

    fn resolve(&self, source: Source) -> Source {
        match source {
            Source::Node(index) => self.alias.get(index).copied().unwrap_or(source),
            // Without a label both are the same.
            Source::Latent if self.network.input.classes == 0 => Source::Input,
            _ => source,
        }
    }

    /// What a node hands on unchanged.
    fn handed_on(&self, node: &Node) -> Option<Source> {
        let first = self.resolve(*node.inputs.first()?);
        match &node.layer {
            Layer::Reshape { shape } => {
                let from = self.network.source_shape(first, &self.shapes)?;
                (from == *shape).then_some(first)
            }
            Layer::Concat => {
                (node.inputs == [Source::Latent, Source::Label]).then_some(Source::Input)
            }
            _ => None,
        }
    }

    /// The last node, or what it only gives the picture's shape to: vectors can be pictures as they are.
    fn output(&self) -> Result<usize, QuantizeError> {
        let mut output = self.alias.last().copied();
        loop {
            let Some(Source::Node(index)) = output else {
                return Err(NetworkError::NoWeights.into());
            };
            let node = &self.network.nodes[index];
            let from = node.inputs.first().map(|&source| self.resolve(source));
            match (&node.layer, from) {
                (Layer::Reshape { .. }, Some(Source::Node(before)))
                    if is_vector(self.shapes[before]) =>
                {
                    output = from;
                }
                _ => return Ok(index),
            }
        }
    }

    fn find_readers(&mut self) {
        self.live[self.output] = true;
        for index in (0..=self.output).rev() {
            if !self.live[index] {
                continue;
            }
            for source in self.inputs(index) {
                if let Source::Node(before) = source {
                    self.live[before] = true;
                    self.readers[before].push(index);
                }
            }
        }
    }
}

/// Whether a shape has one element a channel.
pub fn is_vector(shape: Shape) -> bool {
    (shape.height, shape.width) == (1, 1)
}

/// Whether a layer may become a step of its own name.
pub fn keeps_its_name(layer: &Layer) -> bool {
    !matches!(
        layer,
        Layer::LeakyRelu { .. } | Layer::Relu | Layer::Tanh | Layer::Sigmoid
    )
}
