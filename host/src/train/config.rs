//! What a training run is told: presets in TOML, a file over them, `key=value` over both.
//!
//! A preset has every key, so it is also the list of valid keys: one that it does not have is refused with the nearest.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::device::DeviceChoice;
use crate::files::{FileError, read_at_most};

/// Names and contents of the presets that are shipped; the first is the default.
pub const PRESETS: [(&str, &str); 2] = [
    ("cgan", include_str!("../../presets/cgan.toml")),
    ("gan", include_str!("../../presets/gan.toml")),
];

/// The largest config file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

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
        toml::to_string(self).map_err(|error| ConfigError::Type {
            origin: "config.toml".to_owned(),
            reason: one_line(&error.to_string()),
        })
    }

    /// Refuses values that no run can use, before anything is allocated by them.
    fn check(&self) -> Result<(), ConfigError> {
        let (model, train) = (&self.model, &self.train);
        let positive = |value: f64| value > 0.0 && value <= 1.0;
        let part = |value: f64| (0.0..=1.0).contains(&value);
        let size = |size: usize| (1..=4096).contains(&size);
        let hidden =
            |sizes: &[usize]| (1..=8).contains(&sizes.len()) && sizes.iter().all(|s| size(*s));
        // Exactly 2^-k: one set bit in a float is a mantissa of zero.
        let slope = model.generator_slope;
        let power = (2f32.powi(-8)..=0.5).contains(&slope) && slope.to_bits() & 0x7f_ffff == 0;
        let name = !self.name.is_empty()
            && self.name.len() <= 32
            && self
                .name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        let seed = self.seed <= i64::MAX as u64;
        let checks = [
            (
                name,
                "name",
                self.name.clone(),
                "1 to 32 letters, digits, - or _",
            ),
            (
                seed,
                "seed",
                self.seed.to_string(),
                "at most 9223372036854775807",
            ),
            (
                size(model.latent),
                "model.latent",
                model.latent.to_string(),
                "1 to 4096",
            ),
            (
                hidden(&model.generator),
                "model.generator",
                format!("{:?}", model.generator),
                "1 to 8 sizes of 1 to 4096",
            ),
            (
                hidden(&model.discriminator),
                "model.discriminator",
                format!("{:?}", model.discriminator),
                "1 to 8 sizes of 1 to 4096",
            ),
            (
                (4..=128).contains(&model.height),
                "model.height",
                model.height.to_string(),
                "4 to 128",
            ),
            (
                (4..=128).contains(&model.width),
                "model.width",
                model.width.to_string(),
                "4 to 128",
            ),
            (
                positive(model.truncation.into()),
                "model.truncation",
                model.truncation.to_string(),
                "over 0, at most 1",
            ),
            (
                power,
                "model.generator_slope",
                slope.to_string(),
                "a power of two from 1/2 to 1/256, like 0.25",
            ),
            (
                part(model.discriminator_slope.into()),
                "model.discriminator_slope",
                model.discriminator_slope.to_string(),
                "0 to 1",
            ),
            (
                (1..=100_000_000).contains(&train.steps),
                "train.steps",
                train.steps.to_string(),
                "1 to 100000000",
            ),
            (
                (2..=65_536).contains(&train.batch),
                "train.batch",
                train.batch.to_string(),
                "2 to 65536",
            ),
            (
                positive(train.lr_generator),
                "train.lr_generator",
                train.lr_generator.to_string(),
                "over 0, at most 1",
            ),
            (
                positive(train.lr_discriminator),
                "train.lr_discriminator",
                train.lr_discriminator.to_string(),
                "over 0, at most 1",
            ),
            (
                part(train.lr_decay_from),
                "train.lr_decay_from",
                train.lr_decay_from.to_string(),
                "0 to 1",
            ),
            (
                part(train.lr_final),
                "train.lr_final",
                train.lr_final.to_string(),
                "0 to 1",
            ),
            (
                (0.0..1.0).contains(&train.beta1),
                "train.beta1",
                train.beta1.to_string(),
                "0 to under 1",
            ),
            (
                (0.0..1.0).contains(&train.beta2),
                "train.beta2",
                train.beta2.to_string(),
                "0 to under 1",
            ),
            (
                positive(train.epsilon),
                "train.epsilon",
                train.epsilon.to_string(),
                "over 0, at most 1",
            ),
            (
                (0.5..=1.0).contains(&train.real_label),
                "train.real_label",
                train.real_label.to_string(),
                "0.5 to 1",
            ),
            (
                (0.0..1.0).contains(&train.ema),
                "train.ema",
                train.ema.to_string(),
                "0 to under 1",
            ),
            (
                self.report.metrics_every > 0,
                "report.metrics_every",
                "0".to_owned(),
                "at least 1",
            ),
            (
                self.report.samples_every > 0,
                "report.samples_every",
                "0".to_owned(),
                "at least 1",
            ),
            (
                self.report.checkpoint_every > 0,
                "report.checkpoint_every",
                "0".to_owned(),
                "at least 1",
            ),
            (
                part(self.alarm.diversity),
                "alarm.diversity",
                self.alarm.diversity.to_string(),
                "0 to 1",
            ),
            (
                part(self.alarm.saturation),
                "alarm.saturation",
                self.alarm.saturation.to_string(),
                "0 to 1",
            ),
            (
                self.alarm.patience > 0,
                "alarm.patience",
                "0".to_owned(),
                "at least 1",
            ),
        ];
        for (ok, key, value, expected) in checks {
            if !ok {
                return Err(ConfigError::Range {
                    key,
                    value,
                    expected,
                });
            }
        }
        Ok(())
    }
}

