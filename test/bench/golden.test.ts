// Golden logs: text compared with a file as it comes, whatever the pieces; files replaced as a whole, all of them or none.

import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compareGolden, GoldenComparison, GoldenUpdate, goldenLimits, updateGolden } from '../../src/bench/golden.js';
import { FileError } from '../../src/io/errors.js';
import { scratch } from '../support/captures.js';

const place = scratch();
let made = 0;
const fresh = (): string => place.path(`log-${made++}`);

function fileWith(text: string): string {
  const file = fresh();
  writeFileSync(file, text);
  return file;
}

test('the same text is no difference, and an empty one is that of a file that is not there', () => {
  assert.is(compareGolden(fileWith('a\nb §\n'), 'a\nb §\n'), undefined);
  assert.is(compareGolden(fileWith(''), ''), undefined);
  assert.is(compareGolden(fresh(), ''), undefined);
});

test('the first line that differs is named, with both texts', () => {
  for (const [before, now, line, golden, text] of [
    ['a\nb\nc\n', 'a\nx\nc\n', 2, 'b', 'x'],
    ['a\nbcd\n', 'a\nbxd\n', 2, 'bcd', 'bxd'],
    ['a\n', 'a\nb\n', 2, undefined, 'b'],
    ['a\nb\n', 'a\n', 2, 'b', undefined],
    ['a\nb', 'a\nb\n', 3, undefined, ''],
    ['a\nb\n', 'a\nb', 3, '', undefined],
    ['', 'a\n', 1, undefined, 'a'],
    ['ab\n', 'a\n', 1, 'ab', 'a'],
    ['a\n\nb\n', 'a\nb\n', 2, '', 'b'],
  ] as const) {
    const file = fileWith(before);
    const expected = { file, line, golden, now: text };
    assert.equal(compareGolden(file, now), expected, JSON.stringify([before, now]));
  }
});

test('a difference is the same however the text is cut into pieces', () => {
  const lines = Array.from({ length: 9_000 }, (_, at) => `line ${at} §5.${at % 7} ${'x'.repeat(at % 40)}\n`);
  const file = fileWith(lines.join(''));
  const changed = lines.with(8_000, 'another\n');
  for (const size of [1, 7, 1000, 9_000]) {
    const comparison = new GoldenComparison(file);
    for (let at = 0; at < changed.length; at += size) comparison.write(changed.slice(at, at + size).join(''));
    assert.equal(comparison.end(), { file, line: 8_001, golden: lines[8_000]!.slice(0, -1), now: 'another' });
    comparison.close();
  }
});

test('a line without end is cut in both texts', () => {
  const most = goldenLimits.lineBytes;
  const found = compareGolden(fileWith(`a${'b'.repeat(10 * most)}`), `a${'c'.repeat(10 * most)}`)!;
  assert.ok(found.golden!.length <= 2 * most && found.now!.length <= 2 * most);
  assert.ok(found.golden!.startsWith('abb') && found.now!.startsWith('acc'));
});

test('an update says what goes and what comes, and nothing when nothing does', () => {
  const file = fileWith('a\nb\nc\n');
  assert.equal(updateGolden(file, 'a\nb\nc\n'), []);
  assert.equal(updateGolden(file, 'a\nx\ny\nc\n'), [`${file} from line 2:`, '- b', '+ x', '+ y']);
  assert.is(readFileSync(file, 'utf8'), 'a\nx\ny\nc\n');
  const other = fresh();
  assert.equal(updateGolden(other, 'a\nb\n'), [`${other}: new, 2 lines`]);
});

test('what an update shows is bounded, and sends no control character to a terminal', () => {
  const file = fileWith(`${'\x1b[2J'}${'z'.repeat(5_000)}\n`);
  const changes = updateGolden(file, 'new\n'.repeat(1_000));
  assert.ok(changes.length <= 2 + 2 * (goldenLimits.shownLines + 1));
  assert.match(changes[1]!, /^- \\u001b\[2Jzzz/);
  assert.ok(changes.every((line) => !line.includes('\x1b') && line.length < 400));
  assert.is(changes.at(-1), `+ ... ${1_000 - goldenLimits.shownLines} more lines`);
});

test('a log too large to be shown is named by its first line that changed', () => {
  const line = `${'x'.repeat(1_023)}\n`;
  const before = line.repeat(goldenLimits.shownFileBytes / line.length + 1);
  const file = fileWith(before);
  assert.equal(updateGolden(file, before), []);
  const [head, gone, come] = updateGolden(file, `${line.repeat(10_000)}§\n`);
  assert.match(head!, /from line 10001, which is all that is shown/);
  assert.match(gone!, /^- xxx/);
  assert.is(come, '+ §');
});

test('no file is replaced before all are written and can be, and nothing is left beside them', () => {
  const [first, second] = [fileWith('a\n'), fresh()];
  // Where a directory stands no file can be put.
  mkdirSync(second);
  const update = new GoldenUpdate([first, second]);
  update.write(0, 'new\n');
  update.write(1, 'new\n');
  assert.throws(
    () => update.commit(),
    (error: unknown) => error instanceof FileError && error.message.includes('EISDIR'),
  );
  update.close();
  assert.is(readFileSync(first, 'utf8'), 'a\n');

  const dropped = new GoldenUpdate([first, `${first}.log`]);
  dropped.write(0, 'never\n');
  dropped.close();
  assert.is(readFileSync(first, 'utf8'), 'a\n');
  assert.not(existsSync(`${first}.log`));
  assert.equal(
    readdirSync(dirname(first)).filter((name) => name.endsWith('.new')),
    [],
  );
});

test('what cannot be read or written is an error of that file', () => {
  const folder = fresh();
  mkdirSync(folder);
  const isFileError = (error: unknown): boolean => error instanceof FileError && error.message.startsWith(folder);
  assert.throws(() => compareGolden(folder, 'a\n'), isFileError);
  assert.throws(() => updateGolden(`${folder}/no/log`, 'a\n'), isFileError);
  if (process.getuid?.() === 0) return;
  chmodSync(folder, 0o500);
  assert.throws(() => updateGolden(`${folder}/log`, 'a\n'), isFileError);
});

test.run();
