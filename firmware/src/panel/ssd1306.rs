//! The controller SSD1306 of the common 128x64 OLED modules, over I2C.
//!
//! Commands and defaults: Solomon Systech, SSD1306 data sheet, rev 1.1, table 9-1 and the
//! application note behind it. Proven on an emulated panel, **unproven on glass**.

use super::{MonoFrame, Screen};
use embedded_hal::i2c::I2c;

/// The address of nearly every module.
pub const ADDRESS: u8 = 0x3C;

/// Why nothing reached the panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the panel does not answer on the I2C bus; check its wiring, and that its address is {ADDRESS:#x}"
)]
pub struct BusError<E>(pub E);

/// Announces commands to the end of the transfer.
const COMMANDS: u8 = 0x00;

/// Announces pixels to the end of the transfer.
const PIXELS: u8 = 0x40;

/// Set-up.
#[rustfmt::skip]
const INIT: [u8; 26] = [
    COMMANDS,
    0xAE,             // display off while its settings change
    0xD5, 0x80,       // clock
    0xA8, 0x3F,       // 64 rows
    0xD3, 0x00,       // no offset
    0x40,             // start line
    0x8D, 0x14,       // charge pump on: the modules have no supply of 7 V
    0x20, 0x00,       // bytes follow one another by columns, then by pages
    0xA1, 0xC8,       // columns and rows turned, as the modules are mounted
    0xDA, 0x12,       // rows alternate, as the modules are wired
    0x81, 0xCF,       // contrast
    0xD9, 0xF1,       // precharge
    0xDB, 0x40,       // deselect level
    0xA4,             // normal picture: not all on
    0xA6,             // not inverted
    0xAF,             // display on
];

/// The whole panel as the window that pixels go to: columns, then pages.
const WINDOW: [u8; 7] = [COMMANDS, 0x21, 0, 127, 0x22, 0, 7];

/// The panel with its frame; [`Screen::flush`] sends it, and sets the panel up where it is not: a
/// panel that did not answer may have been plugged in since.
#[derive(Debug)]
pub struct Ssd1306<I> {
    bus: I,
    frame: MonoFrame,
    is_set_up: bool,
}

impl<I: I2c> Ssd1306<I> {
    /// A panel that is not set up yet.
    pub const fn new(bus: I) -> Self {
        Self {
            bus,
            frame: MonoFrame::new(),
            is_set_up: false,
        }
    }

    /// What is or will be shown.
    pub const fn frame(&self) -> &MonoFrame {
        &self.frame
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), BusError<I::Error>> {
        self.bus.write(ADDRESS, bytes).map_err(BusError)
    }

    fn send(&mut self) -> Result<(), BusError<I::Error>> {
        if !self.is_set_up {
            self.write(&INIT)?;
        }
        self.write(&WINDOW)?;
        let mut transfer = [PIXELS; 1 + 128];
        for index in 0..8 {
            let page = self.frame.bytes().chunks_exact(128).nth(index);
            transfer[1..].copy_from_slice(page.unwrap_or(&[0; 128]));
            self.bus.write(ADDRESS, &transfer).map_err(BusError)?;
        }
        Ok(())
    }
}

impl<I: I2c> Screen for Ssd1306<I> {
    type Frame = MonoFrame;
    type Error = BusError<I::Error>;

    fn frame_mut(&mut self) -> &mut MonoFrame {
        &mut self.frame
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        let sent = self.send();
        self.is_set_up = sent.is_ok();
        sent
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use embedded_graphics::{pixelcolor::BinaryColor, prelude::*};
    use embedded_hal::i2c::{ErrorKind, ErrorType, NoAcknowledgeSource, Operation};
    use std::{vec, vec::Vec};

    /// What went over the wires, one transfer a row; fails from a transfer on.
    struct Wires {
        transfers: Vec<Vec<u8>>,
        left: usize,
    }

    impl Wires {
        fn new(left: usize) -> Self {
            let transfers = vec![];
            Self { transfers, left }
        }
    }

    impl ErrorType for Wires {
        type Error = ErrorKind;
    }

    impl I2c for Wires {
        fn transaction(
            &mut self,
            address: u8,
            operations: &mut [Operation<'_>],
        ) -> Result<(), ErrorKind> {
            assert_eq!(address, 0x3C);
            let unknown = ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address);
            self.left = self.left.checked_sub(1).ok_or(unknown)?;
            for operation in operations {
                let Operation::Write(bytes) = operation else {
                    return Err(ErrorKind::Other);
                };
                self.transfers.push(bytes.to_vec());
            }
            Ok(())
        }
    }

    #[test]
    fn a_frame_is_a_window_and_eight_pages() {
        let mut panel = Ssd1306::new(Wires::new(99));
        panel.flush().unwrap();
        panel.bus.transfers.clear();
        let on = |x, y| Pixel(Point::new(x, y), BinaryColor::On);
        panel
            .frame_mut()
            .draw_iter([on(0, 0), on(127, 63)])
            .unwrap();
        assert!(
            panel.bus.transfers.is_empty(),
            "nothing is sent before the flush"
        );
        panel.flush().unwrap();
        let [window, pages @ ..] = panel.bus.transfers.as_slice() else {
            panic!("no transfers");
        };
        assert_eq!(window[..], WINDOW);
        assert!(
            pages.len() == 8
                && pages
                    .iter()
                    .all(|page| page.len() == 129 && page[0] == 0x40)
        );
        let bytes: Vec<u8> = pages.iter().flat_map(|page| page[1..].to_vec()).collect();
        assert_eq!(bytes, panel.frame().bytes());
        assert_eq!((bytes[0], bytes[1023]), (1, 0x80));
    }

    #[test]
    fn set_up_switches_off_then_on_and_clears() {
        let mut panel = Ssd1306::new(Wires::new(99));
        panel.flush().unwrap();
        let first = &panel.bus.transfers[0];
        assert_eq!((first[0], first[1], first[25]), (COMMANDS, 0xAE, 0xAF));
        assert!(
            panel.bus.transfers[2..]
                .iter()
                .all(|page| page[1..] == [0; 128])
        );
    }

    #[test]
    fn a_panel_that_is_not_there_is_an_error_and_is_set_up_when_it_comes() {
        for transfers in [0, 1, 2, 9] {
            let mut panel = Ssd1306::new(Wires::new(transfers));
            let error = panel.flush().unwrap_err();
            assert_eq!(
                error.0,
                ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address)
            );
            panel.bus = Wires::new(99);
            panel.flush().unwrap();
            assert_eq!(panel.bus.transfers[0], INIT);
            assert_eq!(panel.bus.transfers.len(), 1 + 1 + 8);
        }
    }
}
