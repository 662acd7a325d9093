//! Reading an image in place. After [`Image::new_checked`] no accessor can fail.

use super::check::Extent;
use super::error::ImageError;
use super::fields::{bytes, header, u16_at, u32_at};
use super::goldens::{Goldens, golden_len};
use super::ops::Ops;
use super::schedule::Schedule;
use super::sections::{Sections, region_of};
use super::{HEADER_LEN, MAGIC, MAX_LEN, PIXEL_EXPONENT, PixelRange, VERSION};
use crate::checksum;
use crate::latent::{self, Prior};
use crate::op::{InputRegions, Name, Op, Region};

/// A model image that was checked whole: header, checksum, every region, operation, shift and
/// accumulator bound.
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
            return Err(ImageError::impossible(
                "length of the header",
                u32::from(header_len),
            ));
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
            return Err(ImageError::impossible("length of the arena", arena_len));
        }
        sections.check_regions(arena_len)?;
        let (latent_len, classes) = (half(header::LATENT_LEN)?, half(header::CLASSES)?);
        if classes > 255 {
            return Err(ImageError::impossible(
                "number of classes",
                u32::from(classes),
            ));
        }
        let (input_index, output_index) = (half(header::INPUT)?, half(header::OUTPUT)?);
        let input = sections
            .region(usize::from(input_index))
            .filter(|r| r.len() == u32::from(latent_len) + u32::from(classes))
            .filter(|r| r.exponent == latent::EXPONENT)
            .ok_or(ImageError::impossible(
                "input region",
                u32::from(input_index),
            ))?;
        let output = sections
            .region(usize::from(output_index))
            .filter(|r| r.exponent == PIXEL_EXPONENT)
            .ok_or(ImageError::impossible(
                "output region",
                u32::from(output_index),
            ))?;
        let [pixel_range, prior, reserved @ ..] =
            bytes::<4>(head, header::PIXEL_RANGE).ok_or(short)?;
        let pixel_range = match pixel_range {
            0 => PixelRange::Signed,
            1 => PixelRange::Unit,
            other => {
                return Err(ImageError::impossible(
                    "range of the picture",
                    u32::from(other),
                ));
            }
        };
        let prior =
            Prior::of_code(prior).ok_or(ImageError::impossible("prior", u32::from(prior)))?;
        if reserved != [0, 0] {
            return Err(ImageError::impossible(
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
        Ops::new(self.sections, self.extent.ops)
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

    /// Number of checksums of each golden vector: of the input, of each operation outside of
    /// blocks, and of each step of a block.
    pub fn checksum_count(&self) -> usize {
        self.extent.checksums
    }

    /// The golden vectors.
    pub fn goldens(&self) -> Goldens<'a> {
        Goldens::new(self.sections.goldens, self.extent.checksums)
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

/// CRC-32 of every byte but those of the checksum itself. The image is at least a header long.
pub(super) fn checksum_of_image(image: &[u8]) -> u32 {
    let mut digest = checksum::digest();
    if let Some((before, rest)) = image.split_at_checked(header::CRC) {
        digest.update(before);
        digest.update(rest.get(4..).unwrap_or_default());
    }
    digest.finalize()
}
