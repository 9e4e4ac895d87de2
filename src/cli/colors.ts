// Colours of the layers, and whether there are any. The codes are those of the system this grew from; picocolors has no
// 256-colour orange, so that one is ours. Whether colour is on is decided here once and never looked up again.

import pc from 'picocolors';
import type { Layer } from '../core/trace.js';

export type ColorFlag = 'auto' | 'always' | 'never';

/** Colours one piece of a line; the piece ends in a full reset, so nothing runs over into what follows. */
export type Paint = (text: string) => string;

export interface Palette {
  readonly layers: Readonly<Record<Layer, Paint>>;
  readonly warning: Paint;
  readonly dim: Paint;
  readonly error: Paint;
  readonly ok: Paint;
}

const RESET = '\x1b[0m';
const ORANGE = '\x1b[38;5;214m';

/** cyan 36, blue 34, orange 38;5;214, magenta 95; red 31 for errors, yellow 33 for warnings, green 32 for what is as it should be. Identity when not enabled. */
export function createPalette(enabled: boolean): Palette {
  const colors = pc.createColors(enabled);
  const closed = (paint: Paint): Paint => (enabled ? (text) => paint(text) + RESET : (text) => text);
  const cyan = closed(colors.cyan);
  const magenta = closed(colors.magentaBright);
  return {
    layers: {
      ip: cyan,
      icmp: cyan,
      tcp: closed(colors.blue),
      tls: closed((text) => ORANGE + text),
      http1: magenta,
      http2: magenta,
      http: magenta,
    },
    warning: closed(colors.yellow),
    dim: closed(colors.dim),
    error: closed(colors.red),
    ok: closed(colors.green),
  };
}

/**
 * `--color` wins; then NO_COLOR (no-color.org: set and not empty, whatever its value); then FORCE_COLOR (not empty; `0`
 * and `false` switch off, as in Node); then whether the output is a terminal that is not `TERM=dumb`.
 */
export function resolveColor(
  flag: ColorFlag,
  env: Readonly<Record<string, string | undefined>>,
  isTTY: boolean,
): boolean {
  if (flag !== 'auto') return flag === 'always';
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false';
  return isTTY && env.TERM !== 'dumb';
}
