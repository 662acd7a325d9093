//! Pictures of a target, however it makes them.

use super::EvaluateError;
use super::pictures::Pictures;
use crate::dataset::{Dataset, Source, folder, hex};
use crate::exchange::ReadOptions;
use crate::exchange::read::read_file;
use crate::models::preview::Model;
use crate::ops::forward;
use crate::quantize::calibrate::{float_inputs, integer_inputs, points};
use crate::quantize::fold::pixel_range;
use crate::quantize::report::float_grey;
use crate::system::files::read_at_most;
use rayon::prelude::*;
use serde::Serialize;
use sha2::{Digest, Sha256};
use shared::latent::{Point, Prior};
use std::path::Path;

/// Seeds of evaluations start here; those of calibration, measurements, golden vectors and people's
/// pictures lie elsewhere.
const EVALUATION_SEEDS: u32 = 0x5EED_0000;

/// Seeds of one evaluation; its seed chooses among blocks of so many.
const SEEDS: u32 = 1 << 20;

/// The most pictures of one evaluation: every picture has a seed of its own.
pub const MAX_PICTURES: usize = SEEDS as usize;

/// Pictures that one thread computes at a time.
const BATCH: usize = 64;

/// What made the pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SampleKind {
    /// The dataset.
    Real,
    /// A float generator, by ndarray.
    Float,
    /// An integer model, by the firmware's own kernels.
    Integer,
    /// Whoever wrote the files.
    Pictures,
}

impl SampleKind {
    /// As tables name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Float => "float",
            Self::Integer => "integer",
            Self::Pictures => "pictures",
        }
    }
}

/// Pictures and where they come from.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The pictures.
    pub pictures: Pictures,
    /// What made them.
    pub kind: SampleKind,
    /// SHA-256 of the model's file, in hexadecimal.
    pub sha256: Option<String>,
    /// Whether a class was asked for with each picture.
    pub conditional: bool,
    /// The seed of the first picture; the next ones follow it.
    pub first_seed: Option<u32>,
}

/// Where the seeds of an evaluation start.
pub fn first_seed(seed: u32) -> u32 {
    // Blocks repeat after 4096 seeds.
    EVALUATION_SEEDS.wrapping_add(seed.wrapping_mul(SEEDS))
}

/// Pictures of a float generator, labels evenly; `done` is told how many are ready.
///
/// # Errors
/// [`EvaluateError::Onnx`] and [`EvaluateError::File`].
pub fn float(
    name: &str,
    path: &Path,
    count: usize,
    seed: u32,
    done: &(dyn Fn(usize) + Sync),
) -> Result<Sample, EvaluateError> {
    let import = read_file(path, &ReadOptions::default())?;
    let network = import.network;
    let prior = match import.metadata.get("prior").map(String::as_str) {
        Some("uniform") => Prior::Uniform,
        _ => Prior::Normal,
    };
    let points = points(first_seed(seed), count, network.input.classes);
    let range = pixel_range(&network);
    let (height, width) = (network.output.height, network.output.width);
    let channels = network.output.channels.max(1);
    let images: Vec<Vec<u8>> = points
        .par_chunks(BATCH)
        .map(|part| {
            let inputs = float_inputs(&integer_inputs(part, network.input, prior), network.input);
            let outputs = forward::run(&network, inputs.view());
            done(part.len());
            let rows = outputs.rows().into_iter();
            // The first of several channels, as the device shows it.
            rows.flat_map(|row| row.iter().step_by(channels).copied().collect::<Vec<_>>())
                .map(|value| float_grey(range, value))
                .collect()
        })
        .collect();
    Ok(Sample {
        pictures: Pictures::new(name, images.concat(), labels(&points), height, width),
        kind: SampleKind::Float,
        sha256: Some(sha256(path, crate::onnx::MAX_FILE_LEN)?),
        conditional: network.input.classes > 0,
        first_seed: Some(first_seed(seed)),
    })
}

/// Pictures of an integer model by the firmware's engine, labels evenly.
///
/// # Errors
/// [`EvaluateError::Preview`].
pub fn integer(
    name: &str,
    path: &Path,
    count: usize,
    seed: u32,
    done: &(dyn Fn(usize) + Sync),
) -> Result<Sample, EvaluateError> {
    let model = Model::read(path)?;
    let image = model.image()?;
    let points = points(first_seed(seed), count, usize::from(image.classes()));
    let drawn = model.pictures(&points, done)?;
    let (height, width) = (
        usize::from(image.output().height),
        usize::from(image.output().width),
    );
    let images = drawn
        .into_iter()
        .flat_map(|picture| picture.pixels)
        .collect();
    Ok(Sample {
        pictures: Pictures::new(name, images, labels(&points), height, width),
        kind: SampleKind::Integer,
        sha256: Some(hex(&Sha256::digest(model.bytes()))),
        conditional: image.classes() > 0,
        first_seed: Some(first_seed(seed)),
    })
}

/// Pictures of a folder, resized to `height` x `width`; at most `count`, of all classes alike where
/// there are some.
///
/// # Errors
/// [`EvaluateError::Dataset`].
pub fn folder(
    name: &str,
    path: &Path,
    by_class: bool,
    (height, width): (usize, usize),
    count: usize,
) -> Result<Sample, EvaluateError> {
    let pictures = if by_class {
        let data = folder::load(path, height, width)?;
        let all = Pictures::new(name, data.images, Some(data.labels), height, width);
        // Every n-th, so that no class is cut off.
        let keep = count.min(all.len());
        let chosen: Vec<usize> = (0..keep).map(|i| i * all.len() / keep).collect();
        all.select(&chosen)
    } else {
        let images = folder::load_flat(path, height, width, count)?;
        Pictures::new(name, images, None, height, width)
    };
    Ok(Sample {
        conditional: pictures.labels.is_some(),
        pictures,
        kind: SampleKind::Pictures,
        sha256: None,
        first_seed: None,
    })
}

