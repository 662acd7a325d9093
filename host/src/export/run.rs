//! What a model folder has beside the export itself: pictures, and the config and figures of its
//! training.

use crate::dataset::{Dataset, DatasetError, Source};
use crate::export::{ExportReport, pictures};
use crate::models::folder::{CONFIG, METRICS, SAMPLES};
use crate::picture::{GrayImage, Grid, PictureError, grid};
use crate::quantize::calibrate::points;
use crate::system::files::{self, FileError};
use crate::train::samples::real_pictures;
use crate::train::{Config, ConfigError};
use serde_json::{Value, json};
use std::path::Path;

/// Rows and columns of each of the grids that stand side by side.
const SIDE: usize = 10;

/// Pixels between them.
const DIVIDER: usize = 10;

/// A run's record of itself.
const RUN: &str = "run.json";

/// No config or record of a run is larger, in bytes.
const FILE_LIMIT: u64 = 1 << 20;

/// A folder that could not be completed.
#[derive(Debug, thiserror::Error)]
pub enum RunExportError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The run's config.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The dataset of the run.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A picture.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// A record of the run is no JSON.
    #[error("{path}: {source}; the run was not written by this program, or was damaged")]
    Json {
        /// Which file.
        path: std::path::PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
}

/// Writes samples.png and metrics.json, and for a run folder its config.toml.
///
/// samples.png shows real pictures (for a run folder), float samples and integer samples of the
/// same points, side by side, one column a class.
///
/// # Errors
/// [`RunExportError`].
pub fn complete(
    report: &ExportReport,
    folder: &Path,
    run: Option<&Path>,
) -> Result<(), RunExportError> {
    let classes = report.network.input.classes;
    let columns = if classes == 0 {
        SIDE
    } else {
        classes.min(SIDE)
    };
    let mut points = points(1, SIDE * columns, classes);
    for (i, point) in points.iter_mut().enumerate() {
        // One column a class; at most ten columns, so the cast loses nothing.
        point.label = point.label.map(|_| (i % columns) as u8);
    }
    let drawn = pictures(&report.network, &report.quantized, &points);
    let (width, height) = (
        report.quantized.output.width,
        report.quantized.output.height,
    );
    // The first of several channels, as the device shows it.
    let channels = report.quantized.output.channels.max(1);
    let tile = |elements: &[u8]| {
        let pixels = elements.iter().step_by(channels).copied();
        GrayImage::new(width, height, pixels.collect())
    };
    let layout = Grid {
        columns,
        ..Grid::default()
    };
    let mut parts = Vec::new();
    let (mut training, mut before) = (Value::Null, Value::Null);
    if let Some(run) = run {
        let config_path = run.join(CONFIG);
        let config = Config::read(&config_path)?;
        files::write_atomically(
            &folder.join(CONFIG),
            &files::read_at_most(&config_path, FILE_LIMIT)?,
        )?;
        training = json_file(&run.join(RUN))?;
        let source = Path::new(&config.qat.source).join(RUN);
        // A run that has gone away since is no reason not to export.
        if config.qat.is_on() && source.is_file() {
            before = json_file(&source)?;
        }
        let source = Source {
            data: &config.data,
            mnist_folder: None,
            height,
            width,
        };
        // A dataset that has gone away since is no reason not to export.
        if let Ok(data) = Dataset::load(&source) {
            let labels: Vec<u8> = (0..points.len()).map(|i| (i % columns) as u8).collect();
            parts.push(grid(&real_pictures(&data, classes, &labels)?, layout)?);
        }
    }
    let floats = drawn
        .iter()
        .map(|d| tile(&d.float))
        .collect::<Result<Vec<_>, _>>()?;
    let integers = drawn
        .iter()
        .map(|d| tile(&d.integer))
        .collect::<Result<Vec<_>, _>>()?;
    parts.push(grid(&floats, layout)?);
    parts.push(grid(&integers, layout)?);
    beside(&parts)?.write_png(&folder.join(SAMPLES))?;

    let metrics = json!({
        "training": training,
        "training_before": before,
        "export": {
            "image_bytes": report.image.len(),
            "arena_bytes": report.arena.bytes,
            "quantization": report.measured,
            "widths": report.choice,
        },
    });
    // A value always serialises.
    let text = serde_json::to_string_pretty(&metrics).unwrap_or_default() + "\n";
    Ok(files::write_atomically(
        &folder.join(METRICS),
        text.as_bytes(),
    )?)
}

fn json_file(path: &Path) -> Result<Value, RunExportError> {
    let bytes = files::read_at_most(path, FILE_LIMIT)?;
    serde_json::from_slice(&bytes).map_err(|source| RunExportError::Json {
        path: path.to_owned(),
        source,
    })
}

/// Pictures from left to right.
fn beside(parts: &[GrayImage]) -> Result<GrayImage, PictureError> {
    let width = parts
        .iter()
        .map(|part| part.width + DIVIDER)
        .sum::<usize>()
        .saturating_sub(DIVIDER);
    let height = parts.iter().map(|part| part.height).max().unwrap_or(0);
    let mut picture = GrayImage::filled(width, height, u8::MAX)?;
    let mut x = 0;
    for part in parts {
        picture.paste(part, x, 0);
        x += part.width + DIVIDER;
    }
    Ok(picture)
}
