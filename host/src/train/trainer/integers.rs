//! Integers in the generator's place: what differs in a step.

use burn_tensor::Tensor;
use ndarray::Array2;

use super::{NetworkState, Trainer};
use crate::graph::Network;
use crate::ops::forward;
use crate::quantize::QuantizeError;
use crate::quantize::calibrate::float_inputs;
use crate::train::adam::AdamConfig;
use crate::train::net::Generator;
use crate::train::ops::{Kernels, TrainBackend, values};
use crate::train::qat::Student;
use crate::train::qat::distill::{falling, pictures};

/// The largest guard of Adam's root for integers.
const EPSILON: f64 = 1e-12;

/// The integers in training, and the float network that they came from.
#[derive(Debug, Clone)]
pub(super) struct QatGenerator {
    student: Student,
    teacher: Network,
}

impl QatGenerator {
    /// Pictures of latent vectors and one-hot labels, shape (batch, pixels).
    pub(super) fn draw<B: Kernels>(
        &self,
        parameters: &[Tensor<B, 2>],
        input: Tensor<B, 2>,
    ) -> Tensor<B, 2> {
        let integers = self.student.integers(input);
        self.student.forward(parameters, integers)
    }

    /// What the float network draws of the same.
    fn taught<B: Kernels>(&self, input: Tensor<B, 2>) -> Tensor<B, 2> {
        let device = input.device();
        let spec = self.student.input();
        let integers = values(&self.student.integers(input));
        // Whole numbers from -128 to 127.
        let integers: Vec<i8> = integers.into_iter().map(|v| v as i8).collect();
        let rows = integers.len() / spec.len().max(1);
        let given = Array2::from_shape_vec((rows, spec.len()), integers).unwrap_or_default();
        let inputs = float_inputs(&given, self.student.network().input);
        let drawn = forward::run(&self.teacher, inputs.view());
        pictures(drawn, &device)
    }
}

impl<B: TrainBackend> Trainer<B> {
    /// Whether integers are in the generator's place.
    pub fn learns_integers(&self) -> bool {
        self.qat.is_some()
    }

    /// Puts integers in the generator's place, before their first step; the other network goes on
    /// as it is. `teacher` is the float network that they came from.
    pub fn learn_integers(&mut self, student: Student, teacher: Network) {
        let train = &self.config.train;
        let adam = AdamConfig {
            beta1: train.beta1,
            beta2: train.beta2,
            // Gradients for a step of an 8-bit weight are small.
            epsilon: train.epsilon.min(EPSILON),
        };
        let parameters = student.start::<B::InnerBackend>(&self.device);
        self.state.networks[0] = NetworkState::with(student.specs().to_vec(), parameters, adam);
        self.state.step = 0;
        self.qat = Some(QatGenerator { student, teacher });
    }

    /// What is exported: the network of [`Trainer::network`]; of integers in training the float
    /// network with weights on their grid, which quantizes to the same integers by its scheme.
    ///
    /// # Errors
    /// [`QuantizeError::Accumulator`] where the averaged integers leave their range.
    pub fn exported(&self) -> Result<Network, QuantizeError> {
        match &self.qat {
            Some(qat) => qat.student.float_network(&self.state.networks[0].average),
            None => Ok(self.network()),
        }
    }

    /// The learning rate of the network that draws, for the step to come.
    pub(super) fn drawing_rate(&self) -> f64 {
        let train = &self.config.train;
        match &self.qat {
            Some(_) => falling(
                train.lr_generator,
                self.state.step as f64 / train.steps as f64,
            ),
            None => self.rate(train.lr_generator),
        }
    }

    /// Whether integers are trained.
    pub(super) fn trains_integers(&self) -> bool {
        self.qat.is_some()
    }

    /// Pictures of the generator in training, shape (batch, pixels).
    pub(super) fn draw(
        &self,
        generator: &Generator,
        parameters: &[Tensor<B, 2>],
        input: Tensor<B, 2>,
    ) -> Tensor<B, 2> {
        match &self.qat {
            Some(qat) => qat.draw(parameters, input),
            None => generator.forward(parameters, input, None).last(),
        }
    }

    /// The generator's whole loss: the run's own, and for integers the distance to what the float
    /// network draws.
    pub(super) fn with_distillation(
        &self,
        own: Tensor<B, 1>,
        drawn: &Tensor<B, 2>,
        input: Tensor<B::InnerBackend, 2>,
    ) -> Tensor<B, 1> {
        let Some(qat) = &self.qat else {
            return own;
        };
        let weights = &self.config.qat;
        let own = own * weights.objective;
        if weights.distillation == 0.0 {
            return own;
        }
        let [batch, _] = drawn.dims();
        let taught = Tensor::from_inner(qat.taught(input));
        let distance = (drawn.clone() - taught).square().sum() / batch as f64;
        own + distance * weights.distillation
    }

    /// Moves the average and brings integers back to where they are valid; after each update of the
    /// generator.
    pub(super) fn settle(&mut self, step: u64) {
        let state = &mut self.state.networks[0];
        if let Some(qat) = &self.qat {
            qat.student.constrain(&mut state.parameters);
        }
        state.follow(step, self.config.train.ema);
        if let Some(qat) = &self.qat {
            qat.student.constrain(&mut state.average);
        }
    }
}
