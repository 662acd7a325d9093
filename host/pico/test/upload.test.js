import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Receiver, Upload, UploadError, crc32, frame } from '../web/upload.js';

function image(length = 700) {
  const bytes = Uint8Array.from({ length }, (_, i) => (i * 7) & 255);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x5447494d);
  view.setUint32(8, length, true);
  view.setUint32(12, 0xdeadbeef, true);
  return bytes;
}

test('the checksum is the usual CRC-32', () => {
  assert.equal(crc32(new TextEncoder().encode('123456789')), 0xcbf43926);
});

test('frames come back, whatever is in them and around them', () => {
  const nines = (length) => new Array(length).fill(9);
  for (const message of [
    [1],
    [0],
    [0, 0, 0],
    Array.from({ length: 272 }, (_, i) => i & 255),
    nines(270),
    // A zero as the last byte of a full group, and right behind one.
    [...nines(252), 0, 1],
    [...nines(253), 0, 1],
    [...nines(253), 0, 0],
  ]) {
    const bytes = frame(7, message);
    assert.equal(bytes.subarray(2, -1).indexOf(0), -1, 'no zero within');
    const stream = [...new TextEncoder().encode('ready pico\nhalf a li'), ...bytes, ...new TextEncoder().encode('status x\n')];
    for (const size of [1, 3, 1000]) {
      const receiver = new Receiver();
      const pieces = [];
      for (let at = 0; at < stream.length; at += size) {
        pieces.push(...receiver.push(stream.slice(at, at + size)));
      }
      assert.deepEqual(pieces, [{ line: 'ready pico' }, { number: 7, message: [...message] }, { line: 'status x' }]);
    }
  }
});

test('a damaged frame is nothing', () => {
  const bytes = frame(7, [1, 2, 3]);
  for (let at = 2; at < bytes.length - 1; at++) {
    const damaged = bytes.slice();
    damaged[at] ^= 0x41;
    assert.deepEqual(new Receiver().push(damaged), [], `byte ${at}`);
  }
});

/** Reads a request from its frame. */
function request(bytes) {
  const [{ number, message }] = new Receiver().push(bytes);
  return { number, message };
}

test('an upload sends all of an image, in blocks', () => {
  const file = image();
  const upload = new Upload(file);
  let { number, message } = request(upload.begin());
  assert.deepEqual(message, [3, 0xbc, 0x05, 0xef, 0xfd, 0xb6, 0xf5, 0x0d]);
  let sent = [];
  let next = upload.reply(number, [5, 0]);
  while (next) {
    ({ number, message } = request(next));
    if (message[0] === 4) {
      // Offset and length take one or two bytes each.
      const offsetLength = sent.length > 127 ? 2 : 1;
      const lengthLength = file.length - sent.length > 127 ? 2 : 1;
      sent = [...sent, ...message.slice(1 + offsetLength + lengthLength)];
      const offset = sent.length < 128 ? [sent.length] : [(sent.length & 127) | 128, sent.length >> 7];
      assert.equal(upload.reply(number + 1, [6, 0]), null, 'an answer to somebody else');
      next = upload.reply(number, [6, ...offset]);
    } else {
      assert.deepEqual(message, [5], 'finish');
      next = upload.reply(number, [7, 1]);
    }
  }
  assert.deepEqual(Uint8Array.from(sent), file);
  assert.ok(upload.done);
});

test('an upload whose reply is lost begins again where it was, and gives up at last', () => {
  const upload = new Upload(image(), 254);
  let { number } = request(upload.begin());
  assert.equal(number, 255, 'numbers go on from the upload before');
  ({ number } = request(upload.reply(number, [5, 0])));
  const late = number;
  ({ number } = request(upload.again()));
  assert.equal(upload.reply(late, [6, 0x80, 2]), null, 'a late answer');
  const { message } = request(upload.reply(number, [5, 0x80, 2]));
  assert.deepEqual(message.slice(0, 3), [4, 0x80, 2], 'the second block');
  // A board that begins and never takes a block is not asked for ever.
  for (let attempt = 0; attempt < 2; attempt++) {
    ({ number } = request(upload.again()));
    upload.reply(number, [5, 0]);
  }
  assert.throws(() => upload.again(), /does not answer/);
  assert.ok(upload.done);
});

test('what is no image, and what the board refuses, has a message', () => {
  for (const [file, message] of [
    [new Uint8Array(10), /not a model image/],
    [new Uint8Array(700), /not a model image/],
    [image().subarray(0, 600), /cut or damaged/],
  ]) {
    assert.throws(() => new Upload(file), (error) => error instanceof UploadError && message.test(error.message));
  }
  const upload = new Upload(image());
  const { number } = request(upload.begin());
  assert.throws(() => upload.reply(number, [11, 7, 9, 9]), /too long for the slot/);
});
