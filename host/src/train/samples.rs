//! The sample grid: the same latent vectors each time, beside real pictures.

use super::config::Config;
use super::ops::{TrainBackend, values};
use super::rng::{Purpose, normal, rng};
use super::trainer::Trainer;
use crate::dataset::Dataset;
use crate::picture::{GrayImage, Grid, PictureError, grid};

/// Rows of each half; a conditional grid has one column a class.
const ROWS: usize = 10;

/// Columns where there are no classes, and the most where there are many.
const COLUMNS: usize = 10;

/// Pixels between the samples and the real pictures.
const DIVIDER: usize = 8;

/// What every grid of a run has in common.
#[derive(Debug)]
pub struct Samples {
    latents: Vec<f32>,
    labels: Vec<u8>,
    columns: usize,
    real: GrayImage,
}

impl Samples {
    /// Draws the latent vectors and chooses the real pictures: for each place one of the same
    /// class.
    ///
    /// # Errors
    /// [`PictureError`].
    pub fn new(
        data: &Dataset,
        seed: u64,
        latent: usize,
        classes: usize,
    ) -> Result<Self, PictureError> {
        let columns = if classes == 0 {
            COLUMNS
        } else {
            classes.min(COLUMNS)
        };
        let count = ROWS * columns;
        // At most 10 columns.
        let labels: Vec<u8> = (0..count).map(|i| (i % columns) as u8).collect();
        let tiles = real_pictures(data, classes, &labels)?;
        Ok(Self {
            latents: normal(&mut rng(seed, Purpose::Samples, 0), count * latent),
            labels,
            columns,
            real: grid(&tiles, Self::layout(columns))?,
        })
    }

    /// The grid of the averaged generator as it is now: samples on the left, real pictures on the
    /// right.
    ///
    /// # Errors
    /// [`PictureError`].
    pub fn draw<B: TrainBackend>(
        &self,
        trainer: &Trainer<B>,
        config: &Config,
    ) -> Result<GrayImage, PictureError> {
        let (height, width) = (config.model.height, config.model.width);
        let drawn = trainer.sample(self.latents.clone(), &self.labels);
        let mut pictures = drawn.map(|drawn| values(&drawn)).unwrap_or_default();
        if config.is_unit_range() {
            for value in &mut pictures {
                *value = *value * 2.0 - 1.0;
            }
        }
        let tiles = pictures
            .chunks_exact(height * width)
            .map(|values| GrayImage::from_tanh(width, height, values))
            .collect::<Result<Vec<_>, _>>()?;
        let samples = grid(&tiles, Self::layout(self.columns))?;
        let total = samples.width + DIVIDER + self.real.width;
        let mut both = GrayImage::filled(total, samples.height.max(self.real.height), u8::MAX)?;
        both.paste(&samples, 0, 0);
        both.paste(&self.real, samples.width + DIVIDER, 0);
        Ok(both)
    }

    fn layout(columns: usize) -> Grid {
        Grid {
            columns,
            scale: 2,
            ..Grid::default()
        }
    }
}

/// Real pictures, in the order of the dataset: one of the class of each label, or any where there
/// are no classes.
///
/// # Errors
/// [`PictureError`].
pub fn real_pictures(
    data: &Dataset,
    classes: usize,
    labels: &[u8],
) -> Result<Vec<GrayImage>, PictureError> {
    let mut next = 0;
    labels
        .iter()
        .map(|label| {
            let found = (next..data.len())
                .chain(0..next)
                .find(|i| classes == 0 || data.labels.get(*i) == Some(label));
            let index = found.unwrap_or(0);
            next = (index + 1) % data.len().max(1);
            let pixels = data.image(index).unwrap_or_default().to_vec();
            GrayImage::new(data.width, data.height, pixels)
        })
        .collect()
}
