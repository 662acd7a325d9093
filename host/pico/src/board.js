// A Raspberry Pi Pico with its displays and buttons, under Node and in a browser alike: a UF2 file in, pictures, serial
// bytes and cycles out.
//
//   UF2 -> flash -> chip (rp2040js) -> SPI / I2C -> panel -> picture
//                     |  ^
//             USB serial  buttons
//
// The chip is a new one after each reset: nothing of the old one's timers and transfers is left, as in the real chip,
// whose watchdog resets all of it. Flash, the panels' memory and the count of time go on.

import { RP2040 } from 'rp2040js';
import { connectI2c, connectSpi } from './buses.js';
import { logger, mendSleep, mendTimer } from './core.js';
import { Flash, PowerLoss } from './flash.js';
import { Profile } from './profile.js';
import { call, install } from './rom.js';
import { Rtt } from './rtt.js';
import { Ssd1306 } from './ssd1306.js';
import { St7789 } from './st7789.js';
import { FLASH_BASE, Uf2Error, parseUf2, writeToFlash } from './uf2.js';
import { UsbSerial } from './usb.js';
import { WIRING } from './wiring.js';
import { MISS_CYCLES, XipCache } from './xip.js';

export { MISS_CYCLES, Uf2Error, WIRING, FLASH_BASE, parseUf2, writeToFlash };

/** The boot ROM runs the 256 bytes of second stage first, which set up flash; here flash is always set up. */
const VECTORS = FLASH_BASE + 0x100;
const RAM_BASE = 0x20000000;
const EXC_HARDFAULT = 3;
const CAUSE_TIMER = 1;
const TIMER = 0x40054;
const WATCHDOG = 0x40058;
const XIP_CTRL = 0x14000;

/** The board. Call `load`, then `run` again and again. */
export class Board {
  /**
   * @param {object} [options]
   * @param {boolean} [options.xip] whether waiting for flash is counted; see xip.js
   */
  constructor({ xip = true } = {}) {
    this.flash = new Flash();
    this.panels = { st7789: new St7789(), ssd1306: new Ssd1306() };
    this.cache = new XipCache();
    this.countsXip = xip;
    /** What the board sends over USB, and that its port is open. */
    this.onSerial = () => {};
    this.onOpen = () => {};
    /** A reset that was not asked for: 'watchdog', or 'power' where power failed in a flash operation. */
    this.onReset = () => {};
    /** What the chip's library complains about, each text once. */
    this.onComplaint = () => {};
    this.complaints = new Set();
    this.profile = null;
    this.held = new Set();
    this.waitingForSerial = [];
    /** Cycles and nanoseconds of chips before the present one. */
    this.past = { cycles: 0, nanos: 0 };
    this.chip = null;
  }

  /** The panel that the picture is taken from: that which the firmware has switched on. */
  get panel() {
    return this.panels.ssd1306.on ? this.panels.ssd1306 : this.panels.st7789;
  }

  /** Cycles in which the core worked, since switching on; sleep does not count. */
  get cycles() {
    return this.past.cycles + (this.chip?.core.cycles ?? 0);
  }

  /** Emulated time since switching on, in nanoseconds. */
  get nanos() {
    return this.past.nanos + (this.chip?.clock.nanos ?? 0);
  }

  /**
   * Writes a UF2 file into flash and switches the board on.
   *
   * @param {Uint8Array} file
   * @throws {Uf2Error} for a file that is broken or not for this board; then nothing has changed
   */
  load(file) {
    const pieces = parseUf2(file);
    const scratch = this.flash.bytes.slice();
    writeToFlash(pieces, scratch);
    const view = new DataView(scratch.buffer);
    const [stack, entry] = [view.getUint32(0x100, true), view.getUint32(0x104, true)];
    if (stack < RAM_BASE || stack > RAM_BASE + 0x42000 || stack % 4 !== 0 || entry % 2 !== 1 || entry >>> 21 !== FLASH_BASE >>> 21) {
      throw new Uf2Error('no program for this board in it: the place of its start is wrong');
    }
    this.flash.bytes.set(scratch);
    this.powerOn();
    // The boot ROM starts what was copied onto its drive by a reset of the watchdog.
    this.chip.peripherals[WATCHDOG].reason = CAUSE_TIMER;
  }

