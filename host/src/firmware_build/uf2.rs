//! UF2: the container of programs for boards that show themselves as a drive. Blocks of 512 bytes,
//! each complete in itself: <https://github.com/microsoft/uf2>.

use super::Segment;
use std::collections::BTreeMap;

/// Bytes of a block in the file.
const BLOCK: usize = 512;

/// Bytes of memory in a block: a page of the flash memory.
pub const PAGE: usize = 256;

/// The most bytes of memory that a block may hold.
const MOST: u32 = 476;

/// No board here has as many pages.
const MOST_BLOCKS: usize = 64 << 10;

const MAGIC: [u32; 2] = [0x0A32_4655, 0x9E5D_5157];
const LAST_MAGIC: u32 = 0x0AB1_6F30;

/// Flags: not for the main flash memory; the word behind the count of blocks names a family.
const NOT_FOR_FLASH: u32 = 0x1;
const FAMILY: u32 = 0x2000;

/// For which chips a block is, and how their boot ROMs' drives are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Family {
    /// Its number in a block.
    pub id: u32,
    /// Name of the drive, and what its INFO_UF2.TXT says behind `Board-ID`.
    pub drive: &'static str,
}

impl Family {
    /// RP2040.
    pub const RP2040: Self = Self {
        id: 0xE48B_FF56,
        drive: "RPI-RP2",
    };
    /// RP2350, its Arm cores, in secure state.
    pub const RP2350_ARM_S: Self = Self {
        id: 0xE48B_FF59,
        drive: "RP2350",
    };
}

/// A file that is no UF2, or not one for this chip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Uf2Error {
    /// Not whole blocks.
    #[error("it has {0} bytes, expected a multiple of {BLOCK}, and not none")]
    Length(usize),
    /// Too large.
    #[error("it has {0} blocks, over the limit of {MOST_BLOCKS}")]
    TooMany(usize),
    /// A block that is none.
    #[error("block {0} is no UF2 block: its magic numbers are missing")]
    Magic(usize),
    /// A block is missing, doubled or out of order.
    #[error("block {block} says that it is number {number} of {count}, expected {expected}")]
    Order {
        /// Which block.
        block: usize,
        /// What it says.
        number: u32,
        /// What it says.
        count: u32,
        /// How many blocks there are.
        expected: usize,
    },
    /// It is for another chip.
    #[error("block {block} is for chips of family {found:#010x}, expected {expected:#010x}")]
    Family {
        /// Which block.
        block: usize,
        /// What it says; 0 where it says nothing.
        found: u32,
        /// The chip.
        expected: u32,
    },
    /// A block whose memory is empty, too long, or at the end of the address space.
    #[error("block {block} has {len} bytes for address {address:#010x}, which cannot be")]
    Payload {
        /// Which block.
        block: usize,
        /// Where they belong.
        address: u32,
        /// How many.
        len: u32,
    },
    /// Two blocks for the same bytes.
    #[error("block {block} is for address {address:#010x}, which another block is for as well")]
    Overlap {
        /// Which block.
        block: usize,
        /// Where it belongs.
        address: u32,
    },
    /// Nothing in it is for flash memory.
    #[error("it has nothing for flash memory")]
    Empty,
}

/// Makes a UF2 file of pieces of memory, in whole pages; what is between pieces in a page is 0xFF,
/// as erased. Of pieces that overlap the later counts.
pub fn write(segments: &[Segment], family: Family) -> Vec<u8> {
    // A page is 256 bytes: the lower bits of an address are the place in it.
    let page_mask = PAGE as u32 - 1;
    let mut pages = BTreeMap::<u32, [u8; PAGE]>::new();
    for segment in segments {
        for (address, byte) in (segment.address..=u32::MAX).zip(&segment.bytes) {
            let page = pages.entry(address & !page_mask).or_insert([0xFF; PAGE]);
            page[(address & page_mask) as usize] = *byte;
        }
    }
    // Fewer than 2^24 pages of 256 bytes are in 32 bits of addresses.
    let count = pages.len() as u32;
    let mut file = Vec::with_capacity(pages.len() * BLOCK);
    for (number, (address, page)) in (0u32..).zip(pages) {
        let head = [
            MAGIC[0],
            MAGIC[1],
            FAMILY,
            address,
            PAGE as u32,
            number,
            count,
            family.id,
        ];
        let start = file.len();
        file.extend(head.iter().flat_map(|word| word.to_le_bytes()));
        file.extend(page);
        file.resize(start + BLOCK - 4, 0);
        file.extend(LAST_MAGIC.to_le_bytes());
    }
    file
}

