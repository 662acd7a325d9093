//! The two networks of a GAN as plain tensors: a list of names and shapes, and a function each.
//!
//! All parameters have rank 2, weights as (inputs, outputs), vectors as (1, channels), so that the optimiser, the moving
//! average and the checkpoint handle one list. Nothing is initialised lazily and nothing is shared by a clone.

use burn_tensor::{Tensor, TensorData, activation, backend::Backend};
use ndarray::{Array1, Array2, s};

use super::config::Model;
use super::rng;
use crate::network::{BatchNorm, Dense, InputSpec, Layer, Network, Shape};

/// Guards the square root of batch normalisation; PyTorch's default.
const NORM_EPSILON: f64 = 1e-5;

/// One parameter: its name in checkpoints, and its shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// Like `generator.dense0.weight`.
    pub name: String,
    /// Rows and columns.
    pub shape: [usize; 2],
}

/// Mean and variance of one layer's channels, each of shape (1, channels).
#[derive(Debug, Clone)]
pub struct Moments<B: Backend> {
    /// Mean over the batch.
    pub mean: Tensor<B, 2>,
    /// Variance over the batch (divided by its size, not by one less).
    pub variance: Tensor<B, 2>,
}

/// Shapes of the generator: latent vector and one-hot label -> hidden layers -> picture, tanh at the end.
#[derive(Debug, Clone, PartialEq)]
pub struct Generator {
    /// What the first layer is given.
    pub input: InputSpec,
    hidden: Vec<usize>,
    output: Shape,
    slope: f32,
    batch_norm: bool,
    truncation: f32,
}

/// Shapes of the discriminator: picture and one-hot label -> hidden layers -> one logit, positive for real.
#[derive(Debug, Clone, PartialEq)]
pub struct Discriminator {
    input: usize,
    hidden: Vec<usize>,
    slope: f32,
}

impl Generator {
    /// The generator of a config, for a dataset of so many classes.
    pub fn new(model: &Model, classes: usize) -> Self {
        Self {
            input: InputSpec {
                latent: model.latent,
                classes: if model.conditional { classes } else { 0 },
            },
            hidden: model.generator.clone(),
            output: Shape {
                channels: 1,
                height: model.height,
                width: model.width,
            },
            slope: model.generator_slope,
            batch_norm: model.batch_norm,
            truncation: model.truncation,
        }
    }

    /// Its parameters in order. A dense layer before batch normalisation has no bias: the mean would remove it.
    pub fn specs(&self) -> Vec<Spec> {
        let mut specs = Vec::new();
        let mut inputs = self.input.len();
        for (i, outputs) in self.hidden.iter().enumerate() {
            push(
                &mut specs,
                format!("generator.dense{i}.weight"),
                inputs,
                *outputs,
            );
            if self.batch_norm {
                push(&mut specs, format!("generator.norm{i}.scale"), 1, *outputs);
                push(&mut specs, format!("generator.norm{i}.bias"), 1, *outputs);
            } else {
                push(&mut specs, format!("generator.dense{i}.bias"), 1, *outputs);
            }
            inputs = *outputs;
        }
        let i = self.hidden.len();
        push(
            &mut specs,
            format!("generator.dense{i}.weight"),
            inputs,
            self.output.len(),
        );
        push(
            &mut specs,
            format!("generator.dense{i}.bias"),
            1,
            self.output.len(),
        );
        specs
    }

    /// Input (pictures, latent + classes) -> pictures (pictures, pixels) in -1 to 1, and the moments of each hidden
    /// layer. With `fixed` moments the network is the one that is exported; without, each batch gives its own (training).
    pub fn forward<B: Backend>(
        &self,
        parameters: &[Tensor<B, 2>],
        input: Tensor<B, 2>,
        fixed: Option<&[Moments<B>]>,
    ) -> (Tensor<B, 2>, Vec<Moments<B>>) {
        let mut parameters = parameters.iter().cloned();
        let mut next = || parameters.next().expect("as many parameters as specs");
        let mut used = Vec::new();
        let mut x = input;
        for layer in 0..self.hidden.len() {
            x = x.matmul(next());
            if self.batch_norm {
                let (scale, bias) = (next(), next());
                let (centred, moments) = match fixed.and_then(|fixed| fixed.get(layer)) {
                    Some(moments) => (x - moments.mean.clone(), moments.clone()),
                    None => {
                        let mean = x.clone().mean_dim(0);
                        let centred = x - mean.clone();
                        let variance = (centred.clone() * centred.clone()).mean_dim(0);
                        (centred, Moments { mean, variance })
                    }
                };
                // Ioffe and Szegedy 2015, algorithm 1, with the factor per channel computed once.
                x = centred * (scale / (moments.variance.clone() + NORM_EPSILON).sqrt()) + bias;
                used.push(moments);
            } else {
                x = x + next();
            }
            x = activation::leaky_relu(x, f64::from(self.slope));
        }
        ((x.matmul(next()) + next()).tanh(), used)
    }

