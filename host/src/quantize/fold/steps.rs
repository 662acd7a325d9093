//! The pass over a network's nodes that makes the steps.

use super::super::QuantizeError;
use super::graph::{Graph, is_vector};
use super::linear::{Linear, affine, rows_of_conv, rows_of_conv_transpose};
use super::{Folded, FoldedKind, Function, source_shape, unused};
use crate::forward::conv::Geometry;
use crate::network::{BatchNorm, Layer, Network, Shape, Source};
use ndarray::Array1;
use shared::arithmetic::Activation;

/// Batch normalisation that cannot be folded becomes a layer with weights on its diagonal; of no more channels than
/// this, since its weights are the square of them.
const MAX_DIAGONAL: usize = 512;

/// Factors and summands of each element, to be taken in by the layers behind.
type Pending = (Array1<f64>, Array1<f64>);

struct Folding<'a> {
    network: &'a Network,
    graph: Graph<'a>,
    steps: Vec<Folded>,
    /// The step that stands for each node.
    values: Vec<Source>,
    /// What is left to do to each node's output.
    pending: Vec<Option<Pending>>,
    /// Whether a step's output holds elements of the label as they are.
    holds_label: Vec<bool>,
}

/// Folds a network into steps. Names stay unique.
///
/// A reshape at the very end that only gives a vector the picture's shape makes no step.
///
/// # Errors
/// [`QuantizeError::NothingToFold`] and [`QuantizeError::Network`].
pub fn fold(network: &Network) -> Result<Vec<Folded>, QuantizeError> {
    let graph = Graph::new(network)?;
    let count = network.nodes.len();
    let mut folding = Folding {
        network,
        graph,
        steps: Vec::new(),
        values: vec![Source::Input; count],
        pending: vec![None; count],
        holds_label: Vec::new(),
    };
    let live: Vec<usize> = folding.graph.live().collect();
    for index in live {
        folding.node(index)?;
    }
    if folding.holds_label.last() == Some(&true) {
        // The picture's exponent is not the label's.
        let last = Source::Node(folding.steps.len() - 1);
        folding.copy(folding.graph.output, last)?;
    }
    Ok(folding.steps)
}

