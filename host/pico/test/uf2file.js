// Makes UF2 files for tests: a program of half-words at the usual place, or any bytes.

/** A UF2 file of bytes at an offset in flash, a multiple of 256. */
export function uf2(bytes, offset = 0, change = () => {}) {
  const blocks = Math.ceil(bytes.length / 256);
  const file = new Uint8Array(512 * blocks);
  for (let block = 0; block < blocks; block++) {
    const view = new DataView(file.buffer, 512 * block, 512);
    const head = [0x0a324655, 0x9e5d5157, 0x2000, 0x10000000 + offset + 256 * block, 256, block, blocks, 0xe48bff56];
    head.forEach((word, i) => view.setUint32(4 * i, word, true));
    file.set(bytes.subarray(256 * block, 256 * block + 256), 512 * block + 32);
    view.setUint32(508, 0x0ab16f30, true);
    change(view, block);
  }
  return file;
}

/** Flash with a vector table and a program of half-words; the hard fault's handler is an endless loop behind it. */
export function program(halves) {
  const start = 0x180;
  const flash = new Uint8Array(256 * Math.ceil((start + 2 * halves.length + 4) / 256));
  const view = new DataView(flash.buffer);
  const handler = start + 2 * halves.length;
  view.setUint32(0x100, 0x20042000, true);
  view.setUint32(0x104, 0x10000000 + start + 1, true);
  view.setUint32(0x10c, 0x10000000 + handler + 1, true);
  [...halves, 0xe7fe].forEach((half, i) => view.setUint16(start + 2 * i, half, true));
  return flash;
}
