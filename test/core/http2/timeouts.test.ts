// What is due when, in logical time: SETTINGS that nobody acknowledges, frames and field blocks that do not come to their
// end, content that dribbles, windows that stay closed. Each reaches its number in limits.ts.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CLIENT_PREFACE, ErrorCode, type Frame } from '../../../src/core/http2/frame.js';
import { limits } from '../../../src/core/limits.js';
import { ascii, concat, hex } from '../../support/bytes.js';
import { createPeer, errorOf, frameBytes, type Peer, settingsFrame } from './support.js';

const http2 = limits.http2;
const calm = { scope: 'connection', code: ErrorCode.ENHANCE_YOUR_CALM };
const ACK: Frame = { type: 'SETTINGS', ack: true, settings: [] };

function advance(peer: Peer, toUs: number): Frame[] {
  peer.nowUs = toUs;
  peer.connection.advance(toUs);
  return peer.take();
}

test('settingsAckUs: SETTINGS that are not acknowledged (§6.5.3)', () => {
  const peer = createPeer({ bare: true });
  peer.nowUs = 7;
  peer.send(concat(CLIENT_PREFACE, frameBytes(settingsFrame())));
  assert.is(peer.connection.nextDeadlineUs(), 7 + http2.settingsAckUs);
  assert.equal(advance(peer, 6 + http2.settingsAckUs), []);
  const error = errorOf(advance(peer, 7 + http2.settingsAckUs));
  assert.equal(error, { scope: 'connection', code: ErrorCode.SETTINGS_TIMEOUT });
  assert.is(peer.connection.state, 'closed');
  assert.is(peer.connection.nextDeadlineUs(), undefined);
});

test('settingsAckUs: a client that says nothing at all', () => {
  const peer = createPeer({ bare: true });
  peer.take();
  const error = errorOf(advance(peer, http2.settingsAckUs));
  assert.equal(error, { scope: 'connection', code: ErrorCode.SETTINGS_TIMEOUT });
});

test('settingsAckUs: acknowledged in time is fine, and a second acknowledgment is too', () => {
  const peer = createPeer({ bare: true });
  peer.send(concat(CLIENT_PREFACE, frameBytes(settingsFrame(), ACK, ACK)));
  assert.is(errorOf(advance(peer, http2.settingsAckUs)), undefined);
});

const partial: readonly (readonly [name: string, octets: string])[] = [
  ['a frame header in part', '000008 06'],
  ['a PING in part', '000008 06 00 00000000 0102'],
  ['HEADERS in part', '000020 01 05 00000001 82'],
  ['a field block without its end', '000001 01 00 00000001 82'],
];

for (const [name, octets] of partial) {
  test(`inputUs: ${name}, and nothing more (Slowloris)`, () => {
    const peer = createPeer();
    peer.nowUs = 50;
    assert.is(errorOf(peer.send(hex(octets))), undefined);
    assert.equal(advance(peer, 49 + http2.inputUs), []);
    assert.equal(errorOf(advance(peer, 50 + http2.inputUs)), calm);
  });
}

test('inputUs: an octet now and then does not put it off', () => {
  const peer = createPeer();
  const block = peer.request(1, '/');
  const bytes = frameBytes(block);
  let error: ReturnType<typeof errorOf>;
  for (let i = 0; i < bytes.length && error === undefined; i++) {
    peer.nowUs = i * 1_000_000;
    error = errorOf(peer.send(bytes.subarray(i, i + 1)));
  }
  assert.equal(error, calm);
  assert.is(peer.nowUs, http2.inputUs);
});

test('inputUs: nor do CONTINUATION frames', () => {
  const peer = createPeer();
  peer.send(hex('000001 01 00 00000001 82'));
  peer.nowUs = http2.inputUs - 1;
  assert.is(errorOf(peer.send(hex('000000 09 00 00000001'))), undefined);
  assert.equal(errorOf(advance(peer, http2.inputUs)), calm);
});

test('inputUs: one frame after the other, each cut, has its time each', () => {
  const peer = createPeer();
  const ping = frameBytes({ type: 'PING', ack: false, opaqueData: ascii('12345678') });
  const stream = concat(...Array.from({ length: 30 }, () => ping));
  for (let at = 0, i = 0; at < stream.length; at += 10, i++) {
    peer.nowUs = i * 4_000_000;
    assert.is(errorOf(peer.send(stream.subarray(at, at + 10))), undefined, `${i}`);
  }
});

const data = (octets: number): Frame => ({
  type: 'DATA',
  streamId: 1,
  endStream: false,
  data: new Uint8Array(octets),
});
const upload = (): Peer => {
  const peer = createPeer({ handler: () => ({ status: 200, headers: [], delayUs: 1e12 }) });
  peer.frames(peer.request(1, '/', { method: 'POST', end: false }));
  return peer;
};
const slow = { scope: 'stream', code: ErrorCode.CANCEL };

