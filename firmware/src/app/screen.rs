//! The screens. The same code draws on the device and on the host, on every panel: what is drawn
//! follows from the view and the image, where it is from the panel's size ([`Layout`]).

mod layout;

use super::view::Label;
use super::{Fault, Number, SelfTest, View};
use crate::draw::{Filter, FromGrey, Scaled};
use crate::engine::{Engine, EngineError, Observer};
use crate::text::{Hex, Plain, decimal};
use core::convert::Infallible;
use core::fmt::{self, Write};
use embedded_graphics::{
    image::Image, mono_font::MonoTextStyle, prelude::*, primitives::Rectangle, text::Baseline,
    text::renderer::TextRenderer,
};
use layout::{Layout, Line, Paragraph};
use shared::latent::{Point as LatentPoint, WALK_STEPS};

// Grey levels, those of a panel with 16 of them among them.
const BLACK: u8 = 0;
const FRAME: u8 = 3 * 17;
const DIM: u8 = 8 * 17;
const WHITE: u8 = 255;

/// Draws a view on a target of at least 128x64 pixels; one of 240x240 or more is used as such.
/// `arena` is as for [`Engine::generate`], and the observer sees every picture of the view.
///
/// # Errors
/// [`EngineError`] where the model does not accept a label of the view.
pub fn draw<D: DrawTarget<Color: FromGrey, Error = Infallible>>(
    view: View,
    engine: &Engine<'_>,
    arena: &mut [i8],
    target: &mut D,
    observer: &mut impl Observer,
) -> Result<(), EngineError> {
    let mut painter = infallible(Painter::new(target));
    for (i, latent) in view.latents(engine.image().classes()).enumerate() {
        let picture = engine.generate(arena, latent, observer)?;
        let cell = painter.layout.cell(view, i);
        let scaled = Scaled::fit(picture, cell.size, Filter::Bilinear);
        infallible(painter.picture(&scaled, cell));
    }
    infallible(match view {
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
    });
    Ok(())
}

/// What memory took.
fn infallible<T>(result: Result<T, Infallible>) -> T {
    result.unwrap_or_else(|never| match never {})
}

/// Draws a title and a text of any length, as far as it fits: for what stops the device.
pub fn draw_message<D: DrawTarget<Color: FromGrey, Error = Infallible>>(
    title: &str,
    text: &str,
    target: &mut D,
) {
    let mut painter = infallible(Painter::new(target));
    let layout = painter.layout;
    infallible(painter.fill(layout.title_bar, WHITE));
    infallible(painter.text(title, At::Left, layout.title, BLACK));
    infallible(painter.wrapped(text, At::Left, layout.message, WHITE));
}

/// Where a text is along its line.
#[derive(Clone, Copy)]
enum At {
    Left,
    Right,
    /// Centred around this column.
    Middle(i32),
}

struct Painter<'t, D> {
    target: &'t mut D,
    layout: &'static Layout,
}

impl<'t, D: DrawTarget<Color: FromGrey>> Painter<'t, D> {
    /// On a black panel.
    fn new(target: &'t mut D) -> Result<Self, D::Error> {
        target.clear(D::Color::ink(BLACK))?;
        let layout = Layout::of(target.bounding_box().size);
        Ok(Self { target, layout })
    }

    /// A picture in the middle of its cell.
    fn picture(&mut self, scaled: &Scaled<'_, D::Color>, cell: Rectangle) -> Result<(), D::Error> {
        let corner = cell.top_left + (cell.size - scaled.size()) / 2;
        Image::new(scaled, corner).draw(self.target)
    }

    fn fill(&mut self, area: Rectangle, level: u8) -> Result<(), D::Error> {
        self.target.fill_solid(&area, D::Color::ink(level))
    }

    /// The edge of an area, one pixel wide, within it.
    fn stroke(&mut self, area: Rectangle, level: u8) -> Result<(), D::Error> {
        let Size { width, height } = area.size;
        // Areas of a panel.
        let (right, below) = (
            width.saturating_sub(1) as i32,
            height.saturating_sub(1) as i32,
        );
        for (x, y, size) in [
            (0, 0, Size::new(width, 1)),
            (0, below, Size::new(width, 1)),
            (0, 0, Size::new(1, height)),
            (right, 0, Size::new(1, height)),
        ] {
            self.fill(
                Rectangle::new(area.top_left + Point::new(x, y), size),
                level,
            )?;
        }
        Ok(())
    }

