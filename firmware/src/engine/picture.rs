//! A generated picture, lying in the arena.

use shared::image::PixelRange;
use shared::op::Region;

/// A picture as the model gave it. Of several channels, the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture<'m> {
    data: &'m [i8],
    width: u16,
    height: u16,
    channels: u16,
    range: PixelRange,
}

impl<'m> Picture<'m> {
    /// The elements of a region of this shape, at exponent [`shared::image::PIXEL_EXPONENT`].
    pub const fn new(data: &'m [i8], region: &Region, range: PixelRange) -> Self {
        Self {
            data,
            width: region.width,
            height: region.height,
            channels: region.channels,
            range,
        }
    }

    /// The elements: row by row, the channels of a pixel side by side.
    pub const fn data(&self) -> &'m [i8] {
        self.data
    }

    /// Number of columns.
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// Number of rows.
    pub const fn height(&self) -> u16 {
        self.height
    }

    /// How elements become grey levels.
    pub const fn range(&self) -> PixelRange {
        self.range
    }

    /// The grey level of a pixel, 0 for black to 255 for white; black outside the picture.
    #[inline]
    pub fn grey(&self, x: usize, y: usize) -> u8 {
        let width = usize::from(self.width);
        let pixel = y.wrapping_mul(width).wrapping_add(x);
        let at = pixel.wrapping_mul(usize::from(self.channels));
        match self.data.get(at) {
            Some(&q) if x < width && y < usize::from(self.height) => self.range.grey(q),
            _ => 0,
        }
    }

    /// The grey levels, row by row.
    pub fn greys(&self) -> impl Iterator<Item = u8> + use<'m> {
        let range = self.range;
        let pixels = usize::from(self.width) * usize::from(self.height);
        let channels = usize::from(self.channels).max(1);
        let first = self.data.iter().step_by(channels).take(pixels);
        first.map(move |&q| range.grey(q))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_lie_row_by_row_and_black_around() {
        let region = Region {
            offset: 0,
            channels: 1,
            height: 2,
            width: 3,
            exponent: 0,
        };
        let data = [-128, 0, 127, -1, 5, 6];
        let picture = Picture::new(&data, &region, PixelRange::Signed);
        assert_eq!(
            [(0, 0), (1, 0), (2, 0), (0, 1)].map(|(x, y)| picture.grey(x, y)),
            [0, 128, 255, 127]
        );
        assert_eq!(
            [(3, 0), (0, 2), (usize::MAX, usize::MAX)].map(|(x, y)| picture.grey(x, y)),
            [0; 3]
        );
        assert!(picture.greys().eq([0, 128, 255, 127, 133, 134]));
    }

    #[test]
    fn of_several_channels_the_first_is_seen() {
        let region = Region {
            offset: 0,
            channels: 3,
            height: 1,
            width: 2,
            exponent: 0,
        };
        let picture = Picture::new(&[-128, 5, 6, 127, 7, 8], &region, PixelRange::Signed);
        assert_eq!([picture.grey(0, 0), picture.grey(1, 0)], [0, 255]);
        assert!(picture.greys().eq([0, 255]));
    }
}
