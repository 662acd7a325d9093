//! Numbers and names as text without what `core::fmt` has for them: fill, width, sign and precision
//! take 2 KB of flash, and nothing here uses them.
//!
//! [`fmt::Display`] of these writes the text alone, so that messages are still put together by
//! `write!`.

use core::fmt;

/// A number, in decimal digits.
#[derive(Debug, Clone, Copy)]
pub struct Decimal(u32);

/// The number; one that no `u32` holds becomes the largest that it does.
pub fn decimal(number: impl TryInto<u32>) -> Decimal {
    Decimal(number.try_into().unwrap_or(u32::MAX))
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 10];
        let (mut rest, mut first) = (self.0, digits.len());
        for digit in digits.iter_mut().rev() {
            // Below ten.
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
            first -= 1;
            if rest == 0 {
                break;
            }
        }
        ascii(&digits, first, f)
    }
}

/// A number in eight hexadecimal digits, as checksums are written.
#[derive(Debug, Clone, Copy)]
pub struct Hex(pub u32);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 8];
        let mut rest = self.0;
        for digit in digits.iter_mut().rev() {
            // Below sixteen.
            let value = (rest & 15) as u8;
            *digit = value + if value < 10 { b'0' } else { b'a' - 10 };
            rest >>= 4;
        }
        ascii(&digits, 0, f)
    }
}

/// A text.
#[derive(Debug, Clone, Copy)]
pub struct Plain<'t>(pub &'t str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Writes digits from the first one on.
fn ascii(digits: &[u8], first: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let digits = digits.get(first..).unwrap_or_default();
    f.write_str(core::str::from_utf8(digits).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::format;

    #[test]
    fn edges() {
        for number in [0, 9, 10, 99, 100, u32::MAX] {
            assert_eq!(format!("{}", decimal(number)), format!("{number}"));
            assert_eq!(format!("{}", Hex(number)), format!("{number:08x}"));
        }
        assert_eq!(format!("{}", decimal(u64::MAX)), format!("{}", u32::MAX));
        assert_eq!(format!("<{}>", Plain("ä")), "<ä>");
    }

    proptest! {
        #[test]
        fn as_core_writes_them(number: u32) {
            prop_assert_eq!(format!("{}", decimal(number)), format!("{number}"));
            prop_assert_eq!(format!("{}", Hex(number)), format!("{number:08x}"));
        }
    }
}
