// The pause: events of one input are shown one by one, and after each main point of a chosen layer the reader is asked
// to go on. The core is synchronous and has finished the input by then; its outputs leave only after `present`, and the
// loop holds its clock still from `onWait` to `onGoOn`, so no timer of ours expires while somebody reads.

import type { Readable } from 'node:stream';
import type { Layer, TraceEvent } from '../core/trace.js';
import type { Micros } from '../core/types.js';
import { PREFIXES, type Renderer } from './console.js';

export interface PauserOptions {
  /** Where to stop. Empty: never. */
  readonly layers: ReadonlySet<Layer>;
  readonly renderer: Renderer;
  /** A terminal in its usual line mode (so Ctrl-C stays a signal). Anything else is never read. */
  readonly input: Readable & { readonly isTTY?: boolean };
  /** Gets the prompt. */
  readonly output: (text: string) => void;
  /** Gets one whole line when pausing ends for a reason that the reader did not choose. */
  readonly notice: (text: string) => void;
  /** Called when the waiting begins and when it is over. */
  readonly onWait?: (() => void) | undefined;
  readonly onGoOn?: (() => void) | undefined;
}

type Answer = 'next' | 'run on' | 'quit' | 'end of input';

/** Characters of a line not yet ended, and of lines typed ahead, that are kept: a pasted file cannot fill the memory. */
const LONGEST_LINE = 64;
const LONGEST_TYPED_AHEAD = 4_096;

export class Pauser {
  readonly #options: PauserOptions;
  readonly #input: PauserOptions['input'];
  #pending: { readonly atUs: Micros; readonly event: TraceEvent }[] = [];
  #mode: 'pausing' | 'running on' | 'quitting';
  #typed = '';
  #cancelWait: (() => void) | undefined;

  constructor(options: PauserOptions) {
    this.#options = options;
    this.#input = options.input;
    this.#mode = options.layers.size > 0 ? 'pausing' : 'running on';
    if (this.#mode === 'pausing' && options.input.isTTY !== true) {
      this.#mode = 'running on';
      options.notice('--pause: the input is no terminal, so nothing pauses\n');
    }
  }

  /** Takes an event as the trace does. When nothing pauses any more it is shown at once. */
  push(atUs: Micros, event: TraceEvent): void {
    if (this.#mode !== 'pausing' && !this.hasPending) this.#options.renderer(atUs, event);
    else this.#pending.push({ atUs, event });
  }

  /** Whether `present` has something to show. */
  get hasPending(): boolean {
    return this.#pending.length > 0;
  }

  /**
   * Shows all pending events, waiting at pause points. After `quit` the rest is still shown, without waiting: the log
   * tells all that the core has done. Never rejects.
   */
  async present(): Promise<'go-on' | 'quit'> {
    const { renderer, layers } = this.#options;
    for (let next = 0; next < this.#pending.length; next++) {
      const { atUs, event } = this.#pending[next]!;
      renderer(atUs, event);
      if (this.#mode !== 'pausing' || !layers.has(event.layer) || !isPausePoint(event)) continue;
      renderer.end();
      this.#obey(await this.#ask(event.layer));
    }
    this.#pending = [];
    return this.#mode === 'quitting' ? 'quit' : 'go-on';
  }

  /** Ends a wait from outside (a signal came in): as if `q` had been typed. */
  cancel(): void {
    this.#mode = 'quitting';
    this.#cancelWait?.();
  }

  #obey(answer: Answer): void {
    if (answer === 'quit') this.#mode = 'quitting';
    if (answer === 'run on' || answer === 'end of input') this.#mode = 'running on';
    if (answer === 'end of input') this.#options.notice('\n--pause: end of input, running on\n');
  }

  async #ask(layer: Layer): Promise<Answer> {
    this.#options.onWait?.();
    const prompt = `--- ${PREFIXES[layer].name} Enter to continue (c Enter: run on, q Enter: quit) --- `;
    let answer: Answer | undefined;
    while (answer === undefined) {
      this.#options.output(prompt);
      answer = meaning(await this.#line());
    }
    this.#options.onGoOn?.();
    return answer;
  }

  /** The next line typed; undefined at the end of the input, `q` when the wait is cancelled. */
  #line(): Promise<string | undefined> {
    return new Promise((resolve) => {
      const input = this.#input;
      const done = (line: string | undefined): void => {
        for (const [name, listener] of listeners) input.off(name, listener);
        // A paused terminal does not keep the process alive.
        input.pause();
        this.#cancelWait = undefined;
        resolve(line);
      };
      const takeLine = (): boolean => {
        const end = this.#typed.indexOf('\n');
        if (end < 0) return false;
        const line = this.#typed.slice(0, end);
        this.#typed = this.#typed.slice(end + 1, end + 1 + LONGEST_TYPED_AHEAD);
        done(line);
        return true;
      };
      const onData = (chunk: unknown): void => {
        this.#typed = this.#typed.slice(0, LONGEST_LINE) + String(chunk);
        takeLine();
      };
      const onEnd = (): void => done(undefined);
      const listeners: readonly (readonly [string, (chunk: unknown) => void])[] = [
        ['data', onData],
        ['end', onEnd],
        ['close', onEnd],
        ['error', onEnd],
      ];
      this.#cancelWait = () => done('q');
      if (takeLine()) return;
      if (input.readableEnded || input.destroyed) {
        done(undefined);
        return;
      }
      for (const [name, listener] of listeners) input.on(name, listener);
      input.resume();
    });
  }
}

/** Undefined: not understood, ask again. */
function meaning(line: string | undefined): Answer | undefined {
  if (line === undefined) return 'end of input';
  const word = line.trim().toLowerCase();
  if (word === '') return 'next';
  if (word === 'c') return 'run on';
  return word === 'q' ? 'quit' : undefined;
}

/** The main points of a connection's life, each told by one event: a reader who stops here sees what led to it above. */
export function isPausePoint(event: TraceEvent): boolean {
  switch (event.layer) {
    case 'ip':
      return event.kind === 'packet' && event.dir === 'in';
    case 'icmp':
      return event.kind === 'message' && event.dir === 'in';
    case 'tcp':
      // RFC 9293 §3.3.2: TIME-WAIT is the end of the conversation; the step from there to CLOSED only cleans up.
      return (
        event.kind === 'state' &&
        (event.to === 'ESTABLISHED' ||
          event.to === 'TIME-WAIT' ||
          (event.to === 'CLOSED' && event.from !== 'TIME-WAIT'))
      );
    case 'tls':
      return event.kind === 'handshake';
    case 'http1':
    case 'http':
      return event.kind === 'request' || event.kind === 'response';
    case 'http2':
      return (
        event.kind === 'headers' && event.fields.some(([name]) => name === (event.dir === 'in' ? ':method' : ':status'))
      );
    default:
      return event satisfies never;
  }
}
