//! `thumbgen firmware`.

use crate::board::Board;
use crate::console::{Console, print};
use crate::failure::{Class, Failure, OrFail};
use crate::firmware_build::{self, Container, FirmwareBuild, Segment};
use crate::model_folder::ModelFiles;
use crate::{files, repository};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  thumbgen firmware --board pico -o pico.uf2
  thumbgen firmware --board pico2 --model runs/cgan/model -o pico2.elf
  thumbgen firmware --board nrf52840dk -o nrf.bin

A UF2 file also empties the board's model slot, so that the model in the program is the one that runs.")]
pub struct Args {
    /// Which board.
    #[arg(long, short)]
    board: String,
    /// Name of a shipped model, a model folder, a run folder, or a model image: the model in the program.
    #[arg(long, short, default_value = "cgan", value_name = "MODEL")]
    model: String,
    /// The file: .uf2, .elf or .bin.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
}

pub fn run(args: Args, console: Console) -> Result<(), Failure> {
    let container = Container::of(&args.out).or_fail(Class::Input)?;
    let board = Board::find(&args.board).or_fail(Class::Input)?;
    let (build, segments) = build(&board, &args.model, console)?;
    let elf = files::read_at_most(&build.elf, firmware_build::ELF_LIMIT).or_fail(Class::Other)?;
    let file = container
        .pack(board.build, &elf, &segments)
        .or_fail(Class::Input)?;
    files::write_atomically(&args.out, &file).or_fail(Class::Input)?;
    print(args.out.display());
    Ok(())
}

/// Builds a board's firmware with a model, and gives what goes to flash: the program, and an emptied slot.
pub(super) fn build(
    board: &Board,
    model: &str,
    console: Console,
) -> Result<(FirmwareBuild, Vec<Segment>), Failure> {
    let model = ModelFiles::find(model).or_fail(Class::Input)?;
    let root = repository::root().or_fail(Class::Environment)?;
    console.step(format_args!(
        "building the firmware of {} with {}",
        board.build.name,
        model.image().display()
    ));
    let build = firmware_build::build(&root, board.build, model.image(), &mut |line| {
        console.note(line);
    })
    .map_err(|error| super::firmware_failure(&error))?;
    let elf = files::read_at_most(&build.elf, firmware_build::ELF_LIMIT).or_fail(Class::Other)?;
    let mut segments = firmware_build::segments(&elf).or_fail(Class::Other)?;
    segments.extend(board.slot.iter().flat_map(|slot| slot.emptied()));
    Ok((build, segments))
}
