//! Microsoft's ONNX Runtime, loaded at run time from a library that is already installed.

use super::{Runtime, RuntimeError, Tensor, failed};
use ::ort::environment::Environment;
use ::ort::session::Session;
use ::ort::session::builder::GraphOptimizationLevel;
use ::ort::value::{PrimitiveTensorElementType, TensorRef};
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

const NAME: &str = "ONNX Runtime";

/// ONNX Runtime allows one environment a process; it lives as long as the process.
static ENVIRONMENT: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);

/// A model, loaded at optimisation level 1.
///
/// From level 2 on, ONNX Runtime rewrites integer models for the CPU at hand, and on some its
/// products then saturate.
pub struct Ort {
    session: Session,
    version: String,
}

/// The library that `ORT_DYLIB_PATH` names, where it is set and the file exists.
pub fn library_from_environment() -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os("ORT_DYLIB_PATH")?);
    path.is_file().then_some(path)
}

impl Ort {
    /// Loads an ONNX file's bytes with the library at `library`, or where `ORT_DYLIB_PATH` points.
    ///
    /// A process uses one library: the first that loads stays, and another is refused.
    ///
    /// # Errors
    /// [`RuntimeError::NoLibrary`], [`RuntimeError::Library`] and [`RuntimeError::Failed`].
    pub fn load(library: Option<&Path>, model: &[u8]) -> Result<Self, RuntimeError> {
        let path = match library {
            Some(path) => path.to_owned(),
            None => library_from_environment().ok_or(RuntimeError::NoLibrary)?,
        };
        // ort looks for a relative path beside the executable; people mean the working directory.
        let unusable = |why: String| RuntimeError::Library {
            path: path.clone(),
            why,
        };
        let absolute = std::path::absolute(&path).map_err(|e| unusable(e.to_string()))?;
        let fail = |error: ::ort::Error| failed(NAME, "load the model", error);
        // Nothing is done under the lock that could leave a half-made environment behind.
        let mut shared = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
        let environment = match shared.as_ref() {
            Some((loaded, environment)) if *loaded == absolute => environment.clone(),
            Some((loaded, _)) => {
                return Err(unusable(format!(
                    "this process already uses {}",
                    loaded.display()
                )));
            }
            None => {
                let builder = ::ort::init_from(&absolute).map_err(|e| unusable(e.to_string()))?;
                let builder = builder.with_name("thumbgen").with_telemetry(false);
                let environment = builder.build().map_err(fail)?;
                shared.insert((absolute.clone(), environment)).1.clone()
            }
        };
        drop(shared);
        let session = Session::builder(&environment)
            .map_err(fail)?
            .with_optimization_level(GraphOptimizationLevel::Level1)
            .map_err(|e| failed(NAME, "load the model", e))?
            .with_intra_threads(1)
            .map_err(|e| failed(NAME, "load the model", e))?
            .commit_from_memory(model)
            .map_err(fail)?;
        let name = absolute
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        Ok(Self {
            session,
            version: name.unwrap_or_default(),
        })
    }

    fn run<I, O>(&mut self, inputs: &[Tensor<I>]) -> Result<Vec<Tensor<O>>, RuntimeError>
    where
        I: PrimitiveTensorElementType + Debug + Copy + 'static,
        O: PrimitiveTensorElementType + Debug + Copy + 'static,
    {
        let fail = |error: ::ort::Error| failed(NAME, "run the model", error);
        let mut values = Vec::with_capacity(inputs.len());
        for input in inputs {
            let tensor = TensorRef::from_array_view((input.shape.clone(), input.data.as_slice()))
                .map_err(fail)?;
            values.push((input.name.as_str(), tensor));
        }
        let outputs = self.session.run(values).map_err(fail)?;
        let mut results = Vec::with_capacity(outputs.len());
        for (name, value) in outputs.iter() {
            let (shape, data) = value.try_extract_tensor::<O>().map_err(fail)?;
            // A runtime's dimensions are not negative once the tensor exists.
            let shape = shape
                .iter()
                .map(|&d| usize::try_from(d).unwrap_or(0))
                .collect();
            results.push(Tensor {
                name: name.to_owned(),
                shape,
                data: data.to_vec(),
            });
        }
        Ok(results)
    }
}

impl Runtime for Ort {
    fn name(&self) -> String {
        format!("{NAME} ({})", self.version)
    }

    fn run_float(&mut self, inputs: &[Tensor<f32>]) -> Result<Vec<Tensor<f32>>, RuntimeError> {
        self.run(inputs)
    }

    fn run_int8(&mut self, inputs: &[Tensor<i8>]) -> Result<Vec<Tensor<i8>>, RuntimeError> {
        self.run(inputs)
    }

    fn run_uint8(&mut self, inputs: &[Tensor<f32>]) -> Result<Vec<Tensor<u8>>, RuntimeError> {
        self.run(inputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_wrong_library_is_an_error() {
        let missing = Ort::load(Some(Path::new("/nowhere/libonnxruntime.so")), &[]);
        assert!(matches!(missing, Err(RuntimeError::Library { .. })));
        let file = tempfile::NamedTempFile::new().unwrap();
        let wrong = Ort::load(Some(file.path()), &[])
            .map(|_| ())
            .unwrap_err()
            .to_string();
        assert!(
            wrong.contains("cannot be used as ONNX Runtime") && !wrong.contains('\n'),
            "{wrong}"
        );
    }
}
