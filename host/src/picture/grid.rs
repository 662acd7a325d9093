//! Tiles in rows and columns.

use super::{GrayImage, PictureError};

/// How tiles are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Tiles in a row.
    pub columns: usize,
    /// Pixels between tiles and around them, before scaling.
    pub gap: usize,
    /// Grey level of the gap.
    pub gap_level: u8,
    /// Each pixel becomes a square of this side; 0 counts as 1.
    pub scale: usize,
}

impl Default for Grid {
    fn default() -> Self {
        Self {
            columns: 10,
            gap: 2,
            gap_level: 64,
            scale: 1,
        }
    }
}

/// Lays `tiles` out from the top left, row by row; each cell has the size of the largest tile.
///
/// # Errors
/// [`PictureError::TooLarge`].
pub fn grid(tiles: &[GrayImage], layout: Grid) -> Result<GrayImage, PictureError> {
    let columns = layout.columns.clamp(1, tiles.len().max(1));
    let rows = tiles.len().div_ceil(columns);
    let cell = |side: fn(&GrayImage) -> usize| {
        tiles
            .iter()
            .map(side)
            .max()
            .unwrap_or(0)
            .saturating_add(layout.gap)
    };
    let (cell_width, cell_height) = (cell(|tile| tile.width), cell(|tile| tile.height));
    let width = columns
        .saturating_mul(cell_width)
        .saturating_add(layout.gap);
    let height = rows.saturating_mul(cell_height).saturating_add(layout.gap);
    let mut canvas = GrayImage::filled(width, height, layout.gap_level)?;
    for (index, tile) in tiles.iter().enumerate() {
        let x = layout.gap + index % columns * cell_width;
        let y = layout.gap + index / columns * cell_height;
        canvas.paste(tile, x, y);
    }
    enlarge(canvas, layout.scale)
}

/// Every pixel as a square of `scale` x `scale`.
fn enlarge(picture: GrayImage, scale: usize) -> Result<GrayImage, PictureError> {
    if scale <= 1 || picture.pixels.is_empty() {
        return Ok(picture);
    }
    let (width, height) = (
        picture.width.saturating_mul(scale),
        picture.height.saturating_mul(scale),
    );
    let mut large = GrayImage::filled(width, height, 0)?;
    for (y, row) in large.pixels.chunks_exact_mut(width).enumerate() {
        let source = &picture.pixels[y / scale * picture.width..][..picture.width];
        for (square, level) in row.chunks_exact_mut(scale).zip(source) {
            square.fill(*level);
        }
    }
    Ok(large)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_lie_in_rows_with_gaps() {
        let tiles: Vec<_> = (1..=3)
            .map(|level| GrayImage::filled(1, 1, level).unwrap())
            .collect();
        let layout = Grid {
            columns: 2,
            gap: 1,
            gap_level: 9,
            scale: 1,
        };
        let picture = grid(&tiles, layout).unwrap();
        assert_eq!((picture.width, picture.height), (5, 5));
        #[rustfmt::skip]
        let expected = [
            9, 9, 9, 9, 9,
            9, 1, 9, 2, 9,
            9, 9, 9, 9, 9,
            9, 3, 9, 9, 9,
            9, 9, 9, 9, 9,
        ];
        assert_eq!(picture.pixels, expected);
    }

    #[test]
    fn pixels_are_enlarged_to_squares() {
        let tile = GrayImage::new(2, 1, vec![5, 7]).unwrap();
        let layout = Grid {
            gap: 0,
            scale: 2,
            ..Grid::default()
        };
        let picture = grid(&[tile], layout).unwrap();
        assert_eq!((picture.width, picture.height), (4, 2));
        assert_eq!(picture.pixels, [5, 5, 7, 7, 5, 5, 7, 7]);
    }

    #[test]
    fn no_tiles_and_absurd_layouts_do_not_panic() {
        assert!(grid(&[], Grid::default()).is_ok());
        let tile = GrayImage::filled(1, 1, 0).unwrap();
        for (gap, scale) in [(usize::MAX, 1), (1, usize::MAX), (1 << 40, 1)] {
            let layout = Grid {
                gap,
                scale,
                ..Grid::default()
            };
            assert!(matches!(
                grid(std::slice::from_ref(&tile), layout),
                Err(PictureError::TooLarge { .. })
            ));
        }
    }
}
