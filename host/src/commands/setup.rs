//! `thumbgen setup`.

use crate::setup::{Report, Setup, ThisMachine};
use crate::system::console::{Console, print};
use crate::system::failure::{Class, Failure, OrFail};
use crate::system::repository;

#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  thumbgen setup            say what is missing, ask, install it
  thumbgen setup --yes      install without asking
  thumbgen setup --check    only look")]
pub struct Args {
    /// Install without asking.
    #[arg(long, short)]
    yes: bool,
    /// Only say what is there and what is missing; exit code 4 where something needed is missing.
    #[arg(long, conflicts_with = "yes")]
    check: bool,
}

pub fn run(args: Args, console: Console) -> Result<(), Failure> {
    let report = if args.check {
        let root = repository::root().or_fail(Class::Environment)?;
        let system = ThisMachine {
            folder: root.clone(),
        };
        Setup::new(&system, &root).check()
    } else {
        install(args.yes, console)?
    };
    print(&report);
    if report.is_sufficient() {
        Ok(())
    } else {
        Err(Failure::new(
            Class::Environment,
            "something needed is missing; run `thumbgen setup`",
        ))
    }
}

/// Installs what is missing; other commands start with it.
pub fn install(yes: bool, console: Console) -> Result<Report, Failure> {
    let root = repository::root().or_fail(Class::Environment)?;
    let system = ThisMachine {
        folder: root.clone(),
    };
    let mut output: Box<dyn std::io::Write> = match console.is_quiet() {
        true => Box::new(std::io::sink()),
        false => Box::new(std::io::stderr()),
    };
    Setup::new(&system, &root)
        .install(yes, &mut output)
        .or_fail(Class::Environment)
}
