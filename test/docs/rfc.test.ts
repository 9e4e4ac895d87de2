// docs/rfc.md against the table of requirements in RFC 9293's appendix B, and against the tests that it names.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('docs/rfc.md');

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const TEXT = readFileSync(join(ROOT, 'docs', 'rfc.md'), 'utf8');

/** Appendix B numbers each kind from 1 on without a gap. */
const LABELS = { MUST: 69, SHLD: 31, MAY: 18, REC: 1 } as const;
const STATUSES = ['met', 'not met', 'not used', 'does not apply'];

const ROWS = TEXT.split('\n')
  .filter((line) => /^\| (MUST|SHLD|MAY|REC)-/.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, label, what, status, reason]) => ({ label: label!, what: what!, status: status!, reason: reason! }));

interface Named {
  readonly file: string;
  readonly name: string;
}

function testsIn(text: string): Named[] {
  return [...text.matchAll(/`(test\/[\w/.-]+\.test\.ts)` "([^"]+)"/g)].map(([, file, name]) => ({
    file: file!,
    name: name!,
  }));
}

test('every label of appendix B occurs once, and no other', () => {
  const wanted = Object.entries(LABELS).flatMap(([kind, last]) =>
    Array.from({ length: last }, (_, i) => `${kind}-${i + 1}`),
  );
  assert.equal(ROWS.map((row) => row.label).sort(), wanted.sort());
});

test('every row has a status; what is met names a test, what is not says why', () => {
  for (const { label, what, status, reason } of ROWS) {
    assert.ok(STATUSES.includes(status), `${label}: ${status}`);
    assert.ok(what.length > 0, label);
    if (status === 'met') assert.ok(testsIn(reason).length > 0, `${label} names no test`);
    else assert.ok(reason.length > 10, `${label} gives no reason`);
    // A MUST or SHOULD cannot be left alone without saying that it is not met.
    if (status === 'not used') assert.match(label, /^MAY/);
  }
});

test('every test that is named exists', () => {
  const named = testsIn(TEXT);
  assert.ok(named.length > 100);
  const sources = new Map<string, string>();
  for (const { file, name } of named) {
    if (!sources.has(file)) {
      assert.ok(existsSync(join(ROOT, file)), `${file} does not exist`);
      sources.set(file, readFileSync(join(ROOT, file), 'utf8'));
    }
    assert.ok(sources.get(file)!.includes(name), `${file} has no test "${name}"`);
  }
});

test('every file that is named exists', () => {
  for (const [, file] of TEXT.matchAll(/`(test\/[\w/.-]+\.ts)`/g)) assert.ok(existsSync(join(ROOT, file!)), file);
});

test.run();
