//! `thumbgen firmware`.

use crate::firmware_build::board::Board;
use crate::firmware_build::{self, Container, Operators};
use crate::models::folder::ModelFiles;
use crate::models::preview::Model;
use crate::system::console::{Console, print};
use crate::system::failure::{Class, Failure, OrFail};
use crate::system::files;
use crate::system::repository;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  thumbgen firmware --board pico -o pico.uf2
  thumbgen firmware --board pico2 --model runs/cgan/model -o pico2.elf
  thumbgen firmware --board nrf52840dk -o nrf.hex

All but an .elf also empty the board's model slot, so that the model in the program is the one that runs.")]
pub struct Args {
    /// Which board.
    #[arg(long, short)]
    board: String,
    /// Name of a shipped model, a model folder, a run folder, or a model image: the model in the
    /// program.
    #[arg(long, short, default_value = "cgan", value_name = "MODEL")]
    model: String,
    /// Which operators the program has: `model`, those of its model alone, or `all`, so that any
    /// model can come into its slot; by default all where the board has a slot.
    #[arg(long, value_name = "WHICH")]
    operators: Option<Operators>,
    /// The file: .uf2, .elf, .hex or .bin.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
}

pub fn run(args: Args, console: Console) -> Result<(), Failure> {
    let container = Container::of(&args.out).or_fail(Class::Input)?;
    let board = Board::find(&args.board).or_fail(Class::Input)?;
    // Before a build of half a minute.
    container.check(&board).or_fail(Class::Input)?;
    let (_, elf) = build(&board, args.operators, &args.model, console)?;
    let file = container.pack(&board, &elf).or_fail(Class::Other)?;
    files::write_atomically(&args.out, &file).or_fail(Class::Input)?;
    print(args.out.display());
    Ok(())
}

/// Builds a board's firmware with a model that will run on it; gives its ELF file's path and bytes.
pub(super) fn build(
    board: &Board,
    operators: Option<Operators>,
    model: &str,
    console: Console,
) -> Result<(PathBuf, Vec<u8>), Failure> {
    let files = ModelFiles::find(model).or_fail(Class::Input)?;
    check(board, &files)?;
    let root = repository::root().or_fail(Class::Environment)?;
    console.step(format_args!(
        "building the firmware of {} with {}",
        board.build.name,
        files.image().display()
    ));
    let build = firmware_build::build(
        &root,
        board.build,
        operators.unwrap_or(board.operators()),
        files.image(),
        &mut |line| console.note(line),
    )
    .map_err(|error| super::firmware_failure(&error))?;
    let elf = files::read_at_most(&build.elf, firmware_build::ELF_LIMIT).or_fail(Class::Other)?;
    Ok((build.elf, elf))
}

/// Reads a model, and checks that a board will run it.
pub(super) fn check(board: &Board, files: &ModelFiles) -> Result<Model, Failure> {
    let model = files.model().or_fail(Class::Input)?;
    let image = model.image().or_fail(Class::Input)?;
    firmware_build::check(board, &image)
        .map_err(|error| Failure::from_error(error.class(), &error))?;
    Ok(model)
}
