//! Golden vectors: for a point in latent space, the checksum of the input, of every operation's
//! output outside of blocks, and of all outputs of each step of a block, one after the other.

use crate::latent::Point;

/// What one point must give, layer by layer. Lies in the model image; replayed by self-tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Golden<'a> {
    /// What to generate.
    pub point: Point,
    /// Little-endian CRC-32 values: of the input, then of each operation's output in order, or of a
    /// step's outputs.
    pub checksums: &'a [u8],
}

impl<'a> Golden<'a> {
    /// The checksums, in that order.
    pub fn checksums(&self) -> impl Iterator<Item = u32> + use<'a> {
        let (words, _) = self.checksums.as_chunks::<4>();
        words.iter().map(|word| u32::from_le_bytes(*word))
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
        assert!(golden.checksums().eq([1, 512]));
    }
}
