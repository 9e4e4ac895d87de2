// Every bound of HTTP/2 in limits.ts, reached: just below it all is well, above it the peer is told why (RFC 9113 §10.5).

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Budget } from '../../../src/core/http2/budget.js';
import { ErrorCode, type Frame } from '../../../src/core/http2/frame.js';
import { limits } from '../../../src/core/limits.js';
import type { Field } from '../../../src/core/trace.js';
import { ascii, concat } from '../../support/bytes.js';
import { body, createPeer, errorOf, frameBytes, type Peer, settingsFrame } from './support.js';

const calm = { scope: 'connection', code: ErrorCode.ENHANCE_YOUR_CALM };
const http2 = limits.http2;
const reset = (streamId: number): Frame => ({ type: 'RST_STREAM', streamId, errorCode: ErrorCode.CANCEL });
const ping: Frame = { type: 'PING', ack: false, opaqueData: ascii('abcdefgh') };
const continuation = (fieldBlockFragment: Uint8Array, endHeaders = false): Frame => ({
  type: 'CONTINUATION',
  streamId: 1,
  endHeaders,
  fieldBlockFragment,
});

/** Sends until an error comes, at most `most` times; gives how often it went well. */
function repeat(most: number, once: (i: number) => Frame[]): { well: number; error: ReturnType<typeof errorOf> } {
  for (let i = 0; i < most; i++) {
    const error = errorOf(once(i).filter((frame) => frame.type === 'GOAWAY'));
    if (error !== undefined) return { well: i, error };
  }
  return { well: most, error: undefined };
}

test('concurrentStreams: the next one is refused, and may come again later', () => {
  const peer = createPeer();
  for (let i = 0; i < http2.concurrentStreams; i++) {
    assert.is(errorOf(peer.frames(peer.request(2 * i + 1, '/delay/1000'))), undefined);
  }
  const refused = peer.frames(peer.request(2 * http2.concurrentStreams + 1, '/'));
  assert.equal(errorOf(refused), { scope: 'stream', code: ErrorCode.REFUSED_STREAM });
  peer.nowUs = 1000;
  peer.connection.advance(1000);
  assert.is(peer.take().length, http2.concurrentStreams);
  assert.is(errorOf(peer.frames(peer.request(2 * http2.concurrentStreams + 3, '/'))), undefined);
});

test('resetBurst: rapid reset (CVE-2023-44487) ends in ENHANCE_YOUR_CALM', () => {
  const peer = createPeer({ trace: false });
  const { well, error } = repeat(http2.resetBurst + 10, (i) =>
    peer.frames(peer.request(2 * i + 1, '/delay/1000'), reset(2 * i + 1)),
  );
  assert.is(well, http2.resetBurst);
  assert.equal(error, calm);
  assert.is(peer.connection.state, 'closed');
});

test('resetPerSecond: as many resets as come back in time are fine', () => {
  const peer = createPeer({ trace: false });
  const { error } = repeat(http2.resetBurst * 2, (i) => {
    peer.nowUs += 1_000_000 / http2.resetPerSecond;
    return peer.frames(peer.request(2 * i + 1, '/delay/1000000000'), reset(2 * i + 1));
  });
  assert.is(error, undefined);
});

test('resetBurst: resets that the peer makes us send count too (CVE-2025-8671)', () => {
  const peer = createPeer({ trace: false });
  const { well, error } = repeat(http2.resetBurst + 10, (i) =>
    peer.frames(peer.request(2 * i + 1, '/delay/1000'), { type: 'WINDOW_UPDATE', streamId: 2 * i + 1, increment: 0 }),
  );
  assert.is(well, http2.resetBurst);
  assert.equal(error, calm);
});

test('rememberedResets: the oldest reset is forgotten, the newest is not', () => {
  const peer = createPeer({ trace: false });
  const count = http2.rememberedResets + 1;
  for (let i = 0; i < count; i++) {
    // Reset for a mistake of the peer's, as often as time gives back.
    peer.nowUs += 1_000_000 / http2.resetPerSecond;
    peer.frames(peer.request(2 * i + 1, '/', { end: false, extra: [['te', 'gzip']] }));
  }
  const data = (streamId: number): Frame => ({ type: 'DATA', streamId, endStream: false, data: ascii('x') });
  assert.is(errorOf(peer.frames(data(3))), undefined);
  assert.equal(errorOf(peer.frames(data(1))), { scope: 'stream', code: ErrorCode.STREAM_CLOSED });
});