  /** Takes power away and gives it back: RAM and the time are new, flash is as it was. */
  powerOn() {
    this.past = { cycles: 0, nanos: 0 };
    this.waitingForSerial = [];
    for (const panel of Object.values(this.panels)) {
      panel.reset();
    }
    this.#start();
  }

  /** Presses a button or lets it go. */
  setButton(name, down) {
    if (!(name in WIRING.buttons)) {
      throw new RangeError(`no button ${name}`);
    }
    this.held[down ? 'add' : 'delete'](name);
    this.#applyButtons();
  }

  /** Bytes to the board over USB; they wait until the port is open. */
  send(bytes) {
    if (this.usb?.open) {
      this.usb.write(bytes);
    } else {
      bytes.forEach((byte) => this.waitingForSerial.push(byte));
    }
  }

  /** Bytes that wait for the board to take them. */
  get backlog() {
    return this.waitingForSerial.length + (this.usb?.queue.length ?? 0);
  }

  /** What the firmware has logged since the last call: defmt frames. */
  log() {
    return this.rtt?.read() ?? new Uint8Array();
  }

  /** What the display shows: width, height and three bytes a pixel. */
  picture() {
    const { width, height } = this.panel;
    return { width, height, rgb: this.panel.picture() };
  }

  /** Starts counting where cycles go, anew. */
  startProfile() {
    this.profile = new Profile();
  }

  /** Ends it; pairs of an address and cycles. */
  stopProfile() {
    const entries = this.profile?.entries() ?? [];
    this.profile = null;
    return entries;
  }

  /** Whether waiting for flash is counted. */
  setXip(counted) {
    this.countsXip = counted;
    this.cache.flush();
    this.#watchReads();
  }

  /**
   * Runs until emulated time has gone on by `nanos`, or `instructions` are done, or power has failed.
   */
  run(nanos, instructions = Infinity) {
    let rest = nanos;
    let left = instructions;
    while (rest > 0 && left > 0) {
      const { clock } = this.chip;
      const start = clock.nanosCounter;
      try {
        left = this.#runChip(start + rest, left);
      } catch (error) {
        if (!(error instanceof PowerLoss)) {
          throw error;
        }
        this.#reset('power');
        return;
      }
      if (!this.watchdogBarked) {
        return;
      }
      // The new chip's time starts at 0: what is left is counted, not when it ends.
      rest -= clock.nanosCounter - start;
      this.#reset('watchdog');
    }
  }

