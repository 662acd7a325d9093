// How long the core waits for flash: a model of the RP2040's XIP cache, and an estimate.
//
// What the datasheet says (2.6.3): 16 KB, two-way set-associative, lines of 8 bytes, a hit costs nothing. What people
// measured: a line is filled by halves, 4 bytes at a time, never in a burst. A half takes one serial read of 20 clocks
// (8 for address and mode bits, 4 dummy clocks, 8 for 32 bits of data over four wires), at half the core's frequency as
// the second stage of the boot loader sets it: 40 cycles, and about 5 to cross the bus and the serial interface's FIFO.
// Measured on boards at 125 MHz: 320 to 400 ns, 40 to 50 cycles. What is not known and assumed: that the way used
// longest ago is replaced. What is left out: reads by DMA, and prefetching, which the chip does not do.
//
// Without the model, flash is as fast as RAM: that is the count of the core alone.

/** Cycles that the core stands still for 4 bytes that are not in the cache. */
export const MISS_CYCLES = 45;

const SETS = 1024;
const WAYS = 2;

/** The cache; `stall` collects the cycles lost since somebody took them. */
export class XipCache {
  constructor() {
    this.stall = 0;
    this.hits = 0;
    this.misses = 0;
    this.tags = new Int32Array(SETS * WAYS);
    /** Which halves of a line are there, a bit each. */
    this.halves = new Uint8Array(SETS * WAYS);
    /** The way of a set to be replaced next. */
    this.oldest = new Uint8Array(SETS);
    this.flush();
  }

  /** Empties it. */
  flush() {
    this.tags.fill(-1);
    this.halves.fill(0);
    this.oldest.fill(0);
    this.last = -1;
  }

  /** The core reads from this address. */
  touch(address) {
    // Two instructions lie in a word; a word that was read a moment ago is there.
    const word = address >>> 2;
    if (word === this.last) {
      this.hits++;
      return;
    }
    const segment = address >>> 24;
    // 0x10 is the usual window. 0x11 looks but does not fill; 0x12 and 0x13 do not look.
    if (segment < 0x10 || segment > 0x13) {
      return;
    }
    this.last = segment === 0x10 ? word : -1;
    const set = (address >>> 3) & (SETS - 1);
    const tag = (address & 0xffffff) >>> 13;
    const half = address & 4 ? 2 : 1;
    const first = set * WAYS;
    let way = this.tags[first] === tag ? 0 : this.tags[first + 1] === tag ? 1 : -1;
    if (segment <= 0x11 && way >= 0 && this.halves[first + way] & half) {
      this.hits++;
      this.oldest[set] = way ^ 1;
      return;
    }
    this.misses++;
    this.stall += MISS_CYCLES;
    if (segment === 0x11 || segment === 0x13) {
      return;
    }
    if (way < 0) {
      way = this.oldest[set];
      this.tags[first + way] = tag;
      this.halves[first + way] = 0;
    }
    this.halves[first + way] |= half;
    this.oldest[set] = way ^ 1;
  }

  /** The cycles lost since the last call. */
  take() {
    const { stall } = this;
    this.stall = 0;
    return stall;
  }
}