test('continuationFrames: CONTINUATION flood (CVE-2024-27316), empty frames too', () => {
  const open = (peer: Peer): Frame[] => {
    const head = peer.request(1, '/');
    if (head.type !== 'HEADERS') throw new Error('HEADERS expected');
    return peer.frames({ ...head, endHeaders: false });
  };
  const peer = createPeer();
  open(peer);
  const { well, error } = repeat(http2.continuationFrames + 10, () => peer.frames(continuation(new Uint8Array(0))));
  assert.is(well, http2.continuationFrames);
  assert.equal(error, calm);
  const fine = createPeer();
  open(fine);
  for (let i = 1; i < http2.continuationFrames; i++) fine.frames(continuation(new Uint8Array(0)));
  const frames = fine.frames(continuation(new Uint8Array(0), true));
  assert.is(fine.decode(frames[0]!)[0]![1], '200');
});

test('headerBlockBytes: a field block that never ends', () => {
  const peer = createPeer();
  const head: Frame = {
    type: 'HEADERS',
    streamId: 1,
    endStream: true,
    endHeaders: false,
    fieldBlockFragment: new Uint8Array(16_384),
  };
  assert.is(errorOf(peer.frames(head)), undefined);
  const { well, error } = repeat(20, () => peer.frames(continuation(new Uint8Array(16_384))));
  assert.is(well, http2.headerBlockBytes / 16_384 - 1);
  assert.equal(error, calm);
});

test('headerListBytes: 431, and the tables go on (CVE-2016-6581)', () => {
  const peer = createPeer();
  const large: Field[] = Array.from({ length: 30 }, () => ['x-large', 'y'.repeat(2_000)]);
  const fine = peer.frames(peer.request(1, '/', { extra: large }));
  assert.is(peer.decode(fine[0]!)[0]![1], '200');
  const many: Field[] = Array.from({ length: 400 }, () => ['x-large', 'y'.repeat(2_000)]);
  const frames = peer.frames(peer.request(3, '/', { extra: many }));
  assert.is(peer.decode(frames[0]!)[0]![1], '431');
  assert.is(peer.decode(peer.frames(peer.request(5, '/'))[0]!)[0]![1], '200');
});

test('headerListBytes: a path that is too long itself is 431, too, and not a request without one', () => {
  const peer = createPeer();
  const whole = peer.request(1, `/${'a'.repeat(http2.headerListBytes)}`);
  if (whole.type !== 'HEADERS') throw new Error('HEADERS expected');
  const block = whole.fieldBlockFragment;
  const parts: Frame[] = [{ ...whole, endHeaders: false, fieldBlockFragment: block.subarray(0, 16_384) }];
  for (let at = 16_384; at < block.length; at += 16_384) {
    const fieldBlockFragment = block.subarray(at, at + 16_384);
    parts.push({ type: 'CONTINUATION', streamId: 1, endHeaders: at + 16_384 >= block.length, fieldBlockFragment });
  }
  assert.is(peer.decode(peer.frames(...parts)[0]!)[0]![1], '431');
});

test('headerListHardBytes: a list that decodes to far more than was announced ends the connection (CVE-2016-6581)', () => {
  const peer = createPeer();
  const bomb: Field[] = Array.from({ length: 600 }, () => ['x-large', 'y'.repeat(2_000)]);
  const frame = peer.request(1, '/', { extra: bomb });
  assert.ok(frame.type === 'HEADERS' && frame.fieldBlockFragment.length < 4_000);
  assert.equal(errorOf(peer.frames(frame)), calm);
});

test('fieldLines: one field too many is 431', () => {
  for (const [lines, expected] of [
    [http2.fieldLines, '200'],
    [http2.fieldLines + 1, '431'],
  ] as const) {
    const peer = createPeer();
    const extra: Field[] = Array.from({ length: lines - 4 }, (_, i) => ['x', String(i)]);
    const frames = peer.frames(peer.request(1, '/', { extra }));
    assert.is(peer.decode(frames[0]!)[0]![1], expected);
  }
});

test('settingsBurst: SETTINGS flood (CVE-2019-9515)', () => {
  const peer = createPeer();
  const { well, error } = repeat(http2.settingsBurst + 10, () => peer.frames(settingsFrame()));
  assert.is(well, http2.settingsBurst - 1); // the peer's preface was the first
  assert.equal(error, calm);
});

test('settingsPerFrame: too many settings in one frame', () => {
  const many = (count: number): Frame =>
    settingsFrame(...Array.from({ length: count }, (): [number, number] => [0x99, 1]));
  assert.is(errorOf(createPeer().frames(many(http2.settingsPerFrame))), undefined);
  assert.equal(errorOf(createPeer().frames(many(http2.settingsPerFrame + 1))), calm);
});

