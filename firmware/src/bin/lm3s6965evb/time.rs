//! Timer 0 samples the buttons and makes ticks; SysTick measures pictures.

use crate::interrupts::Interrupt;
use crate::log;
use crate::mmio::{PORT_E, PORT_F, Port, RCGC1, RCGC2, Register, timer0};
use core::cell::RefCell;
use core::sync::atomic::{AtomicBool, Ordering};
use cortex_m::peripheral::{NVIC, SYST, syst::SystClkSource};
use critical_section::Mutex;
use firmware::app::{Button, Probe, Releases, Stats, TICK_HZ};
use firmware::engine::Observer;
use heapless::Deque;
use shared::latent::Latent;
use shared::protocol::LogLevel;

/// The clock after reset, without the PLL: 12.5 MHz in QEMU; on glass the internal oscillator's 12
/// MHz, give or take.
const CLOCK_HZ: u32 = 12_500_000;

const SAMPLES_A_TICK: u32 = 25;

/// 200 a second: longer apart than a contact bounces.
const SAMPLE_HZ: u32 = TICK_HZ * SAMPLES_A_TICK;

static TICKED: AtomicBool = AtomicBool::new(false);
static BUTTONS: Mutex<RefCell<Buttons>> = Mutex::new(RefCell::new(Buttons::new()));

/// Bits of a sample, and the buttons that they are: port E's pins 0 to 3 and port F's pin 1.
const PINS: [(u8, Button); 5] = [
    (1, Button::Up),
    (2, Button::Down),
    (4, Button::Left),
    (8, Button::Right),
    (16, Button::Select),
];
const PINS_E: u8 = 0b1111;
const PIN_F: u8 = 0b10;

struct Buttons {
    releases: Releases,
    waiting: Deque<Button, 16>,
    samples: u32,
}

impl Buttons {
    const fn new() -> Self {
        Self {
            releases: Releases::new(),
            waiting: Deque::new(),
            samples: 0,
        }
    }
}

/// The buttons' bits of a register that both ports have.
fn both(register: impl Fn(Port) -> Register) -> u8 {
    let (e, f) = (register(PORT_E).read(), register(PORT_F).read());
    // Five bits.
    ((e & u32::from(PINS_E)) | ((f & u32::from(PIN_F)) << 3)) as u8
}

/// Sets up buttons and timers. Timer 0's interrupt is for the caller to unmask.
pub fn start(mut systick: SYST) {
    RCGC1.set(1 << 16);
    RCGC2.set(0b11_0000);
    for (port, pins) in [(PORT_E, PINS_E), (PORT_F, PIN_F)] {
        let pins = u32::from(pins);
        port.pull_up().set(pins);
        port.digital().set(pins);
        // Pressed is low, so a release rises.
        port.edge().set(pins);
        port.clear_edges().write(pins);
    }
    timer0::CTL.write(0);
    // One timer of 32 bits, periodic.
    timer0::CFG.write(0);
    timer0::TAMR.write(2);
    timer0::TAILR.write(CLOCK_HZ / SAMPLE_HZ - 1);
    timer0::IMR.write(1);
    timer0::CTL.write(1);
    systick.set_clock_source(SystClkSource::Core);
    systick.set_reload(SYSTICK_MASK);
    systick.clear_current();
    systick.enable_counter();
}

/// Timer 0's interrupt.
pub fn sample() {
    timer0::ICR.write(1);
    let rose = both(Port::edges);
    PORT_E.clear_edges().write(u32::from(PINS_E));
    PORT_F.clear_edges().write(u32::from(PIN_F));
    let high = both(|port| port.data(0xFF));
    critical_section::with(|token| {
        let mut buttons = BUTTONS.borrow_ref_mut(token);
        let released = buttons.releases.sample(rose, high);
        for (bit, button) in PINS {
            if released & bit != 0 {
                // More than 16 presses in the time of a picture are not kept.
                let _ = buttons.waiting.push_back(button);
            }
        }
        buttons.samples += 1;
        if buttons.samples == SAMPLES_A_TICK {
            buttons.samples = 0;
            TICKED.store(true, Ordering::Relaxed);
        }
    });
}

/// The next button that was released.
pub fn next_button() -> Option<Button> {
    critical_section::with(|token| BUTTONS.borrow_ref_mut(token).waiting.pop_front())
}

/// Whether a tick came since the last call.
pub fn ticked() -> bool {
    TICKED.swap(false, Ordering::Relaxed)
}

/// Whether nothing waits.
pub fn is_quiet() -> bool {
    !TICKED.load(Ordering::Relaxed)
        && critical_section::with(|token| BUTTONS.borrow_ref(token).waiting.is_empty())
}

/// SysTick has 24 bits: at 12.5 MHz it wraps after 1.34 s, and a picture takes a tenth of that.
const SYSTICK_MASK: u32 = 0x00FF_FFFF;

/// Measures pictures with SysTick. The buttons' timer is held meanwhile (their edges are latched),
/// so the count is the engine's alone.
#[derive(Debug, Default)]
pub struct Stopwatch {
    latent: Option<Latent>,
    started: u32,
    lapped: u32,
    ticks: u32,
    /// What to tell of.
    pub log_level: LogLevel,
}

impl Observer for Stopwatch {
    fn begin(&mut self, latent: Latent) {
        self.latent = Some(latent);
        NVIC::mask(Interrupt::Timer0A);
        self.started = SYST::get_current();
        self.lapped = self.started;
    }

    fn end(&mut self) {
        // It counts down.
        self.ticks = self.started.wrapping_sub(SYST::get_current()) & SYSTICK_MASK;
        // SAFETY: no critical section is built on this mask.
        unsafe { NVIC::unmask(Interrupt::Timer0A) };
        if let Some(latent) = self.latent {
            log::picture(self.log_level, latent, self.ticks);
        }
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
        self.lapped = SYST::get_current();
        before.wrapping_sub(self.lapped) & SYSTICK_MASK
    }

    fn skip(&mut self) {
        let before = self.lapped;
        self.lapped = SYST::get_current();
        let skipped = before.wrapping_sub(self.lapped);
        self.started = self.started.wrapping_sub(skipped);
    }
}
