//! The model slot: two banks at the end of the flash memory, where memory.x has the region SLOT.

use embassy_rp::Peri;
use embassy_rp::flash::{Blocking, ERASE_SIZE, Flash};
use embassy_rp::peripherals::FLASH;
use firmware::slot::{self, FlashError};
use shared::protocol::BLOCK_LEN;

/// Where flash memory is mapped.
const MAPPED: usize = 0x1000_0000;

/// Flash of the board; offsets from its start are checked against it.
const FLASH_LEN: usize = if cfg!(feature = "pico") {
    2 << 20
} else {
    4 << 20
};

// SAFETY: symbols of memory.x; only their addresses are taken.
unsafe extern "C" {
    static _slot_start: u8;
    static _slot_end: u8;
}

/// One bank.
pub struct Bank {
    flash: Flash<'static, FLASH, Blocking, FLASH_LEN>,
    /// Where it starts and ends, as addresses.
    start: usize,
    end: usize,
}

/// The slot's banks: its halves.
pub fn banks(flash: Peri<'static, FLASH>) -> [Bank; 2] {
    let (start, end) = (
        &raw const _slot_start as usize,
        &raw const _slot_end as usize,
    );
    let middle = start + (end - start) / 2;
    // SAFETY: two drivers for one memory. Each of their calls is done when it returns, and both are
    // called in thread mode alone, so none comes within another.
    let other = unsafe { FLASH::steal() };
    let bank = |flash, start, end| Bank {
        flash: Flash::new_blocking(flash),
        start,
        end,
    };
    [bank(flash, start, middle), bank(other, middle, end)]
}

impl Bank {
    /// An offset in the bank as one in the flash memory.
    fn offset(&self, at: usize) -> Result<u32, FlashError> {
        u32::try_from(self.start - MAPPED + at).map_err(|_| FlashError)
    }
}

impl slot::Bank for Bank {
    const SECTOR_LEN: usize = ERASE_SIZE;

    fn bytes(&self) -> &[u8] {
        let start: *const u8 = core::ptr::with_exposed_provenance(self.start);
        // SAFETY: the linker's region SLOT is mapped flash, which holds nothing of the program's;
        // it is read at any alignment and has no invalid values. It changes in `erase` and
        // `program` alone, which borrow the bank for themselves.
        unsafe { core::slice::from_raw_parts(start, self.end - self.start) }
    }

    fn erase(&mut self, sector: usize) -> Result<(), FlashError> {
        let from = self.offset(sector * ERASE_SIZE)?;
        crate::chip::feed_watchdog();
        self.flash
            .blocking_erase(from, from + ERASE_SIZE as u32)
            .map_err(|_| FlashError)
    }

    fn program(&mut self, block: usize, bytes: &[u8; BLOCK_LEN]) -> Result<(), FlashError> {
        let offset = self.offset(block * BLOCK_LEN)?;
        self.flash
            .blocking_write(offset, bytes)
            .map_err(|_| FlashError)
    }
}
