// Conditional requests (RFC 9110 §13): whether a request is to be performed, given the validators of what it selects. Pure;
// leaves out ranges themselves (ranges.ts).

import { parseHttpDate } from './date.js';
import type { Field } from './message.js';

export interface Validators {
  /** A strong entity tag with its quotes (RFC 9110 §8.8.3). */
  readonly etag: string;
  /** Seconds since 1970; undefined: the resource has no modification date. */
  readonly lastModifiedSeconds?: number | undefined;
  /** What the year of a date in two digits is reckoned from, seconds since 1970 (RFC 9110 §5.6.7). Absent: the modification date. */
  readonly nowSeconds?: number;
  /** The date alone identifies the content: it did not change twice in that second (RFC 9110 §8.8.2.2). */
  readonly dateIsStrong?: boolean;
}

/** range: perform it, and a Range may be heeded. whole: perform it without Range. Otherwise the status to answer with. */
export type Verdict = 'range' | 'whole' | 304 | 412;

/** RFC 9110 §13.2.2, in its order. `headers` are the request's. */
export function evaluate(method: string, headers: readonly Field[], validators: Validators): Verdict {
  let ifMatch: string | undefined;
  let ifNoneMatch: string | undefined;
  let ifModifiedSince: string | undefined;
  let ifUnmodifiedSince: string | undefined;
  let ifRange: string | undefined;
  for (const [name, value] of headers) {
    // A fast way past what is neither.
    if (name.charCodeAt(0) !== 0x69) continue;
    if (name === 'if-match') ifMatch = joined(ifMatch, value);
    else if (name === 'if-none-match') ifNoneMatch = joined(ifNoneMatch, value);
    // Twice makes a list of dates, which is no date (§13.1.3, §13.1.4).
    else if (name === 'if-modified-since') ifModifiedSince = joined(ifModifiedSince, value);
    else if (name === 'if-unmodified-since') ifUnmodifiedSince = joined(ifUnmodifiedSince, value);
    else if (name === 'if-range') ifRange = joined(ifRange, value);
  }
  const { etag, lastModifiedSeconds: modified, nowSeconds = modified ?? 0 } = validators;
  const reads = method === 'GET' || method === 'HEAD';

  if (ifMatch !== undefined) {
    if (!matches(ifMatch, etag, true)) return 412;
  } else if (ifUnmodifiedSince !== undefined && modified !== undefined) {
    const since = parseHttpDate(ifUnmodifiedSince, nowSeconds);
    if (since !== undefined && modified > since) return 412;
  }

  if (ifNoneMatch !== undefined) {
    if (matches(ifNoneMatch, etag, false)) return reads ? 304 : 412;
  } else if (reads && ifModifiedSince !== undefined && modified !== undefined) {
    const since = parseHttpDate(ifModifiedSince, nowSeconds);
    if (since !== undefined && modified <= since) return 304;
  }

  if (ifRange === undefined) return 'range';
  return rangeHolds(ifRange, validators) ? 'range' : 'whole';
}

function joined(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before}, ${value}`;
}

/** §13.1.5: an exact match, by a strong comparison. */
function rangeHolds(value: string, { etag, lastModifiedSeconds, nowSeconds, dateIsStrong }: Validators): boolean {
  if (value.startsWith('"') || value.startsWith('W/')) return value === etag;
  if (lastModifiedSeconds === undefined || dateIsStrong !== true) return false;
  return parseHttpDate(value, nowSeconds ?? lastModifiedSeconds) === lastModifiedSeconds;
}

/**
 * §13.1.1, §13.1.2, §8.8.3.2: `*`, or a list that has the tag. `etag` is strong, so the weak comparison takes `W/` of a
 * member away and the strong one lets no such member match. A list that is malformed matches nothing.
 */
function matches(list: string, etag: string, strong: boolean): boolean {
  if (list === '*') return true;
  let found = false;
  let at = 0;
  while (at < list.length) {
    // No two runs of blanks meet in it: it would try all the ways to share them out.
    const member = /[ \t]*(?:(W\/)?("[\x21\x23-\x7e\x80-\xff]*")[ \t]*)?(?:,|$)/y;
    member.lastIndex = at;
    const parts = member.exec(list);
    if (parts === null || parts[0] === '') return false;
    if (parts[2] === etag && (!strong || parts[1] === undefined)) found = true;
    at = member.lastIndex;
  }
  return found;
}
