//! `thumbgen models`.

use crate::models::shipped::Table;
use crate::system::console::{Console, print};
use crate::system::failure::{Class, Failure, OrFail};
use crate::system::repository;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  thumbgen models                  the shipped models, as the tables of models/RESULTS.md
  thumbgen models runs/mine        the model folders in another folder
  thumbgen models --json")]
pub struct Args {
    /// The folder that holds model folders; the shipped ones unless given.
    #[arg(value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args, _: Console) -> Result<(), Failure> {
    let folder = match args.folder {
        Some(folder) => folder,
        None => repository::root()
            .or_fail(Class::Environment)?
            .join("models"),
    };
    let table = Table::read(&folder).or_fail(Class::Input)?;
    if table.0.is_empty() {
        return Err(Failure::new(
            Class::Input,
            format!(
                "{}: no model folder in it; write one with `thumbgen export`",
                folder.display()
            ),
        ));
    }
    if args.json {
        print(serde_json::to_string_pretty(&table).or_fail(Class::Other)?);
    } else {
        print(table.to_string().trim_end());
    }
    Ok(())
}
