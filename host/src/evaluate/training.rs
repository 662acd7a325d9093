//! The curves of a training run, whatever its trainer recorded.

use super::EvaluateError;
use crate::system::files::read_at_most;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The largest record that is read, in bytes.
const MAX_FILE: u64 = 64 << 20;

/// The most curves of a run.
const MAX_CURVES: usize = 16;

/// Points of a curve that are kept: more than a report has pixels for would only make it large.
const MAX_POINTS: usize = 400;

/// What every line has that is no curve.
const NO_CURVE: [&str; 3] = ["step", "epoch", "steps_per_second"];

/// One number over the steps of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// What the record calls it.
    pub name: String,
    /// Step and value, by step; every value finite.
    pub points: Vec<(f64, f64)>,
}

/// The record of a model's training.
#[derive(Debug, Clone, PartialEq)]
pub struct Training {
    /// Name of the target.
    pub target: String,
    /// By name.
    pub curves: Vec<Curve>,
}

impl Training {
    /// Reads metrics.jsonl: one JSON object a line, of which every number becomes a curve over
    /// `step`. A last line that is cut (the run may be going on) is left out.
    ///
    /// # Errors
    /// [`EvaluateError::File`], and [`EvaluateError::Json`] for any other line that is no JSON.
    pub fn read(target: &str, path: &Path) -> Result<Self, EvaluateError> {
        let bytes = read_at_most(path, MAX_FILE)?;
        let text = String::from_utf8_lossy(&bytes);
        let mut curves: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let record: BTreeMap<String, Value> = match serde_json::from_str(line) {
                Ok(record) => record,
                Err(_) if lines.peek().is_none() => break,
                Err(source) => {
                    return Err(EvaluateError::Json {
                        path: path.to_owned(),
                        source,
                    });
                }
            };
            let Some(step) = record.get("step").and_then(Value::as_f64) else {
                continue;
            };
            for (name, value) in record {
                let known = curves.contains_key(&name) || curves.len() < MAX_CURVES;
                if let (Some(value), true, false) =
                    (value.as_f64(), known, NO_CURVE.contains(&name.as_str()))
                {
                    curves.entry(name).or_default().push((step, value));
                }
            }
        }
        Ok(Self {
            target: target.to_owned(),
            curves: curves
                .into_iter()
                .map(|(name, points)| Curve {
                    name,
                    points: thinned(points),
                })
                .collect(),
        })
    }
}

/// Means of neighbours where there are too many points.
fn thinned(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let each = points.len().div_ceil(MAX_POINTS).max(1);
    points
        .chunks(each)
        .map(|part| {
            let n = part.len() as f64;
            let mean = |of: fn(&(f64, f64)) -> f64| part.iter().map(of).sum::<f64>() / n;
            (mean(|p| p.0), mean(|p| p.1))
        })
        .filter(|(step, value)| step.is_finite() && value.is_finite())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_becomes_a_curve() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut text = String::new();
        for step in 0..1000 {
            text += &format!(
                "{{\"step\":{step},\"epoch\":1.5,\"loss\":{},\"warning\":\"x\"}}\n",
                step * 2
            );
        }
        std::fs::write(&path, text.clone() + "{\"step\":1000,\"lo").unwrap();
        let run = Training::read("run", &path).unwrap();
        assert_eq!(run.curves.len(), 1);
        let points = &run.curves[0].points;
        assert!(points.len() <= MAX_POINTS && points.len() > MAX_POINTS / 2);
        assert!(
            points
                .iter()
                .all(|(step, value)| (value - 2.0 * step).abs() < 1e-9)
        );
        std::fs::write(&path, text + "rubbish\n{\"step\":1}\n").unwrap();
        let error = Training::read("run", &path).unwrap_err();
        assert!(matches!(error, EvaluateError::Json { .. }), "{error}");
    }
}
