// Field values that a peer makes as long as it may: the work they cause grows with their length, not with its square.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { evaluate } from '../../../src/core/http/conditional.js';
import { parseRange } from '../../../src/core/http/ranges.js';
import { interpretRequest } from '../../../src/core/http1/message.js';
import { limits } from '../../../src/core/limits.js';

/** What a square of it would take is many times as long on any machine. */
const PATIENCE_MS = 1_000;
const TIMES = 10;

function takesLittle(work: () => void): void {
  const start = performance.now();
  for (let i = 0; i < TIMES; i++) work();
  const ms = performance.now() - start;
  assert.ok(ms < PATIENCE_MS, `${ms} ms`);
}

const line = { method: 'GET', target: '/', major: 1, minor: 1 };
const blanks = (bytes: number): string => ' \t'.repeat(bytes / 2);

for (const name of ['connection', 'expect', 'transfer-encoding']) {
  test(`blanks inside a member of ${name}`, () => {
    const value = `a${blanks(limits.http1.headerSectionBytes)}b`;
    takesLittle(() => {
      interpretRequest(line, [
        ['host', 'a.test'],
        [name, value],
      ]);
    });
  });
}

test('blanks inside a range', () => {
  const value = `bytes=0-${blanks(limits.http2.headerListBytes)}1`;
  takesLittle(() => assert.is(parseRange(value, 10), undefined));
});

for (const [what, value] of [
  ['before', `"b",${blanks(limits.http2.headerListBytes)}x`],
  ['behind', `"b"${blanks(limits.http2.headerListBytes)}x`],
] as const) {
  test(`blanks ${what} what is no entity tag`, () => {
    takesLittle(() => assert.is(evaluate('GET', [['if-none-match', value]], { etag: '"a"' }), 'range'));
    takesLittle(() => assert.is(evaluate('GET', [['if-match', value]], { etag: '"a"' }), 412));
  });
}

test('blanks around members are no part of them', () => {
  assert.equal(parseRange('bytes= \t0-1 , \t 3-4\t', 10), [
    { from: 0, length: 2 },
    { from: 3, length: 2 },
  ]);
  assert.is(evaluate('GET', [['if-none-match', '\t"x" \t, \t W/"a" ']], { etag: '"a"' }), 304);
  assert.is(evaluate('GET', [['if-none-match', ' , ,"a"']], { etag: '"a"' }), 304);
  assert.is(evaluate('GET', [['if-none-match', '"x" "a"']], { etag: '"a"' }), 'range');
  const head = interpretRequest(line, [
    ['host', 'a.test'],
    ['connection', 'x ,\t close\t'],
  ]);
  assert.is('persistent' in head && head.persistent, false);
});

test.run();
