// Flow control in both directions (RFC 9113 §5.2, §6.9): what we send stays within the peer's windows, what we grant
// follows consumption, and turns are taken by stream identifier.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BodySource } from '../../../src/core/http/message.js';
import { ReceiveWindow } from '../../../src/core/http2/flow.js';
import { ErrorCode, type Frame } from '../../../src/core/http2/frame.js';
import { limits } from '../../../src/core/limits.js';
import { equalBytes } from '../../support/bytes.js';
import { createPeer, errorOf, type Peer, pattern, patternBody, settingsFrame } from './support.js';

const INITIAL_WINDOW_SIZE = 4;

function dataBytes(frames: readonly Frame[], streamId?: number): number {
  let sum = 0;
  for (const frame of frames) {
    if (frame.type === 'DATA' && (streamId === undefined || frame.streamId === streamId)) sum += frame.data.length;
  }
  return sum;
}

const update = (streamId: number, increment: number): Frame => ({ type: 'WINDOW_UPDATE', streamId, increment });
const data = (streamId: number, length: number, endStream = false): Frame => ({
  type: 'DATA',
  streamId,
  endStream,
  data: new Uint8Array(length),
});

/** `total` octets of DATA in frames of the largest size. */
function upload(peer: Peer, streamId: number, total: number): Frame[] {
  const out: Frame[] = [];
  for (let left = total; left > 0; left -= 16_384) out.push(...peer.frames(data(streamId, Math.min(left, 16_384))));
  return out;
}

test('the first 65,535 octets, then as much as the windows open', () => {
  const peer = createPeer();
  assert.is(dataBytes(peer.frames(peer.request(1, '/bytes/100000'))), 65_535);
  assert.is(dataBytes(peer.frames(update(1, 10_000))), 0);
  assert.is(dataBytes(peer.frames(update(0, 5_000))), 5_000);
  assert.is(dataBytes(peer.frames(update(0, 50_000))), 5_000);
  const last = peer.frames(update(1, 50_000));
  assert.is(dataBytes(last), 100_000 - 75_535);
  assert.is(
    last.some((frame) => frame.type === 'DATA' && frame.endStream),
    true,
  );
});

test('DATA frames are no larger than what is asked for at a time', () => {
  const peer = createPeer({ takeBytes: 1 << 20 });
  const frames = peer.frames(settingsFrame([5, 1 << 20]), peer.request(1, '/bytes/65000'));
  for (const frame of frames) if (frame.type === 'DATA') assert.ok(frame.data.length <= limits.http2.dataBytes);
  assert.is(dataBytes(frames), 65_000);
});

test('INITIAL_WINDOW_SIZE moves open windows, below zero too (§6.9.2)', () => {
  const peer = createPeer();
  assert.is(dataBytes(peer.frames(peer.request(1, '/bytes/200000'), update(0, 1_000_000))), 65_535);
  peer.frames(settingsFrame([INITIAL_WINDOW_SIZE, 1_000]));
  // 1,000 - 65,535 sent: 64,535 below zero.
  assert.is(dataBytes(peer.frames(update(1, 64_535))), 0);
  assert.is(dataBytes(peer.frames(update(1, 10))), 10);
  assert.is(dataBytes(peer.frames(settingsFrame([INITIAL_WINDOW_SIZE, 1_500]))), 500);
});

test('INITIAL_WINDOW_SIZE 0 holds DATA back, not HEADERS', () => {
  const peer = createPeer();
  const frames = peer.frames(settingsFrame([INITIAL_WINDOW_SIZE, 0]), peer.request(1, '/bytes/10'));
  assert.equal(
    frames.map((frame) => frame.type),
    ['SETTINGS', 'HEADERS'],
  );
  assert.is(dataBytes(peer.frames(update(1, 1))), 1);
  assert.is(dataBytes(peer.frames(update(1, 100))), 9);
});

test('SETTINGS that push a window above 2^31-1 are a connection error (§6.9.2)', () => {
  const peer = createPeer();
  peer.frames(peer.request(1, '/echo', { end: false }), update(1, 0x7fffffff - 65_535));
  const frames = peer.frames(settingsFrame([INITIAL_WINDOW_SIZE, 65_536]));
  assert.equal(errorOf(frames), { scope: 'connection', code: ErrorCode.FLOW_CONTROL_ERROR });
});

test('a source of unknown length ends with an empty frame although the window is closed (§6.9.1)', () => {
  const peer = createPeer();
  const frames = peer.frames(peer.request(1, '/stream/65535'));
  const last = frames.at(-1)!;
  assert.equal(last, { type: 'DATA', streamId: 1, endStream: true, data: new Uint8Array(0) });
  assert.is(dataBytes(frames), 65_535);
});

test('the octet that was read ahead is not lost', () => {
  const peer = createPeer();
  peer.frames(peer.request(1, '/stream/65540'));
  const rest = peer.frames(update(0, 2), update(1, 2));
  const more = peer.frames(update(0, 100), update(1, 100));
  const bytes = [...rest, ...more].flatMap((frame) => (frame.type === 'DATA' ? [...frame.data] : []));
  equalBytes(Uint8Array.from(bytes), pattern(65_540).subarray(65_535));
});

test('turns are by stream identifier from where the last one ended', () => {
  const peer = createPeer({ takeBytes: 2_048 });
  const order = peer
    .frames(peer.request(1, '/bytes/9000'), peer.request(3, '/bytes/9000'), peer.request(5, '/bytes/9000'))
    .flatMap((frame) => (frame.type === 'DATA' ? [frame.streamId] : []));
  assert.equal(order.slice(0, 9), [1, 3, 5, 1, 3, 5, 1, 3, 5]);
});