/// The table of a preset.
fn preset(name: &str) -> Result<Table, ConfigError> {
    let names = PRESETS.map(|(name, _)| name);
    let (_, text) = PRESETS
        .iter()
        .find(|(preset, _)| *preset == name)
        .ok_or_else(|| ConfigError::UnknownPreset {
            name: name.to_owned(),
            presets: names.join(", "),
        })?;
    parse(text, name)
}

/// A file over the preset that it names.
fn with_file(path: &Path) -> Result<Table, ConfigError> {
    let origin = path.display().to_string();
    let bytes = read_at_most(path, MAX_FILE)?;
    let text = String::from_utf8(bytes).map_err(|error| ConfigError::Syntax {
        origin: origin.clone(),
        reason: error.to_string(),
    })?;
    let mut file = parse(&text, &origin)?;
    let base = match file.remove("preset") {
        None => PRESETS[0].0.to_owned(),
        Some(Value::String(name)) => name,
        Some(other) => other.to_string(),
    };
    let mut table = preset(&base)?;
    merge(&mut table, file, "", &origin)?;
    Ok(table)
}

/// TOML text as a table.
fn parse(text: &str, origin: &str) -> Result<Table, ConfigError> {
    text.parse()
        .map_err(|error: toml::de::Error| ConfigError::Syntax {
            origin: origin.to_owned(),
            reason: one_line(&error.to_string()),
        })
}

/// Puts the values of `over` in the place of those of `table`, which has every valid key.
fn merge(table: &mut Table, over: Table, prefix: &str, origin: &str) -> Result<(), ConfigError> {
    for (key, value) in over {
        let path = format!("{prefix}{key}");
        match (table.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(over)) => {
                merge(inner, over, &format!("{path}."), origin)?
            }
            (Some(known), value) => *known = as_kind(known, value),
            (None, _) => return Err(unknown(&path, origin)),
        }
    }
    Ok(())
}

/// Sets one key with dots to a value written as in TOML, or bare where the key takes text.
fn set(table: &mut Table, key: &str, value: &str, origin: &str) -> Result<(), ConfigError> {
    let mut parts = key.split('.');
    let first = parts.next().unwrap_or_default();
    let mut place = table.get_mut(first);
    for part in parts {
        place = place
            .and_then(Value::as_table_mut)
            .and_then(|table| table.get_mut(part));
    }
    let place = place
        .filter(|place| !place.is_table())
        .ok_or_else(|| unknown(key, origin))?;
    let new = if place.is_str() {
        Value::String(value.to_owned())
    } else {
        let mut parsed = parse(&format!("value = {value}"), origin)?;
        match (parsed.remove("value"), parsed.is_empty()) {
            (Some(value), true) => value,
            _ => {
                return Err(ConfigError::Syntax {
                    origin: origin.to_owned(),
                    reason: "expected one value".to_owned(),
                });
            }
        }
    };
    *place = as_kind(place, new);
    Ok(())
}

/// `1` is a valid way to write `1.0` where a float is expected.
fn as_kind(known: &Value, value: Value) -> Value {
    match (known, value) {
        (Value::Float(_), Value::Integer(whole)) => Value::Float(whole as f64),
        (_, value) => value,
    }
}

/// The error for a key that is not there, with the nearest that are.
fn unknown(key: &str, origin: &str) -> ConfigError {
    let mut keys = Vec::new();
    if let Ok(table) = preset(PRESETS[0].0) {
        collect(&table, "", &mut keys);
    }
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    // The whole key may be misspelt, its table may be missing, or it may be a table's name alone.
    let distance = |valid: &String| {
        let missing_table = distance(&last(valid), &last(key)) + usize::from(valid != key);
        let table_alone = if valid.starts_with(&format!("{key}.")) {
            1
        } else {
            usize::MAX
        };
        distance(valid, key).min(missing_table).min(table_alone)
    };
    keys.sort_by_cached_key(|valid| (distance(valid), valid.clone()));
    let near: Vec<String> = keys.iter().take(3).map(|key| format!("`{key}`")).collect();
    ConfigError::UnknownKey {
        origin: origin.to_owned(),
        key: key.to_owned(),
        hint: format!("did you mean {}?", near.join(", ")),
    }
}

/// Every key with its dots.
fn collect(table: &Table, prefix: &str, keys: &mut Vec<String>) {
    for (key, value) in table {
        match value {
            Value::Table(inner) => collect(inner, &format!("{prefix}{key}."), keys),
            _ => keys.push(format!("{prefix}{key}")),
        }
    }
}

/// Edit distance (Levenshtein) between two keys, each taken up to 64 characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// A parser's message without its line breaks.
fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
