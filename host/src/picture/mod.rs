//! Grey pictures.

pub mod terminal;

/// A grey picture, row by row from the top left; 0 is black, 255 white.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrayImage {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width * height` levels.
    pub pixels: Vec<u8>,
}
