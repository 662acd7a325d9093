//! The display SSD1306 on I2C0.

use embassy_rp::i2c::{self, Blocking, Config, I2c};
use embassy_rp::peripherals::I2C0;
use firmware::panel::Screen;
use firmware::panel::ssd1306::{BusError, Ssd1306};

pub use firmware::panel::MonoFrame as Frame;

/// The display does not answer.
pub type PanelError = BusError<i2c::Error>;

/// The display as the app draws on it.
pub type Panel = Ssd1306<I2c<'static, I2C0, Blocking>>;

/// Sets the display up with its pins of the peripherals `$p`.
macro_rules! connect {
    ($p:ident, $frame:ident, $splash:ident) => {{
        let bus =
            embassy_rp::i2c::I2c::new_blocking($p.I2C0, $p.PIN_9, $p.PIN_8, display::config());
        $splash($frame);
        Ok::<_, PanelError>(display::panel(bus, $frame))
    }};
}
pub(super) use connect;

/// The panel with a frame. Where it does not answer, the rest of the device works all the same, and
/// it is asked again.
pub fn panel(bus: I2c<'static, I2C0, Blocking>, frame: &Frame) -> Panel {
    let mut panel = Panel::new(bus);
    panel.frame_mut().clone_from(frame);
    panel
}

/// As fast as the controller takes it: SSD1306 data sheet, table 13-6, has a cycle of 2.5 us.
pub fn config() -> Config {
    let mut config = Config::default();
    config.frequency = 400_000;
    config
}
