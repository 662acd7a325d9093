import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Flash, PowerLoss } from '../src/flash.js';
import { MISS_CYCLES, XipCache } from '../src/xip.js';

test('flash erases to ones and programs to zeros', () => {
  const flash = new Flash();
  flash.program(256, new Uint8Array(256).fill(0xf0));
  flash.program(256, new Uint8Array(256).fill(0x3c));
  assert.equal(flash.bytes[256], 0x30);
  assert.equal(flash.erase(0, 4096), 45e6);
  assert.equal(flash.bytes[256], 0xff);
  assert.equal(flash.erase(0x10000, 0x10000 + 4096), 150e6 + 45e6);
  assert.equal(flash.operations, 4);
});

test('flash refuses what the chip cannot do', () => {
  const flash = new Flash();
  for (const [offset, length] of [[1, 4096], [0, 100], [0, 0], [2 << 20, 4096], [-4096, 4096], [(2 << 20) - 4096, 8192]]) {
    assert.throws(() => flash.erase(offset, length), RangeError, `${offset} ${length}`);
  }
  assert.throws(() => flash.program(128, new Uint8Array(256)), RangeError);
});

test('power fails in the middle of the operation that was chosen', () => {
  const flash = new Flash();
  flash.failAt = 1;
  flash.program(0, new Uint8Array(512));
  assert.throws(() => flash.program(512, new Uint8Array(512)), PowerLoss);
  assert.deepEqual([flash.bytes[0], flash.bytes[767], flash.bytes[768]], [0, 0, 0xff]);
  flash.program(512, new Uint8Array(512));
  assert.equal(flash.bytes[768], 0);
});

test('a line of eight bytes is filled by halves', () => {
  const cache = new XipCache();
  const stall = (address) => {
    cache.touch(address);
    return cache.take();
  };
  assert.deepEqual([0x10000000, 0x10000002, 0x10000004, 0x10000000].map(stall), [MISS_CYCLES, 0, MISS_CYCLES, 0]);
  assert.deepEqual([cache.hits, cache.misses], [2, 2]);
  assert.equal(stall(0x20000000), 0, 'RAM');
});

test('two ways: the one used longest ago goes', () => {
  const cache = new XipCache();
  const misses = (addresses) => {
    const before = cache.misses;
    addresses.forEach((address) => cache.touch(address));
    return cache.misses - before;
  };
  // 8 KB apart is the same set.
  const [a, b, c] = [0x10000000, 0x10002000, 0x10004000];
  assert.equal(misses([a, b, a, b]), 2);
  assert.equal(misses([a, c, a, b]), 2);
  assert.equal(misses([b, a]), 0);
});

test('16 KB stay, and more do not', () => {
  const walk = (bytes) => {
    const cache = new XipCache();
    for (let round = 0; round < 2; round++) {
      for (let at = 0; at < bytes; at += 4) {
        cache.touch(0x10000000 + at);
      }
    }
    return cache.misses;
  };
  assert.equal(walk(16384), 4096);
  assert.equal(walk(32768), 16384);
});

test('windows without cache', () => {
  const cache = new XipCache();
  [0x11000000, 0x11000000, 0x13000000, 0x13000000].forEach((address) => cache.touch(address));
  assert.equal(cache.misses, 4);
  cache.touch(0x12000000);
  cache.touch(0x10000000);
  assert.deepEqual([cache.hits, cache.misses], [1, 5]);
  cache.flush();
  cache.touch(0x10000000);
  assert.equal(cache.misses, 6);
});
