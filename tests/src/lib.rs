//! Harness for the tests that cross the crates: the shipped models, their firmware, emulated
//! boards, the command.

/// The i64 oracle of model images.
pub use firmware::oracle;

pub mod pico;
pub mod simulated;

use host::emulator::session;
use host::emulator::{Qemu, QemuOptions};
use host::firmware_build::board::Board;
use host::firmware_build::{self, FirmwareBuild, Operators};
use host::models::folder::ModelFiles;
use host::models::preview::Model;
use host::system::repository;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

/// The models under `models/`.
pub const MODELS: [&str; 7] = [
    "cgan",
    "gan",
    "cdcgan",
    "dcgan",
    "dcgan-large",
    "cvae",
    "vae",
];

/// The board with a panel.
pub fn board() -> Board {
    Board::find("lm3s6965evb").unwrap_or_else(|error| panic!("{error}"))
}

/// The board that a model image is emulated on: the smallest that holds it. What is no image goes
/// on the one with a panel, to be refused there.
pub fn board_of(image: &Path) -> Board {
    let bytes = std::fs::read(image).unwrap_or_else(|error| panic!("{error}"));
    match shared::image::Image::new_checked(&bytes) {
        Ok(image) => Board::holding(&image).unwrap_or_else(|error| panic!("{error}")),
        Err(_) => board(),
    }
}

/// A shipped model's files.
pub fn files(name: &str) -> ModelFiles {
    ModelFiles::find(name).unwrap_or_else(|error| panic!("{error}"))
}

/// The bytes that a shipped model's image may take: those of the board in its config.
pub fn budget(name: &str) -> Option<usize> {
    let config = files(name).file(host::models::folder::CONFIG);
    let config = config.unwrap_or_else(|error| panic!("{error}"));
    let config = host::train::config::Config::resolve(&config.display().to_string(), &[]);
    let board = config.unwrap_or_else(|error| panic!("{error}")).board;
    // Flash of these boards is far below 2^32.
    (board != "none").then(|| {
        let board = Board::find(&board).unwrap_or_else(|error| panic!("{error}"));
        board.model_budget() as usize
    })
}

/// A shipped model.
pub fn model(name: &str) -> Model {
    files(name)
        .model()
        .unwrap_or_else(|error| panic!("{error}"))
}

/// A board's firmware with a model image, and the operators that it has where nobody asks.
pub fn firmware(board: &Board, image: &Path) -> FirmwareBuild {
    firmware_with(board, board.operators(), image)
}

/// A board's firmware with a model image and these operators. Each is built once, however many
/// tests ask for it: cargo keeps one program a board, so tests that take turns with their models
/// would have it built again and again.
pub fn firmware_with(board: &Board, operators: Operators, image: &Path) -> FirmwareBuild {
    type Key = (&'static str, Operators, Vec<u8>);
    type Builds = Mutex<HashMap<Key, Arc<OnceLock<FirmwareBuild>>>>;
    static BUILDS: LazyLock<Builds> = LazyLock::new(Default::default);

    let bytes = std::fs::read(image).unwrap_or_else(|error| panic!("{error}"));
    let key = (board.build.name, operators, Sha256::digest(bytes).to_vec());
    let build = {
        let mut builds = BUILDS.lock().unwrap_or_else(PoisonError::into_inner);
        builds.entry(key).or_default().clone()
    };
    let root = repository::root().unwrap_or_else(|error| panic!("{error}"));
    let built = build.get_or_init(|| {
        firmware_build::build(&root, board.build, operators, image, &mut |_| ())
            .unwrap_or_else(|error| panic!("{error}"))
    });
    built.clone()
}

/// A model image's board in QEMU, as it was switched on.
pub fn switch_on(image: &Path) -> Qemu {
    let board = board_of(image);
    let options = QemuOptions::for_board(&board, firmware(&board, image).elf);
    Qemu::start(&options).unwrap_or_else(|error| panic!("{error}"))
}

/// A shipped model's board in QEMU, past its self-test.
pub fn boot(name: &str) -> Qemu {
    boot_on(&board_of(files(name).image()), name)
}

/// A board in QEMU with a shipped model, past its self-test.
pub fn boot_on(board: &Board, name: &str) -> Qemu {
    let options = QemuOptions::for_board(board, firmware(board, files(name).image()).elf);
    let mut qemu = Qemu::start(&options).unwrap_or_else(|error| panic!("{error}"));
    session::boot(&mut qemu).unwrap_or_else(|error| panic!("{error}"));
    session::pass_self_test(&mut qemu).unwrap_or_else(|error| panic!("{error}"));
    qemu
}

/// Whether `thumbgen verify` found this runtime, so that a test may not do without it.
pub fn required(runtime: &str) -> bool {
    std::env::var(host::verify::REQUIRED_VARIABLE)
        .is_ok_and(|list| list.split(',').any(|name| name == runtime))
}

/// The `thumbgen` command of this build.
pub fn thumbgen() -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        // target/PROFILE/deps/TEST
        let test = std::env::current_exe().unwrap_or_else(|error| panic!("{error}"));
        let profile = test
            .ancestors()
            .nth(2)
            .unwrap_or_else(|| panic!("{} has no profile", test.display()));
        let name = match profile.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(other) => other,
        };
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args([
                "build",
                "-q",
                "-p",
                "host",
                "--bin",
                "thumbgen",
                "--profile",
                name,
            ])
            .current_dir(repository::root().unwrap_or_else(|error| panic!("{error}")))
            .status();
        assert!(
            built.is_ok_and(|status| status.success()),
            "cannot build thumbgen"
        );
        profile.join(format!("thumbgen{}", std::env::consts::EXE_SUFFIX))
    });
    Command::new(program)
}

/// SHA-256 of a file, in hexadecimal.
pub fn sha256(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a command wrote to standard error.
pub fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Makes an image's checksum fit after a change: what a hostile sender would do.
pub fn resealed(mut image: Vec<u8>) -> Vec<u8> {
    let covered: Vec<u8> = image[..12].iter().chain(&image[16..]).copied().collect();
    let crc = shared::checksum::of_bytes(&covered);
    image[12..16].copy_from_slice(&crc.to_le_bytes());
    image
}
