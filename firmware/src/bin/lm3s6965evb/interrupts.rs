//! Interrupts by number: data sheet, table 2-9. Two handlers are all, so that no table of names is needed.

use cortex_m::interrupt::InterruptNumber;
use cortex_m_rt::exception;

/// The interrupts in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Interrupt {
    Uart0 = 5,
    Timer0A = 19,
}

// SAFETY: the numbers are those of the data sheet, each once and always the same, below the chip's 44.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self as u16
    }
}

// SAFETY: it runs with the hardware's own state saved, and what it shares with the program lies behind critical
// sections.
#[exception]
unsafe fn DefaultHandler(number: i16) {
    const UART0: i16 = Interrupt::Uart0 as i16;
    const TIMER_0A: i16 = Interrupt::Timer0A as i16;
    match number {
        UART0 => crate::serial::receive(),
        TIMER_0A => crate::time::sample(),
        other => panic!("interrupt {other} has no handler"),
    }
}
