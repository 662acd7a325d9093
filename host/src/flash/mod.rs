//! Getting a firmware onto a board that lies on the desk.
//!
//! A drive that was named is used; else a debug probe where there is one ([`probe`]), else the
//! drive that a board shows itself as when its BOOTSEL button is held at reset ([`drive`]). Where
//! there is none of them, the error says what to press.

pub mod drive;
pub mod probe;

use crate::firmware_build::{BoardBuild, Segment};
use crate::system::files::FileError;
use std::path::PathBuf;

/// Nothing was flashed, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum FlashError {
    /// The board exists in QEMU alone.
    #[error(
        "{board} is a board that only QEMU has; run it with `thumbgen emulate --board {board}`"
    )]
    OnlyEmulated {
        /// Its name.
        board: &'static str,
    },
    /// Neither a probe nor a drive.
    #[error("no {board} is ready: {}", what_to_press(.uf2))]
    NothingThere {
        /// Its name.
        board: &'static str,
        /// Whether it can show itself as a drive.
        uf2: bool,
    },
    /// A board without a drive.
    #[error(
        "{board} does not show itself as a drive; leave --drive out, and {}",
        what_to_press(&false)
    )]
    NoDrive {
        /// Its name.
        board: &'static str,
    },
    /// More than one drive.
    #[error("{} boards are ready ({}); unplug all but one, or choose one with --drive", .0.len(), listed(.0))]
    Several(Vec<PathBuf>),
    /// The folder is no board's drive.
    #[error(
        "{path} is not the drive of a {board}: it has no {info} that says “Board-ID: {expected}”; hold BOOTSEL while you plug the board in",
        info = drive::INFO
    )]
    NotADrive {
        /// Which folder.
        path: PathBuf,
        /// Name of the board.
        board: &'static str,
        /// What the file should say.
        expected: &'static str,
    },
    /// The drive took only a part.
    #[error(
        "the drive {path} did not take all of the program ({source}); unplug the board, hold BOOTSEL while you plug it in, and try again"
    )]
    Cut {
        /// Which drive.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file for probe-rs cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// probe-rs does not start.
    #[error(
        "cannot start {program}: {source}; install it again from https://probe.rs{}",
        or_a_drive(.uf2)
    )]
    NoProbeRs {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
        /// Whether the board can show itself as a drive.
        uf2: bool,
    },
    /// probe-rs failed.
    #[error(
        "probe-rs failed ({status}): {message}; check that the probe is wired to the {board} and that it has power{}",
        or_a_drive(.uf2)
    )]
    ProbeRs {
        /// Name of the board.
        board: &'static str,
        /// Whether it can show itself as a drive.
        uf2: bool,
        /// Its exit status.
        status: String,
        /// Its last words, on one line.
        message: String,
    },
}

fn what_to_press(uf2: &bool) -> &'static str {
    if *uf2 {
        "hold its BOOTSEL button while you plug it in (or while you press its reset button), wait for its drive, and run \
         this again, with --drive FOLDER where it is not found"
    } else {
        "connect its debug probe, and install probe-rs from https://probe.rs"
    }
}

/// What else can be done where a probe does not do it.
fn or_a_drive(uf2: &bool) -> &'static str {
    if *uf2 {
        ", or do without: hold the board's BOOTSEL button while you plug it in, and name its drive with --drive FOLDER"
    } else {
        ""
    }
}

fn listed(paths: &[PathBuf]) -> String {
    let names: Vec<_> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    names.join(", ")
}

/// Where a firmware can go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// By a debug probe, with this program.
    Probe(PathBuf),
    /// To this drive.
    Drive(PathBuf),
}

impl Way {
    /// Writes pieces of memory to a board's flash and starts it.
    ///
    /// # Errors
    /// Those of [`probe::write`] and [`drive::write`].
    pub fn write(&self, board: &BoardBuild, contents: &[Segment]) -> Result<(), FlashError> {
        match self {
            Self::Probe(program) => probe::write(program, board, contents),
            Self::Drive(folder) => drive::write(folder, board, contents),
        }
    }
}

