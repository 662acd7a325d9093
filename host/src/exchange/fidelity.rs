//! generator.uint8.onnx: the float network as torch-fidelity takes it (Obukhov and others, its
//! class `GenerativeModelONNX`), for other people's metrics.
//!
//! That program gives a generator standard normal noise of shape (N, size) as the only input, and
//! takes the first output for the pictures: uint8 of shape (N, 3, height, width). So the file is
//! the float graph between two small ones.
//!
//! In front: `z` (N, latent + classes). Its first elements are the latent vector; where the prior
//! is uniform on -1..1, behind `erf(z / sqrt(2))`, which is uniform for a normal z. The class is
//! the index of the largest of the last `classes` elements: they are alike and independent, so all
//! classes are equally likely.
//!
//! Behind: grey levels by the pixel range, rounded half to even, clipped to 0..255 and cast, as
//! [`float_grey`](crate::quantize::report::float_grey) makes them; one channel is repeated to
//! three, three stay, and of any other number the first is shown, as on the device.

use super::write::{WriteOptions, to_model};
use crate::graph::{GraphError, Network};
use crate::onnx::build::{floats, int, int64s, node, value};
use crate::onnx::names::{LABEL, LATENT, NOISE, PICTURE};
use crate::onnx::proto::{NodeProto, TensorProto, data_type};
use crate::quantize::fold::pixel_range;
use prost::Message;
use shared::image::PixelRange;
use shared::latent::Prior;

/// The output: uint8, shape (N, 3, height, width).
pub const OUTPUT: &str = "picture/uint8";

/// Channels of the output.
const CHANNELS: usize = 3;

/// The bytes of generator.uint8.onnx: the same network always gives the same bytes. `prior` is what
/// latent vectors are drawn from.
///
/// # Errors
/// [`GraphError`] where the network is not a valid one.
pub fn to_bytes(network: &Network, prior: Prior) -> Result<Vec<u8>, GraphError> {
    let options = WriteOptions {
        doc: format!(
            "{NOISE} (N, {}), standard normal, as uint8 pictures (N, {CHANNELS}, height, width), for torch-fidelity",
            network.input.len()
        ),
        prior,
        ..Default::default()
    };
    let mut model = to_model(network, &options)?;
    let graph = model.graph.get_or_insert_default();
    let mut parts = Parts::default();
    parts.prefix.push_str("fidelity/");
    // tract refuses two nodes of one name, and layers may be called anything.
    let taken = |prefix: &str| graph.node.iter().any(|node| node.name.starts_with(prefix));
    while taken(&parts.prefix) {
        parts.prefix.push('/');
    }
    let output = network.output;

    parts.noise(network, prior);
    parts.nodes.append(&mut graph.node);
    parts.bytes(pixel_range(network), output.channels);
    graph.node = parts.nodes;
    graph.initializer.extend(parts.constants);
    graph.input = vec![value(NOISE, data_type::FLOAT, &[network.input.len()])];
    let dims = [CHANNELS, output.height, output.width];
    graph.output = vec![value(OUTPUT, data_type::UINT8, &dims)];
    Ok(model.encode_to_vec())
}

/// What is put around the float graph. The names of its values have a slash and neither dot nor
/// colon, so that no layer's value is called the same.
#[derive(Default)]
struct Parts {
    /// What the names of its nodes begin with, and no layer's.
    prefix: String,
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
}

impl Parts {
    /// Appends a node; it is called like what it gives.
    fn push(&mut self, op: &str, inputs: &[&str], output: &str, attributes: &[(&str, i64)]) {
        let name = format!("{}{output}", self.prefix);
        let attributes = attributes.iter().map(|&(name, i)| int(name, i)).collect();
        self.nodes.push(node(op, &name, inputs, output, attributes));
    }

