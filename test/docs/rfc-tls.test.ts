// docs/rfc-tls.md: no row is lost, each has a status, and the tests that it names exist.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkNames, checkRow, readDocument, rowsOf, testsIn } from '../support/rfc-table.js';

const test = suite('docs/rfc-tls.md');

const TEXT = readDocument('rfc-tls.md');

/** How many statements of each RFC are listed. A row goes only when its number here goes with it. */
const STATEMENTS: Readonly<Record<string, number>> = {
  'RFC 5246': 77,
  'RFC 8446': 166,
  'RFC 5077': 9,
  'RFC 5746': 9,
  'RFC 6066': 17,
  'RFC 7301': 4,
  'RFC 7366': 5,
  'RFC 7507': 2,
  'RFC 7627': 8,
  'RFC 8449': 8,
};

/** By the RFC that the heading names. */
const SECTIONS = new Map(
  TEXT.split(/^## /m)
    .slice(1)
    .map((section) => [/^RFC \d+/.exec(section)?.[0] ?? section.slice(0, 20), rowsOf(section, /^§/)]),
);

test('every RFC has its rows, in the order of its sections', () => {
  assert.equal([...SECTIONS.keys()].sort(), Object.keys(STATEMENTS).sort());
  for (const [rfc, rows] of SECTIONS) {
    assert.is(rows.length, STATEMENTS[rfc], rfc);
    const labels = rows.map(({ label }) => label);
    assert.equal(labels, [...labels].sort(bySection), rfc);
  }
});

/** §4.2.10 comes behind §4.2.9, and appendices behind sections. */
function bySection(a: string, b: string): number {
  const parts = (label: string): number[] =>
    label
      .slice(1)
      .split('.')
      .map((part) => (/^\d/.test(part) ? Number(part) : 100 + part.charCodeAt(0)));
  const [left, right] = [parts(a), parts(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

test('every row has a status; what is met names a test, what is not says why', () => {
  for (const rows of SECTIONS.values()) rows.forEach(checkRow);
});

test('every test and every file that is named exists', () => {
  assert.ok(testsIn(TEXT).length > 200);
  checkNames(TEXT);
});

test.run();
