// Answers from outside over HTTP/2: any order of streams, content both ways, windows, resets, and what ends them.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Answer, Handler } from '../../../src/core/http/message.js';
import { createSite } from '../../../src/core/http/site.js';
import { ErrorCode, type Frame } from '../../../src/core/http2/frame.js';
import { limits } from '../../../src/core/limits.js';
import { ascii, text } from '../../support/bytes.js';
import { type Outside, outside } from '../../support/outside.js';
import { createPeer, errorOf, type Peer } from './support.js';

const ok = (content: string): Answer => ({ kind: 'response', status: 200, headers: [], content: ascii(content) });
const FOLLOWS: Answer = { kind: 'response', status: 200, headers: [], content: 'follows' };
const more = (content: string, end = false): Answer => ({ kind: 'content', bytes: ascii(content), end });

interface Started {
  readonly app: Outside;
  readonly peer: Peer;
  give(streamId: number, answer: Answer): Frame[];
}

function start(app: Outside = outside(), takeBytes?: number): Started {
  const peer = createPeer(takeBytes === undefined ? { handler: app.handler } : { handler: app.handler, takeBytes });
  return {
    app,
    peer,
    give(streamId, answer) {
      peer.connection.respond(peer.nowUs, `test#0/${streamId}`, answer);
      return peer.take();
    },
  };
}

/** `HEADERS 3`, `DATA 3 abc`, `DATA 3 END`. */
function told(frames: readonly Frame[]): string[] {
  return frames.map((frame) => {
    const id = 'streamId' in frame ? ` ${frame.streamId}` : '';
    const data = frame.type === 'DATA' && frame.data.length > 0 ? ` ${text(frame.data)}` : '';
    const end = 'endStream' in frame && frame.endStream ? ' END' : '';
    return `${frame.type}${id}${data}${end}`;
  });
}

function data(streamId: number, content: string, endStream = false): Frame {
  return { type: 'DATA', streamId, endStream, data: ascii(content) };
}

test('streams are answered in the order of the answers', () => {
  const { app, peer, give } = start();
  assert.equal(told(peer.frames(peer.request(1, '/a'), peer.request(3, '/b'), peer.request(5, '/c'))), []);
  assert.equal(
    app.requests.map(({ path, serial }) => `${path} ${serial}`),
    ['/a 1', '/b 3', '/c 5'],
  );
  assert.equal(told(give(5, ok('c'))), ['HEADERS 5', 'DATA 5 c END']);
  assert.equal(told(give(1, ok('a'))), ['HEADERS 1', 'DATA 1 a END']);
  assert.equal(told(give(3, { kind: 'response', status: 204, headers: [] })), ['HEADERS 3 END']);
  assert.equal(app.told, ['5 ended sent', '1 ended sent', '3 ended sent']);
  assert.equal(told(give(5, ok('again'))), []);
  assert.equal(told(give(7, ok('nobody asked'))), []);
});

test('content and trailers follow the head', () => {
  const { app, peer, give } = start();
  peer.frames(peer.request(1, '/'));
  assert.equal(told(give(1, FOLLOWS)), ['HEADERS 1']);
  assert.equal(told(give(1, more('abc'))), ['DATA 1 abc']);
  const last = { kind: 'content', bytes: ascii('d'), end: true, trailers: [['x-sum', '4']] } as const;
  const frames = give(1, last);
  assert.equal(told(frames), ['DATA 1 d', 'HEADERS 1 END']);
  assert.equal(app.told.at(-1), '1 ended sent');
});

test('content of the request opens its window only as it is asked for', () => {
  const { app, peer, give } = start();
  peer.frames(peer.request(1, '/', { method: 'POST', end: false }));
  const piece = 'x'.repeat(16_384);
  const half = limits.http2.streamWindowBytes / 2 / 16_384;
  for (let i = 0; i < half; i++) assert.equal(told(peer.frames(data(1, piece))), []);
  assert.equal(app.told, []);
  const frames = give(1, { kind: 'read', maxBytes: limits.http2.streamWindowBytes });
  assert.ok(told(frames).includes('WINDOW_UPDATE 1'));
  peer.frames(data(1, 'end', true));
  assert.equal(app.told.slice(-2), ['1 content end', '1 content end']);
});

