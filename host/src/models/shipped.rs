//! The models that are shipped, side by side: what they cost, and how good they are.
//!
//! The figures are those of each folder's metrics.json, where `thumbgen export` and `thumbgen
//! evaluate --out` wrote them.

use crate::models::folder::{IMAGE, METRICS, shipped};
use crate::models::preview::{Model, PreviewError};
use crate::system::files::{FileError, read_at_most};
use serde_json::Value;
use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

/// The largest file of metrics that is read, in bytes.
const MAX_FILE: u64 = 16 << 20;

/// How weights were brought to integers: the names under which `thumbgen evaluate` is given such
/// images, one folder each.
pub const WAYS: [&str; 4] = ["int8", "int8-qat", "int4", "int4-qat"];

/// A folder that cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum ShippedError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The model image.
    #[error(transparent)]
    Image(#[from] PreviewError),
    /// The metrics are no JSON.
    #[error("{path}: {source}; write it anew with `thumbgen export`")]
    Json {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
}

/// One model's figures; what was not measured is `None`.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Shipped {
    /// Name of its folder.
    pub name: String,
    /// Its generator in a few words, widths of weights included.
    pub generator: String,
    /// Parameters of the generator as it was trained.
    pub parameters: Option<u64>,
    /// Bytes of its image: flash beside the program.
    pub image_bytes: u64,
    /// Bytes of its arena: RAM beside the program's own.
    pub arena_bytes: u64,
    /// Multiplications of a picture, those with zeros around a picture left out.
    pub macs: Option<u64>,
    /// Seconds of its training, and on how many threads of which processor.
    pub training: Option<Training>,
    /// Frechet distance of the float generator, before its integers were trained where they were:
    /// the generator that came with the first of [`WAYS`], if it was evaluated, or the shipped one.
    pub float: Option<f64>,
    /// Frechet distance of the integer model as it is shipped.
    pub integer: Option<f64>,
    /// Frechet distances where all weights are of one width, in the order of [`WAYS`].
    pub ways: [Option<f64>; WAYS.len()],
    /// Other scores of the integer model as it is shipped.
    pub scores: Scores,
}

/// A training's time.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Training {
    /// Steps of float weights.
    pub steps: u64,
    /// Steps with quantization in the loop after those.
    pub qat_steps: u64,
    /// The time of both.
    pub seconds: f64,
    /// Threads.
    pub threads: u64,
    /// The processor.
    pub cpu: String,
}

/// Scores of an integer model.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize)]
pub struct Scores {
    /// Inception Score.
    pub inception: Option<f64>,
    /// Precision.
    pub precision: Option<f64>,
    /// Recall.
    pub recall: Option<f64>,
    /// Coverage.
    pub coverage: Option<f64>,
    /// How far the class that is farthest from its share is from it, as a part of the share.
    pub imbalance: Option<f64>,
    /// Part of the pictures that show the class that was asked for.
    pub label_accuracy: Option<f64>,
}

impl Shipped {
    /// Reads a model folder.
    ///
    /// # Errors
    /// [`ShippedError`].
    pub fn read(folder: &Path) -> Result<Self, ShippedError> {
        let model = Model::read(&folder.join(IMAGE))?;
        let image = model.image()?;
        let path = folder.join(METRICS);
        let metrics: Value = if path.is_file() {
            let bytes = read_at_most(&path, MAX_FILE)?;
            serde_json::from_slice(&bytes).map_err(|source| ShippedError::Json {
                path: path.clone(),
                source,
            })?
        } else {
            Value::Null
        };
        let layers = metrics.pointer("/export/quantization/layers");
        let macs = layers
            .and_then(Value::as_array)
            .map(|layers| layers.iter().filter_map(|l| l["macs"].as_u64()).sum());
        // Where integers were trained, the training of the float weights went before.
        let (last, before) = (&metrics["training"], &metrics["training_before"]);
        let float = if before.is_object() { before } else { last };
        let integers = if before.is_object() {
            last
        } else {
            &Value::Null
        };
        let rows = metrics.pointer("/evaluation/rows");
        let rows = rows
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let row = |target: &str, kind: &str| {
            rows.iter()
                .find(|row| row["target"] == target && row["kind"] == kind)
        };
        let distance = |row: &Value| value(row, "/scores/frechet_distance/value");
        let own = row(&name, "integer").unwrap_or(&Value::Null);
        Ok(Self {
            generator: image.card().to_owned(),
            parameters: float["parameters"][0].as_u64(),
            image_bytes: image.len() as u64,
            arena_bytes: image.arena_len() as u64,
            macs,
            training: float["seconds"].as_f64().map(|seconds| Training {
                steps: float["steps_done"].as_u64().unwrap_or(0),
                qat_steps: integers["steps_done"].as_u64().unwrap_or(0),
                seconds: seconds + integers["seconds"].as_f64().unwrap_or(0.0),
                threads: float["threads"].as_u64().unwrap_or(0),
                cpu: float["cpu"].as_str().unwrap_or("unknown").to_owned(),
            }),
            float: row(WAYS[0], "float")
                .or_else(|| row(&name, "float"))
                .and_then(distance),
            integer: distance(own),
            ways: WAYS.map(|way| row(way, "integer").and_then(distance)),
            scores: Scores {
                inception: value(own, "/scores/inception_score/value"),
                precision: value(own, "/scores/precision/value"),
                recall: value(own, "/scores/recall/value"),
                coverage: value(own, "/scores/coverage/value"),
                imbalance: value(own, "/scores/classes/class_imbalance"),
                label_accuracy: value(own, "/scores/labels/accuracy/value"),
            },
            name: name.into_owned(),
        })
    }
}

