import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ssd1306 } from '../src/ssd1306.js';
import { St7789 } from '../src/st7789.js';

const at = (picture, width, x, y) => [...picture.subarray(3 * (y * width + x), 3 * (y * width + x) + 3)];

function colour(...commands) {
  const panel = new St7789();
  send(panel, [0x11], [0x3a, 0x55], [0x21], [0x29], ...commands);
  return panel;
}

function send(panel, ...commands) {
  for (const [command, ...parameters] of commands) {
    panel.write(command, false);
    parameters.forEach((byte) => panel.write(byte, true));
  }
}

const RED = [0xf8, 0x00];
const GREEN = [0x07, 0xe0];

test('a window is filled row by row, and not beyond', () => {
  const panel = colour([0x2a, 0, 2, 0, 3], [0x2b, 0, 5, 0, 6], [0x2c, ...RED, ...GREEN, ...RED, ...GREEN]);
  const picture = panel.picture();
  assert.deepEqual(at(picture, 240, 2, 5), [255, 0, 0]);
  assert.deepEqual(at(picture, 240, 3, 5), [0, 255, 0]);
  assert.deepEqual(at(picture, 240, 2, 6), [255, 0, 0]);
  assert.deepEqual(at(picture, 240, 4, 5), [0, 0, 0]);
  assert.equal(panel.written, 4);
  // A fifth pixel is the first again; memory write continues where it was after another command.
  send(panel, [0x00], [0x3c, ...GREEN]);
  assert.deepEqual(at(panel.picture(), 240, 2, 5), [0, 255, 0]);
});

test('memory access turns and mirrors', () => {
  for (const [access, x, y] of [
    [0x00, 1, 0],
    [0x40, 238, 0],
    [0x20, 0, 1],
    [0x60, 239, 1],
  ]) {
    const panel = colour([0x36, access], [0x2a, 0, 1, 0, 1], [0x2b, 0, 0, 0, 0], [0x2c, ...RED]);
    assert.deepEqual(at(panel.picture(), 240, x, y), [255, 0, 0], `access ${access}`);
  }
  // Upside down, the first row is the last of the memory's 320, which this glass does not show.
  const panel = colour([0x36, 0x80], [0x2a, 0, 0, 0, 0], [0x2b, 0, 80, 0, 80], [0x2c, ...RED]);
  assert.deepEqual(at(panel.picture(), 240, 0, 239), [255, 0, 0]);
});

test('18 bits a pixel, inversion, sleep and off', () => {
  const panel = colour([0x3a, 0x66], [0x2a, 0, 0, 0, 0], [0x2b, 0, 0, 0, 0], [0x2c, 0xfc, 0x80, 0x00]);
  assert.deepEqual(at(panel.picture(), 240, 0, 0), [255, 130, 0]);
  send(panel, [0x20]);
  assert.deepEqual(at(panel.picture(), 240, 0, 0), [0, 125, 255]);
  send(panel, [0x28]);
  assert.deepEqual(at(panel.picture(), 240, 0, 0), [0, 0, 0]);
  send(panel, [0x29], [0x21], [0x10]);
  assert.deepEqual(at(panel.picture(), 240, 0, 0), [0, 0, 0]);
  send(panel, [0x11]);
  assert.deepEqual(at(panel.picture(), 240, 0, 0), [255, 130, 0]);
});

test('no bytes break the colour panel', () => {
  const panel = new St7789();
  for (let i = 0, state = 1; i < 300000; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    panel.write(state >>> 24, (state & 0x70000) !== 0);
  }
  assert.equal(panel.picture().length, 240 * 240 * 3);
});

function transfer(panel, ...bytes) {
  panel.start();
  bytes.forEach((byte) => panel.write(byte));
}

test('pages become pixels, the usual way up', () => {
  const panel = new Ssd1306();
  transfer(panel, 0x00, 0xae, 0x20, 0x00, 0xa1, 0xc8, 0x21, 0, 127, 0x22, 0, 7, 0xaf);
  transfer(panel, 0x40, 0b00000101, 0b10000000);
  let picture = panel.picture();
  const lit = (x, y) => picture[3 * (y * 128 + x)] === 255;
  assert.deepEqual([lit(0, 0), lit(0, 1), lit(0, 2), lit(1, 7), lit(1, 0)], [true, false, true, true, false]);
  assert.equal(picture.filter((level) => level > 0).length, 9);
  transfer(panel, 0x80, 0xa7);
  picture = panel.picture();
  assert.deepEqual([lit(0, 0), lit(0, 1)], [false, true]);
  transfer(panel, 0x00, 0xa6, 0xc0);
  picture = panel.picture();
  assert.deepEqual([lit(0, 63), lit(0, 61), lit(0, 0)], [true, true, false]);
  transfer(panel, 0x00, 0xae);
  assert.ok(panel.picture().every((level) => level === 0));
});

test('a window wraps, and page addressing does', () => {
  const panel = new Ssd1306();
  transfer(panel, 0x00, 0x20, 0x00, 0x21, 126, 127, 0x22, 6, 7);
  transfer(panel, 0x40, 1, 2, 3, 4, 5);
  assert.deepEqual([panel.memory[6 * 128 + 126], panel.memory[6 * 128 + 127]], [5, 2]);
  assert.deepEqual([panel.memory[7 * 128 + 126], panel.memory[7 * 128 + 127]], [3, 4]);
  transfer(panel, 0x00, 0x20, 0x02, 0xb3, 0x0f, 0x17);
  transfer(panel, 0x40, 9, 8);
  assert.deepEqual([panel.memory[3 * 128 + 127], panel.memory[3 * 128]], [9, 8]);
});

test('no bytes break the black and white panel', () => {
  const panel = new Ssd1306();
  for (let i = 0, state = 1; i < 300000; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    if ((state & 0xf0000) === 0) {
      panel.start();
    }
    panel.write(state >>> 24);
  }
  assert.equal(panel.memory.length, 1024);
  assert.ok(panel.column < 128 && panel.page < 8);
});
