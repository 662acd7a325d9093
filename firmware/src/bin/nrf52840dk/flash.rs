//! The model slot: two banks at the end of the flash memory, where memory.x has the region SLOT.

use embassy_nrf::Peri;
use embassy_nrf::nvmc::{Nvmc, PAGE_SIZE};
use embassy_nrf::peripherals::NVMC;
use embedded_storage::nor_flash::NorFlash;
use firmware::slot::{self, FlashError};
use shared::protocol::BLOCK_LEN;

// SAFETY: symbols of memory.x; only their addresses are taken.
unsafe extern "C" {
    static _slot_start: u8;
    static _slot_end: u8;
}

/// One bank.
pub struct Bank {
    flash: Nvmc<'static>,
    /// Where it starts and ends, as addresses, which are offsets in the flash memory as well.
    start: usize,
    end: usize,
}

/// The slot's banks: its halves.
pub fn banks(flash: Peri<'static, NVMC>) -> [Bank; 2] {
    let (start, end) = (
        &raw const _slot_start as usize,
        &raw const _slot_end as usize,
    );
    let middle = start + (end - start) / 2;
    // SAFETY: two drivers for one memory. Each of their calls is done when it returns, and both are
    // called in thread mode alone, so none comes within another.
    let other = unsafe { NVMC::steal() };
    let bank = |flash, start, end| Bank {
        flash: Nvmc::new(flash),
        start,
        end,
    };
    [bank(flash, start, middle), bank(other, middle, end)]
}

impl Bank {
    fn offset(&self, at: usize) -> Result<u32, FlashError> {
        u32::try_from(self.start + at).map_err(|_| FlashError)
    }
}

impl slot::Bank for Bank {
    const SECTOR_LEN: usize = PAGE_SIZE;

    fn bytes(&self) -> &[u8] {
        let start: *const u8 = core::ptr::with_exposed_provenance(self.start);
        // SAFETY: the linker's region SLOT is mapped flash, which holds nothing of the program's;
        // it is read at any alignment and has no invalid values. It changes in `erase` and
        // `program` alone, which borrow the bank for themselves.
        unsafe { core::slice::from_raw_parts(start, self.end - self.start) }
    }

    fn erase(&mut self, sector: usize) -> Result<(), FlashError> {
        let from = self.offset(sector * PAGE_SIZE)?;
        crate::watchdog::feed();
        self.flash
            .erase(from, from + PAGE_SIZE as u32)
            .map_err(|_| FlashError)
    }

    fn program(&mut self, block: usize, bytes: &[u8; BLOCK_LEN]) -> Result<(), FlashError> {
        let offset = self.offset(block * BLOCK_LEN)?;
        self.flash.write(offset, bytes).map_err(|_| FlashError)
    }
}
