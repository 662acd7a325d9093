//! A folder with one IDX file of pictures and one of labels, gzipped or not (MNIST, Fashion-MNIST,
//! EMNIST and others).

use std::io::Read;
use std::path::{Path, PathBuf};

use super::{Dataset, DatasetError, MAX_BYTES, MAX_CLASSES, checked_size, idx, name_of};
use crate::system::files::{FileError, read_at_most};

/// Whether a folder has a file with an IDX name in it.
///
/// # Errors
/// [`DatasetError::File`] where the folder cannot be listed.
pub fn looks_like_one(folder: &Path) -> Result<bool, DatasetError> {
    Ok(find(folder, "images", "idx3")?.is_some() || find(folder, "labels", "idx1")?.is_some())
}

/// Reads the pictures and labels of a folder; of several pairs, the one whose names contain
/// "train".
///
/// # Errors
/// [`DatasetError`].
pub fn load(folder: &Path) -> Result<Dataset, DatasetError> {
    let images = find(folder, "images", "idx3")?.ok_or_else(|| DatasetError::Missing {
        folder: folder.to_owned(),
        what: "IDX file of pictures",
        example: "train-images-idx3-ubyte.gz",
    })?;
    let labels = find(folder, "labels", "idx1")?.ok_or_else(|| DatasetError::Missing {
        folder: folder.to_owned(),
        what: "IDX file of labels",
        example: "train-labels-idx1-ubyte.gz",
    })?;
    load_pair(folder, &images, &labels)
}

/// Reads the test pictures beside those that [`load`] reads: of the pairs without "train" in their
/// names the first, where there is one with it; `None` elsewhere.
///
/// # Errors
/// [`DatasetError`].
pub fn load_test(folder: &Path) -> Result<Option<Dataset>, DatasetError> {
    let other = |kind, marker| -> Result<Option<PathBuf>, DatasetError> {
        let found = find_all(folder, kind, marker)?;
        let trains = found.iter().any(|(not_train, _)| !not_train);
        let test = found.into_iter().find(|(not_train, _)| *not_train);
        Ok(test.filter(|_| trains).map(|(_, path)| path))
    };
    match (other("images", "idx3")?, other("labels", "idx1")?) {
        (Some(images), Some(labels)) => Ok(Some(load_pair(folder, &images, &labels)?)),
        _ => Ok(None),
    }
}

fn load_pair(folder: &Path, images: &Path, labels: &Path) -> Result<Dataset, DatasetError> {
    let images_bytes = unpack(images, read_at_most(images, MAX_BYTES)?)?;
    let labels_bytes = unpack(labels, read_at_most(labels, MAX_BYTES)?)?;
    combine(
        &name_of(folder),
        folder,
        (images, &images_bytes),
        (labels, &labels_bytes),
    )
}

/// Unpacks a gzip file, known by its first bytes; other bytes come back as they are.
///
/// # Errors
/// [`DatasetError::Gzip`], and [`DatasetError::TooLarge`] past [`MAX_BYTES`] whatever the file
/// claims.
pub fn unpack(path: &Path, bytes: Vec<u8>) -> Result<Vec<u8>, DatasetError> {
    unpack_at_most(path, bytes, MAX_BYTES)
}

