//! What is where, on a panel of 128x64 and on one of 240x240 pixels.

use crate::app::{GRID_COLUMNS, Number, View};
use embedded_graphics::{
    mono_font::{
        MonoFont,
        ascii::{FONT_5X8, FONT_6X10, FONT_10X20},
    },
    prelude::*,
    primitives::Rectangle,
};

/// A line of text: where its upper edge is, and its font. Where it is along the line follows from
/// its place.
#[derive(Clone, Copy)]
pub(super) struct Line {
    pub y: i32,
    pub font: &'static MonoFont<'static>,
}

/// A paragraph: at most so many lines of so many characters.
#[derive(Clone, Copy)]
pub(super) struct Paragraph {
    pub first: Line,
    pub lines: usize,
    pub columns: usize,
}

/// Places of everything. Small panels have text right of a large picture, large ones below it.
pub(super) struct Layout {
    pub size: Size,
    /// The middle of lines that go over the whole width.
    pub middle: i32,
    /// Borders of lines that do.
    pub margins: (i32, i32),
    /// The middle of lines that go with a large picture.
    pub column: i32,
    pub picture: Rectangle,
    pub frame: Rectangle,
    pub label_title: Line,
    pub label: Line,
    /// The title of the seed, and the seed, without and with a label above.
    pub seed_title: [Line; 2],
    pub seed: [Line; 2],
    /// Top left corner of the grid, sides of its pictures, and from one to the next.
    pub grid: (Point, Size, Point),
    pub grid_text: [Line; 2],
    pub walk_title: Line,
    /// Labels of one and of more digits.
    pub walk_labels: [Line; 2],
    pub walk_seeds_title: Option<Line>,
    /// The line of both seeds, and the one above for the first where both do not fit.
    pub walk_seeds: [Line; 2],
    /// The longest text of both seeds that goes on one line.
    pub walk_seeds_columns: usize,
    pub bar: Rectangle,
    /// Upper edge of a number's pictures, their side, and from one to the next.
    pub number: (i32, u32, i32),
    pub digit: Line,
    pub cursor: (i32, Size),
    pub number_seed: Line,
    pub name: Line,
    pub card: Paragraph,
    pub image: Line,
    pub result: Line,
    pub result_bar: Rectangle,
    pub detail: Line,
    pub title_bar: Rectangle,
    pub title: Line,
    pub message: Paragraph,
}

const fn line(y: i32, font: &'static MonoFont<'static>) -> Line {
    Line { y, font }
}

const fn area(x: i32, y: i32, width: u32, height: u32) -> Rectangle {
    Rectangle::new(Point::new(x, y), Size::new(width, height))
}

const SMALL: Layout = Layout {
    size: Size::new(128, 64),
    middle: 63,
    margins: (2, 125),
    column: 95,
    picture: area(4, 4, 56, 56),
    frame: area(2, 2, 60, 60),
    label_title: line(4, &FONT_5X8),
    label: line(13, &FONT_10X20),
    seed_title: [line(22, &FONT_5X8), line(40, &FONT_5X8)],
    seed: [line(32, &FONT_6X10), line(50, &FONT_6X10)],
    grid: (Point::new(2, 0), Size::new(28, 28), Point::new(32, 28)),
    grid_text: [line(56, &FONT_5X8), line(56, &FONT_5X8)],
    walk_title: line(4, &FONT_5X8),
    // Two labels of up to three digits and the arrow have 60 pixels.
    walk_labels: [line(13, &FONT_10X20), line(13, &FONT_6X10)],
    walk_seeds_title: Some(line(34, &FONT_5X8)),
    walk_seeds: [line(43, &FONT_5X8), line(34, &FONT_5X8)],
    walk_seeds_columns: 12,
    bar: area(67, 54, 57, 7),
    number: (4, 32, 32),
    digit: line(39, &FONT_6X10),
    cursor: (50, Size::new(8, 2)),
    number_seed: line(55, &FONT_5X8),
    name: line(2, &FONT_6X10),
    card: Paragraph {
        first: line(12, &FONT_5X8),
        lines: 2,
        columns: 25,
    },
    image: line(29, &FONT_5X8),
    result: line(41, &FONT_6X10),
    result_bar: area(0, 39, 128, 13),
    detail: line(54, &FONT_5X8),
    title_bar: area(0, 0, 128, 11),
    title: line(1, &FONT_6X10),
    message: Paragraph {
        first: line(14, &FONT_5X8),
        lines: 6,
        columns: 25,
    },
};

