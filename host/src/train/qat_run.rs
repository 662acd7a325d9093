//! A run that goes on from another with integers in the generator's place (or the decoder's).
//!
//! Its folder has, beside what every run has, `float.onnx`, the float generator that teaches, and
//! `scheme.json`, the widths and exponents. Its generator.onnx has weights on their grids; with the
//! scheme it quantizes to the very integers that were trained.

use std::path::Path;

use super::TrainError;
use super::checkpoint::{self, Identity};
use super::config::{Config, Qat};
use super::ops::TrainBackend;
use super::qat::Student;
use super::trainer::Trainer;
use crate::evaluate::classifier::FromFile;
use crate::evaluate::drift::Drift;
use crate::exchange::ReadOptions;
use crate::exchange::read::read_file;
use crate::exchange::write::{WriteOptions, to_bytes};
use crate::graph::Network;
use crate::graph::{Bits, QuantizedNetwork};
use crate::models::folder::FLOAT_ONNX;
use crate::pack::golden::image_vectors;
use crate::pack::image::packed_len;
use crate::quantize::calibrate::Calibration;
use crate::quantize::fixed::quantize_folded;
use crate::quantize::fold::fold;
use crate::quantize::label::{Fit, fit_label_columns};
use crate::quantize::widths::{choose, choose_by};
use crate::quantize::{Prepared, QuantizeError, QuantizeOptions, Scheme};
use crate::system::files::{read_at_most, write_atomically};
use shared::latent::Prior;

/// File name of the float generator that teaches.
pub const TEACHER: &str = "float.onnx";

/// File name of the widths and exponents.
pub const SCHEME: &str = "scheme.json";

/// The largest scheme that is read, in bytes: one number an output channel.
pub(super) const MAX_SCHEME: u64 = 16 << 20;

/// Bytes that the line about the model takes in its image, at most.
const CARD: usize = 256;

/// The scheme of a run folder; `None` where it is one of float weights.
///
/// # Errors
/// [`TrainError`] where it is there and cannot be read.
pub fn scheme(folder: &Path) -> Result<Option<Scheme>, TrainError> {
    let path = folder.join(SCHEME);
    if !path.is_file() {
        return Ok(None);
    }
    let bytes = read_at_most(&path, MAX_SCHEME)?;
    let scheme = Scheme::from_json(&String::from_utf8_lossy(&bytes));
    Ok(Some(
        scheme.map_err(|source| TrainError::Integers { path, source })?,
    ))
}

/// A float training in a folder that held one of integers: its generator has no scheme.
pub(super) fn forget(folder: &Path) {
    // Mostly there is none.
    let _ = std::fs::remove_file(folder.join(SCHEME));
}

/// Puts integers in the generator's place: those of the run that it goes on from, or of its own
/// folder where it is resumed.
pub(super) fn start<B: TrainBackend>(
    trainer: &mut Trainer<B>,
    config: &Config,
    identity: &Identity,
    folder: &Path,
    resume: bool,
    device: &B::Device,
) -> Result<(), TrainError> {
    let (student, teacher) = if resume {
        again(folder)?
    } else {
        let source = Path::new(&config.qat.source);
        let mut float = config.clone();
        float.qat.source.clear();
        let identity = Identity {
            config: float.identity()?,
            dataset: identity.dataset.clone(),
        };
        checkpoint::load(trainer, &identity, source, device)?;
        let teacher = trainer.network();
        let prepared = Prepared::new(&teacher, &Calibration::default())?;
        let quantized = quantized(&prepared, &config.qat)?;
        let student = Student::new(prepared.folded(), &quantized)?;
        drop(prepared);
        let onnx = to_bytes(&teacher, &WriteOptions::default())?;
        write_atomically(&folder.join(TEACHER), &onnx)?;
        let json = Scheme::of(&quantized).to_json() + "\n";
        write_atomically(&folder.join(SCHEME), json.as_bytes())?;
        (student, teacher)
    };
    trainer.learn_integers(student, teacher);
    if !resume {
        // A run that is stopped before it has another can be resumed with this one.
        let write = WriteOptions {
            scheme: scheme(folder)?,
            ..WriteOptions::default()
        };
        let onnx = to_bytes(&trainer.exported()?, &write)?;
        write_atomically(&folder.join(FLOAT_ONNX), &onnx)?;
    }
    Ok(())
}

/// The student and its teacher from the run's own folder. The checkpoint has the student's
/// parameters.
fn again(folder: &Path) -> Result<(Student, Network), TrainError> {
    let read = |name: &str| {
        let path = folder.join(name);
        let import = read_file(&path, &ReadOptions::default());
        Ok::<Network, TrainError>(import.map_err(Box::new)?.network)
    };
    let (grid, teacher) = (read(FLOAT_ONNX)?, read(TEACHER)?);
    let path = folder.join(SCHEME);
    let scheme = scheme(folder)?.unwrap_or_default();
    let student =
        of_scheme(&grid, &scheme).map_err(|source| TrainError::Integers { path, source })?;
    Ok((student, teacher))
}

fn of_scheme(grid: &Network, scheme: &Scheme) -> Result<Student, QuantizeError> {
    let mut folded = fold(grid)?;
    fit_label_columns(&mut folded, Fit::Scaled)?;
    let quantized = quantize_folded(&folded, Prior::Normal, scheme)?;
    Student::new(&folded, &quantized)
}

/// The widths that the config asks for; for a budget those that an export would choose.
fn quantized(prepared: &Prepared<'_>, qat: &Qat) -> Result<QuantizedNetwork, QuantizeError> {
    let layers = prepared.linear_layers().len();
    if qat.budget > 0 && qat.bits == Bits::Eight {
        let network = prepared.network();
        let goldens = image_vectors(network.input.classes);
        let size = |network: &QuantizedNetwork| {
            let len = packed_len(network, "", goldens).unwrap_or(usize::MAX);
            len.saturating_add(CARD)
        };
        let (free, budget) = (vec![None; layers], qat.budget);
        // Through the shipped classifier's eyes where it takes such pictures.
        let judge = FromFile::read(None).ok().map(|file| file.network);
        let drift = judge
            .as_ref()
            .and_then(|judge| Drift::new(network, prepared.prior(), judge));
        return Ok(match drift {
            Some(drift) => choose_by(prepared, &free, budget, size, |n| drift.distance(n))?.1,
            None => choose(prepared, &free, budget, size)?.1,
        });
    }
    prepared.quantize(&QuantizeOptions {
        bits: vec![qat.bits; layers],
        ..Default::default()
    })
}
