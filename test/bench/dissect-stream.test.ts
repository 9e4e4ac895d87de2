// Two byte streams side by side: TLS handshakes that differ in one extension, frames and content however they are cut into
// segments, and what happens when a side stops, has a gap, or is no protocol at all.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compareLimits } from '../../src/bench/difference.js';
import { StreamComparison } from '../../src/bench/dissect-stream.js';
import type { Extension } from '../../src/core/tls/extensions.js';
import { ascii, concat } from '../support/bytes.js';
import { handshakeBytes, record } from '../support/tls-client.js';

const nothingKnown = { clientRandom: () => undefined, secret: () => undefined, method: () => undefined };

/** Both streams from sequence number 1 on, in segments of `size`; what is said of all that begins before `end`. */
function compared(recorded: Uint8Array, now: Uint8Array, size = 1460, methods: readonly string[] = []) {
  const comparison = new StreamComparison({ ...nothingKnown, method: (n) => methods[n] });
  for (const side of ['recorded', 'now'] as const) {
    const bytes = side === 'recorded' ? recorded : now;
    comparison.side(side).open(0);
    for (let at = 0; at < bytes.length; at += size) {
      comparison.side(side).push(1 + at, bytes.subarray(at, at + size));
      comparison.compare();
    }
  }
  const found = comparison.verdict(Math.max(recorded.length, now.length), true);
  return found && `${found.layer} ${found.path}: recorded ${found.recorded}, now ${found.now}`;
}

function serverHello(...extensions: Extension[]): Uint8Array {
  const random = new Uint8Array(32);
  const hello = { type: 'ServerHello', serverVersion: 0x0303, random, sessionId: new Uint8Array(0) } as const;
  return record(22, handshakeBytes({ ...hello, cipherSuite: 0xc02f, compressionMethod: 0, extensions }));
}

const alpn = (name: string): Extension => ({ type: 'alpn', protocols: [ascii(name)] });
const ems: Extension = { type: 'extended_master_secret' };

test('a protocol of another length is named, not the lengths around it', () => {
  assert.is(
    compared(serverHello(ems, alpn('h2')), serverHello(ems, alpn('http/1.1'))),
    'TLS ServerHello.extensions.alpn: recorded "h2", now "http/1.1"',
  );
});

test('an extension that is only there on one side is named', () => {
  assert.is(
    compared(serverHello(alpn('h2'), ems), serverHello(alpn('h2'))),
    'TLS ServerHello.extensions.extended_master_secret: recorded present, now absent',
  );
  assert.is(
    compared(serverHello(ems), serverHello(alpn('h2'), ems)),
    'TLS ServerHello.extensions.alpn: recorded absent, now "h2"',
  );
});

test('extensions in another order are named by their places', () => {
  const server: Extension = { type: 'server_name', names: undefined };
  assert.is(
    compared(serverHello(ems, server), serverHello(server, ems)),
    'TLS ServerHello.extensions.extended_master_secret: recorded place 1, now place 2',
  );
});

test('an alert in place of a message is told as what it is', () => {
  assert.is(
    compared(serverHello(ems), record(21, Uint8Array.of(2, 40))),
    'TLS message: recorded ServerHello, now Alert fatal handshake_failure',
  );
  assert.is(
    compared(record(21, Uint8Array.of(2, 80)), record(21, Uint8Array.of(2, 40))),
    'TLS Alert.description: recorded internal_error, now handshake_failure',
  );
});

test('a message that only one side sends is told when the stream is over', () => {
  const alert = record(21, Uint8Array.of(1, 0));
  const line = 'TLS message: recorded nothing, now Alert warning close_notify';
  assert.is(compared(serverHello(ems), concat(serverHello(ems), alert)), line);
});

test('the same messages in other records are a difference of records', () => {
  const whole = serverHello(ems);
  const cut = concat(record(22, whole.subarray(5, 20)), record(22, whole.subarray(20)));
  assert.is(compared(whole, cut), `TLS record 1 handshake.length: recorded ${whole.length - 5}, now 15`);
});

test('a message that differs is named even when records are cut in another way', () => {
  const other = serverHello(ems, alpn('h2'));
  const cut = concat(record(22, other.subarray(5, 20)), record(22, other.subarray(20)));
  const line = 'TLS ServerHello.extensions.alpn: recorded absent, now "h2"';
  for (const size of [1, 7, 1460]) assert.is(compared(serverHello(ems), cut, size), line);
});

const head = (...fields: string[]): string =>
  `HTTP/1.1 200 OK\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`;

