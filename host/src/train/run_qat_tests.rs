//! Tests of runs with integers in the generator's place.

use super::*;
use crate::evaluate::classifier::FromFile;
use crate::exchange::write::{WriteOptions, to_bytes};
use crate::export::{ExportOptions, export};
use crate::graph::{Bits, Network};
use crate::models::folder::FLOAT_ONNX;
use crate::quantize::Scheme;
use crate::quantize::fixed;
use crate::system::files::write_atomically;
use crate::train::qat_run::{MAX_SCHEME, SCHEME, TEACHER, scheme};
use crate::train::{BoxError, Outcome, Summary, train};
use shared::latent::Prior;
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
    let options = WriteOptions {
        scheme: scheme(folder)?,
        ..Default::default()
    };
    let bytes = to_bytes(network, &options)?;
    Ok(write_atomically(&folder.join(FLOAT_ONNX), &bytes)?)
}

fn run(config: &Config, out: &Path, resume: bool, stop: Option<&AtomicBool>) -> Outcome {
    let options = TrainOptions {
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

        let scheme = scheme(&at("whole")).unwrap().unwrap();
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
    let options = TrainOptions {
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
    let options = TrainOptions {
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
