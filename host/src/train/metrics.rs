//! What a run measures as it goes, one JSON object a line, and the alarm that watches it.

use std::path::Path;

pub use super::record::{Measures, Record};

use super::TrainError;
use super::config::Alarm;
use crate::system::files::{FileError, read_at_most, write_atomically};

/// The largest metrics file that is read, in bytes.
const MAX_FILE: u64 = 1 << 30;

/// Standard deviation of pixels around the mean picture of their class, over a batch of shape
/// (labels, pixels).
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

/// Below this divergence, in nats, a latent vector says less of its picture than a tenth of a class
/// label would.
const COLLAPSED: f64 = 0.2;

/// Watches the records of a run for signs of collapse.
#[derive(Debug, Clone)]
pub struct Watch {
    alarm: Alarm,
    /// Records with a warning in a row.
    warned: u64,
}

impl Watch {
    /// A watch that has seen nothing.
    pub fn new(alarm: Alarm) -> Self {
        Self { alarm, warned: 0 }
    }

    /// Looks at a record and puts its warning in.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] at once; [`TrainError::Collapsed`] where a warning has lasted
    /// `patience` records.
    pub fn look(&mut self, record: &mut Record) -> Result<(), TrainError> {
        let step = record.step;
        for (loss, value) in record.measures.losses() {
            if !value.is_finite() {
                return Err(TrainError::NotFinite { step, loss });
            }
        }
        let mut warnings = Vec::new();
        // A spread that is not a number counts as none.
        let alike = |diversity: f64| diversity.is_nan() || diversity < self.alarm.diversity;
        match record.measures {
            Measures::Gan {
                discriminator_accuracy: accuracy,
                diversity,
                ..
            } => {
                if alike(diversity) {
                    warnings.push(format!("all samples alike (diversity {diversity:.3})"));
                }
                if accuracy > self.alarm.saturation {
                    warnings.push(format!("discriminator saturated (accuracy {accuracy:.3})"));
                }
            }
            Measures::Vae {
                divergence,
                diversity,
                ..
            } => {
                if alike(diversity) {
                    warnings.push(format!("all pictures alike (diversity {diversity:.3})"));
                }
                if divergence < COLLAPSED {
                    warnings.push(format!(
                        "latent vectors tell nothing (divergence {divergence:.3} nats)"
                    ));
                }
            }
            Measures::Classifier { .. } => {}
        }
        self.warned = if warnings.is_empty() {
            0
        } else {
            self.warned + 1
        };
        if warnings.is_empty() {
            return Ok(());
        }
        let warning = warnings.join(", ");
        record.warning = Some(warning.clone());
        if self.warned >= self.alarm.patience {
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

/// Reads the records up to a step; a last line that was cut off is passed over, as are lines that
/// are no records.
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
            measures: gan(0.9, 0.7, 0.8),
            steps_per_second: 40.0,
            warning: None,
        }
    }

    fn gan(generator_loss: f64, discriminator_accuracy: f64, diversity: f64) -> Measures {
        Measures::Gan {
            discriminator_loss: 1.2,
            generator_loss,
            discriminator_accuracy,
            diversity,
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
            bad_record.measures = gan(bad, 0.7, 0.8);
            let error = watch().look(&mut bad_record).unwrap_err();
            assert!(matches!(
                error,
                TrainError::NotFinite {
                    step: 7,
                    loss: "generator loss"
                }
            ));
        }
    }

    #[test]
    fn a_collapse_warns_then_stops_and_a_good_record_forgives() {
        let mut watch = watch();
        let bad = |step| Record {
            measures: gan(0.9, 0.7, 0.01),
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
            measures: gan(0.9, 1.0, 0.8),
            ..record(1)
        };
        watch().look(&mut seen).unwrap();
        assert!(seen.warning.unwrap().contains("saturated"));
    }

    #[test]
    fn a_collapsed_posterior_is_told() {
        let mut seen = Record {
            measures: Measures::Vae {
                reconstruction: 200.0,
                divergence: 0.01,
                diversity: 0.5,
            },
            ..record(1)
        };
        watch().look(&mut seen).unwrap();
        assert!(seen.warning.unwrap().contains("latent"));
    }

    #[test]
    fn spread_is_taken_within_classes() {
        // Two classes, each of two equal pictures: the classes differ, the pictures within them do
        // not.
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
