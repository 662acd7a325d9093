//! The plot of a training run: losses above, signs of health below, drawn with embedded-graphics
//! and its built-in bitmap fonts, so that no font of the system is needed.

use std::convert::Infallible;
use std::path::Path;

use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::ascii::FONT_6X13;
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{Line, PrimitiveStyle, Rectangle};
use embedded_graphics::text::{Alignment, Text, TextStyleBuilder};

use super::metrics::{Measures, Record};
use crate::picture::{self, PictureError};
use crate::system::files::write_atomically;

/// Size of the picture in pixels.
const SIZE: Size = Size::new(960, 640);

/// Pixels left of, right of, above and below each panel's frame.
const LEFT: i32 = 60;
const RIGHT: i32 = 20;
const ABOVE: i32 = 34;
const BELOW: i32 = 26;

const BACKGROUND: Rgb888 = Rgb888::WHITE;
const INK: Rgb888 = Rgb888::new(40, 40, 40);
const RULE: Rgb888 = Rgb888::new(225, 225, 225);
// Blue and vermilion of Okabe and Ito's palette, which colour-blind readers can tell apart.
const FIRST: Rgb888 = Rgb888::new(0, 114, 178);
const SECOND: Rgb888 = Rgb888::new(213, 94, 0);

/// One curve.
struct Series {
    name: &'static str,
    colour: Rgb888,
    values: Vec<f64>,
}

