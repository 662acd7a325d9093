// A colour panel with an ST7789 controller: bytes from the SPI bus in, a picture out.
//
// Commands that move pixels are carried out: window (CASET, RASET), memory write (RAMWR and its continuation), memory
// access (MADCTL), pixel format (COLMOD, 16 and 18 bits), inversion, sleep, display on and off, software reset. Others
// are taken with their parameters and do nothing to the picture (voltages, gamma, timing).

const SWRESET = 0x01;
const SLPIN = 0x10;
const SLPOUT = 0x11;
const INVOFF = 0x20;
const INVON = 0x21;
const DISPOFF = 0x28;
const DISPON = 0x29;
const CASET = 0x2a;
const RASET = 0x2b;
const RAMWR = 0x2c;
const MADCTL = 0x36;
const COLMOD = 0x3a;
const RAMWRC = 0x3c;

const MIRROR_Y = 0x80;
const MIRROR_X = 0x40;
const SWAP = 0x20;

/** The controller's memory; panels smaller than it show its first rows. */
const COLUMNS = 240;
const ROWS = 320;

/** What the glass shows of the controller's memory. */
export class St7789 {
  constructor(width = 240, height = 240) {
    this.width = width;
    this.height = height;
    /** 16 bits a pixel: five red, six green, five blue. */
    this.memory = new Uint16Array(COLUMNS * ROWS);
    /** Counts pixels written: a picture that changed has a larger number. */
    this.written = 0;
    this.reset();
  }

  /** As after switching on; the memory keeps what it has. */
  reset() {
    this.command = 0;
    this.parameters = [];
    this.columns = [0, COLUMNS - 1];
    this.rows = [0, ROWS - 1];
    this.access = 0;
    this.bitsPerPixel = 18;
    this.inverted = false;
    this.asleep = true;
    this.on = false;
    this.x = 0;
    this.y = 0;
  }

  /** Takes a byte; `isData` is the level of the data/command line. */
  write(byte, isData) {
    if (isData) {
      this.#data(byte);
    } else {
      this.#begin(byte);
    }
  }

  #begin(command) {
    this.command = command;
    this.parameters = [];
    switch (command) {
      case SWRESET:
        this.reset();
        break;
      case SLPIN:
        this.asleep = true;
        break;
      case SLPOUT:
        this.asleep = false;
        break;
      case INVOFF:
        this.inverted = false;
        break;
      case INVON:
        this.inverted = true;
        break;
      case DISPOFF:
        this.on = false;
        break;
      case DISPON:
        this.on = true;
        break;
      case RAMWR:
        [this.x, this.y] = [this.columns[0], this.rows[0]];
        break;
    }
  }

  #data(byte) {
    const { parameters } = this;
    parameters.push(byte);
    switch (this.command) {
      case CASET:
      case RASET:
        if (parameters.length === 4) {
          const range = [(parameters[0] << 8) | parameters[1], (parameters[2] << 8) | parameters[3]];
          this[this.command === CASET ? 'columns' : 'rows'] = range;
        }
        break;
      case MADCTL:
        this.access = byte;
        break;
      case COLMOD:
        this.bitsPerPixel = (byte & 7) === 5 ? 16 : 18;
        break;
      case RAMWR:
      case RAMWRC:
        this.#pixel();
        return;
    }
    // No command takes more; a flood of bytes must not fill memory.
    if (parameters.length > 64) {
      parameters.length = 64;
    }
  }

  /** Takes a pixel as soon as all of its bytes are there. */
  #pixel() {
    const { parameters } = this;
    if (this.bitsPerPixel === 16) {
      if (parameters.length === 2) {
        this.#put((parameters[0] << 8) | parameters[1]);
        parameters.length = 0;
      }
    } else if (parameters.length === 3) {
      const [red, green, blue] = parameters;
      this.#put(((red >> 3) << 11) | ((green >> 2) << 5) | (blue >> 3));
      parameters.length = 0;
    }
  }

  #put(colour) {
    let [column, row] = this.access & SWAP ? [this.y, this.x] : [this.x, this.y];
    if (this.access & MIRROR_X) {
      column = COLUMNS - 1 - column;
    }
    if (this.access & MIRROR_Y) {
      row = ROWS - 1 - row;
    }
    if (column >= 0 && column < COLUMNS && row >= 0 && row < ROWS) {
      this.memory[row * COLUMNS + column] = colour;
      this.written++;
    }
    if (++this.x > this.columns[1]) {
      this.x = this.columns[0];
      if (++this.y > this.rows[1]) {
        this.y = this.rows[0];
      }
    }
  }

  /**
   * What one sees: three bytes a pixel, red, green, blue, row by row. These panels show every colour inverted until they
   * are told to invert once more, and black while they sleep or are off.
   *
   * @returns {Uint8Array}
   */
  picture() {
    const bytes = new Uint8Array(this.width * this.height * 3);
    if (this.asleep || !this.on) {
      return bytes;
    }
    const flip = this.inverted ? 0 : 0xffff;
    for (let y = 0, at = 0; y < this.height; y++) {
      for (let x = 0; x < this.width; x++, at += 3) {
        const colour = this.memory[y * COLUMNS + x] ^ flip;
        const [red, green, blue] = [colour >> 11, (colour >> 5) & 63, colour & 31];
        // The upper bits fill the lower ones, so that full stays full.
        bytes[at] = (red << 3) | (red >> 2);
        bytes[at + 1] = (green << 2) | (green >> 4);
        bytes[at + 2] = (blue << 3) | (blue >> 2);
      }
    }
    return bytes;
  }
}
