//! `thumbgen evaluate`.

use crate::evaluate::classifier::FromFile;
use crate::evaluate::progress::Progress;
use crate::evaluate::report::{self, table::table};
use crate::evaluate::source::MAX_PICTURES;
use crate::evaluate::{EvaluateError, EvaluateOptions, LEAST, evaluate};
use crate::system::console::{Console, print};
use crate::system::failure::{Class, Failure, OrFail};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  thumbgen evaluate cgan                        a shipped model: its float generator and its integer model
  thumbgen evaluate runs/cgan -n 2000           a run, its training curves in the report as well
  thumbgen evaluate --compare cgan gan pictures/
  thumbgen evaluate generator.onnx model.tgm real --json
  thumbgen evaluate models/cgan --out models/cgan   the numbers into the model's metrics.json")]
pub struct Args {
    /// A model folder or shipped model, a run folder, an .onnx, a .tgm, a folder of pictures, or
    /// `real`.
    #[arg(value_name = "TARGET", required_unless_present = "compare")]
    targets: Vec<String>,
    /// More targets, side by side with the others in one table and one report.
    #[arg(long, value_name = "TARGET", num_args = 1..)]
    compare: Vec<String>,
    /// What to compare with: mnist (shipped), a folder of IDX files, or a folder with one
    /// sub-folder of pictures a class.
    #[arg(long, value_name = "DATA", default_value = "mnist")]
    data: String,
    /// The classifier's ONNX file, or a folder with it; models/classifier unless given.
    #[arg(long, value_name = "FILE|FOLDER")]
    classifier: Option<PathBuf>,
    /// Pictures of each target; a folder may have fewer.
    #[arg(short, long = "pictures", value_name = "N", default_value_t = 10_000, value_parser = pictures)]
    n: usize,
    /// Chooses latent vectors and subsets.
    #[arg(long, short, default_value_t = 1)]
    seed: u32,
    /// The folder for metrics.json and report.html.
    #[arg(long, short, value_name = "FOLDER", default_value = "runs/evaluation")]
    out: PathBuf,
    /// Print the numbers as JSON instead of a table.
    #[arg(long)]
    json: bool,
}

fn pictures(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if (LEAST..=MAX_PICTURES).contains(&n) => Ok(n),
        _ => Err(format!("expected {LEAST} to {MAX_PICTURES}, found {text}")),
    }
}

pub fn run(args: Args, console: Console) -> Result<(), Failure> {
    let mut targets = args.targets;
    targets.extend(args.compare);
    console.step(format_args!("evaluating {}", targets.join(", ")));
    let classifier = FromFile::read(args.classifier.as_deref()).map_err(failure)?;
    let file = classifier
        .path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let options = EvaluateOptions {
        targets,
        data: args.data,
        pictures: args.n,
        seed: args.seed,
    };
    let found = evaluate(
        &options,
        &classifier.network,
        (&file, &classifier.sha256),
        Progress::new(console.is_quiet()),
    )
    .map_err(failure)?;
    let metrics = report::write_metrics(&found, &args.out).map_err(failure)?;
    let page = report::write_page(&found, &args.out).map_err(failure)?;
    if args.json {
        print(serde_json::to_string_pretty(&found).or_fail(Class::Other)?);
    } else {
        print(table(&found));
        print(metrics.display());
        print(page.display());
    }
    Ok(())
}

fn failure(error: EvaluateError) -> Failure {
    Failure::from_error(Class::Input, &error)
}
