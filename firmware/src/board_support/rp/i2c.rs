//! The display SSD1306 on I2C0.

use embassy_rp::i2c::{Blocking, Config, I2c};
use embassy_rp::peripherals::I2C0;
use firmware::panel::ssd1306::{BusError, Ssd1306};

/// The splash is drawn on the display itself, which has a frame of its own.
pub struct Frame;

impl Frame {
    pub const fn new() -> Self {
        Self
    }
}

pub type PanelError = BusError<embassy_rp::i2c::Error>;

/// The display as the app draws on it.
pub type Panel = Ssd1306<I2c<'static, I2C0, Blocking>>;
