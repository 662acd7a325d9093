//! Reading an image in place. After [`Image::new_checked`] no accessor can fail.

use super::check::Extent;
use super::error::ImageError;
use super::fields::{GOLDEN_HEAD_LEN, REGION_LEN, bytes, header, slice, u16_at, u32_at};
use super::program;
use super::schedule::Schedule;
use super::{
    ALIGNMENT, HEADER_LEN, MAGIC, MAX_LEN, MAX_REGIONS, PIXEL_EXPONENT, PixelRange, VERSION,
};
use crate::checksum;
use crate::golden::Golden;
use crate::latent::{self, Point, Prior};
use crate::op::{InputRegions, Name, Op, Region};

/// A model image that was checked whole: header, checksum, every region, operation, shift and accumulator bound.
#[derive(Debug, Clone, Copy)]
pub struct Image<'a> {
    sections: Sections<'a>,
    name: &'a str,
    card: &'a str,
    bytes: &'a [u8],
    crc: u32,
    arena_len: u32,
    latent_len: u16,
    classes: u16,
    input: Region,
    output: Region,
    pixel_range: PixelRange,
    prior: Prior,
    extent: Extent,
}

impl<'a> Image<'a> {
    /// Checks an image. Reads every byte of it twice; nothing later does.
    ///
    /// # Errors
    /// [`ImageError`] says what is wrong, down to the operation and the output.
    pub fn new_checked(image: &'a [u8]) -> Result<Self, ImageError> {
        let head: &[u8; HEADER_LEN] = image
            .first_chunk()
            .ok_or(ImageError::TooShort { found: image.len() })?;
        // Within the header every access succeeds; the error below is for the compiler.
        let short = ImageError::TooShort { found: image.len() };
        let half = |at| u16_at(head, at).ok_or(short);
        let word = |at| u32_at(head, at).ok_or(short);

        let found = bytes::<4>(head, header::MAGIC).ok_or(short)?;
        if found != MAGIC {
            return Err(ImageError::Magic { found });
        }
        let version = half(header::VERSION)?;
        if version != VERSION {
            return Err(ImageError::Version { found: version });
        }
        let header_len = half(header::HEADER_LEN)?;
        if usize::from(header_len) != HEADER_LEN {
            return Err(impossible("length of the header", u32::from(header_len)));
        }
        let len = word(header::TOTAL_LEN)?;
        if len > MAX_LEN || len as usize != image.len() {
            return Err(ImageError::Length {
                stated: len,
                found: image.len(),
            });
        }
        let (stated, computed) = (word(header::CRC)?, checksum_of_image(image));
        if stated != computed {
            return Err(ImageError::Checksum { stated, computed });
        }

        let sections = Sections::new(image, head)?;
        let arena_len = word(header::ARENA_LEN)?;
        if arena_len > MAX_LEN {
            return Err(impossible("length of the arena", arena_len));
        }
        sections.check_regions(arena_len)?;
        let (latent_len, classes) = (half(header::LATENT_LEN)?, half(header::CLASSES)?);
        if classes > 255 {
            return Err(impossible("number of classes", u32::from(classes)));
        }
        let (input_index, output_index) = (half(header::INPUT)?, half(header::OUTPUT)?);
        let input = sections
            .region(usize::from(input_index))
            .filter(|r| r.len() == u32::from(latent_len) + u32::from(classes))
            .filter(|r| r.exponent == latent::EXPONENT)
            .ok_or(impossible("input region", u32::from(input_index)))?;
        let output = sections
            .region(usize::from(output_index))
            .filter(|r| r.exponent == PIXEL_EXPONENT)
            .ok_or(impossible("output region", u32::from(output_index)))?;
        let [pixel_range, prior, reserved @ ..] =
            bytes::<4>(head, header::PIXEL_RANGE).ok_or(short)?;
        let pixel_range = match pixel_range {
            0 => PixelRange::Signed,
            1 => PixelRange::Unit,
            other => return Err(impossible("range of the picture", u32::from(other))),
        };
        let prior = Prior::of_code(prior).ok_or(impossible("prior", u32::from(prior)))?;
        if reserved != [0, 0] {
            return Err(impossible(
                "reserved field",
                u32::from(u16::from_le_bytes(reserved)),
            ));
        }
        let text = |what, at| {
            sections
                .text(half(at)?, half(at + 2)?)
                .ok_or(ImageError::Text {
                    what: Name::new(what),
                })
        };
        let (name, card) = (
            text("name", header::NAME)?,
            text("card line", header::CARD)?,
        );
        let extent = sections.check_program(input_index, output_index)?;
        let image = Self {
            sections,
            name,
            card,
            bytes: image,
            crc: stated,
            arena_len,
            latent_len,
            classes,
            input,
            output,
            pixel_range,
            prior,
            extent,
        };
        image.check_goldens()?;
        Ok(image)
    }

