//! What can be wrong with one operation.

use core::fmt;

/// The name of a part of an image. It is there on a PC only: a device tells that an image is
/// refused, the host why, and the names would take 1 KB of flash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name(#[cfg(not(target_os = "none"))] &'static str);

impl Name {
    /// Keeps the name, except on a device.
    #[cfg_attr(target_os = "none", expect(unused_variables, reason = "not kept"))]
    pub(crate) const fn new(name: &'static str) -> Self {
        Self(
            #[cfg(not(target_os = "none"))]
            name,
        )
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[cfg(not(target_os = "none"))]
        return f.write_str(self.0);
        #[cfg(target_os = "none")]
        f.write_str("field")
    }
}

/// What is wrong with one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpFault {
    /// The program ends within the operation.
    #[error("the program ends within it")]
    Cut,
    /// A code that this program does not know.
    #[error("code {0} is not known to this program; it needs a newer firmware")]
    Code(u8),
    /// The record is shorter than the operator's fields.
    #[error("its record is too short for its operator")]
    Short,
    /// The record is longer than the operator's fields.
    #[error("its record has {0} bytes more than its operator")]
    Long(usize),
    /// Another number of inputs than the operator takes.
    #[error("it reads {found} regions, expected {least} to {most}")]
    Inputs {
        /// The number in the record.
        found: usize,
        /// The fewest.
        least: usize,
        /// The most.
        most: usize,
    },
    /// The name is not UTF-8, or not in the section of strings.
    #[error("its name is not UTF-8 text within the section of strings")]
    Name,
    /// A field has a value that it cannot have.
    #[error("its {field} cannot be {value}")]
    Field {
        /// Name of the field.
        field: Name,
        /// Its value.
        value: u32,
    },
    /// It names a region that the image does not have.
    #[error("region {0} does not exist")]
    NoRegion(u16),
    /// It reads a region that nothing has written, or that was overwritten since.
    #[error("it reads region {0} before anything is written there")]
    Unwritten(u16),
    /// Its input and its output share bytes and may not.
    #[error("its input region {input} overlaps its output region {output}")]
    Overlap {
        /// Index of the input region.
        input: u16,
        /// Index of the output region.
        output: u16,
    },
    /// Its input and output regions differ in length and may not.
    #[error("its input has {input} elements and its output {output}, which must be equal")]
    Lengths {
        /// Elements of the input.
        input: u32,
        /// Elements of the output.
        output: u32,
    },
    /// Its input cannot give an output of that shape, for any padding behind the last row and
    /// column.
    #[error(
        "its input of {}x{}x{} (rows, columns, channels) cannot give an output of {}x{}x{}",
        .input[0], .input[1], .input[2], .output[0], .output[1], .output[2]
    )]
    Shapes {
        /// Rows, columns and channels of the input.
        input: [u16; 3],
        /// Rows, columns and channels of the output.
        output: [u16; 3],
    },
    /// Its input's and output's exponents do not differ by its shift.
    #[error(
        "its input has exponent {input} and its output {output}, which its shift of {shift} does not account for"
    )]
    Exponents {
        /// Exponent of the input.
        input: i8,
        /// Exponent of the output.
        output: i8,
        /// Its shift; 0 for an operation that has none.
        shift: u8,
    },
    /// It copies a part behind channels that were not written yet.
    #[error(
        "it copies to channel {channel_offset} of region {region}, of which {found} channels are written; parts go in order"
    )]
    Part {
        /// Index of the output region.
        region: u16,
        /// The first channel that it writes.
        channel_offset: u16,
        /// The channels that were written before it.
        found: u16,
    },
    /// Its weights, bias, shifts or entries do not lie in the data, or are unaligned.
    #[error("its {what} (offset {offset}, {len} bytes) lie outside the data or unaligned")]
    Data {
        /// Which data.
        what: Name,
        /// Offset in the data.
        offset: u32,
        /// Length in bytes.
        len: u32,
    },
    /// A block of repeated operations within another, or longer than the program.
    #[error(
        "its block of {0} operations lies within another one, or is empty or longer than the program"
    )]
    Block(u16),
    /// A shift outside of what the arithmetic allows.
    #[error("output {channel} has a shift of {shift}, expected 1 to 30 with the slope included")]
    Shift {
        /// Index of the output.
        channel: usize,
        /// The shift.
        shift: u8,
    },
    /// An accumulator could leave the range that every runtime computes exactly.
    // Cut to 32 bits for the text, which spares the firmware a division of 64.
    #[error(
        "output {channel} may reach an accumulator of {}, over the limit of 2^24",
        u32::try_from(*.bound).unwrap_or(u32::MAX)
    )]
    Accumulator {
        /// Index of the output.
        channel: usize,
        /// The largest magnitude.
        bound: i64,
    },
}

impl OpFault {
    /// A field with a value that it cannot have.
    pub(crate) fn field(field: &'static str, value: impl Into<u32>) -> Self {
        Self::Field {
            field: Name::new(field),
            value: value.into(),
        }
    }

    /// An input that cannot give the output's shape.
    pub(crate) const fn shapes(from: &super::Region, to: &super::Region) -> Self {
        Self::Shapes {
            input: from.shape(),
            output: to.shape(),
        }
    }

    /// Passes where `fit`, else as [`OpFault::shapes`].
    pub(crate) const fn unless_shapes_fit(
        fit: bool,
        from: &super::Region,
        to: &super::Region,
    ) -> Result<(), Self> {
        if fit {
            Ok(())
        } else {
            Err(Self::shapes(from, to))
        }
    }

    /// Passes where elements shifted right by `shift` have the output's exponent.
    pub(crate) fn unless_exponents_fit(
        from: &super::Region,
        to: &super::Region,
        shift: u8,
    ) -> Result<(), Self> {
        let (input, output) = (from.exponent, to.exponent);
        if i32::from(input) + i32::from(shift) == i32::from(output) {
            Ok(())
        } else {
            Err(Self::Exponents {
                input,
                output,
                shift,
            })
        }
    }
}
