//! The screens of the 128x64 panel. The same code draws on the device and on the host.

use super::view::Label;
use super::{Fault, GRID_COLUMNS, Number, SelfTest, View};
use crate::draw::{Filter, Scaled};
use crate::engine::{Engine, EngineError, Observer};
use core::fmt::{self, Write};
use embedded_graphics::{
    image::Image,
    mono_font::{
        MonoFont, MonoTextStyle,
        ascii::{FONT_5X8, FONT_6X10, FONT_10X20},
    },
    pixelcolor::Gray4,
    prelude::*,
    primitives::{PrimitiveStyle, Rectangle},
    text::{Alignment, Baseline, Text, TextStyleBuilder},
};
use shared::latent::{Point as LatentPoint, WALK_STEPS};

/// Why a view cannot be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DrawError<E> {
    /// The engine refuses one of its pictures.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The target fails.
    #[error("the display does not take pixels; check its wiring")]
    Target(E),
}

const WHITE: Gray4 = Gray4::new(15);
const DIM: Gray4 = Gray4::new(8);
const FRAME: Gray4 = Gray4::new(3);

/// Middle of the column of text right of a large picture.
const COLUMN: i32 = 95;

/// Draws a view on a target of at least 128x64 pixels. `arena` is as for [`Engine::generate`], and the observer sees
/// every picture of the view.
///
/// # Errors
/// [`DrawError`] where the model does not accept a label of the view, or the target fails.
pub fn draw<D: DrawTarget<Color = Gray4>>(
    view: View,
    engine: &Engine<'_>,
    arena: &mut [i8],
    target: &mut D,
    observer: &mut impl Observer,
) -> Result<(), DrawError<D::Error>> {
    let mut painter = Painter { target };
    painter
        .target
        .clear(Gray4::BLACK)
        .map_err(DrawError::Target)?;
    for (i, latent) in view.latents(engine.image().classes()).enumerate() {
        let picture = engine.generate(arena, latent, observer)?;
        let scaled = Scaled::fit(picture, cell(view, i).size, Filter::Bilinear);
        painter
            .picture(&scaled, cell(view, i))
            .map_err(DrawError::Target)?;
    }
    match view {
        View::SelfTest(result) => painter.self_test(result, engine),
        View::Digit { point } => painter.digit(point),
        View::Grid { seed, label } => painter.grid(seed, label, engine.image().classes()),
        View::Walk {
            from,
            to,
            step,
            paused,
        } => painter.walk(from, to, step, paused),
        View::Number {
            number,
            cursor,
            seed,
        } => painter.number(number, cursor, seed),
    }
    .map_err(DrawError::Target)
}

/// Draws a title and a text of any length, as far as it fits: for what stops the device.
///
/// # Errors
/// The target's.
pub fn draw_message<D: DrawTarget<Color = Gray4>>(
    title: &str,
    text: &str,
    target: &mut D,
) -> Result<(), D::Error> {
    target.clear(Gray4::BLACK)?;
    let bar = Rectangle::new(Point::zero(), Size::new(128, 11));
    target.fill_solid(&bar, WHITE)?;
    let mut painter = Painter { target };
    let at = Point::new(2, 1);
    painter.text(title, at, &FONT_6X10, Gray4::BLACK, Alignment::Left)?;
    painter.wrapped(text, Point::new(1, 14), 6, WHITE, Alignment::Left)
}

/// Where the picture of that number lies.
fn cell(view: View, i: usize) -> Rectangle {
    // At most eight pictures.
    let at = |i: usize| i as i32;
    match view {
        View::SelfTest(_) => Rectangle::zero(),
        View::Digit { .. } | View::Walk { .. } => {
            Rectangle::new(Point::new(4, 4), Size::new(56, 56))
        }
        View::Grid { .. } => {
            let (column, row) = (at(i % GRID_COLUMNS), at(i / GRID_COLUMNS));
            Rectangle::new(Point::new(2 + 32 * column, 28 * row), Size::new(28, 28))
        }
        View::Number { number, .. } => Rectangle::new(
            Point::new(number_left(number) + 32 * at(i), 4),
            Size::new(32, 32),
        ),
    }
}

/// Left border of a number's pictures of 32 pixels, centred.
fn number_left(number: Number) -> i32 {
    64 - 16 * number.digits().len() as i32
}

struct Painter<'t, D> {
    target: &'t mut D,
}