    /// One line. The letters' own drawing is called, not embedded-graphics' `Text`, whose lines and
    /// alignments take flash.
    fn text(&mut self, text: &str, at: At, line: Line, level: u8) -> Result<(), D::Error> {
        let (left, right) = self.layout.margins;
        // Texts of a panel's width.
        let width = (characters(text) as u32 * line.font.character_size.width) as i32;
        let x = match at {
            At::Left => left,
            At::Right => right - (width - 1),
            At::Middle(x) => x - (width - 1) / 2,
        };
        let letters = MonoTextStyle::new(line.font, D::Color::ink(level));
        letters.draw_string(text, Point::new(x, line.y), Baseline::Top, self.target)?;
        Ok(())
    }

    /// A text of up to 32 bytes; what is longer is cut after its last whole part.
    fn format(
        &mut self,
        text: fmt::Arguments<'_>,
        at: At,
        line: Line,
        level: u8,
    ) -> Result<(), D::Error> {
        let mut buffer = heapless::String::<32>::new();
        let _ = buffer.write_fmt(text);
        self.text(&buffer, at, line, level)
    }

    /// A paragraph, broken between words where possible; what does not fit is left out.
    fn wrapped(
        &mut self,
        text: &str,
        at: At,
        paragraph: Paragraph,
        level: u8,
    ) -> Result<(), D::Error> {
        const MOST: usize = 40;
        let (mut first, limit) = (paragraph.first, paragraph.columns.min(MOST));
        let mut words = text.split_ascii_whitespace();
        let mut word = "";
        for _ in 0..paragraph.lines {
            // At most four bytes a character, so every push below fits.
            let mut line = heapless::String::<{ 4 * MOST }>::new();
            let mut columns = 0;
            loop {
                if word.is_empty() {
                    let Some(next) = words.next() else { break };
                    word = next;
                }
                let gap = if columns > 0 { " " } else { "" };
                let length = gap.len() + characters(word);
                if columns + length <= limit {
                    let _ = line.push_str(gap);
                    let _ = line.push_str(word);
                    columns += length;
                    word = "";
                    continue;
                }
                if columns == 0 {
                    let head = clip(word, limit);
                    let _ = line.push_str(head);
                    word = word.get(head.len()..).unwrap_or_default();
                }
                break;
            }
            self.text(&line, at, first, level)?;
            // Fonts are a few pixels high.
            first.y += first.font.character_size.height as i32;
        }
        Ok(())
    }

    fn digit(&mut self, point: LatentPoint) -> Result<(), D::Error> {
        let layout = self.layout;
        let at = At::Middle(layout.column);
        self.stroke(layout.frame, FRAME)?;
        if let Some(label) = point.label {
            self.text("label", at, layout.label_title, DIM)?;
            self.format(format_args!("{}", decimal(label)), at, layout.label, WHITE)?;
        }
        let labelled = usize::from(point.label.is_some());
        self.text("seed", at, layout.seed_title[labelled], DIM)?;
        let seed = format_args!("{}", decimal(point.seed));
        self.format(seed, at, layout.seed[labelled], WHITE)
    }

