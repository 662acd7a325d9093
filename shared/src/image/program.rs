//! Operations as they stand in the program section: decoding with every check that does not depend on other operations.

use super::error::{Name, OpFault};
use super::fields::{slice, u16_at, u32_at};
use super::{ALIGNMENT, reader::Sections};
use crate::arithmetic::{Activation, MAX_SHIFT};
use crate::layer::{
    Conv, ConvTranspose, Copy, Dense, Embedding, Kind, Layout, Op, Region, Table, Upsample,
    WeightShape, Weights, Window, first_overflow,
};

const DENSE: u8 = 1;
const TABLE: u8 = 2;
const CONV: u8 = 3;
const CONV_TRANSPOSE: u8 = 4;
const UPSAMPLE: u8 = 5;
const COPY: u8 = 6;
const EMBEDDING: u8 = 7;

/// The code of an operation.
pub(super) const fn code_of(kind: &Kind<'_>) -> u8 {
    match kind {
        Kind::Dense(_) => DENSE,
        Kind::Table(_) => TABLE,
        Kind::Conv(_) => CONV,
        Kind::ConvTranspose(_) => CONV_TRANSPOSE,
        Kind::Upsample(_) => UPSAMPLE,
        Kind::Copy(_) => COPY,
        Kind::Embedding(_) => EMBEDDING,
    }
}

/// Length in words of the record of an operation; none where the code is not known.
pub(super) const fn words_of(code: u8) -> Option<u16> {
    match code {
        TABLE | UPSAMPLE | COPY => Some(4),
        DENSE | EMBEDDING => Some(7),
        CONV | CONV_TRANSPOSE => Some(9),
        _ => None,
    }
}

/// The operation at byte `at` of the program, and where the next one starts.
pub(super) fn decode<'a>(sections: &Sections<'a>, at: usize) -> Result<(Op<'a>, usize), OpFault> {
    let record = sections.program.get(at..).ok_or(OpFault::Cut)?;
    let &[code, reserved] = record.first_chunk::<2>().ok_or(OpFault::Cut)?;
    let words = u16_at(record, 2).ok_or(OpFault::Cut)?;
    let expected = words_of(code).ok_or(OpFault::Code(code))?;
    if words != expected {
        return Err(OpFault::Words {
            found: words,
            expected,
        });
    }
    zero("second byte", u32::from(reserved))?;
    let len = usize::from(words) * 4;
    let record = record.get(..len).ok_or(OpFault::Cut)?;
    let half = |at| u16_at(record, at).ok_or(OpFault::Cut);
    let word = |at| u32_at(record, at).ok_or(OpFault::Cut);
    let name = sections.text(half(4)?, half(6)?).ok_or(OpFault::Name)?;
    let (input, output) = (half(8)?, half(10)?);
    let region = |index| {
        sections
            .region(usize::from(index))
            .ok_or(OpFault::NoRegion(index))
    };
    let (from, to) = (region(input)?, region(output)?);
    if code == TABLE && from.len() != to.len() {
        return Err(OpFault::Lengths {
            input: from.len(),
            output: to.len(),
        });
    }
    if from.overlaps(&to) && !(code == TABLE && from.covers_the_same_bytes(&to)) {
        return Err(OpFault::Overlap { input, output });
    }
    let shapes_fit = |fit| {
        let (input, output) = (from.shape(), to.shape());
        if fit {
            Ok(())
        } else {
            Err(OpFault::Shapes { input, output })
        }
    };
    let weights = |shape| weights(sections.data, record, shape);
    let kind = match code {
        DENSE => Kind::Dense(Dense {
            input,
            output,
            weights: weights(WeightShape::dense(&from, &to))?,
        }),
        EMBEDDING => Kind::Embedding(Embedding {
            input,
            output,
            weights: weights(WeightShape::embedding(&from, &to))?,
        }),
        CONV | CONV_TRANSPOSE => {
            let window = window(record)?;
            let (rows, columns) = (window.rows(), window.columns());
            let weights = weights(WeightShape::conv(&window, &from, &to));
            if code == CONV {
                shapes_fit(
                    rows.conv_fits(from.height, to.height)
                        && columns.conv_fits(from.width, to.width),
                )?;
                Kind::Conv(Conv {
                    input,
                    output,
                    window,
                    weights: weights?,
                })
            } else {
                shapes_fit(
                    rows.conv_transpose_fits(from.height, to.height)
                        && columns.conv_transpose_fits(from.width, to.width),
                )?;
                Kind::ConvTranspose(ConvTranspose {
                    input,
                    output,
                    window,
                    weights: weights?,
                })
            }
        }
        UPSAMPLE => {
            let [rows, columns, reserved @ ..] = word(12)?.to_le_bytes();
            zero("last half", u32::from(u16::from_le_bytes(reserved)))?;
            let fits = |from, factor, to| u32::from(from) * u32::from(factor) == u32::from(to);
            shapes_fit(
                fits(from.height, rows, to.height)
                    && fits(from.width, columns, to.width)
                    && from.channels == to.channels,
            )?;
            exponents_fit(&from, &to, 0)?;
            Kind::Upsample(Upsample {
                input,
                output,
                factor: [rows, columns],
            })
        }
        COPY => {
            let channel_offset = half(12)?;
            let [shift, reserved] = half(14)?.to_le_bytes();
            zero("last byte", u32::from(reserved))?;
            if shift > MAX_SHIFT {
                return Err(field("shift", shift));
            }
            shapes_fit(
                from.height == to.height
                    && from.width == to.width
                    && u32::from(channel_offset) + u32::from(from.channels)
                        <= u32::from(to.channels),
            )?;
            exponents_fit(&from, &to, shift)?;
            Kind::Copy(Copy {
                input,
                output,
                channel_offset,
                shift,
            })
        }
        _ => {
            let offset = word(12)?;
            let entries = data(sections.data, "entries", offset, 256, 1)?;
            let entries = entries.as_array().ok_or(OpFault::Data {
                what: Name::new("entries"),
                offset,
                len: 256,
            })?;
            Kind::Table(Table {
                input,
                output,
                entries,
            })
        }
    };
    Ok((Op { name, kind }, at + len))
}