/// [`unpack`] with another limit.
fn unpack_at_most(path: &Path, bytes: Vec<u8>, limit: u64) -> Result<Vec<u8>, DatasetError> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let mut unpacked = Vec::new();
    let read = flate2::read::MultiGzDecoder::new(bytes.as_slice())
        .take(limit + 1)
        .read_to_end(&mut unpacked)
        .map_err(|error| DatasetError::Gzip {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
    if read as u64 > limit {
        return Err(DatasetError::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(unpacked)
}

/// Puts pictures and labels, each a path for messages and the file's unpacked bytes, into a
/// dataset.
///
/// # Errors
/// [`DatasetError::Idx`], [`DatasetError::CountMismatch`], [`DatasetError::Empty`],
/// [`DatasetError::TooLarge`].
pub fn combine(
    name: &str,
    folder: &Path,
    (images_path, images): (&Path, &[u8]),
    (labels_path, labels): (&Path, &[u8]),
) -> Result<Dataset, DatasetError> {
    let idx_error = |path: &Path| {
        let path = path.to_owned();
        move |source| DatasetError::Idx { path, source }
    };
    let ([count, height, width], pixels) =
        idx::parse_images(images).map_err(idx_error(images_path))?;
    let labels = idx::parse_labels(labels).map_err(idx_error(labels_path))?;
    if count != labels.len() {
        return Err(DatasetError::CountMismatch {
            folder: folder.to_owned(),
            images: count,
            labels: labels.len(),
        });
    }
    let bytes = checked_size(count, height, width).ok_or_else(|| DatasetError::TooLarge {
        path: images_path.to_owned(),
        limit: MAX_BYTES,
    })?;
    let (Some(last), true) = (labels.iter().max(), bytes > 0) else {
        return Err(DatasetError::Empty {
            path: images_path.to_owned(),
        });
    };
    let count = usize::from(*last) + 1;
    debug_assert!(count <= MAX_CLASSES);
    let classes = (0..count).map(|class| class.to_string()).collect();
    Ok(Dataset::new(
        name.to_owned(),
        pixels.to_vec(),
        labels.to_vec(),
        classes,
        height,
        width,
    ))
}

/// The file whose name contains `kind` or `marker`; of several the one of the training set, then
/// the first by name.
fn find(folder: &Path, kind: &str, marker: &str) -> Result<Option<PathBuf>, DatasetError> {
    let found = find_all(folder, kind, marker)?;
    Ok(found.into_iter().next().map(|(_, path)| path))
}

/// All such files, those of a training set first, each with whether it is of another set.
fn find_all(folder: &Path, kind: &str, marker: &str) -> Result<Vec<(bool, PathBuf)>, DatasetError> {
    let failed = |source| {
        DatasetError::File(FileError::Read {
            path: folder.to_owned(),
            source,
        })
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = name_of(&path).to_ascii_lowercase();
        let plain = name.strip_suffix(".gz").unwrap_or(&name);
        let idx = plain.contains("idx") || plain.ends_with("ubyte");
        if path.is_file() && idx && (plain.contains(kind) || plain.contains(marker)) {
            found.push((!name.contains("train"), path));
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn images(count: u8) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 2, 0, 0, 0, 2];
        bytes.extend((0..count * 4).map(|i| i * 3));
        bytes
    }

    fn labels(labels: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, 1, 0, 0, 0, labels.len() as u8];
        bytes.extend(labels);
        bytes
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn folder(files: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        folder
    }

    #[test]
    fn raw_and_gzipped_files_give_the_same_dataset() {
        let raw = folder(&[
            ("train-images.idx3-ubyte", images(3)),
            ("train-labels.idx1-ubyte", labels(&[0, 2, 1])),
            ("t10k-labels.idx1-ubyte", labels(&[9])),
        ]);
        let packed = folder(&[
            ("train-images-idx3-ubyte.gz", gzip(&images(3))),
            ("train-labels-idx1-ubyte.gz", gzip(&labels(&[0, 2, 1]))),
        ]);
        assert!(looks_like_one(raw.path()).unwrap());
        assert!(
            load_test(packed.path()).unwrap().is_none(),
            "no test set is there"
        );
        let (raw, packed) = (load(raw.path()).unwrap(), load(packed.path()).unwrap());
        assert_eq!((raw.len(), raw.height, raw.width), (3, 2, 2));
        assert_eq!(raw.classes, ["0", "1", "2"]);
        assert_eq!(raw.sha256, packed.sha256);
        assert_eq!(raw.images, packed.images);
    }

    #[test]
    fn the_test_set_beside_a_training_set() {
        let both = folder(&[
            ("train-images-idx3-ubyte", images(3)),
            ("train-labels-idx1-ubyte", labels(&[0, 2, 1])),
            ("t10k-images-idx3-ubyte", images(2)),
            ("t10k-labels-idx1-ubyte", labels(&[1, 1])),
        ]);
        let test = load_test(both.path()).unwrap().unwrap();
        assert_eq!(test.labels, [1, 1]);
        assert_eq!(load(both.path()).unwrap().labels, [0, 2, 1]);
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        let cases: [(&str, Vec<u8>, Vec<u8>, &str); 5] = [
            (
                "count",
                images(3),
                labels(&[0, 1]),
                "3 pictures but 2 labels",
            ),
            (
                "truncated",
                images(3)[..20].to_vec(),
                labels(&[0, 1, 2]),
                "truncated",
            ),
            ("swapped", labels(&[0]), images(1), "swapped"),
            ("empty", images(0), labels(&[]), "no pictures"),
            (
                "magic",
                b"hello world".to_vec(),
                labels(&[0]),
                "wrong magic",
            ),
        ];
        for (case, images, labels, expected) in cases {
            let folder = folder(&[("images-idx3-ubyte", images), ("labels-idx1-ubyte", labels)]);
            let error = load(folder.path()).unwrap_err().to_string();
            assert!(error.contains(expected), "{case}: {error}");
            assert!(!error.contains('\n'), "{case}: {error}");
        }
    }

    #[test]
    fn a_small_file_that_unpacks_to_a_huge_one_is_refused() {
        let bomb = gzip(&vec![0; 1_000_000]);
        assert!(bomb.len() < 10_000);
        let path = Path::new("x.gz");
        let error = unpack_at_most(path, bomb.clone(), 999_999).unwrap_err();
        assert!(matches!(error, DatasetError::TooLarge { .. }), "{error}");
        assert_eq!(
            unpack_at_most(path, bomb, 1_000_000).unwrap().len(),
            1_000_000
        );
    }

    #[test]
    fn a_cut_gzip_file_and_a_missing_partner_are_told() {
        let cut = gzip(&images(3));
        let cut_folder = folder(&[
            ("train-images-idx3-ubyte.gz", cut[..cut.len() - 9].to_vec()),
            ("train-labels-idx1-ubyte.gz", gzip(&labels(&[0, 1, 2]))),
        ]);
        let error = load(cut_folder.path()).unwrap_err();
        assert!(matches!(error, DatasetError::Gzip { .. }), "{error}");
        let alone = folder(&[("train-images-idx3-ubyte", images(1))]);
        let error = load(alone.path()).unwrap_err().to_string();
        assert!(error.contains("train-labels-idx1-ubyte.gz"), "{error}");
    }
}
