//! run.json: what a run was made with, so that its numbers can be understood and repeated.

use std::path::Path;

use serde::Serialize;

use super::config::Config;
use super::device::Choice;
use crate::dataset::Dataset;
use crate::system::files::{FileError, write_atomically};

/// The release of burn that Cargo.toml pins.
const BURN_VERSION: &str = "0.21.0";

/// The contents of run.json.
#[derive(Debug, Serialize)]
pub struct RunInfo<'a> {
    name: &'a str,
    seed: u64,
    thumbgen: &'static str,
    burn: &'static str,
    dataset: DatasetInfo<'a>,
    device: &'a Choice,
    cpu: String,
    threads: usize,
    system: String,
    profile: &'static str,
    /// Numbers for the network that is exported, then of the one that trains it.
    parameters: Vec<usize>,
    /// Steps that the run is to have.
    pub steps: u64,
    /// Steps done.
    pub steps_done: u64,
    /// Seconds of this session, samples and checkpoints included.
    pub seconds: f64,
    /// Steps a second of this session.
    pub steps_per_second: f64,
}

#[derive(Debug, Serialize)]
struct DatasetInfo<'a> {
    name: &'a str,
    sha256: &'a str,
    pictures: usize,
    classes: &'a [String],
}

impl<'a> RunInfo<'a> {
    /// A run at its start; `parameters` counts those of each network.
    pub fn new(
        config: &'a Config,
        data: &'a Dataset,
        device: &'a Choice,
        parameters: Vec<usize>,
    ) -> Self {
        Self {
            name: &config.name,
            seed: config.seed,
            thumbgen: env!("CARGO_PKG_VERSION"),
            burn: BURN_VERSION,
            dataset: DatasetInfo {
                name: &data.name,
                sha256: &data.sha256,
                pictures: data.len(),
                classes: &data.classes,
            },
            device,
            cpu: cpu(),
            threads: std::thread::available_parallelism().map_or(0, usize::from),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            profile: if cfg!(debug_assertions) {
                "dev"
            } else {
                "release"
            },
            parameters,
            steps: config.train.steps,
            steps_done: 0,
            seconds: 0.0,
            steps_per_second: 0.0,
        }
    }

    /// Writes run.json into a folder.
    ///
    /// # Errors
    /// [`FileError::Write`].
    pub fn write(&self, folder: &Path) -> Result<(), FileError> {
        let path = folder.join("run.json");
        let mut json = serde_json::to_vec_pretty(self).map_err(|error| FileError::Write {
            path: path.clone(),
            source: error.into(),
        })?;
        json.push(b'\n');
        write_atomically(&path, &json)
    }
}

/// The CPU's name, where the system tells it in a file.
fn cpu() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let name = line.map(|line| line.trim_start_matches([' ', '\t', ':']).to_owned());
    name.unwrap_or_else(|| "unknown".to_owned())
}
