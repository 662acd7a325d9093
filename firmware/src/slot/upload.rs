//! Replacing a model, block by block.

use super::bank::{Bank, FlashError};
use super::check::{Limits, check};
use super::record::{Record, capacity, image_bytes};
use crate::engine::Observer;
use shared::protocol::{BLOCK_LEN, Refusal};

/// What a device does with an upload.
pub trait Slot {
    /// Number of banks.
    fn banks(&self) -> u8;

    /// The longest image that fits, in bytes.
    fn capacity(&self) -> u32;

    /// Makes room; gives the offset of the next block, over 0 where the same upload goes on.
    ///
    /// # Errors
    /// [`Refusal`]: no slot, in use, too long, or a flash memory that fails.
    fn begin(&mut self, len: u32, crc: u32) -> Result<u32, Refusal>;

    /// Takes a block; gives the offset of the next. The last block may come again.
    ///
    /// # Errors
    /// [`Refusal`]: not begun, out of order, of a wrong length, or a flash memory that fails.
    fn block(&mut self, offset: u32, bytes: &[u8]) -> Result<u32, Refusal>;

    /// Checks the image, tests it in `arena`, and writes its record; gives its CRC-32. The next
    /// start takes it.
    ///
    /// # Errors
    /// [`Refusal`] where the image is not whole or not good; the upload is then forgotten, unless
    /// blocks are missing.
    fn finish(&mut self, arena: &mut [i8], observer: &mut dyn Observer) -> Result<u32, Refusal>;

    /// Forgets the upload.
    fn abort(&mut self);
}

/// The slot of a board that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NoSlot;

impl Slot for NoSlot {
    fn banks(&self) -> u8 {
        0
    }

    fn capacity(&self) -> u32 {
        0
    }

    fn begin(&mut self, _: u32, _: u32) -> Result<u32, Refusal> {
        Err(Refusal::NoSlot)
    }

    fn block(&mut self, _: u32, _: &[u8]) -> Result<u32, Refusal> {
        Err(Refusal::NoSlot)
    }

    fn finish(&mut self, _: &mut [i8], _: &mut dyn Observer) -> Result<u32, Refusal> {
        Err(Refusal::NoSlot)
    }

    fn abort(&mut self) {}
}

/// An image on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Incoming {
    len: u32,
    crc: u32,
    received: u32,
}

/// Writes an image to a bank that nothing runs from. [`super::boot`] gives it.
#[derive(Debug)]
pub struct Upload<'b, B> {
    bank: Option<&'b mut B>,
    banks: u8,
    capacity: u32,
    sequence: u32,
    limits: Limits,
    incoming: Option<Incoming>,
}

impl<'b, B: Bank> Upload<'b, B> {
    /// For a bank; where there is none to write to, `lent` is the capacity of the one that is in
    /// use.
    pub(super) fn new(
        bank: Option<&'b mut B>,
        banks: u8,
        lent: Option<usize>,
        sequence: u32,
        limits: Limits,
    ) -> Self {
        let len = bank.as_deref().map(capacity).or(lent).unwrap_or(0);
        Self {
            bank,
            banks,
            // No image is longer than 16 MiB.
            capacity: u32::try_from(len).unwrap_or(u32::MAX),
            sequence,
            limits,
            incoming: None,
        }
    }

    /// Whether an image is on its way.
    pub fn has_begun(&self) -> bool {
        self.incoming.is_some()
    }

    fn bank(&mut self) -> Result<&mut B, Refusal> {
        let why = if self.banks == 0 {
            Refusal::NoSlot
        } else {
            Refusal::InUse
        };
        self.bank.as_deref_mut().ok_or(why)
    }
}

