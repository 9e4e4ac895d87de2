// The streams of one connection (RFC 9113 §5.1): which are alive, which we have reset, and what has to be let go when one
// closes. Every change of state goes through `apply`.

import type { BodySource, DeferralEnd } from '../http/message.js';
import { limits } from '../limits.js';
import { DeadlineHeap } from '../time.js';
import type { Trace } from '../trace.js';
import type { Micros } from '../types.js';
import type { ControlQueue } from './control.js';
import type { Verdict } from './errors.js';
import { ErrorCode } from './frame.js';
import { ReadyList } from './schedule.js';
import { Stream, type StreamEvent, transitions } from './stream.js';

export class StreamTable {
  readonly ready = new ReadyList();
  /** Responses that wait for their delay or for the outside, and finished ones whose request still comes in. */
  readonly delayed = new DeadlineHeap<Stream>();
  /** The highest identifier that the peer has opened; lower ones that are not alive are closed (RFC 9113 §5.1.1). */
  lastStreamId = 0;
  readonly #alive = new Map<number, Stream>();
  /** In the order of the resets. */
  readonly #reset = new Set<number>();
  readonly #control: ControlQueue;
  readonly #flow: string;
  readonly #trace: Trace | undefined;

  constructor(control: ControlQueue, flow: string, trace: Trace | undefined) {
    this.#control = control;
    this.#flow = flow;
    this.#trace = trace;
  }

  /** Open and half-closed streams: what SETTINGS_MAX_CONCURRENT_STREAMS counts (RFC 9113 §5.1.2). */
  get count(): number {
    return this.#alive.size;
  }

  get(streamId: number): Stream | undefined {
    return this.#alive.get(streamId);
  }

  /** By ascending identifier: streams are opened in that order. */
  all(): IterableIterator<Stream> {
    return this.#alive.values();
  }

  /** Puts a stream in the table, idle yet. */
  create(streamId: number, sendWindow: number): Stream {
    const stream = new Stream(streamId, sendWindow);
    this.#alive.set(streamId, stream);
    return stream;
  }

  isIdle(streamId: number): boolean {
    return streamId > this.lastStreamId || (streamId & 1) === 0;
  }

  /** RFC 9113 §5.1: what arrives on a stream after we have reset it was under way, and is passed over. */
  ignores(streamId: number): boolean {
    return this.#reset.has(streamId);
  }

  /** Moves the stream along the table of states, or says what is wrong. */
  apply(stream: Stream, event: StreamEvent): Verdict | undefined {
    const next = transitions[event][stream.state];
    if (typeof next !== 'string') return next;
    if (next === stream.state) return undefined;
    this.#trace?.(this.#control.nowUs, {
      layer: 'http2',
      kind: 'stream',
      flow: this.#flow,
      streamId: stream.id,
      from: stream.state,
      to: next,
    });
    stream.state = next;
    if (next === 'closed') this.#release(stream);
    return undefined;
  }

  /** Sends RST_STREAM and closes. */
  reset(stream: Stream, errorCode: number): void {
    this.refuse(stream.id, errorCode);
    this.apply(stream, 'send RST_STREAM');
  }

  /**
   * The response is complete, the request is not; called again when more of it comes. RFC 9113 §8.1 lets us call it off
   * with RST_STREAM and NO_ERROR, but a client in the middle of its upload may lose the response over that (curl 7.88
   * does). So the rest is thrown away where it is short: where it fits the window that the peer has already, or where
   * the status tells the client to stop by itself. It is called off when it stalls, or is known to be longer.
   */
  linger(nowUs: Micros, stream: Stream): void {
    stream.lingering = true;
    stream.body?.cancel();
    const window = stream.body?.window.available ?? 0;
    const rest = stream.contentLength - stream.receivedBytes;
    const fits = stream.contentLength < 0 ? window > 0 : rest <= window;
    if (fits || stream.response!.status >= 300) {
      const waitUs = window > 0 ? limits.http2.lingerUs : limits.http2.lingerBlockedUs;
      this.delayed.update(stream, nowUs + waitUs);
    } else {
      this.endLinger(stream);
    }
  }

  endLinger(stream: Stream): void {
    this.reset(stream, ErrorCode.NO_ERROR);
  }

  /** RST_STREAM for a stream that is not, or no longer, in the table. */
  refuse(streamId: number, errorCode: number): void {
    this.#control.rstStream(streamId, errorCode);
    this.#reset.add(streamId);
    if (this.#reset.size <= limits.http2.rememberedResets) return;
    for (const oldest of this.#reset) {
      this.#reset.delete(oldest);
      break;
    }
  }

  /** The connection is at its end: no stream is told of it one by one. */
  dropAll(): void {
    for (const stream of [...this.#alive.values()]) {
      stream.state = 'closed';
      this.#release(stream);
    }
  }

  #release(stream: Stream): void {
    this.#alive.delete(stream.id);
    this.ready.remove(stream);
    if (stream.heapIndex >= 0) this.delayed.update(stream, Number.POSITIVE_INFINITY);
    if (stream.source !== undefined) cancelSource(stream.source);
    stream.source = undefined;
    this.endDeferral(stream, 'cancelled');
    stream.body?.cancel();
  }

  endDeferral(stream: Stream, how: DeferralEnd): void {
    const { deferral } = stream;
    if (deferral === undefined) return;
    stream.deferral = undefined;
    deferral.end(this.#control.nowUs, how);
  }
}

/** Tells a source that nobody reads on. Its owner is outside the core's care: what it throws changes nothing. */
export function cancelSource(source: BodySource): void {
  try {
    source.cancel?.();
  } catch {
    // The stream is over either way.
  }
}
