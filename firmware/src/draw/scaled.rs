//! A picture at any size: embedded-graphics itself cannot scale.

use super::FromGrey;
use crate::engine::Picture;
use core::marker::PhantomData;
use embedded_graphics::{image::ImageDrawable, prelude::*, primitives::Rectangle};

/// How pixels between the picture's pixels are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Filter {
    /// The nearest pixel.
    Nearest,
    /// Mixed from the four nearest pixels, in integers.
    #[default]
    Bilinear,
}

/// A picture scaled to `size`, drawn with colours `C`. Pixel centres of the picture and of the target coincide at the
/// borders' midpoints: target pixel `x` samples at `(x + 1/2) * width / size.width - 1/2`.
#[derive(Debug, Clone, Copy)]
pub struct Scaled<'m, C> {
    picture: Picture<'m>,
    size: Size,
    filter: Filter,
    colour: PhantomData<C>,
}

impl<'m, C: FromGrey> Scaled<'m, C> {
    /// A picture at a size in pixels.
    pub const fn new(picture: Picture<'m>, size: Size, filter: Filter) -> Self {
        Self {
            picture,
            size,
            filter,
            colour: PhantomData,
        }
    }

    /// The largest size within `bounds` that keeps the picture's proportions; at least one pixel.
    pub fn fit(picture: Picture<'m>, bounds: Size, filter: Filter) -> Self {
        let (w, h) = (
            u32::from(picture.width()).max(1),
            u32::from(picture.height()).max(1),
        );
        // Panels and pictures are far smaller than 2^16 pixels a side; a hostile size saturates.
        let by_width = h.saturating_mul(bounds.width) / w;
        let size = if by_width <= bounds.height {
            Size::new(bounds.width, by_width)
        } else {
            Size::new(w.saturating_mul(bounds.height) / h, bounds.height)
        };
        Self::new(picture, size.component_max(Size::new_equal(1)), filter)
    }

    /// The grey level at a target pixel's position along both axes.
    fn level(&self, x: Axis, y: Axis) -> u8 {
        let row = |y| {
            let (a, b) = (self.picture.grey(x.low, y), self.picture.grey(x.high, y));
            // Nine bits of weight, eight of level.
            u32::from(a) * (256 - x.part) + u32::from(b) * x.part
        };
        let mixed = row(y.low) * (256 - y.part) + row(y.high) * y.part;
        // Weights sum to 2^16 and levels have 8 bits, so the sum has 24 and the rounded result eight.
        ((mixed + (1 << 15)) >> 16) as u8
    }
}

/// Between which two source pixels a target pixel lies, and how far from the first, in 1/256.
#[derive(Clone, Copy)]
struct Axis {
    low: usize,
    high: usize,
    part: u32,
}

impl Axis {
    fn new(filter: Filter, at: u32, target: u32, source: u16) -> Self {
        // Targets have fewer than 2^15 pixels a side; a larger one would be drawn wrongly, not panic.
        let (source, halves) = (
            u32::from(source.max(1)),
            target.max(1).wrapping_mul(2).max(1),
        );
        let centre = at.wrapping_mul(2).wrapping_add(1).wrapping_mul(source);
        // In units of 1/256, without a product of more than 32 bits.
        let (low, part) = (centre / halves, centre % halves);
        let centre = low
            .wrapping_mul(256)
            .wrapping_add(part.wrapping_mul(256) / halves);
        let last = source - 1;
        match filter {
            Filter::Nearest => {
                let low = (centre / 256).min(last) as usize;
                Self {
                    low,
                    high: low,
                    part: 0,
                }
            }
            Filter::Bilinear => {
                let position = centre.saturating_sub(128).min(last * 256);
                let low = position / 256;
                Self {
                    low: low as usize,
                    high: (low + 1).min(last) as usize,
                    part: position % 256,
                }
            }
        }
    }
}

impl<C> OriginDimensions for Scaled<'_, C> {
    fn size(&self) -> Size {
        self.size
    }
}

