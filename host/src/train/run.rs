//! A whole training run, from an empty folder or a checkpoint to the finished network.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use burn_autodiff::Autodiff;

use super::TrainError;
use super::batches::{Batches, How, scaled};
use super::checkpoint::{self, Identity};
use super::config::{Config, Objective};
use super::device::{self, Backend, Choice, DeviceError};
use super::metrics::{self, Measures, Watch, spread};
use super::net::Spec;
use super::ops::TrainBackend;
use super::plot;
use super::progress::Progress;
use super::qat_run;
use super::run_info::RunInfo;
use super::samples::Samples;
use super::sums::Sums;
use super::trainer::Trainer;
use crate::dataset::{Dataset, Source};
use crate::graph::Network;
use crate::system::files::write_atomically;

/// Any error of the caller's function.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The caller's function that takes the network and the run folder, at each checkpoint and at the
/// end.
pub type OnNetwork<'a> = &'a mut dyn FnMut(&Network, &Path) -> Result<(), BoxError>;

/// How to run, beside the config.
#[derive(Debug, Clone, Default)]
pub struct TrainOptions {
    /// The run folder.
    pub out: PathBuf,
    /// Go on from the checkpoint in the run folder.
    pub resume: bool,
    /// Start anew where the run folder holds a run already.
    pub overwrite: bool,
    /// Say nothing.
    pub quiet: bool,
    /// Where the shipped MNIST files are; `None` for the usual places.
    pub mnist_folder: Option<PathBuf>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// All steps are done.
    Finished(Summary),
    /// It was stopped, and saved a checkpoint to resume from.
    Interrupted(Summary),
}

/// What a run did.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// The run folder.
    pub folder: PathBuf,
    /// The averaged generator (decoder, classifier); batch normalisation is not folded.
    pub network: Network,
    /// Steps done, those before a resume included.
    pub step: u64,
    /// Seconds of this session.
    pub seconds: f64,
    /// Steps a second of this session.
    pub steps_per_second: f64,
    /// What computed, and why it was chosen.
    pub device: Choice,
}

/// A flag that Ctrl-C (and SIGTERM) sets, to be passed to [`train`]; to be called once in a
/// process.
///
/// # Errors
/// [`TrainError::Signal`] where a handler is set already.
pub fn stop_on_ctrl_c() -> Result<Arc<AtomicBool>, TrainError> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        // A second Ctrl-C means now; 130 is what shells report for it.
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })?;
    Ok(stop)
}

/// Trains. The run folder gets config.toml, run.json, metrics.jsonl, loss.png, samples.png,
/// samples/, and checkpoints; `on_network` may add the exported network.
///
/// # Errors
/// [`TrainError`]. Where training collapses, the run folder keeps its last good checkpoint.
pub fn train(
    config: &Config,
    options: &TrainOptions,
    stop: &AtomicBool,
    on_network: OnNetwork<'_>,
) -> Result<Outcome, TrainError> {
    if !options.resume && !options.overwrite && checkpoint::exists(&options.out) {
        return Err(TrainError::RunExists {
            folder: options.out.clone(),
        });
    }
    let source = Source {
        data: &config.data,
        mnist_folder: options.mnist_folder.clone(),
        height: config.model.height,
        width: config.model.width,
    };
    let (data, test) = match config.model.objective {
        Objective::Classifier => Dataset::load_with_test(&source)?,
        _ => {
            let data = Dataset::load(&source)?;
            let test = data.without_pictures();
            (data, test)
        }
    };
    let choice = device::choose(config.device)?;
    let mut run = Run {
        config,
        options,
        data: &data,
        test: &test,
        choice: &choice,
        stop,
        on_network,
    };
    let backend = choice.backend;
    let mut go = || match backend {
        Backend::Cpu => run.on::<Autodiff<burn_flex::Flex>>(),
        #[cfg(feature = "cuda")]
        Backend::Cuda => run.on::<Autodiff<burn_cuda::Cuda>>(),
        #[cfg(feature = "wgpu")]
        Backend::Wgpu => run.on::<Autodiff<burn_wgpu::Wgpu>>(),
        #[allow(
            unreachable_patterns,
            reason = "with every feature there is no other backend"
        )]
        other => Err(DeviceError::NotCompiledIn { name: other.name() }.into()),
    };
    if backend == Backend::Cpu {
        return go();
    }
    // GPU backends report a lost device by a panic.
    catch_unwind(AssertUnwindSafe(go)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let reason = text
            .or(panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
        Err(DeviceError::Failed {
            name: backend.name(),
            reason,
        }
        .into())
    })
}

/// What a run is given.
struct Run<'a, 'b> {
    config: &'a Config,
    options: &'a TrainOptions,
    data: &'a Dataset,
    /// Pictures that a classifier is tested on; empty for other objectives.
    test: &'a Dataset,
    choice: &'a Choice,
    stop: &'a AtomicBool,
    on_network: OnNetwork<'b>,
}

