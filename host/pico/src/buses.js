// The wires between chip and displays, with the time that bytes take on them: the chip's library would send any number
// of bytes in no time.

import { ADDRESS } from './ssd1306.js';

/** A byte and its acknowledge bit. */
const I2C_BITS = 9;
/** The I2C controller's interrupt of a transmit queue that is empty. */
const TX_EMPTY = 1 << 4;

/**
 * Connects a colour panel to an SPI controller. The panel looks at the data/command line at the last bit of a byte, as
 * the real one does, so firmware that changes the line too early is seen to.
 *
 * @param {import('rp2040js').RP2040} chip
 * @param {number} bus 0 or 1
 * @param {{dataCommand: number, select: number}} pins
 * @param {{write: (byte: number, isData: boolean) => void}} panel
 */
export function connectSpi(chip, bus, pins, panel) {
  const spi = chip.spi[bus];
  const [dataCommand, select] = [chip.gpio[pins.dataCommand], chip.gpio[pins.select]];
  let word = 0;
  const sent = () => {
    // A select line that nobody drives belongs to a module whose panel is always selected.
    if (!select.outputEnable || !select.outputValue) {
      const isData = dataCommand.outputValue;
      if (spi.dataBits > 8) {
        panel.write(word >> 8, isData);
      }
      panel.write(word & 0xff, isData);
    }
    spi.completeTransmit(0);
  };
  const alarm = chip.clock.createAlarm(sent);
  spi.onTransmit = (value) => {
    word = value;
    alarm.schedule(spi.clockFrequency ? (spi.dataBits * 1e9) / spi.clockFrequency : 0);
  };
}

/**
 * Connects a black and white panel to an I2C controller.
 *
 * @param {import('rp2040js').RP2040} chip
 * @param {number} bus 0 or 1
 * @param {{unplugged: boolean, start: () => void, write: (byte: number) => void}} panel
 */
export function connectI2c(chip, bus, panel) {
  const i2c = chip.i2c[bus];
  let next = () => {};
  const alarm = chip.clock.createAlarm(() => next());
  const after = (bits, action) => {
    next = action;
    alarm.schedule((bits * (i2c.sclHighPeriod + i2c.sclLowPeriod) * 1e9) / chip.clkSys);
  };
  // Where nobody answers, the queue is thrown away. It is empty then, and the library does not say so.
  const abort = i2c.abort;
  i2c.abort = (reason) => {
    abort.call(i2c, reason);
    i2c.setInterrupts(TX_EMPTY);
  };
  let addressed = false;
  i2c.onStart = () => after(1, () => i2c.completeStart());
  i2c.onConnect = (address) => {
    addressed = address === ADDRESS && !panel.unplugged;
    if (addressed) {
      panel.start();
    }
    after(I2C_BITS, () => i2c.completeConnect(addressed));
  };
  i2c.onWriteByte = (byte) =>
    after(I2C_BITS, () => {
      panel.write(byte);
      i2c.completeWrite(true);
    });
  i2c.onReadByte = () => after(I2C_BITS, () => i2c.completeRead(0));
  i2c.onStop = () => after(1, () => i2c.completeStop());
}
