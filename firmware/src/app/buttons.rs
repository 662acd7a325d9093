//! From pins to presses: a press counts when its button is released, so that pins that read
//! "pressed" before anybody touched them, as an emulator's may, count for nothing.

use core::fmt;
use core::str::FromStr;

/// The buttons of a board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Button {
    /// Next label or digit.
    Up,
    /// Previous label or digit.
    Down,
    /// Previous seed or digit; pauses a walk.
    Left,
    /// Next seed, digit or target of a walk.
    Right,
    /// Next mode.
    Select,
}

impl Button {
    /// All buttons.
    pub const ALL: [Self; 5] = [Self::Up, Self::Down, Self::Left, Self::Right, Self::Select];

    /// Its name, as commands write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Left => "left",
            Self::Right => "right",
            Self::Select => "select",
        }
    }
}

impl fmt::Display for Button {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Button {
    type Err = UnknownButton;

    fn from_str(name: &str) -> Result<Self, UnknownButton> {
        Self::ALL
            .into_iter()
            .find(|button| button.name().eq_ignore_ascii_case(name.trim()))
            .ok_or(UnknownButton)
    }
}

/// A name that no button has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such button; there are up, down, left, right, select")]
pub struct UnknownButton;

/// Tells releases from contacts that bounce, for eight pins at once, one a bit.
///
/// A port latches rising edges between samples, so that a press may be shorter than their distance;
/// the level must then stay high from one sample to the next without another edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Releases {
    /// Rose before the last sample, and was high then.
    rising: u8,
}

impl Releases {
    /// Nothing rose yet.
    pub const fn new() -> Self {
        Self { rising: 0 }
    }

    /// Takes a sample: pins that rose since the last one, and pins that are high. Gives those that
    /// were released.
    pub const fn sample(&mut self, rose: u8, high: u8) -> u8 {
        let released = self.rising & high & !rose;
        self.rising = rose & high;
        released
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn names_are_read_back() {
        for button in Button::ALL {
            assert_eq!(button.to_string().parse(), Ok(button));
            assert_eq!(
                std::format!(" {button} ").to_uppercase().parse(),
                Ok(button)
            );
        }
        assert_eq!("ok".parse::<Button>(), Err(UnknownButton));
    }

    fn released(samples: &[(u8, u8)]) -> u32 {
        let mut releases = Releases::new();
        samples
            .iter()
            .map(|&(rose, high)| releases.sample(rose, high).count_ones())
            .sum()
    }

    #[test]
    fn one_press_counts_once() {
        for (what, samples, expected) in [
            ("low from the start", &[(0, 0), (0, 0), (0, 0)][..], 0),
            ("high from the start", &[(0, 1), (0, 1), (0, 1)], 0),
            ("held, then released", &[(0, 0), (1, 1), (0, 1), (0, 1)], 1),
            (
                "shorter than a sample",
                &[(0, 1), (1, 1), (0, 1), (0, 1)],
                1,
            ),
            (
                "bounced while pressed",
                &[(0, 1), (1, 0), (0, 0), (0, 0)],
                0,
            ),
            (
                "bounced at a sample while pressed",
                &[(0, 1), (1, 1), (0, 0), (0, 0), (1, 1), (0, 1)],
                1,
            ),
            (
                "bounced when released",
                &[(0, 0), (1, 1), (1, 1), (1, 0), (1, 1), (0, 1), (0, 1)],
                1,
            ),
            (
                "pressed twice",
                &[(1, 1), (0, 1), (0, 0), (1, 1), (0, 1)],
                2,
            ),
            ("two buttons", &[(3, 3), (0, 3)], 2),
        ] {
            assert_eq!(released(samples), expected, "{what}");
        }
    }
}
