//! Layouts: what is where, for models and texts of all sizes.
extern crate std;

use super::super::view::tests::any_view;
use super::*;
use crate::engine::tests::Network;
use crate::panel::FrameBuffer;
use embedded_graphics::pixelcolor::Gray8;
use proptest::prelude::*;
use std::{string::String, vec, vec::Vec};

fn drawn(view: View, image: &[u8]) -> Result<FrameBuffer, EngineError> {
    let engine = Engine::new(shared::image::Image::new_checked(image).unwrap());
    let mut frame = FrameBuffer::new();
    let mut arena = vec![0; engine.image().arena_len()];
    draw(view, &engine, &mut arena, &mut frame, &mut ())?;
    Ok(frame)
}

/// A panel that nothing may be drawn beside.
struct Strict {
    size: Size,
    levels: Vec<u8>,
}

impl Strict {
    fn new(width: u32, height: u32) -> Self {
        Self {
            size: Size::new(width, height),
            levels: vec![0; (width * height) as usize],
        }
    }

    fn level(&self, x: i32, y: i32) -> u8 {
        self.levels[(y * self.size.width as i32 + x) as usize]
    }
}

impl OriginDimensions for Strict {
    fn size(&self) -> Size {
        self.size
    }
}

impl DrawTarget for Strict {
    type Color = Gray8;
    type Error = core::convert::Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Gray8>>>(
        &mut self,
        pixels: I,
    ) -> Result<(), Self::Error> {
        for Pixel(at, colour) in pixels {
            assert!(self.bounding_box().contains(at), "a pixel at {at}");
            self.levels[(at.y * self.size.width as i32 + at.x) as usize] = colour.luma();
        }
        Ok(())
    }
}

fn drawn_large(view: View, image: &[u8]) -> Strict {
    let engine = Engine::new(shared::image::Image::new_checked(image).unwrap());
    let mut panel = Strict::new(240, 240);
    let mut arena = vec![0; engine.image().arena_len()];
    draw(view, &engine, &mut arena, &mut panel, &mut ()).unwrap();
    panel
}

#[test]
fn a_large_panel_has_a_large_picture_and_its_text_below() {
    let point = LatentPoint {
        seed: u32::MAX,
        label: Some(7),
    };
    let panel = drawn_large(View::Digit { point }, &white_picture(10, (28, 28)));
    for y in 4..172 {
        assert!(
            (36..204).all(|x| panel.level(x, y) == 255),
            "row {y} of the picture"
        );
        assert_eq!(
            (panel.level(34, y), panel.level(205, y)),
            (51, 51),
            "row {y} of the frame"
        );
    }
    let lit = |rows: core::ops::Range<i32>| {
        let row = |y| (0..240).filter(|&x| panel.level(x, y) > 0).count();
        rows.map(row).sum::<usize>()
    };
    assert!(lit(188..208) > 10, "the label");
    assert!(lit(218..238) > 100, "the seed");
    assert_eq!(lit(174..178) + lit(239..240), 0);
}

#[test]
fn one_bit_panels_have_whole_letters() {
    let image = white_picture(10, (8, 8));
    let engine = Engine::new(shared::image::Image::new_checked(&image).unwrap());
    let view = View::Grid {
        seed: 3,
        label: Some(1),
    };
    let mut arena = vec![0; engine.image().arena_len()];
    let mut frame = crate::panel::MonoFrame::new();
    draw(view, &engine, &mut arena, &mut frame, &mut ()).unwrap();
    let grey = drawn(view, &image).unwrap();
    for (at, on) in frame.pixels().enumerate().skip(128 * 56) {
        assert_eq!(on, grey.level(at % 128, at / 128) > 0, "pixel {at}");
    }
}

/// A part of the frame as text, black as dots.
fn pattern(
    frame: &FrameBuffer,
    left: usize,
    top: usize,
    width: usize,
    height: usize,
) -> Vec<String> {
    let pixel = |x, y| match frame.level(x, y) {
        0 => '.',
        level => char::from_digit(u32::from(level), 16)
            .unwrap()
            .to_ascii_uppercase(),
    };
    (top..top + height)
        .map(|y| (left..left + width).map(|x| pixel(x, y)).collect())
        .collect()
}