    fn grid(&mut self, seed: u32, label: Option<u8>, classes: u8) -> Result<(), D::Error> {
        let [seed_line, label_line] = self.layout.grid_text;
        self.format(
            format_args!("seed {}", decimal(seed)),
            At::Left,
            seed_line,
            DIM,
        )?;
        // On a line of its own, or at the other end of the same.
        let at = if label_line.y == seed_line.y {
            At::Right
        } else {
            At::Left
        };
        match label {
            Some(label) => self.format(
                format_args!("label {}", decimal(label)),
                at,
                label_line,
                DIM,
            ),
            None if classes > 0 => self.text("all labels", at, label_line, DIM),
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
        let layout = self.layout;
        let at = At::Middle(layout.column);
        self.stroke(layout.frame, FRAME)?;
        let title = if paused { "paused" } else { "walk" };
        self.text(title, at, layout.walk_title, DIM)?;
        if from.label.is_some() || to.label.is_some() {
            let long = from.label.max(to.label) >= Some(10);
            let line = layout.walk_labels[usize::from(long)];
            let labels = format_args!("{}>{}", Label(from.label), Label(to.label));
            self.format(labels, at, line, WHITE)?;
        }
        let [line, above] = layout.walk_seeds;
        let mut seeds = heapless::String::<32>::new();
        // Two numbers of ten digits and the arrow; of a size that is here already.
        let _ = write!(seeds, "{}>{}", decimal(from.seed), decimal(to.seed));
        // Where both do not fit a line, each has its own.
        if seeds.len() <= layout.walk_seeds_columns {
            if let Some(line) = layout.walk_seeds_title {
                self.text("seeds", at, line, DIM)?;
            }
            self.text(&seeds, at, line, DIM)?;
        } else {
            for (seed, line) in [(from.seed, above), (to.seed, line)] {
                self.format(format_args!("{}", decimal(seed)), at, line, DIM)?;
            }
        }
        self.stroke(layout.bar, DIM)?;
        let inside = layout.bar.offset(-2);
        let filled = u32::from(step.min(WALK_STEPS)) * inside.size.width / u32::from(WALK_STEPS);
        let done = Rectangle::new(inside.top_left, Size::new(filled, inside.size.height));
        self.fill(done, WHITE)
    }

    fn number(&mut self, number: Number, cursor: u8, seed: u32) -> Result<(), D::Error> {
        let layout = self.layout;
        let (y, size) = layout.cursor;
        for (i, &digit) in number.digits().iter().enumerate() {
            let middle = layout.digit_middle(number, i);
            let here = i == usize::from(cursor);
            let level = if here { WHITE } else { DIM };
            self.format(
                format_args!("{}", decimal(digit)),
                At::Middle(middle),
                layout.digit,
                level,
            )?;
            if here {
                // A few pixels.
                let corner = Point::new(middle - (size.width / 2) as i32, y);
                self.fill(Rectangle::new(corner, size), WHITE)?;
            }
        }
        let at = At::Middle(layout.middle);
        self.format(
            format_args!("seed {}", decimal(seed)),
            at,
            layout.number_seed,
            DIM,
        )
    }

    fn self_test(&mut self, result: SelfTest, engine: &Engine<'_>) -> Result<(), D::Error> {
        let (image, layout) = (engine.image(), self.layout);
        let at = At::Middle(layout.middle);
        // 21 characters fit the width.
        self.text(clip(image.name(), 21), at, layout.name, WHITE)?;
        self.wrapped(image.card(), at, layout.card, DIM)?;
        let size = format_args!("image {} B, {}", decimal(image.len()), Hex(image.crc()));
        self.format(size, at, layout.image, DIM)?;
        match result.failed {
            None if result.goldens == 0 => {
                self.text("no golden pictures", at, layout.result, WHITE)?;
                self.text("nothing to test against", at, layout.detail, DIM)
            }
            None => {
                self.text("self-test passed", at, layout.result, WHITE)?;
                let goldens = format_args!("{} golden pictures equal", decimal(result.goldens));
                self.format(goldens, at, layout.detail, DIM)
            }
            Some(Fault { golden, op }) => {
                self.fill(layout.result_bar, WHITE)?;
                self.text("self-test FAILED", at, layout.result, BLACK)?;
                let name = op
                    .and_then(|op| image.ops().nth(usize::from(op)))
                    .map_or("input", |op| op.name);
                let what = format_args!("golden {}: {}", decimal(golden), Plain(clip(name, 14)));
                self.format(what, at, layout.detail, WHITE)
            }
        }
    }
}

/// Where the characters of a text start: each has one byte that does not continue another.
fn starts(text: &str) -> impl Iterator<Item = usize> {
    let bytes = text.bytes().enumerate();
    bytes.filter_map(|(at, byte)| (byte & 0xC0 != 0x80).then_some(at))
}

/// How many characters a text has.
fn characters(text: &str) -> usize {
    starts(text).count()
}

/// The first characters of a text.
fn clip(text: &str, characters: usize) -> &str {
    let end = starts(text).nth(characters).unwrap_or(text.len());
    text.get(..end).unwrap_or(text)
}

#[cfg(test)]
mod tests;
