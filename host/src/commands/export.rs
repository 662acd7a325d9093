//! `thumbgen export`.

use crate::evaluate::classifier::FromFile;
use crate::exchange::write::{self, WriteOptions};
use crate::export::integers::ALL_LAYERS;
use crate::export::run;
use crate::export::{ExportError, ExportOptions, ExportReport, export};
use crate::firmware_build::LM3S6965EVB;
use crate::firmware_build::board::Board;
use crate::graph::Bits;
use crate::graph::Network;
use crate::models::folder::{CLASSIFIER_ONNX, CONFIG, FLOAT_ONNX};
use crate::onnx::Role;
use crate::quantize::QuantizeError;
use crate::system::console::{Console, print};
use crate::system::failure::{Class, Failure, OrFail};
use crate::system::files;
use crate::train::qat::DistillOptions;
use crate::train::{BoxError, Config};
use shared::latent::Prior;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  thumbgen export runs/cgan                            the model folder runs/cgan/model, for lm3s6965evb
  thumbgen export gan.onnx --board none --out model    8-bit weights everywhere, whatever the size
  thumbgen export gan.onnx --flash-budget 120000 --out model
  thumbgen export pytorch.onnx --classes 10 --prior uniform --out model
  thumbgen export runs/cgan --bits dense_2=4           4-bit weights in one layer
  thumbgen export gan.onnx --bits 4 --qat-steps 4000   4-bit weights everywhere, trained to draw what the float weights do

A generator that `thumbgen train --qat` wrote is exported as it was trained, unless --bits or --qat-steps is given.")]
pub struct Args {
    /// A run folder, or an ONNX file of a generator, from this program or from PyTorch.
    #[arg(value_name = "RUN|ONNX")]
    source: PathBuf,
    /// The model folder; RUN/model, or the ONNX file's name without its ending, unless given.
    #[arg(long, short, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// The board that the model has to fit, or none; the run's, or lm3s6965evb, unless given.
    #[arg(long, short)]
    board: Option<String>,
    /// What 4-bit weights are judged by where 8 bits do not fit.
    #[arg(long, value_enum, default_value_t)]
    quality: Quality,
    /// The most bytes of flash that the model may take, instead of a board.
    #[arg(long, value_name = "BYTES", conflicts_with = "board")]
    flash_budget: Option<usize>,
    /// Set the width of a layer's weights, as dense_2=4, or of all others, as 4; may be given
    /// several times.
    #[arg(long, value_name = "[LAYER=]BITS", value_parser = layer_bits)]
    bits: Vec<(String, Bits)>,
    /// Train the integers for so many steps, the float network being the teacher: needs no data.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    qat_steps: Option<u64>,
    /// Learning rate of --qat-steps at its start, in steps of the integers; 0.03 unless given.
    #[arg(long, value_name = "RATE", value_parser = qat_rate, requires = "qat_steps")]
    qat_rate: Option<f64>,
    /// Name of the model; that of the ONNX graph unless given.
    #[arg(long)]
    name: Option<String>,
    /// For an ONNX file with one input: how many of its last elements are the one-hot label.
    #[arg(long, value_name = "N")]
    classes: Option<usize>,
    /// What latent vectors are drawn from: normal, or uniform on -1 to 1. What the file says, or
    /// normal, unless given.
    #[arg(long, value_parser = prior)]
    prior: Option<Prior>,
    /// Seed of the latent vectors that calibrate the exponents.
    #[arg(long, default_value_t = 0)]
    seed: u32,
}

fn layer_bits(text: &str) -> Result<(String, Bits), String> {
    let wrong = || format!("expected 4, 8, LAYER=4 or LAYER=8, found {text}");
    let (layer, bits) = text.rsplit_once('=').unwrap_or((ALL_LAYERS, text));
    match bits {
        "4" => Ok((layer.to_owned(), Bits::Four)),
        "8" => Ok((layer.to_owned(), Bits::Eight)),
        _ => Err(wrong()),
    }
}

fn qat_rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if rate > 0.0 && rate <= 1.0 => Ok(rate),
        _ => Err(format!("expected a number over 0, at most 1, found {text}")),
    }
}

fn prior(text: &str) -> Result<Prior, String> {
    match text {
        "normal" => Ok(Prior::Normal),
        "uniform" => Ok(Prior::Uniform),
        other => Err(format!("expected normal or uniform, found {other}")),
    }
}

