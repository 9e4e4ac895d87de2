// What waits between TLS and HTTP of one session: room, the order of waiting records and the end of input, and time.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Handler, Request } from '../../src/core/http/message.js';
import { limits } from '../../src/core/limits.js';
import { ContentType } from '../../src/core/tls/record.js';
import { ascii, concat, equalBytes, testRandom, text } from '../support/bytes.js';
import { http1Responses, http2Requests } from '../support/https-client.js';
import { opened, rig } from '../support/session-rig.js';
import { takeAll } from '../support/site-run.js';

const test = suite('session: room and time');

const GET = 'GET /bytes/5 HTTP/1.1\r\nhost: wirebench.test\r\n\r\n';

// ---- room ----

test('while the handler does not read there is no room, and what was sent all the same is not lost', () => {
  let granted = 0;
  let body: Request['body'] | undefined;
  const handler: Handler = (request) => {
    body = request.body;
    return {
      status: 200,
      headers: [],
      body: {
        length: undefined,
        read: (maxBytes) => (granted > 0 ? body!.read(Math.min(maxBytes, granted)) : new Uint8Array(0)),
      },
    };
  };
  const { session, client, flush } = opened('http/1.1', { handler });
  const content = testRandom(2).bytes(200_000);
  const head = `POST / HTTP/1.1\r\nhost: wirebench.test\r\ncontent-length: ${content.length}\r\n\r\n`;
  session.receive(0, client.seal(ContentType.applicationData, ascii(head)));
  flush();
  let at = 0;
  while (session.room() > 0) {
    assert.ok(at < content.length, 'the room ends');
    session.receive(0, client.seal(ContentType.applicationData, content.subarray(at, at + 9_000)));
    at += 9_000;
    flush();
  }
  assert.ok(at >= limits.http1.inputBytes && at < 2 * limits.http1.inputBytes, `${at} bytes taken without a reader`);
  session.receive(0, client.seal(ContentType.applicationData, content.subarray(at, at + 16_000)));
  at += 16_000;
  assert.is(session.room(), 0);
  granted = 1 << 20;
  flush();
  assert.ok(session.room() > 0);
  for (; at < content.length; at += 16_000) {
    session.receive(0, client.seal(ContentType.applicationData, content.subarray(at, at + 16_000)));
    flush();
  }
  const [response] = http1Responses(concat(...client.received), [{ method: 'POST', path: '/' }]);
  equalBytes(response!.content, content);
});

test('a handler that reads all before it answers is asked again when records that waited have come in', () => {
  for (const ended of [false, true]) {
    let count = 0;
    const handler: Handler = ({ body }) => ({
      status: 200,
      headers: [],
      body: {
        length: undefined,
        read(maxBytes) {
          for (let part = body.read(maxBytes); part !== undefined; part = body.read(maxBytes)) {
            if (part.length === 0) return part;
            count += part.length;
          }
          if (count < 0) return undefined;
          const told = ascii(`${count} bytes`);
          count = -1;
          return told;
        },
      },
    });
    const { session, client, flush } = opened('http/1.1', { handler });
    const head = 'POST / HTTP/1.1\r\nhost: wirebench.test\r\ncontent-length: 200000\r\n\r\n';
    session.receive(0, client.seal(ContentType.applicationData, ascii(head)));
    for (let i = 0; i < 20; i++) session.receive(0, client.seal(ContentType.applicationData, new Uint8Array(10_000)));
    if (ended) session.endOfInput(0);
    assert.is(session.room(), 0);
    flush();
    const [response] = http1Responses(concat(...client.received), [{ method: 'POST', path: '/' }]);
    assert.is(text(response!.content), '200000 bytes');
  }
});

test('before the handshake there is room for it, after the end there is room to throw away', () => {
  const { session, client } = rig();
  assert.ok(session.room() >= 16_384);
  session.receive(0, client.start());
  assert.ok(session.room() >= 16_384);
  session.endOfInput(0);
  takeAll(session, 0);
  assert.is(session.state, 'closed');
  assert.ok(session.room() > 0);
});

test('records that wait for HTTP are read before the end of input behind them counts', () => {
  const { session, client, flush } = opened('http/1.1');
  const content = testRandom(5).bytes(150_000);
  const head = `POST /echo HTTP/1.1\r\nhost: wirebench.test\r\ncontent-length: ${content.length}\r\n\r\n`;
  session.receive(0, client.seal(ContentType.applicationData, ascii(head)));
  for (let at = 0; at < content.length; at += 10_000) {
    session.receive(0, client.seal(ContentType.applicationData, content.subarray(at, at + 10_000)));
  }
  assert.is(session.room(), 0, 'HTTP takes no more until it is read from');
  session.endOfInput(0);
  flush();
  const [response] = http1Responses(concat(...client.received), [{ method: 'POST', path: '/echo' }]);
  assert.is(response!.status, 200);
  equalBytes(response!.content, content);
  assert.is(session.state, 'closed');
});

// ---- time ----

test("a handler's delay is the session's deadline, and nothing comes before it", () => {
  for (const protocol of ['h2', 'http/1.1'] as const) {
    const { session, client, flush } = opened(protocol);
    const plaintext =
      protocol === 'h2'
        ? http2Requests([{ method: 'GET', path: '/delay/5' }])
        : ascii('GET /delay/5 HTTP/1.1\r\nhost: a\r\n\r\n');
    session.receive(1_000, client.seal(ContentType.applicationData, plaintext));
    flush(1_000);
    const before = client.received.length;
    assert.is(session.nextDeadlineUs(), 6_000);
    session.advance(5_999);
    assert.is(takeAll(session, 5_999).length, 0);
    assert.is(session.nextDeadlineUs(), 6_000);
    session.advance(6_000);
    // What is left are the timeouts of a silent peer.
    assert.ok((session.nextDeadlineUs() ?? Number.POSITIVE_INFINITY) > 1_000_000);
    flush(6_000);
    assert.ok(client.received.length > before, protocol);
  }
});

test('the date is that of the logical time', () => {
  const { say, heard } = opened('http/1.1');
  say(GET, 3_000_000);
  assert.match(heard(), /\r\ndate: Sun, 06 Nov 1994 08:49:40 GMT\r\n/);
});

test.run();
