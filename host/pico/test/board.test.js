// The bundled board, running small programs of its own: what a firmware would be too large to show.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Board, MISS_CYCLES, Uf2Error } from '../dist/board.js';
import { program, uf2 } from './uf2file.js';

const [R0, R1, R2, R3, R4] = [0, 1, 2, 3, 4];
const movs = (rd, byte) => 0x2000 | (rd << 8) | byte;
const lsls = (rd, rm, by) => (by << 6) | (rm << 3) | rd;
const adds = (rd, rn, rm) => 0x1800 | (rm << 6) | (rn << 3) | rd;
const str = (rt, rn, offset) => 0x6000 | ((offset / 4) << 6) | (rn << 3) | rt;
const ldr = (rt, rn, offset) => 0x6800 | ((offset / 4) << 6) | (rn << 3) | rt;
const ldrh = (rt, rn) => 0x8800 | (rn << 3) | rt;
const blx = (rm) => 0x4780 | (rm << 3);
const bkpt = 0xbe00;
const loop = 0xe7fe;
/** r := high << by, with one more register. */
const large = (rd, high, by) => [movs(rd, high), lsls(rd, rd, by)];

function start(halves, options) {
  const board = new Board(options);
  board.complained = [];
  board.onComplaint = (text) => board.complained.push(text);
  board.load(uf2(program(halves)));
  return board;
}

test('cycles are those of the core, and flash waits are added where they are wanted', () => {
  // adds, adds, branch: four cycles a turn.
  const halves = [movs(R0, 0), 0x3001, 0x3101, 0xe7fc];
  const core = start(halves, { xip: false });
  core.run(1e6);
  assert.ok(Math.abs(core.cycles - 125000) <= 2, `${core.cycles}`);
  assert.equal(core.chip.core.registers[0], 31250);
  const flash = start(halves, { xip: true });
  flash.run(1e6);
  const misses = flash.cache.misses;
  assert.ok(misses >= 2 && misses < 6, `${misses}`);
  const lost = (31250 - flash.chip.core.registers[0]) * 4;
  assert.ok(Math.abs(lost - misses * MISS_CYCLES) <= 4, `${lost} for ${misses}`);
});

test('the same run twice is the same to the cycle', () => {
  const figures = [1, 2].map(() => {
    const board = start([movs(R0, 0), 0x3001, 0xe7fd]);
    for (let i = 0; i < 10; i++) {
      board.run(1e5);
    }
    return [board.cycles, board.nanos];
  });
  assert.deepEqual(figures[0], figures[1]);
});

test('a profile counts where cycles go', () => {
  const board = start([movs(R0, 0), 0x3001, 0xe7fd], { xip: false });
  board.startProfile();
  board.run(1e6);
  const entries = new Map(board.stopProfile());
  assert.deepEqual([...entries.keys()], [0x10000180, 0x10000182, 0x10000184]);
  assert.ok(entries.get(0x10000184) / entries.get(0x10000182) > 1.99);
});

/** Arms the watchdog for 1000 ticks, 500 microseconds, after noting why the chip started. */
const watchdog = [
  ...large(R0, 0x40, 24),
  ...large(R1, 0x58, 12),
  adds(R0, R0, R1),
  ldr(R4, R0, 8),
  ...large(R2, 125, 3),
  str(R2, R0, 4),
  ...large(R3, 1, 30),
  str(R3, R0, 0),
  str(R2, R0, 0xc),
];

test('the watchdog resets a program that hangs, and remembers why', () => {
  const board = start([...watchdog, loop]);
  const resets = [];
  board.onReset = (cause) => resets.push([cause, Math.round(board.nanos / 1e5)]);
  board.run(400e3);
  // What the boot ROM leaves behind when it starts what was flashed; then power alone.
  assert.equal(board.chip.core.registers[R4], 1, 'flashed');
  board.powerOn();
  board.run(400e3);
  assert.equal(board.chip.core.registers[R4], 0, 'switched on');
  board.run(1.4e6);
  assert.deepEqual(
    resets.map(([cause]) => cause),
    ['watchdog', 'watchdog', 'watchdog'],
  );
  assert.equal(board.chip.core.registers[R4], 1, 'the reason is the timer');
  assert.ok(board.nanos >= 1.8e6, 'time goes on');
});

test('a watchdog that is fed does not bite', () => {
  // str r2,[r0,#4]; b back
  const board = start([...watchdog, str(R2, R0, 4), 0xe7fd]);
  board.onReset = () => assert.fail('reset');
  board.run(3e6);
});