/// The weights that a record's fourth to seventh word describe.
fn weights<'a>(
    section: &'a [u8],
    record: &[u8],
    shape: WeightShape,
) -> Result<Weights<'a>, OpFault> {
    let word = |at| u32_at(record, at).ok_or(OpFault::Cut);
    let [layout, activation, slope_shift, reserved] = word(12)?.to_le_bytes();
    zero("last byte", u32::from(reserved))?;
    let layout = match layout {
        0 => Layout::Int8Rows,
        1 => Layout::Int4Rows,
        value => return Err(field("layout", value)),
    };
    // A region has at most 16 MiB, and so has the data: the products saturate and are then refused.
    let (values_len, channels) = (shape.values_len(layout), shape.channels);
    Ok(Weights {
        layout,
        activation: activation_of(activation, slope_shift)?,
        values: data(section, "weights", word(16)?, values_len, ALIGNMENT)?,
        bias: data(section, "bias", word(20)?, channels.saturating_mul(4), 4)?,
        shifts: data(section, "shifts", word(24)?, channels, 1)?,
    })
}

/// The window that a record's last two words describe.
fn window(record: &[u8]) -> Result<Window, OpFault> {
    let word = |at| u32_at(record, at).ok_or(OpFault::Cut);
    let [kernel_rows, kernel_columns, stride_rows, stride_columns] = word(28)?.to_le_bytes();
    let [padding_rows, padding_columns, reserved @ ..] = word(32)?.to_le_bytes();
    zero("last half", u32::from(u16::from_le_bytes(reserved)))?;
    for (kernel, stride, padding) in [
        (kernel_rows, stride_rows, padding_rows),
        (kernel_columns, stride_columns, padding_columns),
    ] {
        if stride == 0 {
            return Err(field("stride", stride));
        }
        if kernel == 0 {
            return Err(field("kernel", kernel));
        }
        if padding >= kernel {
            return Err(field("padding", padding));
        }
    }
    Ok(Window {
        kernel: [kernel_rows, kernel_columns],
        stride: [stride_rows, stride_columns],
        padding: [padding_rows, padding_columns],
    })
}

/// The checks that read all of an operation's data; too slow for every access, and done once.
pub(super) fn check_data(op: &Op<'_>, from: &Region, to: &Region) -> Result<(), OpFault> {
    let Some((weights, shape)) = op.kind.weights().zip(op.kind.weight_shape(from, to)) else {
        return Ok(());
    };
    for (channel, &shift) in weights.shifts.iter().enumerate() {
        if !weights.activation.allows_shift(shift) {
            return Err(OpFault::Shift { channel, shift });
        }
    }
    let overflow = if let Kind::Embedding(_) = op.kind {
        first_overflow(weights.column_bounds(shape.columns))
    } else {
        first_overflow(weights.row_bounds(shape.columns))
    };
    match overflow {
        Some((channel, bound)) => Err(OpFault::Accumulator { channel, bound }),
        None => Ok(()),
    }
}

/// An activation's two bytes.
pub(super) const fn activation_bytes(activation: Activation) -> [u8; 2] {
    match activation {
        Activation::None => [0, 0],
        Activation::Relu => [1, 0],
        Activation::LeakyRelu { slope_shift } => [2, slope_shift],
    }
}

fn activation_of(code: u8, slope_shift: u8) -> Result<Activation, OpFault> {
    match (code, slope_shift) {
        (0, 0) => Ok(Activation::None),
        (1, 0) => Ok(Activation::Relu),
        (2, 1..=7) => Ok(Activation::LeakyRelu { slope_shift }),
        (0..=2, value) => Err(field("slope shift", value)),
        (value, _) => Err(field("activation", value)),
    }
}

fn field(field: &'static str, value: u8) -> OpFault {
    let (field, value) = (Name::new(field), u32::from(value));
    OpFault::Field { field, value }
}

fn zero(field: &'static str, value: u32) -> Result<(), OpFault> {
    if value == 0 {
        Ok(())
    } else {
        let field = Name::new(field);
        Err(OpFault::Field { field, value })
    }
}

/// Elements shifted right by `shift` have an exponent that is larger by as much.
fn exponents_fit(from: &Region, to: &Region, shift: u8) -> Result<(), OpFault> {
    let (input, output) = (from.exponent, to.exponent);
    if i32::from(input) + i32::from(shift) == i32::from(output) {
        Ok(())
    } else {
        Err(OpFault::Exponents {
            input,
            output,
            shift,
        })
    }
}

fn data<'a>(
    data: &'a [u8],
    what: &'static str,
    offset: u32,
    len: u32,
    alignment: usize,
) -> Result<&'a [u8], OpFault> {
    slice(data, offset, len)
        .filter(|_| (offset as usize).is_multiple_of(alignment))
        .ok_or(OpFault::Data {
            what: Name::new(what),
            offset,
            len,
        })
}
