// The firmware's log: SEGGER's Real-Time Transfer, a ring in the chip's RAM that a debug probe reads. Here the emulator
// is the probe. What is in the ring are defmt's frames; whoever has the ELF file can decode them.

const RAM_BASE = 0x20000000;
const ID = [...'SEGGER RTT'].map((letter) => letter.charCodeAt(0));
const HEADER_LEN = 24;
/** The largest ring that is believed. */
const MAX_RING = 65536;

/** Reads what the firmware has logged. */
export class Rtt {
  constructor(sram) {
    this.sram = sram;
    this.view = new DataView(sram.buffer, sram.byteOffset, sram.byteLength);
    this.block = -1;
  }

  /** Bytes that came since the last call. */
  read() {
    if (this.block < 0 || !this.#hasId(this.block)) {
      this.block = this.#find();
    }
    if (this.block < 0 || this.#word(16) === 0) {
      return new Uint8Array();
    }
    // The first channel upward: name, ring, its length, where the firmware writes, where the probe reads.
    const [ring, length, write, read] = [4, 8, 12, 16].map((field) => this.#word(HEADER_LEN + field));
    const at = ring - RAM_BASE;
    if (at < 0 || length === 0 || length > MAX_RING || at + length > this.sram.length || write >= length || read >= length) {
      return new Uint8Array();
    }
    const bytes = new Uint8Array((write - read + length) % length);
    for (let i = 0; i < bytes.length; i++) {
      bytes[i] = this.sram[at + ((read + i) % length)];
    }
    this.view.setUint32(this.block + HEADER_LEN + 16, write, true);
    return bytes;
  }

  #word(offset) {
    return this.view.getUint32(this.block + offset, true);
  }

  #hasId(at) {
    return ID.every((byte, i) => this.sram[at + i] === byte);
  }

  #find() {
    const last = this.sram.length - HEADER_LEN - 24;
    for (let at = 0; at <= last; at += 4) {
      if (this.sram[at] === ID[0] && this.#hasId(at)) {
        return at;
      }
    }
    return -1;
  }
}
