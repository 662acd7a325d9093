//! The panel of the board as QEMU draws it, read back to the grey levels in the panel's memory.

use crate::picture::GrayImage;

/// What the OSRAM 128x64 panel shows: 16 grey levels a pixel.
#[derive(Clone, PartialEq, Eq)]
pub struct Panel {
    levels: Vec<u8>,
}

/// A picture that is not one of the panel.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PanelError {
    /// The file is no binary PPM.
    #[error("it is not a binary PPM file (P6): {0}")]
    NotPpm(&'static str),
    /// Wrong measures.
    #[error("it has {width}x{height} pixels with values up to {max}, expected 512x256 and 255")]
    Size {
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
        /// Largest value of a colour.
        max: usize,
    },
    /// Too few or too many bytes.
    #[error("it has {found} bytes of pixels, expected {expected}")]
    Length {
        /// Bytes after the header.
        found: usize,
        /// Bytes that the size asks for.
        expected: usize,
    },
    /// A colour that the panel does not have.
    #[error("the colour {rgb:?} at column {x}, row {y} is none of the panel's 16 grey levels")]
    Colour {
        /// Column in the file.
        x: usize,
        /// Row in the file.
        y: usize,
        /// Red, green, blue.
        rgb: [u8; 3],
    },
    /// The panel's pixels are drawn as blocks of 4x4, and this one is not of one colour.
    #[error("the panel's pixel at column {x}, row {y} is not of one colour")]
    NotUniform {
        /// Column on the panel.
        x: usize,
        /// Row on the panel.
        y: usize,
    },
}

impl Panel {
    /// Columns.
    pub const WIDTH: usize = 128;
    /// Rows.
    pub const HEIGHT: usize = 64;
    /// QEMU draws each of the panel's pixels as a block of this many columns and rows.
    const SCALE: usize = 4;

    /// Bytes of a frame buffer: two pixels a byte.
    pub const FRAME_LEN: usize = Self::WIDTH * Self::HEIGHT / 2;

    /// Reads a frame buffer's bytes, the high nibble left.
    ///
    /// # Errors
    /// [`PanelError::Length`] for another length than [`Panel::FRAME_LEN`].
    pub fn from_frame(bytes: &[u8]) -> Result<Self, PanelError> {
        if bytes.len() != Self::FRAME_LEN {
            return Err(PanelError::Length {
                found: bytes.len(),
                expected: Self::FRAME_LEN,
            });
        }
        let levels = bytes.iter().flat_map(|pair| [pair >> 4, pair & 0xF]);
        Ok(Self {
            levels: levels.collect(),
        })
    }

    /// Reads a `screendump` of QEMU in PPM format.
    ///
    /// # Errors
    /// [`PanelError`] where the picture is not exactly one that the panel can show.
    pub fn from_ppm(file: &[u8]) -> Result<Self, PanelError> {
        let (width, height, max, pixels) = parse_ppm(file)?;
        if (width, height, max) != (Self::WIDTH * Self::SCALE, Self::HEIGHT * Self::SCALE, 255) {
            return Err(PanelError::Size { width, height, max });
        }
        let expected = width * height * 3;
        if pixels.len() != expected {
            return Err(PanelError::Length {
                found: pixels.len(),
                expected,
            });
        }
        let mut levels = vec![0; Self::WIDTH * Self::HEIGHT];
        for (index, rgb) in pixels.as_chunks::<3>().0.iter().enumerate() {
            let (x, y) = (index % width, index / width);
            let [red, green, blue] = *rgb;
            if red != green || green != blue || red % 17 != 0 {
                return Err(PanelError::Colour { x, y, rgb: *rgb });
            }
            let (column, row) = (x / Self::SCALE, y / Self::SCALE);
            let level = &mut levels[row * Self::WIDTH + column];
            if x % Self::SCALE == 0 && y % Self::SCALE == 0 {
                *level = red / 17;
            } else if *level != red / 17 {
                return Err(PanelError::NotUniform { x: column, y: row });
            }
        }
        Ok(Self { levels })
    }

    /// The grey levels, 0 to 15, row by row from the top left.
    pub fn levels(&self) -> &[u8] {
        &self.levels
    }

    /// As a picture with levels 0 to 255: each of the panel's levels times 17.
    pub fn to_gray(&self) -> GrayImage {
        GrayImage {
            width: Self::WIDTH,
            height: Self::HEIGHT,
            pixels: self.levels.iter().map(|level| level * 17).collect(),
        }
    }

    /// Column, row, own level and level in `expected` of the first pixel that differs from
    /// `expected`, which has 128 x 64 levels, 0 to 15.
    pub fn first_difference(&self, expected: &[u8]) -> Option<(usize, usize, u8, Option<u8>)> {
        (0..self.levels.len().max(expected.len())).find_map(|index| {
            let own = self.levels.get(index).copied();
            let other = expected.get(index).copied();
            (own != other).then_some((
                index % Self::WIDTH,
                index / Self::WIDTH,
                own.unwrap_or(0),
                other,
            ))
        })
    }
}

