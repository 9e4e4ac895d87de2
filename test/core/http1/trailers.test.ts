// Trailer fields both ways (RFC 9112 §7.1.2, RFC 9110 §6.5), and HTTP/1.0 clients that ask to go on (RFC 9112 §9.3).

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bytesBody } from '../../../src/core/http/body.js';
import type { BodySource, Field, Handler } from '../../../src/core/http/message.js';
import { limits } from '../../../src/core/limits.js';
import { ascii } from '../../support/bytes.js';
import { parseResponse, parseResponses, rig } from '../../support/http1.js';

const CHUNKED = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';

test('the handler gets trailer fields apart from the header fields, when the content has ended', () => {
  let body: BodySource | undefined;
  let headers: readonly Field[] = [];
  const handler: Handler = (request) => {
    body = request.body;
    headers = request.headers;
    return { status: 200, headers: [], body: request.body };
  };
  const it = rig({ handler });
  it.send(`${CHUNKED}3\r\nabc\r\n0\r\nX-Sum: 9\r\nHost: other\r\nContent-Length: 5\r\n`);
  assert.equal(body!.trailers!(), []);
  it.send('\r\n');
  assert.equal(body!.trailers!(), [
    ['x-sum', '9'],
    ['host', 'other'],
    ['content-length', '5'],
  ]);
  assert.equal(headers, [
    ['host', 'a'],
    ['transfer-encoding', 'chunked'],
  ]);
});

test('content by length has no trailers', () => {
  let body: BodySource | undefined;
  const it = rig({
    handler: (request) => {
      body = request.body;
      return { status: 204, headers: [] };
    },
  });
  it.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx');
  assert.is(body!.trailers, undefined);
});

const answering = (fields: readonly Field[], length?: number): Handler => {
  return () => ({ status: 200, headers: [], body: { ...bytesBody(ascii('abc')), length, trailers: () => fields } });
};

test('a response with trailers is chunked, whether or not its length is known', () => {
  for (const length of [undefined, 3]) {
    const it = rig({
      handler: answering(
        [
          ['x-a', '1'],
          ['x-b', ''],
        ],
        length,
      ),
    });
    const output = it.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.ok(output.includes('\r\ntransfer-encoding: chunked\r\n'));
    assert.not.ok(output.includes('content-length'));
    assert.ok(output.endsWith('\r\n\r\n3\r\nabc\r\n0\r\nx-a: 1\r\nx-b: \r\n\r\n'), JSON.stringify(output));
    assert.is(it.connection.state, 'open');
  }
});

test('without chunks there is no trailer section: HTTP/1.0 and HEAD', () => {
  const old = rig({ handler: answering([['x-a', '1']], 3) }).send('GET / HTTP/1.0\r\n\r\n');
  assert.ok(old.endsWith('content-length: 3\r\nconnection: close\r\n\r\nabc'));
  const head = rig({ handler: answering([['x-a', '1']]) }).send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.ok(head.endsWith('transfer-encoding: chunked\r\n\r\n'));
});

test('trailer fields that cannot be sent, are too many, or fail, cut the response off and split nothing', () => {
  const failing: Handler = () => ({
    status: 200,
    headers: [],
    body: {
      length: undefined,
      read: () => undefined,
      trailers: () => {
        throw new Error('no');
      },
    },
  });
  for (const handler of [
    answering([['x', 'a\r\nb: c']]),
    answering([['x y', 'a']]),
    answering([['', 'a']]),
    answering([['x', 'v'.repeat(limits.http1.responseHeadBytes)]]),
    failing,
  ]) {
    const it = rig({ handler });
    const output = it.send('GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.not.ok(output.includes('\r\n0\r\n'), JSON.stringify(output));
    assert.is(it.connection.state, 'closed');
    assert.is(it.events.at(-1)!.kind, 'error');
  }
});

test('/trailers: a request and a response with trailers', () => {
  const it = rig();
  const output = it.send(`${CHUNKED.replace('/', '/trailers')}9\r\n123456789\r\n0\r\nT: 1\r\n\r\n`);
  assert.ok(output.includes('\r\ntrailer: x-content-crc32, x-content-length, x-request-trailer\r\n'));
  assert.ok(
    output.endsWith(
      '9\r\n123456789\r\n0\r\nx-content-crc32: cbf43926\r\nx-content-length: 9\r\nx-request-trailer: t: 1\r\n\r\n',
    ),
  );
});

test('a large trailer section waits for room in the output', () => {
  const value = 'v'.repeat(12_000);
  const it = rig({
    handler: () => ({
      status: 200,
      headers: [],
      body: { ...bytesBody(new Uint8Array(120_000).fill(0x78)), length: undefined, trailers: () => [['x', value]] },
    }),
  });
  const request = ascii('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  it.connection.receive(0, request);
  let output = '';
  for (let view = it.connection.take(0, 65_536); view.length > 0; view = it.connection.take(0, 60_000)) {
    output += String.fromCharCode(...view.slice(0, 10_000)) + String.fromCharCode(...view.slice(10_000, 40_000));
    output += String.fromCharCode(...view.slice(40_000));
  }
  assert.ok(output.endsWith(`\r\n0\r\nx: ${value}\r\n\r\n`));
});

test('HTTP/1.0 with keep-alive: the response says so, and the connection goes on', () => {
  const it = rig();
  const old = 'GET /status/201 HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n';
  const answers = parseResponses(it.send(old + old));
  assert.equal(
    answers.map(({ status, headers }) => [status, headers.get('connection')]),
    [
      [201, 'keep-alive'],
      [201, 'keep-alive'],
    ],
  );
  assert.is(it.connection.state, 'open');
  const last = parseResponse(it.send('GET / HTTP/1.0\r\n\r\n'));
  assert.is(last.headers.get('connection'), 'close');
  assert.is(it.connection.state, 'closed');
});

test('HTTP/1.0 with keep-alive, and a response whose length nobody knows: it ends with the connection', () => {
  const it = rig();
  const answer = parseResponse(it.send('GET /stream/1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n'));
  assert.is(answer.headers.get('connection'), 'close');
  assert.not.ok(answer.headers.has('transfer-encoding'));
  assert.is(answer.body, 'line 1 of 1, 0 ms\n');
  assert.is(it.connection.state, 'closed');
});

test('100 is sent at once when the final status has to wait (RFC 9110 §10.1.1)', () => {
  const it = rig({
    handler: (request) => ({ status: 200, headers: [], body: request.body, delayUs: 5_000_000 }),
  });
  const request = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n';
  assert.is(it.send(request), 'HTTP/1.1 100 Continue\r\n\r\n');
  assert.is(it.send('hi'), '');
  it.nowUs = 5_000_000;
  it.connection.advance(it.nowUs);
  assert.is(parseResponse(it.send()).body, 'hi');
});

test.run();
