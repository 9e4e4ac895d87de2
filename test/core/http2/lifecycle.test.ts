// How a connection ends (RFC 9113 §5.4.1, §6.8), and how time gets into it: GOAWAY from both sides, end of input, errors,
// delays.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ErrorCode, type Frame, MAX_STREAM_ID } from '../../../src/core/http2/frame.js';
import { limits } from '../../../src/core/limits.js';
import { ascii } from '../../support/bytes.js';
import { createPeer, DATE, errorOf, type Peer } from './support.js';

const goaway = (frames: readonly Frame[]): Frame[] => frames.filter((frame) => frame.type === 'GOAWAY');
const clientGoaway: Frame = { type: 'GOAWAY', lastStreamId: 0, errorCode: 0, debugData: new Uint8Array(0) };
const data = (streamId: number, text: string, endStream: boolean): Frame => ({
  type: 'DATA',
  streamId,
  endStream,
  data: ascii(text),
});
const noError = (lastStreamId: number): Frame[] => [
  { type: 'GOAWAY', lastStreamId, errorCode: ErrorCode.NO_ERROR, debugData: new Uint8Array(0) },
];

/** The answer to the PING that goes with the first GOAWAY. */
const PONG: Frame = { type: 'PING', ack: true, opaqueData: ascii('shutdown') };

function close(peer: Peer): Frame[] {
  peer.connection.close(peer.nowUs);
  return peer.take();
}

function endOfInput(peer: Peer): Frame[] {
  peer.connection.endOfInput(peer.nowUs);
  return peer.take();
}

test('close: a GOAWAY that refuses nothing, and with the answer to its PING the one that names the last stream', () => {
  const peer = createPeer();
  peer.decode(peer.frames(peer.request(1, '/'))[0]!);
  const frames = close(peer);
  assert.equal(frames, [...noError(MAX_STREAM_ID), { type: 'PING', ack: false, opaqueData: ascii('shutdown') }]);
  assert.is(peer.connection.state, 'open');
  // §6.8: what was under way is taken.
  assert.is(peer.decode(peer.frames(peer.request(3, '/'))[0]!)[0]![1], '200');
  // Another PING of the peer's own, and an answer that was not asked for, are no round trip.
  assert.equal(goaway(peer.frames({ type: 'PING', ack: true, opaqueData: ascii('whatever') })), []);
  assert.equal(peer.frames(PONG), noError(3));
  assert.is(peer.connection.state, 'closed');
});

test('goawayUs: without an answer to the PING the last stream is named then', () => {
  const peer = createPeer();
  peer.nowUs = 5;
  close(peer);
  assert.is(peer.connection.nextDeadlineUs(), 5 + limits.http2.goawayUs);
  peer.nowUs = 5 + limits.http2.goawayUs;
  peer.connection.advance(peer.nowUs);
  assert.is(peer.connection.state, 'draining');
  assert.equal(peer.take(), noError(0));
  assert.is(peer.connection.state, 'closed');
  assert.is(peer.connection.nextDeadlineUs(), undefined);
});

test('close of a connection that has not begun names stream 0 at once', () => {
  const peer = createPeer({ bare: true });
  assert.equal(goaway(close(peer)), noError(0));
  assert.is(peer.connection.state, 'closed');
});

test('close finishes what has begun, input included, and passes over later streams', () => {
  const peer = createPeer();
  peer.frames(peer.request(1, '/echo', { method: 'POST', end: false }));
  close(peer);
  assert.equal(peer.frames(PONG), noError(1));
  assert.is(peer.connection.state, 'open');
  // Decoded for the tables' sake, and not answered.
  assert.equal(peer.frames(peer.request(3, '/', { extra: [['x-new', '1']] })), []);
  assert.equal(peer.frames(data(3, 'x', true)), []);
  assert.equal(peer.frames(data(1, 'abc', true))[0], data(1, 'abc', false));
  assert.is(peer.connection.state, 'closed');
});

test('close twice, or after the end, does nothing more', () => {
  const peer = createPeer();
  peer.frames(peer.request(1, '/delay/100'));
  assert.equal(goaway(close(peer)), noError(MAX_STREAM_ID));
  assert.equal(close(peer), []);
  assert.equal(peer.frames(PONG), noError(1));
  assert.equal(close(peer), []);
  assert.equal(goaway(peer.frames(PONG)), []);
  endOfInput(peer);
  assert.equal(close(peer), []);
});

