//! How good generated pictures are, in numbers: real pictures, a float generator, an integer model
//! and pictures from a folder, all by the same code.
//!
//! The way of the data: [`target`] says what is meant by a name, [`source`] makes [`pictures`] of
//! it, [`classifier`] turns pictures into features and probabilities, [`metrics`] are functions of
//! those, [`scores`] puts them together, [`report`] shows them.
//!
//! Everything is compared with the test pictures of the dataset, which no training has seen. As
//! many training pictures as were asked for are measured first, in the same way: what real pictures
//! reach at this N is the floor (or ceiling) that stands beside every number.

pub mod classifier;
pub mod drift;
mod error;
pub mod metrics;
pub mod pictures;
pub mod progress;
pub mod report;
pub mod scores;
pub mod source;
pub mod target;
pub mod training;

pub use error::EvaluateError;

use classifier::{Classifier, judge};
use metrics::bootstrap::Draw;
use metrics::labels::agreement;
use pictures::Pictures;
use progress::Progress;
use scores::{Scores, Yardstick};
use serde::Serialize;
use source::{Real, Sample, SampleKind};
use target::Target;
use training::Training;

/// The fewest pictures that metrics are taken on: below, spheres of neighbours and splits have
/// nothing in them.
pub const LEAST: usize = 20;

/// Pictures shown of every set.
pub const SHOWN: usize = 100;

/// What to evaluate and how.
#[derive(Debug, Clone)]
pub struct EvaluateOptions {
    /// Names of targets, as [`Target::find`] takes them.
    pub targets: Vec<String>,
    /// `mnist`, or a folder, as [`Real::load`] takes it.
    pub data: String,
    /// Pictures of each target.
    pub pictures: usize,
    /// Chooses latent vectors, the subset of real pictures, and what is drawn again.
    pub seed: u32,
}

/// The classifier, as it is written into every file of metrics.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassifierInfo {
    /// Name of its file.
    pub file: String,
    /// SHA-256 of its file, in hexadecimal.
    pub sha256: String,
    /// Part of the test pictures that it gets right.
    pub test_accuracy: f64,
    /// Number of its features.
    pub features: usize,
}

/// The real pictures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DatasetInfo {
    /// Name of the dataset.
    pub name: String,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Number of training pictures.
    pub training: usize,
    /// Number of test pictures, which everything is compared with.
    pub test: usize,
    /// Checksum of the training pictures.
    pub training_sha256: String,
    /// Checksum of the test pictures; absent where the dataset has none and a part of the training
    /// pictures serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_sha256: Option<String>,
}

/// One set of pictures and its numbers.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Name of the target.
    pub target: String,
    /// What made the pictures.
    pub kind: SampleKind,
    /// Number of pictures.
    pub pictures: usize,
    /// Whether a class was asked for with each picture.
    pub conditional: bool,
    /// SHA-256 of the model's file, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The seed of the first picture; the next ones follow it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_seed: Option<u32>,
    /// The numbers.
    pub scores: Scores,
    /// Some of the pictures: of every class alike, where classes were asked for.
    #[serde(skip)]
    pub shown: Pictures,
}

/// Integer beside float pictures of the same points.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Name of the target.
    pub target: String,
    /// Frechet distance of the integer model less that of the float generator.
    pub frechet_distance: f64,
    /// Mean difference of all pixels, in grey levels.
    pub mean_grey: f64,
    /// Largest difference of a pixel.
    pub largest_grey: u8,
    /// Number of pictures.
    pub n: usize,
}

/// Everything that was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// Version of this program.
    pub thumbgen: &'static str,
    /// The classifier.
    pub classifier: ClassifierInfo,
    /// The real pictures.
    pub dataset: DatasetInfo,
    /// Pictures that were asked for of each target.
    pub n: usize,
    /// The seed that was asked for.
    pub seed: u32,
    /// Real pictures first, then the targets in order.
    pub rows: Vec<Row>,
    /// How float and integers differ, for every target that is both.
    pub differences: Vec<Difference>,
    /// One for every target that has one.
    #[serde(skip)]
    pub training: Vec<Training>,
}

