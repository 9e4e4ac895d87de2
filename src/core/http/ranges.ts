// Byte ranges (RFC 9110 §14): the Range field, and what a response to it is made of. Leaves out whether Range is heeded at
// all (conditional.ts) and where the bytes come from (representation.ts).

import { limits } from '../limits.js';
import { withoutBlanks } from './text.js';

/** `length` bytes from offset `from` on; at least one. */
export interface ByteRange {
  readonly from: number;
  readonly length: number;
}

/** Undefined: the field is ignored. Empty: none of its ranges can be satisfied (416). Otherwise those that can, in its order. */
export function parseRange(value: string, total: number): readonly ByteRange[] | undefined {
  const equals = value.indexOf('=');
  // §14.2: a unit that is not understood is ignored. §14.1: its name is case-insensitive.
  if (value.slice(0, Math.max(0, equals)).toLowerCase() !== 'bytes') return undefined;
  const ranges: ByteRange[] = [];
  let count = 0;
  for (const part of value.slice(equals + 1).split(',')) {
    const spec = withoutBlanks(part);
    // RFC 9110 §5.6.1.2: empty members of a list do not count.
    if (spec === '') continue;
    // Each part costs its own bytes, so a request with very many of them is answered as if it had no Range.
    if (++count > limits.http.ranges) return undefined;
    const range = parseSpec(spec, total);
    if (range === undefined) return undefined;
    if (range.length > 0) ranges.push(range);
  }
  if (count === 0) return undefined;
  return tooManyOverlap(ranges) ? undefined : ranges;
}

/** §14.1.1: one range; without bytes when it cannot be satisfied, undefined when it is invalid. */
function parseSpec(spec: string, total: number): ByteRange | undefined {
  const parts = /^([0-9]*)-([0-9]*)$/.exec(spec);
  if (parts === null) return undefined;
  const [first, last] = [parts[1]!, parts[2]!];
  if (first === '') {
    // §14.1.2: the last so many bytes, all of them where there are fewer.
    if (last === '') return undefined;
    const length = Math.min(integer(last), total);
    return { from: total - length, length };
  }
  const from = integer(first);
  if (last !== '' && isLess(last, first)) return undefined;
  if (from >= total) return { from, length: 0 };
  const end = last === '' ? total : Math.min(total, integer(last) + 1);
  return { from, length: end - from };
}

/** §14.1.2: numerals may be of any size; beyond what a length can be they are all the same. */
function integer(digits: string): number {
  return Math.min(Number(digits), Number.MAX_SAFE_INTEGER - 1);
}

/** Of numerals, whatever their size. */
function isLess(a: string, b: string): boolean {
  const [x, y] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')];
  return x.length === y.length ? x < y : x.length < y.length;
}

/** §14.2: more than two ranges that overlap are no honest request. */
function tooManyOverlap(ranges: readonly ByteRange[]): boolean {
  let overlapping = 0;
  for (const range of ranges) {
    const overlaps = ranges.some(
      (other) => other !== range && other.from < range.from + range.length && range.from < other.from + other.length,
    );
    if (overlaps) overlapping++;
  }
  return overlapping > 2;
}

/** The value of Content-Range (RFC 9110 §14.4). */
export function contentRange({ from, length }: ByteRange, total: number): string {
  return `bytes ${from}-${from + length - 1}/${total}`;
}
