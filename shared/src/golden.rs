//! Golden vectors: for a point in latent space, the checksum of the input and of every operation's output.

use crate::latent::Point;

/// What one point must give, layer by layer. Lies in the model image; replayed by self-tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Golden<'a> {
    /// What to generate.
    pub point: Point,
    /// Little-endian CRC-32 values: of the input, then of each operation's output in order.
    pub checksums: &'a [u8],
}

impl<'a> Golden<'a> {
    /// The checksums: of the input, then of each operation's output in order.
    pub fn checksums(&self) -> impl Iterator<Item = u32> + use<'a> {
        let (words, _) = self.checksums.as_chunks::<4>();
        words.iter().map(|word| u32::from_le_bytes(*word))
    }

    /// The checksum of the input.
    pub fn input(&self) -> Option<u32> {
        self.checksums().next()
    }

    /// The checksum of one operation's output.
    pub fn output_of(&self, op: usize) -> Option<u32> {
        self.checksums().nth(op.checked_add(1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_little_endian_words() {
        let golden = Golden {
            point: Point::default(),
            checksums: &[1, 0, 0, 0, 0, 2, 0, 0],
        };
        assert_eq!(
            (golden.input(), golden.output_of(0), golden.output_of(1)),
            (Some(1), Some(512), None)
        );
        assert_eq!(golden.output_of(usize::MAX), None);
    }
}
