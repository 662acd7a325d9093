//! What the writers of float and of integer graphs have in common: a graph in the making, and the
//! dimensions of its tensors.

use super::build::{float, floats, int, int8s, int32s, int64s, node, value};
use super::names::{LABEL, LATENT};
use super::proto::{AttributeProto, GraphProto, TensorProto, data_type};
use crate::graph::{Float, Graph, InputSpec, Integer, Node, QuantizedLinear, Shape, Source};
use shared::arithmetic::Activation;

/// A tensor of the graph: its name, and its dimensions without the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Its dimensions.
    pub dims: Vec<usize>,
}

impl Tensor {
    /// A tensor of this name and these dimensions.
    pub fn new(name: &str, dims: &[usize]) -> Self {
        Self {
            name: name.to_owned(),
            dims: dims.to_vec(),
        }
    }
}

/// The dimensions of a shape: one for a vector, else channels, rows, columns.
pub fn dims(shape: Shape) -> Vec<usize> {
    match (shape.height, shape.width) {
        (1, 1) => vec![shape.channels],
        (height, width) => vec![shape.channels, height, width],
    }
}

/// Channels, rows and columns, of a vector as well.
pub fn picture(shape: Shape) -> [usize; 3] {
    [shape.channels, shape.height, shape.width]
}

/// A graph in the making.
pub struct Emitter {
    /// The graph so far.
    pub graph: GraphProto,
    input: InputSpec,
    latent: Tensor,
    /// What each node or step so far gives.
    pub outputs: Vec<Tensor>,
}

impl Emitter {
    /// A graph with its inputs, and with the whole input where somebody reads that.
    pub fn new(
        name: String,
        element_type: i32,
        input: InputSpec,
        latent: Tensor,
        joined: bool,
    ) -> Self {
        let mut emitter = Self {
            graph: GraphProto {
                name,
                ..Default::default()
            },
            input,
            latent,
            outputs: Vec::new(),
        };
        let latent = value(&emitter.latent.name, element_type, &emitter.latent.dims);
        emitter.graph.input.push(latent);
        if input.classes > 0 {
            let label = value(LABEL, element_type, &[input.classes]);
            emitter.graph.input.push(label);
            if joined {
                let axis = vec![int("axis", 1)];
                emitter.push("Concat", "join", &[LATENT, LABEL], "input", axis);
            }
        }
        emitter
    }

    /// Appends a node.
    pub fn push(
        &mut self,
        op: &str,
        name: &str,
        inputs: &[&str],
        output: &str,
        attributes: Vec<AttributeProto>,
    ) {
        let node = node(op, name, inputs, output, attributes);
        self.graph.node.push(node);
    }

    /// The tensor of a source.
    pub fn source(&self, source: Source) -> Tensor {
        match source {
            Source::Input if self.input.classes > 0 => Tensor::new("input", &[self.input.len()]),
            Source::Input | Source::Latent => self.latent.clone(),
            Source::Label => Tensor::new(LABEL, &[self.input.classes]),
            // Both networks have their nodes in order, which was checked.
            Source::Node(index) => self.outputs[index].clone(),
        }
    }

    /// A source with other dimensions; free where it has them already.
    pub fn with_dims(&mut self, source: Source, dims: &[usize], name: &str) -> String {
        let from = self.source(source);
        if from.dims == dims {
            return from.name;
        }
        let to = Tensor::new(name, dims);
        self.reshape(&from.name, &to, name, &format!("{name}:shape"));
        to.name
    }

    /// Reshape; 0 copies the batch.
    pub fn reshape(&mut self, from: &str, to: &Tensor, name: &str, constant: &str) {
        let target: Vec<i64> = std::iter::once(0)
            .chain(to.dims.iter().map(|&d| d as i64))
            .collect();
        self.graph.initializer.push(int64s(constant, &target));
        self.push("Reshape", name, &[from, constant], &to.name, vec![]);
    }

