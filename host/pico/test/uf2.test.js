import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FLASH_LEN, Uf2Error, parseUf2, writeToFlash } from '../src/uf2.js';
import { uf2 } from './uf2file.js';

const content = Uint8Array.from({ length: 700 }, (_, i) => (7 * i) & 255);

test('what was packed comes out', () => {
  const pieces = parseUf2(uf2(content, 0x1100));
  assert.deepEqual(
    pieces.map((piece) => piece.offset),
    [0x1100, 0x1200, 0x1300],
  );
  const flash = new Uint8Array(FLASH_LEN).fill(0x55);
  writeToFlash(pieces, flash);
  assert.deepEqual(flash.slice(0x1100, 0x1100 + 700), content);
  // The sector around is erased, its neighbours are not.
  assert.deepEqual([flash[0xfff], flash[0x1000], flash[0x1fff], flash[0x2000]], [0x55, 0xff, 0xff, 0x55]);
});

test('each kind of damage has its message', () => {
  const change = (word, value, block = 1) =>
    uf2(content, 0, (view, at) => at === block && view.setUint32(4 * word, value, true));
  for (const [file, message] of [
    [new Uint8Array(), /0 bytes/],
    [uf2(content).subarray(0, 1000), /1000 bytes/],
    [change(0, 0), /magic/],
    [change(1, 0), /magic/],
    [change(127, 0), /magic/],
    [change(7, 0xe48bff59), /another chip, the RP2350 of a Pico 2/],
    [change(7, 0x12345678), /another chip \(/],
    [change(5, 2), /out of order/],
    [change(6, 4), /out of order/],
    [change(4, 0), /0 bytes/],
    [change(4, 477), /477 bytes/],
    [change(3, 0x20000000), /not in flash/],
    [change(3, 0x0fffff00), /not in flash/],
    [change(3, 0x10000000 + FLASH_LEN - 255), /not in flash/],
    [change(3, 0x10000000), /filled by a block before/],
    [change(2, 0x2001, 0).subarray(0, 512), /nothing for flash/],
    [new Uint8Array(512 * 20000), /more than/],
  ]) {
    assert.throws(() => parseUf2(file), (error) => error instanceof Uf2Error && message.test(error.message), String(message));
  }
});

test('a block that is not for flash is passed over', () => {
  const pieces = parseUf2(uf2(content, 0, (view, block) => block === 1 && view.setUint32(8, 0x2001, true)));
  assert.equal(pieces.length, 2);
});

test('no bytes do anything but a Uf2Error', () => {
  // Xorshift: the same bytes on each run.
  let state = 0x2545f491;
  const random = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  let refused = 0;
  for (let round = 0; round < 3000; round++) {
    const file = uf2(content);
    for (let n = 1 + (random() % 4); n > 0; n--) {
      file[random() % file.length] = random();
    }
    try {
      writeToFlash(parseUf2(file), new Uint8Array(FLASH_LEN));
    } catch (error) {
      assert.ok(error instanceof Uf2Error, String(error));
      refused++;
    }
  }
  assert.ok(refused > 100 && refused < 3000, `${refused} refused`);
});
