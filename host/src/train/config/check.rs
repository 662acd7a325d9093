//! The range of every key.

use std::fmt::{Debug, Display};
use std::ops::{Bound, RangeBounds};

use crate::firmware_build::BOARDS;

use super::{Config, ConfigError, Family, ModelConfig, Objective};

/// Over 0, at most 1.
const POSITIVE: (Bound<f64>, Bound<f64>) = (Bound::Excluded(0.0), Bound::Included(1.0));

/// The most values of the smallest picture between convolutions.
const MOST_FEATURES: usize = 1 << 16;

impl Config {
    /// Refuses values that no run can use, before anything is allocated by them.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let name = &self.name;
        let good = (1..=32).contains(&name.len()) && name.chars().all(word);
        holds(good, "name", name, "1 to 32 letters, digits, - or _")?;
        let board = self.board.as_str();
        let known = board == "none" || BOARDS.iter().any(|build| build.name == board);
        holds(known, "board", &self.board, &boards())?;
        range("seed", self.seed, 0..=i64::MAX as u64)?;
        self.model.check()?;

        let train = &self.train;
        range("train.steps", train.steps, 1..=100_000_000)?;
        range("train.batch", train.batch, 2..=65_536)?;
        range("train.d_steps", train.d_steps, 1..=100)?;
        range("train.class_weight", train.class_weight, 0.0..=1000.0)?;
        range("train.balance", train.balance, 0.0..=1000.0)?;
        range("train.shift", train.shift, 0..=8)?;
        range("train.penalty", train.penalty, 0.0..=1000.0)?;
        range("train.r1", train.r1, 0.0..=1000.0)?;
        range("train.r1_every", train.r1_every, 1..=1000)?;
        range("train.lr_generator", train.lr_generator, POSITIVE)?;
        range("train.lr_discriminator", train.lr_discriminator, POSITIVE)?;
        range("train.lr_decay_from", train.lr_decay_from, 0.0..=1.0)?;
        range("train.lr_final", train.lr_final, 0.0..=1.0)?;
        range("train.beta1", train.beta1, 0.0..1.0)?;
        range("train.beta2", train.beta2, 0.0..1.0)?;
        range("train.epsilon", train.epsilon, POSITIVE)?;
        range("train.real_label", train.real_label, 0.5..=1.0)?;
        range("train.ema", train.ema, 0.0..1.0)?;

        range("vae.deviation", self.vae.deviation, 0.01..=10.0)?;
        range("vae.kl_weight", self.vae.kl_weight, 0.0..=1000.0)?;
        range("vae.kl_warm_up", self.vae.kl_warm_up, 0.0..=1.0)?;

        range("qat.steps", self.qat.steps, 1..=100_000_000)?;
        range("qat.rate", self.qat.rate, POSITIVE)?;
        range(
            "qat.rate_discriminator",
            self.qat.rate_discriminator,
            POSITIVE,
        )?;
        range("qat.objective", self.qat.objective, 0.0..=1000.0)?;
        range("qat.distillation", self.qat.distillation, 0.0..=1000.0)?;
        let drawn = !self.qat.is_on() || self.model.objective != Objective::Classifier;
        let expected = "empty for a classifier, which stays on the host";
        holds(drawn, "qat.source", &self.qat.source, expected)?;

        range("report.metrics_every", self.report.metrics_every, 1..)?;
        range("report.samples_every", self.report.samples_every, 1..)?;
        range("report.checkpoint_every", self.report.checkpoint_every, 1..)?;
        range("alarm.diversity", self.alarm.diversity, 0.0..=1.0)?;
        range("alarm.saturation", self.alarm.saturation, 0.0..=1.0)?;
        range("alarm.patience", self.alarm.patience, 1..)
    }
}

