//! What people see of an evaluation: [`table`] on a terminal, [`html`] in a browser, and
//! metrics.json for programs.
//!
//! [`lines`] says once which numbers there are, what they are called and which way is better.

pub mod charts;
pub mod escape;
pub mod figures;
pub mod html;
pub mod lines;
pub mod table;

use super::{EvaluateError, Evaluation};
use crate::system::files::{read_at_most, write_atomically};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// Name of the file of numbers, as every model folder has it.
pub const METRICS: &str = crate::models::folder::METRICS;

/// Name of the page.
pub const PAGE: &str = "report.html";

/// Under which key the numbers stand in [`METRICS`].
pub const KEY: &str = "evaluation";

/// The largest file of metrics that is read, in bytes.
const MAX_FILE: u64 = 16 << 20;

/// Writes the numbers into `folder/metrics.json`, beside what a model folder's file already says of
/// training and export; an earlier evaluation is replaced. Gives the file's path.
///
/// # Errors
/// [`EvaluateError::File`], and [`EvaluateError::Json`] where the file is there and no JSON object.
pub fn write_metrics(evaluation: &Evaluation, folder: &Path) -> Result<PathBuf, EvaluateError> {
    let path = folder.join(METRICS);
    let failed = |source| EvaluateError::Json {
        path: path.clone(),
        source,
    };
    let mut all: Map<String, Value> = if path.exists() {
        serde_json::from_slice(&read_at_most(&path, MAX_FILE)?).map_err(failed)?
    } else {
        Map::new()
    };
    all.insert(
        KEY.to_owned(),
        serde_json::to_value(evaluation).map_err(failed)?,
    );
    let text = serde_json::to_string_pretty(&all).map_err(failed)? + "\n";
    write_atomically(&path, text.as_bytes())?;
    Ok(path)
}

/// Writes the page into `folder/report.html`. Gives the file's path.
///
/// # Errors
/// [`EvaluateError::Picture`] and [`EvaluateError::File`].
pub fn write_page(evaluation: &Evaluation, folder: &Path) -> Result<PathBuf, EvaluateError> {
    let path = folder.join(PAGE);
    write_atomically(&path, html::page(evaluation)?.as_bytes())?;
    Ok(path)
}
