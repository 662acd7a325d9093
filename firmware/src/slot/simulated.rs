//! Flash memory in RAM, with its ways to fail: it forgets what it is told to when the power goes.
//!
//! # Panics
//! Where a program breaks the rules of NOR flash: a block programmed twice, a place outside. That
//! is a fault of the program, which a test shall find.
extern crate std;

use super::bank::{Bank, FlashError};
use shared::latent::pcg::Pcg32;
use shared::protocol::BLOCK_LEN;
use std::{cell::Cell, rc::Rc, vec, vec::Vec};

/// Bytes of a sector. RP2040's have 4096; smaller ones give more places to cut.
pub const SECTOR_LEN: usize = 4 * BLOCK_LEN;

/// The power of a device, shared by its banks.
#[derive(Debug, Clone, Default)]
pub struct Power {
    /// Operations until it goes, in the middle of the next one; `None` for never.
    left: Rc<Cell<Option<u32>>>,
    /// Operations begun.
    used: Rc<Cell<u32>>,
    gone: Rc<Cell<bool>>,
}

impl Power {
    /// Power that stays.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the power go in the middle of an operation: `0` for the next.
    pub fn cut_after(&self, operations: u32) {
        self.left.set(Some(operations));
    }

    /// Power again, to stay.
    pub fn restore(&self) {
        self.left.set(None);
        self.gone.set(false);
    }

    /// Whether it is gone.
    pub fn is_gone(&self) -> bool {
        self.gone.get()
    }

    /// Erasing and programming operations that were begun.
    pub fn operations(&self) -> u32 {
        self.used.get()
    }

    /// Begins an operation: whole, cut in its middle, or none.
    fn operate(&self) -> Operation {
        if self.gone.get() {
            return Operation::Never;
        }
        self.used.set(self.used.get() + 1);
        match self.left.get() {
            Some(0) => {
                self.gone.set(true);
                Operation::Cut
            }
            left => {
                self.left.set(left.map(|left| left - 1));
                Operation::Whole
            }
        }
    }
}

enum Operation {
    Whole,
    Cut,
    Never,
}

/// A bank in RAM.
#[derive(Debug, Clone)]
pub struct SimulatedBank {
    bytes: Vec<u8>,
    /// Blocks programmed since they were erased, or cut in the middle of it.
    used: Vec<bool>,
    power: Power,
    noise: Pcg32,
}

impl SimulatedBank {
    /// An erased bank of so many sectors.
    pub fn new(sectors: usize, power: &Power, seed: u64) -> Self {
        let len = sectors * SECTOR_LEN;
        Self {
            bytes: vec![0xFF; len],
            used: vec![false; len / BLOCK_LEN],
            power: power.clone(),
            noise: Pcg32::new(seed, 77),
        }
    }

    /// The memory, to be damaged.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// What an operation leaves that was cut: some bits are old, some are new.
    fn mix(&mut self, at: usize, new: &[u8]) {
        for (byte, &new) in self.bytes[at..at + new.len()].iter_mut().zip(new) {
            let mask = self.noise.next_u32() as u8;
            *byte = (*byte & mask) | (new & !mask);
        }
    }
}

impl Bank for SimulatedBank {
    const SECTOR_LEN: usize = SECTOR_LEN;

    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn erase(&mut self, sector: usize) -> Result<(), FlashError> {
        let at = sector * SECTOR_LEN;
        assert!(at < self.bytes.len(), "erased outside of the bank");
        let blocks = sector * (SECTOR_LEN / BLOCK_LEN)..(sector + 1) * (SECTOR_LEN / BLOCK_LEN);
        match self.power.operate() {
            Operation::Never => Err(FlashError),
            Operation::Cut => {
                self.mix(at, &[0xFF; SECTOR_LEN]);
                self.used[blocks].fill(true);
                Err(FlashError)
            }
            Operation::Whole => {
                self.bytes[at..at + SECTOR_LEN].fill(0xFF);
                self.used[blocks].fill(false);
                Ok(())
            }
        }
    }

    fn program(&mut self, block: usize, bytes: &[u8; BLOCK_LEN]) -> Result<(), FlashError> {
        let at = block * BLOCK_LEN;
        assert!(at < self.bytes.len(), "programmed outside of the bank");
        match self.power.operate() {
            Operation::Never => return Err(FlashError),
            Operation::Cut => {
                self.mix(at, bytes);
                self.used[block] = true;
                return Err(FlashError);
            }
            Operation::Whole => {}
        }
        assert!(!self.used[block], "block {block} was not erased");
        self.used[block] = true;
        for (byte, new) in self.bytes[at..at + BLOCK_LEN].iter_mut().zip(bytes) {
            *byte &= new;
        }
        Ok(())
    }
}