    /// Latent vectors as samples are made of: scaled by the truncation.
    pub fn truncated(&self, mut latents: Vec<f32>) -> Vec<f32> {
        for value in &mut latents {
            *value *= self.truncation;
        }
        latents
    }

    /// The network as the rest of the line takes it: weights (outputs, inputs), batch normalisation not folded, the
    /// truncation folded into the first layer so that latent vectors are standard normal. `moments` are those of
    /// latent vectors without truncation.
    pub fn network<B: Backend>(
        &self,
        name: &str,
        parameters: &[Tensor<B, 2>],
        moments: &[Moments<B>],
    ) -> Network {
        let mut parameters = parameters.iter();
        let mut next = || parameters.next().expect("as many parameters as specs");
        let mut layers = Vec::new();
        for (i, outputs) in self.hidden.iter().enumerate() {
            let mut weight = transposed(next());
            if i == 0 {
                let latents = s![.., ..self.input.latent];
                weight
                    .slice_mut(latents)
                    .mapv_inplace(|value| value * self.truncation);
            }
            let mut bias = Array1::zeros(*outputs);
            let mut norm = None;
            if let (true, Some(moments)) = (self.batch_norm, moments.get(i)) {
                norm = Some(Layer::BatchNorm(BatchNorm {
                    scale: vector(next()),
                    bias: vector(next()),
                    mean: vector(&moments.mean),
                    variance: vector(&moments.variance),
                    epsilon: NORM_EPSILON as f32,
                }));
            } else {
                bias = vector(next());
            }
            layers.push((format!("dense{i}"), Layer::Dense(Dense { weight, bias })));
            layers.extend(norm.map(|norm| (format!("norm{i}"), norm)));
            layers.push((
                format!("activation{i}"),
                Layer::LeakyRelu { slope: self.slope },
            ));
        }
        let last = Dense {
            weight: transposed(next()),
            bias: vector(next()),
        };
        layers.push((format!("dense{}", self.hidden.len()), Layer::Dense(last)));
        layers.push(("tanh".to_owned(), Layer::Tanh));
        let shape = self.output;
        layers.push(("picture".to_owned(), Layer::Reshape { shape }));
        Network::chain(name, self.input, layers, self.output)
    }
}

impl Discriminator {
    /// The discriminator of a config, for a dataset of so many classes.
    pub fn new(model: &Model, classes: usize) -> Self {
        Self {
            input: model.height * model.width + if model.conditional { classes } else { 0 },
            hidden: model.discriminator.clone(),
            slope: model.discriminator_slope,
        }
    }

    /// Its parameters in order.
    pub fn specs(&self) -> Vec<Spec> {
        let mut specs = Vec::new();
        let mut inputs = self.input;
        for (i, outputs) in self.hidden.iter().chain([&1]).enumerate() {
            push(
                &mut specs,
                format!("discriminator.dense{i}.weight"),
                inputs,
                *outputs,
            );
            push(
                &mut specs,
                format!("discriminator.dense{i}.bias"),
                1,
                *outputs,
            );
            inputs = *outputs;
        }
        specs
    }

    /// Pictures with their one-hot labels (pictures, pixels + classes) -> logits (pictures, 1).
    pub fn forward<B: Backend>(
        &self,
        parameters: &[Tensor<B, 2>],
        input: Tensor<B, 2>,
    ) -> Tensor<B, 2> {
        let mut x = input;
        for (i, layer) in parameters.as_chunks::<2>().0.iter().enumerate() {
            if i > 0 {
                x = activation::leaky_relu(x, f64::from(self.slope));
            }
            x = x.matmul(layer[0].clone()) + layer[1].clone();
        }
        x
    }
}

/// Starting values: weights and biases uniform within `1 / sqrt(inputs)` (PyTorch's default for dense layers), scales
/// of batch normalisation 1, its biases 0.
pub fn initial<B: Backend>(
    specs: &[Spec],
    rng: &mut impl rand::Rng,
    device: &B::Device,
) -> Vec<Tensor<B, 2>> {
    let mut inputs = 1;
    let values = |spec: &Spec| {
        let [rows, columns] = spec.shape;
        let count = rows * columns;
        if spec.name.ends_with("weight") {
            inputs = rows;
        }
        if spec.name.contains(".norm") {
            let value = if spec.name.ends_with("scale") {
                1.0
            } else {
                0.0
            };
            vec![value; count]
        } else {
            rng::uniform(rng, count, 1.0 / (inputs as f32).sqrt())
        }
    };
    let values: Vec<Vec<f32>> = specs.iter().map(values).collect();
    specs
        .iter()
        .zip(values)
        .map(|(spec, values)| tensor(values, spec.shape, device))
        .collect()
}

/// A tensor of host values, row by row; `values` has as many as `shape` says.
pub fn tensor<B: Backend>(values: Vec<f32>, shape: [usize; 2], device: &B::Device) -> Tensor<B, 2> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// The values of a tensor, row by row.
pub fn values<B: Backend, const D: usize>(tensor: &Tensor<B, D>) -> Vec<f32> {
    tensor.to_data().iter::<f32>().collect()
}

