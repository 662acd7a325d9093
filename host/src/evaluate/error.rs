//! Why an evaluation cannot be made, each in one line.

use super::classifier::read::ReadError;
use crate::dataset::DatasetError;
use crate::models::folder::ModelError;
use crate::models::preview::PreviewError;
use crate::onnx::OnnxError;
use crate::picture::PictureError;
use crate::system::files::FileError;
use std::path::PathBuf;

/// An evaluation that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The real pictures, or a folder of pictures.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A float generator.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// A model image.
    #[error(transparent)]
    Preview(#[from] PreviewError),
    /// A model folder.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A picture of the report.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// There is no classifier.
    #[error(
        "{path}: no classifier there (classifier.onnx or generator.onnx); train one with `thumbgen train classifier`, or name its ONNX file with --classifier"
    )]
    NoClassifier {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The classifier's file is no classifier.
    #[error("{path}: {source}")]
    Classifier {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: Box<ReadError>,
    },
    /// The classifier knows fewer classes than the dataset has.
    #[error(
        "the classifier tells {found} classes apart, but {data} has {expected}; train one on that data and name it with --classifier"
    )]
    Classes {
        /// Name of the dataset.
        data: String,
        /// Classes of the classifier.
        found: usize,
        /// Classes of the dataset.
        expected: usize,
    },
    /// The classifier gives NaN or infinity.
    #[error(
        "{what}: the classifier gives numbers that are not finite for these pictures; train it again"
    )]
    NotFinite {
        /// Which pictures.
        what: String,
    },
    /// Pictures of another size than the classifier's.
    #[error(
        "{what}: pictures of {} x {}, but the classifier takes {} x {} (rows x columns); give the classifier that was trained for this size with --classifier",
        found[0], found[1], expected[0], expected[1]
    )]
    PictureSize {
        /// Which pictures.
        what: String,
        /// Their rows and columns.
        found: [usize; 2],
        /// The classifier's.
        expected: [usize; 2],
    },
    /// Too few pictures for any metric.
    #[error("{what}: {found} pictures, at least {least} are needed for the metrics")]
    TooFew {
        /// Which pictures.
        what: String,
        /// How many there are.
        found: usize,
        /// How many are needed.
        least: usize,
    },
    /// What was asked for is nothing that can be evaluated.
    #[error(
        "{given}: expected a model folder, a run folder, an ONNX file, a model image (.tgm), a folder of pictures, or `real`"
    )]
    Target {
        /// What was asked for.
        given: String,
    },
    /// A file that should be JSON is not.
    #[error("{path}: {source}; remove the file, or give another folder with --out")]
    Json {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
}
