//! Writing files so that a killed command leaves the old file or the new one, never half of either.

use std::io::Write;
use std::path::{Path, PathBuf};

/// A file that could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file could not be read.
    #[error("cannot read {path}: {source}; check the path and its permissions")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file could not be written.
    #[error("cannot write {path}: {source}; choose a folder that can be written to")]
    Write {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is larger than any valid file of its kind.
    #[error("{path} has {len} bytes, over the limit of {limit} for this kind of file")]
    TooLarge {
        /// Which file.
        path: PathBuf,
        /// Its size in bytes.
        len: u64,
        /// The largest size that is read, in bytes.
        limit: u64,
    },
}

/// Writes `bytes` to a temporary file in the folder of `path`, and renames it to `path`.
///
/// # Errors
/// [`FileError::Write`] where the folder cannot be made or written to.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let failed = |source| FileError::Write {
        path: path.to_owned(),
        source,
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut file = tempfile::Builder::new()
        .permissions_of_a_new_file()
        .tempfile_in(folder)
        .map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|e| failed(e.error))?;
    Ok(())
}

/// Reads a whole file of at most `limit` bytes.
///
/// # Errors
/// [`FileError::Read`] and [`FileError::TooLarge`].
pub fn read_at_most(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    use std::io::Read;
    let failed = |source| FileError::Read {
        path: path.to_owned(),
        source,
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let len = file.metadata().map_err(failed)?.len();
    if len > limit {
        return Err(FileError::TooLarge {
            path: path.to_owned(),
            len,
            limit,
        });
    }
    // The length may lie (a pipe, a file that grows): the limit holds for what is read.
    let mut bytes = Vec::with_capacity(len as usize);
    let read = file
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)? as u64;
    if read > limit {
        return Err(FileError::TooLarge {
            path: path.to_owned(),
            len: read,
            limit,
        });
    }
    Ok(bytes)
}

/// `tempfile` makes private files (0600); a model that is shared wants the usual mode.
trait UsualPermissions {
    fn permissions_of_a_new_file(&mut self) -> &mut Self;
}

impl UsualPermissions for tempfile::Builder<'_, '_> {
    #[cfg(unix)]
    fn permissions_of_a_new_file(&mut self) -> &mut Self {
        use std::os::unix::fs::PermissionsExt;
        // The umask of the process still applies.
        self.permissions(std::fs::Permissions::from_mode(0o666))
    }
    #[cfg(not(unix))]
    fn permissions_of_a_new_file(&mut self) -> &mut Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_file_is_whole_and_no_temporary_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.bin");
        write_atomically(&path, b"one").unwrap();
        write_atomically(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(
            std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1
        );
    }

    #[test]
    fn a_file_over_the_limit_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("big");
        std::fs::write(&path, [0; 11]).unwrap();
        assert!(matches!(
            read_at_most(&path, 10),
            Err(FileError::TooLarge { len: 11, .. })
        ));
        assert_eq!(read_at_most(&path, 11).unwrap().len(), 11);
    }

    #[test]
    fn an_unwritable_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, b"").unwrap();
        let error = write_atomically(&file.join("inside"), b"x").unwrap_err();
        assert!(error.to_string().contains("inside"), "{error}");
    }
}
