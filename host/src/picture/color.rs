//! Pictures in colour, as an emulated panel shows them.

use super::{GrayImage, PictureError, encode};
use crate::system::files::write_atomically;
use std::path::Path;

/// A picture in colour, rows from the top.
#[derive(Clone, PartialEq, Eq)]
pub struct ColorImage {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl ColorImage {
    /// Makes a picture of three bytes a pixel: red, green, blue.
    ///
    /// # Errors
    /// [`PictureError::WrongSize`] where there are more or fewer than `width * height` pixels.
    pub fn new(width: usize, height: usize, rgb: Vec<u8>) -> Result<Self, PictureError> {
        let expected = width.checked_mul(height);
        if expected.and_then(|pixels| pixels.checked_mul(3)) != Some(rgb.len()) {
            return Err(PictureError::WrongSize {
                pixels: rgb.len() / 3,
                width,
                height,
                expected: expected.unwrap_or(0),
            });
        }
        Ok(Self { width, height, rgb })
    }

    /// As many whole rows of `width` pixels as there are.
    pub(crate) fn of_rows(width: usize, mut rgb: Vec<u8>) -> Self {
        let height = rgb.len() / (3 * width.max(1));
        rgb.truncate(3 * width * height);
        Self { width, height, rgb }
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Red, green and blue of each pixel.
    pub fn pixels(&self) -> &[[u8; 3]] {
        self.rgb.as_chunks().0
    }

    /// How bright each pixel is: ITU-R BT.601.
    pub fn to_gray(&self) -> GrayImage {
        // The weights sum to 256, so the result is a byte.
        let luma = |&[red, green, blue]: &[u8; 3]| {
            ((77 * u32::from(red) + 150 * u32::from(green) + 29 * u32::from(blue)) >> 8) as u8
        };
        GrayImage {
            width: self.width,
            height: self.height,
            pixels: self.pixels().iter().map(luma).collect(),
        }
    }

    /// Column, row, own colour and colour in `other` of the first pixel that differs; `None` where
    /// one of them has no such pixel.
    #[allow(clippy::type_complexity)]
    pub fn first_difference(
        &self,
        other: &Self,
    ) -> Option<(usize, usize, Option<[u8; 3]>, Option<[u8; 3]>)> {
        let (own, expected) = (self.pixels(), other.pixels());
        let at = (0..own.len().max(expected.len())).find(|&at| own.get(at) != expected.get(at))?;
        let width = self.width.max(1);
        let pixel = |pixels: &[[u8; 3]]| pixels.get(at).copied();
        Some((at % width, at / width, pixel(own), pixel(expected)))
    }

    /// Writes the picture as a PNG file, each pixel `scale` times as wide and high.
    ///
    /// # Errors
    /// [`PictureError::Encode`] and [`PictureError::File`].
    pub fn write_png(&self, path: &Path, scale: usize) -> Result<(), PictureError> {
        let (width, height) = (self.width * scale, self.height * scale);
        let pixel = |at: usize| {
            let (x, y) = (at % width / scale, at / width / scale);
            self.pixels()[y * self.width + x]
        };
        let rgb: Vec<u8> = (0..width * height).flat_map(pixel).collect();
        let png = encode(width, height, &rgb, image::ExtendedColorType::Rgb8)?;
        Ok(write_atomically(path, &png)?)
    }
}

impl std::fmt::Debug for ColorImage {
    /// All pixels would hide the message of a failed assertion.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lit = self.pixels().iter().filter(|&&rgb| rgb != [0; 3]).count();
        write!(
            f,
            "picture of {} x {} with {lit} lit pixels",
            self.width, self.height
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scaled_png_has_the_same_colours() {
        let rgb = vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9];
        let picture = ColorImage::new(2, 2, rgb).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("picture.png");
        picture.write_png(&path, 3).unwrap();
        let read = image::open(&path).unwrap().into_rgb8();
        assert_eq!(read.dimensions(), (6, 6));
        assert_eq!(
            [(0, 0), (3, 2), (2, 3), (5, 5)].map(|(x, y)| read.get_pixel(x, y).0),
            [[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9]]
        );
        assert_eq!(picture.to_gray().pixels, [76, 149, 28, 9]);
    }

    #[test]
    fn wrong_sizes_are_refused() {
        assert!(ColorImage::new(2, 2, vec![0; 11]).is_err());
        assert!(ColorImage::new(usize::MAX, 2, vec![]).is_err());
    }
}
