// What one event looks like, before indent, colour and time: shared by the files that put a layer's events into words.

import type { Direction } from '../../core/trace.js';
import { counted, LONGEST_LIST } from '../text.js';

/** How much is wanted: 0 the story, 1 with field detail (-v), 2 everything (--debug). */
export type Level = 0 | 1 | 2;
export const NORMAL = 0;
export const VERBOSE = 1;
export const DEBUG = 2;

export interface Line {
  /** What follows the layer's prefix: printable ASCII, one line. */
  readonly text: string;
  readonly tone: 'plain' | 'warning' | 'error';
  /** Field detail, a line each, shown from VERBOSE on. */
  readonly details: readonly string[];
}

const NO_DETAILS: readonly string[] = [];

export function plain(text: string, details = NO_DETAILS): Line {
  return { text, tone: 'plain', details };
}

export function warning(text: string, details = NO_DETAILS): Line {
  return { text: `[WARN] ${text}`, tone: 'warning', details };
}

export function failure(text: string, details = NO_DETAILS): Line {
  return { text: `[ERROR] ${text}`, tone: 'error', details };
}

/** Packets and segments name both directions. */
export function direction(dir: Direction): string {
  return dir === 'in' ? 'RCV' : 'SND';
}

/** Above TCP only what we send is marked: `ClientHello ...` came in, `SND ServerHello ...` went out. */
export function sent(dir: Direction): string {
  return dir === 'in' ? '' : 'SND ';
}

/** At most LONGEST_LIST lines of `items`; what is left over is counted in one more. */
export function listed<Item>(items: readonly Item[], noun: string, show: (item: Item) => string): string[] {
  const lines = items.slice(0, LONGEST_LIST).map(show);
  if (items.length > LONGEST_LIST) lines.push(`... ${counted(items.length - LONGEST_LIST, `more ${noun}`)}`);
  return lines;
}
