//! What a training run is told: presets in TOML, a file over them, `key=value` over both.
//!
//! `defaults.toml` has every key with its meaning, so it is also the list of valid keys: one that
//! it does not have is refused with the nearest. A preset is what differs from it.

mod check;
mod merge;

use std::path::{Path, PathBuf};

use merge::{one_line, preset, set, with_file};
use serde::{Deserialize, Serialize};

use super::device::DeviceChoice;
use crate::graph::Bits;
use crate::system::files::FileError;

/// Every key with its meaning and the value that it has unless a preset says otherwise.
pub const DEFAULTS: &str = include_str!("../../../presets/defaults.toml");

/// Names and contents of the presets that are shipped; the first is the default.
pub const PRESETS: [(&str, &str); 8] = [
    ("cgan", include_str!("../../../presets/cgan.toml")),
    ("gan", include_str!("../../../presets/gan.toml")),
    ("dcgan", include_str!("../../../presets/dcgan.toml")),
    ("cdcgan", include_str!("../../../presets/cdcgan.toml")),
    (
        "dcgan-large",
        include_str!("../../../presets/dcgan-large.toml"),
    ),
    ("vae", include_str!("../../../presets/vae.toml")),
    ("cvae", include_str!("../../../presets/cvae.toml")),
    (
        "classifier",
        include_str!("../../../presets/classifier.toml"),
    ),
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
        expected: String,
    },
}

/// What is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Objective {
    /// A generator against a discriminator.
    Gan,
    /// A decoder with its encoder.
    Vae,
    /// A classifier of pictures.
    Classifier,
}

/// What networks are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Fully connected layers.
    Dense,
    /// Strided convolutions on the way in, transposed ones on the way out.
    Conv,
}

/// The loss of a GAN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Non-saturating binary cross-entropy (Goodfellow et al. 2014, section 3).
    NsBce,
    /// Hinge (Lim and Ye 2017; Miyato et al. 2018, equations 16 and 17).
    Hinge,
    /// Least squares (Mao et al. 2017, equation 9).
    Lsgan,
    /// Wasserstein with gradient penalty (Gulrajani et al. 2017, equation 3).
    WganGp,
}

/// What a VAE takes its pixels for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Likelihood {
    /// Probabilities of white: sigmoid and cross-entropy.
    Bernoulli,
    /// Means of normal distributions of one fixed deviation: tanh and squared error.
    Gaussian,
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
    /// The board that the exported model has to fit, or `none`.
    pub board: String,
    /// The two networks.
    pub model: ModelConfig,
    /// Losses, optimiser, length.
    pub train: Train,
    /// What only a VAE has.
    pub vae: Vae,
    /// Training with quantization in the loop.
    pub qat: Qat,
    /// How often something is written.
    pub report: Report,
    /// What counts as a collapse.
    pub alarm: Alarm,
}

/// Shapes of the networks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// What is trained.
    pub objective: Objective,
    /// What both networks are made of.
    pub family: Family,
    /// Length of the latent vector.
    pub latent: usize,
    /// Whether both networks are told the class, one-hot.
    pub conditional: bool,
    /// Rows of a picture.
    pub height: usize,
    /// Columns of a picture.
    pub width: usize,
    /// Sizes of the hidden layers of generator or decoder; channels where it is convolutional.
    pub generator: Vec<usize>,
    /// Sizes of the hidden layers of discriminator, encoder or classifier; channels where it is
    /// convolutional.
    pub discriminator: Vec<usize>,
    /// Hidden layers between the latent vector and the smallest picture of a convolutional
    /// generator or decoder (a mapping network: Karras, Laine and Aila 2019).
    pub mapping: Vec<usize>,
    /// Size of a dense layer between convolutions and output of the latter; 0 for none.
    pub features: usize,
    /// Rows and columns of a convolution's kernel.
    pub kernel: usize,
    /// The discriminator's weights divided by their largest singular value (Miyato et al. 2018).
    pub spectral_norm: bool,
    /// The discriminator of a GAN that is not conditional has a logit for each class (Salimans et
    /// al. 2016, section 5).
    pub class_head: bool,
    /// Batch normalisation after the generator's hidden layers.
    pub batch_norm: bool,
    /// Samples and the exported network see latent vectors scaled by this (folded into the first
    /// layer): fewer odd pictures for less variety. The truncation of Brock, Donahue and Simonyan
    /// 2019, section 3.1, by scaling.
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
    /// The loss of a GAN.
    pub loss: Loss,
    /// Weight of the gradient penalty of `wgan-gp`.
    pub penalty: f64,
    /// Weight of the squared length of the discriminator's gradient at real pictures (Mescheder,
    /// Geiger and Nowozin 2018, equation 9), for any loss; 0 for none.
    pub r1: f64,
    /// That penalty is computed in one step of so many, with so many times the weight (Karras et
    /// al. 2020, section 3.1).
    pub r1_every: u64,
    /// Updates of the discriminator for each update of the generator.
    pub d_steps: usize,
    /// Weight of the classes in the discriminator's loss, where it has [`ModelConfig::class_head`].
    pub class_weight: f64,
    /// Weight of the classes' shares in the generator's loss, where the discriminator has
    /// [`ModelConfig::class_head`].
    pub balance: f64,
    /// Pictures are moved by up to so many pixels each way, at random.
    pub shift: usize,
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

