//! What the device computes and draws, computed and drawn on the host by the firmware's own code.

use crate::firmware_build::Display;
use crate::picture::{ColorImage, GrayImage};
use crate::system::files::{self, FileError};
use embedded_graphics::draw_target::DrawTarget;
use firmware::app::{View, draw};
use firmware::draw::FromGrey;
use firmware::engine::{Engine, EngineError, Observer, Picture};
use firmware::panel::{FrameBuffer, GreyFrame, HEIGHT, MonoFrame, WIDTH, rgb565};
use rayon::prelude::*;
use shared::image::{Image, ImageError};
use shared::latent::{Latent, Point};
use std::convert::Infallible;
use std::path::{Path, PathBuf};

/// Something that the device would refuse as well.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is no model image, or a damaged one.
    #[error("{path}: {source}")]
    Image {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: ImageError,
    },
    /// The engine refuses what it was asked for.
    #[error("{model}: {source}")]
    Engine {
        /// Name of the model.
        model: String,
        /// Why.
        source: EngineError,
    },
}

/// A model image in memory.
#[derive(Debug, Clone)]
pub struct Model {
    bytes: Vec<u8>,
    path: PathBuf,
}

impl Model {
    /// Reads and checks an image.
    ///
    /// # Errors
    /// [`PreviewError::File`] and [`PreviewError::Image`].
    pub fn read(path: &Path) -> Result<Self, PreviewError> {
        let bytes = files::read_at_most(path, u64::from(shared::image::MAX_LEN))?;
        let model = Self {
            bytes,
            path: path.to_owned(),
        };
        model.image()?;
        Ok(model)
    }

    /// The checked image.
    ///
    /// # Errors
    /// [`PreviewError::Image`].
    pub fn image(&self) -> Result<Image<'_>, PreviewError> {
        Image::new_checked(&self.bytes).map_err(|source| PreviewError::Image {
            path: self.path.clone(),
            source,
        })
    }

    /// The file's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The picture of one input, and what an observer sees on the way.
    ///
    /// # Errors
    /// [`PreviewError::Engine`] where the model does not take the label.
    pub fn picture(
        &self,
        latent: Latent,
        observer: &mut impl Observer,
    ) -> Result<GrayImage, PreviewError> {
        let image = self.image()?;
        let engine = Engine::new(image);
        let mut arena = vec![0; image.arena_len()];
        let picture = engine
            .generate(&mut arena, latent, observer)
            .map_err(|source| PreviewError::Engine {
                model: image.name().to_owned(),
                source,
            })?;
        Ok(owned(picture))
    }

    /// The pictures of many points, on all cores, in order; `done` is told after each.
    ///
    /// # Errors
    /// As [`Model::picture`].
    pub fn pictures(
        &self,
        points: &[Point],
        done: &(dyn Fn(usize) + Sync),
    ) -> Result<Vec<GrayImage>, PreviewError> {
        let image = self.image()?;
        let engine = Engine::new(image);
        let start = || vec![0; image.arena_len()];
        points
            .par_iter()
            .map_init(start, |arena, &point| {
                let picture = engine.generate(arena, Latent::At(point), &mut ());
                done(1);
                picture.map(owned).map_err(|source| PreviewError::Engine {
                    model: image.name().to_owned(),
                    source,
                })
            })
            .collect()
    }

    /// The checksums of the input and of every layer's output, as the firmware gives them.
    ///
    /// # Errors
    /// As [`Model::picture`].
    pub fn checksums(&self, latent: Latent) -> Result<Vec<u32>, PreviewError> {
        let mut checksums = Checksums::default();
        self.picture(latent, &mut checksums)?;
        Ok(checksums.0)
    }

    /// The grey levels, 0 to 15, row by row, that the board's panel shows for a view.
    ///
    /// # Errors
    /// As [`Model::picture`].
    pub fn screen(&self, view: View) -> Result<Vec<u8>, PreviewError> {
        let mut frame = FrameBuffer::new();
        self.draw(view, &mut frame)?;
        Ok(frame.levels().collect())
    }

    /// What a board's display shows for a view, in colour.
    ///
    /// # Errors
    /// As [`Model::picture`].
    pub fn shown(&self, view: View, display: Display) -> Result<ColorImage, PreviewError> {
        Ok(match display {
            Display::Panel | Display::Memory => {
                let grey = |level| [level * 17; 3];
                color(WIDTH, self.screen(view)?.into_iter().map(grey))
            }
            Display::St7789 => {
                let mut frame = Box::new(GreyFrame::new());
                self.draw(view, frame.as_mut())?;
                let levels = frame.levels().iter();
                color(GreyFrame::WIDTH, levels.map(|&level| rgb888(rgb565(level))))
            }
            Display::Ssd1306 => {
                let mut frame = MonoFrame::new();
                self.draw(view, &mut frame)?;
                let pixels = frame.pixels();
                color(WIDTH, pixels.map(|on| if on { [255; 3] } else { [0; 3] }))
            }
        })
    }

    fn draw<D>(&self, view: View, target: &mut D) -> Result<(), PreviewError>
    where
        D: DrawTarget<Color: FromGrey, Error = Infallible>,
    {
        let image = self.image()?;
        let engine = Engine::new(image);
        let mut arena = vec![0; image.arena_len()];
        draw(view, &engine, &mut arena, target, &mut ()).map_err(|source| PreviewError::Engine {
            model: image.name().to_owned(),
            source,
        })
    }
}

/// A picture from its rows of pixels.
fn color(width: usize, pixels: impl Iterator<Item = [u8; 3]>) -> ColorImage {
    let rgb: Vec<u8> = pixels.flatten().collect();
    ColorImage::of_rows(width, rgb)
}

/// A panel's colour as it looks: the upper bits fill the lower ones, so that full stays full.
fn rgb888(colour: u16) -> [u8; 3] {
    let (red, green, blue) = (colour >> 11, colour >> 5 & 63, colour & 31);
    // Five and six bits become eight.
    [
        (red << 3 | red >> 2) as u8,
        (green << 2 | green >> 4) as u8,
        (blue << 3 | blue >> 2) as u8,
    ]
}

/// A picture that outlives the arena.
fn owned(picture: Picture<'_>) -> GrayImage {
    GrayImage {
        width: usize::from(picture.width()),
        height: usize::from(picture.height()),
        pixels: picture.greys().collect(),
    }
}

/// A panel's levels as a grey picture, each pixel `scale` times as wide and high.
pub fn panel_picture(levels: &[u8], scale: usize) -> GrayImage {
    let (width, height) = (WIDTH * scale, HEIGHT * scale);
    let pixels = (0..height)
        .flat_map(|y| (0..width).map(move |x| (y / scale) * WIDTH + x / scale))
        // A level of 15 is 255.
        .map(|at| levels.get(at).map_or(0, |level| level * 17))
        .collect();
    GrayImage {
        width,
        height,
        pixels,
    }
}

/// Collects the checksum of the input and of each layer.
#[derive(Debug, Default)]
pub struct Checksums(pub Vec<u32>);

impl Observer for Checksums {
    fn input(&mut self, input: &[i8]) {
        self.0.push(shared::checksum::of_activations(input));
    }

    fn layer(&mut self, _: &shared::image::Turn<'_>, output: &[i8]) {
        self.0.push(shared::checksum::of_activations(output));
    }
}