test('bodyUs, bodyBytes: a request whose content dribbles is given up, its connection is not (Slowloris)', () => {
  const peer = upload();
  for (let at = 0; at < http2.bodyUs; at += http2.bodyUs / 10) {
    peer.nowUs = at;
    assert.is(errorOf(peer.frames(data(http2.bodyBytes / 10 - 1))), undefined);
  }
  assert.equal(errorOf(advance(peer, http2.bodyUs)), slow);
  assert.is(peer.connection.state, 'open');
});

test('bodyUs: in each such time bodyBytes are enough, and octets of a frame that is cut count', () => {
  const peer = upload();
  for (let i = 0; i < 5; i++) {
    peer.nowUs = i * http2.bodyUs;
    assert.is(errorOf(peer.frames(data(http2.bodyBytes))), undefined);
  }
  peer.nowUs = 5 * http2.bodyUs - 1;
  const frame = frameBytes(data(5_000));
  peer.send(frame.subarray(0, http2.bodyBytes + 9));
  assert.is(errorOf(advance(peer, 5 * http2.bodyUs)), undefined);
  assert.equal(errorOf(advance(peer, 6 * http2.bodyUs)), slow);
});

test('bodyUs: where our window is closed it is we who hold it up', () => {
  const peer = upload();
  for (let left = http2.streamWindowBytes; left > 0; left -= 16_384) peer.frames(data(16_384));
  for (let i = 1; i < 10; i++) assert.equal(advance(peer, i * http2.bodyUs), []);
});

test('bodyUs: a client that waits for 100 (Continue) is not slow', () => {
  const peer = createPeer({ handler: () => ({ status: 200, headers: [], delayUs: 1e12 }) });
  peer.frames(peer.request(1, '/', { method: 'POST', end: false, extra: [['expect', '100-continue']] }));
  for (let i = 1; i < 5; i++) assert.equal(advance(peer, i * http2.bodyUs), []);
});

test('blockedUs: a window that stays closed ends the stream, each octet of window puts it off', () => {
  const peer = createPeer();
  peer.frames(settingsFrame([4, 0]));
  peer.frames(peer.request(1, '/bytes/1000'));
  peer.nowUs = http2.blockedUs - 1;
  peer.frames({ type: 'WINDOW_UPDATE', streamId: 1, increment: 1 });
  assert.is(errorOf(advance(peer, http2.blockedUs)), undefined);
  assert.equal(errorOf(advance(peer, 2 * http2.blockedUs - 1)), slow);
  assert.is(peer.connection.state, 'open');
});

test('blockedUs: a response that went on and is done is not concerned', () => {
  const peer = createPeer();
  peer.frames(settingsFrame([4, 0]));
  peer.frames(peer.request(1, '/bytes/1000'));
  const frames = peer.frames({ type: 'WINDOW_UPDATE', streamId: 1, increment: 1_000 });
  assert.is(frames.at(-1)!.type === 'DATA' && errorOf(frames) === undefined, true);
  assert.is(errorOf(advance(peer, http2.blockedUs)), undefined);
});

test('dribbleBytes: a window of one octet at a time ends in ENHANCE_YOUR_CALM (CVE-2019-9511)', () => {
  const peer = createPeer({ trace: false });
  peer.frames(settingsFrame([4, 1]));
  peer.frames(peer.request(1, '/bytes/1000000'));
  let sent = 0;
  let error: ReturnType<typeof errorOf>;
  while (error === undefined && sent < 2 * http2.idleFrameBurst) {
    error = errorOf(peer.frames({ type: 'WINDOW_UPDATE', streamId: 1, increment: 1 }));
    sent++;
  }
  assert.equal(error, calm);
  // The acknowledgment of our SETTINGS was one such frame.
  assert.is(sent, http2.idleFrameBurst);
});

test('windowUpdatesPerData: with frames of some size there may be any number of them', () => {
  const peer = createPeer({ trace: false });
  peer.frames(settingsFrame([4, http2.dribbleBytes]));
  peer.frames({ type: 'WINDOW_UPDATE', streamId: 0, increment: 1 << 30 });
  peer.frames(peer.request(1, '/bytes/100000000'));
  for (let i = 0; i < 2 * http2.idleFrameBurst; i++) {
    const increment = http2.dribbleBytes;
    const error = errorOf(
      peer.frames({ type: 'WINDOW_UPDATE', streamId: 1, increment }, { type: 'WINDOW_UPDATE', streamId: 0, increment }),
    );
    assert.is(error, undefined, `${i}`);
  }
});

test('WINDOW_UPDATE on closed streams is not free either', () => {
  const peer = createPeer({ trace: false });
  peer.frames(peer.request(1, '/'));
  const hundred = frameBytes(
    ...Array.from({ length: 100 }, (): Frame => ({ type: 'WINDOW_UPDATE', streamId: 1, increment: 1 })),
  );
  let error: ReturnType<typeof errorOf>;
  for (let i = 0; i <= http2.idleFrameBurst / 100 && error === undefined; i++) error = errorOf(peer.send(hundred));
  assert.equal(error, calm);
});

test.run();
