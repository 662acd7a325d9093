//! How much stack was ever in use: cortex-m-rt paints it before the program starts (its feature
//! `paint-stack`).

use core::ptr::addr_of;
use cortex_m_rt::STACK_PAINT_VALUE;

// SAFETY: symbols of cortex-m-rt's linker script; only their addresses are taken.
unsafe extern "C" {
    /// Lowest word of the stack: the linker's first address behind all statics.
    static _stack_end: u32;
    /// One past its highest word.
    static _stack_start: u32;
}

/// The most bytes of stack since reset.
pub fn high_water() -> u32 {
    let (lowest, top) = (addr_of!(_stack_end), addr_of!(_stack_start));
    let mut at = lowest;
    // SAFETY: both are the linker's borders of one block of RAM, aligned to words, that belongs to
    // the stack alone; `at` stays between them. The reads are volatile, since what lies below the
    // stack pointer is nobody's.
    while at < top && unsafe { at.read_volatile() } == STACK_PAINT_VALUE {
        // SAFETY: `at` is below `top`, so the next word's address is at most one past the block.
        at = unsafe { at.add(1) };
    }
    // A difference of addresses of 32 bits.
    (top as usize - at as usize) as u32
}
