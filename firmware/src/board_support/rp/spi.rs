//! The display ST7789 on SPI0, alone on it. Pixels go into the bus's queue as they are made: one is
//! computed while the one before it is sent.

use crate::board_support::st7789;
pub use crate::board_support::st7789::PanelError;
use core::convert::Infallible;
use embassy_rp::gpio::Output;
use embassy_rp::pac::SPI0;
use embassy_rp::spi::{Blocking, Config, Phase, Polarity, Spi};
use mipidsi::interface::{Interface, InterfaceKind};

pub use firmware::panel::GreyFrame as Frame;

/// The display as the app draws on it.
pub type Panel = st7789::Panel<Wires, Output<'static>>;

/// Sets the display up with its pins of the peripherals `$p`.
macro_rules! connect {
    ($p:ident, $frame:ident, $splash:ident) => {{
        use embassy_rp::gpio::{Level, Output};
        let wires = display::Wires {
            _spi: embassy_rp::spi::Spi::new_blocking_txonly(
                $p.SPI0,
                $p.PIN_18,
                $p.PIN_19,
                display::config(),
            ),
            data_command: Output::new($p.PIN_16, Level::High),
            select: Output::new($p.PIN_17, Level::High),
            _backlight: Output::new($p.PIN_21, Level::High),
        };
        let reset = Output::new($p.PIN_20, Level::High);
        Panel::new(wires, reset, $frame, $splash)
    }};
}
pub(super) use connect;

/// The wires to the display.
pub struct Wires {
    /// Owns the bus and its pins.
    pub _spi: Spi<'static, embassy_rp::peripherals::SPI0, Blocking>,
    /// High for data, low for commands.
    pub data_command: Output<'static>,
    /// Low while the display listens.
    pub select: Output<'static>,
    /// High all the time.
    pub _backlight: Output<'static>,
}

/// As fast as the chip can, half its clock: 62.5 MHz, which the data sheet allows for writing
/// (ST7789V, table 7.4.3, has 66 ns for a read cycle and 16 ns for a write cycle). Mode 3 also
/// suits modules that have no chip select.
pub fn config() -> Config {
    let mut config = Config::default();
    config.frequency = 62_500_000;
    config.polarity = Polarity::IdleHigh;
    config.phase = Phase::CaptureOnSecondTransition;
    config
}

impl Wires {
    #[inline(always)]
    fn push(word: u16) {
        while !SPI0.sr().read().tnf() {}
        SPI0.dr().write(|place| place.set_data(word));
    }

    /// Sends words of eight or sixteen bits, a pixel: the queue takes one as fast as the other.
    #[inline(always)]
    fn send(&mut self, bits: u8, words: impl Iterator<Item = u16>) {
        self.select.set_low();
        // The bus stands still meanwhile, as it must.
        SPI0.cr1().modify(|control| control.set_sse(false));
        SPI0.cr0().modify(|control| control.set_dss(bits - 1));
        SPI0.cr1().modify(|control| control.set_sse(true));
        words.for_each(Self::push);
        // The lines may change only when the last bit is out.
        while SPI0.sr().read().bsy() {}
        self.select.set_high();
    }

    fn send_bytes(&mut self, bytes: impl Iterator<Item = u8>) {
        self.send(8, bytes.map(u16::from));
    }
}

impl Interface for Wires {
    type Word = u8;
    type Error = Infallible;
    const KIND: InterfaceKind = InterfaceKind::Serial4Line;

    fn send_command(&mut self, command: u8, arguments: &[u8]) -> Result<(), Infallible> {
        self.data_command.set_low();
        self.send_bytes([command].into_iter());
        self.data_command.set_high();
        self.send_bytes(arguments.iter().copied());
        Ok(())
    }

    fn send_pixels<const N: usize>(
        &mut self,
        pixels: impl IntoIterator<Item = [u8; N]>,
    ) -> Result<(), Infallible> {
        let pixels = pixels.into_iter();
        if N == 2 {
            self.send(
                16,
                pixels.map(|pixel| u16::from_be_bytes([pixel[0], pixel[N - 1]])),
            );
        } else {
            self.send_bytes(pixels.flatten());
        }
        Ok(())
    }

    fn send_repeated_pixel<const N: usize>(
        &mut self,
        pixel: [u8; N],
        count: u32,
    ) -> Result<(), Infallible> {
        self.send_pixels((0..count).map(|_| pixel))
    }
}