    /// Short name of the model.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// One line that says what the model is.
    pub fn card(&self) -> &'a str {
        self.card
    }

    /// The whole image.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Size of the whole image in bytes, which is what it takes of the flash.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Never: a checked image has a header.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The image's checksum, which names it.
    pub fn crc(&self) -> u32 {
        self.crc
    }

    /// Bytes of scratch memory that the engine needs.
    pub fn arena_len(&self) -> usize {
        self.arena_len as usize
    }

    /// Length of the latent vector.
    pub fn latent_len(&self) -> usize {
        usize::from(self.latent_len)
    }

    /// Number of classes that can be asked for, 0 to 255; 0 for an unconditional generator.
    pub fn classes(&self) -> u8 {
        // Checked to fit.
        self.classes as u8
    }

    /// The region of the latent vector and the one-hot label.
    pub fn input(&self) -> Region {
        self.input
    }

    /// The region of the picture.
    pub fn output(&self) -> Region {
        self.output
    }

    /// How the picture's elements become grey levels.
    pub fn pixel_range(&self) -> PixelRange {
        self.pixel_range
    }

    /// What latent vectors are drawn from.
    pub fn prior(&self) -> Prior {
        self.prior
    }

    /// The regions, by index.
    pub fn regions(&self) -> impl ExactSizeIterator<Item = Region> + use<'a> {
        self.sections.region_records().iter().map(region_of)
    }

    /// One region. An index that no operation of this image names gives an empty region.
    pub fn region(&self, index: u16) -> Region {
        self.sections
            .region(usize::from(index))
            .unwrap_or(Region::vector(0, 0, 0))
    }

    /// The program, in order of execution.
    pub fn ops(&self) -> Ops<'a> {
        Ops {
            sections: self.sections,
            at: 0,
            left: self.extent.ops,
        }
    }

    /// Number of operations.
    pub fn op_count(&self) -> usize {
        self.extent.ops
    }

    /// The program as it is executed: operations of blocks once a step.
    pub fn schedule(&self) -> Schedule<'a> {
        Schedule::new(self.ops())
    }

    /// The regions that an operation of this image reads.
    pub fn inputs_of(&self, op: &Op<'_>) -> InputRegions {
        let region = |index| Some(self.region(index));
        // `region` knows every index.
        InputRegions::new(&op.inputs, region).unwrap_or(InputRegions::NONE)
    }

    /// The work of one picture; see [`crate::op::Operator::work`]. Saturates.
    pub fn work(&self) -> u64 {
        let mut all = 0u64;
        let mut block = None;
        for op in self.ops() {
            let mut times = 1;
            if let Some(found) = op.kind.block() {
                (block, times) = (Some((found.count, found.body)), u64::from(found.count));
            } else if let Some((count, left)) = &mut block {
                times = u64::from(*count);
                *left -= 1;
                if *left == 0 {
                    block = None;
                }
            }
            let work = op.kind.work(&self.inputs_of(&op), &self.region(op.output));
            all = all.saturating_add(work.saturating_mul(times));
        }
        all
    }

    /// Number of checksums of each golden vector: of the input, of each operation outside of blocks, and of each step of
    /// a block.
    pub fn checksum_count(&self) -> usize {
        self.extent.checksums
    }

    /// The golden vectors.
    pub fn goldens(&self) -> Goldens<'a> {
        Goldens {
            records: self
                .sections
                .goldens
                .chunks_exact(golden_len(self.extent.checksums)),
        }
    }

    /// Whether a label can be asked for: one of the classes, or none where there are none.
    pub fn accepts(&self, label: Option<u8>) -> bool {
        match label {
            Some(label) => u16::from(label) < self.classes,
            None => self.classes == 0,
        }
    }

    fn check_goldens(&self) -> Result<(), ImageError> {
        let goldens = self.sections.goldens;
        let malformed = |index, label| ImageError::Golden {
            index,
            label,
            classes: self.classes,
        };
        if !goldens
            .len()
            .is_multiple_of(golden_len(self.extent.checksums))
        {
            return Err(malformed(
                goldens.len() / golden_len(self.extent.checksums),
                u8::MAX,
            ));
        }
        for (index, record) in goldens
            .chunks_exact(golden_len(self.extent.checksums))
            .enumerate()
        {
            let [label, has_label, reserved @ ..] =
                bytes::<4>(record, 4).ok_or(malformed(index, u8::MAX))?;
            let ok = match has_label {
                0 => label == 0 && self.classes == 0,
                1 => u16::from(label) < self.classes,
                _ => false,
            };
            if !ok || reserved != [0, 0] {
                return Err(malformed(index, label));
            }
        }
        Ok(())
    }
}

/// Bytes of a golden vector with so many checksums.
pub(super) const fn golden_len(checksums: usize) -> usize {
    GOLDEN_HEAD_LEN + 4 * checksums
}

/// CRC-32 of every byte but those of the checksum itself. The image is at least a header long.
pub(super) fn checksum_of_image(image: &[u8]) -> u32 {
    let mut digest = checksum::digest();
    if let Some((before, rest)) = image.split_at_checked(header::CRC) {
        digest.update(before);
        digest.update(rest.get(4..).unwrap_or_default());
    }
    digest.finalize()
}