pub fn run(args: Args, console: Console) -> Result<(), Failure> {
    let is_run = args.source.is_dir();
    let onnx = if is_run {
        args.source.join(FLOAT_ONNX)
    } else {
        args.source.clone()
    };
    let out = args.out.clone().unwrap_or_else(|| match is_run {
        true => args.source.join("model"),
        false => args.source.with_extension(""),
    });
    if out == onnx {
        return Err(Failure::new(
            Class::Input,
            format!("{}: give the model folder with --out", out.display()),
        ));
    }
    let mut options = ExportOptions::new(onnx, &out);
    options.name = match &args.name {
        Some(name) => Some(name.clone()),
        None => is_run.then(|| run_name(&args.source)).flatten(),
    };
    options.classes = args.classes;
    options.prior = args.prior;
    options.seed = args.seed;
    options.bits.clone_from(&args.bits);
    options.distill = args.qat_steps.map(|steps| DistillOptions {
        steps,
        rate: args.qat_rate.unwrap_or(DistillOptions::default().rate),
        seed: args.seed,
        ..Default::default()
    });
    match args.flash_budget {
        Some(budget) => options.budget = Some(budget),
        None => {
            let stated = is_run.then(|| run_config(&args.source)).flatten();
            let name = args.board.or(stated.map(|config| config.board));
            let name = name.as_deref().unwrap_or(LM3S6965EVB.name);
            fit(&mut options, board(name)?.as_ref());
        }
    }
    options.classifier = args.quality.classifier();
    let run = is_run.then_some(args.source.as_path());
    finish(&options, run, console)?;
    print(out.display());
    Ok(())
}

/// What the widths of weights are chosen by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Quality {
    /// The Frechet distance between float and integer pictures, through the shipped classifier;
    /// sqnr for pictures of another size.
    #[default]
    Frechet,
    /// The signal-to-noise ratio of the pixels.
    Sqnr,
}

impl Quality {
    fn classifier(self) -> Option<FromFile> {
        match self {
            Self::Frechet => FromFile::read(None).ok(),
            Self::Sqnr => None,
        }
    }
}

/// A board by name; `none` for no limit.
pub fn board(name: &str) -> Result<Option<Board>, Failure> {
    match name {
        "none" => Ok(None),
        name => Board::find(name).map(Some).or_fail(Class::Input),
    }
}

/// Limits an export to what a board leaves for a model.
fn fit(options: &mut ExportOptions, board: Option<&Board>) {
    let bytes = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    options.budget = board.map(|board| bytes(board.model_budget()));
    options.arena = board.map(|board| bytes(board.capacity.arena));
}

/// A run's config, where it has one.
fn run_config(run: &Path) -> Option<Config> {
    Config::read(&run.join(CONFIG)).ok()
}

/// What a run calls its model.
fn run_name(run: &Path) -> Option<String> {
    run_config(run).map(|config| config.name)
}

/// Exports a run folder for a board.
pub fn export_run(
    run: &Path,
    out: &Path,
    board: Option<Board>,
    console: Console,
) -> Result<(), Failure> {
    let mut options = ExportOptions::new(run.join(FLOAT_ONNX), out);
    options.name = run_name(run);
    options.classifier = Quality::default().classifier();
    fit(&mut options, board.as_ref());
    finish(&options, Some(run), console)
}

/// Writes the network of a training run as generator.onnx into its folder, for integers with their
/// scheme.
pub fn write_generator(network: &Network, run: &Path) -> Result<(), BoxError> {
    let options = WriteOptions {
        scheme: crate::train::qat_run::scheme(run)?,
        ..WriteOptions::default()
    };
    let bytes = write::to_bytes(network, &options)?;
    Ok(files::write_atomically(&run.join(FLOAT_ONNX), &bytes)?)
}

/// Writes a trained classifier as classifier.onnx into its run folder: pictures in, logits out.
pub fn write_classifier(network: &Network, run: &Path) -> Result<(), BoxError> {
    let options = WriteOptions {
        doc: "Pictures (N, 1, height, width) from -1 to 1, as logits of their classes".to_owned(),
        role: Role::Classifier,
        ..WriteOptions::default()
    };
    let bytes = write::to_bytes(network, &options)?;
    Ok(files::write_atomically(&run.join(CLASSIFIER_ONNX), &bytes)?)
}

fn finish(options: &ExportOptions, run: Option<&Path>, console: Console) -> Result<(), Failure> {
    console.step(format_args!(
        "exporting {} to {}",
        options.onnx.display(),
        options.folder.display()
    ));
    let report = export(options, &mut |step| console.note(step)).map_err(failure)?;
    let has_config = run.is_some_and(|run| run.join(CONFIG).is_file());
    run::complete(&report, &options.folder, run.filter(|_| has_config)).or_fail(Class::Input)?;
    if !console.is_quiet() {
        print(table(&report));
    }
    Ok(())
}

/// What the export cost, layer by layer, how the widths were chosen, and what lies where in the
/// arena.
fn table(report: &ExportReport) -> String {
    let mut text = report.measured.to_string();
    if let Some(choice) = &report.choice {
        text.push_str(&format!("\n{choice}"));
    }
    text.push_str(&format!("\n\n{}", report.arena));
    if let Some(training) = &report.training {
        let (before, after) = (training.sqnr_db_before, report.measured.picture.sqnr_db);
        text.push_str(&format!(
            "\ntrained for {} steps, the best after {}: {before:.1} dB before, {after:.1} dB after",
            training.options.steps, training.chosen_step
        ));
    }
    text
}

fn failure(error: ExportError) -> Failure {
    let class = match &error {
        ExportError::Quantize {
            source: QuantizeError::Budget { .. },
            ..
        }
        | ExportError::Arena { .. }
        | ExportError::Trained { .. } => Class::TooLarge,
        _ => Class::Input,
    };
    Failure::from_error(class, &error)
}