test('streams that are blocked one after the other do not keep the next one waiting', () => {
  const peer = createPeer({ takeBytes: 2_048 });
  peer.frames(update(0, 1 << 20), settingsFrame([INITIAL_WINDOW_SIZE, 1_000]));
  const small = [1, 3, 5, 7].map((streamId) => peer.request(streamId, '/bytes/2000'));
  const frames = peer.frames(...small, peer.request(9, '/bytes/100000'), update(9, 200_000));
  for (const streamId of [1, 3, 5, 7]) assert.is(dataBytes(frames, streamId), 1_000);
  assert.is(dataBytes(frames, 9), 100_000);
});

test('an unread upload stops after one window; reading grants more', () => {
  let upstream: BodySource | undefined;
  let reading = false;
  const peer = createPeer({
    handler(request) {
      upstream = request.body;
      return {
        status: 200,
        headers: [],
        body: { length: undefined, read: (most) => (reading ? request.body.read(most) : new Uint8Array(0)) },
      };
    },
  });
  const size = limits.http2.streamWindowBytes;
  peer.frames(peer.request(1, '/', { method: 'POST', end: false }));
  const frames = upload(peer, 1, size);
  assert.is(frames.filter((frame) => frame.type === 'WINDOW_UPDATE').length, 0);
  assert.ok(upstream !== undefined);
  // Half a window is gathered before it is told.
  reading = true;
  for (let read = 0; read < size / 2; ) read += upstream.read(16_384)!.length;
  const told = peer.take().find((frame) => frame.type === 'WINDOW_UPDATE' && frame.streamId === 1);
  assert.is(told?.type === 'WINDOW_UPDATE' && told.increment >= size / 2, true);
});

test('one octet above a stream window is FLOW_CONTROL_ERROR on the stream', () => {
  const peer = createPeer({ handler: () => ({ status: 200, headers: [], delayUs: 1 }) });
  peer.frames(peer.request(1, '/', { method: 'POST', end: false }));
  assert.is(errorOf(upload(peer, 1, limits.http2.streamWindowBytes)), undefined);
  assert.equal(errorOf(peer.frames(data(1, 1))), { scope: 'stream', code: ErrorCode.FLOW_CONTROL_ERROR });
});

test('one octet above the connection window is FLOW_CONTROL_ERROR on the connection', () => {
  const peer = createPeer({ handler: () => ({ status: 200, headers: [], delayUs: 1 }) });
  const streams = limits.http2.connectionWindowBytes / limits.http2.streamWindowBytes;
  for (let i = 0; i < streams; i++) {
    peer.frames(peer.request(1 + 2 * i, '/', { method: 'POST', end: false }));
    assert.is(errorOf(upload(peer, 1 + 2 * i, limits.http2.streamWindowBytes)), undefined);
  }
  peer.frames(peer.request(99, '/', { method: 'POST', end: false }));
  assert.equal(errorOf(peer.frames(data(99, 1))), { scope: 'connection', code: ErrorCode.FLOW_CONTROL_ERROR });
});

test('what a finished stream left unread goes back to the connection at once', () => {
  const peer = createPeer({ handler: () => ({ status: 200, headers: [], delayUs: 10 }) });
  let granted = limits.http2.connectionWindowBytes;
  for (let i = 0; i < 12; i++) {
    const streamId = 1 + 2 * i;
    peer.frames(peer.request(streamId, '/', { method: 'POST', end: false }));
    const frames = upload(peer, streamId, limits.http2.streamWindowBytes);
    peer.nowUs += 10;
    peer.connection.advance(peer.nowUs);
    frames.push(...peer.take(), ...peer.frames({ type: 'RST_STREAM', streamId, errorCode: ErrorCode.CANCEL }));
    granted -= limits.http2.streamWindowBytes;
    for (const frame of frames) {
      if (frame.type === 'WINDOW_UPDATE' && frame.streamId === 0) granted += frame.increment;
    }
  }
  assert.ok(granted >= limits.http2.connectionWindowBytes / 2);
});

test('padding counts against both windows and is given back at once', () => {
  const peer = createPeer();
  peer.frames(peer.request(1, '/echo', { method: 'POST', end: false }));
  let granted = 0;
  for (let i = 0; i < 5_000; i++) {
    const frames = peer.frames({
      type: 'DATA',
      streamId: 1,
      endStream: false,
      padLength: 255,
      data: new Uint8Array(1),
    });
    assert.is(errorOf(frames), undefined);
    for (const frame of frames) if (frame.type === 'WINDOW_UPDATE' && frame.streamId === 1) granted += frame.increment;
  }
  assert.ok(granted > 5_000 * 257 - limits.http2.streamWindowBytes);
});

test('ReceiveWindow: counts, refuses, and announces from half a window on', () => {
  const window = new ReceiveWindow(100);
  assert.is(window.receive(100), true);
  assert.is(window.receive(1), false);
  assert.is(window.consume(49), 0);
  assert.is(window.consume(1), 50);
  assert.is(window.available, 50);
});

test('content is the same whatever is asked for at a time', () => {
  const whole = createPeer({ handler: () => ({ status: 200, headers: [], body: patternBody(60_000) }) });
  const whole60 = whole.frames(whole.request(1, '/'));
  for (const takeBytes of [1, 7, 100, 1_000, 70_000]) {
    const peer = createPeer({ handler: () => ({ status: 200, headers: [], body: patternBody(60_000) }), takeBytes });
    const frames = peer.frames(peer.request(1, '/'));
    assert.is(dataBytes(frames), dataBytes(whole60));
    const bytes = frames.flatMap((frame) => (frame.type === 'DATA' ? [...frame.data] : []));
    equalBytes(Uint8Array.from(bytes), pattern(60_000));
  }
});

test.run();
