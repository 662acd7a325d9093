//! Writing an image: the same description that the reader gives back.

use super::error::WriteError;
use super::fields::{GOLDEN_HEAD_LEN, REGION_LEN, header, put};
use super::goldens::golden_len;
use super::program::{RECORD_HEAD_LEN, fields_at};
use super::reader::{Image, checksum_of_image};
use super::{ALIGNMENT, HEADER_LEN, MAGIC, MAX_LEN, MAX_OPS, MAX_REGIONS, PixelRange, VERSION};
use crate::latent::{Point, Prior};
use crate::op::{InputRegions, Op, Region, Sink};

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
    /// Golden vectors, each with as many checksums as [`ImageRepr::checksum_count`] says.
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
    /// [`WriteError`] where the buffer is short, something exceeds the format, or the result is not
    /// valid: what was written is read back with [`Image::new_checked`].
    pub fn emit(&self, buffer: &mut [u8]) -> Result<usize, WriteError> {
        at_most("regions", self.regions.len(), MAX_REGIONS)?;
        at_most("operations", self.ops.len(), MAX_OPS)?;
        let plan = self.plan();
        at_most("bytes", plan.total, MAX_LEN as usize)?;
        at_most("bytes of names", plan.strings.len, usize::from(u16::MAX))?;
        self.check_data_lengths()?;
        for golden in self.goldens {
            let (found, expected) = (golden.checksums.len(), self.checksum_count());
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
        let read = Image::new_checked(image)?;
        let mut pairs = read.ops().zip(self.ops).enumerate();
        match pairs.find(|(_, (read, written))| read != *written) {
            Some((index, _)) => Err(WriteError::Differs { index }),
            None => Ok(needed),
        }
    }

    /// Number of checksums of a golden vector: of the input, of each operation outside of blocks,
    /// and of each step of a block.
    pub fn checksum_count(&self) -> usize {
        let mut count = 1 + self.ops.len();
        for block in self.ops.iter().filter_map(|op| op.kind.block()) {
            count = count.saturating_sub(1 + usize::from(block.body)) + usize::from(block.count);
        }
        count
    }

    /// Data of another length would shift what the reader finds. Regions that do not exist are the
    /// reader's to refuse.
    fn check_data_lengths(&self) -> Result<(), WriteError> {
        for (index, op) in self.ops.iter().enumerate() {
            let region = |index: u16| self.regions.get(usize::from(index)).copied();
            let (Some(from), Some(to)) = (InputRegions::new(&op.inputs, region), region(op.output))
            else {
                continue;
            };
            let Some((weights, shape)) = op.kind.weights(&from, &to) else {
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
        put(
            image,
            header::PIXEL_RANGE,
            &[pixel_range, self.prior.code()],
        )?;
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
        for op in self.ops {
            let start = program.at;
            program.at += 4;
            text(image, program.at, op.name)?;
            program.at += 4;
            program.put(image, &op.output.to_le_bytes())?;
            for input in op.inputs.iter() {
                program.put(image, &input.to_le_bytes())?;
            }
            program.at = start + fields_at(op.inputs.len());
            op.kind.encode(&mut Emit {
                image,
                program: &mut program,
                data: &mut data,
                data_start: plan.data.offset,
            })?;
            program.at = program.at.next_multiple_of(4);
            let words = u16::try_from((program.at - start) / 4).ok()?;
            let [w0, w1] = words.to_le_bytes();
            // At most eight.
            put(
                image,
                start,
                &[op.kind.code(), op.inputs.len() as u8, w0, w1],
            )?;
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
        let mut program_len = 0usize;
        let mut data = Measure::default();
        for op in self.ops {
            const { assert!(RECORD_HEAD_LEN <= 12) };
            data.record = fields_at(op.inputs.len());
            // Measuring has room for everything.
            let _ = op.kind.encode(&mut data);
            program_len += data.record.next_multiple_of(4);
        }
        let mut total = HEADER_LEN;
        let mut section = |len: usize, alignment: usize| {
            let offset = total.next_multiple_of(alignment);
            total = offset + len;
            Section { offset, len }
        };
        let strings = section(strings_len, 4);
        let regions = section(self.regions.len() * REGION_LEN, 4);
        let program = section(program_len, 4);
        let goldens = section(self.goldens.len() * golden_len(self.checksum_count()), 4);
        let data = section(data.data, ALIGNMENT);
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

/// Counts what operations take of the program and of the data.
#[derive(Default)]
struct Measure {
    record: usize,
    data: usize,
}

impl Sink for Measure {
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        self.record += bytes.len();
        Some(())
    }

    fn data(&mut self, bytes: &[u8], alignment: usize) -> Option<()> {
        self.data = self.data.next_multiple_of(alignment) + bytes.len();
        self.put(&[0; 4])
    }
}

/// Writes an operation's fields and data into an image.
struct Emit<'i> {
    image: &'i mut [u8],
    program: &'i mut Cursor,
    data: &'i mut Cursor,
    data_start: usize,
}

impl Sink for Emit<'_> {
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        self.program.put(self.image, bytes)
    }

    fn data(&mut self, bytes: &[u8], alignment: usize) -> Option<()> {
        // The section starts at a multiple of every alignment.
        self.data.at = self.data.at.next_multiple_of(alignment);
        let offset = u32::try_from(self.data.at - self.data_start).ok()?;
        self.data.put(self.image, bytes)?;
        self.program.put(self.image, &offset.to_le_bytes())
    }
}

fn at_most(what: &'static str, value: usize, limit: usize) -> Result<(), WriteError> {
    if value > limit {
        Err(WriteError::TooMuch { what, value, limit })
    } else {
        Ok(())
    }
}
