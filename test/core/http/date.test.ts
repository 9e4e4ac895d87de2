// HTTP-date against RFC 9110's examples, leap years, and an independent implementation; written and read.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { imfFixdate, parseHttpDate } from '../../../src/core/http/date.js';
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

const NOW = 1_790_000_000; // 2026

test('all three forms of §5.6.7 are read', () => {
  for (const text of [
    'Sun, 06 Nov 1994 08:49:37 GMT',
    'Sunday, 06-Nov-94 08:49:37 GMT',
    'Sun Nov  6 08:49:37 1994',
    'Sun Nov 06 08:49:37 1994',
  ]) {
    assert.is(parseHttpDate(text, NOW), 784_111_777, text);
  }
  for (const [seconds, text] of VECTORS) assert.is(parseHttpDate(text, NOW), seconds);
});

test('what is written is read again, on every day from 1970 to 2200', () => {
  for (let day = 0; day < 84_000; day++) {
    const seconds = day * 86_400 + ((day * 7_919) % 86_400);
    assert.is(parseHttpDate(imfFixdate(seconds * 1_000_000), NOW), seconds);
  }
});

test('before 1970, and a leap second', () => {
  assert.is(parseHttpDate('Thu, 01 Jan 1600 00:00:00 GMT', NOW), Date.UTC(1600, 0, 1) / 1_000);
  assert.is(parseHttpDate('Wed, 31 Dec 1969 23:59:59 GMT', NOW), -1);
  assert.is(parseHttpDate('Sat, 31 Dec 2016 23:59:60 GMT', NOW), Date.UTC(2017, 0, 1) / 1_000);
});

test('two digits of a year are never more than 50 years ahead', () => {
  const year = (digits: string): number | undefined => {
    const seconds = parseHttpDate(`Monday, 01-Jun-${digits} 00:00:00 GMT`, NOW);
    return seconds === undefined ? undefined : new Date(seconds * 1_000).getUTCFullYear();
  };
  assert.is(year('26'), 2026);
  assert.is(year('76'), 2076);
  assert.is(year('77'), 1977);
  assert.is(year('99'), 1999);
  assert.is(year('00'), 2000);
  // A day that only a leap year has: 2000 and 1996 have it, 1999 and 2099 have not.
  assert.is(parseHttpDate('Monday, 29-Feb-96 00:00:00 GMT', NOW), Date.UTC(1996, 1, 29) / 1_000);
  assert.is(parseHttpDate('Monday, 29-Feb-99 00:00:00 GMT', NOW), undefined);
});

test('everything else is no date', () => {
  for (const text of [
    '',
    'Sun, 06 Nov 1994 08:49:37',
    'Sun, 06 Nov 1994 08:49:37 UTC',
    'Sun, 06 Nov 1994 08:49:37 gmt',
    'sun, 06 Nov 1994 08:49:37 GMT',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'Sun, 06 nov 1994 08:49:37 GMT',
    'Sun, 31 Nov 1994 08:49:37 GMT',
    'Sun, 29 Feb 2100 08:49:37 GMT',
    'Sun, 00 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 24:00:00 GMT',
    'Sun, 06 Nov 1994 08:60:37 GMT',
    'Sun, 06 Nov 94 08:49:37 GMT',
    'Sunday, 06-Nov-1994 08:49:37 GMT',
    'Sun Nov 6 08:49:37 1994',
    'Sun Nov  0 08:49:37 1994',
    ' Sun, 06 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT',
    '784111777',
  ]) {
    assert.is(parseHttpDate(text, NOW), undefined, text);
  }
});

test.run();
