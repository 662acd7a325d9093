//! Buttons and ticks.

use core::cell::RefCell;
use core::sync::atomic::{AtomicBool, Ordering};
use critical_section::Mutex;
use embassy_time::{Duration, Ticker};
use embedded_hal::digital::InputPin;
use firmware::app::{Button, Releases};
use heapless::Deque;

/// 200 a second: longer apart than a contact bounces.
const SAMPLE_HZ: u32 = 200;

/// Samples from tick to tick: 22 ticks a second, pictures of a walk. More than the slowest board's,
/// and what the RP2040 draws on its larger display.
const SAMPLES_A_TICK: u32 = 9;

static TICKED: AtomicBool = AtomicBool::new(false);
static PRESSED: Mutex<RefCell<Deque<Button, 16>>> = Mutex::new(RefCell::new(Deque::new()));

/// Samples buttons, in the order of [`Button::ALL`], and makes ticks for ever. Pressed is low.
pub async fn sample<P: InputPin>(mut pins: [P; Button::ALL.len()]) -> ! {
    let mut ticker = Ticker::every(Duration::from_hz(u64::from(SAMPLE_HZ)));
    let mut releases = Releases::new();
    // Whoever holds a button at boot has not pressed it.
    let mut before = u8::MAX;
    let mut samples = 0;
    loop {
        ticker.next().await;
        let mut high = 0;
        for (bit, pin) in pins.iter_mut().enumerate() {
            high |= u8::from(pin.is_high().unwrap_or(true)) << bit;
        }
        let released = releases.sample(high & !before, high);
        before = high;
        for (bit, button) in Button::ALL.into_iter().enumerate() {
            if released >> bit & 1 == 1 {
                // More than 16 presses in the time of a picture are not kept.
                critical_section::with(|token| {
                    let _ = PRESSED.borrow_ref_mut(token).push_back(button);
                });
            }
        }
        samples += 1;
        if samples == SAMPLES_A_TICK {
            samples = 0;
            TICKED.store(true, Ordering::Relaxed);
        }
    }
}

/// The next button that was released.
pub fn next_button() -> Option<Button> {
    critical_section::with(|token| PRESSED.borrow_ref_mut(token).pop_front())
}

/// Whether a tick came since the last call.
pub fn ticked() -> bool {
    let ticked = TICKED.load(Ordering::Relaxed);
    if ticked {
        // No swap on Cortex-M0+; a tick between the two is lost as one within a picture is.
        TICKED.store(false, Ordering::Relaxed);
    }
    ticked
}

/// Whether nothing waits.
pub fn is_quiet() -> bool {
    !TICKED.load(Ordering::Relaxed)
        && critical_section::with(|token| PRESSED.borrow_ref(token).is_empty())
}
