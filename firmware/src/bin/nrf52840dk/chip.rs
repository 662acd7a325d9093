//! The chip nRF52840 and its wires.
//!
//! | pin | leads to |
//! |---|---|
//! | P0.11, P0.12, P0.24, P0.25 | buttons 1 to 4 of the board: up, down, left, right, each to ground |
//! | P1.08 | button select, to ground |
//! | P1.10, P1.11, P1.12, P1.13 | data/command, chip select, clock, data of an ST7789 |
//! | P1.14, P1.15 | its reset, its backlight |

use crate::board_support::{input, serial, st7789};
use crate::flash;
use crate::watchdog;
use embassy_executor::InterruptExecutor;
use embassy_nrf::config::{Config, HfclkSource};
use embassy_nrf::gpio::{AnyPin, Input, Level, Output, OutputDrive, Pull};
use embassy_nrf::interrupt::{InterruptExt, Priority};
use embassy_nrf::peripherals::{SPI3, USBD};
use embassy_nrf::spim::{self, Spim};
use embassy_nrf::usb::vbus_detect::{self, HardwareVbusDetect};
use embassy_nrf::usb::{self, Driver};
use embassy_nrf::wdt::{self, Watchdog};
use embassy_nrf::{Peri, interrupt, pac};
use embedded_hal_bus::spi::{ExclusiveDevice, NoDelay};
use firmware::slot::Start;
use mipidsi::interface::SpiInterface;
use static_cell::ConstStaticCell;

pub use crate::board_support::st7789::PanelError;
pub use crate::watchdog::feed as feed_watchdog;
pub use firmware::panel::GreyFrame as Frame;

embassy_nrf::bind_interrupts!(struct Irqs {
    USBD => usb::InterruptHandler<USBD>;
    CLOCK_POWER => vbus_detect::InterruptHandler;
    SPIM3 => spim::InterruptHandler<SPI3>;
});

/// Name of the board, as `--board` takes it.
pub const BOARD: &str = "nrf52840dk";

/// How long a layer may take: two seconds of the watchdog's clock of 32768 Hz.
const LAYER_TICKS: u32 = 2 * 32768;

type Wires = SpiInterface<
    'static,
    ExclusiveDevice<Spim<'static>, Output<'static>, NoDelay>,
    Output<'static>,
>;

/// The display as the app draws on it.
pub type Panel = st7789::Panel<Wires, Output<'static>>;

/// Runs the drivers, by an interrupt that nothing else uses.
static EXECUTOR: InterruptExecutor = InterruptExecutor::new();

// SAFETY: the vector table alone calls it, as the interrupt that it is.
#[interrupt]
unsafe fn EGU1_SWI1() {
    // SAFETY: this is the interrupt that the executor was started with, and nothing else calls it.
    unsafe { EXECUTOR.on_interrupt() }
}

#[embassy_executor::task]
async fn serve(driver: Driver<'static, HardwareVbusDetect>) -> ! {
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
    let mut config = Config::default();
    // USB wants the crystal.
    config.hfclk_source = HfclkSource::ExternalXtal;
    config.time_interrupt_priority = Priority::P2;
    let p = embassy_nrf::init(config);

    let reasons = pac::POWER.resetreas().read();
    // Ones clear.
    pac::POWER.resetreas().write_value(reasons);
    let mut config = wdt::Config::default();
    config.timeout_ticks = LAYER_TICKS;
    // It fails only where it runs already with other settings, which a reset by it does not leave
    // behind.
    if let Ok((_, [handle])) = Watchdog::try_new(p.WDT, config) {
        watchdog::begin(handle);
    }

    interrupt::USBD.set_priority(Priority::P2);
    interrupt::CLOCK_POWER.set_priority(Priority::P2);
    interrupt::EGU1_SWI1.set_priority(Priority::P3);
    let spawner = EXECUTOR.start(interrupt::EGU1_SWI1);
    let driver = Driver::new(p.USBD, Irqs, HardwareVbusDetect::new(Irqs));
    let buttons = [
        Input::new(p.P0_11, Pull::Up),
        Input::new(p.P0_12, Pull::Up),
        Input::new(p.P0_24, Pull::Up),
        Input::new(p.P0_25, Pull::Up),
        Input::new(p.P1_08, Pull::Up),
    ];
    // Both fail only where the task runs already.
    if let (Ok(usb), Ok(buttons)) = (serve(driver), sample(buttons)) {
        spawner.spawn(usb);
        spawner.spawn(buttons);
    }

    let high = |pin: Peri<'static, AnyPin>| Output::new(pin, Level::High, OutputDrive::Standard);
    let mut config = spim::Config::default();
    config.frequency = spim::Frequency::M32;
    config.mode = spim::MODE_3;
    let bus = Spim::new_txonly(p.SPI3, Irqs, p.P1_12, p.P1_13, config);
    // It fails only where the pin does.
    let device =
        ExclusiveDevice::new_no_delay(bus, high(p.P1_11.into())).map_err(|_| PanelError)?;
    // A row of pixels.
    static BUFFER: ConstStaticCell<[u8; 2 * Frame::WIDTH]> =
        ConstStaticCell::new([0; 2 * Frame::WIDTH]);
    let wires = SpiInterface::new(device, high(p.P1_10.into()), BUFFER.take());
    let mut backlight = high(p.P1_15.into());
    backlight.set_high();
    // Its pin stays as it is.
    core::mem::forget(backlight);
    Ok(Board {
        panel: Panel::new(wires, high(p.P1_14.into()), frame, splash)?,
        banks: flash::banks(p.NVMC),
        start: if reasons.dog() {
            Start::BuiltIn
        } else {
            Start::Newest
        },
    })
}
