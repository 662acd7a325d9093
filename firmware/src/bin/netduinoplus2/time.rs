//! SysTick makes ticks; timer 2 measures pictures.

use crate::mmio::{RCC_APB1ENR, timer2};
use core::sync::atomic::{AtomicBool, Ordering};
use cortex_m::peripheral::{SYST, syst::SystClkSource};
use cortex_m_rt::exception;
use firmware::app::{Probe, Stats, TICK_HZ};
use firmware::engine::Observer;

/// The clock after reset: the internal oscillator.
const CLOCK_HZ: u32 = 16_000_000;

static TICKED: AtomicBool = AtomicBool::new(false);

/// Starts both timers.
pub fn start(mut systick: SYST) {
    RCC_APB1ENR.change(1, 1);
    timer2::CR1.write(0);
    timer2::PSC.write(0);
    timer2::ARR.write(u32::MAX);
    // Loads the prescaler and starts at 0.
    timer2::EGR.write(1);
    timer2::CR1.write(1);
    systick.set_clock_source(SystClkSource::Core);
    systick.set_reload(CLOCK_HZ / TICK_HZ - 1);
    systick.clear_current();
    systick.enable_counter();
    systick.enable_interrupt();
}

#[exception]
fn SysTick() {
    TICKED.store(true, Ordering::Relaxed);
}

/// Whether a tick came since the last call.
pub fn ticked() -> bool {
    TICKED.swap(false, Ordering::Relaxed)
}

/// Whether no tick waits.
pub fn is_quiet() -> bool {
    !TICKED.load(Ordering::Relaxed)
}

/// Measures pictures with timer 2: clock cycles on glass, instructions in QEMU under `-icount
/// shift=0`.
#[derive(Debug, Default)]
pub struct Stopwatch {
    started: u32,
    lapped: u32,
    ticks: u32,
}

impl Observer for Stopwatch {
    fn begin(&mut self, _latent: shared::latent::Latent) {
        self.started = timer2::CNT.read();
        self.lapped = self.started;
    }

    fn end(&mut self) {
        self.ticks = timer2::CNT.read().wrapping_sub(self.started);
    }
}

impl Probe for Stopwatch {
    fn stats(&self) -> Stats {
        Stats {
            stack: crate::stack::high_water(),
            ticks: self.ticks,
        }
    }

    fn lap(&mut self) -> u32 {
        let before = self.lapped;
        self.lapped = timer2::CNT.read();
        self.lapped.wrapping_sub(before)
    }

    fn skip(&mut self) {
        let before = self.lapped;
        self.lapped = timer2::CNT.read();
        let skipped = self.lapped.wrapping_sub(before);
        self.started = self.started.wrapping_add(skipped);
    }
}