test('end of input between the two GOAWAYs: the second one is sent all the same', () => {
  const peer = createPeer();
  peer.frames(peer.request(1, '/'));
  close(peer);
  assert.equal(endOfInput(peer), noError(1));
  assert.is(peer.connection.state, 'closed');
});

test('an error while closing adds a GOAWAY with its code and the same last stream', () => {
  const peer = createPeer();
  peer.frames(peer.request(1, '/delay/100'));
  close(peer);
  peer.frames(PONG);
  peer.frames(peer.request(3, '/'));
  const frames = peer.frames({ type: 'WINDOW_UPDATE', streamId: 0, increment: 0 });
  assert.equal(
    goaway(frames).map((frame) => frame.type === 'GOAWAY' && [frame.lastStreamId, frame.errorCode]),
    [[1, ErrorCode.PROTOCOL_ERROR]],
  );
  assert.is(peer.connection.state, 'closed');
});

test('idleUs: a connection without streams is closed in the same two steps, one with a stream is not', () => {
  const { idleUs } = limits.http2;
  const peer = createPeer();
  peer.nowUs = 100;
  peer.frames(peer.request(1, '/'));
  peer.connection.advance(idleUs);
  assert.equal(peer.take(), []);
  assert.is(peer.connection.nextDeadlineUs(), 100 + idleUs);
  peer.nowUs = 100 + idleUs;
  peer.connection.advance(peer.nowUs);
  assert.equal(goaway(peer.take()), noError(MAX_STREAM_ID));

  const busy = createPeer();
  busy.frames(busy.request(1, `/delay/${2 * idleUs}`));
  busy.connection.advance(idleUs);
  busy.nowUs = idleUs;
  assert.equal(busy.take(), []);
  assert.is(busy.connection.nextDeadlineUs(), 2 * idleUs);
});

test('GOAWAY from the client: its streams are finished, then ours is sent and all is closed', () => {
  const peer = createPeer();
  peer.frames(peer.request(1, '/delay/100'));
  assert.equal(peer.frames(clientGoaway), []);
  assert.is(peer.connection.state, 'open');
  peer.nowUs = 100;
  peer.connection.advance(100);
  const frames = peer.take();
  assert.equal(
    frames.map((frame) => frame.type),
    ['HEADERS', 'GOAWAY'],
  );
  assert.is(peer.connection.state, 'closed');
});

test('end of input: complete requests are answered, others are called off', () => {
  const peer = createPeer();
  peer.frames(peer.request(1, '/delay/100'), peer.request(3, '/echo', { method: 'POST', end: false }));
  const frames = endOfInput(peer);
  assert.equal(errorOf(frames), { scope: 'stream', code: ErrorCode.CANCEL });
  assert.is(peer.connection.state, 'draining');
  peer.nowUs = 100;
  peer.connection.advance(100);
  const last = peer.take();
  assert.equal(
    last.map((frame) => frame.type),
    ['HEADERS', 'GOAWAY'],
  );
  assert.is(peer.connection.state, 'closed');
});

test('end of input: what the windows let through is sent, the rest is called off', () => {
  const before = createPeer();
  before.frames(before.request(1, '/bytes/70000'));
  assert.equal(errorOf(endOfInput(before).slice(0, 1)), { scope: 'stream', code: ErrorCode.CANCEL });
  assert.is(before.connection.state, 'closed');

  const during = createPeer({
    handler: () => ({ status: 200, headers: [], body: { length: 70_000, read: (n) => new Uint8Array(n) }, delayUs: 5 }),
  });
  during.frames(during.request(1, '/'));
  endOfInput(during);
  during.nowUs = 5;
  during.connection.advance(5);
  const frames = during.take();
  const sent = frames.reduce((sum, frame) => sum + (frame.type === 'DATA' ? frame.data.length : 0), 0);
  assert.is(sent, 65_535);
  assert.equal(errorOf(frames.slice(0, -1)), { scope: 'stream', code: ErrorCode.CANCEL });
  assert.is(during.connection.state, 'closed');
});

test('end of input without a request: closed', () => {
  const peer = createPeer({ bare: true });
  endOfInput(peer);
  assert.is(peer.connection.state, 'closed');
  assert.equal(peer.send(ascii('PRI')), []);
});

