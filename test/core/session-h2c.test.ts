// HTTP/2 in clear with prior knowledge (RFC 9113 §3.3): what begins with the client preface, however it is cut, is HTTP/2,
// and anything else is HTTP/1.1.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Writer } from '../../src/core/bytes/writer.js';
import { CLIENT_PREFACE, encodeFrame, type Frame } from '../../src/core/http2/frame.js';
import { HpackEncoder } from '../../src/core/http2/hpack/encode.js';
import { createSession } from '../../src/core/session.js';
import type { TraceEvent } from '../../src/core/trace.js';
import type { Session } from '../../src/core/types.js';
import { ascii, concat, equalBytes, text } from '../support/bytes.js';
import { framesOf } from '../support/https-client.js';
import { siteOptions, takeAll } from '../support/site-run.js';

const test = suite('session: HTTP/2 in clear');

function open(): { session: Session; events: TraceEvent[] } {
  const events: TraceEvent[] = [];
  return { session: createSession({ ...siteOptions(false), trace: (_at, event) => events.push(event) }), events };
}

const writer = new Writer();
encodeFrame(writer, { type: 'SETTINGS', ack: false, settings: [] });
encodeFrame(writer, {
  type: 'HEADERS',
  streamId: 1,
  endStream: true,
  endHeaders: true,
  fieldBlockFragment: new HpackEncoder(4096).encode([
    [':method', 'GET'],
    [':scheme', 'http'],
    [':authority', 'a'],
    [':path', '/bytes/5'],
  ]),
});
const requests = concat(CLIENT_PREFACE, writer.finish());
const dataOf = (frames: readonly Frame[]): number =>
  frames.reduce((sum, frame) => sum + (frame.type === 'DATA' ? frame.data.length : 0), 0);

test('the preface leads to HTTP/2, however it is cut', () => {
  let whole: Uint8Array | undefined;
  for (const size of [requests.length, 1, 2, 7, 23, 24, 25]) {
    const { session, events } = open();
    for (let at = 0; at < requests.length; at += size) session.receive(0, requests.subarray(at, at + size));
    const bytes = takeAll(session, 0);
    const frames = framesOf(bytes);
    assert.is(frames[0]!.type, 'SETTINGS');
    assert.is(dataOf(frames), 5);
    if (whole === undefined) whole = bytes;
    else equalBytes(bytes, whole, `cuts of ${size}`);
    assert.ok(events.some((event) => event.layer === 'http' && event.kind === 'request' && event.scheme === 'http'));
    assert.not.ok(events.some((event) => event.layer === 'http1'));
  }
});

for (const request of [
  'GET /bytes/5 HTTP/1.1\r\nhost: a\r\n\r\n',
  'POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello',
  'PUT /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello',
]) {
  test(`${request.slice(0, 4)} leads to HTTP/1.1, octet by octet, too`, () => {
    for (const size of [request.length, 1, 3]) {
      const { session } = open();
      const bytes = ascii(request);
      for (let at = 0; at < bytes.length; at += size) session.receive(0, bytes.subarray(at, at + size));
      assert.match(text(takeAll(session, 0)), /^HTTP\/1\.1 200 /);
    }
  });
}

test('what is almost the preface is HTTP/1.1, and no request there', () => {
  for (const bytes of [
    concat(CLIENT_PREFACE.subarray(0, 20), ascii('XX\r\n\r\n')),
    ascii('PRI / HTTP/1.1\r\nhost: a\r\n\r\n'),
  ]) {
    const { session } = open();
    session.receive(0, bytes);
    assert.match(text(takeAll(session, 0)), /^HTTP\/1\.1 (?:400|405|501|505) /);
  }
});

test('an end within the preface is an end of HTTP/1.1', () => {
  const { session } = open();
  session.receive(0, CLIENT_PREFACE.subarray(0, 10));
  session.endOfInput(0);
  takeAll(session, 0);
  assert.is(session.state, 'closed');
});

test('Upgrade: h2c is not offered any more (§3.1): the answer is HTTP/1.1', () => {
  const { session } = open();
  const upgrade = 'connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n';
  session.receive(0, ascii(`GET /bytes/5 HTTP/1.1\r\nhost: a\r\n${upgrade}\r\n`));
  assert.match(text(takeAll(session, 0)), /^HTTP\/1\.1 200 /);
});

test('close and time reach whichever it is', () => {
  const { session } = open();
  session.receive(0, requests);
  takeAll(session, 0);
  assert.ok(session.nextDeadlineUs()! > 0);
  session.close(1);
  assert.ok(framesOf(takeAll(session, 1)).some((frame) => frame.type === 'GOAWAY'));
});

test.run();
