//! The chips RP2040 and RP2350, wired as Pico and Pico 2 are: same pins, same drivers.
//!
//! | pin | leads to |
//! |---|---|
//! | GP2, GP3, GP4, GP5, GP6 | buttons up, down, left, right, select, each to ground |
//! | GP8, GP9 | SDA, SCL of an SSD1306 |
//! | GP16, GP17, GP18, GP19 | data/command, chip select, clock, data of an ST7789 |
//! | GP20, GP21 | its reset, its backlight |

#[cfg_attr(feature = "ssd1306", path = "i2c.rs")]
#[cfg_attr(not(feature = "ssd1306"), path = "spi.rs")]
mod display;
pub mod flash;

use crate::board_support::{input, serial};
pub use display::{Frame, Panel, PanelError};
use embassy_executor::InterruptExecutor;
use embassy_rp::gpio::{AnyPin, Input, Pull};
use embassy_rp::interrupt::{InterruptExt, Priority};
use embassy_rp::peripherals::{USB, WATCHDOG};
use embassy_rp::usb::{Driver, InterruptHandler};
use embassy_rp::watchdog::{ResetReason, Watchdog};
use embassy_rp::{Peri, interrupt, pac};
use embassy_time::Duration;
use firmware::slot::Start;

embassy_rp::bind_interrupts!(struct Irqs {
    USBCTRL_IRQ => InterruptHandler<USB>;
});

/// Name of the board, as `--board` takes it.
pub const BOARD: &str = if cfg!(all(feature = "pico", feature = "ssd1306")) {
    "pico-ssd1306"
} else if cfg!(feature = "pico") {
    "pico"
} else {
    "pico2"
};

/// How long a layer may take.
const LAYER_TIME: Duration = Duration::from_secs(2);

/// The watchdog's counter for that time. RP2040's counts by two (data sheet, erratum RP2040-E1).
const WATCHDOG_COUNT: u32 =
    LAYER_TIME.as_micros() as u32 * if cfg!(feature = "pico") { 2 } else { 1 };

/// Runs the drivers, by an interrupt that nothing else uses.
static EXECUTOR: InterruptExecutor = InterruptExecutor::new();

// SAFETY: the vector table alone calls it, as the interrupt that it is.
#[interrupt]
unsafe fn SWI_IRQ_1() {
    // SAFETY: this is the interrupt that the executor was started with, and nothing else calls it.
    unsafe { EXECUTOR.on_interrupt() }
}

#[embassy_executor::task]
async fn serve(driver: Driver<'static, USB>) -> ! {
    serial::serve(driver, BOARD).await
}

#[embassy_executor::task]
async fn sample(pins: [Input<'static>; 5]) -> ! {
    input::sample(pins).await
}

/// The board at work.
pub struct Board {
    /// The display; the splash is in its frame.
    pub panel: Panel,
    /// The model slot.
    pub banks: [flash::Bank; 2],
    /// Which model to start with: not again with one that has just hung the device.
    pub start: Start,
}

/// Starts clocks, watchdog, drivers and display. `splash` draws what is seen first, while the
/// display needs its time.
///
/// # Errors
/// [`PanelError`] where the display cannot be set up.
pub fn start(
    frame: &'static mut Frame,
    splash: impl FnOnce(&mut Frame),
) -> Result<Board, PanelError> {
    let p = embassy_rp::init(Default::default());
    let start = start_watchdog(p.WATCHDOG);
    let buttons = [
        p.PIN_2.into(),
        p.PIN_3.into(),
        p.PIN_4.into(),
        p.PIN_5.into(),
        p.PIN_6.into(),
    ];
    start_drivers(p.USB, buttons);
    Ok(Board {
        panel: display::connect!(p, frame, splash)?,
        banks: flash::banks(p.FLASH),
        start,
    })
}

/// What the watchdog's scratch register 4 holds while this program runs. The boot ROM starts a
/// program that was copied onto the board's drive by a watchdog reset as well, which looks the same
/// but for this register, in which it then has 0. The number and the register are those of
/// pico-sdk's `watchdog_enable_caused_reboot`.
const RUNNING: u32 = 0x6AB7_3121;

fn start_watchdog(watchdog: Peri<'static, WATCHDOG>) -> Start {
    let mut watchdog = Watchdog::new(watchdog);
    let timed_out = matches!(watchdog.reset_reason(), Some(ResetReason::TimedOut));
    let hung = timed_out && watchdog.get_scratch(4) == RUNNING;
    watchdog.set_scratch(4, RUNNING);
    watchdog.pause_on_debug(true);
    watchdog.start(LAYER_TIME);
    if hung { Start::BuiltIn } else { Start::Newest }
}

fn start_drivers(usb: Peri<'static, USB>, buttons: [Peri<'static, AnyPin>; 5]) {
    let buttons = buttons.map(|pin| Input::new(pin, Pull::Up));
    interrupt::SWI_IRQ_1.set_priority(Priority::P2);
    let spawner = EXECUTOR.start(interrupt::SWI_IRQ_1);
    // Both fail only where the task runs already.
    if let (Ok(usb), Ok(buttons)) = (serve(Driver::new(usb, Irqs)), sample(buttons)) {
        spawner.spawn(usb);
        spawner.spawn(buttons);
    }
}

/// The device is alive.
pub fn feed_watchdog() {
    pac::WATCHDOG
        .load()
        .write_value(pac::watchdog::regs::Load(WATCHDOG_COUNT));
}
