//! What can go wrong in a training run.

use std::path::PathBuf;

use super::checkpoint::CheckpointError;
use super::config::ConfigError;
use super::device::DeviceError;
use crate::dataset::DatasetError;
use crate::graph::GraphError;
use crate::onnx::OnnxError;
use crate::picture::PictureError;
use crate::quantize::QuantizeError;
use crate::system::files::FileError;

/// A run that did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The config.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The dataset.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The device.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A file of the run folder.
    #[error(transparent)]
    File(#[from] FileError),
    /// A picture of the run folder.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// A checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The generator cannot be quantized.
    #[error(transparent)]
    Quantize(#[from] QuantizeError),
    /// The scheme in a run folder does not go with its networks.
    #[error("{path}: {source}")]
    Integers {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: QuantizeError,
    },
    /// A file of the run folder that a training of integers needs.
    #[error(transparent)]
    Onnx(#[from] Box<OnnxError>),
    /// A network of the run folder cannot be written.
    #[error(transparent)]
    Network(#[from] GraphError),
    /// The run folder is in use.
    #[error(
        "{folder}: it already holds a run; resume it (--resume {folder}), or give another folder to --out"
    )]
    RunExists {
        /// Which folder.
        folder: PathBuf,
    },
    /// The checkpoint is further than the run is to go.
    #[error(
        "{folder}: its checkpoint is at step {done}, the run ends at step {steps}; raise train.steps"
    )]
    AlreadyPast {
        /// Which folder.
        folder: PathBuf,
        /// Steps done.
        done: u64,
        /// Steps asked for.
        steps: u64,
    },
    /// A loss is infinite or not a number.
    #[error(
        "training collapsed by step {step}: the {loss} is not finite; lower train.lr_generator and train.lr_discriminator, then resume from the last checkpoint or start again"
    )]
    NotFinite {
        /// The step at which it was seen.
        step: u64,
        /// Which loss.
        loss: &'static str,
    },
    /// A warning has lasted too long.
    #[error(
        "training collapsed by step {step}: {warning}; lower the learning rates, try another seed, or raise alarm.patience"
    )]
    Collapsed {
        /// The step at which the patience ended.
        step: u64,
        /// What the alarm saw.
        warning: String,
    },
    /// The caller's function for the network failed.
    #[error("cannot export the network: {0}")]
    Export(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The Ctrl-C handler could not be set.
    #[error("cannot catch Ctrl-C: {0}; end the run with train.steps instead")]
    Signal(#[from] ctrlc::Error),
}
