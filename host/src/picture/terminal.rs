//! Pictures as text: two rows of pixels a line with half-block characters, or one with an ASCII
//! ramp.

use super::GrayImage;
use std::fmt::Write;

/// What a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Palette {
    /// Any colour: `ESC [38;2;r;g;bm`.
    TrueColor,
    /// The 24 greys, black and white of the 256 colours: `ESC [38;5;nm`.
    Color256,
    /// No escape codes and no characters outside ASCII.
    Ascii,
}

/// Black to white by the ink of the characters on a dark ground.
const RAMP: &[u8; 10] = b" .:-=+*#%@";

impl Palette {
    /// The palette for an output, by the customs of <https://no-color.org> and of `TERM` and
    /// `COLORTERM`.
    ///
    /// `variable` gives an environment variable's value, None where it is not set.
    pub fn choose(is_terminal: bool, variable: impl Fn(&str) -> Option<String>) -> Self {
        let value = |name: &str| variable(name).unwrap_or_default();
        if !is_terminal || !value("NO_COLOR").is_empty() || value("TERM") == "dumb" {
            return Self::Ascii;
        }
        match value("COLORTERM").as_str() {
            "truecolor" | "24bit" => Self::TrueColor,
            _ => Self::Color256,
        }
    }

    /// The palette for this program's standard output.
    pub fn of_stdout() -> Self {
        use std::io::IsTerminal;
        Self::choose(std::io::stdout().is_terminal(), |name| {
            std::env::var(name).ok()
        })
    }
}

/// A picture as lines of text, each ended by a newline. Pixels that `image` lacks are black.
///
/// With colours, a line shows two rows: the character U+2580 has the upper pixel in its foreground
/// and the lower in its background. The ASCII ramp shows one character for two rows, with their
/// mean, since characters are about twice as high as wide.
pub fn render(image: &GrayImage, palette: Palette) -> String {
    let pixel = |x: usize, y: usize| -> u8 {
        let index = y
            .checked_mul(image.width)
            .and_then(|start| start.checked_add(x));
        index
            .and_then(|index| image.pixels.get(index))
            .copied()
            .unwrap_or(0)
    };
    // A picture may claim to be larger than its pixels.
    let rows = match image.width {
        0 => 0,
        width => image.height.min(image.pixels.len().div_ceil(width)),
    };
    let mut text = String::new();
    for y in (0..rows).step_by(2) {
        // Below an odd last row the ground stays as it is.
        let has_lower = y + 1 < rows;
        let mut last = None;
        for x in 0..image.width.min(image.pixels.len()) {
            let upper = pixel(x, y);
            let lower = if has_lower { pixel(x, y + 1) } else { 0 };
            if palette == Palette::Ascii {
                let mean = match has_lower {
                    true => usize::from(upper).midpoint(usize::from(lower)),
                    false => usize::from(upper),
                };
                text.push(char::from(RAMP[mean * (RAMP.len() - 1) / 255]));
                continue;
            }
            if last != Some((upper, lower)) {
                text.push_str("\x1b[");
                push_colour(&mut text, palette, 38, upper);
                if has_lower {
                    text.push(';');
                    push_colour(&mut text, palette, 48, lower);
                }
                text.push('m');
                last = Some((upper, lower));
            }
            text.push('\u{2580}');
        }
        if palette != Palette::Ascii {
            text.push_str("\x1b[0m");
        }
        text.push('\n');
    }
    text
}

/// `layer` is 38 for the foreground, 48 for the background.
fn push_colour(text: &mut String, palette: Palette, layer: u8, level: u8) {
    // Writing to a String cannot fail.
    let _ = match palette {
        Palette::Color256 => write!(text, "{layer};5;{}", nearest_of_256(level)),
        _ => write!(text, "{layer};2;{level};{level};{level}"),
    };
}

/// The nearest grey among the 256 colours of xterm: 16 is black, 231 white, 232 + i is the level 8 + 10 i.
fn nearest_of_256(level: u8) -> u8 {
    match level {
        0..=3 => 16,
        247..=255 => 231,
        _ => 232 + (level.saturating_sub(3) / 10).min(23),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(width: usize, height: usize, pixels: &[u8]) -> GrayImage {
        GrayImage {
            width,
            height,
            pixels: pixels.into(),
        }
    }

    #[test]
    fn half_blocks_hold_two_rows_and_repeat_no_colour() {
        let text = render(&image(3, 2, &[1, 1, 2, 3, 3, 4]), Palette::TrueColor);
        assert_eq!(
            text,
            "\x1b[38;2;1;1;1;48;2;3;3;3m▀▀\x1b[38;2;2;2;2;48;2;4;4;4m▀\x1b[0m\n"
        );
    }

    #[test]
    fn an_odd_last_row_has_no_background() {
        let text = render(&image(1, 3, &[0, 0, 255]), Palette::Color256);
        assert_eq!(
            text,
            "\x1b[38;5;16;48;5;16m▀\x1b[0m\n\x1b[38;5;231m▀\x1b[0m\n"
        );
    }

    #[test]
    fn the_ramp_is_ascii_and_rises() {
        let levels: Vec<u8> = (0..=255).collect();
        let text = render(&image(256, 1, &levels), Palette::Ascii);
        let places: Vec<_> = text
            .trim_end_matches('\n')
            .bytes()
            .map(|b| RAMP.iter().position(|&r| r == b).unwrap())
            .collect();
        assert!(places.is_sorted() && places[0] == 0 && places[255] == 9);
        assert_eq!(
            render(&image(2, 2, &[0, 255, 0, 255]), Palette::Ascii),
            " @\n"
        );
        assert_eq!(render(&image(1, 2, &[255, 0]), Palette::Ascii), "=\n");
    }

    #[test]
    fn each_grey_of_the_256_colours_is_the_nearest() {
        let value = |index: u8| match index {
            16 => 0,
            231 => 255,
            _ => 8 + 10 * (i32::from(index) - 232),
        };
        for level in 0..=255u8 {
            let off = |index| (value(index) - i32::from(level)).abs();
            let best = (232..=255).chain([16, 231]).map(off).min().unwrap();
            assert_eq!(off(nearest_of_256(level)), best, "level {level}");
        }
    }

    #[test]
    fn a_picture_that_lies_about_its_size_is_drawn_as_far_as_it_goes() {
        for palette in [Palette::Ascii, Palette::TrueColor] {
            assert_eq!(render(&image(0, 9, &[]), palette), "");
            assert_eq!(render(&image(9, usize::MAX, &[]), palette), "");
            let lines = render(&image(2, 1000, &[1, 2, 3]), palette);
            assert_eq!(lines.lines().count(), 1);
            assert!(
                render(&image(usize::MAX, usize::MAX, &[9]), palette)
                    .lines()
                    .count()
                    == 1
            );
        }
    }

    #[test]
    fn the_palette_follows_terminal_and_environment() {
        let choose = |is_terminal, set: &[(&str, &str)]| {
            Palette::choose(is_terminal, |name| {
                set.iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(
            choose(true, &[("COLORTERM", "truecolor")]),
            Palette::TrueColor
        );
        assert_eq!(choose(true, &[("TERM", "xterm")]), Palette::Color256);
        assert_eq!(choose(true, &[("NO_COLOR", "")]), Palette::Color256);
        for set in [("NO_COLOR", "1"), ("TERM", "dumb")] {
            assert_eq!(choose(true, &[set, ("COLORTERM", "24bit")]), Palette::Ascii);
        }
        assert_eq!(choose(false, &[("COLORTERM", "24bit")]), Palette::Ascii);
    }
}
