//! Builds a board's firmware with a model in it: model image in, ELF file out.
//!
//! Firmware is built by cargo in a folder of its own (`target/firmware`), so that it neither waits
//! for the lock of the cargo that runs this program nor throws away what that one built. Builds go
//! one at a time; each result is copied to a place named by board and model, so builds with
//! different models do not overwrite each other.

pub mod board;
mod boards;
mod cargo;
mod check;
mod container;
mod elf;
pub mod hex;
pub mod uf2;

pub use boards::*;
pub use check::{CheckError, check};
pub use container::{Container, ContainerError, flash_contents};
pub use elf::{ElfError, ElfSizes, Segment, segments, symbol};

use crate::system::files::{self, FileError};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The environment variable that tells the firmware's build script which model image to include.
pub const MODEL_VARIABLE: &str = "THUMBGEN_MODEL";

/// The environment variable that tells the build scripts which operators the program has.
pub const OPERATORS_VARIABLE: &str = "THUMBGEN_OPERATORS";

/// The largest model image that is read; no board has as much flash.
const MODEL_LIMIT: u64 = 64 << 20;
/// The largest ELF file that is read: debug information takes some megabytes.
pub const ELF_LIMIT: u64 = 256 << 20;

/// A firmware that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirmwareBuild {
    /// The ELF file, in a place of its own for this board and model.
    pub elf: PathBuf,
    /// Bytes that lie in flash: code, constants, the model, and the start values of `.data`.
    pub flash_bytes: u64,
    /// Bytes of RAM that are always taken: `.data`, `.bss` and what is not initialised; the stack
    /// comes on top.
    pub ram_bytes: u64,
}

/// A firmware that could not be built.
#[derive(Debug, thiserror::Error)]
pub enum FirmwareBuildError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is no cargo.
    #[error("cannot start {program}: {source}; install Rust from https://rustup.rs")]
    NoCargo {
        /// The program that was tried.
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The target is not installed.
    #[error("Rust's target {target} is not installed; run `cargo run -p host -- setup`")]
    NoTarget {
        /// Rust's name of the processor.
        target: String,
    },
    /// The program does not fit into the board.
    #[error(
        "firmware and model do not fit: {region} of {board} overflows by {bytes} bytes; \
         give the model fewer bits with `cargo run -p host -- export --board {board}`"
    )]
    Overflow {
        /// Name of the board.
        board: String,
        /// `FLASH` or `RAM`.
        region: String,
        /// How many bytes too many.
        bytes: u64,
    },
    /// Cargo failed otherwise.
    #[error(
        "building the firmware of {board} failed ({status}): {message}; to see it all, run {command}"
    )]
    Cargo {
        /// Name of the board.
        board: String,
        /// Cargo's exit status.
        status: String,
        /// Cargo's last words in one line.
        message: String,
        /// The command to run by hand.
        command: String,
    },
    /// Cargo succeeded but named no executable.
    #[error(
        "cargo built no executable called {board}; check that the firmware package has that binary"
    )]
    NoExecutable {
        /// Name of the board.
        board: String,
    },
    /// The executable is no ELF file of the expected kind.
    #[error("{path}: {source}")]
    Elf {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: ElfError,
    },
}

/// Which operators a program has: what it has none of, it refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Operators {
    /// Those of the model that it is built with: the smallest program.
    Model,
    /// All of them, for models that come into its slot.
    All,
}

impl Operators {
    /// As `THUMBGEN_OPERATORS` has it, and file names.
    const fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::All => "all",
        }
    }
}