impl std::fmt::Debug for Panel {
    /// 8,192 numbers would hide the message of a failed assertion.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lit = self.levels.iter().filter(|&&level| level > 0).count();
        write!(f, "Panel with {lit} lit pixels")
    }
}

/// Width, height, largest value, and everything after the header.
fn parse_ppm(file: &[u8]) -> Result<(usize, usize, usize, &[u8]), PanelError> {
    let mut rest = file
        .strip_prefix(b"P6")
        .ok_or(PanelError::NotPpm("the first two bytes are not P6"))?;
    let mut numbers = [0; 3];
    for number in &mut numbers {
        let before = rest.len();
        loop {
            rest = rest.trim_ascii_start();
            if rest.first() != Some(&b'#') {
                break;
            }
            let end = rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
            rest = &rest[end..];
        }
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        if before == rest.len() || digits == 0 || digits > 6 {
            return Err(PanelError::NotPpm("its header lacks a number"));
        }
        *number = rest[..digits]
            .iter()
            .fold(0, |value, digit| value * 10 + usize::from(digit - b'0'));
        rest = &rest[digits..];
    }
    match rest.split_first() {
        // Exactly one: the first pixel may look like white space.
        Some((byte, pixels)) if byte.is_ascii_whitespace() => {
            Ok((numbers[0], numbers[1], numbers[2], pixels))
        }
        _ => Err(PanelError::NotPpm("its header does not end")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screendump(level: impl Fn(usize, usize) -> u8) -> Vec<u8> {
        let mut file = b"P6\n512 256\n255\n".to_vec();
        for y in 0..256 {
            for x in 0..512 {
                file.extend([level(x / 4, y / 4) * 17; 3]);
            }
        }
        file
    }

    fn pattern(x: usize, y: usize) -> u8 {
        ((x * 7 + y * 3) % 16) as u8
    }

    #[test]
    fn a_screendump_gives_back_the_levels() {
        let panel = Panel::from_ppm(&screendump(pattern)).unwrap();
        for y in 0..64 {
            for x in 0..128 {
                assert_eq!(panel.levels()[y * 128 + x], pattern(x, y));
                assert_eq!(panel.to_gray().pixels[y * 128 + x], pattern(x, y) * 17);
            }
        }
    }

    #[test]
    fn comments_and_a_first_pixel_that_looks_like_white_space_are_read() {
        // 0x20 and 0x0a are not multiples of 17, so check the header's parser itself.
        let parsed = parse_ppm(b"P6 # size\n1\t2#x\n255\n\n \n").unwrap();
        assert_eq!(parsed, (1, 2, 255, &b"\n \n"[..]));
    }

    #[test]
    fn every_deviation_is_a_typed_error() {
        let good = screendump(pattern);
        let header = b"P6\n512 256\n255\n".len();
        let with = |offset: usize, value: u8| {
            let mut file = good.clone();
            file[offset] = value;
            Panel::from_ppm(&file)
        };
        assert!(matches!(with(1, b'5'), Err(PanelError::NotPpm(_))));
        assert!(matches!(
            with(3, b'4'),
            Err(PanelError::Size { width: 412, .. })
        ));
        assert!(matches!(
            with(header + 3 * 512, 3),
            Err(PanelError::Colour {
                x: 0,
                y: 1,
                rgb: [3, ..]
            })
        ));
        let mut file = good.clone();
        file[header + 3..header + 6].fill(17);
        assert_eq!(
            Panel::from_ppm(&file),
            Err(PanelError::NotUniform { x: 0, y: 0 })
        );
        let mut longer = good.clone();
        longer.push(0);
        assert!(matches!(
            Panel::from_ppm(&longer),
            Err(PanelError::Length { .. })
        ));
        for length in (0..header + 4).chain([good.len() - 1]) {
            assert!(Panel::from_ppm(&good[..length]).is_err(), "{length} bytes");
        }
        for header in [
            "P6\n99999999999999999999 1\n255\n",
            "P6512 256 255\n",
            "P6\n-1 1 255\n",
        ] {
            assert!(Panel::from_ppm(header.as_bytes()).is_err(), "{header}");
        }
    }

    #[test]
    fn the_first_difference_is_named() {
        let panel = Panel::from_ppm(&screendump(pattern)).unwrap();
        let mut expected = panel.levels().to_vec();
        assert_eq!(panel.first_difference(&expected), None);
        expected[128 * 2 + 5] ^= 1;
        let (own, other) = (pattern(5, 2), pattern(5, 2) ^ 1);
        assert_eq!(
            panel.first_difference(&expected),
            Some((5, 2, own, Some(other)))
        );
        assert_eq!(
            panel.first_difference(&panel.levels()[..8191]).map(|d| d.3),
            Some(None)
        );
    }
}
