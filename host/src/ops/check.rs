//! The checks that make every later access safe: shapes, orders, finite parameters, unique names.

use super::{batch_norm, parameter};
use crate::graph::{
    Columns, Combine, Float, Graph, GraphError, MAX_ELEMENTS, MAX_NODES, MAX_SIDE, Network, Node,
    Op, Phase, Shape, Source, Window,
};
use std::collections::BTreeSet;

/// Kernels, strides and dilations are bytes in a model image.
const MAX_WINDOW: usize = 255;

impl Network {
    /// Checks that every shape fits the next, that all parameters are finite and all names differ.
    ///
    /// # Errors
    /// [`GraphError`] names the node.
    pub fn check(&self) -> Result<(), GraphError> {
        check_nodes(self, check_op)?;
        let has_weights = self.nodes.iter().any(|node| {
            let kind = node.op.linear_kind();
            kind.is_some_and(|kind| kind.columns() != Columns::Classes)
        });
        match self.nodes.last().map(|node| node.shape) {
            Some(last) if last == self.output && has_weights => Ok(()),
            Some(last) if has_weights => Err(GraphError::Picture {
                found: last,
                picture: self.output,
            }),
            _ => Err(GraphError::NoWeights),
        }
    }
}

/// Checks names, order, number and size of a graph's tensors, and each node by `check`, which is
/// given the shapes of its inputs.
///
/// # Errors
/// [`GraphError`] names the node.
pub fn check_nodes<P: Phase>(
    graph: &Graph<P>,
    check: impl Fn(&Node<P>, &[Shape]) -> Result<(), GraphError>,
) -> Result<(), GraphError> {
    if graph.nodes.len() > MAX_NODES {
        return Err(GraphError::TooManyNodes(graph.nodes.len()));
    }
    if graph.input.classes > 255 {
        return Err(GraphError::Classes(graph.input.classes));
    }
    size("the input", Shape::vector(graph.input.len()))?;
    let mut names = BTreeSet::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        if !names.insert(&node.name) {
            return Err(GraphError::Name(node.name.clone()));
        }
        let inputs = input_shapes(graph, index, node)?;
        check(node, &inputs)?;
        size(&node.name, node.shape)?;
    }
    Ok(())
}

fn input_shapes<P: Phase>(
    graph: &Graph<P>,
    index: usize,
    node: &Node<P>,
) -> Result<Vec<Shape>, GraphError> {
    let takes = match &node.op {
        Op::Combine(combine, _) => combine.operator().takes(node.inputs.len()),
        Op::Linear(..) | Op::Norm(_) | Op::Pointwise(_) | Op::Move(_) => {
            if node.inputs.len() == 1 {
                Ok(())
            } else {
                Err("one")
            }
        }
    };
    takes.map_err(|expected| GraphError::Inputs {
        layer: node.name.clone(),
        found: node.inputs.len(),
        expected,
    })?;
    let order = || GraphError::Order {
        layer: node.name.clone(),
    };
    match node.op.linear_kind().map(|kind| kind.columns()) {
        Some(Columns::Classes) if node.inputs != [Source::Label] => return Err(order()),
        Some(Columns::Rows { count }) if !is_number(graph, node, count) => {
            let layer = node.name.clone();
            return Err(GraphError::Number { layer, rows: count });
        }
        _ => {}
    }
    let shape = |source: &Source| match source {
        Source::Node(before) if *before >= index => Err(order()),
        source => Some(graph.source_shape(*source))
            .filter(|shape| !shape.is_empty())
            .ok_or_else(order),
    };
    node.inputs.iter().map(shape).collect()
}

/// Whether what a node reads is the number of one of so many rows.
fn is_number<P: Phase>(graph: &Graph<P>, node: &Node<P>, rows: usize) -> bool {
    let before = match node.inputs[..] {
        [Source::Node(before)] => graph.nodes.get(before),
        _ => None,
    };
    before.is_some_and(|before| {
        matches!(before.op, Op::Combine(Combine::Argmax, _))
            && graph.first_shape(before).channels <= rows
    })
}

