// Each bound of `limits.http1`: reached and still served, passed and refused with the status that belongs to it.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { limits } from '../../../src/core/limits.js';
import { ascii } from '../../support/bytes.js';
import { parseResponse, parseResponses, rig } from '../../support/http1.js';

const {
  requestLineBytes,
  methodBytes,
  emptyLines,
  headerSectionBytes,
  fieldLines,
  chunkLineBytes,
  chunkExtensionBytes,
  trailerSectionBytes,
  trailerLines,
  inputBytes,
  inputOvershootBytes,
  outputBytes,
  responseHeadBytes,
} = limits.http1;
const CHUNKED = 'POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';

/** The status for a request that comes in pieces of `step`; the connection is done with after a refusal. */
function statusOf(request: string, step: number): number {
  const it = rig();
  let output = '';
  for (let at = 0; at < request.length; at += step) output += it.send(request.slice(at, at + step));
  const answer = parseResponse(output);
  assert.is(it.connection.state, answer.status >= 400 && answer.status !== 404 ? 'closed' : 'open');
  return answer.status;
}

function bothWays(request: string, status: number): void {
  assert.is(statusOf(request, request.length), status);
  assert.is(statusOf(request, 997), status);
}

const field = (bytes: number): string => `x: ${'v'.repeat(bytes - 5)}\r\n`;

test('requestLineBytes, CRLF included: 414', () => {
  const request = (bytes: number): string => `GET /${'p'.repeat(bytes - 16)} HTTP/1.1\r\nHost: a\r\n\r\n`;
  assert.is(request(requestLineBytes).indexOf('\n') + 1, requestLineBytes);
  bothWays(request(requestLineBytes), 404);
  bothWays(request(requestLineBytes + 1), 414);
  assert.ok(requestLineBytes >= 8_000, 'RFC 9112 §3');
});

test('a request line that never ends is refused when the limit is reached', () => {
  const it = rig();
  assert.is(it.send(`GET /${'p'.repeat(requestLineBytes - 6)}`), '');
  assert.is(parseResponse(it.send('p')).status, 414);
});

test('methodBytes: 501', () => {
  bothWays(`${'M'.repeat(methodBytes)} /echo HTTP/1.1\r\nHost: a\r\n\r\n`, 200);
  bothWays(`${'M'.repeat(methodBytes + 1)} /echo HTTP/1.1\r\nHost: a\r\n\r\n`, 501);
  bothWays('M'.repeat(requestLineBytes), 501);
});

test('emptyLines: 400', () => {
  bothWays(`${'\r\n'.repeat(emptyLines)}GET / HTTP/1.1\r\nHost: a\r\n\r\n`, 200);
  bothWays(`${'\r\n'.repeat(emptyLines + 1)}GET / HTTP/1.1\r\nHost: a\r\n\r\n`, 400);
});

test('headerSectionBytes: 431', () => {
  const rest = headerSectionBytes - 'Host: a\r\n\r\n'.length;
  const request = (bytes: number): string => `GET / HTTP/1.1\r\nHost: a\r\n${field(bytes - 5_000)}${field(5_000)}\r\n`;
  bothWays(request(rest), 200);
  bothWays(request(rest + 1), 431);
  const endless = rig();
  assert.is(
    parseResponse(endless.send(`GET / HTTP/1.1\r\nHost: a\r\nx: ${'v'.repeat(headerSectionBytes)}`)).status,
    431,
  );
});

test('fieldLines: 431', () => {
  const request = (count: number): string => `GET / HTTP/1.1\r\nHost: a\r\n${'x: y\r\n'.repeat(count - 1)}\r\n`;
  bothWays(request(fieldLines), 200);
  bothWays(request(fieldLines + 1), 431);
});

