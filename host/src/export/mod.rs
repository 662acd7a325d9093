//! From an ONNX generator to a model folder: everything that the firmware and other runtimes need,
//! in one go.
//!
//! generator.onnx (as it came), generator.int8.onnx, generator.uint8.onnx, model.tgm, golden.json,
//! report.json, README.md. All of it is computed before the first file is written, and the same
//! input gives the same bytes.

mod card;
pub mod integers;
pub mod run;

use crate::evaluate::classifier::FromFile;
use crate::exchange::ReadOptions;
use crate::exchange::fidelity;
use crate::exchange::qdq::{self, Outputs};
use crate::exchange::read::from_bytes;
use crate::graph::Network;
use crate::graph::{Bits, QuantizedNetwork};
use crate::inspect::arena::ArenaMap;
use crate::models::folder as names;
use crate::onnx::{MAX_FILE_LEN, OnnxError};
use crate::ops::forward;
use crate::pack::PackError;
use crate::pack::golden::{FILE_VECTORS, GoldenFile, image_vectors, vectors};
use crate::pack::image::pack;
use crate::quantize::calibrate::{CALIBRATION_POINTS, Calibration, float_inputs, integer_inputs};
use crate::quantize::report::{MEASURING_POINTS, QuantizationReport, float_grey, measure};
use crate::quantize::widths::Choice;
use crate::quantize::{Prepared, QuantizeError, oracle};
use crate::system::files::{FileError, read_at_most, write_atomically};
use crate::train::qat::distill::DistillOptions;
use integers::{Integers, Training, integers};
use ndarray::ArrayView1;
use serde::Serialize;
use shared::image::{Image, WriteError};
use shared::latent::{Point, Prior};
use std::path::PathBuf;

/// What to export, and how.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// The ONNX file.
    pub onnx: PathBuf,
    /// The model folder; made where it is missing.
    pub folder: PathBuf,
    /// Name of the model; that of the folder where absent.
    pub name: Option<String>,
    /// How many of a single input's last elements are the one-hot label.
    pub classes: Option<usize>,
    /// What latent vectors are drawn from; the file's own statement, or normal, where absent.
    pub prior: Option<Prior>,
    /// Chooses the points of calibration.
    pub seed: u32,
    /// The most bytes that the model image may have; no limit where absent.
    pub budget: Option<usize>,
    /// The most bytes of scratch memory that the model may need; no limit where absent.
    pub arena: Option<usize>,
    /// Through whose eyes the damage of 4-bit weights is measured, as a Frechet distance; by the
    /// signal-to-noise ratio of pixels where absent, or where it takes pictures of another size.
    pub classifier: Option<FromFile>,
    /// Widths that are set for single layers, by name; `*` for all layers that are not named.
    pub bits: Vec<(String, Bits)>,
    /// Training with quantization in the loop, after the widths are chosen: the float network
    /// teaches the integers.
    pub distill: Option<DistillOptions>,
}

impl ExportOptions {
    /// The defaults for a file and a folder.
    pub fn new(onnx: impl Into<PathBuf>, folder: impl Into<PathBuf>) -> Self {
        Self {
            onnx: onnx.into(),
            folder: folder.into(),
            name: None,
            classes: None,
            prior: None,
            seed: 0,
            budget: None,
            arena: None,
            classifier: None,
            bits: Vec::new(),
            distill: None,
        }
    }
}

/// What an export made.
#[derive(Debug, Clone)]
pub struct ExportReport {
    /// The float network.
    pub network: Network,
    /// The integer network.
    pub quantized: QuantizedNetwork,
    /// Every figure that was measured.
    pub measured: QuantizationReport,
    /// How the widths were chosen, where there was a budget.
    pub choice: Option<Choice>,
    /// What training the integers did, where it was asked for.
    pub training: Option<Training>,
    /// The model image.
    pub image: Vec<u8>,
    /// The scratch memory that the firmware needs, and what lies where in it.
    pub arena: ArenaMap,
    /// The golden vectors.
    pub goldens: GoldenFile,
    /// The files, in the order in which they were written.
    pub files: Vec<PathBuf>,
}

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The ONNX file is not a generator that can be taken.
    #[error("{path}: {source}")]
    Onnx {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: Box<OnnxError>,
    },
    /// The network cannot be quantized, or not for the budget.
    #[error("{path}: {source}")]
    Quantize {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: QuantizeError,
    },
    /// The widths that the network was trained for do not fit the budget.
    #[error(
        "{path}: the model image takes {needed} bytes with the widths that it was trained for, and there are {budget}; train it for narrower ones, or give --bits to quantize it anew"
    )]
    Trained {
        /// Which file.
        path: PathBuf,
        /// What the image takes.
        needed: usize,
        /// What there is.
        budget: usize,
    },
    /// The network's tensors do not fit the scratch memory.
    #[error(
        "{path}: the model needs {needed} bytes of scratch memory (its arena), and there are {limit}; make its widest layers smaller"
    )]
    Arena {
        /// Which file.
        path: PathBuf,
        /// What the model needs.
        needed: usize,
        /// What there is.
        limit: usize,
    },
    /// The network does not fit the image's format.
    #[error("{path}: {source}")]
    Pack {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: PackError,
    },
}

/// report.json.
#[derive(Serialize)]
struct ReportFile<'a> {
    name: &'a str,
    prior: &'a str,
    latent: usize,
    classes: usize,
    picture: [usize; 3],
    calibration_points: usize,
    calibration_seed: u32,
    image_bytes: usize,
    arena_bytes: usize,
    #[serde(flatten)]
    measured: &'a QuantizationReport,
    widths: Option<&'a Choice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    training: Option<&'a Training>,
}

