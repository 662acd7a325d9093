//! generator.int8.onnx: a quantized network as standard ONNX, equal to the byte in every runtime.
//!
//! Each layer with weights is DequantizeLinear of input, weights (per channel) and bias, then Gemm, Conv or ConvTranspose,
//! its activation and QuantizeLinear; an embedding is a Gemm of the one-hot label. All scales are powers of two and every
//! accumulator stays below 2^24, so each float operation is exact, and QuantizeLinear rounds half to even as the integer
//! arithmetic does. A concatenation is DequantizeLinear of its parts, Concat and QuantizeLinear at the output's scale. A
//! table is Cast and Gather: a negative index counts from the end, so the entries for -128 to -1 stand behind those for 0
//! to 127. Upsampling is a Resize of the bytes themselves.
//!
//! Inputs int8 `latent` (N, latent) and, for a conditional generator, `label` (N, classes), 127 for the class and
//! 0 elsewhere; output int8 `picture` (N, channels, height, width). The output of a step named `s` is the tensor
//! [`output_name`]`(s)`. int4 weights are stored as INT8, which every runtime reads.

use super::build::{self, entry, float, floats, int, int8s, int32s, ints, value};
use super::emit::{Emitter, Tensor, dims, picture};
use super::names::{LATENT, PICTURE};
use super::proto::{AttributeProto, ModelProto, TensorProto, data_type};
use super::write::{prior_name, repetition, window};
use crate::forward::conv::Geometry;
use crate::network::{Shape, Source};
use crate::quantize::{QuantizedLinear, QuantizedNetwork, Step, StepKind};
use prost::Message;
use shared::arithmetic::Activation;

/// Which outputs a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outputs {
    /// The picture alone.
    #[default]
    Picture,
    /// Every step's int8 output, in order, and then the picture: to find the first step that differs.
    EveryStep,
}

/// The name of a step's output tensor.
pub fn output_name(step: &str) -> String {
    format!("{step}.int8")
}

/// The bytes of generator.int8.onnx: the same network always gives the same bytes.
pub fn to_bytes(network: &QuantizedNetwork, outputs: Outputs) -> Vec<u8> {
    let input = network.input;
    let reads_all = |step: &Step| step.inputs.contains(&Source::Input);
    let mut writer = Writer {
        network,
        emitter: Emitter::new(
            format!("{}.int8", network.name),
            data_type::INT8,
            input,
            Tensor::new(LATENT, &[input.latent]),
            network.steps.iter().any(reads_all),
        ),
    };
    writer.constant(int8s("zero", &[], &[0]));
    for step in &network.steps {
        let output = Tensor {
            name: output_name(&step.name),
            dims: writer.step(step),
        };
        let info = value(&output.name, data_type::INT8, &output.dims);
        match outputs {
            Outputs::Picture => writer.emitter.graph.value_info.push(info),
            Outputs::EveryStep => writer.emitter.graph.output.push(info),
        }
        writer.emitter.outputs.push(output);
    }
    let mut emitter = writer.emitter;
    let picture = Tensor::new(PICTURE, &picture(network.output));
    if let Some(last) = emitter.outputs.last().cloned() {
        emitter.reshape(&last.name, &picture, PICTURE, "picture.shape");
    }
    let output = value(PICTURE, data_type::INT8, &picture.dims);
    emitter.graph.output.push(output);
    ModelProto {
        ir_version: build::IR_VERSION,
        producer_name: "thumbgen".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        doc_string: "int8 in and out; every value is an integer times a power of two, and all runtimes agree to the byte"
            .to_owned(),
        graph: Some(emitter.graph),
        opset_import: build::opset(),
        metadata_props: vec![
            entry("latent", input.latent),
            entry("classes", input.classes),
            entry("prior", prior_name(network.prior)),
        ],
    }
    .encode_to_vec()
}

fn power(exponent: i32) -> f32 {
    2f32.powi(exponent)
}

struct Writer<'a> {
    network: &'a QuantizedNetwork,
    emitter: Emitter,
}

