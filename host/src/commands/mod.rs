//! The command line: one file a command, which parses arguments, calls one function of the library
//! and prints.

mod demo;
mod emulate;
mod evaluate;
mod export;
mod firmware;
mod flash;
mod inspect;
mod models;
mod sample;
mod setup;
mod train;
mod verify;
mod web;

use crate::firmware_build::FirmwareBuildError;
use crate::system::console::Console;
use crate::system::failure::{Class, EXIT_CODES, Failure};
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Train an image generator, quantize it, and run it on a microcontroller's display, equal to the
/// byte at every step.
#[derive(Debug, Parser)]
#[command(name = "thumbgen", version, after_help = EXIT_CODES, propagate_version = true)]
struct Cli {
    /// Say nothing but results and errors.
    #[arg(long, short, global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Install what is missing: Rust targets, QEMU, Node, Chromium, ONNX Runtime.
    Setup(setup::Args),
    /// The whole line in one command: train, export, build the firmware, boot it, show its display.
    Demo(demo::Args),
    /// Run every check: all tests, the emulators, the runtimes against each other.
    Verify(verify::Args),
    /// Train a generator.
    Train(train::Args),
    /// Quantize a generator and write its model folder.
    Export(export::Args),
    /// Draw pictures with a model.
    Sample(sample::Args),
    /// Measure how good generated pictures are, and compare models.
    Evaluate(evaluate::Args),
    /// The shipped models side by side: what they cost, how good they are.
    Models(models::Args),
    /// Say what is inside an ONNX file or a model image.
    Inspect(inspect::Args),
    /// Build a board's firmware with a model, without flashing it.
    Firmware(firmware::Args),
    /// Put a firmware with a model onto a board, or a model alone.
    Flash(flash::Args),
    /// Boot a board's firmware with a model in an emulator.
    Emulate(emulate::Args),
    /// A page with an emulated Raspberry Pi Pico, for the browser.
    Web(web::Args),
}

/// Parses the command line, runs the command and gives the exit code.
pub fn run() -> ExitCode {
    // Where this process was started to try a GPU, it does that and ends.
    crate::train::answer_probe();
    let cli = Cli::parse();
    let console = Console::new(cli.quiet);
    let result = match cli.command {
        Command::Setup(args) => setup::run(args, console),
        Command::Demo(args) => demo::run(args, console),
        Command::Verify(args) => verify::run(args, console),
        Command::Train(args) => train::run(args, console),
        Command::Export(args) => export::run(args, console),
        Command::Sample(args) => sample::run(args, console),
        Command::Evaluate(args) => evaluate::run(args, console),
        Command::Models(args) => models::run(args, console),
        Command::Inspect(args) => inspect::run(args, console),
        Command::Firmware(args) => firmware::run(args, console),
        Command::Flash(args) => flash::run(args, console),
        Command::Emulate(args) => emulate::run(args, console),
        Command::Web(args) => web::run(args, console),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report(&failure);
            ExitCode::from(failure.class().exit_code())
        }
    }
}

/// What a firmware build's failure means to the user.
fn firmware_failure(error: &FirmwareBuildError) -> Failure {
    let class = match error {
        FirmwareBuildError::Overflow { .. } => Class::TooLarge,
        FirmwareBuildError::File(_) => Class::Input,
        _ => Class::Environment,
    };
    Failure::from_error(class, error)
}

fn report(failure: &Failure) {
    use std::io::Write;
    // Nobody left to tell where standard error is closed.
    let _ = writeln!(std::io::stderr(), "error: {failure}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples() {
        for command in Cli::command().get_subcommands() {
            let help = command.clone().render_long_help().to_string();
            assert!(
                help.contains("Examples:"),
                "{} has no examples in its help",
                command.get_name()
            );
        }
    }
}
