//! What the command line names, and the files that stand for it.

use super::EvaluateError;
use crate::dataset::{folder, idx_folder};
use crate::models::folder::{FLOAT_ONNX, IMAGE};
use crate::system::repository;
use std::path::{Path, PathBuf};

/// Name of a run's record of its training.
const RUN_METRICS: &str = "metrics.jsonl";

/// The word for real pictures.
pub const REAL: &str = "real";

/// Something that can be evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Real pictures alone.
    Real,
    /// A trained model: its float generator, its integer model, or both.
    Model {
        /// How to call it.
        name: String,
        /// The float generator.
        onnx: Option<PathBuf>,
        /// The integer model.
        image: Option<PathBuf>,
        /// The record of its training.
        training: Option<PathBuf>,
    },
    /// Pictures in files.
    Pictures {
        /// How to call them.
        name: String,
        /// The folder.
        folder: PathBuf,
        /// Whether each sub-folder holds one class.
        by_class: bool,
    },
}

impl Target {
    /// Finds what is meant: `real`; an `.onnx` or a `.tgm` file; a folder with either in it or in
    /// its `model` folder; the name of a shipped model; a folder of pictures, or with one
    /// sub-folder of pictures a class.
    ///
    /// # Errors
    /// [`EvaluateError::Target`].
    pub fn find(given: &str) -> Result<Self, EvaluateError> {
        let path = Path::new(given);
        let unknown = || EvaluateError::Target {
            given: given.to_owned(),
        };
        if given == REAL {
            return Ok(Self::Real);
        }
        if path.is_file() {
            let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
            let (onnx, image) = match ending.to_str() {
                Some("onnx") => (Some(path.to_owned()), None),
                Some("tgm") => (None, Some(path.to_owned())),
                _ => return Err(unknown()),
            };
            return Ok(Self::Model {
                name: name_of_file(path),
                training: path.parent().and_then(training),
                onnx,
                image,
            });
        }
        let shipped = repository::root()
            .unwrap_or_default()
            .join("models")
            .join(given);
        for folder in [path, shipped.as_path()] {
            if let Some(model) = Self::model(folder) {
                return Ok(model);
            }
        }
        if !path.is_dir() || idx_folder::looks_like_one(path)? {
            return Err(unknown());
        }
        let by_class = !folder::has_pictures(path)?;
        if by_class && !folder::looks_like_one(path)? {
            return Err(unknown());
        }
        Ok(Self::Pictures {
            name: name_of(path),
            folder: path.to_owned(),
            by_class,
        })
    }

    /// A model folder or a run folder.
    fn model(folder: &Path) -> Option<Self> {
        let exported = folder.join("model");
        let file = |name: &str| {
            let places = [folder.join(name), exported.join(name)];
            places.into_iter().find(|path| path.is_file())
        };
        let (onnx, image) = (file(FLOAT_ONNX), file(IMAGE));
        (onnx.is_some() || image.is_some()).then(|| Self::Model {
            name: name_of(folder),
            training: training(folder).or_else(|| folder.parent().and_then(training)),
            onnx,
            image,
        })
    }
}

fn training(folder: &Path) -> Option<PathBuf> {
    Some(folder.join(RUN_METRICS)).filter(|path| path.is_file())
}

/// The last part of a folder's path; of a folder called `model` the run's name before it.
fn name_of(folder: &Path) -> String {
    let full = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let names = full
        .iter()
        .rev()
        .map(|part| part.to_string_lossy().into_owned());
    let named = names.take(2).find(|name| name != "model" && name != "/");
    named.unwrap_or_else(|| "model".to_owned())
}

/// A file's name; `generator.onnx` and `model.tgm` by their folder's.
fn name_of_file(file: &Path) -> String {
    let name = file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    match file.canonicalize() {
        Ok(full) if name == FLOAT_ONNX || name == IMAGE => {
            full.parent().map_or_else(|| name.clone(), name_of)
        }
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"").unwrap();
    }

    fn find(path: &Path) -> Result<Target, EvaluateError> {
        Target::find(path.to_str().unwrap())
    }

    #[test]
    fn folders_are_told_apart_by_what_is_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for file in [
            "run/generator.onnx",
            "run/metrics.jsonl",
            "run/model/model.tgm",
            "run/model/generator.onnx",
            "alone/model.tgm",
            "flat/1.png",
            "classes/a/1.PNG",
            "empty/notes.txt",
        ] {
            touch(&at(file));
        }
        let run = find(&at("run")).unwrap();
        let expected = Target::Model {
            name: "run".to_owned(),
            onnx: Some(at("run/generator.onnx")),
            image: Some(at("run/model/model.tgm")),
            training: Some(at("run/metrics.jsonl")),
        };
        assert_eq!(run, expected);
        let Target::Model {
            name,
            onnx,
            training,
            ..
        } = find(&at("run/model")).unwrap()
        else {
            panic!("a model folder");
        };
        assert_eq!(name, "run");
        assert_eq!(onnx, Some(at("run/model/generator.onnx")));
        assert_eq!(training, Some(at("run/metrics.jsonl")));
        assert!(matches!(
            find(&at("alone/model.tgm")).unwrap(),
            Target::Model { name, onnx: None, image: Some(_), training: None } if name == "alone"
        ));
        for (folder, classes) in [("flat", false), ("classes", true)] {
            let target = find(&at(folder)).unwrap();
            assert!(
                matches!(target, Target::Pictures { by_class, .. } if by_class == classes),
                "{target:?}"
            );
        }
        for wrong in ["empty", "nothing", "run/metrics.jsonl"] {
            let error = find(&at(wrong)).unwrap_err();
            assert!(matches!(error, EvaluateError::Target { .. }), "{error}");
        }
    }

    #[test]
    fn real_and_shipped_models_have_names() {
        assert_eq!(Target::find("real").unwrap(), Target::Real);
        assert!(matches!(
            Target::find("cgan").unwrap(),
            Target::Model { name, onnx: Some(_), image: Some(_), .. } if name == "cgan"
        ));
    }
}
