//! Pictures to train on: MNIST as shipped, a folder of IDX files, or a folder of pictures with one
//! sub-folder a class.
//!
//! Bytes come from a file, sizes are checked before anything is allocated, and every source ends in
//! one [`Dataset`]: grey bytes of one size, a label each.

mod error;
pub mod folder;
pub mod idx;
pub mod idx_folder;
pub mod mnist;

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

pub use error::DatasetError;

/// The most bytes of pictures that a dataset may have once unpacked: 1 GiB, twenty times MNIST.
pub const MAX_BYTES: u64 = 1 << 30;

/// The most classes: a label is one byte.
pub const MAX_CLASSES: usize = 256;

/// Grey pictures of one size, each with a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// `mnist`, or the name of the folder.
    pub name: String,
    /// Grey levels, 0 black to 255 white, shape (pictures, height, width).
    pub images: Vec<u8>,
    /// The class of each picture, an index into `classes`.
    pub labels: Vec<u8>,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Rows of a picture.
    pub height: usize,
    /// Columns of a picture.
    pub width: usize,
    /// SHA-256 over sizes, class names, pictures and labels, in hexadecimal: the same pictures give
    /// the same value, packed or not.
    pub sha256: String,
}

/// Where a dataset comes from and what size the model wants.
#[derive(Debug, Clone)]
pub struct Source<'a> {
    /// `mnist`, or a folder.
    pub data: &'a str,
    /// Where the shipped MNIST files are; `None` for the usual places ([`mnist::folder`]).
    pub mnist_folder: Option<PathBuf>,
    /// Rows that the model draws.
    pub height: usize,
    /// Columns that the model draws.
    pub width: usize,
}

impl Dataset {
    /// Reads a dataset; pictures of another size than the model's are resized.
    ///
    /// # Errors
    /// [`DatasetError`], which names the file and what to do.
    pub fn load(source: &Source<'_>) -> Result<Dataset, DatasetError> {
        let dataset = if source.data == "mnist" {
            let folder = source.mnist_folder.clone().unwrap_or_else(mnist::folder);
            mnist::load(&folder)?
        } else {
            let path = Path::new(source.data);
            if !path.is_dir() {
                return Err(DatasetError::UnknownSource {
                    source_name: source.data.to_owned(),
                });
            }
            if idx_folder::looks_like_one(path)? {
                idx_folder::load(path)?
            } else if folder::looks_like_one(path)? {
                folder::load(path, source.height, source.width)?
            } else {
                return Err(DatasetError::UnknownFolder {
                    path: path.to_owned(),
                });
            }
        };
        dataset.resized(source.height, source.width)
    }

    /// Reads the test pictures that belong to a dataset and that no training sees; `None` where it
    /// has none.
    ///
    /// # Errors
    /// As [`Dataset::load`].
    pub fn load_test(source: &Source<'_>) -> Result<Option<Dataset>, DatasetError> {
        let path = Path::new(source.data);
        let test = if source.data == "mnist" {
            let folder = source.mnist_folder.clone().unwrap_or_else(mnist::folder);
            Some(mnist::load_test(&folder)?)
        } else if path.is_dir() && idx_folder::looks_like_one(path)? {
            idx_folder::load_test(path)?
        } else {
            None
        };
        test.map(|test| test.resized(source.height, source.width))
            .transpose()
    }

    /// Reads a dataset with pictures to test on that must not be trained on: those that belong to
    /// it, or every sixth picture where there are none.
    ///
    /// # Errors
    /// [`DatasetError`], which names the file and what to do.
    pub fn load_with_test(source: &Source<'_>) -> Result<(Dataset, Dataset), DatasetError> {
        let data = Dataset::load(source)?;
        if let Some(test) = Dataset::load_test(source)? {
            return Ok((data, test));
        }
        let part = |test: bool| {
            let chosen = move |i: &usize| (i % 6 == 5) == test;
            let indices = || (0..data.len()).filter(chosen);
            Dataset::new(
                data.name.clone(),
                indices()
                    .filter_map(|i| data.image(i))
                    .flatten()
                    .copied()
                    .collect(),
                indices()
                    .filter_map(|i| data.labels.get(i).copied())
                    .collect(),
                data.classes.clone(),
                data.height,
                data.width,
            )
        };
        Ok((part(false), part(true)))
    }

    /// The same classes and size without any picture.
    pub fn without_pictures(&self) -> Dataset {
        let (name, classes) = (self.name.clone(), self.classes.clone());
        Dataset::new(
            name,
            Vec::new(),
            Vec::new(),
            classes,
            self.height,
            self.width,
        )
    }