test('controlFrames: replies that nobody reads (CVE-2019-9512)', () => {
  const peer = createPeer();
  const bytes = frameBytes(...Array.from({ length: http2.controlFrames + 1 }, () => ping));
  peer.connection.receive(0, bytes);
  const frames = peer.take();
  assert.equal(errorOf(frames), calm);
  assert.ok(frames.length <= http2.controlFrames + 2);
  const fine = createPeer();
  fine.connection.receive(0, bytes.subarray(0, http2.controlFrames * 17));
  assert.is(fine.take().length, http2.controlFrames);
});

const empties: readonly (readonly [string, Frame])[] = [
  ['PING (CVE-2019-9512)', ping],
  [
    'PRIORITY (CVE-2019-9513)',
    { type: 'PRIORITY', streamId: 1, priority: { exclusive: false, streamDependency: 0, weight: 1 } },
  ],
  ['empty DATA (CVE-2019-9518)', { type: 'DATA', streamId: 1, endStream: false, data: new Uint8Array(0) }],
  ['unknown frames', { type: 'UNKNOWN', typeCode: 0xfa, flags: 0, streamId: 0, payload: new Uint8Array(0) }],
];

for (const [name, frame] of empties) {
  test(`idleFrameBurst: ${name} without end`, () => {
    const peer = createPeer({ trace: false });
    peer.frames(peer.request(1, '/echo', { method: 'POST', end: false }));
    const hundred = frameBytes(...Array.from({ length: 100 }, () => frame));
    const { well, error } = repeat(http2.idleFrameBurst / 100 + 10, () => peer.send(hundred));
    // The client's acknowledgment of our SETTINGS was one such frame.
    assert.is(well, http2.idleFrameBurst / 100 - 1);
    assert.equal(error, calm);
  });
}

test('idleFramesPerSecond: a ping every few milliseconds is fine', () => {
  const peer = createPeer({ trace: false });
  const { error } = repeat(http2.idleFrameBurst + 1_000, () => {
    peer.nowUs += 1_000_000 / http2.idleFramesPerSecond;
    return peer.frames(ping);
  });
  assert.is(error, undefined);
});

test('outputBytes: one take gives no more, however much is asked for', () => {
  const peer = createPeer();
  peer.frames({ type: 'WINDOW_UPDATE', streamId: 0, increment: 1 << 30 }, settingsFrame([4, 1 << 30]));
  peer.connection.receive(0, frameBytes(peer.request(1, '/bytes/1000000')));
  const taken = peer.connection.take(0, 1 << 30);
  assert.ok(taken.length > http2.outputBytes - 1024 && taken.length <= http2.outputBytes);
});

test('emptyReads: a body that never has anything is asked that often and given up', () => {
  let reads = 0;
  const peer = createPeer({
    handler: () => ({
      status: 200,
      headers: [],
      body: { length: undefined, read: () => new Uint8Array(reads++ * 0) },
    }),
  });
  assert.equal(errorOf(peer.frames(peer.request(1, '/'))), { scope: 'stream', code: ErrorCode.INTERNAL_ERROR });
  assert.is(reads, http2.emptyReads);
});

test('responseHeaderListBytes: a larger header list becomes a 500', () => {
  const size = http2.responseHeaderListBytes - 'x-large'.length - 32;
  for (const [length, expected] of [
    [size, '200'],
    [size + 1, '500'],
  ] as const) {
    const peer = createPeer({ handler: () => ({ status: 200, headers: [['x-large', '{'.repeat(length)]] }) });
    const blocks = peer
      .frames(peer.request(1, '/'))
      .flatMap((frame) => ('fieldBlockFragment' in frame ? [frame.fieldBlockFragment] : []));
    const whole = concat(...blocks);
    // The list is larger than a decoder of ours keeps, but :status comes first.
    const [status] = peer.decode({
      type: 'HEADERS',
      streamId: 1,
      endStream: true,
      endHeaders: true,
      fieldBlockFragment: whole,
    });
    assert.is(status![1], expected);
  }
});

test('roomBytes: the same all the time, so that the peer can finish writing and read our GOAWAY', () => {
  const peer = createPeer({ handler: () => ({ status: 200, headers: [], body: body(ascii('x')) }) });
  assert.is(peer.connection.room(), http2.roomBytes);
  peer.frames({ type: 'WINDOW_UPDATE', streamId: 0, increment: 0 });
  assert.is(peer.connection.room(), http2.roomBytes);
});

test('Budget: burst, then as much as time gives back, and never more than the burst', () => {
  const budget = new Budget(3, 2);
  const spend = (nowUs: number, times: number): number => {
    let granted = 0;
    for (let i = 0; i < times; i++) if (budget.spend(nowUs)) granted++;
    return granted;
  };
  assert.is(spend(0, 5), 3);
  assert.is(spend(499_999, 1), 0);
  assert.is(spend(500_000, 2), 1);
  assert.is(spend(1_500_000, 5), 2);
  assert.is(spend(9_000_000_000_000_000, 10), 3);
});

test.run();
