//! Harness for the emulated Raspberry Pi Pico.

use crate::firmware;
use host::emulator::Machine;
use host::emulator::pico::{NODE_PROGRAM, Pace, Pico, PicoOptions};
use host::emulator::session;
use host::firmware_build::Container;
use host::firmware_build::board::Board;
use host::system::programs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Whether Node is here; where it is not, says that a test is left out. `thumbgen verify` makes
/// that a failure where it has found Node.
pub fn has_node() -> bool {
    has_program("node", programs::find(NODE_PROGRAM).is_some())
}

/// As [`has_node`], for what `thumbgen verify` calls `name`.
pub fn has_program(name: &str, found: bool) -> bool {
    assert!(
        found || !crate::required(name),
        "{name} is required and not here"
    );
    if !found {
        // Seen with --nocapture and in the output of a failed run.
        eprintln!("left out: {name} is not in PATH; run `cargo run -p host -- setup`");
    }
    found
}

/// A firmware for the Pico: the UF2 file that one flashes, and its ELF file.
pub struct Firmware {
    /// The UF2 file.
    pub uf2: PathBuf,
    /// The ELF file.
    pub elf: PathBuf,
    _folder: tempfile::TempDir,
}

/// Builds the firmware of a Pico with a model image, its slot empty.
pub fn build(board: &str, image: &Path) -> Firmware {
    let board = Board::find(board).unwrap_or_else(|error| panic!("{error}"));
    let elf = firmware(&board, image).elf;
    let bytes = std::fs::read(&elf).unwrap_or_else(|error| panic!("{error}"));
    let file = Container::Uf2.pack(&board, &bytes);
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let uf2 = folder.path().join("firmware.uf2");
    std::fs::write(&uf2, file.unwrap_or_else(|error| panic!("{error}")))
        .unwrap_or_else(|error| panic!("{error}"));
    Firmware {
        uf2,
        elf,
        _folder: folder,
    }
}

impl Firmware {
    /// How it is started.
    pub fn options(&self, pace: Pace) -> PicoOptions {
        PicoOptions {
            elf: Some(self.elf.clone()),
            pace,
            ..PicoOptions::new(&self.uf2)
        }
    }

    /// The board as it was switched on.
    pub fn switch_on(&self, pace: Pace) -> Pico {
        Pico::start(&self.options(pace)).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The board past its self-test, running by itself.
    pub fn boot(&self) -> Pico {
        let mut pico = self.switch_on(Pace::Eager);
        session::boot(&mut pico).unwrap_or_else(|error| panic!("{error}"));
        session::pass_self_test(&mut pico).unwrap_or_else(|error| panic!("{error}"));
        pico
    }
}

/// Sends a line to a stepped board and runs it until it answers, a minute of its time at most.
pub fn ask_stepped(pico: &mut Pico, line: &str) -> String {
    pico.drain_lines();
    pico.send_line(line)
        .unwrap_or_else(|error| panic!("{error}"));
    for _ in 0..12_000 {
        pico.run(Duration::from_millis(5))
            .unwrap_or_else(|error| panic!("{error}"));
        // What the board has sent is on its way through a socket.
        if let Ok(answer) = pico.read_line(Duration::from_millis(2)) {
            return answer;
        }
    }
    panic!("no answer to “{line}”")
}