/// Reads a UF2 file for a chip: its pieces of memory, in the order of their addresses, neighbours
/// joined.
///
/// # Errors
/// [`Uf2Error`] for anything but whole blocks in order, each for flash memory of this family, none
/// for the same bytes. Blocks that are not for flash memory are passed over.
pub fn read(file: &[u8], family: Family) -> Result<Vec<Segment>, Uf2Error> {
    let (blocks, rest) = file.as_chunks::<BLOCK>();
    if blocks.is_empty() || !rest.is_empty() {
        return Err(Uf2Error::Length(file.len()));
    }
    if blocks.len() > MOST_BLOCKS {
        return Err(Uf2Error::TooMany(blocks.len()));
    }
    let mut pieces = BTreeMap::<u32, (usize, &[u8])>::new();
    for (block, bytes) in blocks.iter().enumerate() {
        let (words, _) = bytes.as_chunks::<4>();
        let word = |index: usize| u32::from_le_bytes(words[index]);
        if [word(0), word(1)] != MAGIC || word(BLOCK / 4 - 1) != LAST_MAGIC {
            return Err(Uf2Error::Magic(block));
        }
        let (flags, address, len) = (word(2), word(3), word(4));
        let (number, count) = (word(5), word(6));
        if flags & NOT_FOR_FLASH != 0 {
            continue;
        }
        if (number as usize, count as usize) != (block, blocks.len()) {
            return Err(Uf2Error::Order {
                block,
                number,
                count,
                expected: blocks.len(),
            });
        }
        let found = if flags & FAMILY == 0 { 0 } else { word(7) };
        if found != family.id {
            return Err(Uf2Error::Family {
                block,
                found,
                expected: family.id,
            });
        }
        if len == 0 || len > MOST || address.checked_add(len).is_none() {
            return Err(Uf2Error::Payload {
                block,
                address,
                len,
            });
        }
        let payload = &bytes[32..32 + len as usize];
        if pieces.insert(address, (block, payload)).is_some() {
            return Err(Uf2Error::Overlap { block, address });
        }
    }
    let mut segments = Vec::<Segment>::new();
    for (address, (block, payload)) in pieces {
        // Both fit 32 bits: the sum was checked.
        let end = segments
            .last()
            .map(|last| last.address + last.bytes.len() as u32);
        match (segments.last_mut(), end) {
            (Some(_), Some(end)) if end > address => {
                return Err(Uf2Error::Overlap { block, address });
            }
            (Some(last), Some(end)) if end == address => last.bytes.extend_from_slice(payload),
            _ => segments.push(Segment {
                address,
                bytes: payload.to_vec(),
            }),
        }
    }
    if segments.is_empty() {
        return Err(Uf2Error::Empty);
    }
    Ok(segments)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn segment(address: u32, bytes: impl Into<Vec<u8>>) -> Segment {
        Segment {
            address,
            bytes: bytes.into(),
        }
    }

    fn sound() -> Vec<u8> {
        let segments = [
            segment(0x1000_0000, [1; 256]),
            segment(0x1000_0100, [2; 300]),
            segment(0x1010_0000, [3; 3]),
        ];
        write(&segments, Family::RP2040)
    }

    #[test]
    fn a_file_gives_back_its_pieces_in_whole_pages() {
        let file = sound();
        assert_eq!(file.len(), 4 * 512);
        // The first block, against the specification.
        assert_eq!(file[..8], *b"UF2\nWQ]\x9E");
        assert_eq!(file[8..12], [0x00, 0x20, 0, 0]);
        assert_eq!(file[12..16], [0, 0, 0, 0x10]);
        assert_eq!(file[28..32], [0x56, 0xFF, 0x8B, 0xE4]);
        assert_eq!(file[508..512], [0x30, 0x6F, 0xB1, 0x0A]);
        let [program, slot] = read(&file, Family::RP2040).unwrap().try_into().unwrap();
        assert_eq!((program.address, program.bytes.len()), (0x1000_0000, 768));
        assert!(program.bytes[256..556].iter().all(|&byte| byte == 2));
        assert!(program.bytes[556..].iter().all(|&byte| byte == 0xFF));
        assert_eq!(
            (slot.address, &slot.bytes[..4]),
            (0x1010_0000, &[3, 3, 3, 0xFF][..])
        );
    }

    #[test]
    fn every_deviation_is_a_typed_error() {
        let with = |block: usize, word: usize, value: u32| {
            let mut file = sound();
            let at = block * 512 + word * 4;
            file[at..at + 4].copy_from_slice(&value.to_le_bytes());
            read(&file, Family::RP2040)
        };
        assert_eq!(with(1, 0, 7), Err(Uf2Error::Magic(1)));
        assert_eq!(with(2, 127, 7), Err(Uf2Error::Magic(2)));
        assert!(matches!(
            with(1, 5, 0),
            Err(Uf2Error::Order { block: 1, .. })
        ));
        assert!(matches!(
            with(3, 6, 5),
            Err(Uf2Error::Order { block: 3, .. })
        ));
        assert!(matches!(
            with(0, 7, 1),
            Err(Uf2Error::Family { found: 1, .. })
        ));
        assert!(matches!(
            with(0, 2, 0),
            Err(Uf2Error::Family { found: 0, .. })
        ));
        for len in [0, 477, u32::MAX] {
            assert!(matches!(with(0, 4, len), Err(Uf2Error::Payload { .. })));
        }
        assert!(matches!(
            with(0, 3, u32::MAX),
            Err(Uf2Error::Payload { .. })
        ));
        assert!(matches!(
            with(1, 3, 0x1000_0000),
            Err(Uf2Error::Overlap { .. })
        ));
        assert!(matches!(
            with(1, 3, 0x1000_00FF),
            Err(Uf2Error::Overlap { .. })
        ));
        for len in [0, 1, 511, 513] {
            assert_eq!(
                read(&vec![0; len], Family::RP2040),
                Err(Uf2Error::Length(len))
            );
        }
        assert!(read(&sound(), Family::RP2350_ARM_S).is_err());
        let mut file = sound();
        for block in 0..4 {
            file[block * 512 + 8] = 1;
        }
        assert_eq!(read(&file, Family::RP2040), Err(Uf2Error::Empty));
    }

    proptest! {
        #[test]
        fn any_change_is_read_or_refused(changes in proptest::collection::vec((0usize..2048, any::<u8>()), 1..6), cut in 0usize..2049) {
            let mut file = sound();
            for (at, byte) in changes {
                file[at] = byte;
            }
            file.truncate(cut);
            if let Ok(segments) = read(&file, Family::RP2040) {
                let bytes: usize = segments.iter().map(|segment| segment.bytes.len()).sum();
                prop_assert!(bytes <= file.len());
            }
        }
    }
}