  #runChip(until, left) {
    const { chip, cache, profile } = this;
    const { core, clock } = chip;
    while (left > 0 && clock.nanosCounter < until && !this.watchdogBarked) {
      if (core.waiting && !this.wake()) {
        // Nothing happens before the next alarm: time jumps there.
        const next = clock.nextAlarm ? clock.nextAlarm.nanos : Infinity;
        clock.tick(Math.max(0, Math.min(next, until) - clock.nanosCounter));
        continue;
      }
      const address = core.registers[15];
      let cycles = core.executeInstruction();
      if (cache.stall > 0) {
        const stall = cache.take();
        core.cycles += stall;
        cycles += stall;
      }
      if (profile !== null) {
        profile.count(address, cycles);
      }
      left--;
      clock.nanosCounter += cycles * this.nanosPerCycle;
      if (clock.nextAlarm !== null && clock.nextAlarm.nanos <= clock.nanosCounter) {
        clock.tick(0);
      }
    }
    return left;
  }

  #reset(cause) {
    const { chip } = this;
    const watchdog = chip.peripherals[WATCHDOG];
    this.past.cycles += chip.core.cycles;
    this.past.nanos += chip.clock.nanos;
    if (cause === 'power') {
      this.powerOn();
    } else {
      this.#start();
      // What the watchdog remembers is how firmware learns why it starts.
      const fresh = this.chip.peripherals[WATCHDOG];
      fresh.scratchData.set(watchdog.scratchData);
      fresh.reason = watchdog.reason || CAUSE_TIMER;
    }
    this.onReset(cause);
  }

  #start() {
    const chip = new RP2040();
    this.chip = chip;
    this.watchdogBarked = false;
    chip.flash = this.flash.bytes;
    chip.flash16 = new Uint16Array(chip.flash.buffer);
    chip.flashView = new DataView(chip.flash.buffer);
    chip.logger = logger(chip, (text) => this.#complain(text));
    this.wake = mendSleep(chip.core);
    mendTimer(chip.peripherals[TIMER]);
    install(chip.bootrom);
    this.cache.flush();
    chip.peripherals[XIP_CTRL] = xipControl(this.cache);
    this.nanosPerCycle = 1e9 / chip.clkSys;
    chip.addClockListener((frequency) => {
      this.nanosPerCycle = 1e9 / frequency;
    });
    chip.onBreak = () => this.#break();
    const watchdog = chip.peripherals[WATCHDOG];
    watchdog.onWatchdogTrigger = () => {
      this.watchdogBarked = true;
      // Its alarm would otherwise go off again in the same instant, for ever.
      watchdog.alarm.enable = false;
    };
    connectSpi(chip, WIRING.spi.bus, WIRING.spi.pins, this.panels.st7789);
    connectI2c(chip, WIRING.i2c.bus, this.panels.ssd1306);
    this.usb = new UsbSerial(
      chip.usbCtrl,
      (bytes) => this.onSerial(bytes),
      () => {
        this.usb.write(this.waitingForSerial.splice(0));
        this.onOpen();
      },
    );
    this.rtt = new Rtt(chip.sram);
    this.#watchReads();
    this.#applyButtons();
    chip.core.VTOR = VECTORS;
    chip.core.reset();
  }

  /** A breakpoint is a call of a ROM routine, or what the firmware's panic ends with. */
  #break() {
    const { core } = this.chip;
    // The core has gone past the instruction.
    const at = core.PC - 2;
    if (at < FLASH_BASE && call(at, this.#machine())) {
      return;
    }
    core.exceptionEntry(EXC_HARDFAULT);
  }

  #machine() {
    const { chip } = this;
    const memory = (address, length) => Uint8Array.from({ length }, (_, i) => chip.readUint8(address + i));
    return {
      core: chip.core,
      flash: this.flash,
      xip: this.cache,
      memory,
      fill(address, byte, length) {
        for (let i = 0; i < length; i++) {
          chip.writeUint8(address + i, byte);
        }
      },
      copy(to, from, length) {
        memory(from, length).forEach((byte, i) => chip.writeUint8(to + i, byte));
      },
      elapse: (nanos) => chip.clock.tick(nanos),
      enterBootloader: () => this.onReset('bootloader'),
    };
  }

  #watchReads() {
    const { chip, cache } = this;
    if (chip === null) {
      return;
    }
    const { core } = chip;
    if (!this.countsXip) {
      delete core.readUint8;
      delete core.readUint16;
      delete core.readUint32;
      return;
    }
    // Spelled out: this is where the emulator spends its time.
    core.readUint8 = (address) => {
      cache.touch(address);
      return chip.readUint8(address);
    };
    core.readUint16 = (address) => {
      cache.touch(address);
      return chip.readUint16(address);
    };
    core.readUint32 = (address) => {
      cache.touch(address);
      return chip.readUint32(address);
    };
  }

  #applyButtons() {
    for (const [name, pin] of Object.entries(WIRING.buttons)) {
      this.chip?.gpio[pin].setInputValue(!this.held.has(name));
    }
  }

  #complain(text) {
    if (this.complaints.size < 100 && !this.complaints.has(text)) {
      this.complaints.add(text);
      this.onComplaint(text);
    }
  }
}

/** The cache's own registers: flushing it, and its counters. */
function xipControl(cache) {
  const read = { 0x0: () => 3, 0x4: () => 0, 0x8: () => 2, 0xc: () => cache.hits, 0x10: () => cache.hits + cache.misses };
  return {
    readUint32: (offset) => read[offset & 0xfff]?.() ?? 0,
    writeUint32Atomic(offset) {
      if (offset === 0x4) {
        cache.flush();
      } else if (offset === 0xc || offset === 0x10) {
        cache.hits = 0;
        cache.misses = 0;
      }
    },
  };
}

