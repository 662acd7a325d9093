//! probe-rs, run as a program.

use super::FlashError;
use crate::firmware_build::{BoardBuild, Segment, hex};
use crate::system::files::FileError;
use crate::system::programs;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::NamedTempFile;

/// Its name.
pub const PROGRAM: &str = "probe-rs";

/// probe-rs, where it is installed and sees a probe.
pub fn with_probe() -> Option<PathBuf> {
    let program = programs::find(PROGRAM)?;
    has_probe(&program).then_some(program)
}

/// Whether this probe-rs sees a probe.
fn has_probe(program: &Path) -> bool {
    let listed = run(program, [OsStr::new("list")]);
    listed.is_ok_and(|output| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        // "The following debug probes were found:", then one a line: "[0]: ...".
        output.status.success()
            && text
                .lines()
                .any(|line| line.trim_start().starts_with("[0]"))
    })
}

/// Writes pieces of memory to a board's flash, which keeps the rest, then resets the board.
///
/// # Errors
/// [`FlashError::File`], [`FlashError::NoProbeRs`] and [`FlashError::ProbeRs`].
pub fn write(program: &Path, board: &BoardBuild, contents: &[Segment]) -> Result<(), FlashError> {
    let chip = board
        .chip
        .ok_or(FlashError::OnlyEmulated { board: board.name })?;
    let chip = [OsStr::new("--chip"), OsStr::new(chip)];
    // With addresses, unlike bare bytes; an ELF file would have the program alone.
    let file = temporary(hex::write(contents).as_bytes())?;
    let download = ["download", "--verify", "--binary-format", "hex"].map(OsStr::new);
    let download = download.into_iter().chain(chip);
    let download: Vec<_> = download.chain([file.path().as_os_str()]).collect();
    let reset: Vec<_> = [OsStr::new("reset")].into_iter().chain(chip).collect();
    for arguments in [download, reset] {
        let uf2 = board.uf2.is_some();
        let output = run(program, arguments).map_err(|source| FlashError::NoProbeRs {
            program: program.to_owned(),
            source,
            uf2,
        })?;
        if !output.status.success() {
            return Err(FlashError::ProbeRs {
                board: board.name,
                uf2,
                status: output.status.to_string(),
                message: last_words(&output.stderr),
            });
        }
    }
    Ok(())
}

/// A file that is gone when it is dropped.
fn temporary(bytes: &[u8]) -> Result<NamedTempFile, FileError> {
    let folder = std::env::temp_dir();
    let file = tempfile::Builder::new().suffix(".hex").tempfile_in(&folder);
    let failed = |path: PathBuf| move |source| FileError::Write { path, source };
    let mut file = file.map_err(failed(folder))?;
    let written = file.write_all(bytes).and_then(|()| file.flush());
    written.map_err(failed(file.path().to_owned()))?;
    Ok(file)
}

fn run<'a>(program: &Path, arguments: impl IntoIterator<Item = &'a OsStr>) -> io::Result<Output> {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
}

/// The last lines, in one.
fn last_words(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<_> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    match lines.len() {
        0 => "it said nothing".to_owned(),
        len => lines[len.saturating_sub(3)..].join(" | "),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::firmware_build::{LM3S6965EVB, NRF52840DK, PICO};

    /// A program that writes down how it was called, keeps the file that it was given, and does as
    /// told.
    fn fake(folder: &Path, body: &str) -> PathBuf {
        let program = folder.join(PROGRAM);
        let script = format!(
            "cd '{}'\necho \"$@\" >> calls\nfor last; do :; done\n\
             if [ \"$1\" = download ]; then cp \"$last\" given; fi\n{body}\n",
            folder.display()
        );
        programs::fake(&program, &script);
        program
    }

    fn contents() -> [Segment; 2] {
        [(0, vec![1, 2, 3]), (0x8_0000, vec![0xFF; 256])]
            .map(|(address, bytes)| Segment { address, bytes })
    }

    #[test]
    fn every_piece_is_written_and_the_board_reset() {
        let folder = tempfile::tempdir().unwrap();
        let program = fake(folder.path(), "exit 0");
        write(&program, &NRF52840DK, &contents()).unwrap();
        let calls = std::fs::read_to_string(folder.path().join("calls")).unwrap();
        let (download, reset) = calls.split_once('\n').unwrap();
        let expected = "download --verify --binary-format hex --chip nRF52840_xxAA ";
        let file = download.strip_prefix(expected).unwrap();
        assert!(
            file.ends_with(".hex") && !Path::new(file).exists(),
            "{file}"
        );
        assert_eq!(reset, "reset --chip nRF52840_xxAA\n");
        let given = std::fs::read_to_string(folder.path().join("given")).unwrap();
        assert_eq!(given, hex::write(&contents()));
    }

    #[test]
    fn a_failure_is_one_line_and_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let program = fake(folder.path(), "echo one >&2; echo 'no chip' >&2; exit 3");
        let fail = |program: &Path, board| {
            let error = write(program, board, &contents()).unwrap_err().to_string();
            assert!(!error.contains('\n'), "{error}");
            error
        };
        let error = fail(&program, &PICO);
        assert!(
            error.contains("no chip") && error.contains("--drive"),
            "{error}"
        );
        let error = fail(&program, &NRF52840DK);
        assert!(
            error.contains("wired") && !error.contains("--drive"),
            "{error}"
        );
        let error = fail(Path::new("/no/such/program"), &PICO);
        assert!(
            error.contains("install") && error.contains("--drive"),
            "{error}"
        );
        let error = fail(&program, &LM3S6965EVB);
        assert!(error.contains("only QEMU"), "{error}");
    }

    #[test]
    fn a_probe_is_seen_in_the_list() {
        let folder = tempfile::tempdir().unwrap();
        let found = "echo 'The following debug probes were found:'; echo '[0]: Debugprobe on Pico'";
        assert!(has_probe(&fake(folder.path(), found)));
        assert!(!has_probe(&fake(
            folder.path(),
            "echo 'No debug probes were found.'"
        )));
        assert!(!has_probe(&fake(folder.path(), "echo '[0]: x'; exit 1")));
        assert!(!has_probe(Path::new("/no/such/program")));
    }
}