impl Folding<'_> {
    fn node(&mut self, index: usize) -> Result<(), QuantizeError> {
        let network = self.network;
        let node = &network.nodes[index];
        let read = self.graph.inputs(index);
        let inputs: Vec<Source> = read.iter().map(|&source| self.step_of(source)).collect();
        let pending = match read.first() {
            Some(Source::Node(before)) => self.pending[*before].clone(),
            _ => None,
        };
        let shape = self.graph.shapes[index];
        let mut kind = match &node.layer {
            Layer::Dense(dense) => {
                let linear = Linear::new(dense.weight.mapv(f64::from), dense.bias.mapv(f64::from));
                match inputs[..] {
                    // Exactly one column is on.
                    [Source::Label] if pending.is_none() => FoldedKind::Embedding(linear),
                    _ => FoldedKind::Dense(linear),
                }
            }
            Layer::Conv(conv) => FoldedKind::Conv(
                Linear::new(rows_of_conv(&conv.weight), conv.bias.mapv(f64::from)),
                conv.geometry(),
            ),
            Layer::ConvTranspose(conv) => FoldedKind::ConvTranspose(
                Linear::new(
                    rows_of_conv_transpose(&conv.weight),
                    conv.bias.mapv(f64::from),
                ),
                conv.geometry(),
            ),
            Layer::Embedding { table } => FoldedKind::Embedding(Linear::new(
                table.t().mapv(f64::from).as_standard_layout().into_owned(),
                Array1::zeros(table.ncols()),
            )),
            Layer::BatchNorm(norm) => return self.batch_norm(index, norm, inputs[0]),
            Layer::LeakyRelu { slope } => {
                return self.function(index, Function::LeakyRelu(*slope), inputs[0]);
            }
            Layer::Relu => return self.function(index, Function::Relu, inputs[0]),
            Layer::Tanh => return self.function(index, Function::Tanh, inputs[0]),
            Layer::Sigmoid => return self.function(index, Function::Sigmoid, inputs[0]),
            Layer::Upsample { factor } => FoldedKind::Upsample { factor: *factor },
            Layer::Reshape { .. } => {
                self.pending[index].clone_from(&pending);
                FoldedKind::Reshape
            }
            Layer::Concat => FoldedKind::Concat,
        };
        if let (FoldedKind::Dense(linear), Some((factors, summands))) = (&mut kind, &pending) {
            linear.prepend(factors, summands);
        }
        let reshaped = matches!(kind, FoldedKind::Reshape);
        let before = inputs.first().copied();
        self.push(index, node.name.clone(), inputs, kind, shape);
        if reshaped && pending.is_some() {
            // It reshapes what came before the normalisation.
            if let (Some(Source::Node(before)), Some(own)) =
                (before, self.steps.len().checked_sub(1))
            {
                self.steps[own].layer = self.steps[before].layer;
            }
        }
        Ok(())
    }

    fn push(
        &mut self,
        node: usize,
        name: String,
        inputs: Vec<Source>,
        kind: FoldedKind,
        shape: Shape,
    ) {
        let hands_on = match kind {
            FoldedKind::Reshape | FoldedKind::Concat | FoldedKind::Upsample { .. } => true,
            FoldedKind::Table(function) => function.keeps_factors(),
            _ => false,
        };
        let holds_label = hands_on && inputs.iter().any(|&source| self.is_label(source));
        self.holds_label.push(holds_label);
        self.values[node] = Source::Node(self.steps.len());
        self.steps.push(Folded {
            name,
            layer: node,
            inputs,
            kind,
            shape,
        });
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

    /// The layer with weights that gives a value, perhaps through reshapes, where it has no activation yet and nothing
    /// else reads what it gives.
    fn open(&self, mut source: Source) -> Option<usize> {
        loop {
            let Source::Node(index) = source else {
                return None;
            };
            let step = &self.steps[index];
            if self.graph.reads(step.layer) != 1 {
                return None;
            }
            match &step.kind {
                FoldedKind::Reshape => source = *step.inputs.first()?,
                kind => {
                    let activation = kind.linear()?.activation;
                    return (activation == Activation::None).then_some(index);
                }
            }
        }
    }

    /// Everything from a step that was open to `source` now gives what `node` does.
    fn take_over(&mut self, node: usize, step: usize, source: Source) {
        let mut at = source;
        while let Source::Node(index) = at {
            self.steps[index].layer = node;
            if index == step {
                break;
            }
            at = self.steps[index].inputs[0];
        }
        self.values[node] = source;
    }

    fn batch_norm(
        &mut self,
        index: usize,
        norm: &BatchNorm,
        source: Source,
    ) -> Result<(), QuantizeError> {
        let shape = self.graph.shapes[index];
        let pixels = shape.height * shape.width;
        if let Some(step) = self.open(source) {
            let before = self.steps[step].shape;
            let own = before.height * before.width;
            // Elements keep their order in reshapes: an output's elements must all be of one channel.
            if pixels.is_multiple_of(own)
                && let Some(linear) = self.steps[step].kind.linear_mut()
            {
                linear.normalise(norm, |output| output * own / pixels);
                self.take_over(index, step, source);
                return Ok(());
            }
        }
        let (factors, summands) = affine(norm);
        if self.graph.feeds_dense_alone(index) {
            let spread = |values: &Array1<f64>| {
                Array1::from_shape_fn(shape.len(), |element| values[element / pixels])
            };
            self.pending[index] = Some((spread(&factors), spread(&summands)));
            self.values[index] = source;
            return Ok(());
        }
        let name = self.network.nodes[index].name.clone();
        self.diagonal(index, name, source, Linear::diagonal(&factors, summands))
    }

    /// A layer with one weight a channel.
    fn diagonal(
        &mut self,
        node: usize,
        name: String,
        source: Source,
        linear: Linear,
    ) -> Result<(), QuantizeError> {
        let shape = source_shape(&self.steps, self.network.input, source);
        if shape.channels > MAX_DIAGONAL {
            return Err(QuantizeError::NothingToFold {
                layer: name,
                channels: shape.channels,
                limit: MAX_DIAGONAL,
            });
        }
        let kind = if source == Source::Label {
            FoldedKind::Embedding(linear)
        } else if is_vector(shape) {
            FoldedKind::Dense(linear)
        } else {
            let geometry = Geometry {
                kernel: [1, 1],
                stride: [1, 1],
                corner: [0, 0],
            };
            FoldedKind::Conv(linear, geometry)
        };
        self.push(node, name, vec![source], kind, shape);
        Ok(())
    }

    /// A layer that gives what it is given, so that the label's scale ends there.
    fn copy(&mut self, node: usize, source: Source) -> Result<(), QuantizeError> {
        let shape = source_shape(&self.steps, self.network.input, source);
        let name = unused(
            &self.steps,
            self.network,
            &format!("{}.copy", self.base(source)),
        );
        let ones = Array1::ones(shape.channels);
        self.diagonal(
            node,
            name,
            source,
            Linear::diagonal(&ones, Array1::zeros(shape.channels)),
        )
    }

    fn function(
        &mut self,
        index: usize,
        function: Function,
        mut source: Source,
    ) -> Result<(), QuantizeError> {
        if let Some(step) = self.open(source) {
            let taken_in = match &mut self.steps[step].kind {
                FoldedKind::Embedding(linear) => {
                    // One column is on: the function of the sum is the sum of the function.
                    for (mut row, bias) in
                        linear.weight.rows_mut().into_iter().zip(&mut linear.bias)
                    {
                        row.mapv_inplace(|w| function.at(w + *bias));
                        *bias = 0.0;
                    }
                    true
                }
                kind => match (kind.linear_mut(), fused(function)) {
                    (Some(linear), Some(fused)) => {
                        linear.activation = fused;
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
            self.copy(index, source)?;
            if let Source::Node(before) = source {
                let copy = self.steps.len() - 1;
                self.steps[copy].layer = self.steps[before].layer;
            }
            source = self.values[index];
        }
        let wanted = format!("{}.{}", self.base(source), function.suffix());
        let name = unused(&self.steps, self.network, &wanted);
        let shape = self.graph.shapes[index];
        self.push(
            index,
            name,
            vec![source],
            FoldedKind::Table(function),
            shape,
        );
        Ok(())
    }

    /// The name of the layer with weights that a value comes from, or of what joins several.
    fn base(&self, mut source: Source) -> &str {
        while let Source::Node(index) = source {
            let step = &self.steps[index];
            match (&step.kind, step.inputs.first()) {
                (
                    FoldedKind::Table(_) | FoldedKind::Reshape | FoldedKind::Upsample { .. },
                    Some(&before),
                ) => source = before,
                _ => return &step.name,
            }
        }
        "input"
    }
}

/// The activation of the arithmetic that a function is, where it has one.
fn fused(function: Function) -> Option<Activation> {
    match function {
        Function::Relu => Some(Activation::Relu),
        Function::LeakyRelu(slope) => (1u8..=7)
            .find(|&k| slope == 2f32.powi(-i32::from(k)))
            .map(|slope_shift| Activation::LeakyRelu { slope_shift }),
        _ => None,
    }
}
