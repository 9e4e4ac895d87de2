// Content of requests: chunked in every chunking, streamed through /echo with backpressure, read over when nobody wants it.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { patternBody, patternByte } from '../../../src/core/http/body.js';
import type { Handler } from '../../../src/core/http/message.js';
import { limits } from '../../../src/core/limits.js';
import type { Http1Event } from '../../../src/core/trace.js';
import { ascii, concat, equalBytes, testRandom, text } from '../../support/bytes.js';
import { parseResponse, parseResponses, rig } from '../../support/http1.js';

const CHUNKED = 'POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
const { inputBytes, drainBytes } = limits.http1;

/** All the ways to write `total` as a sum of positive numbers, in order. */
function compositions(total: number): number[][] {
  if (total === 0) return [[]];
  const out: number[][] = [];
  for (let first = 1; first <= total; first++) {
    for (const rest of compositions(total - first)) out.push([first, ...rest]);
  }
  return out;
}

test('every chunking of the same content gives the same content', () => {
  const content = 'ab\r\n0\r\n\r\n';
  for (const sizes of compositions(content.length)) {
    let at = 0;
    let body = '';
    for (const size of sizes) {
      body += `${size.toString(16)};n=${at}\r\n${content.slice(at, at + size)}\r\n`;
      at += size;
    }
    const it = rig();
    const answers = parseResponses(
      it.send(`${CHUNKED}${body}000\r\nX-Sum: 1\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n`),
    );
    assert.is(answers[0]!.body, content);
    assert.is(answers[1]!.status, 200);
  }
});

test('chunks, extensions and trailers cut at every octet', () => {
  const body = '3;a="x;"\r\nabc\r\nA ; b\r\n0123456789\r\n0;last\r\nT: 1\r\nU:\r\n\r\n';
  for (let cut = 0; cut <= body.length; cut++) {
    const it = rig();
    const output = it.send(CHUNKED) + it.send(body.slice(0, cut)) + it.send(body.slice(cut));
    assert.is(parseResponse(output).body, 'abc0123456789', `cut at ${cut}`);
    assert.is(it.connection.state, 'open');
  }
});

test('malformed chunks: 400 at the beginning, later the response is cut off and the connection closed', () => {
  const wrong = [
    'x\r\n',
    '\r\n',
    '3\nabc\r\n',
    '3 \r\n',
    '3;\r\n',
    '-1\r\n',
    '0\r\n X: folded\r\n\r\n',
    '0\r\nX : a\r\n\r\n',
    '0\r\nX: a\n\r\n',
  ];
  for (const body of wrong) {
    const first = rig();
    const answer = parseResponse(first.send(CHUNKED + body));
    assert.is(answer.status, 400, JSON.stringify(body));
    assert.is(first.connection.state, 'closed');
    const later = rig();
    const output = later.send(`${CHUNKED}3\r\nabc\r\n${body}`);
    assert.ok(output.endsWith('3\r\nabc\r\n'), JSON.stringify(body));
    assert.is(later.connection.state, 'closed');
    assert.is(later.events.at(-1)!.kind, 'error');
  }
  for (const body of ['3\r\nabcd\r\n', '3\r\nabc\n', '3\r\nabc\rx', '3\r\nabc0\r\n\r\n']) {
    const it = rig();
    assert.ok(it.send(CHUNKED + body).endsWith('3\r\nabc\r\n'), JSON.stringify(body));
    assert.is(it.connection.state, 'closed');
  }
});

test('/echo streams both ways: what came in is out before more comes', () => {
  const it = rig();
  let output = it.send('POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nContent-Type: text/x\r\n\r\n');
  assert.is(output, '');
  output = it.send('ab');
  assert.ok(output.endsWith('\r\n\r\nab'));
  assert.is(it.send('cd'), 'cd');
  assert.is(it.send('efGET / HT').slice(0, 2), 'ef');
  assert.is(parseResponse(it.send('TP/1.1\r\nHost: a\r\n\r\n')).status, 200);
});