    /// The parts of a concatenation along the channels, and its dimensions: vectors where all parts
    /// are, else pictures.
    pub fn parts(
        &mut self,
        sources: &[(Source, Shape)],
        to: Shape,
        name: &str,
    ) -> (Vec<String>, Vec<usize>) {
        let flat = |source: &(Source, Shape)| self.source(source.0).dims.len() == 1;
        let flat = sources.iter().all(flat);
        let of = |shape: Shape| {
            if flat {
                dims(shape)
            } else {
                picture(shape).to_vec()
            }
        };
        let mut names = Vec::with_capacity(sources.len());
        for (at, (source, shape)) in sources.iter().enumerate() {
            names.push(self.with_dims(*source, &of(*shape), &format!("{name}:part{at}")));
        }
        (names, of(to))
    }
}

/// The name of a node's output tensor in an integer graph.
pub fn output_name(node: &str) -> String {
    format!("{node}.int8")
}

/// A float graph in the making.
pub struct FloatWriter<'a> {
    /// What is written.
    pub network: &'a Graph<Float>,
    /// The graph so far.
    pub emitter: Emitter,
    /// What the graph gives.
    pub output: Tensor,
}

impl FloatWriter<'_> {
    /// Appends a node.
    pub fn push(
        &mut self,
        op: &str,
        name: &str,
        inputs: &[&str],
        output: &str,
        attributes: Vec<AttributeProto>,
    ) {
        self.emitter.push(op, name, inputs, output, attributes);
    }

    /// Appends a parameter of a node and gives its name.
    pub fn constant<'f>(
        &mut self,
        node: &Node<Float>,
        what: &str,
        dims: &[usize],
        data: impl IntoIterator<Item = &'f f32>,
    ) -> String {
        let name = format!("{}.{what}", node.name);
        let constant = floats(&name, dims, data);
        self.emitter.graph.initializer.push(constant);
        name
    }

    /// What a node's output is called: the last one's like the graph's, where it has that shape.
    pub fn named(&self, index: usize, dims: &[usize], own: String) -> Tensor {
        let last = index + 1 == self.network.nodes.len();
        let name = if last && dims == self.output.dims {
            self.output.name.clone()
        } else {
            own
        };
        Tensor {
            name,
            dims: dims.to_vec(),
        }
    }

    /// A node's input as a picture with channels.
    pub fn picture(&mut self, node: &Node<Float>) -> String {
        let whole = picture(self.network.first_shape(node));
        let name = format!("{}:picture", node.name);
        self.emitter.with_dims(node.inputs[0], &whole, &name)
    }
}

/// An integer graph in the making.
pub struct IntegerWriter<'a> {
    /// What is written.
    pub network: &'a Graph<Integer>,
    /// The graph so far.
    pub emitter: Emitter,
}

/// The scales of a grouped transposed convolution's weights, shape (inputs, outputs of a group, 1,
/// 1), given one an output.
fn scales_of_groups(name: &str, weight: &[usize], scales: &[f32]) -> TensorProto {
    let [inputs, outputs] = [0, 1].map(|axis| weight.get(axis).copied().unwrap_or(1).max(1));
    let inputs_of_group = inputs / (scales.len() / outputs).max(1);
    let of = |at: usize| &scales[at / outputs / inputs_of_group.max(1) * outputs + at % outputs];
    let all = (0..inputs * outputs).map(of);
    floats(name, &[inputs, outputs, 1, 1], all)
}

fn power(exponent: i32) -> f32 {
    2f32.powi(exponent)
}

