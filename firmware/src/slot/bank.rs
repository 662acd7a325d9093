//! What a board offers: flash memory that holds one image.

use core::convert::Infallible;
use shared::protocol::BLOCK_LEN;

/// A flash memory that does not do what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the flash memory failed")]
pub struct FlashError;

/// A piece of NOR flash, mapped into memory.
///
/// After [`Bank::erase`] a sector's bytes are 0xFF; each block is programmed once between two of
/// them. The power may go at any moment and leave anything in the sector or block at work.
pub trait Bank {
    /// Bytes that are erased at once: a multiple of [`BLOCK_LEN`].
    const SECTOR_LEN: usize;

    /// The whole bank: a multiple of [`Bank::SECTOR_LEN`], aligned to [`shared::image::ALIGNMENT`].
    fn bytes(&self) -> &[u8];

    /// Erases the sector of this index.
    ///
    /// # Errors
    /// [`FlashError`] where the memory says so; what it keeps to itself is found by reading back.
    fn erase(&mut self, sector: usize) -> Result<(), FlashError>;

    /// Programs the block of this index, which was erased.
    ///
    /// # Errors
    /// As [`Bank::erase`].
    fn program(&mut self, block: usize, bytes: &[u8; BLOCK_LEN]) -> Result<(), FlashError>;
}

/// The bank of a board that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoBank(Infallible);

impl Bank for NoBank {
    const SECTOR_LEN: usize = BLOCK_LEN;

    fn bytes(&self) -> &[u8] {
        match self.0 {}
    }

    fn erase(&mut self, _: usize) -> Result<(), FlashError> {
        match self.0 {}
    }

    fn program(&mut self, _: usize, _: &[u8; BLOCK_LEN]) -> Result<(), FlashError> {
        match self.0 {}
    }
}
