// Answers from outside over HTTP/1.1: order, content both ways, what ends them, and what becomes of a bad one.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bytesBody } from '../../../src/core/http/body.js';
import type { Answer, Handler } from '../../../src/core/http/message.js';
import { createSite } from '../../../src/core/http/site.js';
import { limits } from '../../../src/core/limits.js';
import { ascii } from '../../support/bytes.js';
import { parseResponse, parseResponses, type Rig, rig } from '../../support/http1.js';
import { type Outside, outside } from '../../support/outside.js';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const POST = 'POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n';
const ok = (content: string): Answer => ({ kind: 'response', status: 200, headers: [], content: ascii(content) });
const FOLLOWS: Answer = { kind: 'response', status: 200, headers: [['x', 'y']], content: 'follows' };
const more = (content: string, end = false): Answer => ({ kind: 'content', bytes: ascii(content), end });

function start(app: Outside = outside()): { app: Outside; peer: Rig; give(answer: Answer, index?: number): string } {
  const peer = rig({ handler: app.handler });
  return {
    app,
    peer,
    give(answer, index = app.requests.length - 1) {
      peer.connection.respond(peer.nowUs, app.token(index), answer);
      return peer.send();
    },
  };
}

function unanswered(peer: Rig): string[] {
  return peer.events.flatMap((event) => (event.kind === 'unanswered' ? [event.reason] : []));
}

test('nothing is sent before the answer comes, then all of it', () => {
  const { app, peer, give } = start();
  assert.is(peer.send(GET), '');
  assert.is(app.token(0), 'test#0/1');
  const answer = parseResponse(give(ok('late')));
  assert.is(answer.body, 'late');
  assert.is(answer.headers.get('content-length'), '4');
  assert.equal(app.told, ['1 ended sent']);
  assert.equal(
    peer.events.filter(({ layer }) => layer === 'http').map(({ kind }) => kind),
    ['request', 'deferred', 'answer', 'response'],
  );
});

test('pipelined requests are handed out one after the other, and an answer to a later one finds nobody', () => {
  const { app, peer, give } = start();
  assert.is(peer.send(GET + GET), '');
  assert.is(app.requests.length, 1);
  peer.connection.respond(0, 'test#0/2', ok('too early'));
  assert.is(peer.send(), '');
  assert.is(parseResponse(give(ok('one'))).body, 'one');
  assert.is(app.requests.length, 2);
  assert.is(parseResponse(give(ok('two'))).body, 'two');
  assert.is(give(ok('again'), 0), '');
  assert.equal(unanswered(peer), ['no request waits for this answer', 'no request waits for this answer']);
});

test('content follows in pieces, in chunks, and a trailer section behind it', () => {
  const { app, peer, give } = start();
  peer.send(GET);
  assert.match(give(FOLLOWS), /^HTTP\/1\.1 200 OK\r\n(?:.+\r\n)+x: y\r\ntransfer-encoding: chunked\r\n\r\n$/);
  assert.is(give(more('abc')), '3\r\nabc\r\n');
  assert.is(give(more('')), '');
  const last = { kind: 'content', bytes: ascii('de'), end: true, trailers: [['x-sum', '5']] } as const;
  assert.is(give(last), '2\r\nde\r\n0\r\nx-sum: 5\r\n\r\n');
  assert.equal(app.told, ['1 drained 0', '1 drained 0', '1 ended sent']);
  assert.is(peer.connection.state, 'open');
});

test('a length that is known is sent, and content that is too short cuts the connection off', () => {
  const { app, peer, give } = start();
  peer.send(GET);
  assert.match(give({ ...FOLLOWS, length: 5 } as Answer), /\r\ncontent-length: 5\r\n\r\n$/);
  assert.is(give(more('abc')), 'abc');
  assert.is(give(more('', true)), '');
  assert.is(peer.connection.state, 'closed');
  assert.equal(app.told.at(-1), '1 ended failed');
});

test('content of the request is handed up as far as it was asked for, and the end once', () => {
  const { app, peer, give } = start();
  peer.send(`${POST}abc`);
  assert.equal(app.told, []);
  give({ kind: 'read', maxBytes: 2 });
  assert.equal(app.told, ['1 content ab']);
  give({ kind: 'read', maxBytes: 100 });
  peer.send('def');
  assert.equal(app.told, ['1 content ab', '1 content c', '1 content def', '1 content end']);
  assert.is(parseResponse(give(ok('done'))).body, 'done');
});