fn white_picture(classes: u8, size: (u16, u16)) -> Vec<u8> {
    let mut network = Network::random(1, 4, classes, &[], size);
    network.table = [127; 256];
    network.image(&[])
}

#[test]
fn a_digit_with_its_label_and_seed() {
    let point = LatentPoint {
        seed: 42,
        label: Some(7),
    };
    let frame = drawn(View::Digit { point }, &white_picture(10, (28, 28))).unwrap();
    for y in 4..60 {
        assert!(
            (4..60).all(|x| frame.level(x, y) == 15),
            "row {y} of the picture"
        );
    }
    assert_eq!(
        pattern(&frame, 83, 50, 24, 8),
        [
            "........................",
            "..........F...FFF.......",
            ".........FF..F...F......",
            "........F.F......F......",
            ".......F..F....FF.......",
            ".......FFFFF..F.........",
            "..........F..F..........",
            "..........F..FFFFF......",
        ]
    );
}

#[test]
fn pictures_of_any_size_fill_and_keep_their_cell() {
    for size in [(28, 28), (64, 64), (1, 1), (64, 32), (6, 60)] {
        let image = white_picture(10, size);
        let views = [
            View::Digit {
                point: LatentPoint {
                    seed: u32::MAX,
                    label: Some(9),
                },
            },
            View::Grid {
                seed: u32::MAX,
                label: None,
            },
            View::Number {
                number: Number::DEFAULT,
                cursor: 3,
                seed: u32::MAX,
            },
        ];
        for view in views {
            let frame = drawn(view, &image).unwrap();
            for i in 0..view.latents(10).count() {
                let Rectangle {
                    top_left,
                    size: Size { width, height },
                } = Layout::of(frame.size()).cell(view, i);
                let (left, top) = (top_left.x as usize, top_left.y as usize);
                let white = |x: usize, y: usize| frame.level(left + x, top + y) == 15;
                let (w, h) = (width as usize, height as usize);
                assert!(
                    white(w / 2, h / 2),
                    "{view} of {size:?}: the middle of picture {i}"
                );
                // The longer side spans the cell.
                let spans = (0..w).all(|x| white(x, h / 2)) || (0..h).all(|y| white(w / 2, y));
                assert!(
                    spans,
                    "{view} of {size:?}: picture {i} does not span its cell"
                );
            }
        }
    }
}

#[test]
fn the_bar_of_a_walk_grows() {
    let image = white_picture(10, (8, 8));
    let from = LatentPoint {
        seed: 1,
        label: Some(0),
    };
    let mut last = 0;
    for step in 0..=WALK_STEPS {
        let frame = drawn(
            View::Walk {
                from,
                to: from,
                step,
                paused: false,
            },
            &image,
        )
        .unwrap();
        let filled = (69..122).filter(|&x| frame.level(x, 57) == 15).count();
        assert!(filled >= last && filled <= 53);
        last = filled;
    }
    assert_eq!(last, 53);
}

#[test]
fn the_cursor_stands_under_its_digit() {
    let image = white_picture(10, (8, 8));
    for (text, cursor, left) in [("2026", 0, 11), ("2026", 3, 107), ("7", 0, 59)] {
        let number = Number::parse(text).unwrap();
        let frame = drawn(
            View::Number {
                number,
                cursor,
                seed: 0,
            },
            &image,
        )
        .unwrap();
        let row: Vec<usize> = (0..128).filter(|&x| frame.level(x, 50) == 15).collect();
        assert_eq!(
            row,
            (left..left + 8).collect::<Vec<_>>(),
            "{text}, cursor {cursor}"
        );
    }
}

