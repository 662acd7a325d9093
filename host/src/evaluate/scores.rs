//! All metrics of one set of pictures.

use super::EvaluateError;
use super::classifier::Judged;
use super::metrics::classes::{Shares, of_labels, shares};
use super::metrics::duplicates::{Duplicates, duplicates};
use super::metrics::frechet::{Moments, Reference};
use super::metrics::labels::{Agreement, agreement};
use super::metrics::memorisation::{Memorisation, ToTraining, memorisation};
use super::metrics::neighbours::Pixels;
use super::metrics::{
    Estimate, bootstrap, density_coverage as dc, inception, kernel, precision_recall as pr,
};
use super::pictures::Pictures;
use serde::Serialize;

/// The numbers of one set; the intervals are of 95 %.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scores {
    /// Frechet distance to the test pictures; lower is better.
    pub frechet_distance: Estimate,
    /// Inception Score on the classifier; higher is better, at most the number of classes.
    pub inception_score: Estimate,
    /// Kernel distance to the test pictures; lower is better, may be a little below 0.
    pub kernel_distance: Estimate,
    /// Part of the pictures that lie in the manifold of test pictures.
    pub precision: Estimate,
    /// Part of the test pictures that lie in the manifold of these.
    pub recall: Estimate,
    /// How densely test pictures lie around these; real ones have 1.
    pub density: Estimate,
    /// Part of the test pictures that have one of these as a neighbour.
    pub coverage: Estimate,
    /// How the pictures share in the classes.
    pub classes: Shares,
    /// Whether pictures show the class that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Agreement>,
    /// Whether pictures are copies of training pictures. For training pictures, which are copies of
    /// themselves, the figures of the test pictures: the floor.
    pub memorisation: Memorisation,
    /// Whether pictures repeat each other.
    pub duplicates: Duplicates,
}

/// What sets are compared with, prepared once.
pub struct Yardstick<'a> {
    judged: Judged,
    reference: Reference,
    shares: Vec<f64>,
    to_training: ToTraining,
    training: &'a Pictures,
    seed: u64,
}

impl<'a> Yardstick<'a> {
    /// Prepares the test pictures.
    ///
    /// # Errors
    /// [`EvaluateError::NotFinite`].
    pub fn new(
        test: &Pictures,
        judged: Judged,
        training: &'a Pictures,
        seed: u64,
    ) -> Result<Self, EvaluateError> {
        let reference = Reference::new(Moments::of(judged.features.view()));
        let classes = judged.probabilities.ncols();
        Ok(Self {
            reference: reference.ok_or_else(|| not_finite(test))?,
            shares: of_labels(test.labels.as_deref().unwrap_or_default(), classes),
            to_training: to_training(test, training),
            training,
            judged,
            seed,
        })
    }

    /// Measures a set. `conditional` where a class was asked for with each picture; `training`
    /// where the pictures are training pictures, which are copies of themselves.
    ///
    /// # Errors
    /// [`EvaluateError::NotFinite`].
    pub fn measure(
        &self,
        pictures: &Pictures,
        judged: &Judged,
        conditional: bool,
        training: bool,
    ) -> Result<Scores, EvaluateError> {
        let (real, own) = (self.judged.features.view(), judged.features.view());
        let probabilities = judged.probabilities.view();
        let labels = pictures.labels.as_deref().filter(|_| conditional);
        let expected = match labels {
            Some(labels) => of_labels(labels, self.shares.len()),
            None => self.shares.clone(),
        };
        let seed = self.seed;
        let frechet = self.reference.estimate(own, seed);
        let near = |values: Vec<f64>| bootstrap::mean(&values, seed);
        let pixels = Pixels::new(&pictures.images, pictures.pixels());
        Ok(Scores {
            frechet_distance: frechet.ok_or_else(|| not_finite(pictures))?,
            inception_score: inception::estimate(probabilities, seed),
            kernel_distance: kernel::estimate(real, own, seed),
            precision: near(pr::precision(real, own, pr::K)),
            recall: near(pr::recall(real, own, pr::K)),
            density: near(dc::density(real, own, dc::K)),
            coverage: near(dc::coverage(real, own, dc::K)),
            classes: shares(probabilities, &expected, seed),
            labels: labels.map(|labels| agreement(probabilities, labels, seed)),
            memorisation: if training {
                memorisation(&self.to_training, &self.to_training, seed)
            } else {
                let samples = to_training(pictures, self.training);
                memorisation(&samples, &self.to_training, seed)
            },
            duplicates: duplicates(&pixels, seed),
        })
    }
}

fn to_training(pictures: &Pictures, training: &Pictures) -> ToTraining {
    ToTraining::of(
        &Pixels::new(&pictures.images, pictures.pixels()),
        &Pixels::new(&training.images, training.pixels()),
    )
}

fn not_finite(pictures: &Pictures) -> EvaluateError {
    EvaluateError::NotFinite {
        what: pictures.name.clone(),
    }
}
