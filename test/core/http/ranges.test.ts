// Range requests, from RFC 9110 §14 and §15.3.7: the field's grammar, single and multiple parts, and what is ignored.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { patternByte } from '../../../src/core/http/body.js';
import { EMPTY_BODY, type Field, fieldValue, type Response } from '../../../src/core/http/message.js';
import { contentRange, parseRange } from '../../../src/core/http/ranges.js';
import { createSite } from '../../../src/core/http/site.js';
import { limits } from '../../../src/core/limits.js';
import { concat, text } from '../../support/bytes.js';

const ranges = (value: string, total: number): (readonly [number, number])[] | undefined =>
  parseRange(value, total)?.map(({ from, length }) => [from, from + length - 1] as const);

test('§14.1.2: the examples for a representation of 10000 bytes', () => {
  for (const [value, expected] of [
    ['bytes=0-499', [[0, 499]]],
    ['bytes=500-999', [[500, 999]]],
    ['bytes=-500', [[9_500, 9_999]]],
    ['bytes=9500-', [[9_500, 9_999]]],
    [
      'bytes=0-0,-1',
      [
        [0, 0],
        [9_999, 9_999],
      ],
    ],
    [
      'bytes= 0-999, 4500-5499, -1000',
      [
        [0, 999],
        [4_500, 5_499],
        [9_000, 9_999],
      ],
    ],
    [
      'bytes=500-600,601-999',
      [
        [500, 600],
        [601, 999],
      ],
    ],
    [
      'bytes=500-700,601-999',
      [
        [500, 700],
        [601, 999],
      ],
    ],
  ] as const) {
    assert.equal(ranges(value, 10_000), expected as unknown, value);
  }
});

test('§14.1.1, §14.1.2: ends beyond the end, numerals of any size, empty members', () => {
  const huge = '9'.repeat(400);
  assert.equal(ranges('bytes=9999-10005', 10_000), [[9_999, 9_999]]);
  assert.equal(ranges(`bytes=5-${huge}`, 10), [[5, 9]]);
  assert.equal(ranges(`bytes=-${huge}`, 10), [[0, 9]]);
  assert.equal(ranges(`bytes=${huge}-`, 10), []);
  assert.equal(ranges('BYTES=,1-2, ,\t3-3,', 10), [
    [1, 2],
    [3, 3],
  ]);
  assert.equal(ranges('bytes=007-08', 10), [[7, 8]]);
  assert.equal(ranges('bytes=0-', Number.MAX_SAFE_INTEGER), [[0, Number.MAX_SAFE_INTEGER - 1]]);
});

test('what cannot be satisfied is left out; nothing left is 416', () => {
  assert.equal(ranges('bytes=10-,0-0', 10), [[0, 0]]);
  assert.equal(ranges('bytes=10-20', 10), []);
  assert.equal(ranges('bytes=-0', 10), []);
  assert.equal(ranges('bytes=0-', 0), []);
  assert.equal(ranges('bytes=-5', 0), []);
});

test('§14.2: an unknown unit and an invalid set are ignored', () => {
  for (const value of [
    'seconds=1-2',
    'bytes',
    'bytes=',
    'bytes=,',
    '=0-1',
    'bytes =0-1',
    'bytes=a-b',
    'bytes=1',
    'bytes=-',
    'bytes=2-1',
    `bytes=1${'0'.repeat(30)}-9${'0'.repeat(29)}`,
    'bytes=0-1;2-3',
    'bytes=0 - 1',
    'bytes=+1-2',
    'bytes=0x1-2',
    'bytes=0-1,x',
    'bytes=1.0-2',
  ]) {
    assert.is(ranges(value, 100), undefined, value);
  }
});

test('limits.http.ranges, and more than two ranges that overlap: answered in whole (CVE-2011-3192)', () => {
  const some = (count: number): string =>
    `bytes=${Array.from({ length: count }, (_, i) => `${2 * i}-${2 * i}`).join()}`;
  assert.is(ranges(some(limits.http.ranges), 1_000)!.length, limits.http.ranges);
  assert.is(ranges(some(limits.http.ranges + 1), 1_000), undefined);
  assert.is(ranges('bytes=0-9,5-14', 100)!.length, 2);
  assert.is(ranges('bytes=0-9,5-14,10-19', 100), undefined);
  assert.is(ranges('bytes=0-,0-,0-', 100), undefined);
});

test('Content-Range (§14.4)', () => {
  assert.is(contentRange({ from: 734, length: 500 }, 1_234), 'bytes 734-1233/1234');
});

const site = createSite();

function ask(range: string | undefined, more: readonly Field[] = [], path = '/bytes/1000', method = 'GET'): Response {
  const headers: Field[] = range === undefined ? [...more] : [['range', range], ...more];
  return site({
    version: 'HTTP/1.1',
    method,
    scheme: 'http',
    authority: 'b',
    path,
    headers,
    body: EMPTY_BODY,
    connection: { flow: 'f' },
    serial: 1,
  });
}

