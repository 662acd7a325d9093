//! Checkpoints: one safetensors file with every tensor of the [`State`], readable from Python as
//! well.
//!
//! The newest is `checkpoint.safetensors`, the one before `checkpoint.previous.safetensors`. A
//! checkpoint says which config and dataset it belongs to, and carries a SHA-256 of its tensors.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use sha2::{Digest, Sha256};

use super::ops::{TrainBackend, tensor, values};
use super::trainer::{State, Trainer};
use crate::dataset::hex;
use crate::system::files::{FileError, read_at_most, write_atomically};

/// File name of the newest checkpoint.
pub const NEWEST: &str = "checkpoint.safetensors";

/// File name of the checkpoint before it.
pub const PREVIOUS: &str = "checkpoint.previous.safetensors";

/// The largest file that is read, in bytes: far over any network that a config allows in practice.
const MAX_FILE: u64 = 2 << 30;

/// A checkpoint that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// No checkpoint in the folder.
    #[error("{folder}: no checkpoint ({NEWEST}) to resume from; start the run without --resume")]
    Missing {
        /// The run's folder.
        folder: PathBuf,
    },
    /// Damaged, or no checkpoint at all.
    #[error("{path}: not a usable checkpoint ({reason}); remove it to fall back to {PREVIOUS}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It belongs to another run.
    #[error(
        "{path}: its {what} differs from this run's ({found}, expected {expected}); resume with the config and the data that it was made with"
    )]
    OtherRun {
        /// Which file.
        path: PathBuf,
        /// What differs.
        what: &'static str,
        /// The value in the checkpoint.
        found: String,
        /// This run's value.
        expected: String,
    },
}

/// What must be equal for a run to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// What [`super::Config::identity`] gives.
    pub config: String,
    /// SHA-256 of the dataset.
    pub dataset: String,
}

/// Writes the state; the checkpoint that was newest is kept as the previous one.
///
/// # Errors
/// [`CheckpointError::File`] where the folder cannot be written to.
pub fn save<B: TrainBackend>(
    trainer: &Trainer<B>,
    identity: &Identity,
    folder: &Path,
) -> Result<(), CheckpointError> {
    let path = folder.join(NEWEST);
    let mut tensors = Vec::new();
    let mut hash = Sha256::new();
    for network in &trainer.state.networks {
        for ((name, shape), tensor) in network.names().into_iter().zip(network.tensors()) {
            let bytes: Vec<u8> = values(tensor)
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect();
            hash.update(&bytes);
            tensors.push((name, shape, bytes));
        }
    }
    let metadata = HashMap::from([
        ("format".to_owned(), format(trainer).to_owned()),
        ("step".to_owned(), trainer.state.step.to_string()),
        ("config".to_owned(), identity.config.clone()),
        ("dataset".to_owned(), identity.dataset.clone()),
        ("sha256".to_owned(), hex(&hash.finalize())),
    ]);
    let damaged = |error: safetensors::SafeTensorError| CheckpointError::Damaged {
        path: path.clone(),
        reason: error.to_string(),
    };
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| Ok((name, TensorView::new(Dtype::F32, shape.to_vec(), bytes)?)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(damaged)?;
    let bytes = safetensors::serialize(views, Some(metadata)).map_err(damaged)?;
    if path.exists() {
        let previous = folder.join(PREVIOUS);
        std::fs::rename(&path, &previous).map_err(|source| FileError::Write {
            path: previous,
            source,
        })?;
    }
    Ok(write_atomically(&path, &bytes)?)
}

/// The format of a trainer's checkpoints. That of integers has changed: weights before a picture
/// had its channels first.
fn format<B: TrainBackend>(trainer: &Trainer<B>) -> &'static str {
    if trainer.learns_integers() {
        "thumbgen checkpoint of integers 3"
    } else {
        "thumbgen checkpoint 2"
    }
}

/// Whether a folder holds a checkpoint.
pub fn exists(folder: &Path) -> bool {
    folder.join(NEWEST).is_file() || folder.join(PREVIOUS).is_file()
}

/// Loads the newest checkpoint of a folder into a trainer of the same shapes, or the previous one
/// where there is no newest (the program was killed between the two writes).
///
/// # Errors
/// [`CheckpointError`]; the trainer is then as it was.
pub fn load<B: TrainBackend>(
    trainer: &mut Trainer<B>,
    identity: &Identity,
    folder: &Path,
    device: &B::Device,
) -> Result<(), CheckpointError> {
    let path = [NEWEST, PREVIOUS]
        .map(|name| folder.join(name))
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| CheckpointError::Missing {
            folder: folder.to_owned(),
        })?;
    let bytes = read_at_most(&path, MAX_FILE)?;
    let state = parse(trainer, identity, &bytes, &path, device)?;
    trainer.state = state;
    Ok(())
}

/// The lines of `text` that `other` does not have, on one line.
fn differing(text: &str, other: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !other.lines().any(|theirs| theirs == *line))
        .collect();
    one_line(&lines.join(", "))
}

