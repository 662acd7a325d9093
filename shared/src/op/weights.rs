//! Weights with bias and shift, as every layer that multiplies has them.

use super::{OpFault, Region, Window};
use crate::arithmetic::{ACCUMULATOR_LIMIT, Activation};

/// How a layer's weights lie in the image: in rows. The packer chooses; the kernels follow.
///
/// What a row is, and the order of its columns, is the layer's: see [`Dense`](super::Dense),
/// [`Conv`](super::Conv), [`ConvTranspose`](super::ConvTranspose) and
/// [`Embedding`](super::Embedding). Only the end of a row is filled up to a whole byte, so with an
/// odd number of channels every second tap of an int4 row starts in a high nibble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// int8.
    Int8Rows,
    /// int4 in two's complement, two a byte with the even column in the low nibble; a row of odd
    /// length ends with a zero nibble.
    Int4Rows,
}

impl Layout {
    /// Bytes of one row of `columns` weights.
    pub const fn row_len(self, columns: u32) -> u32 {
        match self {
            Self::Int8Rows => columns,
            Self::Int4Rows => columns.div_ceil(2),
        }
    }

    /// Bits of one weight.
    pub const fn bits(self) -> u8 {
        match self {
            Self::Int8Rows => 8,
            Self::Int4Rows => 4,
        }
    }

    /// The weight in a column of a row; 0 beyond its end.
    pub fn weight(self, row: &[u8], column: usize) -> i8 {
        match self {
            Self::Int8Rows => row.get(column).map_or(0, |&byte| byte as i8),
            Self::Int4Rows => row.get(column / 2).map_or(0, |&byte| {
                let (low, high) = unpack_int4(byte);
                if column.is_multiple_of(2) { low } else { high }
            }),
        }
    }
}

/// The low and the high weight of a byte of [`Layout::Int4Rows`].
#[inline(always)]
pub const fn unpack_int4(byte: u8) -> (i8, i8) {
    (((byte << 4) as i8) >> 4, (byte as i8) >> 4)
}

/// The weights of a layer, with bias and shift of each output channel, and the activation behind
/// them: `y = requantize(sum + bias)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weights<'a> {
    /// How `values` lie.
    pub layout: Layout,
    /// What follows the accumulator.
    pub activation: Activation,
    /// The rows one after the other, each of [`Layout::row_len`] bytes.
    pub values: &'a [u8],
    /// One int32 an output channel, little-endian, at the accumulator's exponent.
    pub bias: &'a [u8],
    /// One shift an output channel, from the accumulator's exponent to the output's.
    pub shifts: &'a [u8],
}

impl<'a> Weights<'a> {
    /// The bytes of each row of `columns` weights, in order.
    pub fn rows(&self, columns: u32) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let row_len = (self.layout.row_len(columns) as usize).max(1);
        self.values.chunks_exact(row_len)
    }

    /// The biases of the output channels, in order.
    pub fn biases(&self) -> impl Iterator<Item = i32> + use<'a> {
        let (biases, _) = self.bias.as_chunks::<4>();
        biases.iter().map(|bias| i32::from_le_bytes(*bias))
    }

    /// Bytes of weights, biases and shifts together.
    pub const fn len(&self) -> usize {
        self.values.len() + self.bias.len() + self.shifts.len()
    }

    /// Whether there is no byte. A checked image has no such weights.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The largest magnitude that each output channel's accumulator can reach where a row is an
    /// output channel's: `sum|w| * 128 + |b|` over the whole row, whichever taps meet the input.
    fn row_bounds(&self, columns: u32) -> impl Iterator<Item = i64> + use<'a> {
        let layout = self.layout;
        self.rows(columns)
            .zip(self.biases())
            .map(move |(row, bias)| {
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

    /// The largest magnitude that each output channel's accumulator can reach: `sum|w| * 128 + |b|`.
    pub fn bounds(&self, shape: &WeightShape) -> impl Iterator<Item = i64> + use<'a> {
        let rows = (!shape.by_column).then(|| self.row_bounds(shape.columns));
        let columns = shape.by_column.then(|| self.column_bounds(shape.columns));
        let (rows, columns) = (rows.into_iter().flatten(), columns.into_iter().flatten());
        rows.chain(columns)
    }

    /// Checks every shift and every accumulator.
    ///
    /// # Errors
    /// [`OpFault::Shift`] and [`OpFault::Accumulator`] name the output.
    pub(crate) fn check(&self, shape: &WeightShape) -> Result<(), OpFault> {
        self.check_shifts()?;
        match first_overflow(self.bounds(shape)) {
            None => Ok(()),
            Some((channel, bound)) => Err(OpFault::Accumulator { channel, bound }),
        }
    }

    fn check_shifts(&self) -> Result<(), OpFault> {
        let mut shifts = self.shifts.iter().enumerate();
        match shifts.find(|&(_, &shift)| !self.activation.allows_shift(shift)) {
            None => Ok(()),
            Some((channel, &shift)) => Err(OpFault::Shift { channel, shift }),
        }
    }

    /// As [`Self::row_bounds`], where a column is an output channel's.
    fn column_bounds(&self, columns: u32) -> impl Iterator<Item = i64> + use<'a> {
        let weights = *self;
        self.biases().enumerate().map(move |(column, bias)| {
            let magnitudes = weights
                .rows(columns)
                .map(|row| i64::from(weights.layout.weight(row, column).unsigned_abs()));
            magnitudes.sum::<i64>() * 128 + i64::from(bias).abs()
        })
    }
}