/// The way to a board by a folder that is to be its drive.
///
/// # Errors
/// [`FlashError`] where it is not.
pub fn by_drive(board: &BoardBuild, folder: PathBuf) -> Result<Way, FlashError> {
    can_be_bought(board)?;
    drive::check(&folder, board)?;
    Ok(Way::Drive(folder))
}

fn can_be_bought(board: &BoardBuild) -> Result<(), FlashError> {
    match board.chip {
        Some(_) => Ok(()),
        None => Err(FlashError::OnlyEmulated { board: board.name }),
    }
}

/// Finds the way to a board: `probe` is probe-rs where it has a probe, `places` are folders that
/// may be drives.
///
/// # Errors
/// [`FlashError`] where there is none, or more than one.
pub fn find(
    board: &BoardBuild,
    probe: Option<PathBuf>,
    places: &[PathBuf],
) -> Result<Way, FlashError> {
    can_be_bought(board)?;
    if let Some(program) = probe {
        return Ok(Way::Probe(program));
    }
    let fits = |place: &&PathBuf| drive::is_of(place, board);
    let mut drives: Vec<_> = places.iter().filter(fits).cloned().collect();
    match (drives.len(), drives.pop()) {
        (1, Some(drive)) => Ok(Way::Drive(drive)),
        (0, _) | (_, None) => Err(FlashError::NothingThere {
            board: board.name,
            uf2: board.uf2.is_some(),
        }),
        (_, Some(last)) => {
            drives.push(last);
            Err(FlashError::Several(drives))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::drive::tests::drive;
    use super::*;
    use crate::firmware_build::{LM3S6965EVB, NRF52840DK, PICO, PICO2};

    #[test]
    fn the_one_drive_of_the_board_is_found_among_others() {
        let (pico, pico2) = (drive("RPI-RP2"), drive("RP2350"));
        let empty = tempfile::tempdir().unwrap();
        let place = |folder: &tempfile::TempDir| folder.path().to_owned();
        let places = [
            place(&empty),
            place(&pico2),
            place(&pico),
            "/no/such/place".into(),
        ];
        assert_eq!(
            find(&PICO, None, &places).unwrap(),
            Way::Drive(place(&pico))
        );
        assert_eq!(
            find(&PICO2, None, &places).unwrap(),
            Way::Drive(place(&pico2))
        );
        let error = find(&PICO, None, &[place(&pico), place(&pico)]).unwrap_err();
        assert!(
            matches!(&error, FlashError::Several(drives) if drives.len() == 2),
            "{error}"
        );
    }

    #[test]
    fn without_a_board_the_error_says_what_to_do() {
        let text = find(&PICO, None, &[]).unwrap_err().to_string();
        assert!(text.contains("BOOTSEL"), "{text}");
        let text = find(&NRF52840DK, None, &[]).unwrap_err().to_string();
        assert!(text.contains("probe-rs"), "{text}");
        let text = find(&LM3S6965EVB, Some("probe-rs".into()), &[])
            .unwrap_err()
            .to_string();
        assert!(text.contains("emulate --board lm3s6965evb"), "{text}");
    }

    #[test]
    fn a_folder_that_was_named_is_checked() {
        let (pico, pico2) = (drive("RPI-RP2"), drive("RP2350"));
        let by = |board, folder: &tempfile::TempDir| by_drive(board, folder.path().to_owned());
        assert_eq!(
            by(&PICO, &pico).unwrap(),
            Way::Drive(pico.path().to_owned())
        );
        let text = by(&PICO, &pico2).unwrap_err().to_string();
        assert!(
            text.contains("BOOTSEL") && text.contains("RPI-RP2"),
            "{text}"
        );
        let text = by(&NRF52840DK, &pico).unwrap_err().to_string();
        assert!(
            text.contains("leave --drive out") && text.contains("probe"),
            "{text}"
        );
        let text = by(&LM3S6965EVB, &pico).unwrap_err().to_string();
        assert!(text.contains("emulate --board lm3s6965evb"), "{text}");
    }

    #[test]
    fn a_probe_comes_first() {
        let pico = drive("RPI-RP2");
        let way = find(&PICO, Some("probe-rs".into()), &[pico.path().to_owned()]);
        assert_eq!(way.unwrap(), Way::Probe("probe-rs".into()));
    }
}