impl<C: FromGrey> ImageDrawable for Scaled<'_, C> {
    type Color = C;

    fn draw<D: DrawTarget<Color = C>>(&self, target: &mut D) -> Result<(), D::Error> {
        let Size { width, height } = self.size;
        for row in 0..height {
            let y = Axis::new(self.filter, row, height, self.picture.height());
            let colours = (0..width).map(|column| {
                let x = Axis::new(self.filter, column, width, self.picture.width());
                // Panels have fewer than 2^31 pixels a side.
                C::from_grey(self.level(x, y), Point::new(column as i32, row as i32))
            });
            let area = Rectangle::new(Point::new(0, row as i32), Size::new(width, 1));
            target.fill_contiguous(&area, colours)?;
        }
        Ok(())
    }

    fn draw_sub_image<D: DrawTarget<Color = C>>(
        &self,
        target: &mut D,
        area: &Rectangle,
    ) -> Result<(), D::Error> {
        let window = Rectangle::new(Point::zero(), area.size);
        self.draw(&mut target.clipped(&window).translated(-area.top_left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use embedded_graphics::{
        image::{Image, ImageDrawableExt},
        mock_display::MockDisplay,
        pixelcolor::{BinaryColor, Gray4, Gray8},
    };
    use shared::image::PixelRange;
    use shared::layer::Region;

    /// Signed elements: -128 black, 127 white.
    fn picture(data: &[i8], width: u16, height: u16) -> Picture<'_> {
        let region = Region {
            offset: 0,
            channels: 1,
            height,
            width,
            exponent: 0,
        };
        Picture::new(data, &region, PixelRange::Signed)
    }

    fn drawn<C: FromGrey>(scaled: Scaled<'_, C>, at: Point) -> MockDisplay<C> {
        let mut display = MockDisplay::new();
        Image::new(&scaled, at).draw(&mut display).unwrap();
        display
    }

    // Grey levels 0, 255, 3 * 17; 9 * 17, 0, 255.
    const CORNERS: [i8; 6] = [-128, 127, -77, 25, -128, 127];

    #[test]
    fn nearest_repeats_pixels() {
        let scaled =
            Scaled::<Gray4>::new(picture(&CORNERS, 3, 2), Size::new(6, 4), Filter::Nearest);
        drawn(scaled, Point::new(1, 0)).assert_pattern(&[
            " 00FF33", //
            " 00FF33", //
            " 9900FF", //
            " 9900FF",
        ]);
    }

    #[test]
    fn bilinear_mixes_between_centres() {
        let ramp = picture(&[-128, 127], 2, 1);
        let scaled = Scaled::<Gray4>::new(ramp, Size::new(8, 2), Filter::Bilinear);
        // Centres at 1/4 and 3/4 of the width: flat before and behind, even steps of 1/4 between.
        drawn(scaled, Point::zero()).assert_pattern(&[
            "00269DFF", //
            "00269DFF",
        ]);
    }

    #[test]
    fn the_same_size_changes_nothing() {
        for filter in [Filter::Nearest, Filter::Bilinear] {
            let scaled = Scaled::<Gray4>::new(picture(&CORNERS, 3, 2), Size::new(3, 2), filter);
            drawn(scaled, Point::zero()).assert_pattern(&["0F3", "90F"]);
        }
    }

    #[test]
    fn smaller_keeps_levels_between_the_extremes() {
        let scaled =
            Scaled::<Gray4>::new(picture(&CORNERS, 3, 2), Size::new(1, 1), Filter::Bilinear);
        // The middle of the second column: half of F above, half of 0 below.
        drawn(scaled, Point::zero()).assert_pattern(&["8"]);
    }

    #[test]
    fn one_bit_panels_are_dithered() {
        let half = [0i8; 1];
        let scaled =
            Scaled::<BinaryColor>::new(picture(&half, 1, 1), Size::new(8, 4), Filter::Nearest);
        drawn(scaled, Point::zero()).assert_pattern(&[
            "#.#.#.#.", //
            ".#.#.#.#", //
            "#.#.#.#.", //
            ".#.#.#.#",
        ]);
    }

    #[test]
    fn flat_pictures_stay_flat_at_every_size() {
        for (w, h) in [(1, 1), (3, 7), (28, 28), (64, 64), (61, 2)] {
            let scaled =
                Scaled::<Gray8>::new(picture(&[100; 9], 3, 3), Size::new(w, h), Filter::Bilinear);
            let display = drawn(scaled, Point::zero());
            assert_eq!(
                display.affected_area(),
                Rectangle::new(Point::zero(), Size::new(w, h))
            );
            assert_eq!(
                display.get_pixel(Point::new(w as i32 - 1, h as i32 - 1)),
                Some(Gray8::new(228))
            );
        }
    }

    #[test]
    fn a_part_of_a_scaled_picture() {
        let scaled =
            Scaled::<Gray4>::new(picture(&CORNERS, 3, 2), Size::new(6, 4), Filter::Nearest);
        let part = scaled.sub_image(&Rectangle::new(Point::new(1, 1), Size::new(3, 2)));
        let mut display = MockDisplay::new();
        Image::new(&part, Point::zero()).draw(&mut display).unwrap();
        display.assert_pattern(&["0FF", "900"]);
    }

    #[test]
    fn fitting_keeps_proportions() {
        let size =
            |w, h, bounds| Scaled::<Gray4>::fit(picture(&[], w, h), bounds, Filter::Nearest).size();
        assert_eq!(size(28, 28, Size::new(60, 56)), Size::new(56, 56));
        assert_eq!(size(64, 32, Size::new(56, 56)), Size::new(56, 28));
        assert_eq!(size(32, 64, Size::new(56, 56)), Size::new(28, 56));
        assert_eq!(size(1, u16::MAX, Size::new(28, 28)), Size::new(1, 28));
        assert_eq!(size(0, 0, Size::new(5, 9)), Size::new(5, 5));
    }
}
