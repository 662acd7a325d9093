//! The picture of the 128x64 panel with 16 grey levels, in its own format.

use core::convert::Infallible;
use embedded_graphics::{pixelcolor::Gray4, prelude::*, primitives::Rectangle};

/// Columns of the panel.
pub const WIDTH: usize = 128;

/// Rows of the panel.
pub const HEIGHT: usize = 64;

const LEN: usize = WIDTH * HEIGHT / 2;

// Two pixels a byte: a row must not end within one.
const _: () = assert!(WIDTH.is_multiple_of(2) && LEN == 4096);

/// 64 rows of 64 bytes; the high nibble is the left pixel, 15 is white. What the host draws here is
/// what the device shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameBuffer {
    bytes: [u8; LEN],
}

impl FrameBuffer {
    /// All black.
    pub const fn new() -> Self {
        Self { bytes: [0; LEN] }
    }

    /// The bytes as the panel takes them, row by row.
    pub const fn bytes(&self) -> &[u8; LEN] {
        &self.bytes
    }

    /// The level of a pixel, 0 to 15; 0 outside.
    pub fn level(&self, x: usize, y: usize) -> u8 {
        if x >= WIDTH || y >= HEIGHT {
            return 0;
        }
        let pair = self.bytes[y * (WIDTH / 2) + x / 2];
        if x.is_multiple_of(2) {
            pair >> 4
        } else {
            pair & 0xF
        }
    }

    /// All levels, 0 to 15, row by row.
    pub fn levels(&self) -> impl Iterator<Item = u8> + '_ {
        self.bytes.iter().flat_map(|&pair| [pair >> 4, pair & 0xF])
    }

    fn set(&mut self, x: usize, y: usize, colour: Gray4) {
        if x < WIDTH && y < HEIGHT {
            let pair = &mut self.bytes[y * (WIDTH / 2) + x / 2];
            *pair = if x.is_multiple_of(2) {
                (*pair & 0x0F) | (colour.luma() << 4)
            } else {
                (*pair & 0xF0) | colour.luma()
            };
        }
    }
}

impl Default for FrameBuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl OriginDimensions for FrameBuffer {
    fn size(&self) -> Size {
        Size::new(WIDTH as u32, HEIGHT as u32)
    }
}

impl DrawTarget for FrameBuffer {
    type Color = Gray4;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Gray4>>>(
        &mut self,
        pixels: I,
    ) -> Result<(), Infallible> {
        for Pixel(at, colour) in pixels {
            // A negative coordinate becomes a large one and is dropped.
            self.set(at.x as usize, at.y as usize, colour);
        }
        Ok(())
    }

    fn fill_solid(&mut self, area: &Rectangle, colour: Gray4) -> Result<(), Infallible> {
        for Point { x, y } in area.intersection(&self.bounding_box()).points() {
            self.set(x as usize, y as usize, colour);
        }
        Ok(())
    }

    fn clear(&mut self, colour: Gray4) -> Result<(), Infallible> {
        self.bytes.fill(colour.luma() * 0x11);
        Ok(())
    }
}

super::screen_in_memory!(FrameBuffer);

#[cfg(test)]
mod tests {
    use super::*;
    use embedded_graphics::{
        mock_display::MockDisplay,
        primitives::{Circle, PrimitiveStyle},
    };

    #[test]
    fn pixels_share_bytes_without_touching_their_neighbour() {
        let mut frame = FrameBuffer::new();
        let pixels = [
            (0, 0, 0xA),
            (1, 0, 0x5),
            (127, 63, 0xF),
            (2, 1, 0x3),
            (2, 1, 0x4),
        ];
        frame
            .draw_iter(pixels.map(|(x, y, l)| Pixel(Point::new(x, y), Gray4::new(l))))
            .unwrap();
        assert_eq!(
            (frame.bytes()[0], frame.bytes()[65], frame.bytes()[4095]),
            (0xA5, 0x40, 0x0F)
        );
        assert_eq!(
            (
                frame.level(0, 0),
                frame.level(1, 0),
                frame.level(127, 63),
                frame.level(128, 0)
            ),
            (10, 5, 15, 0)
        );
        assert_eq!(frame.levels().map(u32::from).sum::<u32>(), 10 + 5 + 15 + 4);
    }

    #[test]
    fn drawing_outside_is_dropped() {
        let mut frame = FrameBuffer::new();
        for (x, y) in [(-1, 0), (0, -1), (128, 0), (0, 64), (i32::MIN, i32::MAX)] {
            frame
                .draw_iter([Pixel(Point::new(x, y), Gray4::WHITE)])
                .unwrap();
        }
        frame
            .fill_solid(
                &Rectangle::new(Point::new(-9, 70), Size::new(300, 300)),
                Gray4::WHITE,
            )
            .unwrap();
        assert_eq!(frame, FrameBuffer::new());
        frame.clear(Gray4::new(7)).unwrap();
        assert!(frame.levels().all(|level| level == 7));
    }

    #[test]
    fn equals_the_mock_display() {
        let mut mock = MockDisplay::<Gray4>::new();
        let mut frame = FrameBuffer::new();
        let circle =
            Circle::new(Point::new(3, 5), 41).into_styled(PrimitiveStyle::with_fill(Gray4::new(9)));
        circle.draw(&mut mock).unwrap();
        circle.draw(&mut frame).unwrap();
        for Point { x, y } in mock.bounding_box().points() {
            let expected = mock.get_pixel(Point::new(x, y)).map_or(0, |c| c.luma());
            assert_eq!(frame.level(x as usize, y as usize), expected, "{x} {y}");
        }
    }
}
