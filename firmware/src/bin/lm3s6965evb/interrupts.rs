//! Interrupts by number: data sheet, table 2-9.

use cortex_m::interrupt::InterruptNumber;

/// The interrupts in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Interrupt {
    Uart0 = 5,
    Timer0A = 19,
}

// SAFETY: the numbers are those of the data sheet, each once and always the same, below the chip's
// 44.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self as u16
    }
}
