//! The `thumbgen` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    host::commands::run()
}
