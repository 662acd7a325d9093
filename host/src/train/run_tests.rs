//! Tests of [`super`]: whole runs on the real dataset, with small networks where the size does not
//! matter.

use super::*;
use crate::train::ConfigError;

/// A config with pairs over it; the CPU, so that the result is the same wherever the tests run.
fn config(preset: &str, pairs: &[&str]) -> Config {
    let mut all = vec!["device=cpu".to_owned()];
    all.extend(pairs.iter().map(|pair| (*pair).to_owned()));
    Config::resolve(preset, &all).unwrap()
}

const SMALL: [&str; 4] = [
    "model.generator=[32, 32]",
    "model.discriminator=[32]",
    "train.batch=32",
    "report.metrics_every=10",
];

fn options(folder: &Path) -> TrainOptions {
    TrainOptions {
        out: folder.join("run"),
        quiet: true,
        ..TrainOptions::default()
    }
}

fn run(config: &Config, options: &TrainOptions) -> Result<Outcome, TrainError> {
    train(config, options, &AtomicBool::new(false), &mut |_, _| Ok(()))
}

fn finished(outcome: Outcome) -> Summary {
    match outcome {
        Outcome::Finished(summary) => summary,
        Outcome::Interrupted(summary) => panic!("interrupted at step {}", summary.step),
    }
}

#[test]
fn the_preset_twice_gives_equal_weights() {
    let config = config("cgan", &["train.steps=200"]);
    let once = || {
        let folder = tempfile::tempdir().unwrap();
        finished(run(&config, &options(folder.path())).unwrap()).network
    };
    let (first, second) = (once(), once());
    assert!(first == second, "same seed, other weights");
    assert_eq!(
        (first.input.latent, first.input.classes, first.output.len()),
        (32, 10, 784)
    );
    let other = Config {
        seed: 2,
        ..config.clone()
    };
    let folder = tempfile::tempdir().unwrap();
    let short = Config {
        train: crate::train::config::Train {
            steps: 1,
            ..other.train.clone()
        },
        ..other
    };
    assert!(finished(run(&short, &options(folder.path())).unwrap()).network != first);
}

#[test]
fn a_run_that_was_stopped_and_resumed_gives_the_weights_of_one_that_was_not() {
    let small = [
        "train.batch=16",
        "report.metrics_every=10",
        "report.samples_every=1000",
        "train.steps=60",
        "report.checkpoint_every=20",
    ];
    let dense = ["model.generator=[32, 32]", "model.discriminator=[32]"];
    let conv = [
        "model.generator=[4, 3]",
        "model.discriminator=[3, 4]",
        "model.height=8",
        "model.width=8",
    ];
    let wasserstein = [
        "train.loss=wgan-gp",
        "train.d_steps=2",
        "model.spectral_norm=true",
    ];
    stopped_and_resumed(&config("gan", &[&small[..], &dense[..]].concat()));
    stopped_and_resumed(&config("cdcgan", &[&small[..], &conv[..]].concat()));
    stopped_and_resumed(&config(
        "cdcgan",
        &[&small[..], &conv[..], &wasserstein[..]].concat(),
    ));
    let head = ["model.class_head=true"];
    stopped_and_resumed(&config(
        "dcgan",
        &[&small[..], &conv[..], &head[..]].concat(),
    ));
    stopped_and_resumed(&config("cvae", &[&small[..], &dense[..]].concat()));
    stopped_and_resumed(&config("classifier", &[&small[..], &conv[..]].concat()));
}

