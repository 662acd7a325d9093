//! The parts of an image as slices, and its regions.

use super::error::ImageError;
use super::fields::{REGION_LEN, header, slice, u32_at};
use super::{ALIGNMENT, HEADER_LEN, MAX_REGIONS};
use crate::op::{Name, Region};

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
    /// Cuts an image up.
    ///
    /// # Errors
    /// [`ImageError::Section`] where a section lies outside the image or over the one before it.
    pub fn new(image: &'a [u8], head: &[u8; HEADER_LEN]) -> Result<Self, ImageError> {
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

    /// A piece of the strings.
    pub fn text(&self, offset: u16, len: u16) -> Option<&'a str> {
        core::str::from_utf8(slice(self.strings, u32::from(offset), u32::from(len))?).ok()
    }

    /// The regions as they stand there.
    pub fn region_records(&self) -> &'a [[u8; REGION_LEN]] {
        self.regions.as_chunks().0
    }

    /// One region.
    pub fn region(&self, index: usize) -> Option<Region> {
        self.region_records().get(index).map(region_of)
    }

    /// Checks that every region lies within an arena of so many bytes.
    ///
    /// # Errors
    /// [`ImageError::Region`] names the first that does not.
    pub fn check_regions(&self, arena: u32) -> Result<(), ImageError> {
        let records = self.region_records();
        if records.len() > MAX_REGIONS || records.len() * REGION_LEN != self.regions.len() {
            return Err(ImageError::impossible(
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

/// A region as its record has it.
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