/// Reads the bytes of a checkpoint; `path` is for messages.
fn parse<B: TrainBackend>(
    trainer: &Trainer<B>,
    identity: &Identity,
    bytes: &[u8],
    path: &Path,
    device: &B::Device,
) -> Result<State<B>, CheckpointError> {
    let damaged = |reason: String| CheckpointError::Damaged {
        path: path.to_owned(),
        reason,
    };
    let (_, header) =
        SafeTensors::read_metadata(bytes).map_err(|error| damaged(error.to_string()))?;
    let file = SafeTensors::deserialize(bytes).map_err(|error| damaged(error.to_string()))?;
    let metadata = header.metadata().clone().unwrap_or_default();
    let entry = |key: &str| {
        metadata
            .get(key)
            .cloned()
            .ok_or_else(|| damaged(format!("no {key:?} in its header")))
    };
    if entry("format")? != format(trainer) {
        return Err(damaged(
            "it has another format; start the run without --resume".to_owned(),
        ));
    }
    let parts = [
        ("model, seed or batch size", "config", &identity.config),
        ("dataset", "dataset", &identity.dataset),
    ];
    for (what, key, expected) in parts {
        let found = entry(key)?;
        if found != *expected {
            return Err(CheckpointError::OtherRun {
                path: path.to_owned(),
                what,
                found: differing(&found, expected),
                expected: differing(expected, &found),
            });
        }
    }
    let step = entry("step")?
        .parse()
        .map_err(|_| damaged("its step is no number".to_owned()))?;
    let mut hash = Sha256::new();
    let mut state = trainer.state.clone();
    state.step = step;
    for network in &mut state.networks {
        let names = network.names();
        for ((name, shape), place) in names.into_iter().zip(network.tensors_mut()) {
            let view = file
                .tensor(&name)
                .map_err(|error| damaged(format!("{name}: {error}")))?;
            if view.dtype() != Dtype::F32 || view.shape() != shape {
                let found = view.shape();
                return Err(damaged(format!(
                    "{name}: shape {found:?}, expected {shape:?} of 32-bit floats"
                )));
            }
            hash.update(view.data());
            let values = view
                .data()
                .as_chunks::<4>()
                .0
                .iter()
                .map(|bytes| f32::from_le_bytes(*bytes))
                .collect();
            *place = tensor(values, shape, device);
        }
    }
    if hex(&hash.finalize()) != entry("sha256")? {
        return Err(damaged("its checksum does not fit its tensors".to_owned()));
    }
    Ok(state)
}

/// TOML on one line, for a message.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::config::Config;
    use burn_autodiff::Autodiff;
    use burn_flex::Flex;

    type B = Autodiff<Flex>;

    fn trainer(preset: &str, seed: u64) -> Trainer<B> {
        let mut config = Config::resolve(preset, &[format!("seed={seed}")]).unwrap();
        config.model.generator = vec![6];
        config.model.discriminator = vec![5];
        config.model.height = 4;
        config.model.width = 4;
        config.model.spectral_norm = preset == "cdcgan";
        let mut trainer = Trainer::new(&config, 3, &Default::default());
        trainer.step(&[0.5; 4 * 16], &[0, 1, 2, 0]);
        trainer
    }

    fn identity() -> Identity {
        Identity {
            config: "seed = 1".to_owned(),
            dataset: "abc".to_owned(),
        }
    }

    fn same(a: &Trainer<B>, b: &Trainer<B>) -> bool {
        let all = |trainer: &Trainer<B>| -> Vec<Vec<f32>> {
            let networks = trainer.state.networks.iter();
            networks
                .flat_map(|network| network.tensors().map(values))
                .collect()
        };
        all(a) == all(b) && a.state.step == b.state.step
    }

    #[test]
    fn a_state_comes_back_equal_and_the_previous_one_is_kept() {
        for preset in ["cgan", "cdcgan", "cvae", "classifier"] {
            let folder = tempfile::tempdir().unwrap();
            let (first, second) = (trainer(preset, 1), trainer(preset, 2));
            assert!(!same(&first, &second));
            save(&first, &identity(), folder.path()).unwrap();
            save(&second, &identity(), folder.path()).unwrap();
            let mut loaded = trainer(preset, 3);
            load(&mut loaded, &identity(), folder.path(), &Default::default()).unwrap();
            assert!(same(&loaded, &second));
            std::fs::remove_file(folder.path().join(NEWEST)).unwrap();
            load(&mut loaded, &identity(), folder.path(), &Default::default()).unwrap();
            assert!(same(&loaded, &first));
        }
    }

    #[test]
    fn damage_and_other_runs_are_refused_without_a_panic() {
        let folder = tempfile::tempdir().unwrap();
        let mut trainer = trainer("cgan", 1);
        let device = Default::default();
        let missing = load(&mut trainer, &identity(), folder.path(), &device).unwrap_err();
        assert!(matches!(missing, CheckpointError::Missing { .. }));
        save(&trainer, &identity(), folder.path()).unwrap();
        let path = folder.path().join(NEWEST);
        let bytes = std::fs::read(&path).unwrap();
        for len in (0..bytes.len()).step_by(97) {
            let error = parse(&trainer, &identity(), &bytes[..len], &path, &device).unwrap_err();
            assert!(
                matches!(error, CheckpointError::Damaged { .. }),
                "{len}: {error}"
            );
        }
        for place in (0..bytes.len()).step_by(61) {
            let mut bytes = bytes.clone();
            bytes[place] ^= 0x10;
            assert!(
                parse(&trainer, &identity(), &bytes, &path, &device).is_err(),
                "{place}"
            );
        }
        let other = Identity {
            dataset: "xyz".to_owned(),
            ..identity()
        };
        let error = load(&mut trainer, &other, folder.path(), &device).unwrap_err();
        assert!(
            matches!(
                error,
                CheckpointError::OtherRun {
                    what: "dataset",
                    ..
                }
            ),
            "{error}"
        );
    }
}