test('a long header section in single octets costs one look at each (CVE-2018-12121 and the like)', () => {
  const it = rig({ trace: false });
  const head = ascii(`GET / HTTP/1.1\r\nHost: a\r\n${field(30_000)}\r\n`);
  const started = process.hrtime.bigint();
  for (let at = 0; at < head.length; at++) it.connection.receive(0, head.subarray(at, at + 1));
  assert.ok(process.hrtime.bigint() - started < 1_000_000_000n);
  assert.is(parseResponse(it.send()).status, 200);
});

test('chunkLineBytes: 400', () => {
  const request = (bytes: number): string => `${CHUNKED}1;${'e'.repeat(bytes - 4)}\r\nz\r\n0\r\n\r\n`;
  bothWays(request(chunkLineBytes), 200);
  bothWays(request(chunkLineBytes + 1), 400);
});

test('chunkExtensionBytes: no more than that beyond the content (CVE-2023-39326, CVE-2024-22019)', () => {
  const extension = `;${'e'.repeat(1_023)}`;
  const heavy = `1${extension}\r\nz\r\n`;
  const it = rig();
  it.send(CHUNKED);
  let chunks = 0;
  while (it.connection.state === 'open' && chunks < 1_000) {
    it.send(heavy);
    chunks++;
  }
  assert.is(chunks, Math.floor(chunkExtensionBytes / extension.length) + 1);
  // As much content as extensions is fine for as long as it likes.
  const fair = rig();
  fair.send(CHUNKED);
  for (let i = 0; i < 100; i++) fair.send(`400${extension}\r\n${'z'.repeat(1_024)}\r\n`);
  assert.is(fair.connection.state, 'open');
});

test('trailerSectionBytes and trailerLines: 431', () => {
  const trailer = (fields: string): string => `${CHUNKED}0\r\n${fields}\r\n`;
  bothWays(trailer(field(trailerSectionBytes - 2)), 200);
  bothWays(trailer(field(trailerSectionBytes - 1)), 431);
  bothWays(trailer('x: y\r\n'.repeat(trailerLines)), 200);
  bothWays(trailer('x: y\r\n'.repeat(trailerLines + 1)), 431);
});

test('inputBytes: pipelined requests wait within it, room says 0, and all are answered', () => {
  const it = rig({ trace: false });
  it.send('GET /delay/1 HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.is(it.connection.room(), inputBytes);
  const request = ascii('GET /status/201 HTTP/1.1\r\nHost: a\r\n\r\n');
  let count = 0;
  while (it.connection.room() > 0) {
    it.connection.receive(0, request);
    count++;
  }
  it.connection.advance(1_000);
  assert.is(parseResponses(it.send()).length, count + 1);
  assert.is(it.connection.room(), inputBytes);
});

test('inputOvershootBytes: who goes on past room 0 is reset', () => {
  const it = rig();
  it.send('GET /delay/1 HTTP/1.1\r\nHost: a\r\n\r\n');
  const piece = new Uint8Array(inputBytes);
  const pieces = inputOvershootBytes / inputBytes;
  for (let i = 0; i < pieces; i++) it.connection.receive(0, piece);
  assert.is(it.connection.state, 'open');
  it.connection.receive(0, piece.subarray(0, 1));
  assert.is(it.connection.state, 'aborted');
  assert.is(it.send(), '');
  assert.is(it.connection.nextDeadlineUs(), undefined);
});

test('outputBytes: a take never gives more, whatever it is asked for', () => {
  const it = rig();
  it.connection.receive(0, ascii('GET /bytes/1000000 HTTP/1.1\r\nHost: a\r\n\r\n'));
  assert.is(it.connection.take(0, 10_000_000).length, outputBytes);
  assert.is(it.connection.take(0, 0).length, 0);
  assert.is(it.connection.take(0, -1).length, 0);
});

test('responseHeadBytes: a handler that wants more gets a 500', () => {
  const answer = (bytes: number): number => {
    const value = 'v'.repeat(bytes);
    const it = rig({ handler: () => ({ status: 200, headers: [['x', value]] }) });
    return parseResponse(it.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')).status;
  };
  assert.is(answer(responseHeadBytes - 200), 200);
  assert.is(answer(responseHeadBytes), 500);
});

test.run();
