// From display options to what shows a trace: a renderer on the standard output, and the pauser in front of it when
// somebody wants to step through.

import type { Trace } from '../core/trace.js';
import { resolveColor } from './colors.js';
import { createConsoleRenderer, type Renderer } from './console.js';
import type { DisplayOptions } from './given.js';
import { createJsonlRenderer, type JsonValue } from './jsonl.js';
import type { Output } from './output.js';
import { Pauser } from './pause.js';

export interface Shown {
  readonly trace: Trace | undefined;
  readonly pauser: Pauser | undefined;
  /** Shows what is held back and flushes. */
  end(): void;
}

export type ManifestFields = { readonly [key: string]: JsonValue } & { readonly schema?: never; readonly kind?: never };

export function createRenderer(
  options: DisplayOptions,
  output: Output,
  manifest: ManifestFields,
): Renderer | undefined {
  const write = (text: string): void => output.write(text);
  if (options.log === 'json') {
    const renderer = createJsonlRenderer({ write, manifest });
    const { layers } = options;
    if (layers === undefined) return renderer;
    return Object.assign(
      (atUs: number, event: Parameters<Trace>[1]) => {
        if (layers.has(event.layer)) renderer(atUs, event);
      },
      { end: () => renderer.end() },
    );
  }
  if (options.log === 'pretty') {
    const { verbose, debug, layers } = options;
    const color = resolveColor(options.color, process.env, process.stdout.isTTY === true);
    return createConsoleRenderer({ color, layers, verbose, debug, write, width: terminalWidth() });
  }
  return undefined;
}

/** Columns; undefined where the output is no terminal. */
export function terminalWidth(): number | undefined {
  return process.stdout.isTTY === true ? process.stdout.columns : undefined;
}

const SILENT: Renderer = Object.assign(() => {}, { end: () => {} });

export function createShown(
  options: DisplayOptions,
  output: Output,
  manifest: ManifestFields,
  pauser: (renderer: Renderer) => Pauser | undefined = (renderer) => createPauser(options, output, renderer),
): Shown {
  const renderer = createRenderer(options, output, manifest);
  const pausing = pauser(renderer ?? SILENT);
  return {
    trace: pausing ? (atUs, event) => pausing.push(atUs, event) : renderer,
    pauser: pausing,
    end() {
      renderer?.end();
      output.flush();
    },
  };
}

export function createPauser(options: DisplayOptions, output: Output, renderer: Renderer): Pauser | undefined {
  if (options.pause.size === 0) return undefined;
  return new Pauser({
    layers: options.pause,
    renderer,
    input: process.stdin,
    output(text) {
      output.write(text);
      output.flush();
    },
    notice: (text) => void process.stderr.write(`wirebench: ${text.replace(/^\n/, '')}`),
  });
}
