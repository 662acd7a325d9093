//! What a model image's program is made of: regions of one arena, and operations on them.
//!
//! Layers that multiply share [`Weights`]; convolutions share [`Window`]. Activations lie channels last, see [`Region`].

mod region;
mod weights;
mod window;

pub use region::Region;
pub use weights::{Layout, Weights, first_overflow, unpack_int4};
pub use window::{Axis, Taps, Window};

/// A fully connected layer: `y = requantize(W x + b)`, of the elements of `x` in the order of their region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dense<'a> {
    /// Index of the region that holds `x`.
    pub input: u16,
    /// Index of the region that receives `y`.
    pub output: u16,
    /// One row an element of `y`, one column an element of `x`.
    pub weights: Weights<'a>,
}

/// A convolution (in the sense of neural networks: a cross-correlation):
/// `y[r][c][o] = requantize(b[o] + sum over i, j, n of x[r*s + i - p][c*s + j - p][n] * w[o][i][j][n])`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv<'a> {
    /// Index of the region that holds `x`.
    pub input: u16,
    /// Index of the region that receives `y`.
    pub output: u16,
    /// Kernel, stride and padding.
    pub window: Window,
    /// One row an output channel; its columns in the order rows of the kernel, columns of the kernel, input channels.
    pub weights: Weights<'a>,
}

/// A transposed convolution: each element of `x` adds its products with the kernel to `y` where
/// `y_row + p = x_row * s + i`, and likewise along the columns; then bias, activation and requantization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvTranspose<'a> {
    /// Index of the region that holds `x`.
    pub input: u16,
    /// Index of the region that receives `y`.
    pub output: u16,
    /// Kernel, stride and padding.
    pub window: Window,
    /// One row an output channel; its columns in the order rows of the kernel, columns of the kernel, input channels.
    pub weights: Weights<'a>,
}

/// Nearest-neighbour enlargement by whole factors: `y[r][c] = x[r / f][c / f]`. Both regions have one exponent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upsample {
    /// Index of the region that holds `x`.
    pub input: u16,
    /// Index of the region that receives `y`.
    pub output: u16,
    /// Factors of the rows and of the columns, at least 1.
    pub factor: [u8; 2],
}

/// Copies the input's channels behind the first `channel_offset` channels of the output: a part of a concatenation.
///
/// The parts of one region are copied one after the other in the order of their channels, and only when the last is
/// there may the region be read. The first one, at offset 0, sets the channels behind it to 0: what an observer sees of a
/// region in the making does not depend on what lay there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copy {
    /// Index of the region that holds the part, with as many rows and columns as the output.
    pub input: u16,
    /// Index of the region that receives it.
    pub output: u16,
    /// The first channel of the output that is written.
    pub channel_offset: u16,
    /// The output's exponent less the input's, 0 to 30: elements are shifted right by it, halves to even.
    pub shift: u8,
}

/// The rows of a table, weighted by a label: `y = requantize(sum over c of x[c] * row[c] + b)`. Classes with `x[c] = 0`
/// cost nothing, so that a one-hot label picks a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Embedding<'a> {
    /// Index of the region that holds `x`, one element a class.
    pub input: u16,
    /// Index of the region that receives `y`.
    pub output: u16,
    /// One row a class, one column an element of `y`; bias and shift are those of the columns.
    pub weights: Weights<'a>,
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
    /// See [`Conv`].
    Conv(Conv<'a>),
    /// See [`ConvTranspose`].
    ConvTranspose(ConvTranspose<'a>),
    /// See [`Upsample`].
    Upsample(Upsample),
    /// See [`struct@Copy`].
    Copy(Copy),
    /// See [`Embedding`].
    Embedding(Embedding<'a>),
}

/// One operation of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Op<'a> {
    /// The layer's name, as errors, logs and reports use it.
    pub name: &'a str,
    /// What it does.
    pub kind: Kind<'a>,
}

/// Rows and columns of a layer's weights, and whether an output channel is a row of them or a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeightShape {
    /// Number of rows.
    pub rows: u32,
    /// Weights in a row.
    pub columns: u32,
    /// Number of biases and of shifts: rows or columns.
    pub channels: u32,
}

/// Of layers between two regions. Products saturate, and no image is that large.
impl WeightShape {
    /// Of a [`Dense`] layer.
    pub const fn dense(from: &Region, to: &Region) -> Self {
        Self {
            rows: to.len(),
            columns: from.len(),
            channels: to.len(),
        }
    }

    /// Of a [`Conv`] or [`ConvTranspose`].
    pub const fn conv(window: &Window, from: &Region, to: &Region) -> Self {
        Self {
            rows: to.channels as u32,
            columns: window.taps().saturating_mul(from.channels as u32),
            channels: to.channels as u32,
        }
    }

    /// Of an [`Embedding`].
    pub const fn embedding(from: &Region, to: &Region) -> Self {
        Self {
            rows: from.len(),
            columns: to.len(),
            channels: to.len(),
        }
    }

    /// Bytes of the weights.
    pub const fn values_len(&self, layout: Layout) -> u32 {
        self.rows.saturating_mul(layout.row_len(self.columns))
    }
}

