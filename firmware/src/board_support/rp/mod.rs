//! The chips RP2040 and RP2350, wired as Pico and Pico 2 are: same pins, same drivers.
//!
//! | pin | leads to |
//! |---|---|
//! | GP2, GP3, GP4, GP5, GP6 | buttons up, down, left, right, select, each to ground |
//! | GP8, GP9 | SDA, SCL of an SSD1306 |
//! | GP16, GP17, GP18, GP19 | data/command, chip select, clock, data of an ST7789 |
//! | GP20, GP21 | its reset, its backlight |

#[cfg(not(feature = "ssd1306"))]
mod spi;

use crate::board_support::{input, serial};
use embassy_executor::InterruptExecutor;
use embassy_rp::gpio::{Input, Pull};
use embassy_rp::interrupt;
use embassy_rp::interrupt::{InterruptExt, Priority};
use embassy_rp::pac;
use embassy_rp::peripherals::USB;
use embassy_rp::usb::{Driver, InterruptHandler};
use embassy_rp::watchdog::Watchdog;
use embassy_time::Duration;

embassy_rp::bind_interrupts!(struct Irqs {
    USBCTRL_IRQ => InterruptHandler<USB>;
});

/// Name of the board, as `--board` takes it.
pub const BOARD: &str = if cfg!(feature = "pico") {
    "pico"
} else {
    "pico2"
};

/// How long a layer may take.
const WATCHDOG: Duration = Duration::from_secs(2);

/// The watchdog's counter for that time. RP2040's counts by two (data sheet, erratum RP2040-E1).
const WATCHDOG_COUNT: u32 =
    WATCHDOG.as_micros() as u32 * if cfg!(feature = "pico") { 2 } else { 1 };

/// The display as the app draws on it.
#[cfg(not(feature = "ssd1306"))]
pub type Panel = crate::board_support::st7789::Panel<spi::Wires, embassy_rp::gpio::Output<'static>>;
#[cfg(not(feature = "ssd1306"))]
pub type Frame = firmware::panel::GreyFrame;

#[cfg(feature = "ssd1306")]
pub type Panel = firmware::panel::ssd1306::Ssd1306<
    embassy_rp::i2c::I2c<'static, embassy_rp::peripherals::I2C0, embassy_rp::i2c::Blocking>,
>;

/// Runs the drivers, by an interrupt that nothing else uses.
static EXECUTOR: InterruptExecutor = InterruptExecutor::new();

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

/// Starts clocks, watchdog, drivers and display. `splash` draws what is seen first, while the display needs its time.
#[cfg(not(feature = "ssd1306"))]
pub fn start(
    frame: &'static mut Frame,
    splash: impl FnOnce(&mut Frame),
) -> Result<Panel, crate::board_support::st7789::PanelError> {
    use embassy_rp::gpio::{Level, Output};
    use embassy_rp::spi::Spi;

    let p = embassy_rp::init(Default::default());
    start_watchdog(p.WATCHDOG);
    let buttons = [
        p.PIN_2.into(),
        p.PIN_3.into(),
        p.PIN_4.into(),
        p.PIN_5.into(),
        p.PIN_6.into(),
    ];
    start_drivers(p.USB, buttons);
    let wires = spi::Wires {
        _spi: Spi::new_blocking_txonly(p.SPI0, p.PIN_18, p.PIN_19, spi::config()),
        data_command: Output::new(p.PIN_16, Level::High),
        select: Output::new(p.PIN_17, Level::High),
        _backlight: Output::new(p.PIN_21, Level::High),
    };
    let reset = Output::new(p.PIN_20, Level::High);
    Panel::new(wires, reset, frame, splash)
}

fn start_watchdog(watchdog: embassy_rp::Peri<'static, embassy_rp::peripherals::WATCHDOG>) {
    let mut watchdog = Watchdog::new(watchdog);
    watchdog.pause_on_debug(true);
    watchdog.start(WATCHDOG);
}

fn start_drivers(
    usb: embassy_rp::Peri<'static, USB>,
    buttons: [embassy_rp::Peri<'static, embassy_rp::gpio::AnyPin>; 5],
) {
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