    fn scalar<'a>(&mut self, name: &'a str, value: f32) -> &'a str {
        self.constants.push(floats(name, &[], &[value]));
        name
    }

    /// From the noise to the inputs of the float graph.
    fn noise(&mut self, network: &Network, prior: Prior) {
        let (latent, classes) = (network.input.latent, network.input.classes);
        let uniform = prior == Prior::Uniform;
        let normal = if uniform { "latent/normal" } else { LATENT };
        if classes == 0 {
            // The float graph knows it by its own name.
            self.push("Identity", &[NOISE], normal, &[]);
        } else {
            // Both were checked to be small.
            self.constants
                .push(int64s("z/lengths", &[latent as i64, classes as i64]));
            self.push("Split", &[NOISE, "z/lengths"], normal, &[("axis", 1)]);
            if let Some(split) = self.nodes.last_mut() {
                split.output.push("label/noise".to_owned());
            }
            let (index, largest) = ("label/index", [("axis", 1), ("keepdims", 0)]);
            self.push("ArgMax", &["label/noise"], index, &largest);
            self.constants
                .push(int64s("label/classes", &[classes as i64]));
            self.constants
                .push(floats("label/values", &[2], &[0.0, 1.0]));
            let inputs = [index, "label/classes", "label/values"];
            self.push("OneHot", &inputs, LABEL, &[("axis", 1)]);
        }
        if uniform {
            // The distribution function of the normal distribution is (1 + erf(z / sqrt(2))) / 2.
            let factor = self.scalar("latent/factor", std::f32::consts::FRAC_1_SQRT_2);
            self.push("Mul", &[normal, factor], "latent/scaled", &[]);
            self.push("Erf", &["latent/scaled"], LATENT, &[]);
        }
    }

    /// From the picture of the float graph to bytes of three channels.
    fn bytes(&mut self, range: PixelRange, channels: usize) {
        let mut from = PICTURE;
        if channels != 1 && channels != CHANNELS {
            self.constants.push(int64s("picture/index", &[0]));
            let inputs = [from, "picture/index"];
            self.push("Gather", &inputs, "picture/first", &[("axis", 1)]);
            from = "picture/first";
        }
        let (factor, offset) = match range {
            PixelRange::Signed => (128.0, 128.0),
            PixelRange::Unit => (255.0, 0.0),
        };
        let factor = self.scalar("picture/factor", factor);
        let offset = self.scalar("picture/offset", offset);
        let black = self.scalar("picture/black", 0.0);
        let white = self.scalar("picture/white", 255.0);
        let repeated = channels != CHANNELS;
        let grey = if repeated { "picture/grey" } else { OUTPUT };
        self.push("Mul", &[from, factor], "picture/scaled", &[]);
        self.push("Add", &["picture/scaled", offset], "picture/shifted", &[]);
        self.push("Round", &["picture/shifted"], "picture/rounded", &[]);
        let inputs = ["picture/rounded", black, white];
        self.push("Clip", &inputs, "picture/clipped", &[]);
        let to = ("to", i64::from(data_type::UINT8));
        self.push("Cast", &["picture/clipped"], grey, &[to]);
        if repeated {
            self.push("Concat", &[grey; CHANNELS], OUTPUT, &[("axis", 1)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::random::Random;
    use crate::graph::{Float, Function, InputSpec, Op, Shape, Source};
    use crate::ops::forward;
    use crate::runtime::{Runtime, Tensor, ort, tract};
    use crate::synthetic;
    use ndarray::{Array1, Array2};

    /// tract always; ONNX Runtime where `ORT_DYLIB_PATH` names it.
    fn runtimes(model: &[u8]) -> Vec<Box<dyn Runtime>> {
        let mut runtimes: Vec<Box<dyn Runtime>> =
            vec![Box::new(tract::Tract::load(model).unwrap())];
        match ort::library_from_environment() {
            Some(library) => {
                runtimes.push(Box::new(ort::Ort::load(Some(&library), model).unwrap()))
            }
            None => println!("ONNX Runtime did not take part: ORT_DYLIB_PATH names no file"),
        }
        runtimes
    }

    /// Abramowitz and Stegun, "Handbook of Mathematical Functions", 7.1.26; within 1.5e-7.
    fn erf(x: f64) -> f64 {
        let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
        let coefficients = [
            1.061_405_429,
            -1.453_152_027,
            1.421_413_741,
            -0.284_496_736,
            0.254_829_592,
        ];
        let sum = coefficients.iter().fold(0.0, |sum, c| (sum + c) * t);
        (1.0 - sum * (-x * x).exp()).copysign(x)
    }

    /// What the network itself is given for this noise.
    fn own_inputs(noise: &Array2<f32>, input: InputSpec, prior: Prior) -> Array2<f32> {
        let mut own = noise.clone();
        for (mut to, from) in own.rows_mut().into_iter().zip(noise.rows()) {
            for i in 0..input.latent {
                if prior == Prior::Uniform {
                    to[i] = erf(f64::from(from[i]) / 2f64.sqrt()) as f32;
                }
            }
            let largest = (input.latent..input.len()).max_by(|&a, &b| from[a].total_cmp(&from[b]));
            for i in input.latent..input.len() {
                to[i] = f32::from(u8::from(Some(i) == largest));
            }
        }
        own
    }

    /// Runs a file and compares it with the network's own forward pass; gives how often each grey
    /// level came out.
    fn check(network: &Network, prior: Prior, samples: usize) -> Vec<usize> {
        let bytes = to_bytes(network, prior).unwrap();
        assert_eq!(bytes, to_bytes(network, prior).unwrap());
        let mut random = Random::new(9);
        let (input, output) = (network.input, network.output);
        let noise = Array2::from_shape_simple_fn((samples, input.len()), || random.normal());
        let floats = forward::run(network, own_inputs(&noise, input, prior).view());
        let (range, pixels) = (pixel_range(network), output.height * output.width);
        let mut levels = vec![0; 256];
        for mut runtime in runtimes(&bytes) {
            let given = Tensor {
                name: NOISE.to_owned(),
                shape: vec![samples, input.len()],
                data: noise.iter().copied().collect(),
            };
            let found = runtime.run_uint8(&[given]).unwrap();
            let what = format!("{} {}", network.name, runtime.name());
            assert_eq!(found.len(), 1, "{what}");
            let shape = [samples, CHANNELS, output.height, output.width];
            assert_eq!(found[0].shape, shape, "{what}");
            for (at, &grey) in found[0].data.iter().enumerate() {
                let (sample, channel) = (at / (CHANNELS * pixels), at / pixels % CHANNELS);
                let channel = if output.channels == CHANNELS {
                    channel
                } else {
                    0
                };
                let value = floats[[sample, output.at(channel, at % pixels)]];
                let exact = match range {
                    PixelRange::Signed => f64::from(value) * 128.0 + 128.0,
                    PixelRange::Unit => f64::from(value) * 255.0,
                };
                // The nearest level; either of two where the runtime's last digits may tip the
                // balance.
                let near = 0.5 + 1e-5 * exact.abs().max(255.0);
                let off = (exact.clamp(0.0, 255.0) - f64::from(grey)).abs();
                assert!(
                    off <= near,
                    "{what}, element {at}: {grey}, expected {exact}"
                );
                levels[usize::from(grey)] += 1;
            }
        }
        levels
    }

    fn generator(classes: usize, channels: usize, last: Option<Function>) -> Network {
        let shape = Shape {
            channels,
            height: 9,
            width: 7,
        };
        let mut network = synthetic::generator(3, 12, classes, &[32], shape);
        network.name = format!("{classes} classes, {channels} channels");
        if let Some(function) = last {
            let tanh = network
                .nodes
                .iter_mut()
                .find(|node| node.op == Op::<Float>::TANH);
            tanh.unwrap().op = Op::Pointwise(function);
        }
        network
    }

    #[test]
    fn pictures_are_the_rounded_grey_levels_of_the_float_network() {
        for classes in [0, 1, 10] {
            for channels in [1, 2, 3, 4] {
                for last in [None, Some(Function::Sigmoid)] {
                    let network = generator(classes, channels, last);
                    for prior in [Prior::Normal, Prior::Uniform] {
                        let levels = check(&network, prior, 40);
                        let used = levels.iter().filter(|&&n| n > 0).count();
                        assert!(used > 100, "{}: only {used} grey levels", network.name);
                    }
                }
            }
        }
    }

    #[test]
    fn values_beyond_the_range_are_clipped() {
        let mut network = generator(0, 1, Some(Function::LeakyRelu(0.5)));
        for node in &mut network.nodes {
            if let Some(linear) = node.op.linear_mut() {
                linear.weight *= 3.0;
            }
        }
        let levels = check(&network, Prior::Normal, 40);
        assert!(levels[0] > 0 && levels[255] > 0, "{levels:?}");
    }

    #[test]
    fn any_graph_takes_noise() {
        for seed in 0..60 {
            let network = crate::exchange::tests::random::any_graph(seed);
            let prior = [Prior::Normal, Prior::Uniform][seed as usize % 2];
            check(&network, prior, 5);
        }
    }

    /// A generator that shows its label: pixel c is white for class c. Its layers have names that
    /// this file uses, too.
    #[test]
    fn labels_are_even() {
        let input = InputSpec {
            latent: 2,
            classes: 10,
        };
        let weight = Array2::from_shape_fn((10, 10), |(a, b)| f32::from(i8::from(a == b) * 2 - 1));
        let bias = Array1::zeros(10);
        let shape = Shape {
            channels: 1,
            height: 2,
            width: 5,
        };
        let mut network = Network::new("shows its label", input, shape, ());
        let op = Op::dense(weight, bias);
        let label = network.push("label", op, vec![Source::Label], Shape::vector(10), ());
        network.push("fidelity/picture", Op::reshape(), vec![label], shape, ());
        check(&network, Prior::Normal, 200);
        let bytes = to_bytes(&network, Prior::Normal).unwrap();
        let mut random = Random::new(5);
        let given = Tensor {
            name: NOISE.to_owned(),
            shape: vec![5000, 12],
            data: (0..5000 * 12).map(|_| random.normal()).collect(),
        };
        let mut tract = tract::Tract::load(&bytes).unwrap();
        let found = tract.run_uint8(&[given]).unwrap();
        let mut counts = [0; 10];
        for picture in found[0].data.chunks(CHANNELS * 10) {
            let white = picture.iter().filter(|&&grey| grey == 255).count();
            assert_eq!(white, CHANNELS, "one class a picture");
            let class = picture.iter().position(|&grey| grey == 255).unwrap();
            counts[class] += 1;
        }
        // 500 each, with a deviation of 21.
        assert!(counts.iter().all(|n| (400..600).contains(n)), "{counts:?}");
    }

    #[test]
    fn a_network_that_does_not_fit_itself_is_refused() {
        let mut network = generator(0, 1, None);
        network.output.width += 1;
        assert!(to_bytes(&network, Prior::Normal).is_err());
    }
}