    /// Number of pictures.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no pictures; a dataset that was read has at least one.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Pixels of a picture.
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// The grey levels of a picture, or `None` past the last.
    pub fn image(&self, index: usize) -> Option<&[u8]> {
        let start = index.checked_mul(self.pixels())?;
        self.images.get(start..start.checked_add(self.pixels())?)
    }

    /// Puts a dataset together and computes its checksum.
    fn new(
        name: String,
        images: Vec<u8>,
        labels: Vec<u8>,
        classes: Vec<String>,
        height: usize,
        width: usize,
    ) -> Dataset {
        let mut hash = Sha256::new();
        for size in [labels.len(), height, width, classes.len()] {
            hash.update((size as u64).to_le_bytes());
        }
        for class in &classes {
            hash.update((class.len() as u64).to_le_bytes());
            hash.update(class.as_bytes());
        }
        hash.update(&images);
        hash.update(&labels);
        Dataset {
            name,
            images,
            labels,
            classes,
            height,
            width,
            sha256: hex(&hash.finalize()),
        }
    }

    /// The same pictures at another size.
    fn resized(self, height: usize, width: usize) -> Result<Dataset, DatasetError> {
        if (self.height, self.width) == (height, width) {
            return Ok(self);
        }
        let too_large = || DatasetError::TooLarge {
            path: PathBuf::from(&self.name),
            limit: MAX_BYTES,
        };
        let bytes = checked_size(self.len(), height, width).ok_or_else(too_large)?;
        let mut images = Vec::with_capacity(bytes);
        for picture in self.images.chunks_exact(self.pixels()) {
            images.extend(
                resize(picture, self.height, self.width, height, width).ok_or_else(too_large)?,
            );
        }
        Ok(Dataset::new(
            self.name,
            images,
            self.labels,
            self.classes,
            height,
            width,
        ))
    }
}

/// `count * height * width` where that stays under [`MAX_BYTES`].
fn checked_size(count: usize, height: usize, width: usize) -> Option<usize> {
    let bytes = count.checked_mul(height)?.checked_mul(width)?;
    (bytes as u64 <= MAX_BYTES).then_some(bytes)
}

/// One grey picture at another size (triangle filter, which averages when it shrinks); `None` where
/// sizes are absurd.
fn resize(
    pixels: &[u8],
    height: usize,
    width: usize,
    to_height: usize,
    to_width: usize,
) -> Option<Vec<u8>> {
    let size = |n: usize| u32::try_from(n).ok();
    let picture = image::GrayImage::from_raw(size(width)?, size(height)?, pixels.to_vec())?;
    let resized = image::imageops::resize(
        &picture,
        size(to_width)?,
        size(to_height)?,
        image::imageops::FilterType::Triangle,
    );
    Some(resized.into_raw())
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The last part of a path, as a dataset's name.
fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(data: &str) -> Result<Dataset, DatasetError> {
        Dataset::load(&Source {
            data,
            mnist_folder: None,
            height: 28,
            width: 28,
        })
    }

    #[test]
    fn a_source_that_is_not_there_is_told_with_the_choices() {
        let error = load("/no/such/folder").unwrap_err().to_string();
        assert!(
            error.contains("/no/such/folder") && error.contains("mnist"),
            "{error}"
        );
    }

    #[test]
    fn a_folder_without_pictures_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let error = load(folder.path().to_str().unwrap()).unwrap_err();
        assert!(
            matches!(error, DatasetError::UnknownFolder { .. }),
            "{error}"
        );
    }

    #[test]
    fn pictures_are_resized_and_the_checksum_follows() {
        let small = Dataset::new(
            "x".into(),
            vec![10; 2 * 4],
            vec![0, 0],
            vec!["0".into()],
            2,
            2,
        );
        let large = small.clone().resized(4, 6).unwrap();
        assert_eq!(large.images, vec![10; 2 * 24]);
        assert_eq!(large.image(1).unwrap().len(), 24);
        assert_eq!(large.image(2), None);
        assert_ne!(small.sha256, large.sha256);
    }

    #[test]
    fn absurd_sizes_are_refused_before_allocation() {
        assert_eq!(checked_size(usize::MAX, 2, 1), None);
        assert_eq!(checked_size(1 << 20, 1 << 10, 2), None);
        assert_eq!(checked_size(1 << 20, 1 << 10, 1), Some(1 << 30));
    }
}
