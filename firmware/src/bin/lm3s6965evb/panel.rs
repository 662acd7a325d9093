//! Wiring of the OLED: SSI0 and the data/command line.

use crate::mmio::{PORT_A, PORT_C, PORT_D, RCGC1, RCGC2, ssi0};
use core::convert::Infallible;
use embedded_hal::{
    digital::{ErrorType as PinErrorType, OutputPin},
    spi::{ErrorType, Operation, SpiDevice},
};
use firmware::panel::ssd0323::Ssd0323;

/// The board's panel.
pub type Panel = Ssd0323<Ssi0, DataCommand>;

/// The panel, not set up yet.
pub const PANEL: Panel = Ssd0323::new(Ssi0, DataCommand);

/// Sets up the panel's wires.
pub fn connect() {
    RCGC1.set(1 << 4);
    RCGC2.set(0b1101);
    // PA2 clock, PA3 frame (the panel's chip select), PA5 data out.
    PORT_A.alternate().set(0b10_1100);
    PORT_A.digital().set(0b10_1100);
    // PD0 selects the SD card on the same bus: high, so never.
    PORT_D.direction().set(1);
    PORT_D.digital().set(1);
    PORT_D.data(1).write(1);
    // PC7 data/command; PC6 the panel's 15 V, which QEMU does not know: unproven on glass.
    PORT_C.direction().set(0b1100_0000);
    PORT_C.digital().set(0b1100_0000);
    PORT_C.data(1 << 6).write(1 << 6);
    ssi0::CR1.write(0);
    // 12 MHz / 4 = 3 MHz; the panel takes 4.
    ssi0::CPSR.write(4);
    // Eight bits, clock idle high, sampled at its second edge: SPI mode 3.
    ssi0::CR0.write(0b1100_0111);
    ssi0::CR1.write(1 << 1);
}

/// The SPI bus with the panel alone on it.
pub struct Ssi0;

impl Ssi0 {
    const SPACE_TO_SEND: u32 = 1 << 1;
    const RECEIVED: u32 = 1 << 2;
    const BUSY: u32 = 1 << 4;

    fn exchange(byte: u8) -> u8 {
        while ssi0::SR.read() & Self::SPACE_TO_SEND == 0 {}
        ssi0::DR.write(u32::from(byte));
        while ssi0::SR.read() & Self::RECEIVED == 0 {}
        // Frames of eight bits.
        ssi0::DR.read() as u8
    }
}

impl ErrorType for Ssi0 {
    type Error = Infallible;
}

impl SpiDevice for Ssi0 {
    fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), Infallible> {
        for operation in operations {
            match operation {
                Operation::Read(bytes) => bytes.fill_with(|| Self::exchange(0)),
                Operation::Write(bytes) => bytes.iter().for_each(|&byte| {
                    Self::exchange(byte);
                }),
                Operation::Transfer(read, write) => {
                    let length = read.len().max(write.len());
                    for i in 0..length {
                        let byte = Self::exchange(write.get(i).copied().unwrap_or(0));
                        if let Some(place) = read.get_mut(i) {
                            *place = byte;
                        }
                    }
                }
                Operation::TransferInPlace(bytes) => {
                    bytes
                        .iter_mut()
                        .for_each(|byte| *byte = Self::exchange(*byte));
                }
                // The panel needs none.
                Operation::DelayNs(_) => {}
            }
        }
        // Data/command may change only when the last bit is out.
        while ssi0::SR.read() & Self::BUSY != 0 {}
        Ok(())
    }
}

/// PC7.
pub struct DataCommand;

impl PinErrorType for DataCommand {
    type Error = Infallible;
}

impl OutputPin for DataCommand {
    fn set_low(&mut self) -> Result<(), Infallible> {
        PORT_C.data(1 << 7).write(0);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        PORT_C.data(1 << 7).write(1 << 7);
        Ok(())
    }
}
