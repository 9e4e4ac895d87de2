// Extensible priorities (RFC 9218): the Priority field and PRIORITY_UPDATE frames, both a dictionary of structured fields
// (RFC 8941 §3.2, §4.2.2), read into one small integer. What a priority does is decided in `schedule.ts`.

import { limits } from '../limits.js';

/** A priority is its urgency (0 to 7, the smaller the sooner) doubled, and 1 more when the response is incremental. */
export type Priority = number;

export const URGENCIES = 8;
const DEFAULT_URGENCY = 3;

/**
 * Of a request that says nothing. RFC 9218 §4 would have it served whole before the next one (u=3, i=?0), as a client means
 * that speaks of priorities; those that do not are mostly older than the RFC and count on a fair share (RFC 9113 §5.3.2).
 */
export const UNSPOKEN: Priority = 2 * DEFAULT_URGENCY + 1;

export const urgencyOf = (priority: Priority): number => priority >> 1;
export const isIncremental = (priority: Priority): boolean => (priority & 1) !== 0;

/**
 * The priority that a field value means; undefined when it is no dictionary, and then it is as if it were not there.
 * RFC 9218 §4: parameters that are not known, out of range or of another type are ignored.
 */
export function parsePriority(text: string): Priority | undefined {
  if (text.length > limits.http2.priorityOctets) return undefined;
  const parser = new DictionaryParser(text);
  return parser.parse() ? 2 * parser.urgency + (parser.incremental ? 1 : 0) : undefined;
}

const KEY = /[a-z*][a-z0-9_.*-]*/y;
/** RFC 8941 §3.3: decimal or integer, string, token, byte sequence, boolean. */
const BARE_ITEM =
  /-?(?:[0-9]{1,12}\.[0-9]{1,3}|[0-9]{1,15})(?![0-9.])|"(?:[ !#-[\]-~]|\\["\\])*"|[A-Za-z*][A-Za-z0-9:/!#$%&'*+.^_`|~-]*|:[A-Za-z0-9+/=]*:|\?[01]/y;
const SPACES = / */y;
const OWS = /[ \t]*/y;

/** RFC 8941 §4.2: the whole value is taken, or none of it. */
class DictionaryParser {
  urgency = DEFAULT_URGENCY;
  incremental = false;
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): boolean {
    this.#take(SPACES);
    while (this.#at < this.#text.length) {
      const key = this.#take(KEY);
      if (!key) return false;
      let value = '?1';
      if (this.#skip('=')) {
        const taken = this.#skip('(') ? this.#innerList() : this.#take(BARE_ITEM);
        if (!taken) return false;
        value = taken;
      }
      if (!this.#parameters()) return false;
      this.#member(key, value);
      this.#take(OWS);
      if (this.#at === this.#text.length) return true;
      // §4.2.2: a comma stands between two members, not behind the last.
      if (!this.#skip(',')) return false;
      this.#take(OWS);
      if (this.#at === this.#text.length) return false;
    }
    return true;
  }

  /** §4.2.2: of members with the same key the last one counts; one of a wrong type hides those before it. */
  #member(key: string, value: string): void {
    if (key === 'u') {
      const urgency = /^-?[0-9]+$/.test(value) ? Number(value) : -1;
      this.urgency = urgency >= 0 && urgency < URGENCIES ? urgency : DEFAULT_URGENCY;
    }
    if (key === 'i') this.incremental = value === '?1';
  }

  /** Behind the opening parenthesis; gives some text that is no value of ours, or undefined. */
  #innerList(): string | undefined {
    for (;;) {
      this.#take(SPACES);
      if (this.#skip(')')) return '()';
      if (!this.#take(BARE_ITEM) || !this.#parameters()) return undefined;
      const next = this.#text[this.#at];
      if (next !== ' ' && next !== ')') return undefined;
    }
  }

  #parameters(): boolean {
    while (this.#skip(';')) {
      this.#take(SPACES);
      if (!this.#take(KEY)) return false;
      if (this.#skip('=') && !this.#take(BARE_ITEM)) return false;
    }
    return true;
  }

  #skip(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  /** What matches here; empty or undefined when nothing does. */
  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }
}

/**
 * Priorities of streams that are not open yet (RFC 9218 §7: the last one is kept and applied when the stream opens). How
 * many there may be is for the connection to say: they and the open streams together, up to the concurrency limit.
 */
export class EarlyPriorities {
  readonly #priorities = new Map<number, Priority>();

  get count(): number {
    return this.#priorities.size;
  }

  has(streamId: number): boolean {
    return this.#priorities.has(streamId);
  }

  set(streamId: number, priority: Priority): void {
    this.#priorities.set(streamId, priority);
  }

  /** The stream opens: gives what was said of it. Streams below it will never open (RFC 9113 §5.1.1). */
  take(streamId: number): Priority | undefined {
    if (this.#priorities.size === 0) return undefined;
    const priority = this.#priorities.get(streamId);
    for (const id of this.#priorities.keys()) if (id <= streamId) this.#priorities.delete(id);
    return priority;
  }
}
