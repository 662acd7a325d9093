//! The pass over a network's nodes that folds them.

use super::super::QuantizeError;
use super::reads::Reads;
use super::weights::{diagonal, normalise, prepend};
use super::{pixels_name, unused};
use crate::graph::{
    BatchNorm, Ending, Folded, Function, Graph, Linear, LinearKind, Network, Op, Shape, Source,
    Window,
};
use crate::ops::activations::{self, suffix};
use ndarray::Array1;
use shared::arithmetic::Activation;
use shared::image::PixelRange;

/// Batch normalisation that cannot be folded becomes a layer with weights on its diagonal; of no
/// more channels than this, since its weights are the square of them.
const MAX_DIAGONAL: usize = 512;

/// Factors and summands of each element, to be taken in by the layers behind.
type Pending = (Array1<f64>, Array1<f64>);

struct Folding<'a> {
    network: &'a Network,
    reads: Reads<'a>,
    folded: Graph<Folded>,
    /// The folded node that stands for each node.
    values: Vec<Source>,
    /// What is left to do to each node's output.
    pending: Vec<Option<Pending>>,
    /// Whether a step's output holds elements of the label as they are.
    holds_label: Vec<bool>,
}

/// Folds a network. Names stay unique.
///
/// A reshape at the very end that only gives a vector the picture's shape makes no node.
///
/// # Errors
/// [`QuantizeError::NothingToFold`] and [`QuantizeError::Network`].
pub fn fold(network: &Network) -> Result<Graph<Folded>, QuantizeError> {
    let reads = Reads::new(network)?;
    let count = network.nodes.len();
    let mut folding = Folding {
        network,
        reads,
        folded: Graph::new(
            &network.name,
            network.input,
            network.output,
            Ending {
                pixel_range: pixel_range(network),
                pixels: String::new(),
            },
        ),
        values: vec![Source::Input; count],
        pending: vec![None; count],
        holds_label: Vec::new(),
    };
    let live: Vec<usize> = folding.reads.live().collect();
    for index in live {
        folding.node(index)?;
    }
    if folding.holds_label.last() == Some(&true) {
        // The picture's exponent is not the label's.
        let last = Source::Node(folding.folded.nodes.len() - 1);
        folding.copy(folding.reads.output, last)?;
    }
    let mut folded = folding.folded;
    folded.about.pixels = pixels_name(&folded.nodes, network);
    Ok(folded)
}

