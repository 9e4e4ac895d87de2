// Aligning two sequences: what one side has more is one addition, and the costs are bounded.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { align, commonItems } from '../../../src/bench/diff/align.js';
import { diffLimits } from '../../../src/bench/diff/limits.js';

const test = suite('align');
const same = (item: string): string => item;

function shown(a: string, b: string, levels = [same]): string {
  const pairs = align([...a], [...b], levels);
  return pairs.map((pair) => `${pair.a ?? '-'}${pair.b ?? '-'}`).join(' ');
}

test('an inserted or lost item is one', () => {
  assert.is(shown('abcd', 'abxcd'), 'aa bb -x cc dd');
  assert.is(shown('abcd', 'acd'), 'aa b- cc dd');
  assert.is(shown('', 'ab'), '-a -b');
  assert.is(shown('ab', ''), 'a- b-');
  assert.is(shown('', ''), '');
});

test('what lies between two pairs is paired by the next level', () => {
  const lower = (item: string): string => item.toLowerCase();
  assert.is(shown('aBc', 'abc', [same, lower]), 'aa Bb cc');
  assert.is(shown('aBc', 'axbc', [same, lower]), 'aa -x Bb cc');
  assert.is(shown('aBc', 'abc'), 'aa B- -b cc');
});

/** By the textbook: the length of a longest common subsequence. */
function longestCommon(a: string, b: string): number {
  let row = new Array<number>(b.length + 1).fill(0);
  for (const x of a) {
    const next = [0];
    for (let j = 1; j <= b.length; j++) {
      next.push(x === b[j - 1] ? row[j - 1]! + 1 : Math.max(row[j]!, next[j - 1]!));
    }
    row = next;
  }
  return row[b.length]!;
}

test('as many items are common as can be, in order on both sides', () => {
  let seed = 7;
  const draw = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % below;
  };
  for (let round = 0; round < 400; round++) {
    const text = (): string => Array.from({ length: draw(24) }, () => 'abcd'[draw(4)]).join('');
    const [a, b] = [text(), text()];
    const common = commonItems([...a], [...b]);
    assert.is(common.length, longestCommon(a, b), `${a} ${b}`);
    let [i, j] = [-1, -1];
    for (const [atA, atB] of common) {
      assert.ok(atA > i && atB > j, `${a} ${b}: order`);
      assert.is(a[atA], b[atB]);
      [i, j] = [atA, atB];
    }
  }
});

test('beyond the bound of edits the next place that agrees is taken', () => {
  // Every second item is another: more edits than are looked for.
  const count = diffLimits.edits * 4;
  const list = (name: string): string[] => Array.from({ length: count }, (_, i) => (i % 2 ? `${name}${i}` : `${i}`));
  const common = commonItems(['begin', ...list('a'), 'end'], ['begin', 'more', ...list('b'), 'end']);
  assert.is(common.length, count / 2 + 2);
});

test('nothing in common ends soon', () => {
  const list = (name: string): string[] => Array.from({ length: 50_000 }, (_, i) => `${name}${i}`);
  const started = performance.now();
  assert.equal(commonItems(list('a'), list('b')), []);
  assert.ok(performance.now() - started < 20_000);
});

test.run();
