//! `thumbgen flash`.

use crate::board::Board;
use crate::console::Console;
use crate::failure::{Class, Failure, OrFail};
use crate::firmware_build::{Segment, uf2};
use crate::flash::{self, FlashError, Way, drive, probe};
use crate::link::upload::{Outcome, upload};
use crate::link::{Client, LinkError, open};
use crate::model_folder::ModelFiles;
use shared::image::Image;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  thumbgen flash --board pico                    a debug probe where there is one, else the board's drive
  thumbgen flash --board pico --model runs/cgan/model
  thumbgen flash --board pico --model-only --model gan
  thumbgen flash --model-only --model gan --port /dev/ttyACM0   to a board that runs, which stays as it is

Without a probe: hold the board's BOOTSEL button while you plug it in. What is in a model slot stays until a firmware is
flashed; a model that is flashed alone runs instead of the one in the program.")]
pub struct Args {
    /// Which board.
    #[arg(long, short, required_unless_present = "port")]
    board: Option<String>,
    /// Name of a shipped model, a model folder, a run folder, or a model image.
    #[arg(long, short, default_value = "cgan", value_name = "MODEL")]
    model: String,
    /// Leave the program, and put the model into the board's slot.
    #[arg(long)]
    model_only: bool,
    /// The board's drive, where it is not found by itself.
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
    if let Some(port) = &args.port {
        return over_serial(port, &args.model, console);
    }
    let board = Board::find(&args.board.unwrap_or_default()).or_fail(Class::Input)?;
    // Before a build of half a minute.
    let way = match args.drive {
        Some(drive) => Way::Drive(drive),
        None => flash::find(board.build, probe::with_probe(), &drive::places())
            .or_fail(Class::Environment)?,
    };
    let (segments, elf) = if args.model_only {
        (slot_with(&board, &args.model)?, None)
    } else {
        let (build, segments) = super::firmware::build(&board, &args.model, console)?;
        (segments, Some(build.elf))
    };
    let uf2 = board.build.uf2.map(|family| uf2::write(&segments, family));
    match (way, uf2, elf) {
        (Way::Drive(path), Some(uf2), _) => {
            console.step(format_args!("writing to {}", path.display()));
            drive::write(&path, board.build, &uf2)
        }
        (Way::Probe(program), Some(uf2), _) => {
            console.step("writing with probe-rs");
            let file = tempfile::Builder::new()
                .suffix(".uf2")
                .tempfile()
                .and_then(|file| std::fs::write(file.path(), uf2).map(|()| file))
                .or_fail(Class::Other)?;
            probe::write(&program, board.build, file.path())
        }
        (Way::Probe(program), None, Some(elf)) => {
            console.step("writing with probe-rs");
            probe::write(&program, board.build, &elf)
        }
        (Way::Drive(_) | Way::Probe(_), None, _) => Err(FlashError::NothingThere {
            board: board.build.name,
            uf2: false,
        }),
    }
    .or_fail(Class::Environment)?;
    console.step("done: the board starts by itself");
    Ok(())
}

/// Puts a model into the slot of a board that runs.
fn over_serial(port: &str, model: &str, console: Console) -> Result<(), Failure> {
    let failure = |error: LinkError| Failure::from_error(error.class(), &error);
    let files = ModelFiles::find(model).or_fail(Class::Input)?;
    let model = files.model().or_fail(Class::Input)?;
    let mut client = Client::new(open(port).map_err(failure)?);
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

/// What puts a model into a board's slot. The board would refuse the rest: a model is checked here as far as it can be.
fn slot_with(board: &Board, model: &str) -> Result<Vec<Segment>, Failure> {
    let name = board.build.name;
    let wrong = |class, message: String| Err(Failure::new(class, message));
    let Some(slot) = board.slot else {
        return wrong(
            Class::Input,
            format!("{name} has no model slot; flash it without --model-only"),
        );
    };
    let files = ModelFiles::find(model).or_fail(Class::Input)?;
    let model = files.model().or_fail(Class::Input)?;
    let image: Image<'_> = model.image().or_fail(Class::Input)?;
    if image.goldens().len() == 0 {
        return wrong(
            Class::Input,
            format!(
                "{} has no golden pictures, so {name} could not test it and would not run it; export it again",
                files.image().display()
            ),
        );
    }
    if image.arena_len() as u64 > board.capacity.arena {
        return wrong(
            Class::TooLarge,
            format!(
                "the model needs an arena of {} bytes, {name} has {}; export a smaller one",
                image.arena_len(),
                board.capacity.arena
            ),
        );
    }
    match slot.with(&image, model.bytes()) {
        Some(segments) => Ok(segments),
        None => wrong(
            Class::TooLarge,
            format!(
                "the model's image has {} bytes, a bank of the slot of {name} has {}; export a smaller one",
                image.len(),
                slot.bank
            ),
        ),
    }
}