test('a client that waits for 100 gets it once, when content is asked for', () => {
  const { app, peer, give } = start();
  const extra = [['expect', '100-continue']] as [string, string][];
  assert.equal(told(peer.frames(peer.request(1, '/', { method: 'POST', end: false, extra }))), []);
  const frames = give(1, { kind: 'read', maxBytes: 100 });
  assert.equal(told(frames), ['HEADERS 1']);
  assert.equal(peer.decode(frames[0]!), [[':status', '100']]);
  assert.equal(told(give(1, { kind: 'read', maxBytes: 100 })), []);
  peer.frames(data(1, 'abc', true));
  assert.equal(app.told, ['1 content abc', '1 content end']);
  assert.equal(told(give(1, ok('x'))), ['HEADERS 1', 'DATA 1 x END']);
});

test('a closed window holds content back in the core, and the outside hears when it drains', () => {
  const { app, peer, give } = start();
  peer.frames({ type: 'SETTINGS', ack: false, settings: [[0x4, 4]] }, peer.request(1, '/'));
  assert.equal(told(give(1, FOLLOWS)), ['HEADERS 1']);
  assert.equal(told(give(1, more('abcdefgh'))), ['DATA 1 abcd']);
  assert.equal(app.told[0], '1 drained 4');
  const update = { type: 'WINDOW_UPDATE', streamId: 1, increment: 100 } as const;
  assert.equal(told(peer.frames(update)), ['DATA 1 efgh']);
  assert.is(app.told.at(-1), '1 drained 0');
  assert.equal(told(give(1, more('', true))), ['DATA 1 END']);
});

test('a reset cancels, and later answers find nobody', () => {
  const { app, peer, give } = start();
  peer.frames(peer.request(1, '/'), peer.request(3, '/'));
  peer.frames({ type: 'RST_STREAM', streamId: 1, errorCode: ErrorCode.CANCEL });
  assert.equal(app.told, ['1 ended cancelled']);
  assert.equal(told(give(1, ok('late'))), []);
  assert.equal(told(give(3, ok('fine'))), ['HEADERS 3', 'DATA 3 fine END']);
  const reasons = peer.events.flatMap(({ event }) => (event.kind === 'unanswered' ? [event.reason] : []));
  assert.equal(reasons, ['nobody waits for the answer any more', 'no request waits for this answer']);
});

test('an error of the connection, and the loss of what is below, cancel all', () => {
  const { app, peer } = start();
  peer.frames(peer.request(1, '/'), peer.request(3, '/'));
  peer.frames({ type: 'WINDOW_UPDATE', streamId: 0, increment: 0 });
  assert.equal(app.told, ['1 ended cancelled', '3 ended cancelled']);
  const lost = start();
  lost.peer.frames(lost.peer.request(1, '/'));
  lost.peer.connection.lost(5);
  assert.equal(lost.app.told, ['1 ended cancelled']);
});

test('answerUs: 504 for the stream, the connection goes on; within a response the stream is reset', () => {
  const { app, peer, give } = start();
  peer.frames(peer.request(1, '/'));
  peer.nowUs = 5;
  peer.frames(peer.request(3, '/'));
  // The tables of HPACK go on from one field block to the next.
  peer.decode(give(3, FOLLOWS)[0]!);
  peer.connection.advance(limits.http.answerUs - 1);
  assert.equal(app.told, []);
  peer.nowUs = limits.http.answerUs + 5;
  peer.connection.advance(peer.nowUs);
  const frames = peer.take();
  assert.equal(told(frames), ['RST_STREAM 3', 'HEADERS 1 END']);
  assert.equal(peer.decode(frames[1]!)[0], [':status', '504']);
  assert.equal(app.told, ['1 ended timeout', '3 ended timeout']);
  peer.frames(peer.request(5, '/'));
  assert.equal(told(give(5, ok('on'))), ['HEADERS 5', 'DATA 5 on END']);
});

test('answerUs: a client that is slow to send or to take is not the fault of the outside', () => {
  const { app, peer, give } = start();
  peer.frames({ type: 'SETTINGS', ack: false, settings: [[0x4, 0]] }, peer.request(1, '/'));
  give(1, FOLLOWS);
  give(1, more('waits'));
  peer.connection.advance(limits.http.answerUs * 3);
  assert.equal(app.told, ['1 drained 4', '1 ended cancelled'], 'a slow reader is called off as such');
});

