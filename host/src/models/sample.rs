//! Pictures of a model, by either arithmetic: the integers of the device, or the float generator.

use crate::exchange::ReadOptions;
use crate::exchange::read::read_file;
use crate::exchange::write::{WriteOptions, to_bytes};
use crate::graph::InputSpec;
use crate::models::folder::{FLOAT_ONNX, ModelError, ModelFiles};
use crate::models::preview::{Model, PreviewError};
use crate::onnx::OnnxError;
use crate::picture::GrayImage;
use crate::quantize::{calibrate, report::float_grey};
use crate::runtime::{self, Runtime, RuntimeError, tract::Tract};
use shared::latent::{Latent, Point};

/// Which arithmetic draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    /// That of the device, by the firmware's own kernels.
    Integer,
    /// That of `generator.onnx`, whoever wrote it, run by tract.
    Float,
}

/// Pictures that cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// The model's files.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The integer model refuses.
    #[error(transparent)]
    Preview(#[from] PreviewError),
    /// The float generator is none.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// The float generator cannot be run.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// A class that the model does not have, or none where it wants one.
    #[error("the model has {classes} classes, so its label cannot be {asked}; expected {expected}")]
    Label {
        /// Number of classes.
        classes: u8,
        /// What was asked for.
        asked: String,
        /// What can be asked for.
        expected: String,
    },
    /// The float generator gives another number of pixels than the model image.
    #[error(
        "generator.onnx gives {found} values a picture, the model image {expected}; export the model again"
    )]
    Shape {
        /// Values of the float generator.
        found: usize,
        /// Pixels of the model image.
        expected: usize,
    },
}

/// Draws pictures of one model.
pub struct Sampler {
    model: Model,
    float: Option<Tract>,
}

impl Sampler {
    /// Loads a model.
    ///
    /// # Errors
    /// [`SampleError`].
    pub fn new(files: &ModelFiles, arithmetic: Arithmetic) -> Result<Self, SampleError> {
        let model = files.model()?;
        let float = match arithmetic {
            Arithmetic::Integer => None,
            Arithmetic::Float => {
                let classes = model.image()?.classes();
                let options = ReadOptions {
                    classes: (classes > 0).then_some(usize::from(classes)),
                    ..Default::default()
                };
                let network = read_file(&files.file(FLOAT_ONNX)?, &options)?.network;
                // Others call their inputs otherwise, shape them otherwise, and may take the label
                // as an index.
                let bytes = to_bytes(&network, &WriteOptions::default());
                Some(Tract::load(&bytes.map_err(OnnxError::from)?)?)
            }
        };
        Ok(Self { model, float })
    }

    /// Number of classes that can be asked for.
    pub fn classes(&self) -> u8 {
        self.model.image().map_or(0, |image| image.classes())
    }

    /// One picture a point.
    ///
    /// # Errors
    /// [`SampleError`].
    pub fn pictures(&mut self, points: &[Point]) -> Result<Vec<GrayImage>, SampleError> {
        let latents: Vec<Latent> = points.iter().map(|&point| Latent::At(point)).collect();
        self.draw(&latents)
    }

    /// One picture a latent vector, which may lie between two points.
    ///
    /// # Errors
    /// [`SampleError`].
    pub fn draw(&mut self, latents: &[Latent]) -> Result<Vec<GrayImage>, SampleError> {
        let image = self.model.image()?;
        let classes = image.classes();
        let mut labels = latents.iter().flat_map(Latent::labels);
        if let Some(label) = labels.find(|label| !image.accepts(*label)) {
            return Err(SampleError::Label {
                classes,
                asked: label.map_or("none".to_owned(), |label| label.to_string()),
                expected: classes
                    .checked_sub(1)
                    .map_or("none".to_owned(), |last| format!("0 to {last}")),
            });
        }
        let Some(float) = &mut self.float else {
            return latents
                .iter()
                .map(|&latent| Ok(self.model.picture(latent, &mut ())?))
                .collect();
        };
        let spec = InputSpec {
            latent: image.latent_len(),
            classes: usize::from(classes),
        };
        let integers = calibrate::latent_inputs(latents, spec, image.prior());
        let inputs = calibrate::float_inputs(&integers, spec);
        let outputs = float.run_float(&runtime::inputs(inputs.view(), spec.latent))?;
        let (width, height) = (
            usize::from(image.output().width),
            usize::from(image.output().height),
        );
        let expected = image.output().len() as usize;
        let data = outputs.first().map_or(&[][..], |output| &output.data);
        if data.len() != expected * latents.len() {
            return Err(SampleError::Shape {
                found: data.len() / latents.len().max(1),
                expected,
            });
        }
        Ok(data
            .chunks_exact(expected)
            .map(|values| GrayImage {
                width,
                height,
                pixels: values
                    .iter()
                    .take(width * height)
                    .map(|&v| float_grey(image.pixel_range(), v))
                    .collect(),
            })
            .collect())
    }
}