test('an alarm never goes off before its microsecond', () => {
  const board = start([loop]);
  const timer = board.chip.peripherals[0x40054];
  const [alarm, raw] = [0x10, 0x34];
  for (let round = 0; round < 200; round++) {
    // Two cycles a turn, 16 ns: each round is in another part of the microsecond.
    board.run(16);
    const target = Math.floor(board.nanos / 1000) + 2;
    timer.rawWriteValue = 1;
    timer.writeUint32(raw, 1);
    timer.writeUint32(alarm, target);
    while (!(timer.readUint32(raw) & 1)) {
      board.run(8);
    }
    assert.ok(board.nanos >= 1000 * target && board.nanos < 1000 * target + 100, `${board.nanos} for ${target}`);
  }
});

test('a breakpoint outside the ROM is a hard fault', () => {
  const board = start([movs(R0, 7), bkpt, loop]);
  board.run(1e5);
  assert.equal(board.chip.core.IPSR, 3);
});

/** Finds a ROM routine by its letters, leaves it in r4. */
const find = (letters) => [
  movs(R2, 0x18),
  ldrh(R2, R2),
  movs(R0, 0x14),
  ldrh(R0, R0),
  movs(R1, letters.charCodeAt(1)),
  lsls(R1, R1, 8),
  movs(R3, letters.charCodeAt(0)),
  adds(R1, R1, R3),
  blx(R2),
  lsls(R4, R0, 0),
];
/** Erases the sector at 4096, programs its first page with what is in flash at 0x100, and stops. */
const writer = [
  ...find('RE'),
  ...large(R0, 1, 12),
  ...large(R1, 1, 12),
  blx(R4),
  ...find('RP'),
  ...large(R0, 1, 12),
  ...large(R1, 0x10, 24),
  ...large(R2, 1, 8),
  adds(R1, R1, R2),
  blx(R4),
  loop,
];

test('ROM routines erase and program flash, and take their time', () => {
  const board = start(writer);
  board.flash.bytes.fill(0, 4096, 8192);
  board.run(1e9);
  assert.deepEqual(board.flash.bytes.slice(4096, 4352), board.flash.bytes.slice(0x100, 0x200));
  assert.equal(board.flash.bytes[4352], 0xff);
  assert.equal(board.flash.operations, 2);
  assert.deepEqual(board.complained, []);
  const before = start(writer);
  before.run(44e6);
  assert.equal(before.flash.operations, 1, 'still erasing');
});

test('power that fails while programming leaves half a page, and the board starts again', () => {
  const board = start(writer);
  const causes = [];
  board.onReset = (cause) => causes.push(cause);
  board.flash.failAt = 1;
  board.run(50e6);
  assert.deepEqual(causes, ['power']);
  assert.equal(board.flash.bytes[4096 + 128], 0xff);
  assert.deepEqual(board.flash.bytes.slice(4096, 4096 + 128), board.flash.bytes.slice(0x100, 0x180));
  board.run(1e9);
  assert.deepEqual(board.flash.bytes.slice(4096, 4352), board.flash.bytes.slice(0x100, 0x200));
});

test('ROM routines copy memory', () => {
  // 256 bytes from flash to the middle of RAM.
  const halves = [...find('C4'), ...large(R0, 0x20, 24), ...large(R1, 0x10, 24), ...large(R2, 1, 8), blx(R4), loop];
  const board = start(halves);
  board.flash.bytes.set([1, 2, 3, 4], 0);
  board.run(1e6);
  assert.deepEqual(board.chip.sram.slice(0, 4), Uint8Array.of(1, 2, 3, 4));
});

test('calling what the ROM does not have is a hard fault', () => {
  const board = start([...find('XX'), movs(R4, 1), blx(R4), loop]);
  board.run(1e5);
  assert.equal(board.chip.core.IPSR, 3);
});

test('a routine that the ROM does not have is 0', () => {
  const board = start([...find('XX'), loop]);
  board.run(1e5);
  assert.equal(board.chip.core.registers[R4], 0);
});

test('a file without a program changes nothing', () => {
  const board = start([loop]);
  const before = board.flash.bytes.slice();
  const wrong = program([loop]);
  new DataView(wrong.buffer).setUint32(0x104, 0x20000001, true);
  assert.throws(() => board.load(uf2(wrong)), Uf2Error);
  assert.throws(() => board.load(uf2(wrong).subarray(0, 700)), Uf2Error);
  assert.deepEqual(board.flash.bytes, before);
});

test('reading at an odd place is complained about once', () => {
  const board = start([movs(R0, 1), ldr(R1, R0, 0), 0xe7fd]);
  board.run(1e5);
  assert.equal(board.complained.length, 1);
  assert.match(board.complained[0], /not 32 bit aligned/);
});
