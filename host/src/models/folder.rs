//! Model folders: everything of one trained and exported model, by these file names.

use crate::models::preview::{Model, PreviewError};
use crate::system::repository;
use std::path::{Path, PathBuf};

/// The float model, as it came.
pub const FLOAT_ONNX: &str = "generator.onnx";
/// The integer model for ONNX runtimes.
pub const INT8_ONNX: &str = "generator.int8.onnx";
/// The float model as torch-fidelity takes it: noise in, pictures of bytes out.
pub const UINT8_ONNX: &str = "generator.uint8.onnx";
/// The model image for the firmware.
pub const IMAGE: &str = "model.tgm";
/// Golden vectors for hosts and runtimes.
pub const GOLDEN: &str = "golden.json";
/// What quantization measured.
pub const REPORT: &str = "report.json";
/// The resolved config of the training; not there for an ONNX file from elsewhere.
pub const CONFIG: &str = "config.toml";
/// Figures of the training and of the export.
pub const METRICS: &str = "metrics.json";
/// Real pictures beside float and integer samples.
pub const SAMPLES: &str = "samples.png";
/// The card, for people.
pub const CARD: &str = "README.md";

/// A trained classifier, which stays on the host.
pub const CLASSIFIER_ONNX: &str = "classifier.onnx";

/// A model that cannot be found.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Neither a file, nor a folder, nor the name of a shipped model.
    #[error(
        "no model {given}: expected a model folder, a model image ({IMAGE}), or one of the shipped models ({shipped})"
    )]
    NotFound {
        /// What was asked for.
        given: String,
        /// Names of the folders under `models/`.
        shipped: String,
    },
    /// No shipped model has this name.
    #[error(
        "{name} is none of the shipped models ({shipped}); name the folder that it came from with --model"
    )]
    NotShipped {
        /// What it is called.
        name: String,
        /// Names of the folders under `models/`.
        shipped: String,
    },
    /// The folder lacks a file.
    #[error("{folder}: {file} is missing; write it with `thumbgen export`")]
    Incomplete {
        /// Which folder.
        folder: PathBuf,
        /// Which file.
        file: &'static str,
    },
    /// The image is wrong.
    #[error(transparent)]
    Image(#[from] PreviewError),
}

/// Where a model's files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFiles {
    image: PathBuf,
    folder: Option<PathBuf>,
}

impl ModelFiles {
    /// Finds a model by the name of a folder under `models/`, by its folder, by a run folder that
    /// holds one, or by its image.
    ///
    /// # Errors
    /// [`ModelError::NotFound`] and [`ModelError::Incomplete`].
    pub fn find(given: &str) -> Result<Self, ModelError> {
        let path = Path::new(given);
        if path.is_file() {
            return Ok(Self {
                image: path.to_owned(),
                folder: None,
            });
        }
        let models = repository::root()
            .map(|root| root.join("models"))
            .unwrap_or_default();
        for folder in [path.to_owned(), path.join("model"), models.join(given)] {
            if folder.join(IMAGE).is_file() {
                return Ok(Self {
                    image: folder.join(IMAGE),
                    folder: Some(folder),
                });
            }
        }
        if path.is_dir() {
            return Err(ModelError::Incomplete {
                folder: path.to_owned(),
                file: IMAGE,
            });
        }
        Err(ModelError::NotFound {
            given: given.to_owned(),
            shipped: shipped(&models).join(", "),
        })
    }

    /// Finds a shipped model by its name, which is taken for nothing else: where somebody else says
    /// it, it is no path.
    ///
    /// # Errors
    /// [`ModelError::NotShipped`].
    pub fn find_shipped(name: &str) -> Result<Self, ModelError> {
        let models = repository::root()
            .map(|root| root.join("models"))
            .unwrap_or_default();
        let shipped = shipped(&models);
        if !shipped.iter().any(|shipped| shipped == name) {
            return Err(ModelError::NotShipped {
                name: name.to_owned(),
                shipped: shipped.join(", "),
            });
        }
        let folder = models.join(name);
        Ok(Self {
            image: folder.join(IMAGE),
            folder: Some(folder),
        })
    }

    /// The model image's path.
    pub fn image(&self) -> &Path {
        &self.image
    }

    /// Reads the model image.
    ///
    /// # Errors
    /// [`ModelError::Image`].
    pub fn model(&self) -> Result<Model, ModelError> {
        Ok(Model::read(&self.image)?)
    }

    /// Another file of the folder.
    ///
    /// # Errors
    /// [`ModelError::Incomplete`] where it is not there.
    pub fn file(&self, file: &'static str) -> Result<PathBuf, ModelError> {
        let folder = self
            .folder
            .clone()
            .or_else(|| self.image.parent().map(Path::to_owned))
            .unwrap_or_default();
        let path = folder.join(file);
        if path.is_file() {
            Ok(path)
        } else {
            Err(ModelError::Incomplete { folder, file })
        }
    }
}

/// Names of the folders that hold a model image.
pub fn shipped(models: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(models)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().join(IMAGE).is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_is_not_there_is_named() {
        let error = ModelFiles::find("no-such-model").unwrap_err().to_string();
        assert!(
            error.contains("no-such-model") && !error.contains('\n'),
            "{error}"
        );
    }

    #[test]
    fn a_shipped_model_s_name_is_no_path() {
        assert!(
            ModelFiles::find_shipped("cgan")
                .unwrap()
                .image()
                .ends_with("models/cgan/model.tgm")
        );
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(IMAGE), b"").unwrap();
        let elsewhere = folder.path().display().to_string();
        assert!(ModelFiles::find(&elsewhere).is_ok());
        for name in [
            &*elsewhere,
            "",
            ".",
            "..",
            "../models/cgan",
            "cgan/",
            "./cgan",
        ] {
            let found = ModelFiles::find_shipped(name);
            assert!(
                matches!(found, Err(ModelError::NotShipped { .. })),
                "{name}: {found:?}"
            );
        }
    }

    #[test]
    fn an_empty_folder_lacks_its_image() {
        let folder = tempfile::tempdir().unwrap();
        let error = ModelFiles::find(&folder.path().display().to_string()).unwrap_err();
        assert!(
            matches!(error, ModelError::Incomplete { file: IMAGE, .. }),
            "{error}"
        );
    }
}
