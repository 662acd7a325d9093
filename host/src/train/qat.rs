//! A run that goes on from another with integers in the generator's place (or the decoder's).
//!
//! Its folder has, beside what every run has, `float.onnx`, the float generator that teaches, and `scheme.json`, the
//! widths and exponents. Its generator.onnx has weights on their grids; with the scheme it quantizes to the very
//! integers that were trained.

use std::path::Path;

use super::TrainError;
use super::checkpoint::{self, Identity};
use super::config::{Config, Qat};
use super::ops::TrainBackend;
use super::run::Options;
use super::trainer::Trainer;
use crate::evaluate::classifier::FromFile;
use crate::evaluate::drift::Drift;
use crate::export::integers::SCHEME_KEY;
use crate::files::{FileError, read_at_most, write_atomically};
use crate::graph::Network;
use crate::graph::{Bits, QuantizedNetwork};
use crate::model_folder::FLOAT_ONNX;
use crate::onnx::read::{ReadOptions, read_file};
use crate::onnx::write::{WriteOptions, to_bytes};
use crate::pack::golden::image_vectors;
use crate::pack::image::packed_len;
use crate::qat::Student;
use crate::quantize::calibrate::Calibration;
use crate::quantize::fixed::quantize_folded;
use crate::quantize::fold::fold;
use crate::quantize::label::{Fit, fit_label_columns};
use crate::quantize::widths::{choose, choose_by};
use crate::quantize::{Prepared, QuantizeError, QuantizeOptions, Scheme};
use shared::latent::Prior;

/// File name of the float generator that teaches.
pub const TEACHER: &str = "float.onnx";

/// File name of the widths and exponents.
pub const SCHEME: &str = "scheme.json";

/// The largest scheme that is read, in bytes: one number an output channel.
const MAX_SCHEME: u64 = 16 << 20;

/// Bytes that the line about the model takes in its image, at most.
const CARD: usize = 256;

/// The scheme of a run folder, in one line; `None` where it is one of float weights.
///
/// # Errors
/// [`FileError`] where it is there and cannot be read.
pub fn scheme(folder: &Path) -> Result<Option<String>, FileError> {
    let path = folder.join(SCHEME);
    if !path.is_file() {
        return Ok(None);
    }
    let bytes = read_at_most(&path, MAX_SCHEME)?;
    Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned()))
}

/// A float training in a folder that held one of integers: its generator has no scheme.
pub(super) fn forget(folder: &Path) {
    // Mostly there is none.
    let _ = std::fs::remove_file(folder.join(SCHEME));
}

/// Puts integers in the generator's place: those of the run that it goes on from, or of its own folder where it is
/// resumed.
pub(super) fn start<B: TrainBackend>(
    trainer: &mut Trainer<B>,
    config: &Config,
    identity: &Identity,
    options: &Options,
    device: &B::Device,
) -> Result<(), TrainError> {
    let folder = options.out.as_path();
    let (student, teacher) = if options.resume {
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
        let scheme = Scheme::of(&quantized).to_json() + "\n";
        write_atomically(&folder.join(SCHEME), scheme.as_bytes())?;
        (student, teacher)
    };
    trainer.learn_integers(student, teacher);
    if !options.resume {
        // A run that is stopped before it has another can be resumed with this one.
        let metadata = vec![(SCHEME_KEY.to_owned(), scheme(folder)?.unwrap_or_default())];
        let write = WriteOptions {
            metadata,
            ..WriteOptions::default()
        };
        let onnx = to_bytes(&trainer.exported()?, &write)?;
        write_atomically(&folder.join(FLOAT_ONNX), &onnx)?;
    }
    Ok(())
}

/// The student and its teacher from the run's own folder. The checkpoint has the student's parameters.
fn again(folder: &Path) -> Result<(Student, Network), TrainError> {
    let read = |name: &str| {
        let path = folder.join(name);
        let import = read_file(&path, &ReadOptions::default());
        Ok::<Network, TrainError>(import.map_err(Box::new)?.network)
    };
    let (grid, teacher) = (read(FLOAT_ONNX)?, read(TEACHER)?);
    let path = folder.join(SCHEME);
    let bytes = read_at_most(&path, MAX_SCHEME)?;
    let student = of_scheme(&grid, &String::from_utf8_lossy(&bytes));
    let student = student.map_err(|source| TrainError::Integers { path, source })?;
    Ok((student, teacher))
}

