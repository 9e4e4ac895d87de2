// docs/rfc.md against the table of requirements in RFC 9293's appendix B, and against the tests that it names.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkNames, checkRow, readDocument, rowsOf, testsIn } from '../support/rfc-table.js';

const test = suite('docs/rfc.md');

const TEXT = readDocument('rfc.md');
const ROWS = rowsOf(TEXT, /^(MUST|SHLD|MAY|REC)-/);

/** Appendix B numbers each kind from 1 on without a gap. */
const LABELS = { MUST: 69, SHLD: 31, MAY: 18, REC: 1 } as const;

test('every label of appendix B occurs once, and no other', () => {
  const wanted = Object.entries(LABELS).flatMap(([kind, last]) =>
    Array.from({ length: last }, (_, i) => `${kind}-${i + 1}`),
  );
  assert.equal(ROWS.map((row) => row.label).sort(), wanted.sort());
});

test('every row has a status; what is met names a test, what is not says why', () => ROWS.forEach(checkRow));

test('every test and every file that is named exists', () => {
  assert.ok(testsIn(TEXT).length > 100);
  checkNames(TEXT);
});

test.run();
