// A black and white OLED with an SSD1306 controller: bytes from the I2C bus in, a picture out.

/** The controller's address on the bus. */
export const ADDRESS = 0x3c;

const WIDTH = 128;
const HEIGHT = 64;
const PAGES = HEIGHT / 8;

/** Parameters behind a command; commands that are not here have none. */
const PARAMETERS = {
  0x20: 1,
  0x21: 2,
  0x22: 2,
  0x26: 6,
  0x27: 6,
  0x29: 5,
  0x2a: 5,
  0x81: 1,
  0x8d: 1,
  0xa3: 2,
  0xa8: 1,
  0xd3: 1,
  0xd5: 1,
  0xd9: 1,
  0xda: 1,
  0xdb: 1,
};
const HORIZONTAL = 0;
const VERTICAL = 1;

/** What the glass shows of the controller's memory. */
export class Ssd1306 {
  constructor() {
    this.width = WIDTH;
    this.height = HEIGHT;
    /** A byte is eight pixels of a column, the lowest bit on top. */
    this.memory = new Uint8Array(WIDTH * PAGES);
    /** Counts bytes written: a picture that changed has a larger number. */
    this.written = 0;
    /** Whether its wires are loose: it then does not answer. */
    this.unplugged = false;
    this.reset();
  }

  /** As after switching on; the memory keeps what it has. */
  reset() {
    this.mode = 2;
    this.columns = [0, WIDTH - 1];
    this.pages = [0, PAGES - 1];
    this.column = 0;
    this.page = 0;
    this.on = false;
    this.allOn = false;
    this.inverted = false;
    this.mirrorX = false;
    this.mirrorY = false;
    this.startLine = 0;
    this.offset = 0;
    this.control = null;
    this.single = false;
    this.command = null;
    this.parameters = [];
  }

  /** The bus addresses this controller: the next byte says what follows. */
  start() {
    this.control = null;
  }

  /** Takes a byte of a transfer. */
  write(byte) {
    if (this.control === null) {
      this.control = byte & 0x40 ? 'data' : 'command';
      // With the highest bit, one byte follows and then the next control byte.
      this.single = (byte & 0x80) !== 0;
      return;
    }
    if (this.control === 'data') {
      this.#data(byte);
    } else {
      this.#command(byte);
    }
    if (this.single) {
      this.control = null;
    }
  }

  #data(byte) {
    this.memory[this.page * WIDTH + (this.mirrorX ? WIDTH - 1 - this.column : this.column)] = byte;
    this.written++;
    if (this.mode === VERTICAL) {
      if (++this.page > this.pages[1]) {
        this.page = this.pages[0];
        this.column = this.column >= this.columns[1] ? this.columns[0] : this.column + 1;
      }
    } else if (this.mode === HORIZONTAL) {
      if (++this.column > this.columns[1]) {
        this.column = this.columns[0];
        this.page = this.page >= this.pages[1] ? this.pages[0] : this.page + 1;
      }
    } else {
      this.column = (this.column + 1) % WIDTH;
    }
    // A window beyond the memory is a mistake of the sender; the memory has only so many places.
    this.page %= PAGES;
    this.column %= WIDTH;
  }

  #command(byte) {
    if (this.command === null) {
      if (PARAMETERS[byte]) {
        this.command = byte;
        this.parameters = [];
        return;
      }
      this.#simple(byte);
      return;
    }
    this.parameters.push(byte);
    if (this.parameters.length === PARAMETERS[this.command]) {
      this.#with(this.command, this.parameters);
      this.command = null;
    }
  }

  #simple(byte) {
    if (byte < 0x10) {
      this.column = (this.column & 0x70) | byte;
    } else if (byte < 0x20) {
      this.column = (this.column & 0x0f) | ((byte & 7) << 4);
    } else if (byte >= 0x40 && byte < 0x80) {
      this.startLine = byte & 63;
    } else if (byte >= 0xb0 && byte < 0xb8) {
      this.page = byte & 7;
    } else if (byte === 0xa0 || byte === 0xa1) {
      this.mirrorX = byte === 0xa1;
    } else if (byte === 0xa4 || byte === 0xa5) {
      this.allOn = byte === 0xa5;
    } else if (byte === 0xa6 || byte === 0xa7) {
      this.inverted = byte === 0xa7;
    } else if (byte === 0xae || byte === 0xaf) {
      this.on = byte === 0xaf;
    } else if (byte === 0xc0 || byte === 0xc8) {
      this.mirrorY = byte === 0xc8;
    }
  }

  #with(command, parameters) {
    const [first, second] = parameters;
    switch (command) {
      case 0x20:
        this.mode = first & 3;
        break;
      case 0x21:
        this.columns = [first & 127, second & 127];
        this.column = first & 127;
        break;
      case 0x22:
        this.pages = [first & 7, second & 7];
        this.page = first & 7;
        break;
      case 0xd3:
        this.offset = first & 63;
        break;
    }
  }

  /**
   * What one sees, three bytes a pixel, row by row. The glass of the usual modules stands on its head: with both mirrors
   * set, the first byte of memory is at the top left.
   *
   * @returns {Uint8Array}
   */
  picture() {
    const bytes = new Uint8Array(WIDTH * HEIGHT * 3);
    if (!this.on) {
      return bytes;
    }
    for (let y = 0, at = 0; y < HEIGHT; y++) {
      const line = this.mirrorY ? y : HEIGHT - 1 - y;
      const row = (line + this.startLine + this.offset) & 63;
      for (let x = 0; x < WIDTH; x++, at += 3) {
        const bit = (this.memory[(row >> 3) * WIDTH + (WIDTH - 1 - x)] >> (row & 7)) & 1;
        const lit = this.allOn || (bit === 1) !== this.inverted;
        bytes.fill(lit ? 255 : 0, at, at + 3);
      }
    }
    return bytes;
  }
}