impl<B: Bank> Slot for Upload<'_, B> {
    fn banks(&self) -> u8 {
        self.banks
    }

    fn capacity(&self) -> u32 {
        self.capacity
    }

    fn begin(&mut self, len: u32, crc: u32) -> Result<u32, Refusal> {
        let (capacity, incoming) = (self.capacity, self.incoming);
        let bank = self.bank()?;
        if len > capacity {
            return Err(Refusal::TooLong { len, capacity });
        }
        match incoming {
            Some(incoming) if (incoming.len, incoming.crc) == (len, crc) => {
                return Ok(incoming.received);
            }
            _ => {}
        }
        // The sector with the record is the first to go: from here on, what is in the bank does not
        // count.
        let erased = erase(bank, 0);
        self.incoming = erased.is_ok().then_some(Incoming {
            len,
            crc,
            received: 0,
        });
        erased.map(|()| 0)
    }

    fn block(&mut self, offset: u32, bytes: &[u8]) -> Result<u32, Refusal> {
        let incoming = self.incoming;
        let bank = self.bank()?;
        let incoming = incoming.ok_or(Refusal::NotBegun)?;
        let Incoming { len, received, .. } = incoming;
        let count = bytes.len() as u64;
        if u64::from(offset) + count == u64::from(received) && !bytes.is_empty() {
            let written =
                image_bytes(bank, received).and_then(|image| image.get(offset as usize..));
            if written == Some(bytes) {
                return Ok(received);
            }
        }
        if offset != received {
            return Err(Refusal::Offset { expected: received });
        }
        let expected = (len - received).min(BLOCK_LEN as u32);
        if count != u64::from(expected) || expected == 0 {
            return Err(Refusal::BlockLen {
                // At most BLOCK_LEN.
                expected: expected as u16,
            });
        }
        let mut block = [0xFF; BLOCK_LEN];
        for (place, byte) in block.iter_mut().zip(bytes) {
            *place = *byte;
        }
        // Behind the record's block.
        let index = received as usize / BLOCK_LEN + 1;
        let address = index * BLOCK_LEN;
        let mut written = Ok(());
        if address.is_multiple_of(B::SECTOR_LEN) {
            written = erase(bank, address / B::SECTOR_LEN);
        }
        let written = written.and_then(|()| program(bank, index, &block));
        let received = received + expected;
        // A block that failed cannot be programmed again.
        self.incoming = written.is_ok().then_some(Incoming {
            received,
            ..incoming
        });
        written.map(|()| received)
    }

    fn finish(&mut self, arena: &mut [i8], observer: &mut dyn Observer) -> Result<u32, Refusal> {
        let (incoming, limits, sequence) = (self.incoming, self.limits, self.sequence);
        self.bank()?;
        let Some(Incoming { len, crc, received }) = incoming else {
            return Err(Refusal::NotBegun);
        };
        if received < len {
            return Err(Refusal::Incomplete { received });
        }
        self.incoming = None;
        let bank = self.bank()?;
        let bytes = image_bytes(bank, len).ok_or(Refusal::Image)?;
        check(bytes, crc, &limits, arena, observer)?;
        let record = Record { len, crc, sequence };
        program(bank, 0, &record.block())?;
        self.sequence = sequence.wrapping_add(1);
        Ok(crc)
    }

    fn abort(&mut self) {
        self.incoming = None;
    }
}

/// Erases a sector and reads it back.
fn erase<B: Bank>(bank: &mut B, sector: usize) -> Result<(), Refusal> {
    bank.erase(sector).map_err(|FlashError| Refusal::Flash)?;
    let start = sector * B::SECTOR_LEN;
    let erased = bank
        .bytes()
        .get(start..)
        .and_then(|bytes| bytes.get(..B::SECTOR_LEN));
    match erased {
        Some(bytes) if bytes.iter().all(|&byte| byte == 0xFF) => Ok(()),
        _ => Err(Refusal::Flash),
    }
}

/// Programs a block and reads it back.
fn program<B: Bank>(bank: &mut B, index: usize, block: &[u8; BLOCK_LEN]) -> Result<(), Refusal> {
    bank.program(index, block)
        .map_err(|FlashError| Refusal::Flash)?;
    let start = index * BLOCK_LEN;
    match bank.bytes().get(start..start + BLOCK_LEN) {
        Some(found) if found == block => Ok(()),
        _ => Err(Refusal::Flash),
    }
}