impl Writer<'_> {
    fn constant(&mut self, tensor: TensorProto) {
        self.emitter.graph.initializer.push(tensor);
    }

    fn push(
        &mut self,
        op: &str,
        name: &str,
        inputs: &[&str],
        output: &str,
        attributes: Vec<AttributeProto>,
    ) {
        self.emitter.push(op, name, inputs, output, attributes);
    }

    /// A step's input as a picture with channels.
    fn picture(&mut self, step: &Step) -> String {
        let source = step.inputs[0];
        let whole = picture(self.network.input_shape(source));
        let name = format!("{}:picture", step.name);
        self.emitter.with_dims(source, &whole, &name)
    }

    /// Appends a step; its output is [`output_name`] of its name, with the dimensions that this gives.
    fn step(&mut self, step: &Step) -> Vec<usize> {
        let name = step.name.as_str();
        let output = output_name(name);
        let to = step.shape;
        match &step.kind {
            StepKind::Dense(linear) | StepKind::Embedding(linear) => {
                let (outputs, inputs) = linear.weights.dim();
                let x = self
                    .emitter
                    .with_dims(step.inputs[0], &[inputs], &format!("{name}:flat"));
                let weights = int8s(
                    &format!("{name}.weight"),
                    &[outputs, inputs],
                    linear.weights.iter(),
                );
                let gemm = ("Gemm", vec![int("transB", 1)]);
                self.linear(step, linear, &x, weights, gemm);
                vec![outputs]
            }
            StepKind::Conv(linear, geometry) => {
                let x = self.picture(step);
                let from = self.network.input_shape(step.inputs[0]);
                let weights = kernels(step, linear, geometry, from, false);
                let conv = ("Conv", conv_attributes(geometry, from, to));
                self.linear(step, linear, &x, weights, conv);
                picture(to).to_vec()
            }
            StepKind::ConvTranspose(linear, geometry) => {
                let x = self.picture(step);
                let from = self.network.input_shape(step.inputs[0]);
                let weights = kernels(step, linear, geometry, from, true);
                let conv = ("ConvTranspose", transpose_attributes(geometry, from, to));
                self.linear(step, linear, &x, weights, conv);
                picture(to).to_vec()
            }
            StepKind::Table(table) => {
                let from = self.emitter.source(step.inputs[0]);
                let (entries, cast) = (format!("{name}.entries"), format!("{name}.index"));
                let (negative, positive) = table.split_at(128);
                self.constant(int8s(&entries, &[256], positive.iter().chain(negative)));
                let to = int("to", i64::from(data_type::INT32));
                self.push("Cast", &cast, &[&from.name], &cast, vec![to]);
                let inputs = [entries.as_str(), &cast];
                self.push("Gather", name, &inputs, &output, vec![int("axis", 0)]);
                from.dims
            }
            StepKind::Upsample { factor } => {
                let x = self.picture(step);
                let scales = format!("{name}.scales");
                // At most 255 each.
                let factors = [1.0, 1.0, factor[0] as f32, factor[1] as f32];
                self.constant(floats(&scales, &[4], &factors));
                let inputs = [x.as_str(), "", &scales];
                self.push("Resize", name, &inputs, &output, repetition());
                picture(to).to_vec()
            }
            StepKind::Reshape => {
                let from = self.emitter.source(step.inputs[0]).name;
                let shaped = Tensor::new(&output, &dims(to));
                self.emitter
                    .reshape(&from, &shaped, name, &format!("{name}.shape"));
                shaped.dims
            }
            StepKind::Concat { .. } => self.concat(step),
        }
    }

    /// Each part as real numbers, joined, and rounded to the output's scale: a shift is what that amounts to.
    fn concat(&mut self, step: &Step) -> Vec<usize> {
        let name = step.name.as_str();
        let shaped = |source: &Source| (*source, self.network.input_shape(*source));
        let parts: Vec<_> = step.inputs.iter().map(shaped).collect();
        let (names, dims) = self.emitter.parts(&parts, step.shape, name);
        let mut reals = Vec::with_capacity(names.len());
        for (at, (part, (source, _))) in names.iter().zip(&parts).enumerate() {
            let real = format!("{name}.part{at}_float");
            let scale = format!("{name}.part{at}_scale");
            let exponent = i32::from(self.network.input_exponent(*source));
            self.constant(floats(&scale, &[], &[power(exponent)]));
            self.push(
                "DequantizeLinear",
                &real,
                &[part, &scale, "zero"],
                &real,
                vec![],
            );
            reals.push(real);
        }
        let reals: Vec<&str> = reals.iter().map(String::as_str).collect();
        let (joined, scale) = (format!("{name}.float"), format!("{name}.output_scale"));
        self.push("Concat", name, &reals, &joined, vec![int("axis", 1)]);
        let exponent = i32::from(step.exponent);
        self.constant(floats(&scale, &[], &[power(exponent)]));
        self.quantize(name, &joined, &scale);
        dims
    }

    fn quantize(&mut self, name: &str, real: &str, scale: &str) {
        let node = format!("{name}.quantize");
        let inputs = [real, scale, "zero"];
        self.push("QuantizeLinear", &node, &inputs, &output_name(name), vec![]);
    }

    /// Appends what multiplies weights: input, weights and bias as real numbers, the operator, its activation, rounding.
    fn linear(
        &mut self,
        step: &Step,
        linear: &QuantizedLinear,
        from: &str,
        weights: TensorProto,
        (op, attributes): (&str, Vec<AttributeProto>),
    ) {
        let name = step.name.as_str();
        let own = |what: &str| format!("{name}.{what}");
        let input_exponent = i32::from(self.network.input_exponent(step.inputs[0]));
        let outputs = linear.bias.len();
        let exponents = linear.weight_exponents.iter().map(|&e| i32::from(e));
        let weight_scales: Vec<f32> = exponents.clone().map(power).collect();
        let bias_scales: Vec<f32> = exponents.map(|e| power(e + input_exponent)).collect();
        let (x_scale, y_scale) = (own("input_scale"), own("output_scale"));
        self.emitter.graph.initializer.extend([
            floats(&x_scale, &[], &[power(input_exponent)]),
            weights,
            floats(&own("weight_scale"), &[outputs], &weight_scales),
            int32s(&own("bias"), &[outputs], &linear.bias),
            floats(&own("bias_scale"), &[outputs], &bias_scales),
            floats(&y_scale, &[], &[power(i32::from(step.exponent))]),
        ]);
        let (x, w, b) = (own("input_float"), own("weight_float"), own("bias_float"));
        self.push(
            "DequantizeLinear",
            &x,
            &[from, &x_scale, "zero"],
            &x,
            vec![],
        );
        // The axis of output channels.
        let axis = i64::from(op == "ConvTranspose");
        let inputs = [&*own("weight"), &*own("weight_scale")];
        self.push("DequantizeLinear", &w, &inputs, &w, vec![int("axis", axis)]);
        let inputs = [&*own("bias"), &*own("bias_scale")];
        self.push("DequantizeLinear", &b, &inputs, &b, vec![int("axis", 0)]);
        let mut real = own("float");
        self.push(op, name, &[&x, &w, &b], &real, attributes);
        let activation = match linear.activation {
            Activation::None => None,
            Activation::Relu => Some(("Relu", vec![])),
            Activation::LeakyRelu { slope_shift } => Some((
                "LeakyRelu",
                vec![float("alpha", power(-i32::from(slope_shift)))],
            )),
        };
        if let Some((op, attributes)) = activation {
            let activated = own("activated");
            self.push(op, &activated, &[&real], &activated, attributes);
            real = activated;
        }
        self.quantize(name, &real, &y_scale);
    }
}