function content(response: Response, maxBytes = 333): string {
  const parts: Uint8Array[] = [];
  for (let piece = response.body?.read(maxBytes); piece !== undefined; piece = response.body!.read(maxBytes)) {
    assert.ok(piece.length > 0 && piece.length <= maxBytes);
    parts.push(piece.slice());
  }
  const all = text(concat(...parts));
  assert.is(all.length, response.body?.length ?? 0);
  return all;
}

const pattern = (from: number, to: number): string =>
  String.fromCharCode(...Array.from({ length: to - from + 1 }, (_, i) => patternByte(from + i)));

test('§15.3.7.1: one part', () => {
  const response = ask('bytes=100-199');
  assert.is(response.status, 206);
  assert.equal(response.headers, [
    ['content-type', 'application/octet-stream'],
    ['content-range', 'bytes 100-199/1000'],
    ['accept-ranges', 'bytes'],
    ['etag', '"bytes-1000"'],
    ['last-modified', 'Sun, 06 Nov 1994 08:49:37 GMT'],
  ]);
  assert.is(content(response), pattern(100, 199));
  // Several asked for, one left: a single part may be sent as such.
  assert.is(fieldValue(ask('bytes=2000-,-1').headers, 'content-range'), 'bytes 999-999/1000');
});

test('§15.3.7.2, §14.6: several parts, in the order asked for, without a Content-Range of the whole', () => {
  for (const maxBytes of [1, 7, 100_000]) {
    const response = ask('bytes=500-509, 0-1, -3');
    assert.is(response.status, 206);
    assert.is(fieldValue(response.headers, 'content-range'), undefined);
    const boundary = /^multipart\/byteranges; boundary=([\w-]{1,70})$/.exec(
      fieldValue(response.headers, 'content-type')!,
    )![1];
    const parts = [
      [500, 509],
      [0, 1],
      [997, 999],
    ].map(
      ([from, to]) =>
        `--${boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes ${from}-${to}/1000\r\n\r\n` +
        pattern(from!, to!),
    );
    assert.is(content(response, maxBytes), `${parts.join('\r\n')}\r\n--${boundary}--\r\n`);
  }
  assert.equal(ask('bytes=0-0,2-2').headers, ask('bytes=0-0,2-2').headers, 'the same boundary each time');
  assert.not.equal(ask('bytes=0-0,2-2').headers, ask('bytes=0-0,3-3').headers, 'another for other ranges');
});

test('§15.5.17: 416 says how long it is', () => {
  const response = ask('bytes=1000-');
  assert.is(response.status, 416);
  assert.is(fieldValue(response.headers, 'content-range'), 'bytes */1000');
  assert.is(ask('bytes=0-', [], '/bytes/0').status, 416);
});

test('Range is ignored for HEAD, when it is malformed, when it comes twice, and when If-Range does not hold', () => {
  assert.is(ask('bytes=0-1', [], '/bytes/1000', 'HEAD').status, 200);
  assert.is(ask('bytes=1-0').status, 200);
  assert.is(ask('bytes=0-1', [['range', 'bytes=2-3']]).status, 200);
  assert.is(ask('bytes=0-1', [['if-range', '"other"']]).status, 200);
  assert.is(content(ask('bytes=0-1', [['if-range', '"other"']])).length, 1_000);
  const held = ask('bytes=0-1', [['if-range', '"bytes-1000"']]);
  assert.is(held.status, 206);
  // §15.3.7: the client has the other fields already.
  assert.is(fieldValue(held.headers, 'last-modified'), undefined);
  assert.is(fieldValue(held.headers, 'etag'), '"bytes-1000"');
});

test('/bytes/N has validators and heeds conditions', () => {
  const whole = ask(undefined);
  assert.is(whole.status, 200);
  assert.is(fieldValue(whole.headers, 'etag'), '"bytes-1000"');
  assert.equal(ask(undefined, [['if-match', '*']]).headers, whole.headers, 'the same with a condition that holds');
  const notModified = ask(undefined, [['if-none-match', 'W/"bytes-1000"']]);
  assert.is(notModified.status, 304);
  assert.equal(notModified.headers, [['etag', '"bytes-1000"']]);
  assert.is(notModified.body, undefined);
  assert.is(ask(undefined, [['if-match', '"bytes-999"']]).status, 412);
  assert.is(ask(undefined, [['if-modified-since', 'Sun, 06 Nov 1994 08:49:37 GMT']]).status, 304);
  assert.is(ask('bytes=5-5', [['if-none-match', '"bytes-1000"']]).status, 304, 'Range comes last (§13.2.2)');
});

test('parts that nobody reads on are cancelled', () => {
  const response = ask('bytes=0-1,5-6,8-9');
  assert.ok(response.body!.read(4)!.length > 0);
  response.body!.cancel!();
  // The pieces are views of one block: what matters is that nothing is thrown and nothing left open.
  assert.is(response.status, 206);
});

test('parts that are together longer than a length can be: answered in whole', () => {
  const path = `/bytes/${Number.MAX_SAFE_INTEGER}`;
  for (const range of ['bytes=0-,0-', 'bytes=0-0,1-']) {
    const { status, body } = ask(range, [], path);
    assert.equal([status, body?.length], [200, Number.MAX_SAFE_INTEGER], range);
  }
  assert.is(ask('bytes=1-', [], path).status, 206);
});

test.run();
