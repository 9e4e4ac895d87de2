// The documents that name a test for each statement of an RFC: their rows, and whether what they name exists.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const STATUSES = ['met', 'not met', 'not used', 'does not apply'];

export interface RfcRow {
  readonly label: string;
  /** The statement, recalled. */
  readonly what: string;
  readonly status: string;
  readonly reason: string;
}

export function readDocument(name: string): string {
  return readFileSync(join(ROOT, 'docs', name), 'utf8');
}

/** The rows whose label the pattern fits. */
export function rowsOf(text: string, label: RegExp): RfcRow[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter(([, first]) => label.test(first!))
    .map(([, first, what, status, ...reason]) => ({
      label: first!,
      what: what!,
      status: status!,
      reason: reason.join('|').trim(),
    }));
}

export function testsIn(text: string): { file: string; name: string }[] {
  return [...text.matchAll(/`(test\/[\w/.-]+\.test\.ts)` "([^"]+)"/g)].map(([, file, name]) => ({
    file: file!,
    name: name!,
  }));
}

/** A row has a status; what is met names a test, what is not says why, and only a MAY can be left alone. */
export function checkRow({ label, what, status, reason }: RfcRow): void {
  assert.ok(STATUSES.includes(status), `${label}: ${status}`);
  assert.ok(what.length > 0, label);
  if (status === 'met') assert.ok(testsIn(reason).length > 0, `${label} names no test`);
  else assert.ok(reason.length > 10, `${label} gives no reason`);
  if (status === 'not used') assert.match(label, /^MAY/);
}

/** Every file that the text names exists, and every test is in its file. */
export function checkNames(text: string): void {
  const sources = new Map<string, string>();
  for (const { file, name } of testsIn(text)) {
    if (!sources.has(file)) {
      assert.ok(existsSync(join(ROOT, file)), `${file} does not exist`);
      sources.set(file, readFileSync(join(ROOT, file), 'utf8'));
    }
    assert.ok(sources.get(file)!.includes(name), `${file} has no test "${name}"`);
  }
  for (const [, file] of text.matchAll(/`(test\/[\w/.-]+\.ts)`/g)) assert.ok(existsSync(join(ROOT, file!)), file);
}
