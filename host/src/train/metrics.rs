//! What a run measures as it goes, one JSON object a line, and the alarm that watches it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::TrainError;
use super::config::Alarm;
use crate::files::{FileError, read_at_most, write_atomically};

/// The largest metrics file that is read, in bytes.
const MAX_FILE: u64 = 1 << 30;

/// One line of metrics.jsonl; losses are means over the steps since the line before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Steps done.
    pub step: u64,
    /// Passes over the dataset.
    pub epoch: f64,
    /// Mean cross-entropy of the discriminator, in nats: real plus generated pictures.
    pub discriminator_loss: f64,
    /// Mean cross-entropy of the generator, in nats.
    pub generator_loss: f64,
    /// Part of the last batch's real and generated pictures that the discriminator told right.
    pub discriminator_accuracy: f64,
    /// Spread of the generated pictures within their classes, relative to that of the real ones; 1 is equal.
    pub diversity: f64,
    /// Steps a second since the line before.
    pub steps_per_second: f64,
    /// What the alarm saw.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub warning: Option<String>,
}

/// Standard deviation of pixels around the mean picture of their class, over a batch of shape (labels, pixels).
pub fn spread(pictures: &[f32], labels: &[u8]) -> f64 {
    let pixels = pictures.len() / labels.len().max(1);
    let (mut squares, mut freedom) = (0.0, 0usize);
    if pixels == 0 {
        return 0.0;
    }
    for class in 0..=u8::MAX {
        let members: Vec<&[f32]> = pictures
            .chunks_exact(pixels)
            .zip(labels)
            .filter(|(_, label)| **label == class)
            .map(|(picture, _)| picture)
            .collect();
        if members.len() < 2 {
            continue;
        }
        for pixel in 0..pixels {
            let values = members.iter().map(|picture| f64::from(picture[pixel]));
            let mean = values.clone().sum::<f64>() / members.len() as f64;
            squares += values.map(|value| (value - mean).powi(2)).sum::<f64>();
        }
        freedom += (members.len() - 1) * pixels;
    }
    (squares / freedom.max(1) as f64).sqrt()
}

/// Watches the records of a run for signs of collapse.
#[derive(Debug, Clone)]
pub struct Watch {
    alarm: Alarm,
    alike: u64,
    saturated: u64,
}

impl Watch {
    /// A watch that has seen nothing.
    pub fn new(alarm: Alarm) -> Self {
        Self {
            alarm,
            alike: 0,
            saturated: 0,
        }
    }

    /// Looks at a record and puts its warning in.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] at once; [`TrainError::Collapsed`] where a warning has lasted `patience` records.
    pub fn look(&mut self, record: &mut Record) -> Result<(), TrainError> {
        let step = record.step;
        let losses = [
            ("discriminator", record.discriminator_loss),
            ("generator", record.generator_loss),
        ];
        for (network, loss) in losses {
            if !loss.is_finite() {
                return Err(TrainError::NotFinite { step, network });
            }
        }
        // A spread that is not a number counts as none.
        let alike = record.diversity.is_nan() || record.diversity < self.alarm.diversity;
        let saturated = record.discriminator_accuracy > self.alarm.saturation;
        self.alike = if alike { self.alike + 1 } else { 0 };
        self.saturated = if saturated { self.saturated + 1 } else { 0 };
        let mut warnings = Vec::new();
        if alike {
            warnings.push(format!(
                "all samples alike (diversity {:.3})",
                record.diversity
            ));
        }
        if saturated {
            warnings.push(format!(
                "discriminator saturated (accuracy {:.3})",
                record.discriminator_accuracy
            ));
        }
        if warnings.is_empty() {
            return Ok(());
        }
        let warning = warnings.join(", ");
        record.warning = Some(warning.clone());
        if self.alike.max(self.saturated) >= self.alarm.patience {
            return Err(TrainError::Collapsed { step, warning });
        }
        Ok(())
    }
}

