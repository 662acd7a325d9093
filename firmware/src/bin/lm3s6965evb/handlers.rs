//! Handlers of interrupts. Two are all, so that no table of names is needed.

use crate::interrupts::Interrupt;
use cortex_m_rt::exception;

// SAFETY: it runs with the hardware's own state saved, and what it shares with the program lies
// behind critical sections.
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
