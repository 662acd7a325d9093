//! `thumbgen inspect`.

use crate::exchange::ReadOptions;
use crate::inspect;
use crate::models::folder::ModelFiles;
use crate::system::console::{Console, print};
use crate::system::failure::{Class, Failure, OrFail};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  thumbgen inspect models/cgan/model.tgm
  thumbgen inspect generator.onnx
  thumbgen inspect cgan --json")]
pub struct Args {
    /// An ONNX file, a model image, a model folder, or the name of a shipped model.
    #[arg(value_name = "MODEL")]
    model: String,
    /// For an ONNX file with one input: how many of its last elements are the one-hot label.
    #[arg(long, value_name = "N")]
    classes: Option<usize>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args, _: Console) -> Result<(), Failure> {
    let path = Path::new(&args.model);
    let path: PathBuf = match path.is_file() {
        true => path.to_owned(),
        false => ModelFiles::find(&args.model)
            .or_fail(Class::Input)?
            .image()
            .to_owned(),
    };
    let options = ReadOptions {
        name: None,
        classes: args.classes,
        ..Default::default()
    };
    let description = inspect::file(&path, &options).or_fail(Class::Input)?;
    if args.json {
        print(serde_json::to_string_pretty(&description).or_fail(Class::Other)?);
    } else {
        print(description);
    }
    Ok(())
}
