//! A number of up to four digits, each drawn as its own picture.

use crate::text::decimal;
use core::fmt;
use shared::latent::Point;

/// One to four decimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Number {
    digits: [u8; Self::MAX_LEN],
    len: u8,
}

impl Number {
    /// The most digits.
    pub const MAX_LEN: usize = 4;

    /// "2026".
    pub const DEFAULT: Self = Self {
        digits: [2, 0, 2, 6],
        len: 4,
    };

    /// The number in a text of one to four decimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut digits = [0; Self::MAX_LEN];
        if text.is_empty() || text.len() > digits.len() {
            return None;
        }
        for (digit, byte) in digits.iter_mut().zip(text.bytes()) {
            *digit = byte.is_ascii_digit().then(|| byte - b'0')?;
        }
        // At most four.
        Some(Self {
            digits,
            len: text.len() as u8,
        })
    }

    /// The digits from left to right, one to four of them, each 0 to 9.
    pub fn digits(&self) -> &[u8] {
        self.digits
            .get(..usize::from(self.len))
            .unwrap_or(&self.digits)
    }

    /// The points that the digits are drawn from, left to right: equal digits differ, as their
    /// seeds do.
    pub fn points(self, seed: u32) -> impl Iterator<Item = Point> {
        let points = self
            .digits
            .into_iter()
            .zip(0u32..)
            .take(usize::from(self.len));
        points.map(move |(digit, i)| Point {
            seed: seed.wrapping_add(i),
            label: Some(digit),
        })
    }

    /// Adds to one digit, around the number of digits that the model can draw.
    pub(super) fn turn(&mut self, cursor: u8, up: bool, classes: u8) {
        if let Some(digit) = self.digits.get_mut(usize::from(cursor)) {
            *digit = super::state::around(*digit, up, classes.min(10));
        }
    }

    /// Every digit brought to one that the model can draw.
    pub(super) fn clamped(mut self, classes: u8) -> Self {
        self.digits = self
            .digits
            .map(|digit| digit.min(classes.saturating_sub(1)));
        self
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.digits()
            .iter()
            .try_for_each(|&digit| decimal(digit).fmt(f))
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn one_to_four_digits() {
        for text in ["0", "42", "007", "2026"] {
            assert_eq!(
                Number::parse(text).map(|n| n.to_string()).as_deref(),
                Some(text)
            );
        }
        for text in ["", "12345", "-1", "1 2", "1.5", "٣", "x"] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
        assert_eq!(Number::parse("2026"), Some(Number::DEFAULT));
    }

    #[test]
    fn equal_digits_have_different_seeds() {
        let points: std::vec::Vec<_> = Number::parse("717").unwrap().points(u32::MAX).collect();
        let expected = [(u32::MAX, 7), (0, 1), (1, 7)].map(|(seed, label)| Point {
            seed,
            label: Some(label),
        });
        assert_eq!(points, expected);
    }
}
