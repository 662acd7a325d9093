//! `thumbgen web`.

use crate::firmware_build::board::Board;
use crate::firmware_build::uf2::Family;
use crate::system::console::{Console, print};
use crate::system::failure::{Class, Failure, OrFail};
use crate::system::files;
use crate::web::{self, Server};
use std::path::PathBuf;

/// UF2 files of this flash have at most 4 MB.
const FIRMWARE_LIMIT: u64 = 16 << 20;

#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  thumbgen web                         serves the page at http://127.0.0.1:8000
  thumbgen web --model gan --port 0    another model, at any free port
  thumbgen web --out page              writes the page's files, for any server of files

The page boots the same UF2 file that `thumbgen flash` writes, in an emulated Raspberry Pi Pico.")]
pub struct Args {
    /// Name of a shipped model, a model folder, a run folder, or a model image.
    #[arg(long, short, default_value = "cgan", value_name = "MODEL")]
    model: String,
    /// The board with its display: pico or pico-ssd1306.
    #[arg(long, short, default_value = "pico")]
    board: String,
    /// A firmware that was built already, instead of a model.
    #[arg(long, value_name = "FILE.uf2", conflicts_with_all = ["model", "board"])]
    firmware: Option<PathBuf>,
    /// The port, on this machine alone; 0 for any that is free.
    #[arg(long, short, default_value_t = 8000)]
    port: u16,
    /// Write the page into this folder instead of serving it.
    #[arg(long, short, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

pub fn run(args: Args, console: Console) -> Result<(), Failure> {
    let firmware = match &args.firmware {
        Some(file) => file.clone(),
        None => {
            let board = Board::find(&args.board).or_fail(Class::Input)?;
            if board.build.uf2 != Some(Family::RP2040) {
                let what = format!(
                    "the page emulates pico and pico-ssd1306, not {}",
                    args.board
                );
                return Err(Failure::new(Class::Input, what));
            }
            super::emulate::build_pico(&board, &args.model, console)?.0
        }
    };
    let firmware = files::read_at_most(&firmware, FIRMWARE_LIMIT).or_fail(Class::Input)?;
    if let Some(folder) = &args.out {
        web::export(folder, &firmware).or_fail(Class::Input)?;
        print(folder.display());
        return Ok(());
    }
    let server = Server::bind(args.port, firmware).or_fail(Class::Environment)?;
    let stop = crate::train::stop_on_ctrl_c().or_fail(Class::Other)?;
    console.step("serving the page; open it in a browser, Ctrl-C ends it");
    print(format_args!("http://{}", server.address()));
    server.serve(&stop);
    Ok(())
}
