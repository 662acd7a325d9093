//! From a grey level to a panel's colour.

use embedded_graphics::{
    pixelcolor::{BinaryColor, Gray4, Gray8},
    prelude::*,
};

/// A colour that stands for a grey level at a place on the panel.
pub trait FromGrey: PixelColor {
    /// `level` is 0 for black to 255 for white. The place matters where levels are dithered.
    fn from_grey(level: u8, at: Point) -> Self;

    /// For lines and letters, which dithering would break up: any level but black is seen.
    fn ink(level: u8) -> Self {
        Self::from_grey(level, Point::zero())
    }
}

impl FromGrey for Gray8 {
    fn from_grey(level: u8, _: Point) -> Self {
        Self::new(level)
    }
}

impl FromGrey for Gray4 {
    /// The nearest of the 16 levels.
    fn from_grey(level: u8, _: Point) -> Self {
        // 255 / 17 = 15; the sum needs nine bits, the result four.
        Self::new(((u16::from(level) + 8) / 17) as u8)
    }
}

/// The threshold matrix of order 8: Bayer, "An optimum method for two-level rendition of
/// continuous-tone pictures", ICC 1973. Each of 0 to 63 once, neighbours far apart.
#[rustfmt::skip]
const BAYER: [[u8; 8]; 8] = [
    [ 0, 32,  8, 40,  2, 34, 10, 42],
    [48, 16, 56, 24, 50, 18, 58, 26],
    [12, 44,  4, 36, 14, 46,  6, 38],
    [60, 28, 52, 20, 62, 30, 54, 22],
    [ 3, 35, 11, 43,  1, 33,  9, 41],
    [51, 19, 59, 27, 49, 17, 57, 25],
    [15, 47,  7, 39, 13, 45,  5, 37],
    [63, 31, 55, 23, 61, 29, 53, 21],
];

impl FromGrey for BinaryColor {
    /// Ordered dithering: of 64 pixels of one level, `round(level * 64 / 255)` are on; black and
    /// white stay whole.
    fn from_grey(level: u8, at: Point) -> Self {
        // The lower three bits of each coordinate, also of negative ones.
        let rank = u16::from(BAYER[(at.y & 7) as usize][(at.x & 7) as usize]);
        // On where level / 255 > (rank + 1/2) / 64, in integers.
        Self::from(u16::from(level) * 128 > 255 * (2 * rank + 1))
    }

    fn ink(level: u8) -> Self {
        Self::from(level > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_levels_are_the_nearest() {
        for level in 0..=255u8 {
            let nearest = (f32::from(level) / 17.0).round() as u8;
            assert_eq!(
                Gray4::from_grey(level, Point::zero()).luma(),
                nearest,
                "{level}"
            );
            assert_eq!(Gray8::from_grey(level, Point::zero()).luma(), level);
        }
    }

    #[test]
    fn dithering_keeps_the_mean_everywhere() {
        for level in 0..=255u8 {
            for origin in [Point::zero(), Point::new(-11, 5)] {
                let pixels = (0..64)
                    .map(|i| BinaryColor::from_grey(level, origin + Point::new(i % 8, i / 8)));
                let on = pixels.filter(|c| c.is_on()).count() as f32;
                assert!(
                    (on - f32::from(level) / 255.0 * 64.0).abs() <= 0.51,
                    "level {level}: {on} of 64"
                );
            }
        }
    }

    #[test]
    fn ink_is_seen_on_one_bit_panels() {
        assert!(
            [1, 51, 136, 255]
                .map(BinaryColor::ink)
                .iter()
                .all(|c| c.is_on())
        );
        assert!(BinaryColor::ink(0).is_off());
        assert_eq!(Gray4::ink(136), Gray4::new(8));
    }

    #[test]
    fn every_threshold_is_used_once() {
        let mut seen = [false; 64];
        BAYER
            .iter()
            .flatten()
            .for_each(|&t| seen[usize::from(t)] = true);
        assert!(seen.iter().all(|&s| s));
    }
}
