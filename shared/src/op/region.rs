//! Tensors in the arena.

/// A tensor's place in the arena: int8 elements in the order rows, columns, channels (channels
/// last), so that the channels of one pixel lie side by side. Several regions may name the same
/// bytes: as another shape (a reshape costs nothing), or as a part (the label behind the latent
/// vector).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// First byte in the arena.
    pub offset: u32,
    /// Number of channels; the length of a vector.
    pub channels: u16,
    /// Number of rows; 1 for a vector.
    pub height: u16,
    /// Number of columns; 1 for a vector.
    pub width: u16,
    /// Real value = element * `2^exponent`.
    pub exponent: i8,
}

impl Region {
    /// A vector of `len` elements.
    pub const fn vector(offset: u32, len: u16, exponent: i8) -> Self {
        Self {
            offset,
            channels: len,
            height: 1,
            width: 1,
            exponent,
        }
    }

    /// Number of elements, which is the number of bytes. Saturates, and no arena is that large.
    pub const fn len(&self) -> u32 {
        (self.channels as u32)
            .saturating_mul(self.height as u32)
            .saturating_mul(self.width as u32)
    }

    /// Whether there are no elements. A checked image has no such region.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows, columns, channels.
    pub const fn shape(&self) -> [u16; 3] {
        [self.height, self.width, self.channels]
    }

    /// One past the last byte.
    pub const fn end(&self) -> u32 {
        self.offset.saturating_add(self.len())
    }

    /// Whether two regions share a byte.
    pub const fn overlaps(&self, other: &Self) -> bool {
        self.offset < other.end() && other.offset < self.end()
    }

    /// Whether every byte of this region is one of the other's.
    pub const fn lies_within(&self, other: &Self) -> bool {
        other.offset <= self.offset && self.end() <= other.end()
    }

    /// The same bytes, perhaps at another exponent or shape.
    pub const fn covers_the_same_bytes(&self, other: &Self) -> bool {
        self.offset == other.offset && self.len() == other.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_overlap_as_intervals_do() {
        let at = |offset, len| Region::vector(offset, len, 0);
        assert!(at(0, 4).overlaps(&at(3, 1)));
        assert!(!at(0, 4).overlaps(&at(4, 4)));
        assert!(at(2, 1).overlaps(&at(0, 9)));
        assert!(at(2, 1).lies_within(&at(0, 3)) && at(0, 3).lies_within(&at(0, 3)));
        assert!(!at(2, 2).lies_within(&at(0, 3)) && !at(0, 1).lies_within(&at(1, 3)));
        assert_eq!(
            Region {
                offset: 0,
                channels: u16::MAX,
                height: u16::MAX,
                width: 9,
                exponent: 0
            }
            .len(),
            u32::MAX
        );
    }
}
