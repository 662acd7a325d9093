//! The classifier that metrics look through: features and class probabilities of pictures.
//!
//! [`read`] makes a classifier of an ONNX file; everything else sees the trait [`Classifier`] only.

pub mod read;
#[cfg(test)]
mod read_tests;

use super::EvaluateError;
use super::pictures::Pictures;
use crate::dataset::hex;
use crate::system::files::read_at_most;
use crate::system::repository;
use ndarray::{Array2, ArrayView2, Axis, concatenate};
use rayon::prelude::*;
use read::NetworkClassifier;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Pictures that one thread works on at a time: their patches stay within some megabytes.
const BATCH: usize = 64;

/// Names of a classifier's file within a folder, in the order that they are looked for.
const FILES: [&str; 2] = ["classifier.onnx", "generator.onnx"];

/// What a classifier makes of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Activations {
    /// Input of the last layer, shape (batch, features).
    pub features: Array2<f32>,
    /// Output of the last layer, shape (batch, classes).
    pub logits: Array2<f32>,
}

/// Something that tells classes of pictures apart.
pub trait Classifier: Sync {
    /// Rows and columns of the pictures that it takes.
    fn size(&self) -> (usize, usize);

    /// Number of classes.
    fn classes(&self) -> usize;

    /// Features and logits of pictures of shape (batch, rows * columns), -1 for black to 1 for
    /// white.
    fn activations(&self, pictures: ArrayView2<f32>) -> Activations;
}

/// Pictures as the metrics see them.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Shape (pictures, features).
    pub features: Array2<f64>,
    /// Shape (pictures, classes).
    pub probabilities: Array2<f64>,
}

/// A classifier in a file, and which file.
#[derive(Debug, Clone)]
pub struct FromFile {
    /// The network.
    pub network: NetworkClassifier,
    /// Where it was read from.
    pub path: PathBuf,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
}

impl FromFile {
    /// Reads a classifier: the file or folder that is given, else `models/classifier` of the source
    /// folder.
    ///
    /// # Errors
    /// [`EvaluateError::NoClassifier`], [`EvaluateError::Classifier`].
    pub fn read(given: Option<&Path>) -> Result<Self, EvaluateError> {
        let place = match given {
            Some(path) => path.to_owned(),
            None => repository::root()
                .unwrap_or_default()
                .join("models/classifier"),
        };
        let path = if place.is_dir() {
            let found = FILES
                .map(|name| place.join(name))
                .into_iter()
                .find(|path| path.is_file());
            found.ok_or(EvaluateError::NoClassifier { path: place })?
        } else if place.is_file() {
            place
        } else {
            return Err(EvaluateError::NoClassifier { path: place });
        };
        let bytes = read_at_most(&path, crate::onnx::MAX_FILE_LEN)?;
        let network = read::from_bytes(&bytes).map_err(|source| EvaluateError::Classifier {
            path: path.clone(),
            source: Box::new(source),
        })?;
        Ok(Self {
            network,
            path,
            sha256: hex(&Sha256::digest(&bytes)),
        })
    }
}

/// Features and probabilities of all pictures, on all cores; `done` is told after each batch how
/// many it had.
///
/// # Errors
/// [`EvaluateError::PictureSize`] where the classifier takes another size,
/// [`EvaluateError::NotFinite`] where it gives numbers that are none.
pub fn judge(
    classifier: &dyn Classifier,
    pictures: &Pictures,
    done: &(dyn Fn(usize) + Sync),
) -> Result<Judged, EvaluateError> {
    let (height, width) = classifier.size();
    if (pictures.height, pictures.width) != (height, width) {
        return Err(EvaluateError::PictureSize {
            what: pictures.name.clone(),
            found: [pictures.height, pictures.width],
            expected: [height, width],
        });
    }
    let pixels = height * width;
    let batches: Vec<Activations> = pictures
        .images
        .par_chunks(BATCH * pixels.max(1))
        .map(|bytes| {
            let count = bytes.len() / pixels;
            let batch = Array2::from_shape_fn((count, pixels), |(picture, pixel)| {
                f32::from(bytes[picture * pixels + pixel]) / 127.5 - 1.0
            });
            let activations = classifier.activations(batch.view());
            done(count);
            activations
        })
        .collect();
    let joined = |part: fn(&Activations) -> ArrayView2<f32>| {
        let parts: Vec<_> = batches.iter().map(part).collect();
        concatenate(Axis(0), &parts)
            .ok()
            .filter(|all| all.iter().all(|value| value.is_finite()))
    };
    let not_finite = || EvaluateError::NotFinite {
        what: pictures.name.clone(),
    };
    let features = joined(|a| a.features.view()).ok_or_else(not_finite)?;
    let logits = joined(|a| a.logits.view()).ok_or_else(not_finite)?;
    Ok(Judged {
        features: features.mapv(f64::from),
        probabilities: softmax(logits.view()),
    })
}

