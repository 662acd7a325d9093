// Sends a model image to the board, over the same serial line and in the same frames as `thumbgen flash --model-only`.
// What frames and messages are, `shared/src/protocol` says; here are the few that an upload needs.

const MARKER = 0x81;
const BLOCK_LEN = 256;
const GROUP_LEN = 254;
/** Requests, by their place in the protocol's list. */
const BEGIN = 3;
const BLOCK = 4;
const FINISH = 5;
/** How often an upload is begun again before the board counts as deaf. */
const ATTEMPTS = 3;
/** Replies. */
const BEGUN = 5;
const WRITTEN = 6;
const FINISHED = 7;
const REFUSED = 11;
/** Why the device refuses, by the place in the list of refusals. */
const REFUSALS = [
  'the frame was damaged on its way',
  'the firmware does not know this request; it is of another version',
  'the model does not take this label',
  'the engine refused to run the model',
  'the board has no model to run',
  'this firmware has no slot for a model',
  'the model in the only slot is running',
  'the model is too long for the slot',
  'the upload was cut off; try again',
  'a block came out of order',
  'a block has a wrong length',
  'a part of the model is missing',
  'the flash memory cannot be written',
  'the model was damaged on its way',
  'it is not a model that this firmware can run',
  'the model needs more memory than the board has',
  'the model would take too long for a picture',
  'the model has no golden vectors to test it with',
  'the model fails its self-test on the board',
  'the model has so many golden vectors that testing it would take too long',
  'the model needs an operator that this firmware was built without',
];

/** A file that is no model, or one that the board refuses. */
export class UploadError extends Error {}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) {
    crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return crc;
});

/** CRC-32 of bytes, that of zip and PNG. */
export function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ byte) & 255];
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function varint(value) {
  const bytes = [];
  while (value > 127) {
    bytes.push((value & 127) | 128);
    value = Math.floor(value / 128);
  }
  return [...bytes, value];
}

/** A frame around a numbered message. */
export function frame(number, message) {
  const body = [number, ...message];
  const crc = crc32([MARKER, ...body]);
  body.push(crc & 255, (crc >>> 8) & 255, (crc >>> 16) & 255, crc >>> 24);
  const bytes = [0, MARKER];
  for (let at = 0; ; ) {
    const end = body.indexOf(0, at);
    const stop = Math.min(end < 0 ? body.length : end, at + GROUP_LEN);
    bytes.push(stop - at + 1, ...body.slice(at, stop));
    if (stop === body.length) {
      bytes.push(0);
      return Uint8Array.from(bytes);
    }
    // A full group has no zero behind it: where one stands there, the next group is empty.
    at = stop - at < GROUP_LEN ? stop + 1 : stop;
  }
}

/** Tells frames from text; gives the numbered messages whose checksums fit, and lines of text. */
export class Receiver {
  constructor() {
    this.line = [];
    this.framed = false;
    this.start = true;
  }

  /** Takes bytes, gives what they completed: `{line}` or `{number, message}`. */
  push(bytes) {
    const pieces = [];
    for (const byte of bytes) {
      if (byte === 0) {
        const message = this.framed ? unframe(this.line) : null;
        if (message) {
          pieces.push({ number: message[0], message: message.slice(1) });
        }
        this.line = [];
        this.framed = false;
        this.start = true;
      } else if (this.start && byte === MARKER) {
        this.framed = true;
        this.start = false;
      } else {
        this.start = false;
        if (!this.framed && (byte === 10 || byte === 13)) {
          if (this.line.length > 0) {
            pieces.push({ line: new TextDecoder().decode(Uint8Array.from(this.line)) });
          }
          this.line = [];
        } else if (this.line.length < 1024) {
          this.line.push(byte);
        }
      }
    }
    return pieces;
  }
}

function unframe(bytes) {
  const body = [];
  for (let at = 0; at < bytes.length; ) {
    const code = bytes[at];
    if (at + code > bytes.length) {
      return null;
    }
    body.push(...bytes.slice(at + 1, at + code));
    at += code;
    if (code < 255 && at < bytes.length) {
      body.push(0);
    }
  }
  const content = body.slice(0, -4);
  const crc = body.slice(-4).reduce((sum, byte, i) => sum + byte * 2 ** (8 * i), 0);
  return content.length > 1 && crc === crc32([MARKER, ...content]) ? content : null;
}

/** The conversation of one upload: give it the board's messages, send what it gives. */
export class Upload {
  /**
   * @param {Uint8Array} image
   * @param {number} [number] that of the last request before this upload: a late reply to it is none to this one
   * @throws {UploadError} for a file that is no model image
   */
  constructor(image, number = 0) {
    const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
    if (image.length < 80 || view.getUint32(0) !== 0x5447494d) {
      throw new UploadError('not a model image: a model.tgm starts with TGIM');
    }
    const stated = view.getUint32(8, true);
    if (stated !== image.length) {
      throw new UploadError(`the model image is cut or damaged: ${image.length} bytes, its header says ${stated}`);
    }
    this.image = image;
    this.crc = view.getUint32(12, true);
    this.number = number;
    this.offset = 0;
    this.attempts = 0;
    /** All of it is sent, and the board tests it. */
    this.finishing = false;
    this.done = false;
  }

  /** The first request. */
  begin() {
    this.finishing = false;
    return this.#request([BEGIN, ...varint(this.image.length), ...varint(this.crc)]);
  }

  /**
   * The first request again, where no reply came: the board goes on where it was.
   *
   * @throws {UploadError} where that has not helped
   */
  again() {
    if (++this.attempts > ATTEMPTS) {
      this.done = true;
      throw new UploadError('the board does not answer; its firmware may not take models');
    }
    return this.begin();
  }

  /** How much of the image the board has, 0 to 1. */
  get progress() {
    return this.offset / this.image.length;
  }

  /**
   * Takes a reply; gives the next request, or nothing where the reply is to somebody else or was the last.
   *
   * @throws {UploadError} where the board refuses
   */
  reply(number, message) {
    if (number !== this.number || this.done) {
      return null;
    }
    switch (message[0]) {
      case WRITTEN:
        this.attempts = 0;
      // Falls through.
      case BEGUN:
        this.offset = unsigned(message, 1);
        return this.#next();
      case FINISHED:
        this.done = true;
        return null;
      case REFUSED:
        this.done = true;
        throw new UploadError(`the board refuses the model: ${REFUSALS[message[1]] ?? 'for a reason that this page does not know'}`);
      default:
        return null;
    }
  }

  #next() {
    if (this.offset >= this.image.length) {
      this.finishing = true;
      return this.#request([FINISH]);
    }
    const bytes = this.image.subarray(this.offset, this.offset + BLOCK_LEN);
    return this.#request([BLOCK, ...varint(this.offset), ...varint(bytes.length), ...bytes]);
  }

  #request(message) {
    // 0 is nobody's number.
    this.number = (this.number % 255) + 1;
    return frame(this.number, message);
  }
}

function unsigned(bytes, at) {
  let value = 0;
  for (let shift = 1; ; shift *= 128) {
    const byte = bytes[at++] ?? 0;
    value += (byte & 127) * shift;
    if (byte < 128) {
      return value;
    }
  }
}