fn stopped_and_resumed(config: &Config) {
    let whole_folder = tempfile::tempdir().unwrap();
    let whole = finished(run(config, &options(whole_folder.path())).unwrap());
    let again = tempfile::tempdir().unwrap();
    let again = finished(run(config, &options(again.path())).unwrap());
    assert!(again.network == whole.network, "same seed, other weights");

    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    let stop = AtomicBool::new(false);
    // The first checkpoint is taken at step 20; the flag then stops the run before step 21.
    let outcome = train(config, &options, &stop, &mut |_, _| {
        stop.store(true, Ordering::Relaxed);
        Ok(())
    });
    assert!(matches!(outcome.unwrap(), Outcome::Interrupted(summary) if summary.step == 20));
    assert!(matches!(
        run(config, &options),
        Err(TrainError::RunExists { .. })
    ));
    // What a killed run leaves behind the checkpoint is not counted twice.
    let metrics_path = options.out.join("metrics.jsonl");
    let mut stray = metrics::read_until(&metrics_path, 20).unwrap().remove(0);
    stray.step = 30;
    metrics::append(&metrics_path, &stray).unwrap();

    options.resume = true;
    let resumed = finished(run(config, &options).unwrap());
    assert!(
        resumed.network == whole.network,
        "the resumed run has other weights"
    );
    let steps: Vec<u64> = metrics::read_until(&metrics_path, 99)
        .unwrap()
        .iter()
        .map(|r| r.step)
        .collect();
    assert_eq!(steps, [10, 20, 30, 40, 50, 60]);

    let other = Config {
        seed: 9,
        ..config.clone()
    };
    let error = run(&other, &options).unwrap_err().to_string();
    assert!(error.contains("seed") && !error.contains('\n'), "{error}");
}

#[test]
fn a_classifier_learns_and_is_tested_on_pictures_that_it_has_not_seen() {
    let pairs = [
        "model.discriminator=[8, 16]",
        "model.features=32",
        "train.batch=64",
        "train.steps=250",
        "train.lr_generator=3e-3",
        "train.ema=0.9",
        "train.shift=0",
    ];
    let config = config("classifier", &pairs);
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let summary = finished(run(&config, &options).unwrap());
    let records = metrics::read_until(&options.out.join("metrics.jsonl"), 999).unwrap();
    let accuracies: Vec<Option<f64>> = records
        .iter()
        .map(|record| match record.measures {
            Measures::Classifier { test_accuracy, .. } => test_accuracy,
            _ => panic!("not a classifier's record"),
        })
        .collect();
    assert!(accuracies[..4].iter().all(Option::is_none));
    let accuracy = accuracies[4].unwrap();
    assert!(accuracy > 0.9, "{accuracy}");

    // The exported network says the same on real pictures.
    let source = Source {
        data: "mnist",
        mnist_folder: None,
        height: 28,
        width: 28,
    };
    let (_, test) = Dataset::load_with_test(&source).unwrap();
    let pixels: Vec<f32> = test.images[..784 * 300]
        .chunks(784)
        .flat_map(|i| scaled(i, false))
        .collect();
    let pixels = ndarray::Array2::from_shape_vec((300, 784), pixels).unwrap();
    let logits = crate::ops::forward::run(&summary.network, pixels.view());
    let right = crate::train::trainer::count_right(logits.as_slice().unwrap(), &test.labels[..300]);
    assert!(
        (right as f64 / 300.0 - accuracy).abs() < 0.06,
        "{right} of 300, {accuracy}"
    );
}

#[test]
fn a_vae_learns_and_reports_both_terms() {
    let pairs = [
        "model.generator=[128]",
        "model.discriminator=[128]",
        "train.steps=300",
        "train.lr_generator=2e-3",
        "vae.kl_warm_up=0.0",
    ];
    for likelihood in ["bernoulli", "gaussian"] {
        let likelihood = format!("vae.likelihood={likelihood}");
        let config = config("cvae", &[&pairs[..], &[likelihood.as_str()]].concat());
        let folder = tempfile::tempdir().unwrap();
        let options = options(folder.path());
        finished(run(&config, &options).unwrap());
        let records = metrics::read_until(&options.out.join("metrics.jsonl"), 999).unwrap();
        let bound = |record: &metrics::Record| match record.measures {
            Measures::Vae {
                reconstruction,
                divergence,
                ..
            } => (reconstruction + divergence, divergence),
            _ => panic!("not a VAE's record"),
        };
        let (first, last) = (bound(&records[0]), bound(&records[records.len() - 1]));
        assert!(last.0 < first.0 - 40.0, "{first:?} {last:?}");
        assert!(last.1 > 3.0, "{last:?}");
        assert!(options.out.join("samples.png").is_file());
    }
}