/// Real pictures: those that models are trained on and those that no training sees.
#[derive(Debug, Clone)]
pub struct Real {
    /// Name of the dataset.
    pub name: String,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// What models are trained on.
    pub training: Pictures,
    /// What everything is compared with.
    pub test: Pictures,
    /// Checksum of the training pictures, as runs record it.
    pub training_sha256: String,
    /// Checksum of the test pictures; absent where they are a part of the training pictures.
    pub test_sha256: Option<String>,
}

impl Real {
    /// Reads a dataset at the classifier's size. Where it has no test pictures, every sixth picture
    /// is taken for one; models were trained on these, too, so that [`Real::test_sha256`] is
    /// absent.
    ///
    /// # Errors
    /// [`EvaluateError::Dataset`].
    pub fn load(data: &str, (height, width): (usize, usize)) -> Result<Self, EvaluateError> {
        let source = Source {
            data,
            mnist_folder: None,
            height,
            width,
        };
        let all = Dataset::load(&source)?;
        let pictures = |images, labels| Pictures::new("real", images, Some(labels), height, width);
        let whole = pictures(all.images, all.labels);
        let (training, test, test_sha256) = match Dataset::load_test(&source)? {
            Some(test) => (whole, pictures(test.images, test.labels), Some(test.sha256)),
            None => {
                let part = |test: bool| -> Vec<usize> {
                    (0..whole.len()).filter(|i| (i % 6 == 5) == test).collect()
                };
                (whole.select(&part(false)), whole.select(&part(true)), None)
            }
        };
        Ok(Self {
            name: all.name,
            classes: all.classes,
            training,
            test,
            training_sha256: all.sha256,
            test_sha256,
        })
    }
}

fn labels(points: &[Point]) -> Option<Vec<u8>> {
    points.iter().map(|point| point.label).collect()
}

fn sha256(path: &Path, limit: u64) -> Result<String, EvaluateError> {
    Ok(hex(&Sha256::digest(&read_at_most(path, limit)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::folder::ModelFiles;

    #[test]
    fn float_and_integer_draw_the_same_points_alike() {
        let files = ModelFiles::find("cgan").unwrap();
        let onnx = files.file(crate::models::folder::FLOAT_ONNX).unwrap();
        let count = std::sync::atomic::AtomicUsize::new(0);
        let done = |n| {
            count.fetch_add(n, std::sync::atomic::Ordering::Relaxed);
        };
        let float = float("cgan", &onnx, 150, 3, &done).unwrap();
        let integer = integer("cgan", files.image(), 150, 3, &done).unwrap();
        assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), 300);
        assert_eq!(float.pictures.labels, integer.pictures.labels);
        assert_eq!(
            float.pictures.labels.as_ref().unwrap()[..12],
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
        );
        assert_eq!(float.first_seed, integer.first_seed);
        let (a, b) = (&float.pictures.images, &integer.pictures.images);
        assert_eq!((a.len(), b.len()), (150 * 784, 150 * 784));
        let difference: u64 = a
            .iter()
            .zip(b)
            .map(|(a, b)| u64::from(a.abs_diff(*b)))
            .sum();
        // The model card says 1.34 grey levels; another point would be some 40 away.
        let mean = difference as f64 / a.len() as f64;
        assert!((0.1..4.0).contains(&mean), "{mean}");
        // One by one, as the device draws them.
        let model = files.model().unwrap();
        let points = points(first_seed(3), 150, 10);
        let last = model
            .picture(shared::latent::Latent::At(points[149]), &mut ())
            .unwrap();
        assert_eq!(last.pixels, b[149 * 784..]);
    }

    #[test]
    fn seeds_of_evaluations_do_not_overlap() {
        assert_ne!(first_seed(0), first_seed(1));
        let apart = first_seed(1).wrapping_sub(first_seed(0)) as usize;
        assert!(apart >= MAX_PICTURES);
    }

    #[test]
    fn pictures_of_classes_are_thinned_alike() {
        let root = tempfile::tempdir().unwrap();
        for class in ["a", "b"] {
            std::fs::create_dir(root.path().join(class)).unwrap();
            for i in 0..6u8 {
                let picture = crate::picture::GrayImage::filled(3, 3, i * 40).unwrap();
                let path = root.path().join(class).join(format!("{i}.png"));
                picture.write_png(&path).unwrap();
            }
        }
        let some = folder("x", root.path(), true, (3, 3), 4).unwrap();
        assert_eq!(some.pictures.labels, Some(vec![0, 0, 1, 1]));
        let flat = folder("x", &root.path().join("a"), false, (3, 3), 4).unwrap();
        assert_eq!((flat.pictures.len(), flat.conditional), (4, false));
    }

    #[test]
    fn the_shipped_dataset_has_test_pictures() {
        let real = Real::load("mnist", (28, 28)).unwrap();
        assert_eq!((real.training.len(), real.test.len()), (60_000, 10_000));
        assert!(real.test_sha256.is_some());
    }
}