impl<D: DrawTarget<Color = Gray4>> Painter<'_, D> {
    /// A picture in the middle of its cell.
    fn picture(&mut self, scaled: &Scaled<'_, Gray4>, cell: Rectangle) -> Result<(), D::Error> {
        let corner = cell.top_left + (cell.size - scaled.size()) / 2;
        Image::new(scaled, corner).draw(self.target)
    }

    fn text(
        &mut self,
        text: &str,
        at: Point,
        font: &MonoFont<'_>,
        colour: Gray4,
        alignment: Alignment,
    ) -> Result<(), D::Error> {
        let style = TextStyleBuilder::new()
            .alignment(alignment)
            .baseline(Baseline::Top)
            .build();
        Text::with_text_style(text, at, MonoTextStyle::new(font, colour), style)
            .draw(self.target)?;
        Ok(())
    }

    /// A text of up to 32 bytes; what is longer is cut after its last whole part.
    fn format(
        &mut self,
        text: fmt::Arguments<'_>,
        at: Point,
        font: &MonoFont<'_>,
        colour: Gray4,
        alignment: Alignment,
    ) -> Result<(), D::Error> {
        let mut line = heapless::String::<32>::new();
        let _ = line.write_fmt(text);
        self.text(&line, at, font, colour, alignment)
    }

    /// Lines of up to 25 characters, broken between words where possible; what does not fit is left out.
    fn wrapped(
        &mut self,
        text: &str,
        mut at: Point,
        lines: usize,
        colour: Gray4,
        alignment: Alignment,
    ) -> Result<(), D::Error> {
        const COLUMNS: usize = 25;
        let mut words = text.split_ascii_whitespace();
        let mut word = "";
        for _ in 0..lines {
            // At most four bytes a character, so every push below fits.
            let mut line = heapless::String::<{ 4 * COLUMNS }>::new();
            let mut columns = 0;
            loop {
                if word.is_empty() {
                    let Some(next) = words.next() else { break };
                    word = next;
                }
                let gap = if columns > 0 { " " } else { "" };
                let length = gap.len() + word.chars().count();
                if columns + length <= COLUMNS {
                    let _ = line.push_str(gap);
                    let _ = line.push_str(word);
                    columns += length;
                    word = "";
                    continue;
                }
                if columns == 0 {
                    let head = clip(word, COLUMNS);
                    let _ = line.push_str(head);
                    word = word.get(head.len()..).unwrap_or_default();
                }
                break;
            }
            self.text(&line, at, &FONT_5X8, colour, alignment)?;
            at.y += 8;
        }
        Ok(())
    }

    /// The frame around a large picture.
    fn frame(&mut self) -> Result<(), D::Error> {
        Rectangle::new(Point::new(2, 2), Size::new(60, 60))
            .into_styled(PrimitiveStyle::with_stroke(FRAME, 1))
            .draw(self.target)
    }

    fn digit(&mut self, point: LatentPoint) -> Result<(), D::Error> {
        self.frame()?;
        let seed_at = match point.label {
            None => 22,
            Some(label) => {
                self.text(
                    "label",
                    Point::new(COLUMN, 4),
                    &FONT_5X8,
                    DIM,
                    Alignment::Center,
                )?;
                self.format(
                    format_args!("{label}"),
                    Point::new(COLUMN, 13),
                    &FONT_10X20,
                    WHITE,
                    Alignment::Center,
                )?;
                40
            }
        };
        self.text(
            "seed",
            Point::new(COLUMN, seed_at),
            &FONT_5X8,
            DIM,
            Alignment::Center,
        )?;
        self.format(
            format_args!("{}", point.seed),
            Point::new(COLUMN, seed_at + 10),
            &FONT_6X10,
            WHITE,
            Alignment::Center,
        )
    }

    fn grid(&mut self, seed: u32, label: Option<u8>, classes: u8) -> Result<(), D::Error> {
        self.format(
            format_args!("seed {seed}"),
            Point::new(2, 56),
            &FONT_5X8,
            DIM,
            Alignment::Left,
        )?;
        let right = Point::new(125, 56);
        match label {
            Some(label) => self.format(
                format_args!("label {label}"),
                right,
                &FONT_5X8,
                DIM,
                Alignment::Right,
            ),
            None if classes > 0 => self.text("all labels", right, &FONT_5X8, DIM, Alignment::Right),
            None => Ok(()),
        }
    }

    fn walk(
        &mut self,
        from: LatentPoint,
        to: LatentPoint,
        step: u8,
        paused: bool,
    ) -> Result<(), D::Error> {
        self.frame()?;
        let title = if paused { "paused" } else { "walk" };
        self.text(
            title,
            Point::new(COLUMN, 4),
            &FONT_5X8,
            DIM,
            Alignment::Center,
        )?;
        if from.label.is_some() || to.label.is_some() {
            // Two labels of up to three digits and the arrow have 60 pixels.
            let font = if from.label.max(to.label) < Some(10) {
                &FONT_10X20
            } else {
                &FONT_6X10
            };
            let labels = format_args!("{}>{}", Label(from.label), Label(to.label));
            self.format(
                labels,
                Point::new(COLUMN, 13),
                font,
                WHITE,
                Alignment::Center,
            )?;
        }
        let centre = |y| Point::new(COLUMN, y);
        let mut seeds = heapless::String::<12>::new();
        // Where both do not fit a line, each has its own.
        if write!(seeds, "{}>{}", from.seed, to.seed).is_ok() {
            self.text("seeds", centre(34), &FONT_5X8, DIM, Alignment::Center)?;
            self.text(&seeds, centre(43), &FONT_5X8, DIM, Alignment::Center)?;
        } else {
            for (seed, y) in [(from.seed, 34), (to.seed, 43)] {
                let seed = format_args!("{seed}");
                self.format(seed, centre(y), &FONT_5X8, DIM, Alignment::Center)?;
            }
        }
        let bar = Rectangle::new(Point::new(67, 54), Size::new(57, 7));
        bar.into_styled(PrimitiveStyle::with_stroke(DIM, 1))
            .draw(self.target)?;
        let filled = u32::from(step.min(WALK_STEPS)) * 53 / u32::from(WALK_STEPS);
        self.target.fill_solid(
            &Rectangle::new(Point::new(69, 56), Size::new(filled, 3)),
            WHITE,
        )
    }

    fn number(&mut self, number: Number, cursor: u8, seed: u32) -> Result<(), D::Error> {
        for (i, digit) in (0..).zip(number.digits()) {
            let middle = number_left(number) + 32 * i + 15;
            let here = i == i32::from(cursor);
            let colour = if here { WHITE } else { DIM };
            self.format(
                format_args!("{digit}"),
                Point::new(middle, 39),
                &FONT_6X10,
                colour,
                Alignment::Center,
            )?;
            if here {
                self.target.fill_solid(
                    &Rectangle::new(Point::new(middle - 4, 50), Size::new(8, 2)),
                    WHITE,
                )?;
            }
        }
        self.format(
            format_args!("seed {seed}"),
            Point::new(63, 55),
            &FONT_5X8,
            DIM,
            Alignment::Center,
        )
    }

    fn self_test(&mut self, result: SelfTest, engine: &Engine<'_>) -> Result<(), D::Error> {
        let image = engine.image();
        let centre = |y| Point::new(63, y);
        // 21 characters fit the width.
        self.text(
            clip(image.name(), 21),
            centre(2),
            &FONT_6X10,
            WHITE,
            Alignment::Center,
        )?;
        self.wrapped(image.card(), centre(12), 2, DIM, Alignment::Center)?;
        let size = format_args!("image {} B, {:08x}", image.len(), image.crc());
        self.format(size, centre(29), &FONT_5X8, DIM, Alignment::Center)?;
        match result.failed {
            None if result.goldens == 0 => {
                let what = "no golden pictures";
                self.text(what, centre(41), &FONT_6X10, WHITE, Alignment::Center)?;
                let so = "nothing to test against";
                self.text(so, centre(54), &FONT_5X8, DIM, Alignment::Center)
            }
            None => {
                self.text(
                    "self-test passed",
                    centre(41),
                    &FONT_6X10,
                    WHITE,
                    Alignment::Center,
                )?;
                let goldens = format_args!("{} golden pictures equal", result.goldens);
                self.format(goldens, centre(54), &FONT_5X8, DIM, Alignment::Center)
            }
            Some(Fault { golden, op }) => {
                let bar = Rectangle::new(Point::new(0, 39), Size::new(128, 13));
                self.target.fill_solid(&bar, WHITE)?;
                self.text(
                    "self-test FAILED",
                    centre(41),
                    &FONT_6X10,
                    Gray4::BLACK,
                    Alignment::Center,
                )?;
                let name = op
                    .and_then(|op| image.ops().nth(usize::from(op)))
                    .map_or("input", |op| op.name);
                let what = format_args!("golden {golden}: {}", clip(name, 14));
                self.format(what, centre(54), &FONT_5X8, WHITE, Alignment::Center)
            }
        }
    }
}

/// The first characters of a text.
fn clip(text: &str, characters: usize) -> &str {
    let end = text
        .char_indices()
        .nth(characters)
        .map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or(text)
}

#[cfg(test)]
mod tests;