impl Run<'_, '_> {
    /// Runs on one backend.
    fn on<B: TrainBackend>(&mut self) -> Result<Outcome, TrainError> {
        let (config, folder) = (self.config, self.options.out.as_path());
        let device = B::Device::default();
        let mut trainer = Trainer::<B>::new(config, self.data.classes.len(), &device);
        let test: Vec<f32> = (self.test.images.chunks(self.test.pixels().max(1)))
            .flat_map(|image| scaled(image, config.is_unit_range()))
            .collect();
        let identity = self.identity()?;
        let metrics_path = folder.join("metrics.jsonl");
        let mut records = Vec::new();
        if config.qat.is_on() {
            let resume = self.options.resume;
            qat_run::start(&mut trainer, config, &identity, folder, resume, &device)?;
        } else {
            qat_run::forget(folder);
        }
        if self.options.resume {
            checkpoint::load(&mut trainer, &identity, folder, &device)?;
            if trainer.state.step > config.train.steps {
                return Err(TrainError::AlreadyPast {
                    folder: folder.to_owned(),
                    done: trainer.state.step,
                    steps: config.train.steps,
                });
            }
            if metrics_path.is_file() {
                records = metrics::read_until(&metrics_path, trainer.state.step)?;
            }
        }
        let first = trainer.state.step;
        metrics::rewrite(&metrics_path, &records)?;
        write_atomically(&folder.join("config.toml"), config.to_toml()?.as_bytes())?;
        let count = |specs: &[Spec]| specs.iter().map(|spec| spec.shape[0] * spec.shape[1]).sum();
        let networks = trainer.state.networks.iter();
        let parameters = networks.map(|network| count(&network.specs)).collect();
        let mut info = RunInfo::new(config, self.data, self.choice, parameters);
        info.steps_done = first;
        // A finished run that is resumed only to be exported keeps the times of its training.
        let steps_left = first < config.train.steps;
        if steps_left {
            info.write(folder)?;
        }

        let mut progress = Progress::new(self.options.quiet, first, config.train.steps);
        progress.say(&format!("device: {}", self.choice.reason));
        if first > 0 {
            progress.say(&format!("resumed at step {first}"));
        }
        let samples = match trainer.generator().map(|generator| generator.input()) {
            Some(input) => Some(Samples::new(
                self.data,
                config.seed,
                input.latent,
                input.classes,
            )?),
            None => None,
        };
        let how = How {
            seed: config.seed,
            size: config.pictures_a_step(),
            unit_range: config.is_unit_range(),
            shift: config.train.shift,
        };
        let mut batches = Batches::new(self.data, how);
        let epochs = |step: u64| (step * how.size as u64) as f64 / self.data.len().max(1) as f64;
        let mut watch = Watch::new(config.alarm.clone());
        let started = Instant::now();
        let mut sums = Sums::<B>::new(config.train.loss);
        let mut tested = epochs(first).floor();
        let mut saved = None;
        while trainer.state.step < config.train.steps && !self.stop.load(Ordering::Relaxed) {
            let step = trainer.state.step + 1;
            let (pictures, labels) = batches.batch(step);
            let real_spread = due(step, config.report.metrics_every, config.train.steps)
                .then(|| spread(&pictures, &labels));
            let report = trainer.step(&pictures, &labels);
            sums.add(&report);
            progress.step(step);
            if let Some(real_spread) = real_spread {
                let mut record = sums.record(&report, step, &labels, real_spread);
                record.epoch = epochs(step);
                if let Measures::Classifier { test_accuracy, .. } = &mut record.measures
                    && (record.epoch.floor() > tested || step == config.train.steps)
                {
                    tested = record.epoch.floor();
                    *test_accuracy = trainer.accuracy(&test, &self.test.labels);
                }
                let verdict = watch.look(&mut record);
                metrics::append(&metrics_path, &record)?;
                progress.record(&record);
                records.push(record);
                if verdict.is_err() {
                    progress.finish();
                    plot::write(&records, &folder.join("loss.png"))?;
                }
                verdict?;
            }
            if due(step, config.report.samples_every, config.train.steps) {
                if let Some(samples) = &samples {
                    let picture = samples.draw(&trainer, config)?;
                    picture.write_png(&folder.join(format!("samples/step-{step:07}.png")))?;
                    picture.write_png(&folder.join("samples.png"))?;
                }
                plot::write(&records, &folder.join("loss.png"))?;
            }
            if due(step, config.report.checkpoint_every, config.train.steps) {
                saved = Some(self.save(&trainer, &identity)?);
            }
        }
        let step = trainer.state.step;
        let network = match saved {
            Some((at, network)) if at == step => network,
            _ => self.save(&trainer, &identity)?.1,
        };
        info.steps_done = step;
        info.seconds = started.elapsed().as_secs_f64();
        info.steps_per_second = (step - first) as f64 / info.seconds.max(1e-9);
        if steps_left {
            info.write(folder)?;
        }
        plot::write(&records, &folder.join("loss.png"))?;
        progress.finish();
        let summary = Summary {
            folder: folder.to_owned(),
            network,
            step,
            seconds: info.seconds,
            steps_per_second: info.steps_per_second,
            device: self.choice.clone(),
        };
        Ok(if step < config.train.steps {
            Outcome::Interrupted(summary)
        } else {
            Outcome::Finished(summary)
        })
    }

    /// Writes a checkpoint and gives the network to the caller's function.
    fn save<B: TrainBackend>(
        &mut self,
        trainer: &Trainer<B>,
        identity: &Identity,
    ) -> Result<(u64, Network), TrainError> {
        checkpoint::save(trainer, identity, &self.options.out)?;
        let network = trainer.exported()?;
        (self.on_network)(&network, &self.options.out).map_err(TrainError::Export)?;
        Ok((trainer.state.step, network))
    }

    /// What a checkpoint must agree with.
    fn identity(&self) -> Result<Identity, TrainError> {
        Ok(Identity {
            config: self.config.identity()?,
            dataset: self.data.sha256.clone(),
        })
    }
}

/// Whether something is to happen after this step: every so many, and at the end.
fn due(step: u64, every: u64, steps: u64) -> bool {
    step.is_multiple_of(every) || step == steps
}

#[cfg(test)]
#[path = "run_qat_tests.rs"]
mod qat_tests;
#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
