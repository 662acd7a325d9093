//! Writing an image: the same description that the reader gives back.

use super::error::WriteError;
use super::fields::{GOLDEN_HEAD_LEN, REGION_LEN, header, put};
use super::program::{activation_bytes, code_of, words_of};
use super::reader::{Image, checksum_of_image, golden_len};
use super::{ALIGNMENT, HEADER_LEN, MAGIC, MAX_LEN, MAX_OPS, MAX_REGIONS, PixelRange, VERSION};
use crate::latent::{Point, Prior};
use crate::layer::{Conv, ConvTranspose, Kind, Layout, Op, Region};

/// A golden vector to write.
#[derive(Debug, Clone, Copy)]
pub struct GoldenRepr<'a> {
    /// What to generate.
    pub point: Point,
    /// CRC-32 of the input, then of each operation's output.
    pub checksums: &'a [u32],
}

/// Everything in an image.
#[derive(Debug, Clone, Copy)]
pub struct ImageRepr<'a> {
    /// Short name of the model.
    pub name: &'a str,
    /// One line that says what the model is.
    pub card: &'a str,
    /// Length of the latent vector.
    pub latent_len: u16,
    /// Number of classes; 0 for an unconditional generator.
    pub classes: u8,
    /// What latent vectors are drawn from.
    pub prior: Prior,
    /// How the picture's elements become grey levels.
    pub pixel_range: PixelRange,
    /// Bytes of scratch memory that the regions span.
    pub arena_len: u32,
    /// The regions, by index.
    pub regions: &'a [Region],
    /// Index of the region of latent vector and one-hot label.
    pub input: u16,
    /// Index of the region of the picture.
    pub output: u16,
    /// The program, in order of execution.
    pub ops: &'a [Op<'a>],
    /// Golden vectors, each with one checksum more than there are operations.
    pub goldens: &'a [GoldenRepr<'a>],
}

