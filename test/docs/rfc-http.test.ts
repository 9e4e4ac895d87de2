// docs/rfc-http.md against the requirements that RFC 9112, 9113 and 7541 put on a server, and against the tests that it names.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('docs/rfc-http.md');

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const TEXT = readFileSync(join(ROOT, 'docs', 'rfc-http.md'), 'utf8');
const STATUSES = ['met', 'not met', 'not used', 'does not apply'];

/** How many MUST and MUST NOT each section of RFC 9112 has for a server or a recipient of requests (errata aside). */
const RFC9112: Readonly<Record<string, number>> = {
  '2.2': 5,
  '3': 1,
  '3.2': 3,
  '3.2.2': 2,
  '4': 1,
  '5.1': 1,
  '5.2': 2,
  '6.1': 7,
  '6.2': 1,
  '6.3': 2,
  '7.1': 2,
  '7.1.1': 1,
  '7.1.2': 2,
  '9.3': 2,
  '9.3.2': 1,
  '9.6': 4,
  '9.7': 1,
  '9.8': 1,
  '10.1': 1,
};

/** The same of RFC 9113, for a server that never pushes. */
const RFC9113: Readonly<Record<string, number>> = {
  '3.2': 2,
  '3.3': 2,
  '3.4': 4,
  '4.1': 4,
  '4.2': 3,
  '4.3': 3,
  '4.3.1': 2,
  '5.1': 7,
  '5.1.1': 3,
  '5.1.2': 2,
  '5.2.1': 1,
  '5.2.2': 1,
  '5.4': 1,
  '5.4.1': 1,
  '5.4.2': 2,
  '5.5': 3,
  '6.1': 4,
  '6.2': 4,
  '6.3': 2,
  '6.4': 6,
  '6.5': 6,
  '6.5.2': 6,
  '6.5.3': 2,
  '6.6': 2,
  '6.7': 6,
  '6.8': 4,
  '6.9': 5,
  '6.9.1': 3,
  '6.9.2': 3,
  '6.9.3': 1,
  '6.10': 4,
  '7': 1,
  '8.1': 4,
  '8.1.1': 1,
  '8.2': 1,
  '8.2.1': 6,
  '8.2.2': 3,
  '8.2.3': 1,
  '8.3': 8,
  '8.3.1': 4,
  '8.3.2': 1,
  '8.4': 1,
  '8.5': 2,
  '8.7': 2,
  '9.2': 2,
  '9.2.1': 4,
  '9.2.2': 2,
  '9.2.3': 1,
  '10.3': 1,
  '10.5.1': 1,
  '10.6': 2,
};

const RFC7541: Readonly<Record<string, number>> = {
  '2.2': 1,
  '2.3.2': 1,
  '2.3.3': 1,
  '3.2': 1,
  '4.2': 3,
  '5.1': 1,
  '5.2': 3,
  '6.1': 1,
  '6.2.3': 1,
  '6.3': 1,
  '7.1.3': 1,
};

interface Row {
  readonly section: string;
  readonly level: string;
  readonly what: string;
  readonly status: string;
  readonly reason: string;
}

function rowsOf(title: string): Row[] {
  const start = TEXT.indexOf(`\n## ${title}`);
  assert.ok(start >= 0, title);
  const end = TEXT.indexOf('\n## ', start + 1);
  return TEXT.slice(start, end < 0 ? undefined : end)
    .split('\n')
    .filter((line) => line.startsWith('| §'))
    .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '').trim()))
    .map(([section, level, what, status, reason]) => ({
      section: section!.slice(1),
      level: level!,
      what: what!,
      status: status!,
      reason: reason!,
    }));
}

const RFCS = ['RFC 9112', 'RFC 9110', 'RFC 9113', 'RFC 7541', 'RFC 9218'];

const testsIn = (text: string): { file: string; name: string }[] =>
  [...text.matchAll(/`(test\/[\w/.-]+\.test\.ts)` "([^"]+)"/g)].map(([, file, name]) => ({ file: file!, name: name! }));

for (const [rfc, expected] of [
  ['RFC 9112', RFC9112],
  ['RFC 9113', RFC9113],
  ['RFC 7541', RFC7541],
] as const) {
  test(`every MUST and MUST NOT of ${rfc} for a server has its row`, () => {
    const counts: Record<string, number> = {};
    for (const { section, level } of rowsOf(rfc)) {
      if (level.startsWith('MUST')) counts[section] = (counts[section] ?? 0) + 1;
    }
    assert.equal(counts, expected);
  });
}

test('every row has a status; what is met names a test, what is not says why', () => {
  for (const { section, level, what, status, reason } of RFCS.flatMap(rowsOf)) {
    const named = `§${section} ${what}`;
    assert.ok(STATUSES.includes(status), `${named}: ${status}`);
    assert.ok(['MUST', 'MUST NOT', 'SHOULD', 'SHOULD NOT', 'MAY', 'RECOMMENDED', 'OUGHT'].includes(level), named);
    if (status === 'met') assert.ok(testsIn(reason).length > 0, `${named} names no test`);
    else assert.ok(reason.length > 10, `${named} gives no reason`);
    // What must be done cannot be left alone without saying that it is not met.
    if (status === 'not used') assert.is(level, 'MAY', named);
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
  for (const [, file] of TEXT.matchAll(/`((?:test|src|tools)\/[\w/.-]+\.ts)`/g)) {
    assert.ok(existsSync(join(ROOT, file!)), file);
  }
});

test.run();