fn value(row: &Value, pointer: &str) -> Option<f64> {
    row.pointer(pointer).and_then(Value::as_f64)
}

/// Models that stand side by side; their `Display` are two tables in Markdown.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(transparent)]
pub struct Table(pub Vec<Shipped>);

impl Table {
    /// Reads every model folder in a folder, by name.
    ///
    /// # Errors
    /// [`ShippedError`].
    pub fn read(models: &Path) -> Result<Self, ShippedError> {
        let names = shipped(models);
        let read = names.iter().map(|name| Shipped::read(&models.join(name)));
        Ok(Self(read.collect::<Result<_, _>>()?))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "| model | generator, widths of weights | parameters | image (flash) | arena (RAM) | multiplications | training on CPU |\n\
             |---|---|---|---|---|---|---|\n",
        )?;
        for model in &self.0 {
            write!(f, "| `{}` | {} ", model.name, model.generator)?;
            for count in [
                model.parameters,
                Some(model.image_bytes),
                Some(model.arena_bytes),
                model.macs,
            ] {
                write!(f, "| {} ", shown(count, thousands))?;
            }
            match &model.training {
                Some(t) => {
                    write!(f, "| {} ", thousands(t.steps))?;
                    if t.qat_steps > 0 {
                        write!(f, "+ {} ", thousands(t.qat_steps))?;
                    }
                    writeln!(f, "steps, {:.0} s on {} threads |", t.seconds, t.threads)?;
                }
                None => f.write_str("| - |\n")?,
            }
        }
        f.write_str(
            "\n| model | float | shipped | int8 | int8, trained | int4 | int4, trained | Inception Score | precision | recall | coverage | imbalance | label accuracy |\n\
             |---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
        )?;
        for model in &self.0 {
            write!(f, "| `{}` ", model.name)?;
            for distance in [model.float, model.integer].iter().chain(&model.ways) {
                write!(f, "| {} ", shown(*distance, |d| format!("{d:.2}")))?;
            }
            let s = model.scores;
            write!(f, "| {} ", shown(s.inception, |v| format!("{v:.2}")))?;
            for part in [s.precision, s.recall, s.coverage] {
                write!(f, "| {} ", shown(part, |v| format!("{v:.3}")))?;
            }
            for part in [s.imbalance, s.label_accuracy] {
                write!(f, "| {} ", shown(part, |v| format!("{:.1} %", v * 100.0)))?;
            }
            f.write_str("|\n")?;
        }
        Ok(())
    }
}

fn shown<T>(value: Option<T>, text: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), text)
}

/// 1234567 as 1,234,567.
fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        // Writing to a string cannot fail.
        let _ = text.write_char(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::repository;
    use serde_json::json;

    #[test]
    fn figures_come_from_where_they_were_written() {
        let models = repository::root().unwrap().join("models");
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("cgan");
        std::fs::create_dir(&copy).unwrap();
        std::fs::copy(models.join("cgan").join(IMAGE), copy.join(IMAGE)).unwrap();
        let bare = Shipped::read(&copy).unwrap();
        assert!(bare.image_bytes > 1000 && bare.generator.contains("generator"));
        assert_eq!((bare.float, bare.macs), (None, None));

        let row = |target: &str, kind: &str, distance: f64| {
            json!({"target": target, "kind": kind, "scores": {"frechet_distance": {"value": distance},
                   "labels": {"accuracy": {"value": distance / 100.0}}}})
        };
        let metrics = json!({
            "training": {"seconds": 2.0, "steps_done": 500, "parameters": [7]},
            "training_before": {"seconds": 10.4, "steps_done": 2000, "threads": 2, "cpu": "x", "parameters": [1234567]},
            "export": {"quantization": {"layers": [{"macs": 7}, {"macs": 5}]}},
            "evaluation": {"rows": [row("mnist", "real", 1.0), row("int8", "float", 2.5), row("cgan", "float", 2.0), row("cgan", "integer", 3.0),
                                    row("int4-qat", "integer", 4.0)]},
        });
        std::fs::write(copy.join(METRICS), metrics.to_string()).unwrap();
        let table = Table::read(folder.path()).unwrap();
        let [full] = &table.0[..] else {
            panic!("{table}")
        };
        // The float generator before integers were trained goes before the shipped one.
        assert_eq!((full.float, full.integer), (Some(2.5), Some(3.0)));
        assert_eq!(full.ways, [None, None, None, Some(4.0)]);
        assert_eq!(full.macs, Some(12));
        let text = table.to_string();
        assert!(text.contains("| 1,234,567 |"), "{text}");
        assert!(
            text.contains("| 2,000 + 500 steps, 12 s on 2 threads |"),
            "{text}"
        );
        assert!(
            text.contains("| `cgan` | 2.50 | 3.00 | - | - | - | 4.00 | - |"),
            "{text}"
        );
        assert!(text.contains("| 3.0 % |"), "{text}");
    }

    #[test]
    fn damage_is_told_with_its_file() {
        let models = repository::root().unwrap().join("models");
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy(models.join("cgan").join(IMAGE), folder.path().join(IMAGE)).unwrap();
        std::fs::write(folder.path().join(METRICS), "{").unwrap();
        let error = Shipped::read(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains(METRICS) && error.contains("export"),
            "{error}"
        );
    }
}
