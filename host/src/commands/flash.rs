//! `thumbgen flash`.

use crate::firmware_build::board::Board;
use crate::firmware_build::{Segment, flash_contents};
use crate::flash::{self, Way, drive, probe};
use crate::link::upload::{Outcome, upload};
use crate::link::{Client, LinkError, open};
use crate::models::folder::ModelFiles;
use crate::system::console::Console;
use crate::system::failure::{Class, Failure, OrFail};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  thumbgen flash --board pico                    a debug probe where there is one, else the board's drive
  thumbgen flash --board pico --model runs/cgan/model
  thumbgen flash --board pico --model-only --model gan
  thumbgen flash --board pico --drive /media/me/RPI-RP2         the drive, also where there is a probe
  thumbgen flash --model-only --model gan --port /dev/ttyACM0   to a board that runs, which stays as it is

Without a probe: hold the board's BOOTSEL button while you plug it in. What is in a model slot stays until a firmware is
flashed, which empties it; a model that is flashed alone runs instead of the one in the program.")]
pub struct Args {
    /// Which board; with --port, what the device must be.
    #[arg(long, short, required_unless_present = "port")]
    board: Option<String>,
    /// Name of a shipped model, a model folder, a run folder, or a model image.
    #[arg(long, short, default_value = "cgan", value_name = "MODEL")]
    model: String,
    /// Leave the program, and put the model into the board's slot.
    #[arg(long)]
    model_only: bool,
    /// The board's drive, where it is not found by itself, or where there is a probe as well.
    #[arg(long, value_name = "FOLDER")]
    drive: Option<PathBuf>,
    /// The serial port, or tcp:HOST:PORT, of a board that runs.
    #[arg(
        long,
        value_name = "PORT",
        requires = "model_only",
        conflicts_with = "drive"
    )]
    port: Option<String>,
}

pub fn run(args: Args, console: Console) -> Result<(), Failure> {
    let board = args.board.as_deref().map(Board::find);
    let board = board.transpose().or_fail(Class::Input)?;
    if let Some(port) = &args.port {
        return over_serial(port, board.as_ref(), &args.model, console);
    }
    let Some(board) = board else {
        // The command line's parser asks for the one or the other.
        return Err(Failure::new(Class::Input, "name the board with --board"));
    };
    // Before a build of half a minute.
    let way = match args.drive {
        Some(drive) => flash::by_drive(board.build, drive),
        None => flash::find(board.build, probe::with_probe(), &drive::places()),
    };
    let way = way.or_fail(Class::Environment)?;
    let contents = if args.model_only {
        slot_with(&board, &args.model)?
    } else {
        let (_, elf) = super::firmware::build(&board, None, &args.model, console)?;
        flash_contents(&board, &elf).or_fail(Class::Other)?
    };
    match &way {
        Way::Drive(drive) => console.step(format_args!("writing to {}", drive.display())),
        Way::Probe(_) => console.step("writing with probe-rs"),
    }
    way.write(board.build, &contents)
        .or_fail(Class::Environment)?;
    console.step("done: the board starts by itself");
    Ok(())
}

/// Puts a model into the slot of a board that runs: of any board, or of the one that was named.
fn over_serial(
    port: &str,
    board: Option<&Board>,
    model: &str,
    console: Console,
) -> Result<(), Failure> {
    let failure = |error: LinkError| Failure::from_error(error.class(), &error);
    let files = ModelFiles::find(model).or_fail(Class::Input)?;
    let model = files.model().or_fail(Class::Input)?;
    let mut client = Client::new(open(port).map_err(failure)?);
    if let Some(board) = board {
        let (name, found) = (board.build.name, client.hello().map_err(failure)?.board);
        if found != name {
            let what = format!(
                "the device at {port} is {found:?}, not {name}; name its port, or leave --board out"
            );
            return Err(Failure::new(Class::Input, what));
        }
    }
    console.step(format_args!(
        "writing {} over {port}",
        files.image().display()
    ));
    let outcome = upload(&mut client, model.bytes(), |_, _| ()).map_err(failure)?;
    console.step(match outcome {
        Outcome::Uploaded => "done: the board runs the model",
        Outcome::AlreadyThere => "nothing to do: the board runs this model already",
    });
    Ok(())
}

/// What puts a model into a board's slot. The board would say nothing and run another: the model is
/// checked here.
fn slot_with(board: &Board, model: &str) -> Result<Vec<Segment>, Failure> {
    let name = board.build.name;
    let Some(slot) = board.slot else {
        let what = format!("{name} has no model slot; flash it without --model-only");
        return Err(Failure::new(Class::Input, what));
    };
    let files = ModelFiles::find(model).or_fail(Class::Input)?;
    let model = super::firmware::check(board, &files)?;
    let image = model.image().or_fail(Class::Input)?;
    slot.with(&image, model.bytes()).ok_or_else(|| {
        let what = format!(
            "the model's image has {} bytes, a bank of the slot of {name} has {}; export a smaller one",
            image.len(),
            slot.bank
        );
        Failure::new(Class::TooLarge, what)
    })
}