test('100 MB through /echo, by length and chunked, at constant memory and window', () => {
  const total = 100_000_000;
  const block = new Uint8Array(65_521 * 2);
  for (let i = 0; i < block.length; i++) block[i] = patternByte(i);
  for (const length of [total, undefined]) {
    const it = rig({ trace: false });
    const framing = length === undefined ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`;
    it.send(`POST /echo HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n`);
    const before = process.memoryUsage();
    let sent = 0;
    let got = 0;
    let largest = 0;
    for (; sent < total; ) {
      const size = Math.min(40_000, total - sent);
      const from = sent % 65_521;
      if (length === undefined) it.connection.receive(0, ascii(`${size.toString(16)}\r\n`));
      it.connection.receive(0, block.subarray(from, from + size));
      if (length === undefined) it.connection.receive(0, ascii('\r\n'));
      sent += size;
      for (let view = it.connection.take(0, 16_384); view.length > 0; view = it.connection.take(0, 16_384)) {
        got += view.length;
        largest = Math.max(largest, view.length);
      }
      assert.is(it.connection.room() > inputBytes - 10, true);
    }
    const after = process.memoryUsage();
    assert.ok(got > (length === undefined ? total - 65_536 : total), `${got}`);
    assert.ok(largest <= 16_384);
    assert.ok(after.arrayBuffers - before.arrayBuffers < 8_000_000, 'buffers stay small');
  }
});

test('content that is not taken closes the window and takes no memory', () => {
  const it = rig();
  it.connection.receive(0, ascii('POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n'));
  let sent = 0;
  while (it.connection.room() > 0) {
    const piece = new Uint8Array(Math.min(1_400, it.connection.room()));
    it.connection.receive(0, piece);
    sent += piece.length;
  }
  assert.is(sent, inputBytes);
  const first = it.connection.take(0, 10_000).length;
  assert.is(first, 10_000);
  assert.ok(it.connection.room() >= 9_000);
});

test('what a take leaves behind in a small step is whole when put together', () => {
  const content = testRandom(5).bytes(70_000);
  for (const maxTake of [1, 7, 1_000, 65_536, 1_000_000]) {
    const it = rig({ maxTake });
    const output = it.sendBytes(
      concat(ascii(`POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: ${content.length}\r\n\r\n`), content),
    );
    equalBytes(output.subarray(output.length - content.length), content);
    const chunked = rig({ maxTake });
    const body = concat(ascii(`${CHUNKED}${content.length.toString(16)}\r\n`), content, ascii('\r\n0\r\n\r\n'));
    const answer = parseResponse(text(chunked.sendBytes(body)));
    assert.is(answer.body, text(content));
  }
});

test('content that nobody reads is read over, and the next request is answered', () => {
  for (const length of [1, 1_000, drainBytes]) {
    const it = rig();
    let output = it.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`);
    const content = new Uint8Array(length).fill(0x78);
    for (let at = 0; at < length; at += 10_000) output += it.send(content.subarray(at, at + 10_000));
    output += it.send('GET /status/201 HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal(
      parseResponses(output).map((answer) => answer.status),
      [405, 201],
    );
  }
});

test('content that nobody reads and that is too long to be read over: the response says close', () => {
  const it = rig();
  const answer = parseResponse(it.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${drainBytes + 1}\r\n\r\n`));
  assert.is(answer.headers.get('connection'), 'close');
  assert.is(it.connection.state, 'closed');
});

test('chunked content is read over up to the limit, then the connection closes', () => {
  const it = rig();
  const chunk = `1000\r\n${'y'.repeat(0x1000)}\r\n`;
  const output = it.send(CHUNKED.replace('/echo', '/'));
  assert.is(parseResponse(output).status, 405);
  assert.is(it.connection.state, 'open');
  let sent = 0;
  while (it.connection.state === 'open') {
    assert.is(it.send(chunk), '');
    sent += 0x1000;
    assert.ok(sent <= drainBytes + 0x1000, 'it goes on and on');
  }
  assert.ok(sent > drainBytes);
  assert.is(it.connection.state, 'closed');
  assert.is((it.events.at(-1) as Http1Event).kind, 'error');
});

test('content that is malformed or cut off while it is read over closes quietly', () => {
  const malformed = rig();
  malformed.send(CHUNKED.replace('/echo', '/'));
  assert.is(malformed.send('zz\r\n'), '');
  assert.is(malformed.connection.state, 'closed');
  const cut = rig();
  cut.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab');
  assert.is(cut.end(), '');
  assert.is(cut.connection.state, 'closed');
});

test('a body that the handler kept gives nothing after its request', () => {
  let kept: Parameters<Handler>[0]['body'] | undefined;
  const it = rig({
    handler: (request) => {
      kept ??= request.body;
      return { status: 204, headers: [] };
    },
  });
  it.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcdeGET / HTTP/1.1\r\n');
  assert.is(kept!.read(10), undefined);
  assert.is(parseResponse(it.send('Host: a\r\n\r\n')).status, 204);
});

test('content events come every 65536 bytes and at the end, with the sum of the content', () => {
  const it = rig();
  const length = 150_000;
  const body = patternBody(length);
  it.send(`POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`);
  for (let piece = body.read(1_460); piece !== undefined; piece = body.read(1_460)) it.sendBytes(piece);
  const events = it.events.filter((event) => event.layer === 'http1' && event.kind === 'body') as Extract<
    Http1Event,
    { kind: 'body' }
  >[];
  assert.equal(
    events.map(({ dir, length: bytes, end }) => `${dir} ${bytes}${end ? ' end' : ''}`),
    ['in 65536', 'out 65536', 'in 65536', 'out 65536', 'in 18928 end', 'out 18928 end'],
  );
});

test.run();
