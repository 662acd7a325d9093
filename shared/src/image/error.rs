//! What can be wrong with an image.

use core::fmt;

/// The name of a part of an image. It is there on a PC only: a device tells that an image is refused, the host why, and
/// the names would take 1 KB of flash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name(#[cfg(not(target_os = "none"))] &'static str);

impl Name {
    /// Keeps the name, except on a device.
    #[cfg_attr(target_os = "none", expect(unused_variables, reason = "not kept"))]
    pub(super) const fn new(name: &'static str) -> Self {
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

/// Why bytes are not a model image, or not one that this program can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// There are fewer bytes than a header has.
    #[error(
        "{found} bytes are no model image: its header alone has {}; export the model again",
        super::HEADER_LEN
    )]
    TooShort {
        /// Number of bytes given.
        found: usize,
    },
    /// The first four bytes are not [`super::MAGIC`].
    #[error(
        "not a model image: it starts with {:08x}, expected {:08x} (\"TGIM\")",
        u32::from_be_bytes(*.found),
        u32::from_be_bytes(super::MAGIC)
    )]
    Magic {
        /// The first four bytes.
        found: [u8; 4],
    },
    /// Written by another version of this program.
    #[error(
        "version {found} of the model image, but this program reads version {}; export the model again",
        super::VERSION
    )]
    Version {
        /// The version in the header.
        found: u16,
    },
    /// The header states another length than there are bytes: cut, or something follows.
    #[error(
        "the model image states {stated} bytes, but there are {found}: it was cut or is damaged; copy or export it again"
    )]
    Length {
        /// The length in the header.
        stated: u32,
        /// The number of bytes given.
        found: usize,
    },
    /// The bytes changed since they were written.
    #[error(
        "the model image is damaged: its checksum is {computed:08x}, expected {stated:08x}; copy or export it again"
    )]
    Checksum {
        /// The checksum in the header.
        stated: u32,
        /// The checksum of the bytes.
        computed: u32,
    },
    /// A field of the header has a value that it cannot have.
    #[error("the model image's header has an impossible {field}: {value}")]
    Header {
        /// Name of the field.
        field: Name,
        /// Its value.
        value: u32,
    },
    /// A section does not lie in the image, or not in order, or not aligned.
    #[error(
        "the model image's section of {section} (offset {offset}, {len} bytes) lies outside of it, out of order or unaligned"
    )]
    Section {
        /// Name of the section.
        section: Name,
        /// Its offset.
        offset: u32,
        /// Its length.
        len: u32,
    },
    /// A string is not UTF-8, or not in its section.
    #[error("the model image's {what} is not UTF-8 text within the section of strings")]
    Text {
        /// Which string.
        what: Name,
    },
    /// A region is empty or does not fit the arena.
    #[error(
        "region {index} of the model image (offset {offset}, {len} bytes) is empty or outside the arena of {arena} bytes"
    )]
    Region {
        /// Index of the region.
        index: usize,
        /// Its offset in the arena.
        offset: u32,
        /// Its length.
        len: u32,
        /// Length of the arena.
        arena: u32,
    },
    /// An operation of the program is wrong.
    #[error("operation {index} of the model image: {fault}")]
    Op {
        /// Index of the operation, from 0.
        index: usize,
        /// What is wrong.
        fault: OpFault,
    },
    /// The program never writes its output region.
    #[error(
        "the model image's program leaves its output region {region} unwritten or overwrites it with another"
    )]
    NoOutput {
        /// Index of the region.
        region: u16,
    },
    /// A golden vector is malformed or asks for a class that the model does not have.
    #[error(
        "golden vector {index} of the model image is malformed: label {label} of {classes} classes"
    )]
    Golden {
        /// Index of the vector.
        index: usize,
        /// Its label; 255 for none.
        label: u8,
        /// Number of classes of the model.
        classes: u16,
    },
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
    /// The length is not that of the operation.
    #[error("its length is {found} words, expected {expected}")]
    Words {
        /// The length in the record.
        found: u16,
        /// The length of such an operation.
        expected: u16,
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
    /// Its input cannot give an output of that shape, for any padding behind the last row and column.
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

/// Why an image cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The buffer is smaller than [`super::ImageRepr::buffer_len`].
    #[error("a buffer of {found} bytes for a model image of {needed}")]
    Buffer {
        /// What the image needs.
        needed: usize,
        /// What was given.
        found: usize,
    },
    /// More of something than a field of the format can count.
    #[error("a model image cannot hold {value} {what}, at most {limit}")]
    TooMuch {
        /// What.
        what: &'static str,
        /// How much.
        value: usize,
        /// The most.
        limit: usize,
    },
    /// An operation's data has not the length that its regions ask for.
    #[error("operation {index} has {found} bytes of {what}, expected {expected}")]
    Data {
        /// Index of the operation.
        index: usize,
        /// Weights, bias or shifts.
        what: &'static str,
        /// The length given.
        found: usize,
        /// The length that fits the regions.
        expected: usize,
    },
    /// What was written is not a valid image.
    #[error(transparent)]
    Invalid(#[from] ImageError),
}
