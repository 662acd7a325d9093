//! One line of metrics.jsonl.

use serde::{Deserialize, Serialize};

/// One line of metrics.jsonl; losses are means over the steps since the line before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Line", into = "Line")]
pub struct Record {
    /// Steps done.
    pub step: u64,
    /// Passes over the dataset.
    pub epoch: f64,
    /// What was measured; its fields stand in the line beside the others.
    pub measures: Measures,
    /// Steps a second since the line before.
    pub steps_per_second: f64,
    /// What the alarm saw.
    pub warning: Option<String>,
}

/// What is measured for each objective.
#[derive(Debug, Clone, PartialEq)]
pub enum Measures {
    /// What a GAN measures.
    Gan {
        /// Mean loss of the discriminator, gradient penalty included; cross-entropies are in nats.
        discriminator_loss: f64,
        /// Mean loss of the generator.
        generator_loss: f64,
        /// Part of the last batch's real and generated pictures that the discriminator told right.
        discriminator_accuracy: f64,
        /// Spread of the generated pictures within their classes, relative to that of the real
        /// ones; 1 is equal.
        diversity: f64,
    },
    /// What a VAE measures: the two terms of the evidence lower bound.
    Vae {
        /// Mean negative log-likelihood of a picture, in nats; as a density it can be negative.
        reconstruction: f64,
        /// Mean Kullback-Leibler divergence of a picture's latent distribution from the prior, in
        /// nats.
        divergence: f64,
        /// Spread of the pictures as they are drawn again, relative to that of the real ones.
        diversity: f64,
    },
    /// What a classifier measures.
    Classifier {
        /// Mean cross-entropy, in nats.
        loss: f64,
        /// Part of the last batch that was told right.
        accuracy: f64,
        /// Part of the test pictures that the averaged weights tell right; after each epoch and at
        /// the end.
        test_accuracy: Option<f64>,
    },
}

/// A line as it is written: the fields of every objective, of which only one's are there.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Line {
    step: u64,
    epoch: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    discriminator_loss: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generator_loss: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    discriminator_accuracy: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reconstruction: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    divergence: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    diversity: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    loss: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accuracy: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_accuracy: Option<f64>,
    steps_per_second: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
}

impl From<Record> for Line {
    fn from(record: Record) -> Line {
        let mut line = Line {
            step: record.step,
            epoch: record.epoch,
            steps_per_second: record.steps_per_second,
            warning: record.warning,
            ..Line::default()
        };
        match record.measures {
            Measures::Gan {
                discriminator_loss,
                generator_loss,
                discriminator_accuracy,
                diversity,
            } => {
                line.discriminator_loss = Some(discriminator_loss);
                line.generator_loss = Some(generator_loss);
                line.discriminator_accuracy = Some(discriminator_accuracy);
                line.diversity = Some(diversity);
            }
            Measures::Vae {
                reconstruction,
                divergence,
                diversity,
            } => {
                line.reconstruction = Some(reconstruction);
                line.divergence = Some(divergence);
                line.diversity = Some(diversity);
            }
            Measures::Classifier {
                loss,
                accuracy,
                test_accuracy,
            } => {
                line.loss = Some(loss);
                line.accuracy = Some(accuracy);
                line.test_accuracy = test_accuracy;
            }
        }
        line
    }
}

impl TryFrom<Line> for Record {
    type Error = &'static str;

    fn try_from(line: Line) -> Result<Record, Self::Error> {
        let gan = || {
            Some(Measures::Gan {
                discriminator_loss: line.discriminator_loss?,
                generator_loss: line.generator_loss?,
                discriminator_accuracy: line.discriminator_accuracy?,
                diversity: line.diversity?,
            })
        };
        let vae = || {
            Some(Measures::Vae {
                reconstruction: line.reconstruction?,
                divergence: line.divergence?,
                diversity: line.diversity?,
            })
        };
        let classifier = || {
            Some(Measures::Classifier {
                loss: line.loss?,
                accuracy: line.accuracy?,
                test_accuracy: line.test_accuracy,
            })
        };
        Ok(Record {
            step: line.step,
            epoch: line.epoch,
            measures: gan()
                .or_else(vae)
                .or_else(classifier)
                .ok_or("no measures")?,
            steps_per_second: line.steps_per_second,
            warning: line.warning,
        })
    }
}

impl Measures {
    /// What is minimised, by name.
    pub fn losses(&self) -> Vec<(&'static str, f64)> {
        match *self {
            Measures::Gan {
                discriminator_loss,
                generator_loss,
                ..
            } => vec![
                ("discriminator loss", discriminator_loss),
                ("generator loss", generator_loss),
            ],
            Measures::Vae {
                reconstruction,
                divergence,
                ..
            } => vec![
                ("reconstruction", reconstruction),
                ("divergence", divergence),
            ],
            Measures::Classifier { loss, .. } => vec![("cross-entropy", loss)],
        }
    }

    /// Signs of health, by name; a number that was not taken is NaN.
    pub fn health(&self) -> Vec<(&'static str, f64)> {
        match *self {
            Measures::Gan {
                discriminator_accuracy,
                diversity,
                ..
            } => vec![
                ("discriminator accuracy", discriminator_accuracy),
                ("sample diversity (1: as real)", diversity),
            ],
            Measures::Vae { diversity, .. } => vec![("diversity (1: as real)", diversity)],
            Measures::Classifier {
                accuracy,
                test_accuracy,
                ..
            } => vec![
                ("accuracy of a batch", accuracy),
                ("test accuracy", test_accuracy.unwrap_or(f64::NAN)),
            ],
        }
    }

    /// For the progress line.
    pub fn line(&self) -> String {
        match self {
            Measures::Gan {
                discriminator_loss,
                generator_loss,
                diversity,
                ..
            } => format!(
                "loss D {discriminator_loss:.2} G {generator_loss:.2}, diversity {diversity:.2}"
            ),
            Measures::Vae {
                reconstruction,
                divergence,
                ..
            } => format!(
                "reconstruction {reconstruction:.1} + divergence {divergence:.1} = {:.1} nats",
                reconstruction + divergence
            ),
            Measures::Classifier {
                loss,
                accuracy,
                test_accuracy,
            } => {
                let test = test_accuracy.map(|part| format!(", test {:.2} %", part * 100.0));
                format!(
                    "loss {loss:.3}, accuracy {:.1} %{}",
                    accuracy * 100.0,
                    test.unwrap_or_default()
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_every_objective_come_back() {
        let all = [
            Measures::Gan {
                discriminator_loss: 1.0,
                generator_loss: 2.0,
                discriminator_accuracy: 0.5,
                diversity: 0.25,
            },
            Measures::Vae {
                reconstruction: -3.5,
                divergence: 2.0,
                diversity: 1.0,
            },
            Measures::Classifier {
                loss: 0.5,
                accuracy: 1.0,
                test_accuracy: None,
            },
            Measures::Classifier {
                loss: 0.5,
                accuracy: 1.0,
                test_accuracy: Some(0.875),
            },
        ];
        for measures in all {
            let whole = Record {
                step: 5,
                epoch: 0.5,
                measures,
                steps_per_second: 40.0,
                warning: None,
            };
            let line = serde_json::to_string(&whole).unwrap();
            assert!(!line.contains("measures"), "{line}");
            assert_eq!(serde_json::from_str::<Record>(&line).unwrap(), whole);
        }
    }
}