test('answerUs: a response to HEAD is whole as soon as it is there, however late it is taken', () => {
  for (const rest of [[], [more('', true)]]) {
    const { app, peer } = start();
    peer.frames(peer.request(1, '/', { method: 'HEAD' }));
    // Nothing is taken meanwhile, as when TCP has no room.
    for (const answer of [{ ...FOLLOWS, length: 5 }, ...rest]) peer.connection.respond(peer.nowUs, 'test#0/1', answer);
    peer.nowUs += 2 * limits.http.answerUs;
    peer.connection.advance(peer.nowUs);
    const frames = peer.take();
    assert.equal(told(frames), ['HEADERS 1 END']);
    assert.equal(peer.decode(frames[0]!)[0], [':status', '200']);
    assert.equal(app.told, ['1 ended sent']);
  }
});

test('who passes leaves the request to the other handler', () => {
  const { app, peer, give } = start(outside({ otherwise: createSite() }));
  peer.frames(peer.request(1, '/status/418'));
  const frames = give(1, { kind: 'pass' });
  assert.equal(peer.decode(frames[0]!)[0], [':status', '418']);
  assert.equal(app.told, ['1 ended passed']);
});

test('an outside that fails: 500 before the response, a reset within it', () => {
  const { peer, give } = start();
  peer.frames(peer.request(1, '/'), peer.request(3, '/'));
  assert.equal(peer.decode(give(1, { kind: 'fail' })[0]!)[0], [':status', '500']);
  give(3, FOLLOWS);
  assert.equal(errorOf(give(3, { kind: 'fail' })), { scope: 'stream', code: ErrorCode.INTERNAL_ERROR });
});

test('a response that HTTP/2 cannot carry becomes a 500', () => {
  const { app, peer, give } = start();
  peer.frames(peer.request(1, '/'));
  const frames = give(1, { kind: 'response', status: 200, headers: [['a', 'b\n']] });
  assert.equal(peer.decode(frames[0]!)[0], [':status', '500']);
  assert.equal(app.told, ['1 ended failed']);
});

test('a client that has ended its half is still answered, one in the middle of its request is not', () => {
  const { app, peer, give } = start();
  peer.frames(peer.request(1, '/'), peer.request(3, '/', { method: 'POST', end: false }));
  peer.connection.endOfInput(0);
  peer.take();
  assert.equal(app.told, ['3 ended cancelled']);
  assert.equal(told(give(1, ok('late'))).slice(0, 2), ['HEADERS 1', 'DATA 1 late END']);
});

const handlers: readonly (readonly [string, unknown])[] = [
  ['nothing', undefined],
  ['null', null],
  ['a text', 'hello'],
  ['no headers', { status: 200 }],
  ['headers that are no list', { status: 200, headers: new Map([['a', 'b']]) }],
  ['a header of numbers', { status: 200, headers: [['a', 5]] }],
  ['a header without a name', { status: 200, headers: [[5, 'a']] }],
  ['a status that is text', { status: '200', headers: [] }],
  ['a delay that is no time', { status: 200, headers: [], delayUs: Number.NaN }],
  ['a body without length', { status: 200, headers: [], body: { length: '5', read: () => undefined } }],
  ['a body that is a text', { status: 200, headers: [], body: 'hello' }],
  ['a body that is bytes', { status: 200, headers: [], body: ascii('hello') }],
];

for (const [name, given] of handlers) {
  test(`a handler that gives ${name} becomes a 500`, () => {
    const peer = createPeer({ handler: (() => given) as Handler });
    const frames = peer.frames(peer.request(1, '/'));
    assert.equal(peer.decode(frames[0]!)[0], [':status', '500']);
    assert.ok(peer.events.some(({ event }) => event.kind === 'error'));
  });
}

test('the same answers give the same bytes however they are taken', () => {
  const outputs = [undefined, 1, 600].map((takeBytes) => {
    const { peer, give } = start(outside(), takeBytes);
    peer.frames(peer.request(1, '/'), peer.request(3, '/'));
    give(3, FOLLOWS);
    give(1, ok('one'));
    give(3, more('two'));
    give(3, more('', true));
    return text(peer.output());
  });
  assert.is(outputs[1], outputs[0]);
  assert.is(outputs[2], outputs[0]);
});

test.run();
