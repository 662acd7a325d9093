//! The controller SSD0323 of the board's OSRAM OLED, over SPI with a data/command line.
//!
//! Commands and defaults: Solomon Systech, SSD0323 data sheet, rev 1.8, tables 9-1 and 9-2. Proven
//! under QEMU are the address commands, the format of pixels and switching on; QEMU ignores all
//! other commands (contrast, currents, remapping, multiplexing, timing), so those are **unproven on
//! glass**.

use super::{FrameBuffer, Screen};
use embedded_hal::{digital::OutputPin, spi::SpiDevice};

/// Why nothing reached the panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PanelError<S, P> {
    /// The bus failed.
    #[error("the panel's SPI bus failed; check its wiring")]
    Bus(S),
    /// The data/command line failed.
    #[error("the panel's data/command line failed; check its wiring")]
    Pin(P),
}

/// Set-up, one row a command with its arguments.
const INIT: [&[u8]; 16] = [
    &[0xAE],       // display off while its settings change
    &[0x81, 0x32], // contrast current
    &[0x85],       // half of the current range
    &[0xA0, 0x52], // remapping: nibbles and COM lines as this panel is wired, rows follow one another
    &[0xA1, 0x00], // start line
    &[0xA2, 0x4C], // offset of 76 rows: the panel is wired to the controller's lower lines
    &[0xA4],       // normal picture: not all on, not all off, not inverted
    &[0xA8, 0x3F], // 64 rows
    &[0xB1, 0x22], // phase lengths
    &[0xB2, 0x46], // row period
    &[0xB3, 0xF1], // clock
    &[0xBF, 0x0D], // segment low voltage
    &[0xBE, 0x02], // COM high voltage
    &[0xBC, 0x10], // precharge voltage
    &[0xAD, 0x03], // built-in DC-DC converter on
    &[0xAF],       // display on
];

/// The whole panel as the window that data goes to: columns in pairs, then rows.
const WINDOW: [&[u8]; 2] = [&[0x15, 0x00, 0x3F], &[0x75, 0x00, 0x3F]];

/// The panel with its frame buffer; [`Screen::flush`] sends it.
#[derive(Debug)]
pub struct Ssd0323<S, P> {
    spi: S,
    /// High for data, low for commands.
    data_command: P,
    frame: FrameBuffer,
}

impl<S: SpiDevice, P: OutputPin> Ssd0323<S, P> {
    /// A panel that is not set up yet. `spi` must have ended its transfer when a write returns, as
    /// the trait says.
    pub const fn new(spi: S, data_command: P) -> Self {
        Self {
            spi,
            data_command,
            frame: FrameBuffer::new(),
        }
    }

    /// Sets the panel up and shows the frame buffer.
    ///
    /// # Errors
    /// [`PanelError`] where the bus or the line fails.
    pub fn init(&mut self) -> Result<(), PanelError<S::Error, P::Error>> {
        self.commands(&INIT)?;
        self.send()
    }

    /// What is or will be shown.
    pub const fn frame(&self) -> &FrameBuffer {
        &self.frame
    }

    fn commands(&mut self, commands: &[&[u8]]) -> Result<(), PanelError<S::Error, P::Error>> {
        self.data_command.set_low().map_err(PanelError::Pin)?;
        commands
            .iter()
            .try_for_each(|command| self.spi.write(command))
            .map_err(PanelError::Bus)
    }

    fn send(&mut self) -> Result<(), PanelError<S::Error, P::Error>> {
        self.commands(&WINDOW)?;
        self.data_command.set_high().map_err(PanelError::Pin)?;
        self.spi.write(self.frame.bytes()).map_err(PanelError::Bus)
    }
}

impl<S: SpiDevice, P: OutputPin> Screen for Ssd0323<S, P> {
    type Frame = FrameBuffer;
    type Error = PanelError<S::Error, P::Error>;