/// What only a VAE has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vae {
    /// What it takes its pixels for.
    pub likelihood: Likelihood,
    /// Standard deviation of the Gaussian likelihood, for pixels from -1 to 1.
    pub deviation: f64,
    /// Weight of the Kullback-Leibler divergence; 1 gives the evidence lower bound (Kingma and
    /// Welling 2014).
    pub kl_weight: f64,
    /// Part of the steps over which that weight grows from 0.
    pub kl_warm_up: f64,
}

/// Training with quantization in the loop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Qat {
    /// The run whose networks go on; empty where float weights are trained.
    pub source: String,
    /// Updates of each network.
    pub steps: u64,
    /// Width of the weights.
    pub bits: Bits,
    /// The most bytes that the model image may take, 0 for any: layers that matter least then get
    /// int4 weights.
    pub budget: usize,
    /// Learning rate of the integers at the start, in steps of their grid; see
    /// [`crate::train::qat::distill::falling`].
    pub rate: f64,
    /// Learning rate of the discriminator.
    pub rate_discriminator: f64,
    /// Weight of the run's own loss.
    pub objective: f64,
    /// Weight of the squared error to the float generator's pictures, summed over the pixels.
    pub distillation: f64,
}

impl Qat {
    /// Whether integers are trained.
    pub fn is_on(&self) -> bool {
        !self.source.is_empty()
    }
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
    /// A preset or a TOML file (which may have some keys only, and may name its preset by `preset =
    /// "gan"`), with `KEY=VALUE` pairs over it; keys have dots: `train.steps=2000`.
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

    /// What a resumed run may not change, a line a key: seed, batch, likelihood and model. The rest
    /// (steps, learning rates, reports) it may; and the truncation, which changes what is drawn and
    /// exported, not what is trained.
    ///
    /// # Errors
    /// As [`Config::to_toml`].
    pub fn identity(&self) -> Result<String, ConfigError> {
        let mut model = self.model.clone();
        model.truncation = 1.0;
        let (seed, batch, d_steps) = (self.seed, self.train.batch, self.train.d_steps);
        let likelihood = self.vae.likelihood;
        let integers = if self.qat.is_on() {
            "integers = true\n"
        } else {
            ""
        };
        Ok(format!(
            "{integers}seed = {seed}\nbatch = {batch}\nd_steps = {d_steps}\nlikelihood = {likelihood:?}\n{}",
            toml(&model)?
        ))
    }
}

impl Config {
    /// Classes that the networks are told, for a dataset of so many: none unless conditional.
    pub fn labels(&self, classes: usize) -> usize {
        if self.model.conditional { classes } else { 0 }
    }

    /// The config of a training of integers that goes on from the run of this one, in a folder.
    ///
    /// # Errors
    /// [`ConfigError::Range`] where the run is a classifier's, or one of integers itself.
    pub fn for_qat(mut self, source: &Path) -> Result<Config, ConfigError> {
        let expected = "empty: a run of integers goes on with --resume";
        check::holds(!self.qat.is_on(), "qat.source", &self.qat.source, expected)?;
        self.qat.source = source.display().to_string();
        self.train.steps = self.qat.steps;
        self.train.lr_generator = self.qat.rate;
        self.train.lr_discriminator = self.qat.rate_discriminator;
        (self.train.lr_decay_from, self.train.lr_final) = (0.0, 0.0);
        self.check()?;
        Ok(self)
    }

    /// Whether pixels run from 0 to 1, as a sigmoid gives them, and not from -1 to 1.
    pub fn is_unit_range(&self) -> bool {
        self.model.objective == Objective::Vae && self.vae.likelihood == Likelihood::Bernoulli
    }

    /// Real pictures that one step takes.
    pub fn pictures_a_step(&self) -> usize {
        match self.model.objective {
            Objective::Gan => self.train.batch * self.train.d_steps,
            Objective::Vae | Objective::Classifier => self.train.batch,
        }
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
