// What an HTTP/1.1 connection tells of itself: layer `http1`, and layer `http` as HTTP/2 tells it of the same exchange.
// Made only when there is a trace. Content is told in even steps, so that the events do not show how the input was cut.

import type { Field } from '../http/message.js';
import { reasonPhrase } from '../http/status.js';
import type { Trace } from '../trace.js';
import type { Micros } from '../types.js';
import { PIECE_BYTES, type RequestBody } from './body.js';
import type { RequestHead } from './message.js';
import type { Refusal } from './refusals.js';

export class Http1Events {
  readonly #flow: string;
  readonly #trace: Trace;
  #inBytes = 0;
  #inEnded = false;
  #outBytes = 0;

  constructor(flow: string, trace: Trace) {
    this.#flow = flow;
    this.#trace = trace;
  }

  /** A header section is complete. */
  request(nowUs: Micros, { method, target, version, headers }: RequestHead): void {
    this.#inBytes = 0;
    this.#inEnded = false;
    const flow = this.#flow;
    this.#trace(nowUs, { layer: 'http1', kind: 'request', flow, dir: 'in', method, target, version, headers });
  }

  /** It will be answered by the handler. */
  semantics(nowUs: Micros, { version, method, authority, path }: RequestHead, scheme: string): void {
    const flow = this.#flow;
    this.#trace(nowUs, { layer: 'http', kind: 'request', flow, dir: 'in', version, method, scheme, authority, path });
  }

  interim(nowUs: Micros, status: number): void {
    const reason = reasonPhrase(status);
    this.#trace(nowUs, { layer: 'http1', kind: 'response', flow: this.#flow, dir: 'out', status, reason, headers: [] });
  }

  /** A request that was refused before it was understood (no `head`) has no semantics to answer. */
  response(nowUs: Micros, status: number, headers: readonly Field[], head: RequestHead | undefined): void {
    this.#outBytes = 0;
    const flow = this.#flow;
    const reason = reasonPhrase(status);
    this.#trace(nowUs, { layer: 'http1', kind: 'response', flow, dir: 'out', status, reason, headers });
    if (head === undefined) return;
    const { method, path } = head;
    this.#trace(nowUs, { layer: 'http', kind: 'response', flow, dir: 'out', status, method, path });
  }

  /** After content was read. */
  bodyIn(nowUs: Micros, body: RequestBody | undefined): void {
    while (body !== undefined && !this.#inEnded) {
      const length = Math.min(body.received - this.#inBytes, PIECE_BYTES);
      const end = body.ended && this.#inBytes + length === body.received;
      if (length < PIECE_BYTES && !end) return;
      this.#inBytes += length;
      this.#inEnded = end;
      this.#trace(nowUs, { layer: 'http1', kind: 'body', flow: this.#flow, dir: 'in', length, end });
    }
  }

  /** After content was written; `sent` counts all of it. */
  bodyOut(nowUs: Micros, sent: number, end: boolean): void {
    const length = sent - this.#outBytes;
    if (length < PIECE_BYTES && !end) return;
    this.#outBytes = sent;
    this.#trace(nowUs, { layer: 'http1', kind: 'body', flow: this.#flow, dir: 'out', length, end });
  }

  error(nowUs: Micros, { status, reason }: Refusal, offset?: number): void {
    const flow = this.#flow;
    const event = { layer: 'http1', kind: 'error', severity: 'error', flow, status, reason } as const;
    this.#trace(nowUs, offset === undefined ? event : { ...event, offset });
  }
}