    fn frame_mut(&mut self) -> &mut FrameBuffer {
        &mut self.frame
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        self.send()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use core::cell::RefCell;
    use embedded_graphics::{pixelcolor::Gray4, prelude::*};
    use embedded_hal::{digital, spi};
    use std::{rc::Rc, vec::Vec};

    /// What went over the wires: data/command line, byte.
    #[derive(Default)]
    struct Wires {
        data: bool,
        bytes: Vec<(bool, u8)>,
        /// Fails from this write on.
        writes_left: Option<usize>,
    }

    #[derive(Clone, Default)]
    struct Fake(Rc<RefCell<Wires>>);

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct Broken;

    impl spi::Error for Broken {
        fn kind(&self) -> spi::ErrorKind {
            spi::ErrorKind::Other
        }
    }

    impl spi::ErrorType for Fake {
        type Error = Broken;
    }

    impl SpiDevice for Fake {
        fn transaction(&mut self, operations: &mut [spi::Operation<'_, u8>]) -> Result<(), Broken> {
            let mut wires = self.0.borrow_mut();
            if let Some(left) = &mut wires.writes_left {
                *left = left.checked_sub(1).ok_or(Broken)?;
            }
            for operation in operations {
                let spi::Operation::Write(bytes) = operation else {
                    return Err(Broken);
                };
                let data = wires.data;
                wires.bytes.extend(bytes.iter().map(|&byte| (data, byte)));
            }
            Ok(())
        }
    }

    impl digital::ErrorType for Fake {
        type Error = core::convert::Infallible;
    }

    impl OutputPin for Fake {
        fn set_low(&mut self) -> Result<(), Self::Error> {
            self.0.borrow_mut().data = false;
            Ok(())
        }

        fn set_high(&mut self) -> Result<(), Self::Error> {
            self.0.borrow_mut().data = true;
            Ok(())
        }
    }

    #[test]
    fn a_frame_is_a_window_and_4096_bytes_of_data() {
        let wires = Fake::default();
        let mut panel = Ssd0323::new(wires.clone(), wires.clone());
        panel
            .frame_mut()
            .draw_iter([
                Pixel(Point::new(0, 0), Gray4::new(0xA)),
                Pixel(Point::new(127, 63), Gray4::new(3)),
            ])
            .unwrap();
        assert!(
            wires.0.borrow().bytes.is_empty(),
            "nothing is sent before the flush"
        );
        panel.flush().unwrap();
        let sent = wires.0.borrow();
        let commands: Vec<u8> = sent
            .bytes
            .iter()
            .filter(|(data, _)| !data)
            .map(|&(_, byte)| byte)
            .collect();
        assert_eq!(commands, [0x15, 0, 63, 0x75, 0, 63]);
        let data: Vec<u8> = sent
            .bytes
            .iter()
            .filter(|(data, _)| *data)
            .map(|&(_, byte)| byte)
            .collect();
        assert_eq!(data, panel.frame().bytes());
        assert_eq!((data[0], data[4095]), (0xA0, 0x03));
        assert!(
            sent.bytes[..6].iter().all(|(data, _)| !data),
            "the window comes first"
        );
    }

    #[test]
    fn set_up_switches_off_then_on_and_clears() {
        let wires = Fake::default();
        Ssd0323::new(wires.clone(), wires.clone()).init().unwrap();
        let sent = wires.0.borrow();
        let on = sent
            .bytes
            .iter()
            .position(|&wire| wire == (false, 0xAF))
            .unwrap();
        assert_eq!(sent.bytes[0], (false, 0xAE));
        assert_eq!(sent.bytes.len(), on + 1 + 6 + 4096);
        assert!(sent.bytes[on + 7..].iter().all(|&wire| wire == (true, 0)));
    }

    #[test]
    fn a_broken_bus_is_an_error() {
        for writes in [0, 5, 17, 18] {
            let wires = Fake::default();
            wires.0.borrow_mut().writes_left = Some(writes);
            assert_eq!(
                Ssd0323::new(wires.clone(), wires).init(),
                Err(PanelError::Bus(Broken))
            );
        }
    }
}
