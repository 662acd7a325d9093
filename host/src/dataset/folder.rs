//! A folder of pictures: one sub-folder a class, in the order of their names.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use super::{Dataset, DatasetError, MAX_BYTES, MAX_CLASSES, checked_size, name_of, resize};
use crate::system::files::{FileError, read_at_most};

/// The largest picture file that is read.
const MAX_PICTURE_FILE: u64 = 64 << 20;

/// The most pixels along one side of a picture, and the most bytes that its decoder may use.
const MAX_SIDE: u32 = 16_384;
const MAX_DECODED: u64 = 512 << 20;

/// The endings of files that are taken for pictures.
const ENDINGS: [&str; 4] = ["png", "jpg", "jpeg", "bmp"];

/// Whether a folder has sub-folders.
///
/// # Errors
/// [`DatasetError::File`] where the folder cannot be listed.
pub fn looks_like_one(folder: &Path) -> Result<bool, DatasetError> {
    Ok(list(folder)?.iter().any(|path| path.is_dir()))
}

/// Reads every picture, grey, resized to `height` x `width`.
///
/// # Errors
/// [`DatasetError`]; a file with a picture's ending that does not decode is an error, other files
/// are passed over.
pub fn load(folder: &Path, height: usize, width: usize) -> Result<Dataset, DatasetError> {
    let classes: Vec<PathBuf> = list(folder)?
        .into_iter()
        .filter(|path| path.is_dir())
        .collect();
    if classes.len() > MAX_CLASSES {
        return Err(DatasetError::TooManyClasses {
            path: folder.to_owned(),
            found: classes.len(),
            limit: MAX_CLASSES,
        });
    }
    let mut files = Vec::new();
    for (label, class) in (0..=u8::MAX).zip(&classes) {
        let pictures: Vec<PathBuf> = list(class)?
            .into_iter()
            .filter(|path| is_picture(path))
            .collect();
        if pictures.is_empty() {
            return Err(DatasetError::EmptyClass {
                path: class.clone(),
            });
        }
        files.extend(pictures.into_iter().map(|path| (label, path)));
    }
    let bytes = checked_size(files.len(), height, width).ok_or_else(|| DatasetError::TooLarge {
        path: folder.to_owned(),
        limit: MAX_BYTES,
    })?;
    if bytes == 0 {
        return Err(DatasetError::Empty {
            path: folder.to_owned(),
        });
    }
    let mut images = Vec::with_capacity(bytes);
    let mut labels = Vec::with_capacity(files.len());
    for (label, path) in files {
        let file = read_at_most(&path, MAX_PICTURE_FILE)?;
        let picture = decode(&file, height, width)
            .map_err(|reason| DatasetError::Picture { path, reason })?;
        images.extend(picture);
        labels.push(label);
    }
    let names = classes.iter().map(|class| name_of(class)).collect();
    Ok(Dataset::new(
        name_of(folder),
        images,
        labels,
        names,
        height,
        width,
    ))
}

/// Reads every picture that lies in a folder itself, in the order of names, grey, resized to
/// `height` x `width`, at most `limit` of them: shape (pictures, height, width).
///
/// # Errors
/// As [`load`]; [`DatasetError::Empty`] where there is none.
pub fn load_flat(
    folder: &Path,
    height: usize,
    width: usize,
    limit: usize,
) -> Result<Vec<u8>, DatasetError> {
    let mut files = list(folder)?;
    files.retain(|path| is_picture(path));
    files.truncate(limit);
    let bytes = checked_size(files.len(), height, width).ok_or_else(|| DatasetError::TooLarge {
        path: folder.to_owned(),
        limit: MAX_BYTES,
    })?;
    if bytes == 0 {
        return Err(DatasetError::Empty {
            path: folder.to_owned(),
        });
    }
    let mut images = Vec::with_capacity(bytes);
    for path in files {
        let file = read_at_most(&path, MAX_PICTURE_FILE)?;
        let picture = decode(&file, height, width)
            .map_err(|reason| DatasetError::Picture { path, reason })?;
        images.extend(picture);
    }
    Ok(images)
}

/// Whether pictures lie in a folder itself.
///
/// # Errors
/// [`DatasetError::File`] where the folder cannot be listed.
pub fn has_pictures(folder: &Path) -> Result<bool, DatasetError> {
    Ok(list(folder)?.iter().any(|path| is_picture(path)))
}