test('content is the same however it is cut, and differs by its byte', () => {
  const length = 3 * compareLimits.pieceBytes;
  const content = new Uint8Array(length).fill(0x61);
  const other = content.slice();
  other[length - 100] = 0x62;
  const whole = (body: Uint8Array): Uint8Array => concat(ascii(head(`content-length: ${length}`)), body);
  for (const size of [100, 1460, 65_536]) {
    assert.is(compared(whole(content), whole(content), size), undefined);
    assert.match(compared(whole(content), whole(other), size)!, new RegExp(`^HTTP body byte ${length - 100}: `));
  }
});

test('chunked content, its chunk sizes and its trailers are told apart', () => {
  const chunked = (rest: string): Uint8Array => ascii(head('transfer-encoding: chunked') + rest);
  const base = chunked('5\r\nhello\r\n0\r\nx-a: 1\r\n\r\n');
  assert.is(compared(base, base), undefined);
  assert.is(
    compared(base, chunked('5\r\nhallo\r\n0\r\nx-a: 1\r\n\r\n')),
    'HTTP body byte 1: recorded 0x656c6c6f, now 0x616c6c6f',
  );
  assert.is(
    compared(base, chunked('2\r\nhe\r\n3\r\nllo\r\n0\r\nx-a: 1\r\n\r\n')),
    'HTTP chunk size: recorded "5", now "2"',
  );
  assert.is(compared(base, chunked('5\r\nhello\r\n0\r\nx-a: 2\r\n\r\n')), 'HTTP trailers.x-a: recorded "1", now "2"');
});

test('the next response is found behind content of every kind', () => {
  const end = (letter: string): string => head(`x-end: ${letter}`, 'content-length: 0');
  for (const [first, method] of [
    [`${head('content-length: 3')}abc`, 'GET'],
    [`${head('transfer-encoding: chunked')}1\r\na\r\n0\r\n\r\n`, 'GET'],
    [head('content-length: 3'), 'HEAD'],
    ['HTTP/1.1 204 No Content\r\n\r\n', 'GET'],
    ['HTTP/1.1 304 Not Modified\r\ncontent-length: 3\r\n\r\n', 'GET'],
    [`HTTP/1.1 100 Continue\r\n\r\n${head('content-length: 3')}abc`, 'GET'],
  ] as const) {
    const line = compared(ascii(first + end('a')), ascii(first + end('b')), 7, [method, 'GET']);
    assert.is(line, 'HTTP fields.x-end: recorded "a", now "b"', first);
  }
});

test('content until the end of the connection is compared as far as both sides have it', () => {
  const long = ascii(`${head()}abcdefgh`);
  assert.is(compared(long, long.subarray(0, -3)), undefined);
  const other = long.slice();
  other[long.length - 4] = 0x78;
  assert.match(compared(long, other)!, /^HTTP body byte 4: /);
});

test('a side with a gap or with bytes that are no protocol gives no false name', () => {
  const hello = serverHello(ems);
  const comparison = new StreamComparison(nothingKnown);
  for (const side of ['recorded', 'now'] as const) comparison.side(side).open(0);
  comparison.side('recorded').push(1, hello);
  comparison.side('now').push(1 + 10, hello.subarray(10));
  comparison.compare();
  assert.is(comparison.settled(hello.length), false);
  assert.is(comparison.verdict(hello.length, true), undefined);
  assert.is(
    compared(ascii('not HTTP\r\n\r\n'), ascii('nor this\r\n\r\n')),
    'HTTP status line: recorded "not HTTP", now "nor this"',
  );
  assert.is(compared(new Uint8Array(100).fill(0xff), new Uint8Array(100).fill(0xfe)), undefined);
});

test('a header section without end is given up at its bound', () => {
  const endless = (letter: string): Uint8Array =>
    ascii(`HTTP/1.1 200 OK\r\nx: ${letter.repeat(compareLimits.unitBytes)}`);
  assert.is(compared(endless('a'), endless('b'), 65_536), undefined);
});

test('what waits for the other side is bounded', () => {
  const comparison = new StreamComparison(nothingKnown);
  const side = comparison.side('recorded');
  side.open(0);
  const alert = record(21, Uint8Array.of(1, 90));
  for (let i = 0; i < compareLimits.waiting + 10; i++) {
    side.push(1 + i * alert.length, alert);
    comparison.compare();
  }
  assert.is(side.units.length, compareLimits.waiting);
  assert.is(side.records.length, compareLimits.waiting);
});

test('a segment that is sent again adds nothing', () => {
  const comparison = new StreamComparison(nothingKnown);
  const side = comparison.side('now');
  // Sequence numbers wrap.
  side.open(0xffff_fff0);
  const hello = serverHello(ems);
  side.push(0xffff_fff1, hello.subarray(0, 30));
  side.push(0xffff_fff1, hello.subarray(0, 30));
  side.push((0xffff_fff1 + 20) >>> 0, hello.subarray(20));
  assert.is(side.taken, hello.length);
  assert.is(side.units.length, 1);
});

test.run();
