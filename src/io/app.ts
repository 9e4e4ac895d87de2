// Loads an application of the user's own: a module that exports a function, or an object with a method `handle`.

import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { AppFunction } from './outside-types.js';

/** Far more than a module takes that connects to something first. */
const LOAD_MS = 30_000;

/** A module that is no application: the message says what is wrong, `advice` what to do. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly advice: string;

  constructor(file: string, what: string) {
    super(`${file}: ${what}`);
    this.advice = 'a module with `export default (request) => response` is wanted; docs/library.md shows one';
  }
}

/** `file` is relative to the current folder. Rejects with an AppError. */
export async function loadApp(file: string): Promise<AppFunction> {
  let loaded: unknown;
  try {
    loaded = await settled(import(pathToFileURL(resolve(file)).href));
  } catch (error) {
    throw new AppError(file, `cannot be loaded: ${reason(error)}`);
  }
  const { default: exported, handle } = loaded as { readonly default?: unknown; readonly handle?: unknown };
  for (const candidate of [exported, handle]) {
    if (typeof candidate === 'function') return candidate as AppFunction;
  }
  const method = (exported as { readonly handle?: unknown } | null | undefined)?.handle;
  if (typeof method === 'function') return (request) => (method as AppFunction).call(exported, request);
  throw new AppError(file, 'exports no function');
}

/**
 * Rejects when nothing is left that the module may wait for, or after LOAD_MS. Node would end the process, without a word and
 * with an exit code of its own.
 */
async function settled(loading: Promise<unknown>): Promise<unknown> {
  let giveUp = (): void => {};
  const never = new Promise<never>((_, reject) => {
    giveUp = () => reject(new Error('its top-level await does not settle'));
  });
  process.once('beforeExit', giveUp);
  const timer = setTimeout(giveUp, LOAD_MS).unref();
  try {
    return await Promise.race([loading, never]);
  } finally {
    clearTimeout(timer);
    process.off('beforeExit', giveUp);
  }
}

/** Where a syntax error is stands in front of its stack, and nowhere else. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const [where = ''] = (error.stack ?? '').split('\n');
  const place = error instanceof SyntaxError && where.startsWith('file:') ? ` (${where})` : '';
  return `${error.message}${place}`;
}
