//! Training: a config and a dataset go in, a run folder and a float [`crate::graph::Network`] come
//! out.
//!
//! [`config`] says what to train, [`device`] where; [`run`](train) drives [`trainer`], whose state
//! [`checkpoint`] saves. [`net`] has the networks, [`ops`] the operations that they are made of,
//! [`adam`] the optimiser, [`batches`] the order of the pictures, [`rng`] every random number.
//! [`metrics`], [`samples`] and [`progress`] report. [`qat`] trains integers, and [`qat_run`] puts
//! them in the generator's place.

pub mod adam;
pub mod batches;
pub mod checkpoint;
pub mod config;
pub mod device;
mod error;
pub mod metrics;
pub mod net;
mod operators;
pub mod ops;
mod plot;
pub mod progress;
pub mod qat;
pub mod qat_run;
mod record;
pub mod rng;
mod run;
mod run_info;
pub mod samples;
mod sums;
pub mod trainer;

pub use config::{Config, ConfigError, PRESETS};
pub use device::{DeviceChoice, DeviceError, answer_probe};
pub use error::TrainError;
pub use run::{BoxError, OnNetwork, Outcome, Summary, TrainOptions, stop_on_ctrl_c, train};
