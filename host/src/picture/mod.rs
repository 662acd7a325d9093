//! Pictures on the host, grey ones above all: tiles in a grid, and PNG files.

mod color;
mod grid;
pub mod terminal;

use std::path::Path;

use image::ImageEncoder;

pub use color::ColorImage;
pub use grid::{Grid, grid};

use crate::system::files::{FileError, write_atomically};

/// A picture that cannot be made or written.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The number of pixels is not width times height.
    #[error("{pixels} pixels do not make a picture of {width} x {height}; expected {expected}")]
    WrongSize {
        /// Pixels given.
        pixels: usize,
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
        /// `width * height`, or 0 where that cannot be counted.
        expected: usize,
    },
    /// The sizes are larger than any picture that is drawn here.
    #[error(
        "a picture of {width} x {height} is too large; the limit is {limit} pixels, use fewer or smaller tiles"
    )]
    TooLarge {
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
        /// The most pixels.
        limit: usize,
    },
    /// The PNG encoder refused.
    #[error("cannot encode a PNG of {width} x {height}: {reason}")]
    Encode {
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
        /// What the encoder said.
        reason: String,
    },
    /// The file could not be written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The most pixels of a picture that is put together here.
pub const MAX_PIXELS: usize = 1 << 28;

/// A grey picture, 0 black to 255 white, rows from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrayImage {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Shape (height, width).
    pub pixels: Vec<u8>,
}

impl GrayImage {
    /// Makes a picture of pixels.
    ///
    /// # Errors
    /// [`PictureError::WrongSize`] where there are more or fewer pixels than `width * height`.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Result<Self, PictureError> {
        let expected = width.checked_mul(height);
        if expected != Some(pixels.len()) {
            return Err(PictureError::WrongSize {
                pixels: pixels.len(),
                width,
                height,
                expected: expected.unwrap_or(0),
            });
        }
        Ok(Self {
            width,
            height,
            pixels,
        })
    }

    /// A picture of one grey level.
    ///
    /// # Errors
    /// [`PictureError::TooLarge`] past [`MAX_PIXELS`].
    pub fn filled(width: usize, height: usize, level: u8) -> Result<Self, PictureError> {
        let pixels = width
            .checked_mul(height)
            .filter(|pixels| *pixels <= MAX_PIXELS)
            .ok_or(PictureError::TooLarge {
                width,
                height,
                limit: MAX_PIXELS,
            })?;
        Ok(Self {
            width,
            height,
            pixels: vec![level; pixels],
        })
    }

    /// A picture of the outputs of tanh: -1 black to 1 white; not-a-number becomes black.
    ///
    /// # Errors
    /// [`PictureError::WrongSize`].
    pub fn from_tanh(width: usize, height: usize, values: &[f32]) -> Result<Self, PictureError> {
        // A float cast saturates, and takes NaN to 0.
        let level = |value: &f32| ((value + 1.0) * 127.5).round() as u8;
        Self::new(width, height, values.iter().map(level).collect())
    }

    /// Copies `tile` so that its top left corner lies at `(x, y)`; what falls outside is cut off.
    pub fn paste(&mut self, tile: &GrayImage, x: usize, y: usize) {
        let columns = tile.width.min(self.width.saturating_sub(x));
        if columns == 0 {
            return;
        }
        let source = tile.pixels.chunks_exact(tile.width);
        for (target, row) in self.pixels.chunks_exact_mut(self.width).skip(y).zip(source) {
            target[x..x + columns].copy_from_slice(&row[..columns]);
        }
    }

    /// Every so-many-th pixel of every so-many-th row, each the mean of those that it stands for.
    pub fn every(&self, step: usize) -> Self {
        let step = step.max(1);
        let (width, height) = (self.width / step, self.height / step);
        let mean = |at: usize| {
            let (x, y) = (at % width * step, at / width * step);
            let rows = (y..y + step).map(|y| &self.pixels[y * self.width + x..][..step]);
            let sum: usize = rows.flatten().map(|&level| usize::from(level)).sum();
            // The mean of bytes is one.
            (sum / (step * step)) as u8
        };
        Self {
            width,
            height,
            pixels: (0..width * height).map(mean).collect(),
        }
    }

    /// The picture as a PNG file's bytes, 8 bits grey.
    ///
    /// # Errors
    /// [`PictureError::Encode`], where a side is 0 or over 2^31.
    pub fn to_png(&self) -> Result<Vec<u8>, PictureError> {
        encode(
            self.width,
            self.height,
            &self.pixels,
            image::ExtendedColorType::L8,
        )
    }

    /// Writes the picture as a PNG file, whole or not at all.
    ///
    /// # Errors
    /// [`PictureError::Encode`] and [`PictureError::File`].
    pub fn write_png(&self, path: &Path) -> Result<(), PictureError> {
        Ok(write_atomically(path, &self.to_png()?)?)
    }
}

