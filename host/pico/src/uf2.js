// UF2 files: blocks of 512 bytes, each with a piece of flash. What comes out is checked: a broken or hostile file gives
// a Uf2Error that says what is wrong, never a half-written flash.
//
// The format: https://github.com/microsoft/uf2

/** The start of flash in the chip's memory. */
export const FLASH_BASE = 0x10000000;

/** Bytes of flash on a Pico. */
export const FLASH_LEN = 2 << 20;

/** Bytes of an erasable piece of flash. */
export const SECTOR = 4096;

const BLOCK = 512;
const MAGIC_START_0 = 0x0a324655;
const MAGIC_START_1 = 0x9e5d5157;
const MAGIC_END = 0x0ab16f30;
const NOT_MAIN_FLASH = 0x1;
const FILE_CONTAINER = 0x1000;
const HAS_FAMILY = 0x2000;
const FAMILY_RP2040 = 0xe48bff56;
/** The chip of the Pico 2: its absolute blocks, and its three kinds of programs. */
const FAMILIES_RP2350 = [0xe48bff57, 0xe48bff59, 0xe48bff5a, 0xe48bff5b];
/** Where the payload begins in a block, and the most that it can hold. */
const PAYLOAD_AT = 32;
const PAYLOAD_MAX = 476;
/** Two megabytes in the smallest usual payload of 256 bytes, and as much again. */
const MAX_BLOCKS = (2 * FLASH_LEN) / 256;

/** A file is no UF2 file for this board. */
export class Uf2Error extends Error {}

/**
 * Reads a UF2 file.
 *
 * @param {Uint8Array} bytes the file
 * @returns {{offset: number, data: Uint8Array}[]} pieces of flash, offsets from its start, in the file's order
 * @throws {Uf2Error}
 */
export function parseUf2(bytes) {
  if (bytes.length === 0 || bytes.length % BLOCK !== 0) {
    throw new Uf2Error(`not a UF2 file: ${bytes.length} bytes, expected a multiple of ${BLOCK}`);
  }
  const blocks = bytes.length / BLOCK;
  if (blocks > MAX_BLOCKS) {
    throw new Uf2Error(`${blocks} blocks, more than the board's flash can hold`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const pieces = [];
  // Marks each 256 bytes of flash that a block has filled: two blocks for one place are a damaged file.
  const filled = new Uint8Array(FLASH_LEN / 256);
  for (let block = 0; block < blocks; block++) {
    const at = block * BLOCK;
    const word = (index) => view.getUint32(at + 4 * index, true);
    const fail = (what) => {
      throw new Uf2Error(`block ${block} of ${blocks}: ${what}`);
    };
    if (word(0) !== MAGIC_START_0 || word(1) !== MAGIC_START_1 || view.getUint32(at + BLOCK - 4, true) !== MAGIC_END) {
      fail('not a UF2 block (its magic numbers are missing)');
    }
    const [flags, address, length, number, count, family] = [2, 3, 4, 5, 6, 7].map(word);
    if (flags & (NOT_MAIN_FLASH | FILE_CONTAINER)) {
      continue;
    }
    if (flags & HAS_FAMILY && family !== FAMILY_RP2040) {
      const chip = FAMILIES_RP2350.includes(family) ? 'another chip, the RP2350 of a Pico 2' : 'another chip';
      fail(`it is for ${chip} (family ${hex(family)}, expected ${hex(FAMILY_RP2040)} of a Pico)`);
    }
    if (number !== block || count !== blocks) {
      fail(`it says that it is number ${number} of ${count}; blocks are missing or out of order`);
    }
    if (length === 0 || length > PAYLOAD_MAX) {
      fail(`${length} bytes of data, expected 1 to ${PAYLOAD_MAX}`);
    }
    const offset = address - FLASH_BASE;
    if (offset < 0 || offset + length > FLASH_LEN) {
      fail(`${hex(address)} is not in flash (${hex(FLASH_BASE)} to ${hex(FLASH_BASE + FLASH_LEN - 1)})`);
    }
    for (let page = offset >> 8; page <= (offset + length - 1) >> 8; page++) {
      if (filled[page]) {
        fail(`${hex(address)} was filled by a block before it`);
      }
      filled[page] = 1;
    }
    pieces.push({ offset, data: bytes.slice(at + PAYLOAD_AT, at + PAYLOAD_AT + length) });
  }
  if (pieces.length === 0) {
    throw new Uf2Error('nothing for flash in it');
  }
  return pieces;
}

/**
 * Puts a file's pieces into flash as the boot loader does: the sectors that are touched are erased first.
 *
 * @param {{offset: number, data: Uint8Array}[]} pieces from parseUf2
 * @param {Uint8Array} flash
 */
export function writeToFlash(pieces, flash) {
  const erased = new Set();
  for (const { offset, data } of pieces) {
    for (let sector = offset - (offset % SECTOR); sector < offset + data.length; sector += SECTOR) {
      if (!erased.has(sector)) {
        flash.fill(0xff, sector, sector + SECTOR);
        erased.add(sector);
      }
    }
    flash.set(data, offset);
  }
}

function hex(value) {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
