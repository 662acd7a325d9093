//! The picture of a 128x64 panel with one bit a pixel, in the format of the SSD1306.

use super::{HEIGHT, WIDTH};
use core::convert::Infallible;
use embedded_graphics::{pixelcolor::BinaryColor, prelude::*};

const PAGES: usize = HEIGHT / 8;

// Eight rows a byte: the last page must be whole.
const _: () = assert!(HEIGHT.is_multiple_of(8));

/// Eight pages of 128 bytes: each byte eight pixels below one another, the lowest bit uppermost.
/// What the host draws here is what the device shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonoFrame {
    pages: [[u8; WIDTH]; PAGES],
}

impl MonoFrame {
    /// All off.
    pub const fn new() -> Self {
        Self {
            pages: [[0; WIDTH]; PAGES],
        }
    }

    /// The bytes as the panel takes them, page by page.
    pub fn bytes(&self) -> &[u8] {
        self.pages.as_flattened()
    }

    /// All pixels, row by row.
    pub fn pixels(&self) -> impl Iterator<Item = bool> + '_ {
        let rows = self
            .pages
            .iter()
            .flat_map(|page| (0..8).map(move |bit| (page, bit)));
        rows.flat_map(|(page, bit)| page.iter().map(move |byte| byte >> bit & 1 == 1))
    }
}

impl Default for MonoFrame {
    fn default() -> Self {
        Self::new()
    }
}

impl OriginDimensions for MonoFrame {
    fn size(&self) -> Size {
        Size::new(WIDTH as u32, HEIGHT as u32)
    }
}

impl DrawTarget for MonoFrame {
    type Color = BinaryColor;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<BinaryColor>>>(
        &mut self,
        pixels: I,
    ) -> Result<(), Infallible> {
        for Pixel(at, colour) in pixels {
            // A negative coordinate becomes a large one and is dropped.
            let (x, y) = (at.x as usize, at.y as usize);
            if let Some(byte) = self.pages.get_mut(y / 8).and_then(|page| page.get_mut(x)) {
                let bit = 1 << (y % 8);
                *byte = if colour.is_on() {
                    *byte | bit
                } else {
                    *byte & !bit
                };
            }
        }
        Ok(())
    }

    fn clear(&mut self, colour: BinaryColor) -> Result<(), Infallible> {
        let byte = if colour.is_on() { 0xFF } else { 0 };
        self.pages.as_flattened_mut().fill(byte);
        Ok(())
    }
}

super::screen_in_memory!(MonoFrame);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_share_bytes_without_touching_their_neighbour() {
        let mut frame = MonoFrame::new();
        let on = |x, y| Pixel(Point::new(x, y), BinaryColor::On);
        let corners = [
            on(0, 0),
            on(1, 9),
            on(127, 63),
            on(-1, 0),
            on(128, 0),
            on(0, 64),
        ];
        frame.draw_iter(corners).unwrap();
        let bytes = frame.bytes();
        assert_eq!((bytes[0], bytes[129], bytes[1023]), (1, 2, 0x80));
        assert_eq!(bytes.iter().map(|byte| byte.count_ones()).sum::<u32>(), 3);
        let lit = frame.pixels().zip(0usize..).filter(|(on, _)| *on);
        assert!(lit.map(|(_, at)| at).eq([0, 9 * 128 + 1, 63 * 128 + 127]));
        let off = Pixel(Point::new(1, 9), BinaryColor::Off);
        frame.draw_iter([off]).unwrap();
        assert_eq!(frame.bytes()[129], 0);
    }
}