/// Rows and columns of a layer's weights, and whether an output channel is a row of them or a
/// column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeightShape {
    /// Number of rows.
    pub rows: u32,
    /// Weights in a row.
    pub columns: u32,
    /// Number of biases and of shifts: rows or columns.
    pub channels: u32,
    /// Whether an output channel is a column.
    pub by_column: bool,
}

/// Shapes between two regions. Products saturate, and no image is that large.
impl WeightShape {
    /// Those of a [`Dense`](super::Dense) layer.
    pub const fn dense(from: &Region, to: &Region) -> Self {
        Self {
            rows: to.len(),
            columns: from.len(),
            channels: to.len(),
            by_column: false,
        }
    }

    /// Those of a [`Conv`](super::Conv) or [`ConvTranspose`](super::ConvTranspose) in so many
    /// groups.
    pub const fn conv(window: &Window, groups: u16, from: &Region, to: &Region) -> Self {
        let groups = if groups == 0 { 1 } else { groups };
        Self {
            rows: to.channels as u32,
            columns: window
                .taps()
                .saturating_mul((from.channels / groups) as u32),
            channels: to.channels as u32,
            by_column: false,
        }
    }

    /// Those of an [`Embedding`](super::Embedding).
    pub const fn embedding(from: &Region, to: &Region) -> Self {
        Self {
            rows: from.len(),
            columns: to.len(),
            channels: to.len(),
            by_column: true,
        }
    }

    /// Bytes of the weights.
    pub const fn values_len(&self, layout: Layout) -> u32 {
        self.rows.saturating_mul(layout.row_len(self.columns))
    }
}

/// The first accumulator that may leave the range that float runtimes compute exactly, and its
/// bound.
pub fn first_overflow(bounds: impl Iterator<Item = i64>) -> Option<(usize, i64)> {
    bounds
        .enumerate()
        .find(|&(_, bound)| bound >= ACCUMULATOR_LIMIT)
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
                let weight = |column| Layout::Int4Rows.weight(&[0, byte], column);
                assert_eq!([weight(2), weight(3), weight(4)], [low, high, 0]);
            }
        }
        let weight = |column| Layout::Int8Rows.weight(&[0x7F, 0x80], column);
        assert_eq!([weight(0), weight(1), weight(2)], [127, -128, 0]);
    }

    #[test]
    fn bounds_count_every_weight() {
        let weights = Weights {
            layout: Layout::Int4Rows,
            activation: Activation::None,
            values: &[0x78, 0x01, 0xFF, 0x00],
            bias: &[0xFF, 0xFF, 0xFF, 0xFF, 5, 0, 0, 0],
            shifts: &[1, 2],
        };
        let bounds = [(8 + 7 + 1) * 128 + 1, 2 * 128 + 5];
        assert!(weights.row_bounds(3).eq(bounds));
        assert_eq!(first_overflow(weights.row_bounds(3)), None);
        // The rows are (-8, 7, 1) and (-1, -1, 0); there are biases for two columns.
        assert!(
            weights
                .column_bounds(3)
                .eq([(8 + 1) * 128 + 1, (7 + 1) * 128 + 5])
        );
        let at_the_limit = [1, ACCUMULATOR_LIMIT - 1, ACCUMULATOR_LIMIT];
        assert_eq!(
            first_overflow(at_the_limit.into_iter()),
            Some((2, ACCUMULATOR_LIMIT))
        );
    }
}
