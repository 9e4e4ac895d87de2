// How the readers of one conversation tell what they find: to the sink of the packet at hand, and each kind of verdict a
// bounded number of times.

import type { Direction, TraceEvent } from '../../core/trace.js';
import { streamLimits } from './stream-limits.js';
import type { ConversationOptions, InspectedField, InspectedLayer, PacketSink, Verdict } from './types.js';

const NO_SINK: PacketSink = {
  wantsFields: false,
  wantsEvents: false,
  event() {},
  layer() {},
  verdict() {},
};

const NAMES_ONLY = {
  tls: { name: 'tls', fields: [] },
  http: { name: 'http', fields: [] },
  http2: { name: 'http2', fields: [] },
} as const satisfies { readonly [name: string]: InspectedLayer };

export class Teller {
  readonly flow: string;
  /** Who follows the data of the conversation. */
  readonly follow: ConversationOptions['onData'];
  /** One side answers what the capture does not hold, or not yet. */
  doubtful = false;
  #sink: PacketSink = NO_SINK;
  readonly #told = new Map<string, number>();

  constructor(flow: string, follow?: ConversationOptions['onData']) {
    this.flow = flow;
    this.follow = follow;
  }

  /** Valid for one call of the reader. */
  set sink(sink: PacketSink | undefined) {
    this.#sink = sink ?? NO_SINK;
  }

  get wantsFields(): boolean {
    return this.#sink.wantsFields;
  }

  get wantsEvents(): boolean {
    return this.#sink.wantsEvents;
  }

  /** `frame.number`; 0 when the sink does not say. */
  get packet(): number {
    return this.#sink.packet ?? 0;
  }

  /** Nanoseconds since the first packet; undefined when the sink does not say. */
  get atNs(): number | undefined {
    return this.#sink.atNs;
  }

  event(event: TraceEvent): void {
    this.#sink.event(event);
  }

  /** Without fields the layer is there by its name only. `bytes` have to outlive the call. */
  layer(name: 'tls' | 'http' | 'http2', fields: readonly InspectedField[] | undefined, bytes?: Uint8Array): void {
    if (fields === undefined) this.#sink.layer(NAMES_ONLY[name]);
    else this.#sink.layer(bytes === undefined ? { name, fields } : { name, fields, bytes });
  }

  note(layer: Verdict['layer'], code: string, text: string): void {
    this.verdict({ severity: 'note', layer, code, text });
  }

  warning(layer: Verdict['layer'], code: string, text: string): void {
    this.verdict({ severity: 'warning', layer, code, text });
  }

  /** A rule is broken. */
  error(layer: Verdict['layer'], code: string, text: string, rule?: string): void {
    this.verdict({ severity: 'error', layer, code, text, ...(rule !== undefined && { rule }) });
  }

  verdict(verdict: Verdict): void {
    const key = `${verdict.layer} ${verdict.code}`;
    const told = this.#told.get(key) ?? 0;
    if (told >= streamLimits.verdictsOfAKind) return;
    this.#told.set(key, told + 1);
    const isLast = told + 1 === streamLimits.verdictsOfAKind;
    this.#sink.verdict(isLast ? { ...verdict, text: `${verdict.text} (more of these are not told)` } : verdict);
  }

  /** For what is said once in a conversation. */
  once(severity: Verdict['severity'], layer: Verdict['layer'], code: string, text: string, rule?: string): void {
    if (this.#told.has(`${layer} ${code}`)) return;
    this.verdict({ severity, layer, code, text, ...(rule !== undefined && { rule }) });
  }
}

/** What speaks in a byte stream, both directions of it. Bytes are valid during the call only. */
export interface StreamReader {
  push(dir: Direction, bytes: Uint8Array): void;
  /** Bytes that are not known; undefined: nor how many. */
  gap(dir: Direction, length: number | undefined): void;
  end(dir: Direction): void;
  /** Memory that is held of both directions, roughly. */
  readonly heldBytes: number;
}

export const sender = (dir: Direction): string => (dir === 'in' ? 'client' : 'server');