impl ImageRepr<'_> {
    /// Length of the image in bytes.
    pub fn buffer_len(&self) -> usize {
        self.plan().total
    }

    /// Writes the image to the start of `buffer` and gives its length.
    ///
    /// # Errors
    /// [`WriteError`] where the buffer is short, something exceeds the format, or the result is not valid: what was
    /// written is read back with [`Image::new_checked`].
    pub fn emit(&self, buffer: &mut [u8]) -> Result<usize, WriteError> {
        at_most("regions", self.regions.len(), MAX_REGIONS)?;
        at_most("operations", self.ops.len(), MAX_OPS)?;
        let plan = self.plan();
        at_most("bytes", plan.total, MAX_LEN as usize)?;
        at_most("bytes of names", plan.strings.len, usize::from(u16::MAX))?;
        self.check_data_lengths()?;
        for golden in self.goldens {
            let (found, expected) = (golden.checksums.len(), self.ops.len() + 1);
            if found != expected {
                return Err(WriteError::TooMuch {
                    what: "checksums in a golden vector",
                    value: found,
                    limit: expected,
                });
            }
        }
        let found = buffer.len();
        let needed = plan.total;
        let short = WriteError::Buffer { needed, found };
        let image = buffer.get_mut(..needed).ok_or(short)?;
        image.fill(0);
        self.emit_into(image, &plan).ok_or(short)?;
        Image::new_checked(image)?;
        Ok(needed)
    }

    /// Data of another length would shift what the reader finds. Regions that do not exist are the reader's to refuse.
    fn check_data_lengths(&self) -> Result<(), WriteError> {
        for (index, op) in self.ops.iter().enumerate() {
            let region = |index: u16| self.regions.get(usize::from(index));
            let (Some(from), Some(to)) = (region(op.input()), region(op.output())) else {
                continue;
            };
            let (Some(weights), Some(shape)) = (op.kind.weights(), op.kind.weight_shape(from, to))
            else {
                continue;
            };
            for (what, found, expected) in [
                (
                    "weights",
                    weights.values.len(),
                    shape.values_len(weights.layout),
                ),
                ("bias", weights.bias.len(), shape.channels.saturating_mul(4)),
                ("shifts", weights.shifts.len(), shape.channels),
            ] {
                let expected = expected as usize;
                if found != expected {
                    return Err(WriteError::Data {
                        index,
                        what,
                        found,
                        expected,
                    });
                }
            }
        }
        Ok(())
    }

    /// `None` only where `image` is shorter than planned.
    fn emit_into(&self, image: &mut [u8], plan: &Plan) -> Option<()> {
        // All lengths were checked to fit their fields before.
        put(image, header::MAGIC, &MAGIC)?;
        put(image, header::VERSION, &VERSION.to_le_bytes())?;
        put(
            image,
            header::HEADER_LEN,
            &(HEADER_LEN as u16).to_le_bytes(),
        )?;
        put(image, header::TOTAL_LEN, &(plan.total as u32).to_le_bytes())?;
        put(image, header::ARENA_LEN, &self.arena_len.to_le_bytes())?;
        put(image, header::LATENT_LEN, &self.latent_len.to_le_bytes())?;
        put(
            image,
            header::CLASSES,
            &u16::from(self.classes).to_le_bytes(),
        )?;
        put(image, header::INPUT, &self.input.to_le_bytes())?;
        put(image, header::OUTPUT, &self.output.to_le_bytes())?;
        let pixel_range = match self.pixel_range {
            PixelRange::Signed => 0,
            PixelRange::Unit => 1,
        };
        let prior = match self.prior {
            Prior::Normal => 0,
            Prior::Uniform => 1,
        };
        put(image, header::PIXEL_RANGE, &[pixel_range, prior])?;
        for (at, section) in [
            (header::STRINGS, plan.strings),
            (header::REGIONS, plan.regions),
            (header::PROGRAM, plan.program),
            (header::GOLDENS, plan.goldens),
            (header::DATA, plan.data),
        ] {
            put(image, at, &(section.offset as u32).to_le_bytes())?;
            put(image, at + 4, &(section.len as u32).to_le_bytes())?;
        }

        let mut strings = Cursor {
            at: plan.strings.offset,
        };
        let mut text = |image: &mut [u8], field: usize, text: &str| {
            let offset = strings.at - plan.strings.offset;
            put(image, field, &(offset as u16).to_le_bytes())?;
            put(image, field + 2, &(text.len() as u16).to_le_bytes())?;
            strings.put(image, text.as_bytes())
        };
        text(image, header::NAME, self.name)?;
        text(image, header::CARD, self.card)?;

        let mut regions = Cursor {
            at: plan.regions.offset,
        };
        for region in self.regions {
            regions.put(image, &region.offset.to_le_bytes())?;
            regions.put(image, &region.channels.to_le_bytes())?;
            regions.put(image, &region.height.to_le_bytes())?;
            regions.put(image, &region.width.to_le_bytes())?;
            regions.put(image, &[region.exponent as u8, 0])?;
        }

        let mut program = Cursor {
            at: plan.program.offset,
        };
        let mut data = Cursor {
            at: plan.data.offset,
        };
        let mut place = |image: &mut [u8], bytes: &[u8], alignment: usize| {
            data.at = data.at.next_multiple_of(alignment);
            let offset = data.at - plan.data.offset;
            data.put(image, bytes)?;
            Some((offset as u32).to_le_bytes())
        };
        for op in self.ops {
            let code = code_of(&op.kind);
            let [w0, w1] = words_of(code)?.to_le_bytes();
            program.put(image, &[code, 0, w0, w1])?;
            text(image, program.at, op.name)?;
            program.at += 4;
            program.put(image, &op.input().to_le_bytes())?;
            program.put(image, &op.output().to_le_bytes())?;
            if let Some(weights) = op.kind.weights() {
                let [activation, slope_shift] = activation_bytes(weights.activation);
                let layout = match weights.layout {
                    Layout::Int8Rows => 0,
                    Layout::Int4Rows => 1,
                };
                program.put(image, &[layout, activation, slope_shift, 0])?;
                for (bytes, alignment) in [
                    (weights.values, ALIGNMENT),
                    (weights.bias, 4),
                    (weights.shifts, 1),
                ] {
                    let offset = place(image, bytes, alignment)?;
                    program.put(image, &offset)?;
                }
            }
            match &op.kind {
                Kind::Dense(_) | Kind::Embedding(_) => {}
                Kind::Table(table) => {
                    let offset = place(image, table.entries, 1)?;
                    program.put(image, &offset)?;
                }
                Kind::Conv(Conv { window, .. })
                | Kind::ConvTranspose(ConvTranspose { window, .. }) => {
                    program.put(image, &window.kernel)?;
                    program.put(image, &window.stride)?;
                    program.put(image, &window.padding)?;
                    program.put(image, &[0, 0])?;
                }
                Kind::Upsample(upsample) => {
                    program.put(image, &upsample.factor)?;
                    program.put(image, &[0, 0])?;
                }
                Kind::Copy(copy) => {
                    program.put(image, &copy.channel_offset.to_le_bytes())?;
                    program.put(image, &[copy.shift, 0])?;
                }
            }
        }

        let mut goldens = Cursor {
            at: plan.goldens.offset,
        };
        for golden in self.goldens {
            goldens.put(image, &golden.point.seed.to_le_bytes())?;
            let label = golden.point.label;
            goldens.put(
                image,
                &[label.unwrap_or(0), u8::from(label.is_some()), 0, 0],
            )?;
            for checksum in golden.checksums {
                goldens.put(image, &checksum.to_le_bytes())?;
            }
        }
        let crc = checksum_of_image(image);
        put(image, header::CRC, &crc.to_le_bytes())
    }

    fn plan(&self) -> Plan {
        let strings_len = self.name.len()
            + self.card.len()
            + self.ops.iter().map(|op| op.name.len()).sum::<usize>();
        let words = |op: &Op<'_>| usize::from(words_of(code_of(&op.kind)).unwrap_or(0));
        let mut data_len = 0usize;
        for op in self.ops {
            if let Some(weights) = op.kind.weights() {
                data_len = (data_len.next_multiple_of(ALIGNMENT) + weights.values.len())
                    .next_multiple_of(4)
                    + weights.bias.len()
                    + weights.shifts.len();
            } else if let Kind::Table(_) = op.kind {
                data_len += 256;
            }
        }
        let mut total = HEADER_LEN;
        let mut section = |len: usize, alignment: usize| {
            let offset = total.next_multiple_of(alignment);
            total = offset + len;
            Section { offset, len }
        };
        let strings = section(strings_len, 4);
        let regions = section(self.regions.len() * REGION_LEN, 4);
        let program = section(self.ops.iter().map(words).sum::<usize>() * 4, 4);
        let goldens = section(self.goldens.len() * golden_len(self.ops.len()), 4);
        let data = section(data_len, ALIGNMENT);
        const { assert!(GOLDEN_HEAD_LEN.is_multiple_of(4) && REGION_LEN.is_multiple_of(4)) };
        Plan {
            strings,
            regions,
            program,
            goldens,
            data,
            total,
        }
    }
}

/// Where each section of an image lies.
struct Plan {
    strings: Section,
    regions: Section,
    program: Section,
    goldens: Section,
    data: Section,
    total: usize,
}

#[derive(Clone, Copy)]
struct Section {
    offset: usize,
    len: usize,
}

struct Cursor {
    at: usize,
}

impl Cursor {
    fn put(&mut self, image: &mut [u8], bytes: &[u8]) -> Option<()> {
        put(image, self.at, bytes)?;
        self.at += bytes.len();
        Some(())
    }
}

fn at_most(what: &'static str, value: usize, limit: usize) -> Result<(), WriteError> {
    if value > limit {
        Err(WriteError::TooMuch { what, value, limit })
    } else {
        Ok(())
    }
}
