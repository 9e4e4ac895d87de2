// Preconditions, from RFC 9110 §13: each field alone, their precedence, and values that are to be ignored.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { evaluate, type Validators, type Verdict } from '../../../src/core/http/conditional.js';
import type { Field } from '../../../src/core/http/message.js';

const MODIFIED = 784_111_777;
const AT = 'Sun, 06 Nov 1994 08:49:37 GMT';
const BEFORE = 'Sun, 06 Nov 1994 08:49:36 GMT';
const AFTER = 'Sun, 06 Nov 1994 08:49:38 GMT';
const dated: Validators = { etag: '"xyzzy"', lastModifiedSeconds: MODIFIED, dateIsStrong: true };

function verdict(fields: readonly Field[], method = 'GET', validators: Validators = dated): Verdict {
  return evaluate(method, fields, validators);
}

test('no condition: perform it', () => {
  assert.is(verdict([]), 'range');
  assert.is(
    verdict([
      ['range', 'bytes=0-1'],
      ['accept', '*/*'],
    ]),
    'range',
  );
});

test('If-Match compares strongly (§13.1.1)', () => {
  for (const [value, holds] of [
    ['"xyzzy"', true],
    ['*', true],
    ['"a", "xyzzy"', true],
    ['"a" ,, "xyzzy" ,', true],
    ['"r2d2,xyzzy"', false],
    ['W/"xyzzy"', false],
    ['"XYZZY"', false],
    ['', false],
    ['xyzzy', false],
    ['*, "xyzzy"', false],
    ['"xyzzy" "a"', false],
    ['"xyzzy', false],
  ] as const) {
    assert.is(verdict([['if-match', value]]), holds ? 'range' : 412, value);
    assert.is(verdict([['if-match', value]], 'PUT'), holds ? 'range' : 412, value);
  }
  // Two lines are one list (RFC 9110 §5.3).
  assert.is(
    verdict([
      ['if-match', '"a"'],
      ['if-match', '"xyzzy"'],
    ]),
    'range',
  );
});

test('If-None-Match compares weakly; 304 for GET and HEAD, 412 for the rest (§13.1.2)', () => {
  for (const [value, matches] of [
    ['"xyzzy"', true],
    ['W/"xyzzy"', true],
    ['*', true],
    ['"a", W/"xyzzy", "c"', true],
    ['w/"xyzzy"', false],
    ['"a"', false],
    ['', false],
    ['"a" "xyzzy"', false],
  ] as const) {
    assert.is(verdict([['if-none-match', value]]), matches ? 304 : 'range', value);
    assert.is(verdict([['if-none-match', value]], 'HEAD'), matches ? 304 : 'range', value);
    assert.is(verdict([['if-none-match', value]], 'POST'), matches ? 412 : 'range', value);
  }
});

test('If-Modified-Since, for GET and HEAD only (§13.1.3)', () => {
  assert.is(verdict([['if-modified-since', AT]]), 304);
  assert.is(verdict([['if-modified-since', AFTER]]), 304);
  assert.is(verdict([['if-modified-since', BEFORE]]), 'range');
  assert.is(verdict([['if-modified-since', AT]], 'HEAD'), 304);
  assert.is(verdict([['if-modified-since', AT]], 'PUT'), 'range');
  assert.is(verdict([['if-modified-since', 'Sunday, 06-Nov-94 08:49:37 GMT']]), 304);
  assert.is(verdict([['if-modified-since', 'Sun Nov  6 08:49:37 1994']]), 304);
  for (const invalid of ['', 'yesterday', `${AT}, ${AT}`, AT.toLowerCase(), '784111777']) {
    assert.is(verdict([['if-modified-since', invalid]]), 'range', invalid);
  }
  assert.is(
    verdict([
      ['if-modified-since', AT],
      ['if-modified-since', AT],
    ]),
    'range',
    'more than one member',
  );
  assert.is(verdict([['if-modified-since', AT]], 'GET', { etag: '"a"' }), 'range', 'no date is available');
});

test('If-Unmodified-Since (§13.1.4)', () => {
  assert.is(verdict([['if-unmodified-since', AT]]), 'range');
  assert.is(verdict([['if-unmodified-since', AFTER]]), 'range');
  assert.is(verdict([['if-unmodified-since', BEFORE]]), 412);
  assert.is(verdict([['if-unmodified-since', BEFORE]], 'DELETE'), 412);
  assert.is(verdict([['if-unmodified-since', 'nonsense']]), 'range');
  assert.is(verdict([['if-unmodified-since', `${BEFORE}, ${BEFORE}`]]), 'range');
  assert.is(verdict([['if-unmodified-since', BEFORE]], 'GET', { etag: '"a"' }), 'range');
});

test('the order of §13.2.2', () => {
  // 1 before 2: If-Unmodified-Since is not looked at.
  assert.is(
    verdict([
      ['if-unmodified-since', BEFORE],
      ['if-match', '"xyzzy"'],
    ]),
    'range',
  );
  // 1 before 3: the lost update comes first.
  assert.is(
    verdict([
      ['if-none-match', '"xyzzy"'],
      ['if-match', '"a"'],
    ]),
    412,
  );
  assert.is(
    verdict([
      ['if-none-match', '"xyzzy"'],
      ['if-match', '"xyzzy"'],
    ]),
    304,
  );
  // 2 before 3.
  assert.is(
    verdict([
      ['if-none-match', '"xyzzy"'],
      ['if-unmodified-since', BEFORE],
    ]),
    412,
  );
  // 3 before 4: If-Modified-Since is not looked at.
  assert.is(
    verdict([
      ['if-modified-since', AT],
      ['if-none-match', '"a"'],
    ]),
    'range',
  );
  // 4 before 5: Range does not matter for a 304.
  assert.is(
    verdict([
      ['range', 'bytes=0-0'],
      ['if-range', '"xyzzy"'],
      ['if-modified-since', AT],
    ]),
    304,
  );
});

test('If-Range: exactly the tag or the date, strong both (§13.1.5)', () => {
  for (const [value, holds] of [
    ['"xyzzy"', true],
    [AT, true],
    ['Sunday, 06-Nov-94 08:49:37 GMT', true],
    ['W/"xyzzy"', false],
    ['"a"', false],
    ['"xyzzy", "a"', false],
    [BEFORE, false],
    [AFTER, false],
    ['*', false],
    ['', false],
  ] as const) {
    assert.is(
      verdict([
        ['range', 'bytes=0-1'],
        ['if-range', value],
      ]),
      holds ? 'range' : 'whole',
      value,
    );
  }
  assert.is(verdict([['if-range', AT]], 'GET', { etag: '"a"', lastModifiedSeconds: MODIFIED }), 'whole', 'a weak date');
  assert.is(verdict([['if-range', AT]], 'GET', { etag: '"a"' }), 'whole', 'no date');
});

test('any text in the fields: a verdict, and quickly', () => {
  for (const name of ['if-match', 'if-none-match', 'if-modified-since', 'if-range']) {
    for (const part of ['"', 'W/', ', ', '",', ' \t', '"a" ']) {
      const started = process.hrtime.bigint();
      assert.ok(verdict([[name, part.repeat(8_000)]]) !== undefined);
      assert.ok(process.hrtime.bigint() - started < 500_000_000n, `${name}: ${JSON.stringify(part)}`);
    }
  }
});

test.run();
