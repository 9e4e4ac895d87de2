// Where one direction of an HTTP/1.x connection stands, for http1-reader.ts.

import type { Refusal } from '../../core/http1/refusals.js';
import type { Direction, Field } from '../../core/trace.js';
import type { ExchangeBuilder, MessageBuilder } from './exchanges.js';
import type { Http1Fields } from './http1-fields.js';
import type { Blame, StartLine, StatusLine } from './http1-lines.js';
import { Input } from './input.js';

export type Stage =
  | 'start'
  | 'fields'
  | 'counted'
  | 'chunk size'
  | 'chunk'
  | 'chunk end'
  | 'trailers'
  | 'until close'
  | 'search';

/** A request that waits for its response. */
export interface Waiting {
  readonly method: string;
  readonly path: string;
  /** That completed it; 0: it is not complete. */
  endPacket: number;
  /** When that was. */
  endNs: number | undefined;
  readonly exchange: ExchangeBuilder | undefined;
  requestEnded: boolean;
  responseEnded: boolean;
}

export interface Half {
  readonly dir: Direction;
  readonly input: Input;
  readonly blame: Blame;
  stage: Stage;
  startLine: StartLine | StatusLine | undefined;
  fields: Field[];
  sectionBytes: number;
  /** From the front, where no LF is. */
  searched: number;
  /** Of the content, or of the chunk. */
  left: number;
  received: number;
  told: number;
  /** Some of the content is missing. */
  damaged: boolean;
  /** How much of it, as far as that is known. */
  missed: number;
  message: MessageBuilder | undefined;
  /** The request that the message is, or answers. */
  waiting: Waiting | undefined;
  /** Bytes passed over in search of a message. */
  passed: number;
  lines: Http1Fields | undefined;
}

/** What a field line takes besides its octets, and a request that waits: objects and strings. */
const FIELD_BYTES = 96;
const WAITING_BYTES = 300;

/** Memory, roughly. */
export function heldByHalf({ input, sectionBytes, fields, lines }: Half): number {
  return input.heldBytes + sectionBytes + fields.length * FIELD_BYTES + (lines?.heldBytes ?? 0);
}

/** Its header section is told, and belongs to the message alone from here on. */
export function forgetHead(half: Half): void {
  half.startLine = undefined;
  half.fields = [];
  half.sectionBytes = 0;
}

/** In their order (RFC 9112 §9.3.2). */
export class WaitingRequests {
  readonly #list: Waiting[] = [];
  /** Memory, roughly. */
  heldBytes = 0;

  get length(): number {
    return this.#list.length;
  }

  get first(): Waiting | undefined {
    return this.#list[0];
  }

  push(waiting: Waiting): void {
    this.#list.push(waiting);
    this.heldBytes += heldByWaiting(waiting);
  }

  shift(): Waiting | undefined {
    const waiting = this.#list.shift();
    if (waiting !== undefined) this.heldBytes -= heldByWaiting(waiting);
    return waiting;
  }
}

function heldByWaiting({ method, path }: Waiting): number {
  return WAITING_BYTES + method.length + path.length;
}

/** `partial`: the first bytes may be the middle of a message. */
export function createHalf(dir: Direction, partial: boolean, blame: (refusal: Refusal) => void): Half {
  return {
    dir,
    input: new Input(),
    blame,
    stage: partial ? 'search' : 'start',
    startLine: undefined,
    fields: [],
    sectionBytes: 0,
    searched: 0,
    left: 0,
    received: 0,
    told: 0,
    damaged: false,
    missed: 0,
    message: undefined,
    waiting: undefined,
    passed: 0,
    lines: undefined,
  };
}