/// Checks one node of a float network: its parameters, and its output's shape.
fn check_op(node: &Node<Float>, inputs: &[Shape]) -> Result<(), GraphError> {
    let name = node.name.as_str();
    // `input_shapes` has made sure that there is one.
    let from = inputs.first().copied().unwrap_or(Shape::vector(0));
    match &node.op {
        Op::Linear(kind, linear) => {
            let dim = linear.weight.dim();
            kind.operator().check(name, dim, from, node.shape)?;
            parameter::check(name, "a bias", dim.0, &linear.bias)?;
            let what = if kind.is_table() {
                "an entry"
            } else {
                "a weight"
            };
            parameter::finite(name, what, linear.weight.iter())
        }
        Op::Norm(norm) => {
            batch_norm::check(name, norm, from)?;
            gives(name, from, node.shape)
        }
        Op::Pointwise(function) => {
            if let crate::graph::Function::LeakyRelu(slope) = function {
                parameter::finite(name, "a slope", std::iter::once(slope))?;
            }
            gives(name, from, node.shape)
        }
        Op::Move(moved) => moved.operator().check(name, from, node.shape),
        Op::Combine(combine, ()) => combine.operator().check(name, inputs, node.shape),
    }
}

/// Checks that an operation's own shape is the one that it gives.
///
/// # Errors
/// [`GraphError::Output`].
pub fn gives(layer: &str, given: Shape, to: Shape) -> Result<(), GraphError> {
    if given == to {
        return Ok(());
    }
    Err(GraphError::Output {
        layer: layer.to_owned(),
        given,
        stated: to,
    })
}

fn wrong_window<T>(
    layer: &str,
    what: &'static str,
    found: String,
    expected: &'static str,
) -> Result<T, GraphError> {
    Err(GraphError::Window {
        layer: layer.to_owned(),
        what,
        found,
        expected,
    })
}

/// Checks a kernel against the picture that it moves over.
///
/// # Errors
/// [`GraphError`] names the layer.
pub fn window(
    layer: &str,
    window: Window,
    (outputs, columns): (usize, usize),
    from: Shape,
) -> Result<(), GraphError> {
    let bytes = |sides: [usize; 2]| sides.iter().all(|side| (1..=MAX_WINDOW).contains(side));
    for (what, sides) in [
        ("a kernel", window.kernel),
        ("a stride", window.stride),
        ("a dilation", window.dilation),
    ] {
        if !bytes(sides) {
            return wrong_window(layer, what, format!("{sides:?}"), "1 to 255 a side");
        }
    }
    let groups = window.groups;
    if !(1..=MAX_SIDE).contains(&groups) || !outputs.is_multiple_of(groups) {
        let expected = "a divisor of the output channels";
        return wrong_window(layer, "a number of groups", groups.to_string(), expected);
    }
    let channels = (columns / window.area()).saturating_mul(groups);
    if channels != from.channels || columns != channels / groups * window.area() {
        return Err(GraphError::Shape {
            layer: layer.to_owned(),
            expected: format!("{channels} channels"),
            found: from,
        });
    }
    padding(layer, window, [0, 0])
}

/// Checks that the padding at no side is as large as what the kernel spans.
///
/// # Errors
/// [`GraphError::Window`].
pub fn padding(layer: &str, window: Window, [bottom, right]: [usize; 2]) -> Result<(), GraphError> {
    let [top, left] = window.padding;
    if top.max(bottom) >= window.extent(0) || left.max(right) >= window.extent(1) {
        let found = format!("{:?}", [top, left, bottom, right]);
        return wrong_window(layer, "a padding", found, "less than the kernel spans");
    }
    Ok(())
}

fn size(what: &str, shape: Shape) -> Result<(), GraphError> {
    let sides = [shape.channels, shape.height, shape.width];
    if sides.iter().all(|side| (1..=MAX_SIDE).contains(side)) && shape.len() <= MAX_ELEMENTS {
        Ok(())
    } else {
        Err(GraphError::Size {
            what: what.to_owned(),
            shape,
        })
    }
}
