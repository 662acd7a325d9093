//! What the screen shows: with the image, all that decides its pixels. Written and read as one line
//! of text.

use super::Number;
use crate::text::decimal;
use core::{fmt, str::FromStr};
use shared::latent::{Latent, Point, WALK_STEPS};

/// Columns of the grid.
pub const GRID_COLUMNS: usize = 4;

/// Rows of the grid.
pub const GRID_ROWS: usize = 2;

/// Pictures in the grid.
pub const GRID_LEN: usize = GRID_COLUMNS * GRID_ROWS;

/// A screen. Its [`Display`](fmt::Display) and [`FromStr`] are the part of the `status` line behind
/// that word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// What the self-test gave: `selftest goldens=8 failed=-`, or `failed=2:input`, `failed=2:0`
    /// (operation 0).
    SelfTest(SelfTest),
    /// One large picture: `digit seed=1 label=7`, with `-` for no label.
    Digit {
        /// Seed and label of the picture.
        point: Point,
    },
    /// Eight pictures of neighbouring seeds: `grid seed=0 label=7`, with `-` for all labels in
    /// turn, or none.
    Grid {
        /// Seed of the first picture.
        seed: u32,
        /// Label of all pictures.
        label: Option<u8>,
    },
    /// A picture on the way between two points: `walk from=1:0 to=2:1 step=9 paused=0`, points as
    /// seed and label.
    Walk {
        /// Step 0.
        from: Point,
        /// Step [`WALK_STEPS`].
        to: Point,
        /// `0..=WALK_STEPS`.
        step: u8,
        /// Whether it stands still.
        paused: bool,
    },
    /// A number, digit by digit: `number digits=2026 cursor=0 seed=1`.
    Number {
        /// The number.
        number: Number,
        /// Index of the digit that the buttons change, from the left.
        cursor: u8,
        /// Seed of the first digit.
        seed: u32,
    },
}

/// What the self-test gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SelfTest {
    /// Golden vectors in the image.
    pub goldens: u16,
    /// The first difference.
    pub failed: Option<Fault>,
}

/// Where the self-test found its first difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Index of the golden vector.
    pub golden: u16,
    /// Index of the operation; `None` for the input.
    pub op: Option<u16>,
}

impl View {
    /// The first picture that is shown, of a model of so many classes.
    pub fn first(classes: u8) -> Self {
        Self::Digit {
            point: Point {
                seed: 1,
                label: classes.checked_sub(1).map(|last| last.min(7)),
            },
        }
    }

    /// The pictures on the screen, in order from the left and the top, for a model of so many
    /// classes.
    pub fn latents(self, classes: u8) -> impl Iterator<Item = Latent> {
        let mut latents = [None; GRID_LEN];
        match self {
            Self::SelfTest(_) => {}
            Self::Digit { point } => latents[0] = Some(Latent::At(point)),
            Self::Grid { seed, label } => {
                for (latent, i) in latents.iter_mut().zip(0u32..) {
                    let seed = seed.wrapping_add(i);
                    // The remainder is below the number of classes, which is a u8.
                    let mixed = seed
                        .checked_rem(u32::from(classes))
                        .map(|label| label as u8);
                    *latent = Some(Latent::At(Point {
                        seed,
                        label: label.or(mixed),
                    }));
                }
            }
            Self::Walk { from, to, step, .. } => {
                latents[0] = Some(Latent::Between { from, to, step })
            }
            Self::Number { number, seed, .. } => {
                for (latent, point) in latents.iter_mut().zip(number.points(seed)) {
                    *latent = Some(Latent::At(point));
                }
            }
        }
        latents.into_iter().flatten()
    }
}

/// A label as text, `-` for none.
pub(super) struct Label(pub Option<u8>);

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(label) => decimal(label).fmt(f),
            None => f.write_str("-"),
        }
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::SelfTest(SelfTest { goldens, failed }) => {
                write!(f, "selftest goldens={} failed=", decimal(goldens))?;
                match failed {
                    None => f.write_str("-"),
                    Some(Fault { golden, op: None }) => write!(f, "{}:input", decimal(golden)),
                    Some(Fault {
                        golden,
                        op: Some(op),
                    }) => write!(f, "{}:{}", decimal(golden), decimal(op)),
                }
            }
            Self::Digit {
                point: Point { seed, label },
            } => write!(f, "digit seed={} label={}", decimal(seed), Label(label)),
            Self::Grid { seed, label } => {
                write!(f, "grid seed={} label={}", decimal(seed), Label(label))
            }
            Self::Walk {
                from,
                to,
                step,
                paused,
            } => write!(
                f,
                "walk from={}:{} to={}:{} step={} paused={}",
                decimal(from.seed),
                Label(from.label),
                decimal(to.seed),
                Label(to.label),
                decimal(step),
                decimal(paused)
            ),
            Self::Number {
                number,
                cursor,
                seed,
            } => write!(
                f,
                "number digits={number} cursor={} seed={}",
                decimal(cursor),
                decimal(seed)
            ),
        }
    }
}

/// A text is no view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// The first word is no mode.
    #[error("no such mode, expected selftest, digit, grid, walk or number")]
    Mode,
    /// A field is missing, out of place, or has an impossible value.
    #[error("the field {0} is missing, out of place or impossible")]
    Field(&'static str),
    /// Something follows the last field.
    #[error("there is more than the mode's fields")]
    More,
}

/// Fields `key=value` in a fixed order.
struct Fields<'a>(core::str::SplitAsciiWhitespace<'a>);

impl Fields<'_> {
    fn next<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ViewError> {
        let field = self.0.next().and_then(|field| field.split_once('='));
        let value = field
            .filter(|(found, _)| *found == key)
            .map(|(_, value)| value);
        value.and_then(parse).ok_or(ViewError::Field(key))
    }
}