/// Evaluates all targets. `classifier` is described by its file's name and checksum.
///
/// # Errors
/// [`EvaluateError`]; targets are found and read before the first long computation.
pub fn evaluate(
    options: &EvaluateOptions,
    classifier: &dyn Classifier,
    (file, sha256): (&str, &str),
    progress: Progress,
) -> Result<Evaluation, EvaluateError> {
    let targets: Vec<Target> = options
        .targets
        .iter()
        .map(|given| Target::find(given))
        .collect::<Result<_, _>>()?;
    let real = Real::load(&options.data, classifier.size())?;
    if classifier.classes() < real.classes.len() {
        return Err(EvaluateError::Classes {
            data: real.name.clone(),
            found: classifier.classes(),
            expected: real.classes.len(),
        });
    }
    let look = |pictures: &Pictures, what: &str| {
        enough(pictures)?;
        let stage = progress.stage(&format!("{what}: features"), pictures.len());
        judge(classifier, pictures, &|n| stage.add(n))
    };
    let judged = look(&real.test, "test pictures")?;
    let seed = u64::from(options.seed);
    let test_labels = real.test.labels.as_deref().unwrap_or_default();
    let info = ClassifierInfo {
        file: file.to_owned(),
        sha256: sha256.to_owned(),
        test_accuracy: agreement(judged.probabilities.view(), test_labels, seed)
            .accuracy
            .value,
        features: judged.features.ncols(),
    };
    let stage = progress.stage("test pictures: nearest training pictures", 0);
    let yardstick = Yardstick::new(&real.test, judged, &real.training, seed)?;
    drop(stage);

    let mut rows = Vec::new();
    let measure = |name: &str, sample: Sample| -> Result<Row, EvaluateError> {
        let what = format!("{name} ({})", sample.kind.name());
        let judged = look(&sample.pictures, &what)?;
        let _stage = progress.stage(&format!("{what}: metrics"), 0);
        let is_training = sample.kind == SampleKind::Real;
        let pictures = &sample.pictures;
        Ok(Row {
            target: name.to_owned(),
            kind: sample.kind,
            pictures: pictures.len(),
            conditional: sample.conditional,
            scores: yardstick.measure(pictures, &judged, sample.conditional, is_training)?,
            sha256: sample.sha256,
            first_seed: sample.first_seed,
            shown: shown(pictures, classifier.classes()),
        })
    };
    let chosen = Draw::new(seed, 0).choose(real.training.len(), options.pictures);
    let floor = Sample {
        pictures: real.training.select(&chosen),
        kind: SampleKind::Real,
        sha256: None,
        conditional: true,
        first_seed: None,
    };
    rows.push(measure(&real.name, floor)?);

    let (mut differences, mut training) = (Vec::new(), Vec::new());
    for target in &targets {
        match target {
            // Measured already.
            Target::Real => {}
            Target::Pictures {
                name,
                folder,
                by_class,
            } => {
                let size = classifier.size();
                let sample = source::folder(name, folder, *by_class, size, options.pictures)?;
                rows.push(measure(name, sample)?);
            }
            Target::Model {
                name,
                onnx,
                image,
                training: record,
            } => {
                let draw = |kind: SampleKind| {
                    progress.stage(
                        &format!("{name} ({}): pictures", kind.name()),
                        options.pictures,
                    )
                };
                let (count, seed) = (options.pictures, options.seed);
                let float = match onnx {
                    None => None,
                    Some(path) => {
                        let stage = draw(SampleKind::Float);
                        Some(source::float(name, path, count, seed, &|n| stage.add(n))?)
                    }
                };
                let integer = match image {
                    None => None,
                    Some(path) => {
                        let stage = draw(SampleKind::Integer);
                        Some(source::integer(name, path, count, seed, &|n| stage.add(n))?)
                    }
                };
                let grey = match (&float, &integer) {
                    (Some(a), Some(b)) => grey_difference(&a.pictures, &b.pictures),
                    _ => None,
                };
                for sample in [float, integer].into_iter().flatten() {
                    rows.push(measure(name, sample)?);
                }
                if let (Some((mean_grey, largest_grey)), [.., float, integer]) = (grey, &rows[..]) {
                    let distance = |row: &Row| row.scores.frechet_distance.value;
                    differences.push(Difference {
                        target: name.clone(),
                        frechet_distance: distance(integer) - distance(float),
                        mean_grey,
                        largest_grey,
                        n: integer.pictures,
                    });
                }
                if let Some(path) = record {
                    training.push(Training::read(name, path)?);
                }
            }
        }
    }
    Ok(Evaluation {
        thumbgen: env!("CARGO_PKG_VERSION"),
        classifier: info,
        dataset: DatasetInfo {
            name: real.name,
            classes: real.classes,
            training: real.training.len(),
            test: real.test.len(),
            training_sha256: real.training_sha256,
            test_sha256: real.test_sha256,
        },
        n: options.pictures,
        seed: options.seed,
        rows,
        differences,
        training,
    })
}

fn enough(pictures: &Pictures) -> Result<(), EvaluateError> {
    if pictures.len() < LEAST {
        return Err(EvaluateError::TooFew {
            what: pictures.name.clone(),
            found: pictures.len(),
            least: LEAST,
        });
    }
    Ok(())
}

/// Mean and largest difference of all pixels; `None` where the sets do not have the same size.
fn grey_difference(a: &Pictures, b: &Pictures) -> Option<(f64, u8)> {
    if a.images.len() != b.images.len() || a.images.is_empty() {
        return None;
    }
    let apart = || a.images.iter().zip(&b.images).map(|(a, b)| a.abs_diff(*b));
    let sum: u64 = apart().map(u64::from).sum();
    Some((
        sum as f64 / a.images.len() as f64,
        apart().max().unwrap_or(0),
    ))
}

/// [`SHOWN`] pictures: the first of each class in turn, so that each column of ten shows one, or
/// the first of all.
fn shown(pictures: &Pictures, classes: usize) -> Pictures {
    let columns = classes.clamp(1, 10);
    let count = SHOWN / columns * columns;
    let Some(labels) = &pictures.labels else {
        return pictures.select(&(0..count.min(pictures.len())).collect::<Vec<_>>());
    };
    let of_class = |class: usize| {
        let is = move |&index: &usize| usize::from(labels[index]) == class;
        (0..pictures.len()).filter(is).take(count / columns)
    };
    let by_class: Vec<Vec<usize>> = (0..columns)
        .map(|class| of_class(class).collect())
        .collect();
    let chosen: Vec<usize> = (0..count / columns)
        .flat_map(|row| {
            by_class
                .iter()
                .filter_map(move |class| class.get(row).copied())
        })
        .collect();
    pictures.select(&chosen)
}

#[cfg(test)]
mod tests;
