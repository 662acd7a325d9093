//! The record that makes an image count.

use super::bank::Bank;
use shared::checksum;
use shared::protocol::BLOCK_LEN;

const MAGIC: [u8; 4] = *b"TGMS";

/// Bytes before the record's own checksum.
const COVERED: usize = 16;

/// What is said of the image behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Length of the image in bytes.
    pub len: u32,
    /// The CRC-32 that the image states.
    pub crc: u32,
    /// One more than that of the record before it.
    pub sequence: u32,
}

impl Record {
    /// The record of a bank, where it has a whole one.
    pub fn read(bank: &impl Bank) -> Option<Self> {
        let (record, _) = bank.bytes().split_first_chunk::<{ COVERED + 4 }>()?;
        let (words, _) = record.as_chunks::<4>();
        let [magic, len, crc, sequence, check] = *words else {
            return None;
        };
        let covered = record.get(..COVERED)?;
        let whole = magic == MAGIC && u32::from_le_bytes(check) == checksum::of_bytes(covered);
        whole.then(|| Self {
            len: u32::from_le_bytes(len),
            crc: u32::from_le_bytes(crc),
            sequence: u32::from_le_bytes(sequence),
        })
    }

    /// The bank's first block. Whoever writes it vouches for the image behind it: it is checked
    /// again at each start.
    pub fn block(self) -> [u8; BLOCK_LEN] {
        let mut block = [0xFF; BLOCK_LEN];
        let words = [
            MAGIC,
            self.len.to_le_bytes(),
            self.crc.to_le_bytes(),
            self.sequence.to_le_bytes(),
        ];
        let (places, _) = block.as_chunks_mut::<4>();
        let check = checksum::of_bytes(words.as_flattened()).to_le_bytes();
        for (place, word) in places.iter_mut().zip(words.into_iter().chain([check])) {
            *place = word;
        }
        block
    }

    /// Whether it was written after another; sequences go around.
    pub const fn is_newer(self, than: Self) -> bool {
        self.sequence.wrapping_sub(than.sequence).cast_signed() > 0
    }
}

/// The longest image that a bank takes.
pub(super) fn capacity(bank: &impl Bank) -> usize {
    bank.bytes().len().saturating_sub(BLOCK_LEN)
}

/// The first bytes of what stands behind a bank's record.
pub(super) fn image_bytes(bank: &impl Bank, len: u32) -> Option<&[u8]> {
    bank.bytes().get(BLOCK_LEN..)?.get(..len as usize)
}
