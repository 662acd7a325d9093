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

/// A picture scaled to `size`, drawn with colours `C`. Pixel centres of the picture and of the
/// target coincide at the borders' midpoints: target pixel `x` samples at `(x + 1/2) * width /
/// size.width - 1/2`.
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
}

/// Columns of the target that are drawn together, so that where they lie in the source is found
/// once for all rows.
const STRIP: usize = 64;

/// Where the pixels of a target lie along one axis of the source, one after the other, in 1/256 of
/// a source pixel: a division when it starts, and none on the way, since the smallest cores divide
/// in software.
#[derive(Clone, Copy)]
struct Axis {
    filter: Filter,
    /// The last source pixel.
    last: u32,
    /// The centre of the pixel whose turn it is, and the rest of that division.
    centre: u32,
    rest: u32,
    /// From one pixel to the next, and the rest of that division.
    step: u32,
    step_rest: u32,
    /// What was divided by: half pixels of the target.
    halves: u32,
}

impl Axis {
    fn new(filter: Filter, target: u32, source: u16) -> Self {
        // Targets and sources have fewer than 2^15 pixels a side; larger ones would be drawn
        // wrongly, not panic.
        let source = u32::from(source.max(1));
        let halves = target.max(1).wrapping_mul(2).max(1);
        // 256 * (2 * at + 1) * source / halves, for at = 0, and what every further pixel adds.
        let (first, step) = (source.wrapping_mul(256), source.wrapping_mul(512));
        Self {
            filter,
            last: source - 1,
            centre: first / halves,
            rest: first % halves,
            step: step / halves,
            step_rest: step % halves,
            halves,
        }
    }

    /// Where the next pixel is.
    fn next(&mut self) -> u32 {
        let centre = self.centre;
        self.centre = centre.wrapping_add(self.step);
        self.rest = self.rest.wrapping_add(self.step_rest);
        if self.rest >= self.halves {
            self.rest -= self.halves;
            self.centre = self.centre.wrapping_add(1);
        }
        match self.filter {
            Filter::Nearest => (centre / 256).min(self.last) * 256,
            Filter::Bilinear => centre.saturating_sub(128).min(self.last * 256),
        }
    }
}

/// One row of the source at places along it, times 256: mixed from the columns that a place is
/// between. The column behind the last counts nothing.
#[inline(never)]
fn line(picture: &Picture<'_>, row: u32, places: &[u32], line: &mut [u16]) {
    let grey = |x: u32| u32::from(picture.grey(x as usize, row as usize));
    // No picture is so wide. Not that the first column is taken for its right neighbour.
    let mut left = u32::MAX - 1;
    let (mut first, mut second) = (0, 0);
    for (&place, level) in places.iter().zip(line) {
        let (x, part) = (place / 256, place % 256);
        if x != left {
            first = if x.wrapping_sub(1) == left {
                second
            } else {
                grey(x)
            };
            second = grey(x + 1);
            left = x;
        }
        // Weights sum to 2^8 and levels have eight bits.
        *level = (first * (256 - part) + second * part) as u16;
    }
}

/// The levels of one row of the target, from two lines of the source and how far it is from the
/// first to the second, in 1/256.
#[inline(never)]
fn mix(above: &[u16], below: &[u16], part: u32, levels: &mut [u8]) {
    for ((&above, &below), level) in above.iter().zip(below).zip(levels) {
        let (above, below) = (u32::from(above), u32::from(below));
        // above * (256 - part) + below * part, rounded: a sum of 24 bits, a result of eight.
        let slope = below.wrapping_sub(above).wrapping_mul(part);
        *level = ((above * 256 + (1 << 15)).wrapping_add(slope) >> 16) as u8;
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
        let mut columns = Axis::new(self.filter, width, self.picture.width());
        let (mut places, mut levels) = ([0; STRIP], [0; STRIP]);
        let (mut above, mut below) = ([0; STRIP], [0; STRIP]);
        for left in (0..width).step_by(STRIP) {
            let count = STRIP.min((width - left) as usize);
            let (places, levels) = (&mut places[..count], &mut levels[..count]);
            places.fill_with(|| columns.next());
            let mut rows = Axis::new(self.filter, height, self.picture.height());
            // Panels have fewer than 2^31 pixels a side.
            let left = left as i32;
            // The source's row that `above` has; none yet.
            let mut upper = u32::MAX;
            for row in 0..height as i32 {
                let y = rows.next();
                if y / 256 != upper {
                    let next = upper.wrapping_add(1);
                    upper = y / 256;
                    if upper == next && row > 0 {
                        above = below;
                    } else {
                        line(&self.picture, upper, places, &mut above);
                    }
                    line(&self.picture, upper + 1, places, &mut below);
                }
                mix(&above, &below, y % 256, levels);
                let colours = (left..).zip(&*levels);
                let colours = colours.map(|(x, &level)| C::from_grey(level, Point::new(x, row)));
                let area = Rectangle::new(Point::new(left, row), Size::new(count as u32, 1));
                target.fill_contiguous(&area, colours)?;
            }
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
    use shared::op::Region;

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
    fn places_without_divisions_are_those_of_the_formula() {
        for (target, source) in [
            (1, 1),
            (8, 3),
            (168, 28),
            (56, 28),
            (7, 100),
            (240, 1),
            (3, 3),
        ] {
            let mut axis = Axis::new(Filter::Bilinear, target, source);
            for at in 0..target {
                let centre = 256 * (2 * at + 1) * u32::from(source) / (2 * target);
                let expected = centre
                    .saturating_sub(128)
                    .min((u32::from(source) - 1) * 256);
                assert_eq!(axis.next(), expected, "{at} of {target} from {source}");
            }
        }
    }

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
