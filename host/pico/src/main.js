// The emulated board as a program: `thumbgen emulate --board pico` runs it with Node and talks to it.
//
//   node main.js --uf2 FILE [--xip off] [--pace eager|steady|stepped] [--port N]
//
// Commands come as lines of JSON on standard input, `{"id": 1, "do": "picture"}`; each is answered on standard output by
// a line with the same id, and either its results or `error`. Lines without an id are events: ready, open, reset, log,
// complaint. The board's USB serial port is a TCP port of this machine. It ends with its standard input.
//
// Pace: emulated time never runs ahead of the clock on the wall, or the other end of the serial line would seem to sleep
// for minutes. An eager board makes up for all time that it lost while it computed, a steady one only for a moment; a
// stepped one runs by the command `run` alone, so that whatever is measured is the same each time.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { Board, FLASH_BASE, Uf2Error } from '../dist/board.js';

const MS = 1e6;
/** Instructions between two looks at sockets and commands: some milliseconds. */
const SLICE = 60_000;
/** The most emulated time in one slice. */
const SLICE_NANOS = 20 * MS;
/** What a steady board makes up for. */
const STEADY_DEBT = 50 * MS;
/** How long a button is held, and how long it is left alone afterwards. */
const PRESS_NANOS = 60 * MS;
/** Bytes that may wait for the board before the sender has to. */
const SERIAL_BACKLOG = 16384;
/** Bytes that wait while the line is flooded: more than the board takes in a slice. */
const FLOOD_BACKLOG = 8192;

const { values: options } = parseArgs({
  options: {
    uf2: { type: 'string' },
    xip: { type: 'string', default: 'on' },
    pace: { type: 'string', default: 'eager' },
    port: { type: 'string', default: '0' },
  },
});

const board = new Board({ xip: options.xip === 'on' });
const clients = new Set();
/** Commands that wait for an emulated time. */
let waiting = [];
/** Bytes that the line is never without. */
let flood = null;
/** Time on the wall at which the board's time was 0, in nanoseconds. */
let origin = 0;

function say(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

board.onSerial = (bytes) => clients.forEach((socket) => socket.write(bytes));
board.onOpen = () => say({ event: 'open' });
board.onReset = (cause) => {
  // A real port would vanish and come back. Here it stays, and a zero says that what stood before it was never ended.
  clients.forEach((socket) => socket.write(Uint8Array.of(0)));
  say({ event: 'reset', cause });
};
board.onComplaint = (text) => say({ event: 'complaint', text });

function now() {
  return performance.now() * MS;
}

/** After a jump of the board's time. */
function restartClock() {
  origin = now() - board.nanos;
}

function after(nanos) {
  return new Promise((resolve) => waiting.push({ at: board.nanos + nanos, resolve }));
}

const commands = {
  async press({ button }) {
    board.setButton(button, true);
    await after(PRESS_NANOS);
    board.setButton(button, false);
    await after(PRESS_NANOS);
  },
  button({ button, down }) {
    board.setButton(button, down);
  },
  picture() {
    const { width, height, rgb } = board.picture();
    return { width, height, rgb: Buffer.from(rgb).toString('hex') };
  },
  counts() {
    const { cycles, nanos, cache, flash, panel } = board;
    return {
      cycles,
      nanos,
      hits: cache.hits,
      misses: cache.misses,
      flash_operations: flash.operations,
      written: panel.written,
    };
  },
  /** Runs a stepped board. */
  run({ ms }) {
    board.run(ms * MS);
    settle();
  },
  /** Power off and on. */
  power() {
    board.powerOn();
    restartClock();
  },
  /** Power will fail in the middle of the flash operation that comes after so many. */
  cut({ after }) {
    board.flash.failAt = board.flash.operations + after;
  },
  /** Changes flash behind the firmware's back: a fault. Gives what was there. */
  poke({ address, bytes }) {
    const at = address - FLASH_BASE;
    const fault = Buffer.from(bytes, 'hex');
    const before = Buffer.from(board.flash.bytes.subarray(at, at + fault.length)).toString('hex');
    board.flash.bytes.set(fault, at);
    return { before };
  },
  /** Keeps the serial line busy with the same bytes, again and again, for so much time. */
  async flood({ bytes, ms }) {
    flood = Buffer.from(bytes, 'hex');
    await after(ms * MS);
    flood = null;
  },
  /** Pulls the wires of the OLED, or puts them back: a panel that had no power starts anew. */
  unplug({ on }) {
    board.panels.ssd1306.unplugged = on;
    board.panels.ssd1306.reset();
  },
  xip({ on }) {
    board.setXip(on);
  },
  profile({ on }) {
    if (on) {
      board.startProfile();
      return {};
    }
    return { entries: board.stopProfile() };
  },
};

async function obey(line) {
  let id = null;
  try {
    const command = JSON.parse(line);
    id = command.id;
    if (!Object.hasOwn(commands, command.do)) {
      throw new RangeError(`no command ${command.do}`);
    }
    say({ id, ...(await commands[command.do](command)) });
  } catch (error) {
    say({ id, error: error.message });
  }
}

/** What has come about: logs out, commands answered, senders let go on. */
function settle() {
  const log = board.log();
  if (log.length > 0) {
    say({ event: 'log', data: Buffer.from(log).toString('hex') });
  }
  const due = waiting.filter(({ at }) => at <= board.nanos);
  waiting = waiting.filter(({ at }) => at > board.nanos);
  due.forEach(({ resolve }) => resolve());
  while (flood?.length > 0 && board.backlog < FLOOD_BACKLOG) {
    board.send(flood);
  }
  const full = board.backlog > SERIAL_BACKLOG;
  clients.forEach((socket) => (full ? socket.pause() : socket.resume()));
}

function slice() {
  const ahead = board.nanos - (now() - origin);
  if (ahead >= 0) {
    setTimeout(slice, Math.min(ahead / MS, 5));
    return;
  }
  if (options.pace === 'steady' && -ahead > STEADY_DEBT) {
    origin += -ahead - STEADY_DEBT;
  }
  const before = board.nanos;
  board.run(Math.min(-ahead, SLICE_NANOS), SLICE);
  if (board.nanos < before) {
    // Power failed and came back: the board's time is new.
    restartClock();
  }
  settle();
  setImmediate(slice);
}

function fail(text) {
  say({ event: 'failed', text });
  process.exitCode = 1;
}

function listen() {
  const server = createServer((socket) => {
    clients.add(socket);
    socket.setNoDelay(true);
    socket.on('data', (bytes) => board.send(bytes));
    socket.on('close', () => clients.delete(socket));
    socket.on('error', () => clients.delete(socket));
  });
  server.on('error', (error) => fail(`cannot open the serial port: ${error.message}`));
  server.listen({ host: '127.0.0.1', port: Number(options.port) }, () => {
    say({ event: 'ready', port: server.address().port });
    if (options.pace !== 'stepped') {
      restartClock();
      slice();
    }
  });
}

const input = createInterface({ input: process.stdin });
input.on('line', obey);
input.on('close', () => process.exit());
try {
  board.load(readFileSync(options.uf2));
  listen();
} catch (error) {
  fail(error instanceof Uf2Error ? `${options.uf2}: ${error.message}` : error.message);
  input.close();
}
