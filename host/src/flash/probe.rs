//! probe-rs, run as a program.

use super::FlashError;
use crate::firmware_build::BoardBuild;
use crate::programs;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

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

/// Writes a file to a board's flash, then resets the board: an ELF file, or a UF2 file as its ending says.
///
/// # Errors
/// [`FlashError::NoProbeRs`] and [`FlashError::ProbeRs`].
pub fn write(program: &Path, board: &BoardBuild, file: &Path) -> Result<(), FlashError> {
    let chip = board
        .chip
        .ok_or(FlashError::OnlyEmulated { board: board.name })?;
    let chip = [OsStr::new("--chip"), OsStr::new(chip)];
    let format = match file.extension() {
        Some(ending) if ending == "uf2" => "uf2",
        _ => "elf",
    };
    let download = ["download", "--verify", "--binary-format", format].map(OsStr::new);
    let download = download.into_iter().chain(chip).chain([file.as_os_str()]);
    for result in [
        run(program, download),
        run(program, [OsStr::new("reset")].into_iter().chain(chip)),
    ] {
        let output = result?;
        if !output.status.success() {
            return Err(FlashError::ProbeRs {
                status: output.status.to_string(),
                message: last_words(&output.stderr),
            });
        }
    }
    Ok(())
}

fn run<'a>(
    program: &Path,
    arguments: impl IntoIterator<Item = &'a OsStr>,
) -> Result<Output, FlashError> {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| FlashError::NoProbeRs {
            program: program.to_owned(),
            source,
        })
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
    use crate::firmware_build::{LM3S6965EVB, PICO};
    use std::os::unix::fs::PermissionsExt;

    /// A program that writes down how it was called, and does as told.
    fn fake(folder: &Path, body: &str) -> PathBuf {
        let program = folder.join(PROGRAM);
        let log = folder.join("calls");
        std::fs::write(
            &program,
            format!("#!/bin/sh\necho \"$@\" >> '{}'\n{body}\n", log.display()),
        )
        .unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        program
    }

    #[test]
    fn a_file_is_written_and_the_board_reset() {
        let folder = tempfile::tempdir().unwrap();
        let program = fake(folder.path(), "exit 0");
        write(&program, &PICO, Path::new("x.uf2")).unwrap();
        let calls = std::fs::read_to_string(folder.path().join("calls")).unwrap();
        assert_eq!(
            calls,
            "download --verify --binary-format uf2 --chip RP2040 x.uf2\nreset --chip RP2040\n"
        );
    }

    #[test]
    fn a_failure_is_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let program = fake(folder.path(), "echo one >&2; echo 'no chip' >&2; exit 3");
        let error = write(&program, &PICO, Path::new("x.elf"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("no chip") && !error.contains('\n'),
            "{error}"
        );
        let error = write(&program, &LM3S6965EVB, Path::new("x.elf")).unwrap_err();
        assert!(matches!(error, FlashError::OnlyEmulated { .. }));
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
