//! The range of every key.

use super::{Config, ConfigError};

impl Config {
    /// Refuses values that no run can use, before anything is allocated by them.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
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