/// The curves of some measures of all records; their names are those of the last.
fn series(records: &[Record], of: fn(&Measures) -> Vec<(&'static str, f64)>) -> Vec<Series> {
    let Some(last) = records.last() else {
        return Vec::new();
    };
    let names = of(&last.measures).into_iter();
    names
        .zip([FIRST, SECOND])
        .enumerate()
        .map(|(i, ((name, _), colour))| {
            let value = |record: &Record| of(&record.measures).get(i).map_or(f64::NAN, |m| m.1);
            Series {
                name,
                colour,
                values: records.iter().map(value).collect(),
            }
        })
        .collect()
}

/// Draws the records of a run and writes the plot as PNG.
///
/// # Errors
/// [`PictureError`]. Records without a finite value are left out of their curve; no records give
/// empty axes.
pub fn write(records: &[Record], path: &Path) -> Result<(), PictureError> {
    let mut canvas = Canvas::new();
    let half = SIZE.height as i32 / 2;
    let losses = series(records, Measures::losses);
    let health = series(records, Measures::health);
    panel(&mut canvas, 0, half, records, &losses);
    panel(&mut canvas, half, half, records, &health);
    let png = picture::encode(
        SIZE.width as usize,
        SIZE.height as usize,
        &canvas.pixels,
        image::ExtendedColorType::Rgb8,
    )?;
    Ok(write_atomically(path, &png)?)
}

/// One pair of axes with its curves.
fn panel(canvas: &mut Canvas, top: i32, height: i32, records: &[Record], series: &[Series]) {
    let frame = Rectangle::new(
        Point::new(LEFT, top + ABOVE),
        Size::new(
            (SIZE.width as i32 - LEFT - RIGHT) as u32,
            (height - ABOVE - BELOW) as u32,
        ),
    );
    let bottom = top + height - BELOW;
    let values = series.iter().flat_map(|series| &series.values);
    let values = values.filter(|value| value.is_finite());
    let (least, largest) = values.fold((0f64, 0f64), |(least, largest), value| {
        (least.min(*value), largest.max(*value))
    });
    // Zero is always on the axis; a loss can be negative.
    let (tick, _) = scale((largest - least).min(f64::MAX));
    let bottom_value = (least / tick).floor() * tick;
    let top_value = ((largest / tick).ceil() * tick).max(bottom_value + tick);
    let height_of = |value: f64| (value - bottom_value) / (top_value - bottom_value);
    let steps = records.last().map_or(1, |record| record.step).max(1) as f64;

    // A float cast saturates; every value is drawn inside the frame.
    let y = |value: f64| bottom - (height_of(value) * f64::from(frame.size.height)).round() as i32;
    let x = |step: f64| LEFT + (step / steps * f64::from(frame.size.width - 1)).round() as i32;

    let ticks = ((top_value - bottom_value) / tick).round() as i32;
    for i in 0..=ticks.min(20) {
        let value = bottom_value + f64::from(i) * tick;
        rule(
            canvas,
            Point::new(LEFT, y(value)),
            Point::new(LEFT + frame.size.width as i32, y(value)),
            RULE,
        );
        label(
            canvas,
            &short(value),
            Point::new(LEFT - 6, y(value) + 4),
            INK,
            Alignment::Right,
        );
    }
    let (step_tick, _) = scale(steps);
    for i in 0..=(steps / step_tick).floor() as i32 {
        let step = f64::from(i) * step_tick;
        let place = Point::new(x(step), bottom + 16);
        label(canvas, &short(step), place, INK, Alignment::Center);
        rule(
            canvas,
            Point::new(x(step), bottom),
            Point::new(x(step), bottom + 3),
            INK,
        );
    }
    label(
        canvas,
        "steps",
        Point::new(SIZE.width as i32 - RIGHT, top + height - 1),
        INK,
        Alignment::Right,
    );

    let mut name_at = LEFT;
    for series in series {
        let text = format!("-- {}", series.name);
        label(
            canvas,
            &text,
            Point::new(name_at, top + ABOVE - 10),
            series.colour,
            Alignment::Left,
        );
        name_at += 6 * text.len() as i32 + 24;
        let mut last: Option<Point> = None;
        for (record, value) in records.iter().zip(&series.values) {
            let value = *value;
            // A number that was not taken leaves no gap; one that cannot be drawn does.
            if value.is_nan() {
                continue;
            }
            let point = value.is_finite().then(|| {
                let value = value.clamp(bottom_value, top_value);
                Point::new(x(record.step as f64), y(value))
            });
            if let (Some(from), Some(to)) = (last, point) {
                let line =
                    Line::new(from, to).into_styled(PrimitiveStyle::with_stroke(series.colour, 2));
                let Ok(()) = line.draw(canvas);
            }
            last = point;
        }
    }
    let Ok(()) = frame
        .into_styled(PrimitiveStyle::with_stroke(INK, 1))
        .draw(canvas);
}

/// Distance between ticks (1, 2 or 5 times a power of ten; four to nine of them) and the value at
/// the top.
fn scale(largest: f64) -> (f64, f64) {
    let largest = if largest > 0.0 { largest } else { 1.0 };
    let rough = largest / 8.0;
    let power = 10f64.powf(rough.log10().floor());
    let tick = [1.0, 2.0, 5.0, 10.0]
        .map(|factor| factor * power)
        .into_iter()
        .find(|tick| *tick >= rough);
    let tick = tick.unwrap_or(10.0 * power);
    (tick, (largest / tick).ceil() * tick)
}

/// "0.25", "12", "5000", "20k".
fn short(value: f64) -> String {
    if value >= 10_000.0 {
        return format!("{}k", value / 1000.0);
    }
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn rule(canvas: &mut Canvas, from: Point, to: Point, colour: Rgb888) {
    let Ok(()) = Line::new(from, to)
        .into_styled(PrimitiveStyle::with_stroke(colour, 1))
        .draw(canvas);
}

fn label(canvas: &mut Canvas, text: &str, at: Point, colour: Rgb888, alignment: Alignment) {
    let style = TextStyleBuilder::new().alignment(alignment).build();
    let Ok(_) =
        Text::with_text_style(text, at, MonoTextStyle::new(&FONT_6X13, colour), style).draw(canvas);
}

/// Pixels that embedded-graphics draws on.
struct Canvas {
    /// Shape (height, width, 3).
    pixels: Vec<u8>,
}

impl Canvas {
    fn new() -> Self {
        let count = SIZE.width as usize * SIZE.height as usize;
        let background = [BACKGROUND.r(), BACKGROUND.g(), BACKGROUND.b()];
        Self {
            pixels: background.repeat(count),
        }
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        SIZE
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(
        &mut self,
        pixels: I,
    ) -> Result<(), Infallible> {
        for Pixel(point, colour) in pixels {
            if self.bounding_box().contains(point) {
                let place = 3 * (point.y as usize * SIZE.width as usize + point.x as usize);
                self.pixels[place..place + 3].copy_from_slice(&[
                    colour.r(),
                    colour.g(),
                    colour.b(),
                ]);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(step: u64, loss: f64) -> Record {
        Record {
            step,
            epoch: 0.0,
            measures: Measures::Gan {
                discriminator_loss: loss,
                generator_loss: loss / 2.0,
                discriminator_accuracy: 0.5,
                diversity: 0.9,
            },
            steps_per_second: 1.0,
            warning: None,
        }
    }

    fn plot(records: &[Record]) -> image::RgbImage {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loss.png");
        write(records, &path).unwrap();
        image::open(&path).unwrap().into_rgb8()
    }

    fn count(picture: &image::RgbImage, colour: Rgb888) -> usize {
        let wanted = image::Rgb([colour.r(), colour.g(), colour.b()]);
        picture.pixels().filter(|pixel| **pixel == wanted).count()
    }

    #[test]
    fn curves_are_drawn_and_decode() {
        let empty = plot(&[]);
        assert_eq!((empty.width(), empty.height()), (SIZE.width, SIZE.height));
        let drawn = plot(
            &(1..=50)
                .map(|i| record(i * 50, 3.0 / i as f64))
                .collect::<Vec<_>>(),
        );
        for colour in [FIRST, SECOND] {
            // The name of the curve is drawn in both; a curve across the panel adds at least its
            // width.
            assert!(count(&drawn, colour) > count(&empty, colour) + 800);
        }
    }

    #[test]
    fn values_that_cannot_be_drawn_do_no_harm() {
        for bad in [f64::NAN, f64::INFINITY, -1.0, 1e300, 0.0, 1e-300] {
            plot(&[record(1, 1.0), record(2, bad), record(u64::MAX, 1.0)]);
        }
    }

    #[test]
    fn ticks_are_round() {
        for (largest, expected) in [
            (8.0, (1.0, 8.0)),
            (7000.0, (1000.0, 7000.0)),
            (0.9, (0.2, 1.0)),
        ] {
            let (tick, top) = scale(largest);
            assert!(
                (tick - expected.0).abs() < 1e-9 && (top - expected.1).abs() < 1e-9,
                "{largest}: {tick} {top}"
            );
        }
        assert_eq!(
            [short(0.25), short(12.0), short(20_000.0)],
            ["0.25", "12", "20k"]
        );
    }
}