impl Folding<'_> {
    fn node(&mut self, index: usize) -> Result<(), QuantizeError> {
        let network = self.network;
        let node = &network.nodes[index];
        let read = self.reads.inputs(index);
        let mut inputs: Vec<Source> = read.iter().map(|&source| self.step_of(source)).collect();
        let pending = match read.first() {
            Some(Source::Node(before)) => self.pending[*before].clone(),
            _ => None,
        };
        let mut op = match &node.op {
            Op::Linear(kind, linear) => {
                let double = Linear::new(
                    linear
                        .weight
                        .mapv(f64::from)
                        .as_standard_layout()
                        .into_owned(),
                    linear.bias.mapv(f64::from),
                );
                let kind = match (kind, &inputs[..]) {
                    // Exactly one column is on.
                    (LinearKind::Dense, [Source::Label]) if pending.is_none() => {
                        LinearKind::Embedding
                    }
                    _ => *kind,
                };
                Op::Linear(kind, double)
            }
            Op::Norm(norm) => return self.batch_norm(index, norm, inputs[0]),
            Op::Pointwise(function) => return self.function(index, *function, inputs[0]),
            Op::Move(moved) => {
                if moved.operator().keeps_order() {
                    self.pending[index].clone_from(&pending);
                }
                if moved.fill() != 0.0 && self.is_label(inputs[0]) {
                    // Beside a constant, the label's scale ends.
                    inputs[0] = self.copied(index, inputs[0])?;
                }
                Op::Move(*moved)
            }
            Op::Combine(combine, ()) => {
                if !combine.operator().hands_on() {
                    // The label's scale ends before it: what is combined has one scale.
                    for input in &mut inputs {
                        if self.is_label(*input) {
                            *input = self.copied(index, *input)?;
                        }
                    }
                }
                Op::Combine(*combine, Activation::None)
            }
        };
        if let (Op::Linear(_, linear), Some((factors, summands))) = (&mut op, &pending) {
            prepend(linear, factors, summands);
        }
        let moved = matches!(op, Op::Move(_));
        let before = inputs.first().copied();
        self.push(index, node.name.clone(), inputs, op, node.shape);
        if moved && pending.is_some() {
            // It moves what came before the normalisation.
            if let (Some(Source::Node(before)), Some(own)) =
                (before, self.folded.nodes.len().checked_sub(1))
            {
                self.folded.nodes[own].note = self.folded.nodes[before].note;
            }
        }
        Ok(())
    }

    fn push(
        &mut self,
        node: usize,
        name: String,
        inputs: Vec<Source>,
        op: Op<Folded>,
        shape: Shape,
    ) {
        let hands_on = match &op {
            Op::Move(_) => true,
            Op::Combine(combine, _) => combine.operator().hands_on(),
            Op::Pointwise(function) => function.keeps_factors(),
            Op::Linear(..) => false,
            Op::Norm(norm) => match *norm {},
        };
        let holds_label = hands_on && inputs.iter().any(|&source| self.is_label(source));
        self.holds_label.push(holds_label);
        self.values[node] = Source::Node(self.folded.nodes.len());
        self.folded
            .push(name, op, inputs, shape, Source::Node(node));
    }

    fn step_of(&self, source: Source) -> Source {
        match source {
            Source::Node(index) => self.values[index],
            _ => source,
        }
    }

    fn is_label(&self, source: Source) -> bool {
        match source {
            Source::Node(step) => self.holds_label[step],
            Source::Input => self.network.input.classes > 0,
            Source::Latent => false,
            Source::Label => true,
        }
    }

    /// The layer that gives a value, perhaps through reshapes, where it takes an activation in, has
    /// none yet, and nothing else reads what it gives.
    fn open(&self, mut source: Source) -> Option<usize> {
        loop {
            let Source::Node(index) = source else {
                return None;
            };
            let step = &self.folded.nodes[index];
            match step.note {
                Source::Node(node) if self.reads.reads(node) == 1 => {}
                _ => return None,
            }
            match &step.op {
                Op::Move(moved) if moved.operator().keeps_order() => {
                    source = *step.inputs.first()?
                }
                op => {
                    let activation = activations::of(op)?;
                    return (activation == Activation::None).then_some(index);
                }
            }
        }
    }

    /// Everything from a step that was open to `source` now gives what `node` does.
    fn take_over(&mut self, node: usize, step: usize, source: Source) {
        let mut at = source;
        while let Source::Node(index) = at {
            self.folded.nodes[index].note = Source::Node(node);
            if index == step {
                break;
            }
            at = self.folded.nodes[index].inputs[0];
        }
        self.values[node] = source;
    }

    fn batch_norm(
        &mut self,
        index: usize,
        norm: &BatchNorm,
        source: Source,
    ) -> Result<(), QuantizeError> {
        let shape = self.network.nodes[index].shape;
        if let Some(step) = self.open(source) {
            let before = self.folded.nodes[step].shape;
            // Elements keep their order on the way: an output's elements must all be of one
            // channel.
            let channel = |output: usize, pixel: usize| shape.channel(before.at(output, pixel));
            let one_channel = (0..before.channels).all(|output| {
                (1..before.pixels()).all(|pixel| channel(output, pixel) == channel(output, 0))
            });
            if one_channel && let Some(linear) = self.folded.nodes[step].op.linear_mut() {
                normalise(linear, norm, |output| channel(output, 0));
                self.take_over(index, step, source);
                return Ok(());
            }
        }
        let (factors, summands) = norm.affine();
        if self.reads.feeds_dense_alone(index) {
            let spread = |values: &Array1<f64>| {
                Array1::from_shape_fn(shape.len(), |element| values[shape.channel(element)])
            };
            self.pending[index] = Some((spread(&factors), spread(&summands)));
            self.values[index] = source;
            return Ok(());
        }
        let name = self.network.nodes[index].name.clone();
        self.diagonal(index, name, source, diagonal(&factors, summands))
    }

    /// A layer with one weight a channel.
    fn diagonal(
        &mut self,
        node: usize,
        name: String,
        source: Source,
        linear: Linear<f64>,
    ) -> Result<(), QuantizeError> {
        let shape = self.folded.source_shape(source);
        if shape.channels > MAX_DIAGONAL {
            return Err(QuantizeError::NothingToFold {
                layer: name,
                channels: shape.channels,
                limit: MAX_DIAGONAL,
            });
        }
        let kind = if source == Source::Label {
            LinearKind::Embedding
        } else if shape.is_vector() {
            LinearKind::Dense
        } else {
            LinearKind::Conv(Window::POINT)
        };
        self.push(node, name, vec![source], Op::Linear(kind, linear), shape);
        Ok(())
    }

    /// A layer that gives what it is given, so that the label's scale ends there.
    fn copy(&mut self, node: usize, source: Source) -> Result<(), QuantizeError> {
        let shape = self.folded.source_shape(source);
        let name = unused(
            &self.folded.nodes,
            self.network,
            &format!("{}.copy", self.base(source)),
        );
        let ones = Array1::ones(shape.channels);
        self.diagonal(
            node,
            name,
            source,
            diagonal(&ones, Array1::zeros(shape.channels)),
        )
    }

    /// Such a layer in front of a node.
    fn copied(&mut self, index: usize, source: Source) -> Result<Source, QuantizeError> {
        self.copy(index, source)?;
        let copied = match source {
            Source::Node(before) => self.folded.nodes[before].note,
            Source::Input | Source::Latent | Source::Label => source,
        };
        if let Some(copy) = self.folded.nodes.last_mut() {
            copy.note = copied;
        }
        Ok(self.values[index])
    }

    fn function(
        &mut self,
        index: usize,
        function: Function,
        mut source: Source,
    ) -> Result<(), QuantizeError> {
        if let Some(step) = self.open(source) {
            let taken_in = match &mut self.folded.nodes[step].op {
                Op::Linear(kind, linear) if kind.is_table() => {
                    // One column is on: the function of the sum is the sum of the function.
                    for (mut row, bias) in
                        linear.weight.rows_mut().into_iter().zip(&mut linear.bias)
                    {
                        row.mapv_inplace(|w| function.at(w + *bias));
                        *bias = 0.0;
                    }
                    true
                }
                op => match (activations::slot(op), function.fused()) {
                    (Some(slot), Some(fused)) => {
                        *slot = fused;
                        true
                    }
                    _ => false,
                },
            };
            if taken_in {
                self.take_over(index, step, source);
                return Ok(());
            }
        }
        if self.is_label(source) && !function.keeps_factors() {
            source = self.copied(index, source)?;
        }
        let wanted = format!("{}.{}", self.base(source), suffix(function));
        let name = unused(&self.folded.nodes, self.network, &wanted);
        let shape = self.network.nodes[index].shape;
        self.push(index, name, vec![source], Op::Pointwise(function), shape);
        Ok(())
    }

    /// The name of the layer with weights that a value comes from, or of what joins several.
    fn base(&self, mut source: Source) -> &str {
        while let Source::Node(index) = source {
            let step = &self.folded.nodes[index];
            match (&step.op, step.inputs.first()) {
                (Op::Pointwise(_) | Op::Move(_), Some(&before)) => source = before,
                _ => return &step.name,
            }
        }
        "input"
    }
}

/// What the picture's values mean: those that cannot be negative start at black.
pub fn pixel_range(network: &Network) -> PixelRange {
    let mut at = network.nodes.last();
    while let Some(node) = at {
        match (&node.op, node.inputs.first()) {
            (Op::Move(moved), Some(Source::Node(before))) if moved.fill() >= 0.0 => {
                at = network.nodes.get(*before);
            }
            (Op::Pointwise(function), _) if function.is_positive() => return PixelRange::Unit,
            _ => break,
        }
    }
    PixelRange::Signed
}