fn push(specs: &mut Vec<Spec>, name: String, rows: usize, columns: usize) {
    specs.push(Spec {
        name,
        shape: [rows, columns],
    });
}

fn vector<B: Backend>(tensor: &Tensor<B, 2>) -> Array1<f32> {
    Array1::from_vec(values(tensor))
}

/// (inputs, outputs) to (outputs, inputs).
fn transposed<B: Backend>(weight: &Tensor<B, 2>) -> Array2<f32> {
    let [inputs, outputs] = weight.dims();
    let values = values(weight);
    Array2::from_shape_fn((outputs, inputs), |(o, i)| values[i * outputs + o])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::config::Config;
    use burn_flex::Flex;

    fn small(batch_norm: bool) -> Generator {
        let mut model = Config::resolve("cgan", &[]).unwrap().model;
        model.latent = 3;
        model.generator = vec![5, 4];
        model.height = 4;
        model.width = 6;
        model.batch_norm = batch_norm;
        model.truncation = 0.5;
        Generator::new(&model, 2)
    }

    /// The exported layers, run by hand.
    fn run(network: &Network, input: &[f32]) -> Vec<f32> {
        let mut x = Array1::from_vec(input.to_vec());
        for node in &network.nodes {
            x = match &node.layer {
                Layer::Dense(dense) => dense.weight.dot(&x) + &dense.bias,
                Layer::BatchNorm(norm) => {
                    let deviation = norm.variance.mapv(|v| (v + norm.epsilon).sqrt());
                    &norm.scale * &((x - &norm.mean) / deviation) + &norm.bias
                }
                Layer::LeakyRelu { slope } => x.mapv(|v| if v > 0.0 { v } else { v * slope }),
                Layer::Tanh => x.mapv(f32::tanh),
                Layer::Reshape { .. } => x,
                other => panic!("not expected: {other:?}"),
            };
        }
        x.to_vec()
    }

    #[test]
    fn the_network_computes_what_the_trainer_computes() {
        for batch_norm in [true, false] {
            let generator = small(batch_norm);
            let mut rng = rng::rng(1, rng::Purpose::GeneratorWeights, 0);
            let parameters = initial::<Flex>(&generator.specs(), &mut rng, &Default::default());
            let input = rng::normal(&mut rng, 7 * 5);
            let input = tensor::<Flex>(input, [7, 5], &Default::default());
            let (_, moments) = generator.forward(&parameters, input.clone(), None);
            assert_eq!(moments.len(), if batch_norm { 2 } else { 0 });
            // Three latents, truncated, and two classes, not.
            let half = tensor::<Flex>(vec![0.5, 0.5, 0.5, 1.0, 1.0], [1, 5], &Default::default());
            let truncated = input.clone() * half;
            let (pictures, _) = generator.forward(&parameters, truncated, Some(&moments));
            let network = generator.network("test", &parameters, &moments);
            assert_eq!(network.input.len(), 5);
            assert_eq!(network.output.len(), 24);
            let (pictures, input) = (values(&pictures), values(&input));
            for (picture, input) in pictures.chunks(24).zip(input.chunks(5)) {
                for (a, b) in picture.iter().zip(run(&network, input)) {
                    assert!((a - b).abs() < 1e-5, "{a} {b}");
                }
            }
        }
    }

    #[test]
    fn batch_moments_normalise() {
        let generator = small(true);
        let mut rng = rng::rng(2, rng::Purpose::GeneratorWeights, 0);
        let parameters = initial::<Flex>(&generator.specs(), &mut rng, &Default::default());
        let input = tensor::<Flex>(rng::normal(&mut rng, 50), [10, 5], &Default::default());
        let (_, moments) = generator.forward(&parameters, input.clone(), None);
        let first = values(&input.matmul(parameters[0].clone()));
        let mean = first.chunks(5).map(|row| row[1]).sum::<f32>() / 10.0;
        assert!((values(&moments[0].mean)[1] - mean).abs() < 1e-5);
    }

    #[test]
    fn names_and_shapes_are_those_of_the_config() {
        let specs = small(true).specs();
        let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
        assert_eq!(
            names[..3],
            [
                "generator.dense0.weight",
                "generator.norm0.scale",
                "generator.norm0.bias"
            ]
        );
        assert_eq!(specs[0].shape, [5, 5]);
        assert_eq!(specs.last().unwrap().shape, [1, 24]);
        let model = Config::resolve("cgan", &[]).unwrap().model;
        let count: usize = Generator::new(&model, 10)
            .specs()
            .iter()
            .map(|s| s.shape[0] * s.shape[1])
            .sum();
        assert_eq!(count, 110 * 256 + 256 * 256 + 256 * 784 + 4 * 256 + 784);
        assert_eq!(Discriminator::new(&model, 10).specs()[0].shape, [794, 256]);
    }
}