/// PNG bytes of raw pixels.
pub(crate) fn encode(
    width: usize,
    height: usize,
    pixels: &[u8],
    colour: image::ExtendedColorType,
) -> Result<Vec<u8>, PictureError> {
    let failed = |reason: String| PictureError::Encode {
        width,
        height,
        reason,
    };
    let side = |n: usize| u32::try_from(n).map_err(|error| failed(error.to_string()));
    let mut png = Vec::new();
    image::codecs::png::PngEncoder::new(&mut png)
        .write_image(pixels, side(width)?, side(height)?, colour)
        .map_err(|error| failed(error.to_string()))?;
    Ok(png)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_png_decodes_to_the_same_pixels() {
        let folder = tempfile::tempdir().unwrap();
        let picture = GrayImage::new(3, 2, vec![0, 50, 100, 150, 200, 255]).unwrap();
        let path = folder.path().join("deep/picture.png");
        picture.write_png(&path).unwrap();
        let decoded = image::open(&path).unwrap().into_luma8();
        assert_eq!((decoded.width(), decoded.height()), (3, 2));
        assert_eq!(decoded.into_raw(), picture.pixels);
    }

    #[test]
    fn wrong_sizes_are_refused() {
        assert!(matches!(
            GrayImage::new(2, 2, vec![0; 3]),
            Err(PictureError::WrongSize { expected: 4, .. })
        ));
        assert!(matches!(
            GrayImage::new(usize::MAX, 2, vec![]),
            Err(PictureError::WrongSize { .. })
        ));
        assert!(matches!(
            GrayImage::filled(1 << 20, 1 << 20, 0),
            Err(PictureError::TooLarge { .. })
        ));
        assert!(matches!(
            GrayImage::new(0, 0, vec![]).unwrap().to_png(),
            Err(PictureError::Encode { .. })
        ));
    }

    #[test]
    fn tanh_values_become_grey_levels() {
        let picture = GrayImage::from_tanh(5, 1, &[-1.0, 0.0, 1.0, 7.0, f32::NAN]).unwrap();
        assert_eq!(picture.pixels, [0, 128, 255, 255, 0]);
    }

    #[test]
    fn a_smaller_picture_has_the_means() {
        let picture = GrayImage::new(5, 2, vec![0, 2, 10, 10, 99, 4, 6, 10, 10, 99]).unwrap();
        let small = picture.every(2);
        assert_eq!(
            (small.width, small.height, small.pixels),
            (2, 1, vec![3, 10])
        );
        assert_eq!(picture.every(1), picture);
    }

    #[test]
    fn what_falls_outside_is_cut_off() {
        let mut canvas = GrayImage::filled(3, 3, 0).unwrap();
        canvas.paste(&GrayImage::filled(2, 2, 9).unwrap(), 2, 2);
        canvas.paste(&GrayImage::filled(2, 2, 9).unwrap(), 5, 0);
        assert_eq!(canvas.pixels, [0, 0, 0, 0, 0, 0, 0, 0, 9]);
    }
}