#[test]
fn the_run_folder_holds_what_is_promised() {
    let config = config("cgan", &[&SMALL[..], &["train.steps=30"]].concat());
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let mut exported = 0;
    let outcome = train(
        &config,
        &options,
        &AtomicBool::new(false),
        &mut |network, out| {
            exported += 1;
            assert_eq!(
                (network.name.as_str(), out),
                ("cgan", options.out.as_path())
            );
            Ok(())
        },
    );
    let summary = finished(outcome.unwrap());
    assert_eq!((summary.step, exported), (30, 1));
    assert_eq!(
        Config::read(&options.out.join("config.toml")).unwrap(),
        config
    );
    for name in ["loss.png", "samples.png", "samples/step-0000030.png"] {
        let picture = image::open(options.out.join(name)).unwrap().into_luma8();
        assert!(
            picture.pixels().any(|p| p.0[0] > 200) && picture.pixels().any(|p| p.0[0] < 60),
            "{name}"
        );
    }
    let info: serde_json::Value =
        serde_json::from_slice(&std::fs::read(options.out.join("run.json")).unwrap()).unwrap();
    assert_eq!(info["steps_done"], 30);
    assert_eq!(info["dataset"]["pictures"], 60_000);
    assert_eq!(info["device"]["backend"], "cpu");
    assert_eq!(
        metrics::read_until(&options.out.join("metrics.jsonl"), 99)
            .unwrap()
            .len(),
        3
    );
}

#[test]
fn a_loss_that_is_not_finite_raises_the_alarm_and_keeps_the_last_checkpoint() {
    let pairs = [
        "train.steps=60",
        "train.lr_generator=1",
        "train.lr_discriminator=1",
        "train.epsilon=1e-30",
    ];
    let mut config = config("gan", &[&SMALL[..], &pairs].concat());
    // Over any range that a config allows, so that the numbers overflow.
    config.train.lr_generator = 1e30;
    config.train.lr_discriminator = 1e30;
    let folder = tempfile::tempdir().unwrap();
    let error = run(&config, &options(folder.path())).unwrap_err();
    assert!(
        matches!(error, TrainError::NotFinite { step: 10, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("lr_generator"));
}

#[test]
fn samples_that_stay_alike_stop_the_run() {
    // Spread cannot reach the real pictures' in a few steps of a generator that hardly learns.
    let pairs = [
        "train.steps=100",
        "alarm.diversity=1",
        "alarm.patience=3",
        "train.lr_generator=1e-9",
    ];
    let config = config("gan", &[&SMALL[..], &pairs].concat());
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let error = run(&config, &options).unwrap_err();
    assert!(
        matches!(error, TrainError::Collapsed { step: 30, .. }),
        "{error}"
    );
    let records = metrics::read_until(&options.out.join("metrics.jsonl"), 99).unwrap();
    assert!(records[2].warning.is_some());
}

#[test]
fn bad_input_is_one_line_that_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let mut unwritable = options(folder.path());
    unwritable.out = file.join("run");
    let mut resume = options(folder.path());
    resume.resume = true;
    let small = config("gan", &[&SMALL[..], &["train.steps=1"]].concat());
    let mut elsewhere = small.clone();
    elsewhere.data = "/no/such/data".to_owned();
    let cases = [
        (run(&small, &unwritable), "choose a folder"),
        (run(&small, &resume), "without --resume"),
        (run(&elsewhere, &options(folder.path())), "mnist"),
    ];
    for (result, expected) in cases {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains('\n'), "{error}");
    }
    let error = Config::resolve("cgan", &["train.step=1".to_owned()]).unwrap_err();
    assert!(matches!(error, ConfigError::UnknownKey { .. }));
    let failed = train(
        &small,
        &options(folder.path()),
        &AtomicBool::new(false),
        &mut |_, _| Err("disk full".into()),
    );
    assert!(failed.unwrap_err().to_string().contains("disk full"));
}
