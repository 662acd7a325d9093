//! MNIST as the repository ships it: the four files of the original distribution (LeCun, Cortes,
//! Burges), gzipped.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{Dataset, DatasetError, hex, idx_folder};
use crate::system::files::read_at_most;

/// Environment variable that names another folder with the shipped files.
pub const FOLDER_VARIABLE: &str = "THUMBGEN_MNIST";

/// Names and checksums of the files of pictures to train on.
const TRAIN: [(&str, &str); 2] = [
    (
        "train-images-idx3-ubyte.gz",
        "0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971",
    ),
    (
        "train-labels-idx1-ubyte.gz",
        "1787548bbe0bff1ec2ecdc0ef292b02df999e2d1a6002d27500982c652b17203",
    ),
];

/// The same of the pictures to test on.
const TEST: [(&str, &str); 2] = [
    (
        "t10k-images-idx3-ubyte.gz",
        "1a1a05eab793c14bb050b398624a11b0ffd1a2953baed553b1b9bd079e2a20be",
    ),
    (
        "t10k-labels-idx1-ubyte.gz",
        "b91679a0acfe4ba0e50a2437a903084cba1f5f92592b016a25a7dfd00455798b",
    ),
];

/// The largest file that is read; the real ones have 9.7 MB.
const MAX_FILE: u64 = 16 << 20;

/// Where the files are: the folder that [`FOLDER_VARIABLE`] names, or `host/data/mnist` of the
/// source tree that this program was built from.
pub fn folder() -> PathBuf {
    std::env::var_os(FOLDER_VARIABLE).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("data/mnist"),
        PathBuf::from,
    )
}

/// Reads the 60,000 training pictures, 28x28, classes "0" to "9".
///
/// # Errors
/// [`DatasetError`]; files that are not the shipped ones are refused by [`DatasetError::Checksum`].
pub fn load(folder: &Path) -> Result<Dataset, DatasetError> {
    load_files(folder, "mnist", TRAIN)
}

/// Reads the 10,000 test pictures, which no training sees.
///
/// # Errors
/// As [`load`].
pub fn load_test(folder: &Path) -> Result<Dataset, DatasetError> {
    load_files(folder, "mnist test", TEST)
}

fn load_files(
    folder: &Path,
    dataset: &str,
    files: [(&'static str, &'static str); 2],
) -> Result<Dataset, DatasetError> {
    let mut contents = Vec::new();
    for (name, expected) in files {
        let path = folder.join(name);
        let bytes = read_at_most(&path, MAX_FILE)?;
        let found = hex(&Sha256::digest(&bytes));
        if found != expected {
            return Err(DatasetError::Checksum {
                path,
                found,
                expected,
            });
        }
        contents.push(idx_folder::unpack(&path, bytes)?);
    }
    let paths = files.map(|(name, _)| folder.join(name));
    idx_folder::combine(
        dataset,
        folder,
        (&paths[0], &contents[0]),
        (&paths[1], &contents[1]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_files_are_mnist() {
        let data = load(&folder()).unwrap();
        assert_eq!((data.len(), data.height, data.width), (60_000, 28, 28));
        assert_eq!(
            data.classes,
            ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
        );
        // The first label and the class counts of the training set, as published.
        assert_eq!(data.labels[0], 5);
        assert_eq!(
            data.labels.iter().filter(|label| **label == 1).count(),
            6_742
        );
    }

    #[test]
    fn the_test_set_is_another_one() {
        let data = load_test(&folder()).unwrap();
        assert_eq!((data.len(), data.height, data.width), (10_000, 28, 28));
        // The first label and the class counts of the test set, as published.
        assert_eq!(data.labels[0], 7);
        assert_eq!(
            data.labels.iter().filter(|label| **label == 1).count(),
            1_135
        );
    }

    #[test]
    fn another_file_under_the_name_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(TRAIN[0].0), b"other").unwrap();
        let error = load(folder.path()).unwrap_err();
        assert!(matches!(error, DatasetError::Checksum { .. }), "{error}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = load(folder.path()).unwrap_err().to_string();
        assert!(error.contains("train-images-idx3-ubyte.gz"), "{error}");
    }
}
