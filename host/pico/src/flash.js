// The flash chip, as the boot ROM's routines see it: erasing sets bits of whole sectors, programming clears bits of
// whole pages, both take their time, and power may fail in the middle.

import { FLASH_LEN, SECTOR } from './uf2.js';

const PAGE = 256;
/** Typical times of a W25Q16JV, the Pico's chip: 45 ms for a sector, 150 ms for 64 KB at once, 0.4 ms for a page. */
const SECTOR_NANOS = 45e6;
const BLOCK = 65536;
const BLOCK_NANOS = 150e6;
const PAGE_NANOS = 0.4e6;

/** Power is gone: what runs has to be given up. */
export class PowerLoss extends Error {}

/** Two megabytes that survive resets and power failures. */
export class Flash {
  constructor() {
    this.bytes = new Uint8Array(FLASH_LEN).fill(0xff);
    /** Erases and programs so far, whole calls. */
    this.operations = 0;
    /** Power fails in the middle of the operation with this number, where there is one. */
    this.failAt = null;
  }

  /**
   * Erases sectors.
   * @returns {number} nanoseconds that it takes
   * @throws {RangeError} for what the chip cannot do
   */
  erase(offset, length) {
    check('erase', offset, length, SECTOR);
    this.#operate(length, (done) => this.bytes.fill(0xff, offset, offset + done));
    const blocks = offset % BLOCK === 0 ? Math.floor(length / BLOCK) : 0;
    return blocks * BLOCK_NANOS + ((length - blocks * BLOCK) / SECTOR) * SECTOR_NANOS;
  }

  /**
   * Programs pages. A bit that is 0 stays 0.
   * @returns {number} nanoseconds that it takes
   * @throws {RangeError} for what the chip cannot do
   */
  program(offset, data) {
    check('program', offset, data.length, PAGE);
    this.#operate(data.length, (done) => {
      for (let i = 0; i < done; i++) {
        this.bytes[offset + i] &= data[i];
      }
    });
    return (data.length / PAGE) * PAGE_NANOS;
  }

  #operate(length, run) {
    const number = this.operations++;
    if (number === this.failAt) {
      this.failAt = null;
      run(length >> 1);
      throw new PowerLoss(`power failed in flash operation ${number}`);
    }
    run(length);
  }
}

function check(what, offset, length, unit) {
  if (offset < 0 || offset % unit !== 0 || length % unit !== 0 || length === 0 || offset + length > FLASH_LEN) {
    throw new RangeError(`flash cannot ${what} ${length} bytes at offset 0x${offset.toString(16)}`);
  }
}
