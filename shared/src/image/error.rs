//! What can be wrong with an image.

use crate::op::{Name, OpFault};

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
        "version {found} of the model image, but this program reads version {}; export the model again: thumbgen export generator.onnx",
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

impl ImageError {
    /// A field of the header that cannot be so.
    pub(super) const fn impossible(field: &'static str, value: u32) -> Self {
        Self::Header {
            field: Name::new(field),
            value,
        }
    }
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
        /// What there is too much of.
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
    /// An operation has data that its regions or fields do not account for.
    #[error("operation {index} does not read back as it was written; report this as a bug")]
    Differs {
        /// Index of the operation.
        index: usize,
    },
    /// What was written is not a valid image.
    #[error(transparent)]
    Invalid(#[from] ImageError),
}