/// Adds a line to metrics.jsonl.
///
/// # Errors
/// [`FileError::Write`].
pub fn append(path: &Path, record: &Record) -> Result<(), FileError> {
    use std::io::Write;
    let failed = |source| FileError::Write {
        path: path.to_owned(),
        source,
    };
    let mut line = serde_json::to_vec(record).map_err(|error| failed(error.into()))?;
    line.push(b'\n');
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(failed)?;
    file.write_all(&line).map_err(failed)
}

/// Reads the records up to a step; a last line that was cut off is passed over, as are lines that are no records.
///
/// # Errors
/// [`FileError`].
pub fn read_until(path: &Path, step: u64) -> Result<Vec<Record>, FileError> {
    let bytes = read_at_most(path, MAX_FILE)?;
    let lines = bytes.split(|byte| *byte == b'\n');
    let records = lines.filter_map(|line| serde_json::from_slice::<Record>(line).ok());
    Ok(records.filter(|record| record.step <= step).collect())
}

/// Replaces metrics.jsonl.
///
/// # Errors
/// [`FileError::Write`].
pub fn rewrite(path: &Path, records: &[Record]) -> Result<(), FileError> {
    let mut text = String::new();
    for record in records {
        let line = serde_json::to_string(record).map_err(|error| FileError::Write {
            path: path.to_owned(),
            source: error.into(),
        })?;
        text.push_str(&line);
        text.push('\n');
    }
    write_atomically(path, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(step: u64) -> Record {
        Record {
            step,
            epoch: 0.5,
            discriminator_loss: 1.2,
            generator_loss: 0.9,
            discriminator_accuracy: 0.7,
            diversity: 0.8,
            steps_per_second: 40.0,
            warning: None,
        }
    }

    fn watch() -> Watch {
        Watch::new(Alarm {
            diversity: 0.1,
            saturation: 0.99,
            patience: 3,
        })
    }

    #[test]
    fn a_loss_that_is_not_finite_stops_the_run_at_once() {
        for bad in [f64::NAN, f64::INFINITY] {
            let mut bad_record = record(7);
            bad_record.generator_loss = bad;
            let error = watch().look(&mut bad_record).unwrap_err();
            assert!(matches!(
                error,
                TrainError::NotFinite {
                    step: 7,
                    network: "generator"
                }
            ));
        }
    }

    #[test]
    fn a_collapse_warns_then_stops_and_a_good_record_forgives() {
        let mut watch = watch();
        let bad = |step| Record {
            diversity: 0.01,
            ..record(step)
        };
        for step in [1, 2] {
            let mut seen = bad(step);
            watch.look(&mut seen).unwrap();
            assert!(seen.warning.unwrap().contains("alike"));
        }
        let mut good = record(3);
        watch.look(&mut good).unwrap();
        assert_eq!(good.warning, None);
        let last = (4..=6)
            .map(|step| watch.look(&mut bad(step)))
            .collect::<Vec<_>>();
        assert!(last[0].is_ok() && last[1].is_ok());
        assert!(matches!(
            last[2],
            Err(TrainError::Collapsed { step: 6, .. })
        ));
    }

    #[test]
    fn a_saturated_discriminator_is_told() {
        let mut seen = Record {
            discriminator_accuracy: 1.0,
            ..record(1)
        };
        watch().look(&mut seen).unwrap();
        assert!(seen.warning.unwrap().contains("saturated"));
    }

    #[test]
    fn spread_is_taken_within_classes() {
        // Two classes, each of two equal pictures: the classes differ, the pictures within them do not.
        assert_eq!(spread(&[1.0, -1.0, 1.0, -1.0], &[0, 1, 0, 1]), 0.0);
        assert!((spread(&[1.0, -1.0], &[3, 3]) - 2f64.sqrt()).abs() < 1e-9);
        assert_eq!(spread(&[], &[]), 0.0);
    }

    #[test]
    fn records_are_appended_and_read_back_up_to_a_step() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        for step in 1..=3 {
            append(&path, &record(step)).unwrap();
        }
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.truncate(bytes.len() - 5);
        std::fs::write(&path, bytes).unwrap();
        let read = read_until(&path, 9).unwrap();
        assert_eq!(read, [record(1), record(2)]);
        rewrite(&path, &read[..1]).unwrap();
        assert_eq!(read_until(&path, 9).unwrap(), [record(1)]);
    }
}
