// Where the cycles go: a counter for each instruction's place in flash and RAM.

import { FLASH_BASE, FLASH_LEN } from './uf2.js';

const RAM_BASE = 0x20000000;
const RAM_LEN = 264 * 1024;

/** Cycles by address since it was made. */
export class Profile {
  constructor() {
    this.flash = new Float64Array(FLASH_LEN / 2);
    this.ram = new Float64Array(RAM_LEN / 2);
    this.total = 0;
  }

  /** An instruction took so many cycles. */
  count(address, cycles) {
    this.total += cycles;
    if (address >= RAM_BASE) {
      this.ram[(address - RAM_BASE) >>> 1] += cycles;
    } else if (address >= FLASH_BASE) {
      this.flash[(address - FLASH_BASE) >>> 1] += cycles;
    }
  }

  /** Pairs of an address and the cycles spent there, in the order of the addresses. */
  entries() {
    const list = [];
    for (const [base, counts] of [
      [FLASH_BASE, this.flash],
      [RAM_BASE, this.ram],
    ]) {
      counts.forEach((cycles, index) => {
        if (cycles > 0) {
          list.push([base + 2 * index, cycles]);
        }
      });
    }
    return list;
  }
}
