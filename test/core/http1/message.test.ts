// The codec: request lines, field lines and chunk-size lines out of RFC 9112 and RFC 9110, accepted and rejected.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ParseError } from '../../../src/core/bytes/reader.js';
import type { Field } from '../../../src/core/http/message.js';
import { TextCache } from '../../../src/core/http/text.js';
import {
  interpretRequest,
  lineEnd,
  parseChunkLine,
  parseFieldLine,
  parseRequestLine,
  type RequestLine,
} from '../../../src/core/http1/message.js';
import { ascii } from '../../support/bytes.js';

const texts = new TextCache();
const line = (source: string): RequestLine => parseRequestLine(ascii(source), 0, source.length, texts);
const field = (source: string): Field => parseFieldLine(ascii(source), 0, source.length, texts);
const chunk = (source: string): { size: number; digits: number } => parseChunkLine(ascii(source), 0, source.length);

/** Gives the offset of the ParseError. */
function rejected(run: () => unknown, label: string): number {
  try {
    run();
  } catch (error) {
    assert.instance(error, ParseError, label);
    assert.is((error as ParseError).layer, 'http1');
    return (error as ParseError).offset;
  }
  assert.unreachable(`accepted: ${label}`);
  return -1;
}

test('request lines that are valid', () => {
  assert.equal(line('GET /hello.txt HTTP/1.1'), { method: 'GET', target: '/hello.txt', major: 1, minor: 1 });
  assert.equal(line('OPTIONS * HTTP/1.0'), { method: 'OPTIONS', target: '*', major: 1, minor: 0 });
  assert.equal(line('PRI * HTTP/2.0'), { method: 'PRI', target: '*', major: 2, minor: 0 });
  assert.is(line("!#$%&'*+-.^_`|~09 /?q=%20|{} HTTP/1.9").method, "!#$%&'*+-.^_`|~09");
});

test('request lines that are not (RFC 9112 §3): where the first wrong octet stands', () => {
  const wrong: readonly (readonly [source: string, offset: number])[] = [
    ['', 0],
    [' GET / HTTP/1.1', 0],
    ['GET', 3],
    ['GET ', 4],
    ['GET /', 5], // HTTP/0.9
    ['GET / ', 6],
    ['GET  / HTTP/1.1', 4], // §3 allows one SP each; more is leniency
    ['GET /  HTTP/1.1', 6],
    ['GET\t/ HTTP/1.1', 3],
    ['GET /a b HTTP/1.1', 7], // §3.2: no white space in the target, no attempt to mend it
    ['GET /a#b HTTP/1.1', 6],
    ['GET /\u00e9 HTTP/1.1', 5],
    ['GET /\u0000 HTTP/1.1', 5],
    ['GET /\r HTTP/1.1', 5], // §2.2: bare CR
    ['G(T / HTTP/1.1', 1],
    ['GET / http/1.1', 6], // §2.3: case-sensitive
    ['GET / HTTP/1.10', 6],
    ['GET / HTTP/11', 6],
    ['GET / HTTP/1,1', 6],
    ['GET / HTTP/1.1 ', 6],
    ['GET / HTTPS/1.1', 6],
    ['GET / HTTP/x.1', 6],
  ];
  for (const [source, offset] of wrong)
    assert.is(
      rejected(() => line(source), source),
      offset,
      source,
    );
});

test('every truncation of a request line is a ParseError and nothing else', () => {
  const whole = 'GET /path HTTP/1.1';
  for (let length = 0; length < whole.length; length++) rejected(() => line(whole.slice(0, length)), `${length}`);
});

test('field lines that are valid', () => {
  assert.equal(field('Host: example.com'), ['host', 'example.com']);
  assert.equal(field('X-A:1'), ['x-a', '1']);
  assert.equal(field('X-A: \t two  words\t '), ['x-a', 'two  words']); // §5.1: OWS around the value is no part of it
  assert.equal(field('X-A:'), ['x-a', '']);
  assert.equal(field('X-A:   '), ['x-a', '']);
  assert.equal(field('x: a\tb:c\u00ff'), ['x', 'a\tb:c\u00ff']); // RFC 9110 §5.5: obs-text is opaque
});

test('field lines that are not', () => {
  const wrong: readonly (readonly [source: string, offset: number])[] = [
    ['Host : a', 4], // §5.1: no white space before the colon
    ['Host\t: a', 4],
    [' Host: a', 0], // §2.2 before the first line, §5.2 obs-fold after it
    ['\tfolded', 0],
    [': a', 0],
    ['Host', 4],
    ['Ho st: a', 2],
    ['H\u00f6st: a', 1],
    ['Host: a\rb', 7], // §2.2: bare CR
    ['Host: a\u0000', 7], // RFC 9110 §5.5
    ['Host: \u0001', 6],
    ['Host: \u007f', 6],
    ['(x): a', 0],
  ];
  for (const [source, offset] of wrong)
    assert.is(
      rejected(() => field(source), source),
      offset,
      source,
    );
});

