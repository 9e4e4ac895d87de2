// IMF-fixdate against RFC 9110's example, leap years, and an independent implementation.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { imfFixdate } from '../../../src/core/http/date.js';
import { testRandom } from '../../support/bytes.js';

const VECTORS: readonly (readonly [seconds: number, text: string])[] = [
  [784_111_777, 'Sun, 06 Nov 1994 08:49:37 GMT'], // RFC 9110 §5.6.7
  [0, 'Thu, 01 Jan 1970 00:00:00 GMT'],
  [86_399, 'Thu, 01 Jan 1970 23:59:59 GMT'],
  [951_782_400, 'Tue, 29 Feb 2000 00:00:00 GMT'], // divisible by 400: a leap year
  [951_868_800, 'Wed, 01 Mar 2000 00:00:00 GMT'],
  [1_709_251_199, 'Thu, 29 Feb 2024 23:59:59 GMT'],
  [1_740_787_199, 'Fri, 28 Feb 2025 23:59:59 GMT'],
  [1_740_787_200, 'Sat, 01 Mar 2025 00:00:00 GMT'],
  [4_107_542_399, 'Sun, 28 Feb 2100 23:59:59 GMT'], // divisible by 100 only: none
  [4_107_542_400, 'Mon, 01 Mar 2100 00:00:00 GMT'],
  [2_147_483_648, 'Tue, 19 Jan 2038 03:14:08 GMT'],
];

test('the date of the RFC, leap days and year ends', () => {
  for (const [seconds, text] of VECTORS) assert.is(imfFixdate(seconds * 1_000_000), text);
});

test('parts of a second are dropped, not rounded', () => {
  assert.is(imfFixdate(784_111_777_999_999), 'Sun, 06 Nov 1994 08:49:37 GMT');
});

test('agrees with the Date of the language on every day from 1970 to 2200', () => {
  for (let day = 0; day < 84_000; day++) {
    const seconds = day * 86_400 + ((day * 7_919) % 86_400);
    assert.is(imfFixdate(seconds * 1_000_000), new Date(seconds * 1_000).toUTCString());
  }
});

test('agrees at random instants', () => {
  const random = testRandom(1);
  for (let i = 0; i < 20_000; i++) {
    const seconds = random.u32() * 2;
    assert.is(imfFixdate(seconds * 1_000_000), new Date(seconds * 1_000).toUTCString());
  }
});

test.run();
