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

interface Types {
  readonly text: string;
  readonly boolean: boolean;
  readonly integer: number;
  readonly function: (...args: never[]) => unknown;
  readonly object: object;
}

const TYPES: { readonly [Name in keyof Types]: readonly [what: string, is: (value: unknown) => boolean] } = {
  text: ['a text', (value) => typeof value === 'string'],
  boolean: ['a boolean', (value) => typeof value === 'boolean'],
  integer: ['an integer', (value) => Number.isSafeInteger(value)],
  function: ['a function', (value) => typeof value === 'function'],
  object: ['an object', (value) => typeof value === 'object' && value !== null],
};

/** Gives the value. Raises TypeError for one of another type. */
export function checkType<Name extends keyof Types>(what: string, value: unknown, type: Name): Types[Name] {
  const [wanted, is] = TYPES[type];
  if (is(value)) return value as Types[Name];
  throw new TypeError(`${what}: ${wanted} is wanted, not ${kindOf(value)}`);
}

/** The same for a list and each of its items. */
export function checkList<Name extends keyof Types>(what: string, value: unknown, type: Name): Types[Name][] {
  if (!Array.isArray(value)) throw new TypeError(`${what}: a list is wanted, not ${kindOf(value)}`);
  return value.map((item) => checkType(what, item, type));
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