impl ModelConfig {
    fn check(&self) -> Result<(), ConfigError> {
        range("model.latent", self.latent, 1..=4096)?;
        range("model.height", self.height, 4..=128)?;
        range("model.width", self.width, 4..=128)?;
        range("model.features", self.features, 0..=4096)?;
        range("model.kernel", self.kernel, 2..=7)?;
        range("model.truncation", f64::from(self.truncation), POSITIVE)?;
        let slope = f64::from(self.discriminator_slope);
        range("model.discriminator_slope", slope, 0.0..=1.0)?;
        // Exactly 2^-k: one set bit in a float is a mantissa of zero.
        let slope = self.generator_slope;
        let power = (2f32.powi(-8)..=0.5).contains(&slope) && slope.to_bits() & 0x7f_ffff == 0;
        let expected = "a power of two from 1/2 to 1/256, like 0.25";
        holds(power, "model.generator_slope", slope, expected)?;
        // Convolutions halve the picture each time, down to no less than a pixel.
        let most = match self.family {
            Family::Dense => 8,
            Family::Conv => self.height.min(self.width).ilog2() as usize,
        };
        let expected = format!("1 to {most} sizes of 1 to 4096");
        let lists = [
            ("model.generator", &self.generator),
            ("model.discriminator", &self.discriminator),
        ];
        for (key, sizes) in lists {
            let good = (1..=most).contains(&sizes.len())
                && sizes.iter().all(|size| (1..=4096).contains(size));
            holds(good, key, format!("{sizes:?}"), &expected)?;
        }
        let conv = self.family == Family::Conv;
        let mapped = self.mapping.is_empty()
            || (conv && self.mapping.len() <= 8)
                && self.mapping.iter().all(|size| (1..=4096).contains(size));
        let expected = "up to 8 sizes of 1 to 4096, and none where model.family is dense";
        holds(
            mapped,
            "model.mapping",
            format!("{:?}", self.mapping),
            expected,
        )?;
        // A dense layer joins the smallest picture to up to 4096 values: 2^28 weights.
        if self.family == Family::Conv {
            let lists = [
                ("model.generator", &self.generator, self.generator.first()),
                (
                    "model.discriminator",
                    &self.discriminator,
                    self.discriminator.last(),
                ),
            ];
            for (key, sizes, channels) in lists {
                let shrink = 1 << sizes.len();
                let pixels = self.height.div_ceil(shrink) * self.width.div_ceil(shrink);
                let good = channels.is_some_and(|channels| channels * pixels <= MOST_FEATURES);
                let expected = format!(
                    "at most {} channels at {pixels} pixels, or one size more",
                    MOST_FEATURES / pixels
                );
                holds(good, key, format!("{sizes:?}"), &expected)?;
            }
        }
        let spectral = !self.spectral_norm || self.objective == Objective::Gan;
        let expected = "false where model.objective is not gan";
        holds(
            spectral,
            "model.spectral_norm",
            self.spectral_norm,
            expected,
        )?;
        let headed = !self.class_head || (self.objective == Objective::Gan && !self.conditional);
        let expected = "false where model.objective is not gan, or model.conditional is true";
        holds(headed, "model.class_head", self.class_head, expected)
    }
}

/// What the key `board` may be.
fn boards() -> String {
    let names: Vec<&str> = BOARDS.iter().map(|build| build.name).collect();
    format!("{} or none", names.join(", "))
}

/// Refuses a value that is not good.
pub(super) fn holds(
    good: bool,
    key: &'static str,
    value: impl Display,
    expected: &str,
) -> Result<(), ConfigError> {
    if good {
        return Ok(());
    }
    Err(ConfigError::Range {
        key,
        value: value.to_string(),
        expected: expected.to_owned(),
    })
}

/// Refuses a value out of its range.
fn range<T: PartialOrd + Display + Debug>(
    key: &'static str,
    value: T,
    range: impl RangeBounds<T>,
) -> Result<(), ConfigError> {
    let first = match range.start_bound() {
        Bound::Included(first) => format!("{first} "),
        Bound::Excluded(first) => format!("over {first} "),
        Bound::Unbounded => String::new(),
    };
    let expected = match range.end_bound() {
        Bound::Included(last) => format!("{first}to {last}"),
        Bound::Excluded(end) => format!("{first}to under {end}"),
        Bound::Unbounded => format!("{first}or more"),
    };
    holds(range.contains(&value), key, value, &expected)
}
