// Trailer sections both ways (RFC 9113 §8.1, RFC 9110 §6.5), bodies that wait for logical time, and frames larger than the
// least where the peer takes them (§4.2).

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BodySource, Response } from '../../../src/core/http/message.js';
import { createSite } from '../../../src/core/http/site.js';
import { ErrorCode, type Frame } from '../../../src/core/http2/frame.js';
import { limits } from '../../../src/core/limits.js';
import type { Field } from '../../../src/core/trace.js';
import { ascii } from '../../support/bytes.js';
import { body, createPeer, errorOf, type Peer, settingsFrame } from './support.js';

const internal = { scope: 'stream', code: ErrorCode.INTERNAL_ERROR };
const types = (frames: readonly Frame[]): string[] =>
  frames.map((frame) => `${frame.type}${'endStream' in frame && frame.endStream ? ' ES' : ''}`);
const trailersFrame = (peer: Peer, fields: readonly Field[]): Frame => ({
  type: 'HEADERS',
  streamId: 1,
  endStream: true,
  endHeaders: true,
  fieldBlockFragment: peer.encode(fields),
});

function answered(source: Partial<BodySource> & Pick<BodySource, 'read'>): { peer: Peer; frames: Frame[] } {
  const response: Response = { status: 200, headers: [], body: Object.assign(source, { length: source.length }) };
  const peer = createPeer({ handler: () => response });
  return { peer, frames: peer.frames(peer.request(1, '/')) };
}

const SUM: Field[] = [['x-sum', '1234']];

for (const length of [3, undefined]) {
  test(`a response with trailers, its length ${length === undefined ? 'unknown' : 'known'}`, () => {
    const { peer, frames } = answered({ ...body(ascii('abc')), length, trailers: () => SUM });
    assert.equal(types(frames), ['HEADERS', 'DATA', 'HEADERS ES']);
    assert.is(peer.decode(frames[0]!).find(([name]) => name === 'content-length')?.[1], length && '3');
    assert.equal(peer.decode(frames[2]!), SUM);
  });
}

test('trailers behind no content at all', () => {
  assert.equal(types(answered({ length: 0, read: () => undefined, trailers: () => SUM }).frames), [
    'HEADERS',
    'HEADERS ES',
  ]);
});

test('an empty trailer section is none', () => {
  assert.equal(types(answered({ ...body(ascii('abc')), trailers: () => [] }).frames), ['HEADERS', 'DATA ES']);
});

test('an empty trailer field of a request is shown by /trailers', () => {
  const peer = createPeer({ handler: createSite() });
  const frames = peer.frames(
    peer.request(1, '/trailers', { method: 'POST', end: false }),
    trailersFrame(peer, [['x-a', '']]),
  );
  assert.equal(types(frames), ['HEADERS', 'HEADERS ES']);
  peer.decode(frames[0]!);
  assert.equal(peer.decode(frames[1]!).at(-1), ['x-request-trailer', 'x-a:']);
});

test('trailers need no window', () => {
  const source = { ...body(ascii('abcd')), trailers: () => SUM };
  const peer = createPeer({ handler: () => ({ status: 200, headers: [], body: source }) });
  peer.frames(settingsFrame([4, 4]));
  assert.equal(types(peer.frames(peer.request(1, '/'))), ['HEADERS', 'DATA', 'HEADERS ES']);
});

test('fields of the connection are left out of trailers', () => {
  const trailers = (): Field[] => [['connection', 'close'], ['content-length', '3'], ...SUM];
  const { peer, frames } = answered({ ...body(ascii('abc')), trailers });
  peer.decode(frames[0]!);
  assert.equal(peer.decode(frames[2]!), SUM);
});

test('trailers that cannot be sent reset the stream, and cost the connection no window', () => {
  const bad: (() => readonly Field[])[] = [
    () => [[':status', '200']],
    () => [['X', 'a']],
    () => [['x', 'a\nb']],
    () => [['x', 'y'.repeat(limits.http2.responseHeaderListBytes)]],
    () => {
      throw new Error('lost');
    },
  ];
  for (const trailers of bad) {
    assert.equal(errorOf(answered({ ...body(ascii('abc')), trailers }).frames), internal);
  }
  const peer = createPeer({
    handler: ({ path }) => ({
      status: 200,
      headers: [],
      body: path === '/' ? { ...body(new Uint8Array(60_000)), trailers: bad[0]! } : body(new Uint8Array(40_000)),
    }),
  });
  const sent = (frames: readonly Frame[]): number =>
    frames.reduce((sum, frame) => sum + (frame.type === 'DATA' ? frame.data.length : 0), 0);
  const failed = sent(peer.frames(peer.request(1, '/')));
  assert.is(sent(peer.frames(peer.request(3, '/other'))), Math.min(40_000, 65_535 - failed));
});

