// Aligns two sequences so that what one of them has more shows as one addition and not as a difference of all that follows: the
// shortest edit (E. Myers, "An O(ND) Difference Algorithm", 1986), within a bound; beyond it the next place that agrees.

import { diffLimits } from './limits.js';

/** One side is undefined where the other has an item more. */
export interface Pair<T> {
  readonly a: T | undefined;
  readonly b: T | undefined;
}

/**
 * Pairs by the first of the levels, from the strictest to the loosest; what lies between two pairs is paired by the next
 * level. What is left is alone. The order of both sides is kept.
 */
export function align<T>(a: readonly T[], b: readonly T[], levels: readonly ((item: T) => string)[]): Pair<T>[] {
  const pairs: Pair<T>[] = [];
  alignInto(pairs, a, b, levels, 0);
  return pairs;
}

function alignInto<T>(
  pairs: Pair<T>[],
  a: readonly T[],
  b: readonly T[],
  levels: readonly ((item: T) => string)[],
  level: number,
): void {
  const name = levels[level];
  if (name === undefined || a.length === 0 || b.length === 0) {
    for (const item of a) pairs.push({ a: item, b: undefined });
    for (const item of b) pairs.push({ a: undefined, b: item });
    return;
  }
  let atA = 0;
  let atB = 0;
  const upTo = (endA: number, endB: number): void => {
    if (endA > atA || endB > atB) alignInto(pairs, a.slice(atA, endA), b.slice(atB, endB), levels, level + 1);
  };
  for (const [i, j] of commonItems(a.map(name), b.map(name))) {
    upTo(i, j);
    pairs.push({ a: a[i]!, b: b[j]! });
    atA = i + 1;
    atB = j + 1;
  }
  upTo(a.length, b.length);
}

/** Places of a longest common subsequence, or of a common one where that would cost too much. */
export function commonItems(a: readonly string[], b: readonly string[]): [number, number][] {
  const common: [number, number][] = [];
  let start = 0;
  const shorter = Math.min(a.length, b.length);
  while (start < shorter && a[start] === b[start]) common.push([start, start++]);
  let endA = a.length;
  let endB = b.length;
  while (endA > start && endB > start && a[endA - 1] === b[endB - 1]) {
    endA--;
    endB--;
  }
  const middleA = a.slice(start, endA);
  const middleB = b.slice(start, endB);
  if (middleA.length > 0 && middleB.length > 0) {
    for (const [i, j] of shortestEdit(middleA, middleB) ?? nextPlaces(middleA, middleB)) {
      common.push([start + i, start + j]);
    }
  }
  for (let i = endA, j = endB; i < a.length; i++, j++) common.push([i, j]);
  return common;
}

/** Undefined when more than `diffLimits.edits` edits are needed. */
function shortestEdit(a: readonly string[], b: readonly string[]): [number, number][] | undefined {
  const most = Math.min(a.length + b.length, diffLimits.edits);
  const offset = most + 1;
  // The furthest place on each diagonal k = i - j, and what it was after each number of edits, to walk back.
  const furthest = new Int32Array(2 * most + 3);
  const history: Int32Array[] = [];
  for (let edits = 0; edits <= most; edits++) {
    history.push(furthest.slice(offset - edits - 1, offset + edits + 2));
    for (let k = -edits; k <= edits; k += 2) {
      const down = k === -edits || (k !== edits && furthest[offset + k - 1]! < furthest[offset + k + 1]!);
      let i = down ? furthest[offset + k + 1]! : furthest[offset + k - 1]! + 1;
      while (i < a.length && i - k < b.length && a[i] === b[i - k]) i++;
      furthest[offset + k] = i;
      if (i >= a.length && i - k >= b.length) return walkBack(history, a.length, b.length);
    }
  }
  return undefined;
}

function walkBack(history: readonly Int32Array[], lengthA: number, lengthB: number): [number, number][] {
  const common: [number, number][] = [];
  let i = lengthA;
  let j = lengthB;
  for (let edits = history.length - 1; edits >= 0; edits--) {
    const before = history[edits]!;
    const at = (k: number): number => before[k + edits + 1]!;
    const k = i - j;
    const down = k === -edits || (k !== edits && at(k - 1) < at(k + 1));
    const fromK = down ? k + 1 : k - 1;
    const fromI = edits === 0 ? 0 : at(fromK);
    const fromJ = edits === 0 ? 0 : fromI - fromK;
    // Behind the edit, both went on together up to here.
    const [afterI, afterJ] = edits === 0 ? [0, 0] : down ? [fromI, fromJ + 1] : [fromI + 1, fromJ];
    while (i > afterI && j > afterJ) common.push([--i, --j]);
    i = fromI;
    j = fromJ;
  }
  return common.reverse();
}

function nextPlaces(a: readonly string[], b: readonly string[]): [number, number][] {
  const common: [number, number][] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const place = nextPlace(a, b, i, j);
    if (place === undefined) {
      i++;
      j++;
      continue;
    }
    common.push(place);
    [i, j] = [place[0] + 1, place[1] + 1];
  }
  return common;
}

function nextPlace(a: readonly string[], b: readonly string[], i: number, j: number): [number, number] | undefined {
  for (let away = 0; away <= diffLimits.lookAhead; away++) {
    for (let ofA = 0; ofA <= away; ofA++) {
      const ofB = away - ofA;
      if (i + ofA < a.length && j + ofB < b.length && a[i + ofA] === b[j + ofB]) return [i + ofA, j + ofB];
    }
  }
  return undefined;
}