/// The operations of an image, in order of execution.
#[derive(Debug, Clone)]
pub struct Ops<'a> {
    sections: Sections<'a>,
    at: usize,
    left: usize,
}

/// A place in a program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    at: usize,
    left: usize,
}

impl Ops<'_> {
    /// Before the next operation.
    pub(super) const fn position(&self) -> Position {
        Position {
            at: self.at,
            left: self.left,
        }
    }

    /// Goes on from there.
    pub(super) const fn go_to(&mut self, position: Position) {
        Position {
            at: self.at,
            left: self.left,
        } = position;
    }
}

impl<'a> Iterator for Ops<'a> {
    type Item = Op<'a>;

    fn next(&mut self) -> Option<Op<'a>> {
        self.left = self.left.checked_sub(1)?;
        // Decoded once when the image was checked, so it decodes again.
        let (op, next) = program::decode(&self.sections, self.at).ok()?;
        self.at = next;
        Some(op)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Ops<'_> {}

/// The golden vectors of an image.
#[derive(Debug, Clone)]
pub struct Goldens<'a> {
    records: core::slice::ChunksExact<'a, u8>,
}

impl<'a> Iterator for Goldens<'a> {
    type Item = Golden<'a>;

    fn next(&mut self) -> Option<Golden<'a>> {
        let record = self.records.next()?;
        let (head, checksums) = record.split_first_chunk::<GOLDEN_HEAD_LEN>()?;
        let [s0, s1, s2, s3, label, has_label, ..] = *head;
        let seed = u32::from_le_bytes([s0, s1, s2, s3]);
        let label = (has_label == 1).then_some(label);
        Some(Golden {
            point: Point { seed, label },
            checksums,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.records.size_hint()
    }
}

impl ExactSizeIterator for Goldens<'_> {}

/// The parts of an image as slices.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sections<'a> {
    pub strings: &'a [u8],
    pub regions: &'a [u8],
    pub program: &'a [u8],
    pub goldens: &'a [u8],
    pub data: &'a [u8],
}

impl<'a> Sections<'a> {
    fn new(image: &'a [u8], head: &[u8; HEADER_LEN]) -> Result<Self, ImageError> {
        let mut free = HEADER_LEN as u32;
        let mut section = |section, at, alignment: u32| {
            let (offset, len) = u32_at(head, at)
                .zip(u32_at(head, at + 4))
                .unwrap_or((0, u32::MAX));
            let found = slice(image, offset, len)
                .filter(|_| offset >= free && offset.is_multiple_of(alignment))
                .ok_or(ImageError::Section {
                    section: Name::new(section),
                    offset,
                    len,
                })?;
            // Within the image, so no overflow.
            free = offset + len;
            Ok(found)
        };
        Ok(Self {
            strings: section("strings", header::STRINGS, 4)?,
            regions: section("regions", header::REGIONS, 4)?,
            program: section("operations", header::PROGRAM, 4)?,
            goldens: section("golden vectors", header::GOLDENS, 4)?,
            data: section("data", header::DATA, ALIGNMENT as u32)?,
        })
    }

    pub fn text(&self, offset: u16, len: u16) -> Option<&'a str> {
        core::str::from_utf8(slice(self.strings, u32::from(offset), u32::from(len))?).ok()
    }

    pub fn region_records(&self) -> &'a [[u8; REGION_LEN]] {
        self.regions.as_chunks().0
    }

    pub fn region(&self, index: usize) -> Option<Region> {
        self.region_records().get(index).map(region_of)
    }

    fn check_regions(&self, arena: u32) -> Result<(), ImageError> {
        let records = self.region_records();
        if records.len() > MAX_REGIONS || records.len() * REGION_LEN != self.regions.len() {
            return Err(impossible(
                "length of the section of regions",
                self.regions.len() as u32,
            ));
        }
        for (index, record) in records.iter().enumerate() {
            let region = region_of(record);
            if region.is_empty() || region.end() > arena || record[REGION_LEN - 1] != 0 {
                let (offset, len) = (region.offset, region.len());
                return Err(ImageError::Region {
                    index,
                    offset,
                    len,
                    arena,
                });
            }
        }
        Ok(())
    }
}

pub(super) fn region_of(record: &[u8; REGION_LEN]) -> Region {
    let [o0, o1, o2, o3, c0, c1, h0, h1, w0, w1, exponent, _] = *record;
    Region {
        offset: u32::from_le_bytes([o0, o1, o2, o3]),
        channels: u16::from_le_bytes([c0, c1]),
        height: u16::from_le_bytes([h0, h1]),
        width: u16::from_le_bytes([w0, w1]),
        exponent: exponent as i8,
    }
}

pub(super) const fn impossible(field: &'static str, value: u32) -> ImageError {
    ImageError::Header {
        field: Name::new(field),
        value,
    }
}
