//! What a model image or an ONNX file holds, as a table.

pub mod arena;
mod description;
mod float;
mod graph;
mod image;

pub use description::{Description, LayerRow};
pub use image::image;

use crate::exchange::ReadOptions;
use crate::exchange::read::from_bytes;
use crate::onnx::{MAX_FILE_LEN, OnnxError, Role};
use crate::system::files::{FileError, read_at_most};
use shared::image::{Image, ImageError, MAGIC};
use std::path::{Path, PathBuf};

/// Why a file cannot be described.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It starts as a model image and is none.
    #[error("{path}: {source}")]
    Image {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: ImageError,
    },
    /// It is no ONNX generator either.
    #[error("{path}: {source}")]
    Onnx {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: Box<OnnxError>,
    },
}

/// Describes a file: a model image where it starts like one, else an ONNX generator or classifier,
/// else any ONNX graph.
///
/// # Errors
/// [`InspectError`] names the file and what is wrong with it.
pub fn file(path: &Path, options: &ReadOptions) -> Result<Description, InspectError> {
    let bytes = read_at_most(path, MAX_FILE_LEN)?;
    let path = path.to_owned();
    if bytes.starts_with(&MAGIC) {
        let image =
            Image::new_checked(&bytes).map_err(|source| InspectError::Image { path, source })?;
        return Ok(image::image(&image));
    }
    // What gives no picture may be another network: a classifier.
    let any = ReadOptions {
        role: Role::Classifier,
        ..options.clone()
    };
    let read = match from_bytes(&bytes, options) {
        Err(error) => from_bytes(&bytes, &any).map_err(|_| error),
        read => read,
    };
    match read {
        Ok(import) => Ok(float::network(
            &import.network,
            &import.producer,
            bytes.len(),
        )),
        // A graph all the same: described, with the reason. Else the reason alone.
        Err(source) => graph::graph(&bytes, &source).map_err(|_| InspectError::Onnx {
            path,
            source: Box::new(source),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::write::{WriteOptions, to_bytes};
    use crate::graph::Shape;
    use crate::pack::image::pack;
    use crate::quantize::calibrate::Calibration;
    use crate::quantize::{Prepared, QuantizeOptions};
    use crate::synthetic;

    #[test]
    fn image_and_onnx_are_told_apart_and_counted() {
        let network = synthetic::generator(
            1,
            6,
            2,
            &[12],
            Shape {
                channels: 1,
                height: 4,
                width: 5,
            },
        );
        let calibration = Calibration {
            points: 16,
            ..Default::default()
        };
        let quantized = Prepared::new(&network, &calibration)
            .unwrap()
            .quantize(&QuantizeOptions::default())
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (image, onnx) = (folder.path().join("m.tgm"), folder.path().join("g.onnx"));
        std::fs::write(&image, pack(&quantized, "a card", &[]).unwrap()).unwrap();
        std::fs::write(&onnx, to_bytes(&network, &WriteOptions::default()).unwrap()).unwrap();
        for (path, format, rows, others) in [
            (&image, "model image", 3, 20),
            (&onnx, "float ONNX network", 6, 0),
        ] {
            let description = file(path, &ReadOptions::default()).unwrap();
            assert_eq!(
                (description.format, description.layers.len()),
                (format, rows)
            );
            // Two layers, and a table of the picture's pixels.
            let work = description.layers.iter().map(|l| l.work).sum::<u64>();
            assert_eq!(work, 8 * 12 + 12 * 20 + others);
            let text = description.to_string();
            for word in ["dense0", "total", work.to_string().as_str(), "synthetic"] {
                assert!(text.contains(word), "{word} in {text}");
            }
        }
        let mut damaged = std::fs::read(&image).unwrap();
        damaged[90] ^= 1;
        std::fs::write(&image, damaged).unwrap();
        let error = file(&image, &ReadOptions::default())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("m.tgm") && error.contains("checksum"),
            "{error}"
        );
    }
}