/// Decodes one picture file to grey levels at the wanted size, or says why not.
///
/// # Errors
/// What the decoder said; sizes are limited before anything is allocated.
pub fn decode(file: &[u8], height: usize, width: usize) -> Result<Vec<u8>, String> {
    let mut reader = image::ImageReader::new(Cursor::new(file))
        .with_guessed_format()
        .map_err(|error| error.to_string())?;
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODED);
    reader.limits(limits);
    let picture = reader
        .decode()
        .map_err(|error| error.to_string())?
        .into_luma8();
    let (w, h) = (picture.width() as usize, picture.height() as usize);
    if (h, w) == (height, width) {
        return Ok(picture.into_raw());
    }
    if h == 0 || w == 0 {
        return Err("it has no pixels".to_owned());
    }
    resize(picture.as_raw(), h, w, height, width)
        .ok_or_else(|| "its size is out of range".to_owned())
}

/// Whether the name ends like a picture's.
fn is_picture(path: &Path) -> bool {
    let ending = path
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_ascii_lowercase();
    path.is_file() && ENDINGS.contains(&ending.as_str())
}

/// What is in a folder, sorted: the order of a listing differs between file systems, and with it
/// the training.
fn list(folder: &Path) -> Result<Vec<PathBuf>, DatasetError> {
    let failed = |source| {
        DatasetError::File(FileError::Read {
            path: folder.to_owned(),
            source,
        })
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(folder: &Path, name: &str, size: u32, grey: u8) {
        std::fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
        image::GrayImage::from_pixel(size, size, image::Luma([grey]))
            .save(folder.join(name))
            .unwrap();
    }

    #[test]
    fn classes_are_sub_folders_and_pictures_are_resized() {
        let folder = tempfile::tempdir().unwrap();
        picture(folder.path(), "zero/a.png", 8, 40);
        picture(folder.path(), "one/b.bmp", 3, 200);
        picture(folder.path(), "one/a.png", 8, 100);
        std::fs::write(folder.path().join("one/notes.txt"), "not a picture").unwrap();
        let data = load(folder.path(), 4, 4).unwrap();
        assert_eq!(data.classes, ["one", "zero"]);
        assert_eq!(data.labels, [0, 0, 1]);
        assert_eq!(
            data.images,
            [vec![100; 16], vec![200; 16], vec![40; 16]].concat()
        );
    }

    #[test]
    fn an_empty_class_and_a_damaged_picture_are_named() {
        let folder = tempfile::tempdir().unwrap();
        picture(folder.path(), "one/a.png", 8, 100);
        std::fs::create_dir(folder.path().join("two")).unwrap();
        let error = load(folder.path(), 4, 4).unwrap_err();
        assert!(
            matches!(&error, DatasetError::EmptyClass { path } if path.ends_with("two")),
            "{error}"
        );
        std::fs::write(folder.path().join("two/b.png"), b"\x89PNG\r\n\x1a\nrubbish").unwrap();
        let error = load(folder.path(), 4, 4).unwrap_err();
        assert!(
            matches!(&error, DatasetError::Picture { path, .. } if path.ends_with("b.png")),
            "{error}"
        );
    }

    #[test]
    fn more_classes_than_a_label_can_number_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        for class in 0..=MAX_CLASSES {
            std::fs::create_dir(folder.path().join(class.to_string())).unwrap();
        }
        let error = load(folder.path(), 4, 4).unwrap_err();
        assert!(
            matches!(error, DatasetError::TooManyClasses { found: 257, .. }),
            "{error}"
        );
    }

    #[test]
    fn a_picture_that_claims_to_be_huge_is_refused() {
        // A bitmap header that promises 60,000 x 60,000 pixels, and no pixels behind it.
        let mut bmp = vec![0u8; 54];
        bmp[..2].copy_from_slice(b"BM");
        bmp[10] = 54;
        bmp[14] = 40;
        bmp[18..22].copy_from_slice(&60_000u32.to_le_bytes());
        bmp[22..26].copy_from_slice(&60_000u32.to_le_bytes());
        bmp[26] = 1;
        bmp[28] = 24;
        assert!(decode(&bmp, 28, 28).is_err());
    }
}
