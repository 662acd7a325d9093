//! The picture of the 240x240 colour panel: grey levels, which take half the memory of its colours.

use core::convert::Infallible;
use core::ops::Range;
use embedded_graphics::{pixelcolor::Gray8, prelude::*, primitives::Rectangle};

/// 240 rows of 240 bytes, 255 is white. What the host draws here is what the device shows, by way
/// of [`rgb565`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[repr(align(4))]
pub struct GreyFrame {
    levels: [u8; Self::WIDTH * Self::HEIGHT],
}

const _: () = assert!(GreyFrame::WIDTH.is_multiple_of(4), "rows are read by words");

impl GreyFrame {
    /// Columns.
    pub const WIDTH: usize = 240;
    /// Rows.
    pub const HEIGHT: usize = 240;

    /// All black.
    pub const fn new() -> Self {
        Self {
            levels: [0; Self::WIDTH * Self::HEIGHT],
        }
    }

    /// The grey levels, row by row.
    pub const fn levels(&self) -> &[u8; Self::WIDTH * Self::HEIGHT] {
        &self.levels
    }

    /// Its rows, and what tells whether they changed.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let rows = self.levels.as_chunks::<{ Self::WIDTH }>().0;
        rows.iter().map(|levels| Row { levels })
    }

    /// The part of a row that an area covers.
    fn span(&mut self, y: i32, left: i32, width: u32) -> Option<&mut [u8]> {
        let start = usize::try_from(y).ok()? * Self::WIDTH + usize::try_from(left).ok()?;
        self.levels.get_mut(start..start + width as usize)
    }
}

/// The prime of FNV-1a with 32 bits, here by words instead of bytes, and from 0 instead of its basis, so that
/// a black row has 0: a [`Look`] has the place of the first word that is not. Fowler, Noll, Vo: RFC
/// 9923.
const PRIME: u32 = 0x0100_0193;

/// A row of a frame.
#[derive(Debug, Clone, Copy)]
pub struct Row<'f> {
    levels: &'f [u8; GreyFrame::WIDTH],
}

impl<'f> Row<'f> {
    /// Its grey levels.
    pub const fn levels(&self) -> &'f [u8; GreyFrame::WIDTH] {
        self.levels
    }

    /// What the row looks like.
    pub fn look(&self) -> Look {
        let words = self.levels.as_chunks::<4>().0;
        let mark = words.iter().fold(0, |mark: u32, word| {
            (mark ^ u32::from_ne_bytes(*word)).wrapping_mul(PRIME)
        });
        let is_lit = |word: &[u8; 4]| *word != [0; 4];
        // Fewer than 256 columns.
        let column = |word: usize| (4 * word) as u8;
        let start = words.iter().position(is_lit).map_or(0, column);
        let end = words.iter().rposition(is_lit);
        let end = end.map_or(0, |last| column(last + 1));
        Look { mark, start, end }
    }
}

const _: () = assert!(GreyFrame::WIDTH < 256, "columns are bytes");

/// What a row of a frame looks like: two rows that look the same are the same, but for one chance
/// in 2^32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    mark: u32,
    /// The columns outside of which all is black.
    start: u8,
    end: u8,
}

impl Look {
    /// The sum of a black row.
    pub const BLACK: Self = Self {
        mark: 0,
        start: 0,
        end: 0,
    };

    /// The columns that must be sent where a row that looked so shall look otherwise; none where it
    /// shall not.
    pub fn columns_to(self, other: Self) -> Range<usize> {
        if self == other {
            return 0..0;
        }
        // A black row has no columns, and must not count with its zeros.
        let spans = [self, other]
            .into_iter()
            .filter(|look| look.start < look.end);
        let (start, end) = spans.fold((u8::MAX, 0), |(start, end), look| {
            (start.min(look.start), end.max(look.end))
        });
        usize::from(start)..usize::from(end)
    }
}

/// A grey level in the panel's colours: five bits of red, six of green, five of blue. Each takes
/// the level's upper bits, so black and white are whole.
pub const fn rgb565(level: u8) -> u16 {
    let level = level as u16;
    (level >> 3) << 11 | (level >> 2) << 5 | level >> 3
}

impl Default for GreyFrame {
    fn default() -> Self {
        Self::new()
    }
}

impl OriginDimensions for GreyFrame {
    fn size(&self) -> Size {
        Size::new(Self::WIDTH as u32, Self::HEIGHT as u32)
    }
}

impl DrawTarget for GreyFrame {
    type Color = Gray8;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Gray8>>>(
        &mut self,
        pixels: I,
    ) -> Result<(), Infallible> {
        for Pixel(at, colour) in pixels {
            // A negative coordinate becomes a large one and is dropped.
            let (x, y) = (at.x as usize, at.y as usize);
            if x < Self::WIDTH && y < Self::HEIGHT {
                self.levels[y * Self::WIDTH + x] = colour.luma();
            }
        }
        Ok(())
    }