/// Exports; `progress` is told each step in a few words.
///
/// # Errors
/// [`ExportError`], before anything is written unless the folder cannot be written to.
pub fn export(
    options: &ExportOptions,
    progress: &mut dyn FnMut(&str),
) -> Result<ExportReport, ExportError> {
    let onnx = |source| ExportError::Onnx {
        path: options.onnx.clone(),
        source: Box::new(source),
    };
    let quantizing = |source| ExportError::Quantize {
        path: options.onnx.clone(),
        source,
    };
    let packing = |source| ExportError::Pack {
        path: options.onnx.clone(),
        source,
    };

    progress("reading the network");
    let float_onnx = read_at_most(&options.onnx, MAX_FILE_LEN)?;
    let of_folder = || {
        options
            .folder
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    let name = options
        .name
        .clone()
        .or_else(of_folder)
        .unwrap_or_else(|| "model".to_owned());
    let read = ReadOptions {
        name: Some(name),
        classes: options.classes,
        ..Default::default()
    };
    let import = from_bytes(&float_onnx, &read).map_err(onnx)?;
    let trained = import.scheme();
    let network = import.network;
    let stated = match import.metadata.get("prior").map(String::as_str) {
        Some("uniform") => Prior::Uniform,
        _ => Prior::Normal,
    };
    let prior = options.prior.unwrap_or(stated);

    progress("calibrating");
    let calibration = Calibration {
        prior,
        points: CALIBRATION_POINTS,
        seed: options.seed,
    };
    let prepared = Prepared::new(&network, &calibration).map_err(quantizing)?;
    let golden_count = image_vectors(network.input.classes);
    progress("quantizing");
    let made = integers(&prepared, trained, options, progress)?;
    let Integers {
        network: quantized,
        choice,
        training,
    } = made;

    progress("measuring");
    let measured = measure(&network, &quantized, MEASURING_POINTS);
    progress("recording golden vectors");
    let golden = vectors(&quantized, FILE_VECTORS, |input| {
        oracle::all_nodes(&quantized, input)
    });
    progress("packing");
    let in_image = golden.get(..golden_count).unwrap_or(&golden);
    let image = pack(&quantized, &card::line(&quantized), in_image).map_err(packing)?;
    let checked = Image::new_checked(&image).map_err(WriteError::from);
    let checked = checked.map_err(|source| packing(source.into()))?;
    let (crc, arena) = (checked.crc(), ArenaMap::new(&checked));
    let arena_len = arena.bytes;
    if let Some(limit) = options.arena.filter(|&limit| arena_len > limit) {
        return Err(ExportError::Arena {
            path: options.onnx.clone(),
            needed: arena_len,
            limit,
        });
    }
    let shape = quantized.output;
    let goldens = GoldenFile {
        model: quantized.name.clone(),
        image: crc,
        layers: arena.ops.clone(),
        shape: [shape.channels, shape.height, shape.width],
        vectors: golden,
    };
    let report = serde_json::to_string_pretty(&ReportFile {
        name: &quantized.name,
        prior: crate::exchange::write::prior_name(prior),
        latent: network.input.latent,
        classes: network.input.classes,
        picture: [shape.channels, shape.height, shape.width],
        calibration_points: prepared.points(),
        calibration_seed: calibration.seed,
        image_bytes: image.len(),
        arena_bytes: arena_len,
        measured: &measured,
        widths: choice.as_ref(),
        training: training.as_ref(),
    });
    // Strings, lists and finite numbers always serialise.
    let report = report.unwrap_or_default() + "\n";
    let int8_onnx = qdq::to_bytes(&quantized, Outputs::Picture);
    let uint8_onnx = fidelity::to_bytes(&network, prior).map_err(|e| onnx(e.into()))?;

    progress("writing the model folder");
    let mut made = ExportReport {
        network,
        quantized,
        measured,
        choice,
        training,
        image,
        arena,
        goldens,
        files: vec![],
    };
    let card = card::markdown(&made);
    let goldens = made.goldens.to_json();
    let contents: [(&str, &[u8]); 7] = [
        (names::FLOAT_ONNX, &float_onnx),
        (names::INT8_ONNX, &int8_onnx),
        (names::UINT8_ONNX, &uint8_onnx),
        (names::IMAGE, &made.image),
        (names::GOLDEN, goldens.as_bytes()),
        (names::REPORT, report.as_bytes()),
        (names::CARD, card.as_bytes()),
    ];
    let mut files = Vec::new();
    for (name, bytes) in contents {
        let path = options.folder.join(name);
        write_atomically(&path, bytes)?;
        files.push(path);
    }
    made.files = files;
    Ok(made)
}

/// The same point drawn by the float and by the integer network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pictures {
    /// What was asked for.
    pub point: Point,
    /// Grey levels of the float network's picture, rows, columns, channels.
    pub float: Vec<u8>,
    /// Grey levels of the integer network's picture.
    pub integer: Vec<u8>,
}

/// Draws points with both networks. A label beyond the classes draws as no label.
pub fn pictures(
    network: &Network,
    quantized: &QuantizedNetwork,
    points: &[Point],
) -> Vec<Pictures> {
    let inputs = integer_inputs(points, network.input, quantized.about.prior);
    let floats = forward::run(network, float_inputs(&inputs, network.input).view());
    let steps = crate::quantize::simulate::all_nodes(quantized, inputs.view());
    let range = quantized.about.pixel_range;
    let integers = steps
        .last()
        .map(|output| output.rows().into_iter())
        .into_iter()
        .flatten();
    points
        .iter()
        .zip(floats.rows())
        .zip(integers)
        .map(|((&point, float), integer): (_, ArrayView1<i8>)| Pictures {
            point,
            float: float.iter().map(|&v| float_grey(range, v)).collect(),
            integer: integer.iter().map(|&q| range.grey(q)).collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests;