/// Builds the firmware of `board` with these operators and the model image `model`, in the
/// workspace whose root is `workspace`.
///
/// `progress` is given cargo's lines ("Compiling ...") as they come. Waits where another process
/// builds firmware.
///
/// # Errors
/// [`FirmwareBuildError`].
pub fn build(
    workspace: &Path,
    board: &BoardBuild,
    operators: Operators,
    model: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<FirmwareBuild, FirmwareBuildError> {
    let image = files::read_at_most(model, MODEL_LIMIT)?;
    let read_failed = |path: &Path| {
        let path = path.to_owned();
        move |source| FileError::Read { path, source }
    };
    // Cargo runs in the workspace's folder, and the build script in the package's.
    let model = std::path::absolute(model).map_err(read_failed(model))?;
    let workspace = std::path::absolute(workspace).map_err(read_failed(workspace))?;
    let target_dir = workspace.join("target").join("firmware");
    let _lock = lock(&target_dir)?;

    let arguments = arguments(board, &target_dir);
    // Under `cargo run` this is the cargo of the toolchain that built this program.
    let program = PathBuf::from(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let mut command = Command::new(&program);
    command
        .args(&arguments)
        .current_dir(&workspace)
        .env(MODEL_VARIABLE, &model)
        .env(OPERATORS_VARIABLE, operators.name())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for variable in INHERITED_FROM_AN_OUTER_CARGO {
        command.env_remove(variable);
    }
    let output = cargo::run(command, progress)
        .map_err(|source| FirmwareBuildError::NoCargo { program, source })?;
    if !output.status.success() {
        let by_hand = by_hand(&model, operators, &arguments);
        return Err(cargo::explain(board, &output, by_hand));
    }
    let built = cargo::executable(&output.stdout, board.bin).ok_or_else(|| {
        FirmwareBuildError::NoExecutable {
            board: board.name.into(),
        }
    })?;
    let elf = files::read_at_most(&built, ELF_LIMIT)?;
    let sizes = ElfSizes::read(&elf).map_err(|source| FirmwareBuildError::Elf {
        path: built,
        source,
    })?;
    let place = target_dir.join(file_name(board, operators, &image));
    files::write_atomically(&place, &elf)?;
    Ok(FirmwareBuild {
        elf: place,
        flash_bytes: sizes.flash,
        ram_bytes: sizes.ram,
    })
}

/// Rustflags meant for the host, or for Miri or coverage, are none for a firmware. A target folder
/// is given explicitly.
const INHERITED_FROM_AN_OUTER_CARGO: [&str; 4] = [
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "RUSTC_WORKSPACE_WRAPPER",
];

fn arguments(board: &BoardBuild, target_dir: &Path) -> Vec<std::ffi::OsString> {
    let mut arguments: Vec<std::ffi::OsString> = [
        "build",
        "-p",
        "firmware",
        "--bin",
        board.bin,
        "--features",
        board.features,
        "--target",
        board.target,
        "--profile",
        board.profile,
        "--message-format",
        "json-render-diagnostics",
        "--target-dir",
    ]
    .map(Into::into)
    .into();
    arguments.push(target_dir.into());
    arguments
}

/// The command as a user would type it, without the format for programs.
fn by_hand(model: &Path, operators: Operators, arguments: &[std::ffi::OsString]) -> String {
    let words: Vec<_> = arguments
        .iter()
        .map(|word| word.to_string_lossy())
        .collect();
    let words: Vec<_> = words
        .iter()
        .map(AsRef::as_ref)
        .filter(|word| !["--message-format", "json-render-diagnostics"].contains(word))
        .collect();
    format!(
        "`{MODEL_VARIABLE}={} {OPERATORS_VARIABLE}={} cargo {}`",
        model.display(),
        operators.name(),
        words.join(" ")
    )
}

fn lock(target_dir: &Path) -> Result<File, FileError> {
    let path = target_dir.join("thumbgen.lock");
    let failed = |source| FileError::Write {
        path: path.clone(),
        source,
    };
    std::fs::create_dir_all(target_dir).map_err(failed)?;
    let file = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(failed)?;
    // Released when the file is closed, also when this process is killed.
    file.lock().map_err(failed)?;
    Ok(file)
}

/// Board, operators and CRC-64 of the model image: names need to differ, they need not resist
/// forgery.
fn file_name(board: &BoardBuild, operators: Operators, image: &[u8]) -> String {
    let hash = crc::Crc::<u64>::new(&crc::CRC_64_XZ).checksum(image);
    format!("{}-{}-{hash:016x}.elf", board.name, operators.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build_here(folder: &Path, model: &Path) -> FirmwareBuildError {
        build(folder, &LM3S6965EVB, Operators::All, model, &mut |_| {}).unwrap_err()
    }

    #[test]
    fn different_models_have_different_places() {
        let name = |image: &[u8]| file_name(&LM3S6965EVB, Operators::Model, image);
        assert_ne!(name(b"one"), name(b"two"));
        // The check value of CRC-64/XZ.
        assert_eq!(name(b"123456789"), "lm3s6965evb-model-995dc9bbdf1939fa.elf");
    }

    #[test]
    fn a_missing_model_is_named_before_anything_is_built() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("no.model");
        let error = build_here(folder.path(), &model);
        assert!(error.to_string().contains("no.model"), "{error}");
        assert!(!folder.path().join("target").exists());
    }

    #[test]
    fn a_workspace_without_firmware_gives_cargos_words_in_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("m");
        std::fs::write(&model, b"x").unwrap();
        let error = build_here(folder.path(), &model);
        let text = error.to_string();
        assert!(matches!(error, FirmwareBuildError::Cargo { .. }), "{text}");
        assert!(
            text.contains("Cargo.toml") && !text.contains('\n'),
            "{text}"
        );
    }

    #[test]
    fn the_lock_lets_one_in() {
        let folder = tempfile::tempdir().unwrap();
        let held = lock(folder.path()).unwrap();
        let second = File::open(folder.path().join("thumbgen.lock")).unwrap();
        assert!(second.try_lock().is_err());
        drop(held);
        assert!(second.try_lock().is_ok());
    }
}