const LARGE: Layout = Layout {
    size: Size::new(240, 240),
    middle: 119,
    margins: (8, 231),
    column: 119,
    picture: area(36, 4, 168, 168),
    frame: area(34, 2, 172, 172),
    label_title: line(178, &FONT_6X10),
    label: line(188, &FONT_10X20),
    seed_title: [line(186, &FONT_6X10), line(208, &FONT_6X10)],
    seed: [line(200, &FONT_10X20), line(218, &FONT_10X20)],
    grid: (Point::new(2, 40), Size::new(56, 56), Point::new(60, 64)),
    grid_text: [line(184, &FONT_10X20), line(208, &FONT_10X20)],
    walk_title: line(178, &FONT_6X10),
    walk_labels: [line(188, &FONT_10X20), line(188, &FONT_10X20)],
    walk_seeds_title: None,
    // Both always fit.
    walk_seeds: [line(208, &FONT_10X20), line(188, &FONT_10X20)],
    walk_seeds_columns: 23,
    bar: area(8, 229, 224, 9),
    number: (64, 56, 60),
    digit: line(126, &FONT_10X20),
    cursor: (148, Size::new(20, 3)),
    number_seed: line(196, &FONT_10X20),
    name: line(16, &FONT_10X20),
    card: Paragraph {
        first: line(46, &FONT_6X10),
        lines: 6,
        columns: 38,
    },
    image: line(120, &FONT_6X10),
    result: line(156, &FONT_10X20),
    result_bar: area(0, 150, 240, 32),
    detail: line(196, &FONT_6X10),
    title_bar: area(0, 0, 240, 28),
    title: line(4, &FONT_10X20),
    message: Paragraph {
        first: line(36, &FONT_10X20),
        lines: 10,
        columns: 23,
    },
};

impl Layout {
    /// The layout for a panel of a size: the largest that it has room for, or the smallest.
    pub fn of(size: Size) -> &'static Self {
        let fits = size.width >= LARGE.size.width && size.height >= LARGE.size.height;
        if fits { &LARGE } else { &SMALL }
    }

    /// Where the picture of that number lies.
    pub fn cell(&self, view: View, i: usize) -> Rectangle {
        // At most eight pictures.
        let at = |i: usize| i as i32;
        match view {
            View::SelfTest(_) => Rectangle::zero(),
            View::Digit { .. } | View::Walk { .. } => self.picture,
            View::Grid { .. } => {
                let (corner, size, step) = self.grid;
                let place = Point::new(at(i % GRID_COLUMNS), at(i / GRID_COLUMNS));
                Rectangle::new(corner + place.component_mul(step), size)
            }
            View::Number { number, .. } => {
                let (y, side, _) = self.number;
                let middle = self.digit_middle(number, i);
                // Sides are even.
                let left = middle + 1 - (side / 2) as i32;
                Rectangle::new(Point::new(left, y), Size::new_equal(side))
            }
        }
    }

    /// The middle of a digit of a number, which stands in the middle of the panel.
    pub fn digit_middle(&self, number: Number, i: usize) -> i32 {
        let (_, _, step) = self.number;
        // At most four digits.
        let (count, i) = (number.digits().len() as i32, i as i32);
        self.middle + (2 * i + 1 - count) * step / 2
    }
}
