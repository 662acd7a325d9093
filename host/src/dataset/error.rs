//! What can be wrong with a dataset, each told in one line.

use std::path::PathBuf;

use crate::system::files::FileError;

/// A dataset that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// A file could not be read, or is larger than any valid one.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file is not what its name says.
    #[error("{path}: {source}")]
    Idx {
        /// Which file.
        path: PathBuf,
        /// What is wrong inside.
        source: super::idx::IdxError,
    },
    /// The gzip stream is damaged or cut short.
    #[error(
        "{path}: the gzip data is damaged or cut short ({reason}); download or copy the file again"
    )]
    Gzip {
        /// Which file.
        path: PathBuf,
        /// What the decoder said.
        reason: String,
    },
    /// The unpacked data would be larger than is read.
    #[error("{path}: more than {limit} bytes once unpacked; use a smaller dataset")]
    TooLarge {
        /// Which file or folder.
        path: PathBuf,
        /// The largest size that is read, in bytes.
        limit: u64,
    },
    /// The shipped dataset is not the one that the project was tested with.
    #[error(
        "{path}: its SHA-256 is {found}, expected {expected}; restore the file (git checkout -- host/data/mnist)"
    )]
    Checksum {
        /// Which file.
        path: PathBuf,
        /// The checksum of the file.
        found: String,
        /// The checksum of the right file.
        expected: &'static str,
    },
    /// One picture file that is expected is not there.
    #[error("{folder}: no {what} found; expected files like {example}")]
    Missing {
        /// Where it was looked for.
        folder: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// A name that would have been taken.
        example: &'static str,
    },
    /// Pictures and labels do not belong together.
    #[error(
        "{folder}: {images} pictures but {labels} labels; take both files from the same dataset"
    )]
    CountMismatch {
        /// Where both files lie.
        folder: PathBuf,
        /// Pictures found.
        images: usize,
        /// Labels found.
        labels: usize,
    },
    /// Nothing to train on.
    #[error("{path}: no pictures in it; expected at least one")]
    Empty {
        /// Which file or folder.
        path: PathBuf,
    },
    /// A class folder without pictures.
    #[error(
        "{path}: this class folder has no picture (.png, .jpg, .jpeg, .bmp); add one or remove the folder"
    )]
    EmptyClass {
        /// Which folder.
        path: PathBuf,
    },
    /// More classes than a label can number.
    #[error("{path}: {found} classes, at most {limit} are possible; merge some")]
    TooManyClasses {
        /// Which file or folder.
        path: PathBuf,
        /// Classes found.
        found: usize,
        /// Classes possible.
        limit: usize,
    },
    /// A picture that no decoder takes.
    #[error("{path}: not a readable picture ({reason}); replace or remove it")]
    Picture {
        /// Which file.
        path: PathBuf,
        /// What the decoder said.
        reason: String,
    },
    /// The source is neither a known name nor a folder.
    #[error(
        "--data {source_name}: not a folder; expected `mnist`, a folder of IDX files, or a folder with one sub-folder of pictures a class"
    )]
    UnknownSource {
        /// What was asked for.
        source_name: String,
    },
    /// A folder in which nothing known was found.
    #[error(
        "{path}: neither IDX files (like train-images-idx3-ubyte.gz) nor sub-folders of pictures; check the path given to --data"
    )]
    UnknownFolder {
        /// Which folder.
        path: PathBuf,
    },
}