test('a line ends in CR LF', () => {
  assert.is(lineEnd(ascii('ab\r\n'), 0, 3), 2);
  assert.is(lineEnd(ascii('\r\n'), 0, 1), 0);
  rejected(() => lineEnd(ascii('ab\n'), 0, 2), 'bare LF');
  rejected(() => lineEnd(ascii('\r\n'), 1, 1), 'LF alone');
});

test('chunk-size lines that are valid (RFC 9112 §7.1, §7.1.1)', () => {
  assert.equal(chunk('0'), { size: 0, digits: 1 });
  assert.equal(chunk('1aF'), { size: 0x1af, digits: 3 });
  assert.equal(chunk('000005'), { size: 5, digits: 6 });
  assert.equal(chunk('5;a'), { size: 5, digits: 1 });
  assert.equal(chunk('5 ; a = b\t;c="q\\" \\\\;x";d'), { size: 5, digits: 1 });
  assert.equal(chunk('1fffffffffffff'), { size: Number.MAX_SAFE_INTEGER, digits: 14 });
  assert.is(chunk('20000000000000').size, -1);
  assert.is(chunk('f'.repeat(400)).size, -1);
});

test('chunk-size lines that are not', () => {
  const wrong = ['', ' 5', '0x5', '-5', '+5', '5 ', '5;', '5;;a', '5;=b', '5;a=', '5;a="b', '5;a="b\\', '5;a="\r"'];
  for (const source of [...wrong, '5a;b c', '5,5', 'g', '5\r', '5;a=b=c', '5;a\n', '5;a="b"c'])
    rejected(() => chunk(source), source);
});

test('what stands behind the line is never read', () => {
  const bytes = ascii('5;a="b"');
  rejected(() => parseChunkLine(bytes, 0, 2), 'ends behind the semicolon');
  rejected(() => parseChunkLine(bytes, 0, 5), 'ends in the quoted string');
  assert.is(parseChunkLine(bytes, 0, 1).digits, 1);
  rejected(() => parseRequestLine(ascii('GET / HTTP/1.1'), 0, 13, texts), 'version one octet short');
  assert.equal(parseFieldLine(ascii('a: b\u0000'), 0, 4, texts), ['a', 'b']);
});

/** Status of the refusal, or the head. */
function interpret(source: string, headers: readonly Field[]): number | Record<string, unknown> {
  const read = interpretRequest(line(source), headers);
  return 'status' in read ? read.status : { ...read };
}

test('Host (RFC 9112 §3.2)', () => {
  assert.is(interpret('GET / HTTP/1.1', []), 400);
  assert.is(typeof interpret('GET / HTTP/1.0', []), 'object');
  assert.is(interpret('GET / HTTP/1.1', [['host', 'a'], ['host', 'a']]), 400); // biome-ignore format: one line a case
  assert.is(interpret('GET / HTTP/1.0', [['host', 'a'], ['host', 'b']]), 400); // biome-ignore format: one line a case
  for (const host of ['a', 'a.b:80', '127.0.0.1', '[::1]:8080', '[::1]', 'a:', 'x%20y', 'under_score', '']) {
    const head = interpret('GET / HTTP/1.1', [['host', host]]);
    assert.is(typeof head === 'object' && head.authority, host);
  }
  for (const host of [
    'a b',
    'a/b',
    'user@a',
    ':80',
    'a:b',
    '[::1',
    'a?b',
    'a#b',
    '%',
    '%zz',
    'a:80:80',
    'a,b c',
    '<a>',
  ]) {
    assert.is(interpret('GET / HTTP/1.1', [['host', host]]), 400, host);
  }
});

test('request targets (RFC 9112 §3.2.1 to §3.2.4)', () => {
  const target = (source: string): unknown => {
    const head = interpret(source, [['host', 'h']]);
    return typeof head === 'number' ? head : [head.scheme, head.authority, head.path];
  };
  assert.equal(target('GET /where?q=now HTTP/1.1'), [undefined, 'h', '/where?q=now']);
  assert.equal(target('GET //x HTTP/1.1'), [undefined, 'h', '//x']);
  assert.equal(target('GET http://www.example.org/pub/TheProject.html HTTP/1.1'), [
    'http',
    'www.example.org',
    '/pub/TheProject.html',
  ]);
  assert.equal(target('GET HTTPS://a:8001?q HTTP/1.1'), ['https', 'a:8001', '/?q']);
  assert.equal(target('GET http://a HTTP/1.1'), ['http', 'a', '/']);
  assert.equal(target('OPTIONS http://www.example.org:8001 HTTP/1.1'), ['http', 'www.example.org:8001', '*']);
  assert.equal(target('OPTIONS * HTTP/1.1'), [undefined, 'h', '*']);
  assert.is(target('GET * HTTP/1.1'), 400);
  assert.is(target('CONNECT a:80 HTTP/1.1'), 501);
  for (const bad of ['a:80', 'ftp://a/', 'http:/a', 'http:///a', 'http://u:p@a/', 'where', '?q', 'http://a b']) {
    if (!bad.includes(' ')) assert.is(target(`GET ${bad} HTTP/1.1`), 400, bad);
  }
});

