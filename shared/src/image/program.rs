//! Operations as they stand in the program section: decoding with every check that does not depend on other operations.

use super::error::OpFault;
use super::fields::{slice, u16_at, u32_at};
use super::{ALIGNMENT, reader::Sections};
use crate::arithmetic::Activation;
use crate::layer::{Dense, Kind, Layout, Op, Region, Table};

pub(super) const DENSE: u8 = 1;
pub(super) const TABLE: u8 = 2;
pub(super) const DENSE_WORDS: u16 = 7;
pub(super) const TABLE_WORDS: u16 = 4;

/// The operation at byte `at` of the program, and where the next one starts.
pub(super) fn decode<'a>(sections: &Sections<'a>, at: usize) -> Result<(Op<'a>, usize), OpFault> {
    let record = sections.program.get(at..).ok_or(OpFault::Cut)?;
    let &[code, reserved] = record.first_chunk::<2>().ok_or(OpFault::Cut)?;
    let words = u16_at(record, 2).ok_or(OpFault::Cut)?;
    let expected = match code {
        DENSE => DENSE_WORDS,
        TABLE => TABLE_WORDS,
        other => return Err(OpFault::Code(other)),
    };
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
    let kind = if code == DENSE {
        let [layout, activation, slope_shift, reserved] = word(12)?.to_le_bytes();
        zero("last byte", u32::from(reserved))?;
        let layout = match layout {
            0 => Layout::Int8Rows,
            1 => Layout::Int4Rows,
            value => {
                return Err(OpFault::Field {
                    field: "layout",
                    value: u32::from(value),
                });
            }
        };
        let activation = activation_of(activation, slope_shift)?;
        disjoint(input, &from, output, &to)?;
        // A region has at most 16 MiB, and so has the data: the product saturates and is then refused.
        let weights_len = to.len().saturating_mul(layout.row_len(from.len()));
        Kind::Dense(Dense {
            input,
            output,
            layout,
            activation,
            weights: data(sections.data, "weights", word(16)?, weights_len, ALIGNMENT)?,
            bias: data(
                sections.data,
                "bias",
                word(20)?,
                to.len().saturating_mul(4),
                4,
            )?,
            shifts: data(sections.data, "shifts", word(24)?, to.len(), 1)?,
        })
    } else {
        if from.len() != to.len() {
            return Err(OpFault::Lengths {
                input: from.len(),
                output: to.len(),
            });
        }
        if !from.covers_the_same_bytes(&to) {
            disjoint(input, &from, output, &to)?;
        }
        let offset = word(12)?;
        let entries = data(sections.data, "entries", offset, 256, 1)?;
        let entries = entries.as_array().ok_or(OpFault::Data {
            what: "entries",
            offset,
            len: 256,
        })?;
        Kind::Table(Table {
            input,
            output,
            entries,
        })
    };
    Ok((Op { name, kind }, at + len))
}

/// The checks that read all of an operation's data; too slow for every access, and done once.
pub(super) fn check_data(op: &Op<'_>, inputs: u32) -> Result<(), OpFault> {
    let Kind::Dense(dense) = &op.kind else {
        return Ok(());
    };
    for (channel, &shift) in dense.shifts.iter().enumerate() {
        if !dense.activation.allows_shift(shift) {
            return Err(OpFault::Shift { channel, shift });
        }
    }
    match dense.first_overflow(inputs) {
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
        (0..=2, value) => Err(OpFault::Field {
            field: "slope shift",
            value: u32::from(value),
        }),
        (value, _) => Err(OpFault::Field {
            field: "activation",
            value: u32::from(value),
        }),
    }
}

fn zero(field: &'static str, value: u32) -> Result<(), OpFault> {
    if value == 0 {
        Ok(())
    } else {
        Err(OpFault::Field { field, value })
    }
}

fn disjoint(input: u16, from: &Region, output: u16, to: &Region) -> Result<(), OpFault> {
    if from.overlaps(to) {
        Err(OpFault::Overlap { input, output })
    } else {
        Ok(())
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
        .ok_or(OpFault::Data { what, offset, len })
}