#[test]
fn a_failed_self_test_is_seen_at_once() {
    let image = white_picture(10, (8, 8));
    let failed = Some(Fault {
        golden: 3,
        op: Some(0),
    });
    let frame = drawn(View::SelfTest(SelfTest { goldens: 8, failed }), &image).unwrap();
    assert!((0..128).all(|x| frame.level(x, 40) == 15));
    let passed = drawn(
        View::SelfTest(SelfTest {
            goldens: 8,
            failed: None,
        }),
        &image,
    )
    .unwrap();
    assert!((0..128).all(|x| passed.level(x, 40) == 0));
    assert_ne!(frame, passed);
}

#[test]
fn labels_that_the_model_lacks_are_refused() {
    let image = white_picture(3, (8, 8));
    let point = LatentPoint {
        seed: 1,
        label: Some(3),
    };
    let error = drawn(View::Digit { point }, &image).unwrap_err();
    assert_eq!(error, EngineError::Label { label: 3, last: 2 });
}

#[test]
fn messages_wrap_by_words() {
    let mut frame = FrameBuffer::new();
    draw_message(
        "stopped",
        "a bb ccc supercalifragilisticexpialidocious end",
        &mut frame,
    );
    let lines: Vec<bool> = (0..7)
        .map(|l| (0..128).any(|x| (14 + 8 * l..22 + 8 * l).any(|y| frame.level(x, y) > 0)))
        .collect();
    assert_eq!(lines, [true, true, true, false, false, false, false]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_view_is_drawn_or_refused(view in any_view(), classes in 0u8..12, size in (1u16..20, 1u16..20)) {
        let image = Network::random(7, 3, classes, &[], size).image(&[]);
        let accepted = view.latents(classes).all(|latent| {
            latent.labels().iter().all(|label| label.map_or(classes == 0, |label| label < classes))
        });
        prop_assert_eq!(drawn(view, &image).is_ok(), accepted);
        if accepted {
            drawn_large(view, &image);
        }
    }

    #[test]
    fn any_message_is_drawn(title: String, text: String) {
        let mut frame = FrameBuffer::new();
        draw_message(&title, &text, &mut frame);
    }
}

/// Lines and edges are drawn here for less flash than embedded-graphics' own take; they are the
/// same pixels.
#[test]
fn lines_and_edges_are_those_of_embedded_graphics() {
    use embedded_graphics::primitives::PrimitiveStyle;
    use embedded_graphics::text::{Alignment, Text, TextStyleBuilder};
    let colour = Gray8::new(WHITE);
    let (mut ours, mut theirs) = (Strict::new(240, 240), Strict::new(240, 240));
    let mut painter = Painter::new(&mut ours).unwrap();
    let layout = painter.layout;
    let (left, right) = layout.margins;
    let fonts = [layout.label, layout.image].map(|line| line.font);
    for (row, text) in ["", "7", "26", "seed 12", "né 7"].into_iter().enumerate() {
        for (column, font) in fonts.into_iter().enumerate() {
            let y = 44 * row as i32 + 22 * column as i32;
            for (at, x, alignment) in [
                (At::Left, left, Alignment::Left),
                (At::Right, right, Alignment::Right),
                (At::Middle(119), 119, Alignment::Center),
                (At::Middle(70), 70, Alignment::Center),
            ] {
                painter.text(text, at, Line { y, font }, WHITE).unwrap();
                let style = TextStyleBuilder::new()
                    .alignment(alignment)
                    .baseline(Baseline::Top);
                let letters = MonoTextStyle::new(font, colour);
                Text::with_text_style(text, Point::new(x, y), letters, style.build())
                    .draw(&mut theirs)
                    .unwrap();
            }
        }
    }
    for area in [
        layout.frame,
        layout.bar,
        Rectangle::new(Point::new(9, 9), Size::new(1, 5)),
    ] {
        painter.stroke(area, WHITE).unwrap();
        area.into_styled(PrimitiveStyle::with_stroke(colour, 1))
            .draw(&mut theirs)
            .unwrap();
    }
    assert!(ours.levels.iter().any(|&level| level > 0));
    assert!(ours.levels == theirs.levels);
}
