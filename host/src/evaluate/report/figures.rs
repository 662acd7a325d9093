//! Pictures of a report: grids, and differences of grids, as PNG in data URIs.

use crate::evaluate::EvaluateError;
use crate::evaluate::pictures::Pictures;
use crate::picture::{GrayImage, Grid, grid};

/// Pictures beside each other in a grid.
const COLUMNS: usize = 10;

/// How much a difference is enlarged to be seen.
pub const ENLARGED: u8 = 4;

/// A PNG in a data URI, and its size in pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// `data:image/png;base64,...`
    pub uri: String,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// A grid of all pictures of a set, ten a row, or one a class where there are fewer classes.
///
/// # Errors
/// [`EvaluateError::Picture`].
pub fn sheet(pictures: &Pictures, classes: usize) -> Result<Figure, EvaluateError> {
    let tiles: Vec<GrayImage> = (0..pictures.len())
        .filter_map(|index| pictures.picture(index))
        .collect();
    let layout = Grid {
        columns: if pictures.labels.is_some() {
            classes.clamp(1, COLUMNS)
        } else {
            COLUMNS
        },
        gap: 1,
        ..Grid::default()
    };
    figure(&grid(&tiles, layout)?)
}

/// The absolute difference of two sets, pixel by pixel, [`ENLARGED`] times; black where they are
/// equal.
pub fn difference(a: &Pictures, b: &Pictures) -> Pictures {
    let apart = a.images.iter().zip(&b.images);
    Pictures {
        images: apart
            .map(|(a, b)| a.abs_diff(*b).saturating_mul(ENLARGED))
            .collect(),
        ..a.clone()
    }
}

fn figure(picture: &GrayImage) -> Result<Figure, EvaluateError> {
    Ok(Figure {
        uri: format!("data:image/png;base64,{}", base64(&picture.to_png()?)),
        width: picture.width,
        height: picture.height,
    })
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let at = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for i in 0..4 {
            // Six bits, so below 64.
            let six = (bits >> (18 - 6 * i) & 63) as usize;
            text.push(if i <= chunk.len() {
                char::from(ALPHABET[six])
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_the_standard() {
        let cases = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(base64(bytes.as_bytes()), expected);
        }
        assert_eq!(base64(&[0xFB, 0xFF]), "+/8=");
    }

    #[test]
    fn differences_are_enlarged_and_absolute() {
        let set = |images| Pictures::new("x", images, None, 1, 3);
        let found = difference(&set(vec![0, 10, 255]), &set(vec![3, 8, 0]));
        assert_eq!(found.images, [12, 8, 255]);
        let sheet = sheet(&found, 10).unwrap();
        assert_eq!((sheet.width, sheet.height), (5, 3));
        assert!(sheet.uri.starts_with("data:image/png;base64,iVBORw0KGgo"));
    }
}
