// What a run told, against what a test says it tells: patterns in order, each matched in part.

import { AssertionError } from 'node:assert';
import { isDeepStrictEqual } from 'node:util';
import { printable } from '../cli/text.js';
import { LAYERS } from '../cli/values.js';
import type { TraceEvent } from '../core/trace.js';
import type { Micros } from '../core/types.js';
import { checkChoice, checkList, kindOf } from './checks.js';

/** An event and its logical time. */
export type TimedEvent = TraceEvent & { readonly atUs: Micros };

/**
 * Some fields of an event. A RegExp matches a text, an object matches the fields that it names, everything else is to be
 * equal.
 */
export interface EventPattern {
  readonly layer?: TraceEvent['layer'];
  readonly kind?: TraceEvent['kind'];
  readonly [field: string]: unknown;
}

/** Lines of events that a message shows. */
const SHOWN_EVENTS = 20;

/**
 * Passes when each pattern matches an event, in this order; other events may stand between. Gives the events that matched.
 * Raises TypeError for a layer that is none, else AssertionError that names the first pattern without one, and the events that it was looked for in.
 */
export function expectEvents(events: Iterable<TimedEvent>, expected: readonly EventPattern[]): TimedEvent[] {
  // The session in place of its events is the slip that is made most.
  if (typeof events?.[Symbol.iterator] !== 'function') {
    throw new TypeError(`expectEvents: a list of events is wanted, not ${kindOf(events)}`);
  }
  for (const { layer } of checkList('expectEvents: patterns', expected, 'object') as readonly EventPattern[]) {
    // Plain JavaScript may give a RegExp here too.
    if (layer !== undefined && !((layer as unknown) instanceof RegExp)) {
      checkChoice('expectEvents: layer', layer, LAYERS);
    }
  }
  const all = [...events];
  const found: TimedEvent[] = [];
  let at = 0;
  for (const [index, pattern] of expected.entries()) {
    const from = at;
    while (at < all.length && !matches(all[at], pattern)) at++;
    if (at < all.length) {
      found.push(all[at++]!);
      continue;
    }
    throw new AssertionError({
      message: missingText(pattern, index, expected.length, all, from),
      actual: all.slice(from),
      expected: pattern,
      operator: 'expectEvents',
      stackStartFn: expectEvents,
    });
  }
  return found;
}

function matches(value: unknown, pattern: unknown): boolean {
  if (pattern instanceof RegExp) return typeof value === 'string' && pattern.test(value);
  if (!isPlainObject(pattern)) return isDeepStrictEqual(value, pattern);
  if (typeof value !== 'object' || value === null) return false;
  const fields = value as Readonly<Record<string, unknown>>;
  return Object.entries(pattern).every(([name, part]) => matches(fields[name], part));
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function missingText(
  pattern: EventPattern,
  index: number,
  count: number,
  all: readonly TimedEvent[],
  from: number,
): string {
  const rest = all.slice(from);
  // Those of the same kind say most about what is not as expected.
  const alike = rest.filter(({ layer, kind }) => layer === pattern.layer && kind === pattern.kind);
  const shown = alike.length > 0 ? alike : rest;
  const what = alike.length > 0 ? `events of this kind` : 'events';
  const lines = shown.slice(0, SHOWN_EVENTS).map((event) => `  ${printable(JSON.stringify(event), 400)}`);
  return [
    `no event matches pattern ${index + 1} of ${count}: ${printable(shownPattern(pattern), 400)}`,
    rest.length === 0
      ? `there is no event behind the ${from} before it`
      : `behind the ${from} events before it there are ${shown.length} ${what}:`,
    ...lines,
    ...(shown.length > SHOWN_EVENTS ? [`  ... and ${shown.length - SHOWN_EVENTS} more`] : []),
  ].join('\n');
}

function shownPattern(pattern: EventPattern): string {
  return JSON.stringify(pattern, (_name, value: unknown) => (value instanceof RegExp ? String(value) : value));
}