/// A number of any width: what reads them is there once.
pub(super) fn number<T: TryFrom<u32>>(text: &str) -> Option<T> {
    text.parse()
        .ok()
        .and_then(|number: u32| T::try_from(number).ok())
}

/// A label, or `-` for none.
pub(super) fn label(text: &str) -> Option<Option<u8>> {
    if text == "-" {
        Some(None)
    } else {
        number(text).map(Some)
    }
}

fn point(text: &str) -> Option<Point> {
    let (seed, name) = text.split_once(':')?;
    Some(Point {
        seed: number(seed)?,
        label: label(name)?,
    })
}

impl FromStr for View {
    type Err = ViewError;

    fn from_str(text: &str) -> Result<Self, ViewError> {
        let mut words = text.split_ascii_whitespace();
        let mode = words.next();
        let mut fields = Fields(words);
        let view = match mode {
            Some("selftest") => Self::SelfTest(SelfTest {
                goldens: fields.next("goldens", number)?,
                failed: fields.next("failed", |text| match text.split_once(':') {
                    None => (text == "-").then_some(None),
                    Some((golden, op)) => Some(Some(Fault {
                        golden: number(golden)?,
                        op: if op == "input" {
                            None
                        } else {
                            Some(number(op)?)
                        },
                    })),
                })?,
            }),
            Some("digit") => Self::Digit {
                point: Point {
                    seed: fields.next("seed", number)?,
                    label: fields.next("label", label)?,
                },
            },
            Some("grid") => Self::Grid {
                seed: fields.next("seed", number)?,
                label: fields.next("label", label)?,
            },
            Some("walk") => Self::Walk {
                from: fields.next("from", point)?,
                to: fields.next("to", point)?,
                step: fields.next("step", |text| {
                    number(text).filter(|&step| step <= WALK_STEPS)
                })?,
                paused: fields.next("paused", |text| number::<u8>(text).filter(|&p| p <= 1))? == 1,
            },
            Some("number") => {
                let digits = fields.next("digits", Number::parse)?;
                let cursor =
                    |text: &str| number(text).filter(|&c| usize::from(c) < digits.digits().len());
                Self::Number {
                    number: digits,
                    cursor: fields.next("cursor", cursor)?,
                    seed: fields.next("seed", number)?,
                }
            }
            _ => return Err(ViewError::Mode),
        };
        match fields.0.next() {
            None => Ok(view),
            Some(_) => Err(ViewError::More),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::{string::ToString, vec::Vec};

    fn any_point() -> impl Strategy<Value = Point> {
        (any::<u32>(), any::<Option<u8>>()).prop_map(|(seed, label)| Point { seed, label })
    }

    pub fn any_view() -> impl Strategy<Value = View> {
        prop_oneof![
            (any::<u16>(), any::<Option<(u16, Option<u16>)>>()).prop_map(|(goldens, failed)| {
                let failed = failed.map(|(golden, op)| Fault { golden, op });
                View::SelfTest(SelfTest { goldens, failed })
            }),
            any_point().prop_map(|point| View::Digit { point }),
            any_point().prop_map(|Point { seed, label }| View::Grid { seed, label }),
            (any_point(), any_point(), 0..=WALK_STEPS, any::<bool>()).prop_map(
                |(from, to, step, paused)| View::Walk {
                    from,
                    to,
                    step,
                    paused
                }
            ),
            ("[0-9]{1,4}", any::<u8>(), any::<u32>()).prop_map(|(digits, cursor, seed)| {
                View::Number {
                    number: Number::parse(&digits).unwrap(),
                    cursor: cursor % digits.len() as u8,
                    seed,
                }
            }),
        ]
    }

    proptest! {
        #[test]
        fn every_view_survives_its_text(view in any_view()) {
            prop_assert_eq!(view.to_string().parse(), Ok(view));
        }

        #[test]
        fn no_text_panics(text: std::string::String, view in any_view(), cut: usize) {
            let _ = text.parse::<View>();
            let mut cut_off = view.to_string();
            cut_off.truncate(cut % (cut_off.len() + 1));
            let _ = cut_off.parse::<View>();
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, error) in [
            ("", ViewError::Mode),
            ("paint seed=1", ViewError::Mode),
            ("digit seed=1", ViewError::Field("label")),
            ("digit label=1 seed=1", ViewError::Field("seed")),
            ("digit seed=4294967296 label=1", ViewError::Field("seed")),
            (
                "walk from=1:0 to=2:1 step=65 paused=0",
                ViewError::Field("step"),
            ),
            (
                "number digits=12 cursor=2 seed=0",
                ViewError::Field("cursor"),
            ),
            ("grid seed=1 label=- again", ViewError::More),
        ] {
            assert_eq!(text.parse::<View>(), Err(error), "{text}");
        }
    }

    #[test]
    fn pictures_of_each_view() {
        let at = |seed, label| Latent::At(Point { seed, label });
        let grid =
            |label, classes| -> Vec<_> { View::Grid { seed: 8, label }.latents(classes).collect() };
        assert_eq!(
            grid(None, 10)[..3],
            [at(8, Some(8)), at(9, Some(9)), at(10, Some(0))]
        );
        assert_eq!(grid(Some(3), 10)[7], at(15, Some(3)));
        assert_eq!(grid(None, 0)[0], at(8, None));
        let number = View::Number {
            number: Number::DEFAULT,
            cursor: 0,
            seed: 5,
        };
        let number: Vec<_> = number.latents(10).collect();
        assert_eq!(
            number,
            [
                at(5, Some(2)),
                at(6, Some(0)),
                at(7, Some(2)),
                at(8, Some(6))
            ]
        );
    }
}
