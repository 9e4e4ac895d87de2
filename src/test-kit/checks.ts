// What a test gives that means nothing is said at once: passed over, the test would pass or fail for another reason.

import { nearest } from '../cli/values.js';

/** Raises TypeError for options that are not there. `known`: all that are. */
export function checkOptions<Options extends object>(
  what: string,
  options: Options,
  known: { readonly [Name in keyof Required<Options>]: true },
): void {
  if (typeof options !== 'object' || options === null) throw new TypeError(`${what}: options are an object`);
  const names = Object.keys(known);
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(known, name)) throw new TypeError(`${what}: no option ${unknown(name, names)}`);
  }
}

/** Raises TypeError for a word that is none of `choices`. */
export function checkChoice(what: string, value: unknown, choices: readonly string[]): void {
  if (!choices.includes(value as string)) throw new TypeError(`${what}: ${unknown(value, choices)}`);
}

export function checkBytes(what: string, bytes: unknown): void {
  if (!(bytes instanceof Uint8Array)) throw new TypeError(`${what}: a Uint8Array is wanted, not ${kindOf(bytes)}`);
}

export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === 'object' ? (value.constructor?.name ?? 'an object') : `the ${typeof value} ${String(value)}`;
}

function unknown(value: unknown, choices: readonly string[]): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : kindOf(value);
  const hint = typeof value === 'string' ? nearest(value, choices) : undefined;
  return `${text}; there are ${choices.join(', ')}${hint === undefined ? '' : `. ${hint}`}`;
}