    fn fill_contiguous<I: IntoIterator<Item = Gray8>>(
        &mut self,
        area: &Rectangle,
        colours: I,
    ) -> Result<(), Infallible> {
        if area.intersection(&self.bounding_box()) != *area {
            let points = area.points().zip(colours);
            return self.draw_iter(points.map(|(at, colour)| Pixel(at, colour)));
        }
        // Row by row without a look at each pixel's place: pictures come this way.
        let mut colours = colours.into_iter();
        for y in area.rows() {
            let span = self.span(y, area.top_left.x, area.size.width);
            for (level, colour) in span.unwrap_or_default().iter_mut().zip(&mut colours) {
                *level = colour.luma();
            }
        }
        Ok(())
    }

    fn fill_solid(&mut self, area: &Rectangle, colour: Gray8) -> Result<(), Infallible> {
        let area = area.intersection(&self.bounding_box());
        for y in area.rows() {
            if let Some(span) = self.span(y, area.top_left.x, area.size.width) {
                span.fill(colour.luma());
            }
        }
        Ok(())
    }

    fn clear(&mut self, colour: Gray8) -> Result<(), Infallible> {
        self.levels.fill(colour.luma());
        Ok(())
    }
}

super::screen_in_memory!(GreyFrame);

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use embedded_graphics::{mock_display::MockDisplay, primitives::PrimitiveStyle};
    use std::boxed::Box;

    #[test]
    fn equals_the_mock_display() {
        let mut mock = MockDisplay::<Gray8>::new();
        let mut frame = Box::new(GreyFrame::new());
        let circle = embedded_graphics::primitives::Circle::new(Point::new(3, 5), 41)
            .into_styled(PrimitiveStyle::with_fill(Gray8::new(9)));
        circle.draw(&mut mock).unwrap();
        circle.draw(frame.as_mut()).unwrap();
        let area = Rectangle::new(Point::new(7, 50), Size::new(3, 2));
        let colours = || (1..=6).map(Gray8::new);
        mock.fill_contiguous(&area, colours()).unwrap();
        frame.fill_contiguous(&area, colours()).unwrap();
        for at in mock.bounding_box().points() {
            let expected = mock.get_pixel(at).map_or(0, |colour| colour.luma());
            let found = frame.levels()[at.y as usize * GreyFrame::WIDTH + at.x as usize];
            assert_eq!(found, expected, "{at}");
        }
    }

    #[test]
    fn drawing_outside_is_dropped() {
        let mut frame = Box::new(GreyFrame::new());
        for (x, y) in [(-1, 0), (0, -1), (240, 0), (0, 240), (i32::MIN, i32::MAX)] {
            let pixel = Pixel(Point::new(x, y), Gray8::WHITE);
            frame.draw_iter([pixel]).unwrap();
        }
        let outside = Rectangle::new(Point::new(-9, 250), Size::new(300, 300));
        frame.fill_solid(&outside, Gray8::WHITE).unwrap();
        assert!(frame.levels().iter().all(|&level| level == 0));
        // One column and one row of it are on the frame.
        let corner = Rectangle::new(Point::new(-1, -1), Size::new(2, 2));
        let colours = (1..=4).map(Gray8::new);
        frame.fill_contiguous(&corner, colours).unwrap();
        assert_eq!(frame.levels()[..2], [4, 0]);
    }

    #[test]
    fn looks_tell_rows_apart_and_what_to_send() {
        let mut frame = Box::new(GreyFrame::new());
        let looks = |frame: &GreyFrame| -> std::vec::Vec<Look> {
            frame.rows().map(|row| row.look()).collect()
        };
        let black = looks(&frame);
        assert!(black.iter().all(|&look| look == Look::BLACK));
        let mut before = black.clone();
        let mut last = None;
        for x in [0, 1, 7, 239, 120] {
            let pixel = Pixel(Point::new(x, 9), Gray8::new(1));
            frame.clear(Gray8::BLACK).unwrap();
            frame.draw_iter([pixel]).unwrap();
            let now = looks(&frame);
            for (y, (&now, &before)) in now.iter().zip(&before).enumerate() {
                let columns = before.columns_to(now);
                assert_eq!(columns.is_empty(), y != 9, "{x}");
                for changed in [Some(x), last].into_iter().flatten().filter(|_| y == 9) {
                    assert!(columns.contains(&(changed as usize)), "{x}: {columns:?}");
                }
            }
            (before, last) = (now, Some(x));
        }
        // Back to black: what was lit is sent, by whole words.
        assert_eq!(before[9].columns_to(Look::BLACK), 120..124);
        assert_eq!(before[9].columns_to(before[9]), 0..0);
    }

    #[test]
    fn colours_of_grey() {
        assert_eq!([0, 255, 8, 4].map(rgb565), [0, 0xFFFF, 0x0841, 0x0020]);
    }
}
