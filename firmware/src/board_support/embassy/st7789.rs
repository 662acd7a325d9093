//! The display: an ST7789 with 240x240 pixels on SPI, by mipidsi, behind a frame of grey levels.

use embassy_time::{Duration, Instant};
use embedded_graphics::pixelcolor::Rgb565;
use embedded_graphics::pixelcolor::raw::RawU16;
use embedded_hal::delay::DelayNs;
use embedded_hal::digital::OutputPin;
use firmware::panel::{GreyFrame, Look, Screen, rgb565};
use mipidsi::dcs::{
    BitsPerPixel, EnterNormalMode, ExitSleepMode, InterfaceExt, PixelFormat, SetAddressMode,
    SetDisplayOn, SetInvertMode, SetPixelFormat,
};
use mipidsi::interface::Interface;
use mipidsi::models::{Model, ModelInitError};
use mipidsi::options::{ColorInversion, ModelOptions};
use mipidsi::{Builder, Display};
use static_cell::ConstStaticCell;

/// The controller, set up in the time that its data sheet asks for: mipidsi's own
/// [`ST7789`](mipidsi::models::ST7789) takes 300 ms. Sitronix, ST7789V data sheet, version 1.3,
/// chapters 7.4.5 and 9.1.12.
pub struct St7789;

/// From the end of reset to the command that ends sleep, in microseconds.
const RESET_TIME: u32 = 120_000;

/// From that command to the next.
const WAKE_TIME: u32 = 5_000;

impl Model for St7789 {
    type ColorFormat = Rgb565;
    const FRAMEBUFFER_SIZE: (u16, u16) = (240, 320);

    fn init<DELAY: DelayNs, DI: Interface>(
        &mut self,
        di: &mut DI,
        delay: &mut DELAY,
        options: &ModelOptions,
    ) -> Result<SetAddressMode, ModelInitError<DI::Error>> {
        let address_mode = SetAddressMode::from(options);
        delay.delay_us(RESET_TIME);
        di.write_command(ExitSleepMode)?;
        delay.delay_us(WAKE_TIME);
        di.write_command(address_mode)?;
        di.write_command(SetInvertMode::new(options.invert_colors))?;
        let bits = BitsPerPixel::from_rgb_color::<Self::ColorFormat>();
        di.write_command(SetPixelFormat::new(PixelFormat::with_all(bits)))?;
        di.write_command(EnterNormalMode)?;
        Ok(address_mode)
    }
}

/// Waits, and does something meanwhile, once.
struct Meanwhile<F>(Option<F>);

impl<F: FnOnce()> DelayNs for Meanwhile<F> {
    fn delay_ns(&mut self, ns: u32) {
        let end = Instant::now() + Duration::from_nanos(u64::from(ns));
        if ns >= 1000 * RESET_TIME
            && let Some(work) = self.0.take()
        {
            work();
        }
        while Instant::now() < end {}
    }
}

/// The buffer of the one display: on the stack it would be moved about.
static SHOWN: ConstStaticCell<[Look; GreyFrame::HEIGHT]> =
    ConstStaticCell::new([Look::BLACK; GreyFrame::HEIGHT]);

/// The display with its frame; [`Screen::flush`] sends it.
pub struct Panel<I: Interface<Word = u8>, R: OutputPin> {
    display: Display<I, St7789, R>,
    frame: &'static mut GreyFrame,
    /// Whether it was switched on.
    on: bool,
    /// What the rows look like that it shows since then.
    shown: &'static mut [Look; GreyFrame::HEIGHT],
}

/// The display does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PanelError;

impl<I: Interface<Word = u8>, R: OutputPin> Panel<I, R> {
    /// Resets and sets up the display; `splash` draws the first frame while it needs its time.
    pub fn new(
        wires: I,
        reset: R,
        frame: &'static mut GreyFrame,
        splash: impl FnOnce(&mut GreyFrame),
    ) -> Result<Self, PanelError> {
        let meanwhile = || splash(frame);
        // A module's picture is right when its colours are inverted: it is a panel of the kind IPS.
        let display = Builder::new(St7789, wires)
            .reset_pin(reset)
            .display_size(GreyFrame::WIDTH as u16, GreyFrame::HEIGHT as u16)
            .invert_colors(ColorInversion::Inverted)
            .init(&mut Meanwhile(Some(meanwhile)))
            .map_err(|_| PanelError)?;
        Ok(Self {
            display,
            frame,
            on: false,
            shown: SHOWN.take(),
        })
    }
}

impl<I: Interface<Word = u8>, R: OutputPin> Screen for Panel<I, R> {
    type Frame = GreyFrame;
    type Error = PanelError;

    fn frame_mut(&mut self) -> &mut GreyFrame {
        self.frame
    }

    /// Sends of each row what changed.
    fn flush(&mut self) -> Result<(), PanelError> {
        for (y, (row, shown)) in (0u16..).zip(self.frame.rows().zip(self.shown.iter_mut())) {
            let look = row.look();
            // Whatever the display has when it is switched on is not known to be black.
            let columns = if self.on {
                shown.columns_to(look)
            } else {
                0..GreyFrame::WIDTH
            };
            let Some(levels) = row.levels().get(columns.clone()).filter(|c| !c.is_empty()) else {
                continue;
            };
            let colours = levels
                .iter()
                .map(|&level| Rgb565::from(RawU16::new(rgb565(level))));
            // Fewer than 2^16 columns.
            let (left, right) = (columns.start as u16, columns.end as u16 - 1);
            self.display
                .set_pixels(left, y, right, y, colours)
                .map_err(|_| PanelError)?;
            *shown = look;
        }
        if !self.on {
            // SAFETY: the display's own state is not changed but for being on.
            unsafe { self.display.dcs() }
                .write_command(SetDisplayOn)
                .map_err(|_| PanelError)?;
            self.on = true;
        }
        Ok(())
    }
}
