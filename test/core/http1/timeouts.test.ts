// How long a peer may keep us waiting, in logical time (RFC 9112 §9.5, RFC 9110 §15.5.9): each limit reached and not reached.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../../src/core/limits.js';
import type { Http1Event } from '../../../src/core/trace.js';
import { parseResponse, type Rig, rig } from '../../support/http1.js';

const { idleUs, headUs, contentUs, contentByteUs, drainBytes } = limits.http1;
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const upload = (path: string, length: number): string =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`;

/** Time passes; what is due is done at its own deadline. */
function pass(it: Rig, us: number): string {
  const endUs = it.nowUs + us;
  let output = '';
  for (let at = it.connection.nextDeadlineUs(); at !== undefined && at <= endUs; at = it.connection.nextDeadlineUs()) {
    assert.ok(at > it.nowUs, 'a deadline is later than now');
    it.nowUs = at;
    it.connection.advance(at);
    output += it.send();
  }
  it.nowUs = endUs;
  return output;
}

const errors = (it: Rig): Extract<Http1Event, { kind: 'error' }>[] =>
  it.events.filter((event) => event.layer === 'http1' && event.kind === 'error') as never;

test('idleUs: a connection that nobody uses is closed without a word', () => {
  for (const before of ['', GET, `${GET}${GET}`, '\r\n']) {
    const it = rig();
    it.send(before);
    assert.is(pass(it, idleUs - 1), '', JSON.stringify(before));
    assert.is(it.connection.state, 'open');
    assert.is(pass(it, 1), '');
    assert.is(it.connection.state, 'closed');
    assert.is(errors(it).length, 0);
    assert.is(it.connection.nextDeadlineUs(), undefined);
  }
});

test('idleUs begins anew with each request', () => {
  const it = rig();
  for (let i = 0; i < 5; i++) {
    assert.is(pass(it, idleUs - 1), '');
    assert.is(parseResponse(it.send(GET)).status, 200);
  }
  pass(it, idleUs);
  assert.is(it.connection.state, 'closed');
});

test('headUs: a header section that is not whole in time is 408, however it trickles', () => {
  for (const stepUs of [1_000, 500_000, 3_000_000, headUs]) {
    const it = rig();
    it.send('G');
    const request = `ET / HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(100)}`;
    let output = '';
    for (let i = 0; it.connection.state === 'open'; i++) {
      output += pass(it, stepUs);
      if (i * stepUs < headUs / 2) output += it.send(request[i] ?? 'x');
    }
    assert.is(it.nowUs, Math.ceil(headUs / stepUs) * stepUs);
    const answer = parseResponse(output);
    assert.is(answer.status, 408);
    assert.is(answer.headers.get('connection'), 'close');
    assert.is(answer.body, '408 Request Timeout: header section: not complete in time\n');
    assert.equal(
      errors(it).map((error) => error.status),
      [408],
    );
  }
});

test('headUs counts from the first byte of that request, pipelined ones too', () => {
  const it = rig();
  it.send(GET);
  pass(it, headUs * 2);
  it.send(`GET /delay/30000 HTTP/1.1\r\nHost: a\r\n\r\nGET `);
  assert.is(parseResponse(pass(it, 30_000_000)).status, 200);
  // The second one's time began when it was its turn.
  assert.is(pass(it, headUs - 1), '');
  assert.is(parseResponse(it.send('/ HTTP/1.1\r\nHost: a\r\n\r\n')).status, 200);
});

test('contentUs: content that stops coming is 408, and the response is cut off where it has begun', () => {
  const first = rig();
  assert.is(first.send(upload('/echo', 10)), '');
  assert.is(pass(first, contentUs - 1), '');
  assert.is(parseResponse(pass(first, 1)).status, 408);
  assert.is(first.connection.state, 'closed');

  const later = rig();
  later.send(upload('/echo', 10));
  assert.ok(later.send('abc').endsWith('abc'));
  assert.is(pass(later, contentUs + 3 * contentByteUs - 1), '');
  assert.is(later.connection.state, 'open');
  assert.is(pass(later, 1), '');
  assert.is(later.connection.state, 'closed');
  assert.equal(
    errors(later).map((error) => error.status),
    [408],
  );
});

test('a close-delimited response that is cut off is reset, since its end would look like one', () => {
  const it = rig();
  it.send('POST /trailers HTTP/1.0\r\nContent-Length: 10\r\n\r\nabc');
  pass(it, contentUs * 2);
  assert.is(it.connection.state, 'aborted');
});

test('contentByteUs: 500 bytes a second may go on for ever, less may not', () => {
  for (const [bytes, lasts] of [
    [500, true],
    [450, false],
  ] as const) {
    const it = rig({ trace: false });
    it.send(upload('/echo', 1_000_000));
    let seconds = 0;
    for (; seconds < 1_000 && it.connection.state === 'open'; seconds++) {
      pass(it, 1_000_000);
      it.send('x'.repeat(bytes));
    }
    assert.is(it.connection.state, lasts ? 'open' : 'closed', `${bytes} a second, ended after ${seconds} s`);
    if (!lasts) assert.ok(seconds > 100 && seconds < 300, `${seconds}`);
  }
});

test('content that is read over has the same limit', () => {
  const it = rig();
  assert.is(parseResponse(it.send(upload('/status/200', drainBytes))).status, 405);
  assert.is(pass(it, contentUs - 1), '');
  assert.is(it.connection.state, 'open');
  pass(it, 1);
  assert.is(it.connection.state, 'closed');
  assert.is(errors(it).at(-1)!.reason, 'content: not complete in time');
});

test('a slow chunk header and a slow trailer section are slow content', () => {
  const head = 'POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
  for (const begin of ['', '1', '3\r\nabc\r\n0\r\nX: ']) {
    const it = rig();
    it.send(head + begin);
    for (let i = 0; i < 100 && it.connection.state === 'open'; i++) {
      pass(it, 1_000_000);
      it.send('0');
    }
    assert.is(it.connection.state, 'closed', JSON.stringify(begin));
    assert.ok(it.nowUs <= contentUs + 1_100_000);
  }
});

test('nobody is hurried while it is our turn: a delay, a peer that reads slowly', () => {
  const it = rig();
  it.send('GET /delay/60000 HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.is(parseResponse(pass(it, 60_000_000)).status, 200);
  const slow = rig({ trace: false });
  const get = new TextEncoder().encode('GET /bytes/1000000 HTTP/1.1\r\nHost: a\r\n\r\n');
  slow.connection.receive(0, get);
  for (let i = 1; i < 100; i++) {
    slow.nowUs = i * idleUs;
    slow.connection.advance(slow.nowUs);
    assert.is(slow.connection.take(slow.nowUs, 1_000).length, 1_000);
  }
  assert.is(slow.connection.nextDeadlineUs(), undefined);
});

test('after the last response nothing is waited for', () => {
  const it = rig();
  it.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  assert.is(it.connection.nextDeadlineUs(), undefined);
  const ended = rig();
  ended.end();
  assert.is(ended.connection.nextDeadlineUs(), undefined);
});

test('/stream and /drip come at their times', () => {
  const it = rig();
  let output = it.send(
    'GET /stream/3?ms=50 HTTP/1.1\r\nHost: a\r\n\r\nGET /drip?bytes=3&ms=20 HTTP/1.1\r\nHost: a\r\n\r\n',
  );
  assert.ok(output.endsWith('12\r\nline 1 of 3, 0 ms\n\r\n'));
  assert.is(it.connection.nextDeadlineUs(), 50_000);
  assert.is(pass(it, 50_000), '13\r\nline 2 of 3, 50 ms\n\r\n');
  output = pass(it, 50_000);
  assert.ok(output.startsWith('14\r\nline 3 of 3, 100 ms\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n'));
  assert.ok(output.endsWith('\r\n\r\n*'));
  assert.is(pass(it, 20_000), '**');
  assert.is(it.nowUs, 120_000);
  assert.is(it.connection.state, 'open');
});

test('advancing at any time changes nothing of it', () => {
  const outputs = [1, 7_000, 33_000, 1_000_000].map((stepUs) => {
    const it = rig();
    let output = it.send('GET /stream/4?ms=30 HTTP/1.1\r\nHost: a\r\n\r\n');
    while (it.nowUs < 95_000) output += pass(it, Math.max(stepUs, 500));
    return output;
  });
  assert.is(new Set(outputs).size, 1);
});

test.run();