test('trailers of the request come with its end', () => {
  const { app, peer, give } = start();
  peer.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
  give({ kind: 'read', maxBytes: 100 });
  peer.send('3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n');
  assert.equal(app.told, ['1 content abc', '1 content end x-t: 1']);
});

test('a client that waits for 100 gets it when content is asked for', () => {
  const { peer, give } = start();
  assert.is(peer.send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n'), '');
  assert.is(give({ kind: 'read', maxBytes: 10 }), 'HTTP/1.1 100 Continue\r\n\r\n');
  assert.is(give({ kind: 'read', maxBytes: 10 }), '');
  peer.send('abc');
  const answer = parseResponse(give(ok('!')));
  assert.is(answer.headers.get('connection'), undefined);
});

test('content that is asked for and malformed is refused, and the outside told', () => {
  const { app, peer, give } = start();
  peer.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n');
  assert.is(parseResponse(give({ kind: 'read', maxBytes: 100 })).status, 400);
  assert.equal(app.told, ['1 ended cancelled']);
});

test('who passes leaves the request to the other handler, with its content', () => {
  const { app, peer, give } = start(outside({ otherwise: createSite() }));
  peer.send('POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc');
  assert.is(parseResponse(give({ kind: 'pass' })).body, 'abc');
  assert.equal(app.told, ['1 ended passed']);
  const alone = start();
  alone.peer.send(GET);
  assert.is(parseResponse(alone.give({ kind: 'pass' })).status, 404);
});

test('who has read content cannot pass', () => {
  const { app, peer, give } = start(outside({ otherwise: createSite() }));
  peer.send(`${POST}abcdef`);
  give({ kind: 'read', maxBytes: 1 });
  assert.is(parseResponse(give({ kind: 'pass' })).status, 500);
  assert.equal(app.told.at(-1), '1 ended failed');
});

test('answerUs: 504 when nothing comes, to the microsecond, whoever advances how late', () => {
  const { app, peer } = start();
  peer.nowUs = 7;
  peer.send(GET);
  assert.is(peer.connection.nextDeadlineUs(), 7 + limits.http.answerUs);
  peer.connection.advance(6 + limits.http.answerUs);
  assert.is(peer.send(), '');
  peer.nowUs = 7 + limits.http.answerUs;
  peer.connection.advance(peer.nowUs);
  assert.is(parseResponse(peer.send()).status, 504);
  assert.equal(app.told, ['1 ended timeout']);
  assert.equal(unanswered(peer), ['the application took too long']);
  assert.is(peer.connection.state, 'closed');
});

test('answerUs: a response that stalls is cut off; one that the client does not take is not', () => {
  const { peer, give } = start();
  peer.send(GET);
  give(FOLLOWS);
  peer.connection.advance(limits.http.answerUs);
  assert.is(peer.connection.state, 'closed');
  const slow = start();
  slow.peer.send(GET);
  slow.peer.connection.respond(0, slow.app.token(0), FOLLOWS);
  slow.peer.connection.respond(0, slow.app.token(0), more('waits'));
  slow.peer.connection.advance(limits.http.answerUs * 3);
  assert.is(slow.peer.connection.nextDeadlineUs(), limits.http.answerUs * 4);
  slow.peer.nowUs = limits.http.answerUs * 3;
  assert.match(slow.peer.send(), /5\r\nwaits\r\n$/);
});

test('a client that is gone, and a connection that ends, cancel', () => {
  const lost = start();
  lost.peer.send(GET);
  lost.peer.connection.lost(0);
  assert.equal(lost.app.told, ['1 ended cancelled']);
  assert.is(lost.give(ok('late')), '');
  assert.equal(unanswered(lost.peer), ['nobody waits for the answer any more', 'the exchange is over']);
});

test('a client that has ended its half is still answered', () => {
  const { peer, give } = start();
  peer.send(GET);
  assert.is(peer.end(), '');
  assert.is(parseResponse(give(ok('late'))).body, 'late');
  assert.is(peer.connection.state, 'closed');
});

test('an outside that fails: 500 before the response, cut off within it', () => {
  const { app, peer, give } = start();
  peer.send(GET);
  assert.is(parseResponse(give({ kind: 'fail' })).status, 500);
  assert.equal(app.told, ['1 ended failed']);
  const within = start();
  within.peer.send(GET);
  within.give(FOLLOWS);
  assert.is(within.give({ kind: 'fail' }), '');
  assert.is(within.peer.connection.state, 'closed');
});

const wrong: readonly (readonly [string, unknown])[] = [
  ['a status below 200', { kind: 'response', status: 150, headers: [] }],
  ['no headers', { kind: 'response', status: 200 }],
  ['a header that is no pair', { kind: 'response', status: 200, headers: ['a'] }],
  ['a header with a line end', { kind: 'response', status: 200, headers: [['a', 'b\r\nc: d']] }],
  ['content that is text', { kind: 'response', status: 200, headers: [], content: 'text' }],
  ['a length that is no size', { kind: 'response', status: 200, headers: [], content: 'follows', length: -1 }],
  ['trailers that frame', { ...ok('x'), trailers: [['content-length', '3']] }],
  ['a read of no size', { kind: 'read', maxBytes: 1.5 }],
  ['answerPieceBytes', { ...ok(''), content: new Uint8Array(limits.http.answerPieceBytes + 1) }],
  ['answerFieldBytes', { kind: 'response', status: 200, headers: [['a', 'b'.repeat(limits.http.answerFieldBytes)]] }],
  ['trailerFieldBytes', { ...ok('x'), trailers: [['a', 'b'.repeat(limits.http.trailerFieldBytes)]] }],
];

for (const [name, answer] of wrong) {
  test(`an answer that cannot be sent becomes a 500: ${name}`, () => {
    const { app, peer, give } = start();
    peer.send(GET);
    assert.is(parseResponse(give(answer as Answer)).status, 500);
    assert.equal(app.told, ['1 ended failed']);
    assert.ok(peer.events.some((event) => 'severity' in event && event.severity === 'error'));
  });
}

test('an answer of an unknown kind is ignored', () => {
  const { peer, give } = start();
  peer.send(GET);
  assert.is(give({ kind: 'shrug' } as unknown as Answer), '');
  assert.is(parseResponse(give(ok('fine'))).body, 'fine');
});

test('answerWaitingBytes: an outside that does not heed who takes nothing has failed', () => {
  const { app, peer } = start();
  peer.send(GET);
  const { connection } = peer;
  connection.respond(0, app.token(0), FOLLOWS);
  const piece: Answer = { kind: 'content', bytes: new Uint8Array(limits.http.answerPieceBytes), end: false };
  const pieces = limits.http.answerWaitingBytes / limits.http.answerPieceBytes;
  for (let i = 0; i < pieces; i++) connection.respond(0, app.token(0), piece);
  assert.equal(app.told, []);
  connection.respond(0, app.token(0), piece);
  assert.equal(app.told, ['1 ended failed']);
});

test('what the outside throws when it is told changes nothing', () => {
  const { app, peer, give } = start(outside({ throwing: true }));
  peer.send(`${POST}abcdef`);
  give({ kind: 'read', maxBytes: 100 });
  assert.is(parseResponse(give(ok('fine'))).body, 'fine');
  assert.equal(app.told, ['1 content abcdef', '1 content end', '1 ended sent']);
});

test('HEAD has the head alone, and no more content is asked for', () => {
  const { app, peer, give } = start();
  peer.send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.match(give({ ...FOLLOWS, length: 5 } as Answer), /content-length: 5\r\n\r\n$/);
  assert.equal(app.told, ['1 ended sent']);
  assert.is(give(more('abcde', true)), '');
  assert.is(peer.connection.state, 'open');
});

const handlers: readonly (readonly [string, unknown])[] = [
  ['nothing', undefined],
  ['null', null],
  ['a text', 'hello'],
  ['no headers', { status: 200 }],
  ['headers that are no list', { status: 200, headers: { a: 'b' } }],
  ['a status that is text', { status: '200', headers: [] }],
  ['a delay that is no time', { status: 200, headers: [], delayUs: Number.NaN }],
  ['a body without length', { status: 200, headers: [], body: { length: '5', read: () => undefined } }],
  ['a body that is a text', { status: 200, headers: [], body: 'hello' }],
  ['a body that is bytes', { status: 200, headers: [], body: ascii('hello') }],
];

for (const [name, given] of handlers) {
  test(`a handler that gives ${name} becomes a 500`, () => {
    const peer = rig({ handler: (() => given) as Handler });
    assert.is(parseResponse(peer.send(GET)).status, 500);
  });
}

test('deferred and direct answers take turns on one connection', () => {
  const app = outside();
  const peer = rig({
    handler: (request) =>
      request.path === '/now' ? { status: 200, headers: [], body: bytesBody(ascii('now')) } : app.handler(request),
  });
  const now = GET.replace('/', '/now');
  assert.is(parseResponse(peer.send(now + GET + now)).body, 'now');
  peer.connection.respond(0, 'test#0/2', ok('later'));
  assert.equal(
    parseResponses(peer.send()).map(({ body }) => body),
    ['later', 'now'],
  );
});

test.run();
