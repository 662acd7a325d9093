// The emulated board, beside the page so that the page stays quick: it computes for some milliseconds, looks at what the
// page wants, and goes on. Emulated time never runs ahead of the clock on the wall.

import { Board, Uf2Error } from './board.js';
import { Receiver, Upload, UploadError } from './upload.js';

const MS = 1e6;
/** Instructions between two looks at the page: about ten milliseconds. */
const SLICE = 200_000;
/** What a board that is slower than the clock makes up for. */
const DEBT = 50 * MS;
/** How long a button is down at least, and up: firmware looks at its buttons now and then. */
const HOLD = 60 * MS;
/** Between two pictures, and between two questions to the firmware. */
const PICTURE_INTERVAL = 33;
const QUESTION_INTERVAL = 500;
/** How long the board may be silent in an upload, and while it tests a model, in emulated time. */
const SILENCE = 3e9;
const TEST_SILENCE = 60e9;

const board = new Board();
const encoder = new TextEncoder();
let receiver = new Receiver();
let upload = null;
/** The file that is uploaded, when the board last heard of it, and the number of the last request. */
let uploaded = '';
let heard = 0;
let number = 0;
let running = false;
let origin = 0;
/** Changes of buttons, each not before its emulated time. */
let presses = [];
let freeAt = 0;
let shown = -1;
let lastPicture = 0;
let lastQuestion = 0;
let asked = -1;
let window = { wall: 0, nanos: 0, cycles: 0 };

const now = () => performance.now();
const send = (text) => board.send(encoder.encode(`${text}\n`));

board.onSerial = (bytes) => {
  for (const piece of receiver.push(bytes)) {
    if (piece.line !== undefined) {
      postMessage({ line: piece.line });
    } else if (upload) {
      advance(() => upload.reply(piece.number, piece.message));
    }
  }
};
board.onReset = (cause) => {
  postMessage({ reset: cause });
  if (upload?.finishing) {
    upload = null;
    fail(uploaded, new UploadError('the board was reset while it tested the model'));
  } else if (upload) {
    advance(() => upload.again());
  }
};
board.onOpen = () => postMessage({ open: true });

/** One step of the upload, or its end. */
function advance(step) {
  try {
    const request = step();
    if (request) {
      board.send(request);
      heard = board.nanos;
    }
    number = upload.number;
    const { progress, finishing, done, crc } = upload;
    postMessage({ progress, finishing, done, crc, name: uploaded });
    if (upload.done) {
      upload = null;
      asked = -1;
    }
  } catch (error) {
    upload = null;
    fail(uploaded, error);
  }
}

function fail(name, error) {
  if (!(error instanceof Uf2Error || error instanceof UploadError)) {
    throw error;
  }
  postMessage({ error: error.message, name, uploading: upload !== null });
}

const commands = {
  start({ uf2, name }) {
    try {
      board.load(new Uint8Array(uf2));
    } catch (error) {
      return fail(name, error);
    }
    [receiver, upload, presses, freeAt, shown, asked] = [new Receiver(), null, [], 0, -1, -1];
    origin = now() * MS;
    window = { wall: now(), nanos: 0, cycles: 0 };
    postMessage({ started: name });
    if (!running) {
      running = true;
      slice();
    }
  },
  button({ name, down }) {
    // A tap may be shorter than the firmware's look at its buttons.
    const at = Math.max(board.nanos, freeAt);
    presses.push({ at, name, down });
    freeAt = at + HOLD;
  },
  line({ text }) {
    send(text);
  },
  model({ bytes, name }) {
    try {
      upload = new Upload(new Uint8Array(bytes), number);
    } catch (error) {
      return fail(name, error);
    }
    uploaded = name;
    advance(() => upload.begin());
  },
  xip({ on }) {
    board.setXip(on);
  },
};

addEventListener('message', ({ data }) => commands[data.do](data));

// A message to oneself comes sooner than a timer that has run out, which browsers hold back for four milliseconds.
const again = new MessageChannel();
again.port1.onmessage = slice;

function slice() {
  try {
    proceed();
  } catch (error) {
    // A program may do what the emulator has no answer to. The next one starts a new chip.
    running = false;
    upload = null;
    postMessage({ stopped: error.message });
  }
}

function proceed() {
  const wall = now();
  const ahead = board.nanos - (wall * MS - origin);
  if (ahead < 0) {
    if (-ahead > DEBT) {
      origin += -ahead - DEBT;
    }
    while (presses.length > 0 && presses[0].at <= board.nanos) {
      const { name, down } = presses.shift();
      board.setButton(name, down);
    }
    board.run(Math.min(-ahead, 20 * MS), SLICE);
  }
  if (upload && board.nanos - heard > (upload.finishing ? TEST_SILENCE : SILENCE)) {
    advance(() => upload.again());
  }
  report(wall);
  if (ahead < 0) {
    again.port2.postMessage(null);
  } else {
    setTimeout(slice, Math.min(ahead / MS, 10));
  }
}

function report(wall) {
  if (board.panel.written !== shown && wall - lastPicture >= PICTURE_INTERVAL) {
    [shown, lastPicture] = [board.panel.written, wall];
    postMessage({ picture: board.picture() });
  }
  if (wall - lastQuestion < QUESTION_INTERVAL) {
    return;
  }
  lastQuestion = wall;
  const { nanos, cycles } = board;
  postMessage({
    speed: (nanos - window.nanos) / MS / (wall - window.wall),
    cycles: (cycles - window.cycles) / ((wall - window.wall) / 1000),
    seconds: nanos / 1e9,
  });
  window = { wall, nanos, cycles };
  if (board.panel.written !== asked && !upload && board.usb.open) {
    asked = board.panel.written;
    send('status');
    send('stats');
  }
}