impl IntegerWriter<'_> {
    /// Appends a constant.
    pub fn constant(&mut self, tensor: TensorProto) {
        self.emitter.graph.initializer.push(tensor);
    }

    /// Appends a node.
    pub fn push(
        &mut self,
        op: &str,
        name: &str,
        inputs: &[&str],
        output: &str,
        attributes: Vec<AttributeProto>,
    ) {
        self.emitter.push(op, name, inputs, output, attributes);
    }

    /// A node's input as a picture with channels.
    pub fn picture(&mut self, node: &Node<Integer>) -> String {
        let whole = picture(self.network.first_shape(node));
        let name = format!("{}:picture", node.name);
        self.emitter.with_dims(node.inputs[0], &whole, &name)
    }

    /// Rounds real numbers to a node's output.
    pub fn quantize(&mut self, name: &str, real: &str, scale: &str) {
        let node = format!("{name}.quantize");
        let inputs = [real, scale, "zero"];
        self.push("QuantizeLinear", &node, &inputs, &output_name(name), vec![]);
    }

    /// Appends what multiplies weights: input, weights and bias as real numbers, the operator, its
    /// activation, rounding. Output channels are the weights' axis `axis`, or those of a group
    /// where the axis is shorter.
    pub fn linear(
        &mut self,
        node: &Node<Integer>,
        linear: &QuantizedLinear,
        from: &str,
        (dims, weights): (&[usize], Vec<i8>),
        axis: i64,
        (op, attributes): (&str, Vec<AttributeProto>),
    ) {
        let name = node.name.as_str();
        let own = |what: &str| format!("{name}.{what}");
        let input_exponent = i32::from(self.network.source_exponent(node.inputs[0]));
        let outputs = linear.bias.len();
        let along = usize::try_from(axis).ok().and_then(|axis| dims.get(axis));
        let grouped = along != Some(&outputs);
        let exponents = linear.weight_exponents.iter().map(|&e| i32::from(e));
        let weight_scales: Vec<f32> = exponents.clone().map(power).collect();
        let bias_scales: Vec<f32> = exponents.map(|e| power(e + input_exponent)).collect();
        let (x_scale, y_scale) = (own("input_scale"), own("output_scale"));
        self.emitter.graph.initializer.extend([
            floats(&x_scale, &[], &[power(input_exponent)]),
            int8s(&own("weight"), dims, weights.iter()),
            match grouped {
                true => scales_of_groups(&own("weight_scale"), dims, &weight_scales),
                false => floats(&own("weight_scale"), &[outputs], &weight_scales),
            },
            int32s(&own("bias"), &[outputs], &linear.bias),
            floats(&own("bias_scale"), &[outputs], &bias_scales),
            floats(&y_scale, &[], &[power(i32::from(node.note.exponent))]),
        ]);
        let (x, w, b) = (own("input_float"), own("weight_float"), own("bias_float"));
        self.push(
            "DequantizeLinear",
            &x,
            &[from, &x_scale, "zero"],
            &x,
            vec![],
        );
        if grouped {
            // Scales along one axis cannot tell the groups' outputs apart.
            let whole = own("weight_whole");
            let to = vec![int("to", i64::from(data_type::FLOAT))];
            self.push("Cast", &whole, &[&own("weight")], &whole, to);
            self.push("Mul", &w, &[&whole, &own("weight_scale")], &w, vec![]);
        } else {
            let inputs = [&*own("weight"), &*own("weight_scale")];
            self.push("DequantizeLinear", &w, &inputs, &w, vec![int("axis", axis)]);
        }
        let inputs = [&*own("bias"), &*own("bias_scale")];
        self.push("DequantizeLinear", &b, &inputs, &b, vec![int("axis", 0)]);
        let real = own("float");
        self.push(op, name, &[&x, &w, &b], &real, attributes);
        let real = self.activated(name, real, linear.activation);
        self.quantize(name, &real, &y_scale);
    }

    /// Real numbers behind a node's activation.
    fn activated(&mut self, name: &str, real: String, activation: Activation) -> String {
        let (op, attributes) = match activation {
            Activation::None => return real,
            Activation::Relu => ("Relu", vec![]),
            Activation::LeakyRelu { slope_shift } => {
                let slope = power(-i32::from(slope_shift));
                ("LeakyRelu", vec![float("alpha", slope)])
            }
        };
        let activated = format!("{name}.activated");
        self.push(op, &activated, &[&real], &activated, attributes);
        activated
    }

    /// One of a node's inputs as real numbers; `from` is the tensor of its bytes.
    pub fn real(&mut self, node: &Node<Integer>, at: usize, from: &str) -> String {
        let [real, scale] = ["float", "scale"].map(|what| format!("{}.part{at}_{what}", node.name));
        let exponent = i32::from(self.network.source_exponent(node.inputs[at]));
        self.constant(floats(&scale, &[], &[power(exponent)]));
        let inputs = [from, &*scale, "zero"];
        self.push("DequantizeLinear", &real, &inputs, &real, vec![]);
        real
    }

    /// Real numbers as a node's output: activated, and rounded to its scale.
    pub fn round(&mut self, node: &Node<Integer>, real: &str, activation: Activation) {
        let name = node.name.as_str();
        let scale = format!("{name}.output_scale");
        let real = self.activated(name, real.to_owned(), activation);
        self.constant(floats(&scale, &[], &[power(i32::from(node.note.exponent))]));
        self.quantize(name, &real, &scale);
    }
}