test('content beyond a known length, found when the trailers are wanted', () => {
  const source = { length: 2, read: (most: number) => new Uint8Array(Math.min(most, 2)), trailers: () => SUM };
  assert.equal(errorOf(answered(source).frames), internal);
});

test('the trailers of a request reach who reads its content, at its end', () => {
  let source: BodySource | undefined;
  const peer = createPeer({
    handler: (request) => {
      source = request.body;
      return { status: 200, headers: [], delayUs: 1_000 };
    },
  });
  peer.frames(peer.request(1, '/', { method: 'POST', end: false }));
  peer.frames({ type: 'DATA', streamId: 1, endStream: false, data: ascii('abc') }, trailersFrame(peer, SUM));
  assert.equal(source!.trailers!(), []);
  assert.is(source!.read(10)!.length, 3);
  assert.is(source!.read(10), undefined);
  assert.equal(source!.trailers!(), SUM);
});

test('an echo gives trailers back', () => {
  const peer = createPeer();
  peer.decode(peer.frames(peer.request(1, '/echo', { method: 'POST', end: false }))[0]!);
  peer.frames({ type: 'DATA', streamId: 1, endStream: false, data: ascii('abc') });
  const frames = peer.frames(trailersFrame(peer, SUM));
  assert.equal(types(frames), ['HEADERS ES']);
  assert.equal(peer.decode(frames[0]!), SUM);
});

test('trailers that are too many are refused (§10.5.1)', () => {
  const peer = createPeer();
  peer.frames(peer.request(1, '/echo', { method: 'POST', end: false }));
  const many = Array.from({ length: limits.http2.fieldLines + 1 }, (): Field => ['x', 'y']);
  assert.equal(errorOf(peer.frames(trailersFrame(peer, many))), {
    scope: 'stream',
    code: ErrorCode.ENHANCE_YOUR_CALM,
  });
});

/** Gives one octet each 100 us, five in all. */
function timed(): BodySource {
  let given = 0;
  return {
    length: undefined,
    get dueUs() {
      return given < 5 ? (given + 1) * 100 : undefined;
    },
    read(_most, nowUs = 0) {
      if (given === 5) return undefined;
      if (nowUs < (given + 1) * 100) return new Uint8Array(0);
      given++;
      return ascii('x');
    },
  };
}

test('a body that waits for time is read when it is due', () => {
  const { peer, frames } = answered(timed());
  assert.equal(types(frames), ['HEADERS']);
  for (let i = 1; i <= 5; i++) {
    assert.is(peer.connection.nextDeadlineUs(), i * 100);
    peer.nowUs = i * 100;
    peer.connection.advance(peer.nowUs);
    assert.equal(types(peer.take()), i < 5 ? ['DATA'] : ['DATA', 'DATA ES']);
  }
});

test('a body that wants to be read in the past, or at no time, is given up', () => {
  for (const dueUs of [0, -1, Number.NaN, 1.5, Number.POSITIVE_INFINITY]) {
    const { frames } = answered({ dueUs, read: () => new Uint8Array(0) });
    assert.equal(errorOf(frames), internal, `${dueUs}`);
  }
});

test('§4.2: DATA frames as large as the peer takes them, and as one take is', () => {
  const largest = (maxFrameSize: number): number => {
    const peer = createPeer({ takeBytes: 1 << 20 });
    peer.frames({ type: 'WINDOW_UPDATE', streamId: 0, increment: 1 << 30 });
    peer.frames(settingsFrame([4, 1 << 30], [5, maxFrameSize]));
    const frames = peer.frames(peer.request(1, '/bytes/400000'));
    return Math.max(...frames.map((frame) => (frame.type === 'DATA' ? frame.data.length : 0)));
  };
  assert.is(largest(16_384), 16_384);
  assert.is(largest(20_000), 20_000);
  assert.is(largest(0xff_ff_ff), limits.http2.dataBytes);
});

test.run();