/// Weights of columns in the order kernel row, kernel column, input channel as ONNX has them: (outputs, inputs, rows,
/// columns) or, transposed, (inputs, outputs, rows, columns).
fn kernels(
    step: &Step,
    linear: &QuantizedLinear,
    geometry: &Geometry,
    from: Shape,
    transposed: bool,
) -> TensorProto {
    let [rows, columns] = geometry.kernel;
    let (inputs, outputs) = (from.channels, linear.weights.nrows());
    let weight = |output: usize, input: usize, tap: usize| {
        // Quantization made as many columns.
        &linear.weights[[output, tap * inputs + input]]
    };
    let (first, second) = if transposed {
        (inputs, outputs)
    } else {
        (outputs, inputs)
    };
    let mut ordered = Vec::with_capacity(linear.weights.len());
    for a in 0..first {
        for b in 0..second {
            let (output, input) = if transposed { (b, a) } else { (a, b) };
            ordered.extend((0..rows * columns).map(|tap| weight(output, input, tap)));
        }
    }
    let dims = [first, second, rows, columns];
    int8s(&format!("{}.weight", step.name), &dims, ordered)
}

/// The padding behind a picture follows from the output's size.
fn conv_attributes(geometry: &Geometry, from: Shape, to: Shape) -> Vec<AttributeProto> {
    let behind = |axis: usize, from: usize, to: usize| {
        let reached = (to - 1) * geometry.stride[axis] + geometry.kernel[axis];
        reached.saturating_sub(geometry.corner[axis] + from)
    };
    let [top, left] = geometry.corner;
    let (bottom, right) = (
        behind(0, from.height, to.height),
        behind(1, from.width, to.width),
    );
    window(geometry.kernel, geometry.stride, [top, left, bottom, right])
}

/// What is cut behind a picture, or added there, follows from the output's size.
fn transpose_attributes(geometry: &Geometry, from: Shape, to: Shape) -> Vec<AttributeProto> {
    let axis = |axis: usize, from: usize, to: usize| {
        let whole = (from - 1) * geometry.stride[axis] + geometry.kernel[axis];
        let wanted = to + geometry.corner[axis];
        (whole.saturating_sub(wanted), wanted.saturating_sub(whole))
    };
    let [top, left] = geometry.corner;
    let (bottom, down) = axis(0, from.height, to.height);
    let (right, across) = axis(1, from.width, to.width);
    let mut attributes = window(geometry.kernel, geometry.stride, [top, left, bottom, right]);
    attributes.push(ints("output_padding", &[down, across]));
    attributes
}