/// `exp(x_c) / sum_k exp(x_k)` of each row, computed in `f64` from the largest down, so that
/// nothing overflows.
pub fn softmax(logits: ArrayView2<f32>) -> Array2<f64> {
    let mut p = logits.mapv(f64::from);
    for mut row in p.rows_mut() {
        let largest = row.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
        row.mapv_inplace(|value| (value - largest).exp());
        let sum = row.sum();
        row /= sum;
    }
    p
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ndarray::{array, s};

    /// A classifier without training: features are the mean levels of the picture's quarters, the
    /// class is the brightest quarter.
    pub struct Quarters {
        /// Rows and columns of a picture, even.
        pub side: usize,
    }

    impl Classifier for Quarters {
        fn size(&self) -> (usize, usize) {
            (self.side, self.side)
        }

        fn classes(&self) -> usize {
            4
        }

        fn activations(&self, pictures: ArrayView2<f32>) -> Activations {
            let half = self.side / 2;
            let features = Array2::from_shape_fn((pictures.nrows(), 4), |(row, quarter)| {
                let picture = pictures.row(row);
                let picture = picture.to_shape((self.side, self.side)).unwrap();
                let (top, left) = (quarter / 2 * half, quarter % 2 * half);
                picture
                    .slice(s![top..top + half, left..left + half])
                    .mean()
                    .unwrap()
            });
            Activations {
                logits: &features * 8.0,
                features,
            }
        }
    }

    #[test]
    fn probabilities_sum_to_one_whatever_the_logits() {
        let p = softmax(array![[0.0, 0.0], [1000.0, -1000.0], [2f32.ln(), 0.0]].view());
        assert_eq!(p.row(0).to_vec(), [0.5, 0.5]);
        assert_eq!(p.row(1).to_vec(), [1.0, 0.0]);
        assert!((p[[2, 0]] - 2.0 / 3.0).abs() < 1e-7);
    }

    #[test]
    fn batches_come_back_in_order() {
        let count = 3 * BATCH + 5;
        let images = (0..count)
            .flat_map(|i| [(i % 256) as u8, 0, 0, 255])
            .collect();
        let pictures = Pictures::new("test", images, None, 2, 2);
        let counted = std::sync::atomic::AtomicUsize::new(0);
        let judged = judge(&Quarters { side: 2 }, &pictures, &|n| {
            counted.fetch_add(n, std::sync::atomic::Ordering::Relaxed);
        })
        .unwrap();
        assert_eq!(counted.into_inner(), count);
        for row in 0..count {
            let expected = (row % 256) as f64 / 127.5 - 1.0;
            assert!((judged.features[[row, 0]] - expected).abs() < 1e-6);
        }
        let wrong = judge(&Quarters { side: 4 }, &pictures, &|_| ()).unwrap_err();
        assert!(
            matches!(wrong, EvaluateError::PictureSize { .. }),
            "{wrong}"
        );
    }

    #[test]
    fn a_classifier_that_is_not_there_is_told() {
        let folder = tempfile::tempdir().unwrap();
        for place in [folder.path().to_owned(), folder.path().join("no.onnx")] {
            let error = FromFile::read(Some(&place)).unwrap_err().to_string();
            assert!(error.contains("thumbgen train classifier"), "{error}");
            assert!(error.contains(&place.display().to_string()), "{error}");
        }
        std::fs::write(folder.path().join("classifier.onnx"), b"\xff\xff").unwrap();
        let error = FromFile::read(Some(folder.path())).unwrap_err().to_string();
        assert!(error.contains("classifier.onnx"), "{error}");
    }
}
