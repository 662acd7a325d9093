//! `thumbgen train`.

use crate::models::folder::CLASSIFIER_ONNX;
use crate::system::console::{Console, print};
use crate::system::failure::{Class, Failure};
use crate::train::config::Objective;
use crate::train::{Config, Outcome, Summary, TrainError, TrainOptions, stop_on_ctrl_c};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  thumbgen train --export                                 the conditional GAN on MNIST, exported to runs/cgan/model
  thumbgen train gan --steps 2000 --seed 7
  thumbgen train cdcgan --export                          convolutional; see also dcgan, dcgan-large
  thumbgen train cvae --export                            a variational autoencoder; see also vae
  thumbgen train classifier                               pictures to classes, for `thumbgen evaluate`
  thumbgen train --data pictures/ --name mine             one sub-folder of pictures a class
  thumbgen train my.toml --set train.lr_generator=1e-3    a config file, one key changed
  thumbgen train --resume runs/cgan                       go on where a run was stopped
  thumbgen train runs/cgan --qat --set qat.bits=int4      4-bit weights that learn on, into runs/cgan-qat
  thumbgen train --device cuda                            with `cargo run --release -p host --features cuda -- ...`

The keys of a config, with comments, stand in host/presets/defaults.toml; a run writes all of them to its config.toml.")]
pub struct Args {
    /// A preset (cgan, gan, dcgan, cdcgan, dcgan-large, vae, cvae, classifier) or a TOML file.
    #[arg(default_value = "cgan", value_name = "CONFIG")]
    config: String,
    /// Name of the model; the config's unless given.
    #[arg(long)]
    name: Option<String>,
    /// mnist (shipped), a folder of IDX files, or a folder with one sub-folder of pictures a class.
    #[arg(long, value_name = "DATA")]
    data: Option<String>,
    /// Seed of everything random.
    #[arg(long)]
    seed: Option<u64>,
    /// Steps to train: one update of each network a step.
    #[arg(long)]
    steps: Option<u64>,
    /// auto, cpu, cuda or wgpu.
    #[arg(long)]
    device: Option<String>,
    /// The run folder; runs/NAME unless given.
    #[arg(long, short, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Go on with the run in this folder, with its config.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["config", "data", "seed", "out"])]
    resume: Option<PathBuf>,
    /// Go on from the run CONFIG with quantization in the loop: its integers learn on, in a run
    /// folder of their own.
    #[arg(long, conflicts_with = "resume")]
    qat: bool,
    /// Override any key of the config, as train.batch=64; may be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Write the model folder RUN/model when training is done.
    #[arg(long)]
    export: bool,
    /// The board that the exported model has to fit, or none; the config's unless given.
    #[arg(long, requires = "export")]
    board: Option<String>,
}

pub fn run(args: Args, console: Console) -> Result<(), Failure> {
    let mut keys = args.set.clone();
    keys.extend(args.data.as_ref().map(|data| format!("data={data}")));
    keys.extend(args.name.as_ref().map(|name| format!("name={name}")));
    keys.extend(args.board.as_ref().map(|board| format!("board={board}")));
    keys.extend(args.seed.map(|seed| format!("seed={seed}")));
    let steps_key = if args.qat { "qat.steps" } else { "train.steps" };
    keys.extend(args.steps.map(|steps| format!("{steps_key}={steps}")));
    keys.extend(
        args.device
            .as_ref()
            .map(|device| format!("device={device}")),
    );
    let folder = args.resume.clone();
    let source = match folder.or_else(|| args.qat.then(|| PathBuf::from(&args.config))) {
        Some(folder) => folder.join("config.toml").display().to_string(),
        None => args.config.clone(),
    };
    let mut config = Config::resolve(&source, &keys)
        .map_err(TrainError::from)
        .map_err(failure)?;
    let mut name = config.name.clone();
    if args.qat {
        config = config
            .for_qat(Path::new(&args.config))
            .map_err(TrainError::from)
            .map_err(failure)?;
        name.push_str("-qat");
    }
    let out = args
        .resume
        .clone()
        .or(args.out.clone())
        .unwrap_or_else(|| free_folder(&name));
    let board = super::export::board(&config.board)?;
    let summary = train(&config, &out, args.resume.is_some(), console)?;
    if config.model.objective == Objective::Classifier {
        // Nothing to quantize: it stays on the host.
        print(summary.folder.join(CLASSIFIER_ONNX).display());
    } else if args.export {
        super::export::export_run(
            &summary.folder,
            &summary.folder.join("model"),
            board,
            console,
        )?;
        print(summary.folder.join("model").display());
    } else {
        print(summary.folder.display());
        console.note(format_args!(
            "next: thumbgen export {}",
            summary.folder.display()
        ));
    }
    Ok(())
}

/// Trains until the end; being interrupted is a failure of its own class.
pub fn train(
    config: &Config,
    out: &Path,
    resume: bool,
    console: Console,
) -> Result<Summary, Failure> {
    let stop = stop_on_ctrl_c().map_err(failure)?;
    console.step(format_args!(
        "training {} for {} steps, into {}",
        config.name,
        config.train.steps,
        out.display()
    ));
    let options = TrainOptions {
        out: out.to_owned(),
        resume,
        quiet: console.is_quiet(),
        ..TrainOptions::default()
    };
    let mut write = match config.model.objective {
        Objective::Classifier => super::export::write_classifier,
        Objective::Gan | Objective::Vae => super::export::write_generator,
    };
    let outcome = crate::train::train(config, &options, &stop, &mut write).map_err(failure)?;
    match outcome {
        Outcome::Finished(summary) => {
            console.note(format_args!(
                "{} steps on {}, {:.1} steps a second, {:.0} s",
                summary.step,
                summary.device.backend.name(),
                summary.steps_per_second,
                summary.seconds
            ));
            Ok(summary)
        }
        Outcome::Interrupted(summary) => Err(Failure::new(
            Class::Interrupted,
            format!(
                "interrupted after step {}; a checkpoint was saved, go on with `thumbgen train --resume {}`",
                summary.step,
                summary.folder.display()
            ),
        )),
    }
}

/// The first of runs/NAME, runs/NAME-2, ... that is not there yet.
pub fn free_folder(name: &str) -> PathBuf {
    let runs = Path::new("runs");
    let numbered = (2..10_000).map(|n| runs.join(format!("{name}-{n}")));
    std::iter::once(runs.join(name))
        .chain(numbered)
        .find(|folder| !folder.exists())
        .unwrap_or_else(|| runs.join(name))
}

fn failure(error: TrainError) -> Failure {
    let class = match &error {
        TrainError::Config(_)
        | TrainError::Dataset(_)
        | TrainError::File(_)
        | TrainError::Onnx(_)
        | TrainError::Quantize(_)
        | TrainError::Integers { .. }
        | TrainError::Checkpoint(_) => Class::Input,
        TrainError::RunExists { .. } | TrainError::AlreadyPast { .. } => Class::Input,
        TrainError::Device(_) => Class::Environment,
        _ => Class::Other,
    };
    Failure::from_error(class, &error)
}
