// What was given on a command line, name by name, and the options that every log has.

import type { Layer } from '../core/trace.js';
import type { ColorFlag } from './colors.js';
import { layerSet, oneOf, pauseSet } from './values.js';

export type Env = Readonly<Record<string, string | undefined>>;

export interface DisplayOptions {
  readonly log: 'pretty' | 'json' | 'none';
  /** Undefined: all. */
  readonly layers: ReadonlySet<Layer> | undefined;
  readonly verbose: boolean;
  readonly debug: boolean;
  readonly color: ColorFlag;
  /** Empty: no pause. */
  readonly pause: ReadonlySet<Layer>;
}

export interface Given {
  readonly positional: readonly string[];
  has(name: string): boolean;
  on(name: string): boolean;
  /** Every value of an option that may be given several times. */
  texts(name: string): readonly string[];
  /** Every value of several options, each with its option's name, as they follow each other. */
  inOrder(names: readonly string[]): readonly (readonly [name: string, text: string])[];
  value<Value>(name: string, read: (option: string, text: string) => Value): Value | undefined;
}

export function displayOptions(given: Given, env: Env, defaultLog: DisplayOptions['log']): DisplayOptions {
  return {
    log: given.value('log', (option, text) => oneOf(option, text, ['pretty', 'json', 'none'])) ?? defaultLog,
    layers: given.value('layers', layerSet),
    verbose: given.on('verbose'),
    debug: given.on('debug'),
    color: given.value('color', (option, text) => oneOf(option, text, ['auto', 'always', 'never'])) ?? 'auto',
    pause: given.value('pause', pauseSet) ?? pauseSet('PAUSE_LAYER', env.PAUSE_LAYER ?? ''),
  };
}
