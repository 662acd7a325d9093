//! What a training run is told: presets in TOML, a file over them, `key=value` over both.
//!
//! A preset has every key, so it is also the list of valid keys: one that it does not have is refused with the nearest.

mod check;
mod merge;

use std::path::{Path, PathBuf};

use merge::{one_line, preset, set, with_file};
use serde::{Deserialize, Serialize};

use super::device::DeviceChoice;
use crate::files::FileError;

/// Names and contents of the presets that are shipped; the first is the default.
pub const PRESETS: [(&str, &str); 2] = [
    ("cgan", include_str!("../../../presets/cgan.toml")),
    ("gan", include_str!("../../../presets/gan.toml")),
];

/// A config that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// No preset and no file has this name.
    #[error("config {name:?}: no such preset or file; presets are {presets}, a file ends in .toml")]
    UnknownPreset {
        /// What was asked for.
        name: String,
        /// The presets there are.
        presets: String,
    },
    /// Not TOML.
    #[error("{origin}: not valid TOML ({reason}); see `thumbgen train --help` for an example")]
    Syntax {
        /// File, preset or `--set`.
        origin: String,
        /// What the parser said, in one line.
        reason: String,
    },
    /// A key that no config has.
    #[error("{origin}: unknown key `{key}`; {hint}")]
    UnknownKey {
        /// File or `--set`.
        origin: String,
        /// The key with its table: `train.stepz`.
        key: String,
        /// The nearest valid keys.
        hint: String,
    },
    /// A pair without `=`.
    #[error("--set {pair:?}: expected KEY=VALUE, like train.steps=2000")]
    NotAPair {
        /// What was given.
        pair: String,
    },
    /// A value of the wrong type.
    #[error("{origin}: {reason}; correct the value")]
    Type {
        /// File or `--set`.
        origin: String,
        /// What was expected and found, and at which key.
        reason: String,
    },
    /// A value out of its range.
    #[error("config key `{key}` is {value}; expected {expected}")]
    Range {
        /// The key with its table.
        key: &'static str,
        /// Its value.
        value: String,
        /// The values that are possible.
        expected: &'static str,
    },
}

/// A whole training run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the model; it stands in file names and in the model image.
    pub name: String,
    /// Every random number of the run follows from it.
    pub seed: u64,
    /// `mnist` or a folder.
    pub data: String,
    /// Where to compute.
    pub device: DeviceChoice,
    /// The two networks.
    pub model: Model,
    /// Losses, optimiser, length.
    pub train: Train,
    /// How often something is written.
    pub report: Report,
    /// What counts as a collapse.
    pub alarm: Alarm,
}

/// Shapes of the generator and the discriminator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Length of the latent vector.
    pub latent: usize,
    /// Whether both networks are told the class, one-hot.
    pub conditional: bool,
    /// Rows of a picture.
    pub height: usize,
    /// Columns of a picture.
    pub width: usize,
    /// Sizes of the generator's hidden layers.
    pub generator: Vec<usize>,
    /// Sizes of the discriminator's hidden layers.
    pub discriminator: Vec<usize>,
    /// Batch normalisation after the generator's hidden layers.
    pub batch_norm: bool,
    /// Samples and the exported network see latent vectors scaled by this (folded into the first layer): fewer odd
    /// pictures for less variety. The truncation of Brock, Donahue and Simonyan 2019, section 3.1, by scaling.
    pub truncation: f32,
    /// LeakyReLU slope of the generator, 2^-k.
    pub generator_slope: f32,
    /// LeakyReLU slope of the discriminator.
    pub discriminator_slope: f32,
}

/// Losses, optimiser, length.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Train {
    /// Updates of each network.
    pub steps: u64,
    /// Pictures in an update.
    pub batch: usize,
    /// Learning rate of the generator.
    pub lr_generator: f64,
    /// Learning rate of the discriminator.
    pub lr_discriminator: f64,
    /// Part of the steps after which the rates begin to fall, 0 to 1.
    pub lr_decay_from: f64,
    /// What is left of the rates at the last step, as a factor.
    pub lr_final: f64,
    /// Adam's decay of the gradient's mean.
    pub beta1: f64,
    /// Adam's decay of the gradient's square.
    pub beta2: f64,
    /// Adam's guard against division by zero.
    pub epsilon: f64,
    /// The discriminator's target for real pictures.
    pub real_label: f64,
    /// Decay of the generator's exponential moving average.
    pub ema: f64,
}

/// How often something is written, in steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// A line of metrics.jsonl.
    pub metrics_every: u64,
    /// A sample grid.
    pub samples_every: u64,
    /// A checkpoint.
    pub checkpoint_every: u64,
}

/// What counts as a collapse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alarm {
    /// Samples whose spread is below this part of the real pictures' count as alike.
    pub diversity: f64,
    /// A discriminator that tells more than this part right counts as saturated.
    pub saturation: f64,
    /// Records in a row with either until the run is stopped.
    pub patience: u64,
}

impl Config {
    /// A preset or a TOML file (which may have some keys only, and may name its preset by `preset = "gan"`), with
    /// `KEY=VALUE` pairs over it; keys have dots: `train.steps=2000`.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn resolve(preset_or_file: &str, pairs: &[String]) -> Result<Config, ConfigError> {
        let (mut table, mut origin) = match preset(preset_or_file) {
            Ok(table) => (table, format!("preset {preset_or_file}")),
            Err(error) => {
                let path = PathBuf::from(preset_or_file);
                if !path.is_file() && path.extension().is_none_or(|ending| ending != "toml") {
                    return Err(error);
                }
                (with_file(&path)?, path.display().to_string())
            }
        };
        for pair in pairs {
            let Some((key, value)) = pair.split_once('=') else {
                return Err(ConfigError::NotAPair { pair: pair.clone() });
            };
            origin = format!("--set {pair}");
            set(&mut table, key.trim(), value.trim(), &origin)?;
        }
        let config: Config =
            table
                .try_into()
                .map_err(|error: toml::de::Error| ConfigError::Type {
                    origin,
                    reason: one_line(&error.to_string()),
                })?;
        config.check()?;
        Ok(config)
    }

    /// Reads the config that a run has written; it has every key.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read(path: &Path) -> Result<Config, ConfigError> {
        Self::resolve(&path.display().to_string(), &[])
    }

    /// The config as TOML, every key in it.
    ///
    /// # Errors
    /// [`ConfigError::Type`], where a number does not fit TOML (a seed over 2^63).
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml(self)
    }

    /// What a resumed run may not change, a line a key: seed, batch size and model. The rest (steps, learning rates,
    /// reports) it may; and the truncation, which changes what is drawn and exported, not what is trained.
    ///
    /// # Errors
    /// As [`Config::to_toml`].
    pub fn identity(&self) -> Result<String, ConfigError> {
        let mut model = self.model.clone();
        model.truncation = 1.0;
        let (seed, batch) = (self.seed, self.train.batch);
        Ok(format!("seed = {seed}\nbatch = {batch}\n{}", toml(&model)?))
    }
}

fn toml(value: &impl Serialize) -> Result<String, ConfigError> {
    toml::to_string(value).map_err(|error| ConfigError::Type {
        origin: "config.toml".to_owned(),
        reason: one_line(&error.to_string()),
    })
}

#[cfg(test)]
mod tests;