test('a connection error cancels every body and takes no more input', () => {
  let cancelled = 0;
  const peer = createPeer({
    handler: () => ({
      status: 200,
      headers: [],
      body: { length: undefined, read: (n) => new Uint8Array(n), cancel: () => void cancelled++ },
    }),
  });
  peer.frames(peer.request(1, '/'), peer.request(3, '/'));
  peer.frames({ type: 'WINDOW_UPDATE', streamId: 0, increment: 0 });
  assert.is(cancelled, 2);
  assert.is(peer.connection.state, 'closed');
  assert.equal(peer.frames(peer.request(5, '/')), []);
  assert.is(peer.connection.nextDeadlineUs(), undefined);
});

test('frames that were cut by a take are completed before the GOAWAY', () => {
  const peer = createPeer({ takeBytes: 100 });
  peer.frames(peer.request(1, '/bytes/10'));
  peer.connection.receive(0, new Uint8Array(0));
  const more = peer.request(3, '/bytes/60000');
  if (more.type !== 'HEADERS') throw new Error('HEADERS expected');
  const frames = peer.frames(more, { type: 'GOAWAY', lastStreamId: 0, errorCode: 0, debugData: new Uint8Array(0) });
  assert.is(frames.at(-1)!.type, 'GOAWAY');
  assert.is(
    frames.reduce((sum, frame) => sum + (frame.type === 'DATA' ? frame.data.length : 0), 0),
    60_000,
  );
});

test('delays end in the order of deadline, then stream; date is that of the deadline', () => {
  const dates: number[] = [];
  const order: number[] = [];
  const peer = createPeer();
  peer.frames(peer.request(1, '/delay/300'), peer.request(3, '/delay/100'), peer.request(5, '/delay/100'));
  assert.is(peer.connection.nextDeadlineUs(), 100);
  peer.connection.advance(99);
  assert.equal(peer.take(), []);
  for (const nowUs of [100, 300]) {
    peer.nowUs = nowUs;
    peer.connection.advance(nowUs);
    for (const frame of peer.take()) {
      if (frame.type !== 'HEADERS') continue;
      order.push(frame.streamId);
      dates.push(nowUs);
      assert.is(peer.decode(frame)[1]![1], DATE);
    }
  }
  assert.equal(order, [3, 5, 1]);
  assert.equal(dates, [100, 100, 300]);
  assert.is(peer.connection.nextDeadlineUs(), limits.http2.idleUs);
});

test('a reset takes its delay with it', () => {
  const peer = createPeer();
  peer.frames(peer.request(1, '/delay/100'), { type: 'RST_STREAM', streamId: 1, errorCode: 8 });
  assert.is(peer.connection.nextDeadlineUs(), limits.http2.idleUs);
});

test('a receive that comes late fires what was due before it', () => {
  const peer = createPeer();
  peer.frames(peer.request(1, '/delay/100'));
  peer.nowUs = 500;
  const frames = peer.frames({ type: 'PING', ack: false, opaqueData: ascii('12345678') });
  assert.equal(frames.map((frame) => frame.type).sort(), ['HEADERS', 'PING']);
});

test('the peer’s smaller header table is kept to', () => {
  const peer = createPeer();
  peer.frames(peer.request(1, '/'));
  const frames = peer.frames({ type: 'SETTINGS', ack: false, settings: [[1, 0]] }, peer.request(3, '/'));
  const head = frames.find((frame) => frame.type === 'HEADERS')!;
  // A size update to 0 stands first.
  assert.is(head.type === 'HEADERS' && head.fieldBlockFragment[0], 0x20);
  assert.is(peer.decode(head)[0]![1], '200');
});

test('a header table that one SETTINGS frame makes smaller and large again has lost its entries (RFC 7541 §4.2)', () => {
  const peer = createPeer();
  peer.decode(peer.frames(peer.request(1, '/')).find((frame) => frame.type === 'HEADERS')!);
  const settings: [number, number][] = [
    [1, 0],
    [1, 4096],
  ];
  const frames = peer.frames({ type: 'SETTINGS', ack: false, settings }, peer.request(3, '/'));
  const head = frames.find((frame) => frame.type === 'HEADERS')!;
  if (head.type !== 'HEADERS') throw new Error('HEADERS expected');
  // Size updates to 0 and to 4096, and only then fields.
  assert.equal([...head.fieldBlockFragment.subarray(0, 4)], [0x20, 0x3f, 0xe1, 0x1f]);
  assert.is(peer.decode(head)[0]![1], '200');
});

test.run();
