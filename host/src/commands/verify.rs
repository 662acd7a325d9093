//! `thumbgen verify`.

use crate::console::Console;
use crate::failure::{Class, Failure};
use crate::verify::{self, Options};

#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  thumbgen verify                  install what is missing (asks), run every test
  thumbgen verify --yes --full     what continuous integration runs")]
pub struct Args {
    /// Install what is missing without asking.
    #[arg(long, short)]
    yes: bool,
    /// Also check format, lints, documentation and licences, and build the GPU features.
    #[arg(long)]
    full: bool,
}

pub fn run(args: Args, console: Console) -> Result<(), Failure> {
    let report = super::setup::install(args.yes, console)?;
    let summary = verify::verify(&report, Options { full: args.full }, console)?;
    crate::console::print(&summary);
    match summary.failed() {
        0 => Ok(()),
        n => Err(Failure::new(
            Class::Mismatch,
            format!("{n} of the checks failed; their output stands above"),
        )),
    }
}
