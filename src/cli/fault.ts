// The value of --fault: `drop=2%,dup=1%,reorder=5%,corrupt=0.5%,delay=20ms,jitter=5ms,rate=10mbit,in`. Words in, settings
// of core/faults.ts out, or UsageError that says which word is wrong and what it may be.

import { type FaultPlan, type FaultSettings, NO_FAULTS } from '../core/faults.js';
import { amount, nearest, quoted, TIME_UNITS, UsageError } from './values.js';

const DIRECTIONS = ['in', 'out', 'both'] as const;
type Direction = (typeof DIRECTIONS)[number];

const KEYS: Readonly<Record<string, (what: string, text: string) => Partial<FaultSettings>>> = {
  drop: (what, text) => ({ dropPpm: share(what, text) }),
  dup: (what, text) => ({ duplicatePpm: share(what, text) }),
  reorder: (what, text) => ({ reorderPpm: share(what, text) }),
  corrupt: (what, text) => ({ corruptPpm: share(what, text) }),
  delay: (what, text) => ({ delayUs: duration(what, text) }),
  jitter: (what, text) => ({ jitterUs: duration(what, text) }),
  rate: (what, text) => ({ rateBitsPerSecond: rate(what, text) }),
};
const FORM = `drop=2%,delay=20ms,both: any of ${Object.keys(KEYS).join(', ')}, and in, out or both`;

/** For completion. */
export const FAULT_WORDS: readonly string[] = [...Object.keys(KEYS).map((key) => `${key}=`), ...DIRECTIONS];

const LONGEST_DELAY_US = 60_000_000;
const SLOWEST_RATE = 1_000;
const FASTEST_RATE = 100_000_000_000;
const RATE_UNITS: Readonly<Record<string, number>> = {
  bit: 1,
  kbit: 1_000,
  mbit: 1_000_000,
  gbit: 1_000_000_000,
};

/** One or several --fault: each direction may be spoken of once. Without a direction, both are meant. */
export function faultPlan(option: string, texts: readonly string[]): FaultPlan {
  const plan: { in?: FaultSettings; out?: FaultSettings } = {};
  for (const text of texts) {
    const { direction, settings } = oneFault(option, text);
    for (const way of ['in', 'out'] as const) {
      if (direction !== 'both' && direction !== way) continue;
      if (plan[way] !== undefined) {
        throw new UsageError(
          `${option}: the direction "${way}" is given twice`,
          `One --fault with "in" and one with "out" do not overlap; without a direction, both are meant.`,
        );
      }
      plan[way] = settings;
    }
  }
  return plan;
}

function oneFault(option: string, text: string): { direction: Direction; settings: FaultSettings } {
  let direction: Direction | undefined;
  let settings: FaultSettings = NO_FAULTS;
  const seen = new Set<string>();
  for (const word of text.split(',').map((part) => part.trim())) {
    const asDirection = DIRECTIONS.find((way) => way === word);
    if (asDirection !== undefined) {
      if (direction !== undefined)
        throw new UsageError(`${option}: both "${direction}" and "${word}" in ${quoted(text)}`);
      direction = asDirection;
      continue;
    }
    const equals = word.indexOf('=');
    const key = equals < 0 ? word : word.slice(0, equals);
    const read = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined;
    if (read === undefined) {
      const near = nearest(key, [...Object.keys(KEYS), ...DIRECTIONS]);
      throw new UsageError(`${option}: ${quoted(word)} is no fault`, near ?? `The form is ${FORM}.`);
    }
    if (equals < 0) throw new UsageError(`${option}: ${key} needs a value`, `The form is ${FORM}.`);
    if (seen.has(key)) throw new UsageError(`${option}: ${key} is given twice in ${quoted(text)}`);
    seen.add(key);
    settings = { ...settings, ...read(`${option}: ${key}`, word.slice(equals + 1)) };
  }
  if (seen.size === 0) throw new UsageError(`${option}: ${quoted(text)} names no fault`, `The form is ${FORM}.`);
  if (settings.jitterUs > settings.delayUs) {
    throw new UsageError(
      `${option}: the jitter is larger than the delay`,
      'The delay varies by the jitter either way; a frame cannot arrive before it is sent.',
    );
  }
  return { direction: direction ?? 'both', settings };
}

/** `2%`, `0.5%`: parts per million. */
function share(what: string, text: string): number {
  const match = /^([0-9]{1,3})(?:\.([0-9]{1,4}))?%$/.exec(text);
  if (match === null) throw new UsageError(`${what}: ${quoted(text)} is no share (like 2% or 0.5%)`);
  const ppm = Number(match[1]) * 10_000 + Number((match[2] ?? '').padEnd(4, '0'));
  if (ppm > 1_000_000) throw new UsageError(`${what}: ${text} is more than 100%`);
  return ppm;
}

function duration(what: string, text: string): number {
  const us = amount(text, TIME_UNITS);
  if (us === undefined) throw new UsageError(`${what}: ${quoted(text)} is no time (like 20ms, 500us or 1s)`);
  if (us > LONGEST_DELAY_US) throw new UsageError(`${what}: ${text} is longer than ${LONGEST_DELAY_US / 1e6} s`);
  return us;
}

function rate(what: string, text: string): number {
  const bits = amount(text, RATE_UNITS);
  if (bits === undefined) throw new UsageError(`${what}: ${quoted(text)} is no rate (like 10mbit, 256kbit or 1gbit)`);
  if (bits < SLOWEST_RATE || bits > FASTEST_RATE) {
    throw new UsageError(`${what}: ${text} is out of range (1kbit to 100gbit)`);
  }
  return bits;
}