test('content framing (RFC 9112 §6.1 to §6.3)', () => {
  const framing = (version: string, ...headers: Field[]): unknown => {
    const head = interpret(`POST / ${version}`, [['host', 'h'], ...headers]);
    return typeof head === 'number' ? head : head.contentLength;
  };
  const length = (value: string): Field => ['content-length', value];
  const coding = (value: string): Field => ['transfer-encoding', value];
  assert.is(framing('HTTP/1.1'), 0);
  assert.is(framing('HTTP/1.1', length('0')), 0);
  assert.is(framing('HTTP/1.1', length('042')), 42);
  assert.is(framing('HTTP/1.0', length('5')), 5);
  assert.is(framing('HTTP/1.1', length('9007199254740991')), Number.MAX_SAFE_INTEGER);
  assert.is(framing('HTTP/1.1', length('9007199254740992')), 413);
  assert.is(framing('HTTP/1.1', length('9'.repeat(400))), 413);
  for (const value of ['', '-1', '+1', '1.0', '1e3', '0x10', '5 5', '5, 5', '5,6', 'five']) {
    assert.is(framing('HTTP/1.1', length(value)), 400, value);
  }
  assert.is(framing('HTTP/1.1', length('5'), length('5')), 400);
  assert.is(framing('HTTP/1.1', length('5'), length('6')), 400);
  for (const value of ['chunked', 'Chunked', ', chunked ,']) assert.is(framing('HTTP/1.1', coding(value)), undefined);
  assert.is(framing('HTTP/1.1', coding('chunked'), length('5')), 400);
  assert.is(framing('HTTP/1.0', coding('chunked')), 400);
  // §6.3: not chunked at the end cannot be delimited (400); chunked at the end can, but gzip is not understood (501).
  for (const value of ['gzip', 'identity', '', 'chunked, gzip', 'chunked;q=1', 'xchunked']) {
    assert.is(framing('HTTP/1.1', coding(value)), 400, value);
  }
  assert.is(framing('HTTP/1.1', coding('gzip, chunked')), 501);
  assert.is(framing('HTTP/1.1', coding('foo'), coding('chunked')), 501);
  assert.is(framing('HTTP/1.1', coding('chunked'), coding('chunked')), 400);
});

test('Connection and Expect (RFC 9112 §9.3, RFC 9110 §10.1.1)', () => {
  const head = (version: string, ...headers: Field[]): number | Record<string, unknown> =>
    interpret(`GET / ${version}`, [['host', 'h'], ...headers]);
  const persistent = (version: string, ...headers: Field[]): unknown =>
    (head(version, ...headers) as Record<string, unknown>).persistent;
  assert.is(persistent('HTTP/1.1'), true);
  assert.is(persistent('HTTP/1.2'), true);
  assert.is(persistent('HTTP/1.0'), false);
  assert.is(persistent('HTTP/1.0', ['connection', 'Keep-Alive']), true);
  assert.is(persistent('HTTP/1.0', ['connection', 'keep-alive, close']), false);
  assert.is(persistent('HTTP/1.1', ['connection', 'keep-alive'], ['connection', 'close']), false);
  assert.is(persistent('HTTP/1.1', ['connection', 'close']), false);
  assert.is(persistent('HTTP/1.1', ['connection', 'te , CLOSE']), false);
  assert.is(persistent('HTTP/1.1', ['connection', 'closed']), true);
  assert.is(persistent('HTTP/1.1', ['connection', 'te'], ['connection', 'close']), false);
  assert.is((head('HTTP/1.1', ['expect', '100-Continue']) as Record<string, unknown>).expectsContinue, true);
  assert.is((head('HTTP/1.0', ['expect', '100-continue']) as Record<string, unknown>).expectsContinue, false);
  assert.is(
    (head('HTTP/1.1', ['expect', '100-continue, 100-continue']) as Record<string, unknown>).expectsContinue,
    true,
  );
  for (const value of ['tea', '', '100-continue, tea', '100-continue;q=1']) {
    assert.is(head('HTTP/1.1', ['expect', value]), 417);
  }
});

test.run();