fn of_scheme(grid: &Network, json: &str) -> Result<Student, QuantizeError> {
    let scheme = Scheme::from_json(json)?;
    let mut folded = fold(grid)?;
    fit_label_columns(&mut folded, Fit::Scaled)?;
    let quantized = quantize_folded(&folded, Prior::Normal, &scheme)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::{ExportOptions, export};
    use crate::quantize::fixed;
    use crate::train::{BoxError, Outcome, Summary, train};
    use std::sync::atomic::{AtomicBool, Ordering};

    fn config(preset: &str, pairs: &[&str]) -> Config {
        let small = [
            "device=cpu",
            "model.generator=[24, 24]",
            "model.discriminator=[24]",
            "model.latent=12",
            "train.batch=16",
            "train.steps=40",
            "report.metrics_every=10",
            "report.samples_every=20",
            "report.checkpoint_every=20",
            "qat.steps=40",
            "qat.rate=0.016",
        ];
        let pairs: Vec<String> = small.iter().chain(pairs).map(|s| (*s).to_owned()).collect();
        Config::resolve(preset, &pairs).unwrap()
    }

    fn write(network: &Network, folder: &Path) -> Result<(), BoxError> {
        let scheme = scheme(folder)?;
        let metadata = scheme.map(|json| (SCHEME_KEY.to_owned(), json));
        let options = WriteOptions {
            metadata: metadata.into_iter().collect(),
            ..Default::default()
        };
        let bytes = to_bytes(network, &options)?;
        Ok(write_atomically(&folder.join(FLOAT_ONNX), &bytes)?)
    }

    fn run(config: &Config, out: &Path, resume: bool, stop: Option<&AtomicBool>) -> Outcome {
        let options = Options {
            out: out.to_owned(),
            resume,
            quiet: true,
            ..Default::default()
        };
        let (never, ends) = (AtomicBool::new(false), stop.is_some());
        let stop = stop.unwrap_or(&never);
        train(config, &options, stop, &mut |network, folder| {
            stop.store(ends, Ordering::Relaxed);
            write(network, folder)
        })
        .unwrap()
    }

    fn finished(outcome: Outcome) -> Summary {
        match outcome {
            Outcome::Finished(summary) => summary,
            Outcome::Interrupted(summary) => panic!("interrupted at step {}", summary.step),
        }
    }

    #[test]
    fn integers_go_on_from_a_run_can_be_resumed_and_are_exported_as_they_are() {
        for (preset, pairs) in [
            ("cgan", &["qat.bits=int4"][..]),
            ("gan", &["qat.objective=0.5"][..]),
            ("vae", &[][..]),
            (
                "cvae",
                &["qat.bits=int4", "qat.objective=1", "qat.distillation=0"][..],
            ),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let at = |name: &str| folder.path().join(name);
            let config = config(preset, pairs);
            let float = finished(run(&config, &at("float"), false, None)).network;
            let config = config.for_qat(&at("float")).unwrap();
            let whole = finished(run(&config, &at("whole"), false, None));
            assert_ne!(whole.network, float);

            let stop = AtomicBool::new(false);
            let part = run(&config, &at("part"), false, Some(&stop));
            assert!(matches!(part, Outcome::Interrupted(summary) if summary.step == 20));
            // As the command line does: the config that the run has written.
            let stored = Config::read(&at("part").join("config.toml")).unwrap();
            assert_eq!(stored, config);
            let resumed = finished(run(&stored, &at("part"), true, None));
            assert!(resumed.network == whole.network, "{preset}: other weights");
            for file in ["samples.png", "metrics.jsonl", "loss.png", TEACHER, SCHEME] {
                assert!(at("whole").join(file).is_file(), "{file}");
            }

            let json = scheme(&at("whole")).unwrap().unwrap();
            let scheme = Scheme::from_json(&json).unwrap();
            let expected = fixed::quantize(&whole.network, Prior::Normal, &scheme).unwrap();
            let mut export_options = ExportOptions::new(at("whole").join(FLOAT_ONNX), at("model"));
            export_options.name = Some(whole.network.name.clone());
            let exported = export(&export_options, &mut |_| {}).unwrap();
            assert_eq!(exported.quantized, expected);
            assert_eq!(Scheme::of(&expected), scheme);
            // Weights on their grids: nothing is rounded any more, but activations.
            assert!(exported.measured.picture.sqnr_db > 20.0);
            if pairs.contains(&"qat.bits=int4") {
                assert!(expected.bits().iter().all(|bits| *bits == Bits::Four));
            }
        }
    }

    #[test]
    fn a_run_of_another_model_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("float");
        let config = config("cgan", &[]);
        finished(run(&config, &source, false, None));
        let mut other = config.for_qat(&source).unwrap();
        other.model.latent = 13;
        let options = Options {
            out: folder.path().join("out"),
            quiet: true,
            ..Default::default()
        };
        let error = train(
            &other,
            &options,
            &AtomicBool::new(false),
            &mut |_, _| Ok(()),
        );
        let error = error.unwrap_err().to_string();
        assert!(error.contains("latent") && !error.contains('\n'), "{error}");
    }

    fn attempt(config: &Config, out: &Path, resume: bool) -> Result<Outcome, String> {
        let options = Options {
            out: out.to_owned(),
            resume,
            quiet: true,
            ..Default::default()
        };
        let never = AtomicBool::new(false);
        let done = train(config, &options, &never, &mut write);
        done.map_err(|error| error.to_string())
    }

    #[test]
    fn before_the_first_step_the_integers_are_those_of_an_export() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        // A rate that moves nothing.
        for (bits, budget) in [("int4", 0), ("int8", 17_000)] {
            let (bits, size) = (format!("qat.bits={bits}"), format!("qat.budget={budget}"));
            let still = ["qat.rate=1e-9", "qat.steps=1", &bits, &size];
            let config = config("cgan", &still);
            let float = at("float");
            if !float.exists() {
                finished(run(&config, &float, false, None));
            }
            let out = at(&bits);
            finished(run(&config.for_qat(&float).unwrap(), &out, false, None));
            let mut options = ExportOptions::new(float.join(FLOAT_ONNX), at("expected"));
            if budget == 0 {
                options.bits = vec![("*".to_owned(), Bits::Four)];
            } else {
                options.budget = Some(budget);
                options.classifier = FromFile::read(None).ok();
            }
            let expected = export(&options, &mut |_| {}).unwrap();
            options.onnx = out.join(FLOAT_ONNX);
            (options.bits, options.classifier) = (vec![], None);
            let found = export(&options, &mut |_| {}).unwrap();
            for (found, expected) in found.quantized.nodes.iter().zip(&expected.quantized.nodes) {
                assert_eq!(found.op, expected.op, "{bits}");
            }
            let widths = found.quantized.bits();
            assert!(widths.contains(&Bits::Four), "{widths:?}");
            assert_eq!(widths.contains(&Bits::Eight), budget > 0, "{widths:?}");
            assert!(budget == 0 || found.image.len() <= budget);
        }
    }

    #[test]
    fn what_cannot_go_on_is_refused_in_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let float = config("cgan", &["qat.steps=2", "train.steps=2"]);
        finished(run(&float, &at("float"), false, None));
        let config = float.clone().for_qat(&at("float")).unwrap();
        finished(run(&config, &at("integers"), false, None));

        let error = config.clone().for_qat(&at("integers")).unwrap_err();
        assert!(error.to_string().contains("--resume"), "{error}");
        let classifier = Config::resolve("classifier", &[]).unwrap();
        let error = classifier.for_qat(&at("float")).unwrap_err();
        assert!(error.to_string().contains("classifier"), "{error}");
        let error = attempt(
            &float.clone().for_qat(&at("none")).unwrap(),
            &at("new"),
            false,
        );
        let error = error.unwrap_err();
        assert!(error.contains("checkpoint"), "{error}");

        let good = std::fs::read_to_string(at("integers").join(SCHEME)).unwrap();
        let other = good.replacen("\"exponent\":-", "\"exponent\":-9", 1);
        assert_ne!(good, other);
        for (damaged, expected) in [
            (String::new(), "cannot be read"),
            (good[..good.len() / 2].to_owned(), "cannot be read"),
            ("{}".to_owned(), "says nothing of layer"),
            (good.replace("[", "[1,"), "exponents for the"),
            (other, "layer"),
        ] {
            std::fs::write(at("integers").join(SCHEME), damaged).unwrap();
            let error = attempt(&config, &at("integers"), true).unwrap_err();
            let named = error.contains(SCHEME) && error.contains(expected);
            assert!(named && !error.contains('\n'), "{error}");
        }
        let large = std::fs::File::create(at("integers").join(SCHEME)).unwrap();
        large.set_len(MAX_SCHEME + 1).unwrap();
        let error = attempt(&config, &at("integers"), true).unwrap_err();
        assert!(error.contains(SCHEME) && !error.contains('\n'), "{error}");
        std::fs::write(at("integers").join(SCHEME), good).unwrap();
        attempt(&config, &at("integers"), true).unwrap();
        for name in [TEACHER, FLOAT_ONNX] {
            let path = at("integers").join(name);
            let bytes = std::fs::read(&path).unwrap();
            std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
            let error = attempt(&config, &at("integers"), true).unwrap_err();
            assert!(error.contains(name) && !error.contains('\n'), "{error}");
            std::fs::write(&path, bytes).unwrap();
        }
    }
}
