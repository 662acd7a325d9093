//! The drive of a board in its boot ROM: a UF2 file that is written to it goes to flash, and the
//! board starts.

use super::FlashError;
use crate::firmware_build::uf2::{self, Family};
use crate::firmware_build::{BoardBuild, Segment};
use crate::system::files;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The file that such a drive says with what board it is.
pub const INFO: &str = "INFO_UF2.TXT";

/// It has three lines.
const INFO_LIMIT: u64 = 4 << 10;

/// Name of the file that is written; it never shows, since the board takes it as it comes.
const FILE: &str = "THUMBGEN.UF2";

/// Whether a folder is the drive of a board with this chip.
pub fn is_of(folder: &Path, board: &BoardBuild) -> bool {
    let Ok(info) = files::read_at_most(&folder.join(INFO), INFO_LIMIT) else {
        return false;
    };
    let info = String::from_utf8_lossy(&info).into_owned();
    board.uf2.is_some_and(|family| {
        let id = format!("Board-ID: {}", family.drive);
        info.lines().any(|line| line.trim() == id)
    })
}

/// Folders where this system shows drives.
pub fn places() -> Vec<PathBuf> {
    let inside = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    };
    if cfg!(windows) {
        let letters = b'A'..=b'Z';
        return letters
            .map(|letter| format!("{}:\\", char::from(letter)).into())
            .collect();
    }
    if cfg!(target_os = "macos") {
        return inside(Path::new("/Volumes"));
    }
    let mut places = mounted(&std::fs::read_to_string("/proc/mounts").unwrap_or_default());
    // Also what a container sees of its host's drives.
    for folder in ["/media", "/run/media", "/mnt"] {
        for place in inside(Path::new(folder)) {
            places.extend(inside(&place));
            places.push(place);
        }
    }
    places.sort();
    places.dedup();
    places
}

/// The folders of FAT drives in Linux's list of mounts, which writes a blank as `\040`.
fn mounted(mounts: &str) -> Vec<PathBuf> {
    let fat = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (folder, kind) = (words.nth(1)?, words.next()?);
        matches!(kind, "vfat" | "msdos" | "fuseblk").then(|| folder.replace("\\040", " ").into())
    });
    fat.collect()
}

/// Whether a folder can be written to as the drive of a board; says for which chips, or what to do
/// where it cannot.
///
/// # Errors
/// [`FlashError::NoDrive`] for a board that has none, [`FlashError::NotADrive`] for another folder.
pub fn check(drive: &Path, board: &BoardBuild) -> Result<Family, FlashError> {
    let Some(family) = board.uf2 else {
        return Err(FlashError::NoDrive { board: board.name });
    };
    if is_of(drive, board) {
        return Ok(family);
    }
    Err(FlashError::NotADrive {
        path: drive.to_owned(),
        board: board.name,
        expected: family.drive,
    })
}

/// Writes pieces of memory to a board's drive, as a UF2 file: all of it, or an error.
///
/// # Errors
/// As [`check`], and [`FlashError::Cut`] where the drive went before the last byte.
pub fn write(drive: &Path, board: &BoardBuild, contents: &[Segment]) -> Result<(), FlashError> {
    let family = check(drive, board)?;
    let cut = |source| FlashError::Cut {
        path: drive.to_owned(),
        source,
    };
    let mut file = File::create(drive.join(FILE)).map_err(cut)?;
    file.write_all(&uf2::write(contents, family)).map_err(cut)?;
    finish(file.sync_all(), || is_of(drive, board)).map_err(cut)
}

/// The end of writing. A board starts as soon as it has the last block, and its drive is gone: the
/// system may call that an error, which it is only where the drive is still there.
fn finish(synced: io::Result<()>, still_there: impl FnOnce() -> bool) -> io::Result<()> {
    match synced {
        Err(error) if still_there() => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::firmware_build::{NRF52840DK, PICO, PICO2};

    /// A folder that looks like a board's drive.
    pub fn drive(id: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let info = format!("UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: {id}\r\n");
        std::fs::write(folder.path().join(INFO), info).unwrap();
        folder
    }

    #[test]
    fn a_drive_is_known_by_its_info_file() {
        let pico = drive("RPI-RP2");
        assert!(is_of(pico.path(), &PICO) && !is_of(pico.path(), &PICO2));
        assert!(!is_of(pico.path(), &NRF52840DK));
        std::fs::write(pico.path().join(INFO), vec![b'x'; 5000]).unwrap();
        assert!(!is_of(pico.path(), &PICO), "an info file of any length");
        std::fs::write(
            pico.path().join(INFO),
            b"\xFF\xFEBoard-ID: RPI-RP2 of sorts\n",
        )
        .unwrap();
        assert!(!is_of(pico.path(), &PICO));
    }

    fn contents() -> [Segment; 1] {
        [Segment {
            address: 0x1000_0000,
            bytes: vec![7; 1000],
        }]
    }

    #[test]
    fn a_drive_gets_the_whole_file_and_other_folders_nothing() {
        let pico = drive("RPI-RP2");
        write(pico.path(), &PICO, &contents()).unwrap();
        let written = std::fs::read(pico.path().join(FILE)).unwrap();
        assert_eq!(written, uf2::write(&contents(), Family::RP2040));
        let error = write(pico.path(), &PICO2, &contents()).unwrap_err();
        assert!(matches!(error, FlashError::NotADrive { .. }), "{error}");
        let folder = tempfile::tempdir().unwrap();
        let error = write(folder.path(), &PICO, &contents())
            .unwrap_err()
            .to_string();
        assert!(error.contains(INFO) && error.contains("RPI-RP2"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_drive_that_takes_no_file_is_an_error() {
        let pico = drive("RPI-RP2");
        std::fs::create_dir(pico.path().join(FILE)).unwrap();
        let error = write(pico.path(), &PICO, &contents()).unwrap_err();
        assert!(matches!(error, FlashError::Cut { .. }), "{error}");
    }

    #[test]
    fn an_error_counts_only_while_the_drive_is_there() {
        let failed = || Err(io::Error::other("gone"));
        assert!(finish(failed(), || true).is_err());
        assert!(finish(failed(), || false).is_ok());
        assert!(finish(Ok(()), || true).is_ok());
    }

    #[test]
    fn mounts_of_drives_are_found() {
        let mounts = "/dev/sda1 / ext4 rw 0 0\n/dev/sdb1 /media/me/RPI-RP2 vfat rw 0 0\n\
                      /dev/sdc1 /mnt/My\\040Drive vfat rw 0 0\nshort\n";
        let expected = ["/media/me/RPI-RP2", "/mnt/My Drive"].map(PathBuf::from);
        assert_eq!(mounted(mounts), expected);
    }
}