impl<'a> Kind<'a> {
    /// Index of the region that is read.
    pub const fn input(&self) -> u16 {
        match *self {
            Self::Dense(Dense { input, .. })
            | Self::Table(Table { input, .. })
            | Self::Conv(Conv { input, .. })
            | Self::ConvTranspose(ConvTranspose { input, .. })
            | Self::Upsample(Upsample { input, .. })
            | Self::Copy(Copy { input, .. })
            | Self::Embedding(Embedding { input, .. }) => input,
        }
    }

    /// Index of the region that is written.
    pub const fn output(&self) -> u16 {
        match *self {
            Self::Dense(Dense { output, .. })
            | Self::Table(Table { output, .. })
            | Self::Conv(Conv { output, .. })
            | Self::ConvTranspose(ConvTranspose { output, .. })
            | Self::Upsample(Upsample { output, .. })
            | Self::Copy(Copy { output, .. })
            | Self::Embedding(Embedding { output, .. }) => output,
        }
    }

    /// The weights, of operations that have some.
    pub const fn weights(&self) -> Option<&Weights<'a>> {
        match self {
            Self::Dense(Dense { weights, .. })
            | Self::Conv(Conv { weights, .. })
            | Self::ConvTranspose(ConvTranspose { weights, .. })
            | Self::Embedding(Embedding { weights, .. }) => Some(weights),
            Self::Table(_) | Self::Upsample(_) | Self::Copy(_) => None,
        }
    }

    /// The shape of the weights between two regions, of operations that have some.
    pub const fn weight_shape(&self, from: &Region, to: &Region) -> Option<WeightShape> {
        match self {
            Self::Dense(_) => Some(WeightShape::dense(from, to)),
            Self::Conv(Conv { window, .. }) | Self::ConvTranspose(ConvTranspose { window, .. }) => {
                Some(WeightShape::conv(window, from, to))
            }
            Self::Embedding(_) => Some(WeightShape::embedding(from, to)),
            Self::Table(_) | Self::Upsample(_) | Self::Copy(_) => None,
        }
    }

    /// The largest magnitude that each output channel's accumulator can reach, none for operations without weights:
    /// `sum|w| * 128 + |b|` over all weights of the channel.
    pub fn accumulator_bounds(
        &self,
        from: &Region,
        to: &Region,
    ) -> impl Iterator<Item = i64> + use<'a> {
        let of = self.weights().copied().zip(self.weight_shape(from, to));
        let by_column = matches!(self, Self::Embedding(_));
        let rows = of.filter(|_| !by_column).into_iter();
        let columns = of.filter(|_| by_column).into_iter();
        rows.flat_map(|(weights, shape)| weights.row_bounds(shape.columns))
            .chain(columns.flat_map(|(weights, shape)| weights.column_bounds(shape.columns)))
    }

    /// Multiplications of a weight with an element of the input; those with padding are not done and not counted.
    pub fn macs(&self, from: &Region, to: &Region) -> u64 {
        let pairs = u64::from(from.channels) * u64::from(to.channels);
        let count = |taps: fn(&Axis, u32, u32) -> Taps, axis: Axis, from: u16, to: u16| -> u64 {
            (0..u32::from(to))
                .map(|at| u64::from(taps(&axis, at, u32::from(from)).count))
                .sum()
        };
        let both = |taps, window: &Window| {
            count(taps, window.rows(), from.height, to.height)
                * count(taps, window.columns(), from.width, to.width)
                * pairs
        };
        match self {
            Self::Dense(_) | Self::Embedding(_) => u64::from(from.len()) * u64::from(to.len()),
            Self::Conv(conv) => both(Axis::conv_taps, &conv.window),
            Self::ConvTranspose(conv) => both(Axis::conv_transpose_taps, &conv.window),
            Self::Table(_) | Self::Upsample(_) | Self::Copy(_) => 0,
        }
    }
}

impl Op<'_> {
    /// Index of the region that is read.
    pub const fn input(&self) -> u16 {
        self.kind.input()
    }

    /// Index of the region that is written.
    pub const fn output(&self) -> u16 {
        self.kind.output()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arithmetic::Activation;

    const NONE: Weights<'static> = Weights {
        layout: Layout::Int8Rows,
        activation: Activation::None,
        values: &[],
        bias: &[],
        shifts: &[],
    };

    fn image(channels: u16, side: u16) -> Region {
        Region {
            offset: 0,
            channels,
            height: side,
            width: side,
            exponent: 0,
        }
    }

    #[test]
    fn useful_multiplications_of_known_layers() {
        let window = Window {
            kernel: [4, 4],
            stride: [2, 2],
            padding: [1, 1],
        };
        let transposed = Kind::ConvTranspose(ConvTranspose {
            input: 0,
            output: 1,
            window,
            weights: NONE,
        });
        // 14 rows with two taps each, but one in the first and in the last: 26 by 26.
        assert_eq!(
            transposed.macs(&image(64, 7), &image(32, 14)),
            26 * 26 * 64 * 32
        );
        let window = Window {
            kernel: [3, 3],
            stride: [1, 1],
            padding: [1, 1],
        };
        let conv = Kind::Conv(Conv {
            input: 0,
            output: 1,
            window,
            weights: NONE,
        });
        assert_eq!(conv.macs(&image(2, 14), &image(3, 14)), 40 * 40 * 6);
        let shape = conv.weight_shape(&image(2, 14), &image(3, 14));
        let expected = WeightShape {
            rows: 3,
            columns: 18,
            channels: 3,
        };
        assert_eq!(shape, Some(expected));
    }
}
