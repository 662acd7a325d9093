//! What a model image's program is made of: regions of one arena, and operations on them.

use crate::arithmetic::{ACCUMULATOR_LIMIT, Activation};

/// A tensor's place in the arena: int8 elements in the order channels, rows, columns.
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

    /// One past the last byte.
    pub const fn end(&self) -> u32 {
        self.offset.saturating_add(self.len())
    }

    /// Whether two regions share a byte.
    pub const fn overlaps(&self, other: &Self) -> bool {
        self.offset < other.end() && other.offset < self.end()
    }

    /// The same bytes, perhaps at another exponent or shape.
    pub const fn covers_the_same_bytes(&self, other: &Self) -> bool {
        self.offset == other.offset && self.len() == other.len()
    }
}

/// How a dense layer's weights lie in the image. The packer chooses; the kernels follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// int8, one row an output.
    Int8Rows,
    /// int4 in two's complement, one row an output, two a byte with the even column in the low nibble; a row of odd
    /// length ends with a zero nibble.
    Int4Rows,
}

impl Layout {
    /// Bytes of one row of `inputs` weights.
    pub const fn row_len(self, inputs: u32) -> u32 {
        match self {
            Self::Int8Rows => inputs,
            Self::Int4Rows => inputs.div_ceil(2),
        }
    }

    /// Bits of one weight.
    pub const fn bits(self) -> u8 {
        match self {
            Self::Int8Rows => 8,
            Self::Int4Rows => 4,
        }
    }
}

/// The low and the high weight of a byte of [`Layout::Int4Rows`].
#[inline(always)]
pub const fn unpack_int4(byte: u8) -> (i8, i8) {
    (((byte << 4) as i8) >> 4, (byte as i8) >> 4)
}

/// A fully connected layer: `y = requantize(W x + b)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dense<'a> {
    /// Index of the region that holds `x`.
    pub input: u16,
    /// Index of the region that receives `y`.
    pub output: u16,
    /// How `weights` lie.
    pub layout: Layout,
    /// What follows the accumulator.
    pub activation: Activation,
    /// `outputs * layout.row_len(inputs)` bytes.
    pub weights: &'a [u8],
    /// `outputs` int32, little-endian, at the accumulator's exponent.
    pub bias: &'a [u8],
    /// `outputs` shifts from the accumulator's exponent to the output's.
    pub shifts: &'a [u8],
}

impl<'a> Dense<'a> {
    /// Row of weights, bias and shift of each output, in order.
    pub fn rows(&self, inputs: u32) -> impl Iterator<Item = (&'a [u8], i32, u8)> + use<'a> {
        let row_len = (self.layout.row_len(inputs) as usize).max(1);
        let (biases, _) = self.bias.as_chunks::<4>();
        self.weights
            .chunks_exact(row_len)
            .zip(biases)
            .zip(self.shifts)
            .map(|((row, bias), &shift)| (row, i32::from_le_bytes(*bias), shift))
    }

    /// The largest magnitude that each output's accumulator can reach: `sum|w| * 128 + |b|`.
    pub fn accumulator_bounds(&self, inputs: u32) -> impl Iterator<Item = i64> + use<'a> {
        let layout = self.layout;
        self.rows(inputs).map(move |(row, bias, _)| {
            let magnitude: i64 = match layout {
                Layout::Int8Rows => row
                    .iter()
                    .map(|&w| i64::from((w as i8).unsigned_abs()))
                    .sum(),
                Layout::Int4Rows => row
                    .iter()
                    .map(|&byte| {
                        let (low, high) = unpack_int4(byte);
                        i64::from(low.unsigned_abs()) + i64::from(high.unsigned_abs())
                    })
                    .sum(),
            };
            magnitude * 128 + i64::from(bias).abs()
        })
    }

    /// The first output whose accumulator may leave the range that float runtimes compute exactly, and its bound.
    pub fn first_overflow(&self, inputs: u32) -> Option<(usize, i64)> {
        self.accumulator_bounds(inputs)
            .enumerate()
            .find(|&(_, bound)| bound >= ACCUMULATOR_LIMIT)
    }
}

/// A table of 256 entries: `y[i] = entries[x[i] + 128]`. May work in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table<'a> {
    /// Index of the region that holds `x`.
    pub input: u16,
    /// Index of the region that receives `y`; the same bytes as `input`, or none of them.
    pub output: u16,
    /// 256 int8, for the inputs -128 to 127.
    pub entries: &'a [u8; 256],
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'a> {
    /// See [`Dense`].
    Dense(Dense<'a>),
    /// See [`Table`].
    Table(Table<'a>),
}

/// One operation of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Op<'a> {
    /// The layer's name, as errors, logs and reports use it.
    pub name: &'a str,
    /// What it does.
    pub kind: Kind<'a>,
}

impl Op<'_> {
    /// Index of the region that is read.
    pub const fn input(&self) -> u16 {
        match self.kind {
            Kind::Dense(Dense { input, .. }) | Kind::Table(Table { input, .. }) => input,
        }
    }

    /// Index of the region that is written.
    pub const fn output(&self) -> u16 {
        match self.kind {
            Kind::Dense(Dense { output, .. }) | Kind::Table(Table { output, .. }) => output,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_int4_byte_unpacks() {
        for low in -8i8..=7 {
            for high in -8i8..=7 {
                let byte = (low as u8 & 0xF) | ((high as u8) << 4);
                assert_eq!(unpack_int4(byte), (low, high));
            }
        }
    }

    #[test]
    fn regions_overlap_as_intervals_do() {
        let at = |offset, len| Region::vector(offset, len, 0);
        assert!(at(0, 4).overlaps(&at(3, 1)));
        assert!(!at(0, 4).overlaps(&at(4, 4)));
        assert!(at(2, 1).overlaps(&at(0, 9)));
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

    #[test]
    fn bounds_count_every_weight() {
        let dense = Dense {
            input: 0,
            output: 1,
            layout: Layout::Int4Rows,
            activation: Activation::None,
            weights: &[0x78, 0x01, 0xFF, 0x00],
            bias: &[0xFF, 0xFF, 0xFF, 0xFF, 5, 0, 0, 0],
            shifts: &[1, 2],
        };
        let mut bounds = dense.accumulator_bounds(3);
        assert_eq!(bounds.next(), Some((8 + 7 + 1) * 128 + 1));
        assert_eq!(bounds.next(), Some(2 * 128 + 5));
        assert_eq!(bounds.next(), None);
        assert_eq!(dense.first_overflow(3), None);
    }
}
