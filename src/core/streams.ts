// The core of tcp mode: sessions over byte streams that somebody else's TCP carries (an OS socket, or a recording of
// one). Same law as the stack: what comes out is a function of config, seed and the timed calls. The bytes that the other
// TCP has not yet taken over count as outstanding, so its backpressure (`acknowledged`) is an input like any other.

import { tokenFlow, traceUnanswered } from './http/deferral.js';
import type { Answer } from './http/message.js';
import { limits } from './limits.js';
import { DeadlineHeap, type HeapEntry, TimerTable } from './time.js';
import type { Trace } from './trace.js';
import type { Micros, Session, SessionFactory } from './types.js';

export interface StreamsConfig {
  /** Listening port -> what speaks there. */
  readonly services: ReadonlyMap<number, SessionFactory>;
  /** Told of answers to streams that are gone; all else is told by the sessions. */
  readonly trace?: Trace | undefined;
}

/** What a stream's owner has to do. `bytes` belongs to the receiver from then on. */
export type StreamOutput =
  | { readonly kind: 'data'; readonly atUs: Micros; readonly stream: number; readonly bytes: Uint8Array }
  /** We send no more. */
  | { readonly kind: 'end'; readonly atUs: Micros; readonly stream: number }
  /** The stream is to be destroyed at once. It is gone here already. */
  | { readonly kind: 'reset'; readonly atUs: Micros; readonly stream: number };

/** A timed input of a stream: what its owner saw of the peer and of the other TCP. */
export type StreamInput =
  | {
      readonly kind: 'open';
      readonly stream: number;
      readonly localAddress: string;
      readonly localPort: number;
      readonly remoteAddress: string;
      readonly remotePort: number;
    }
  | { readonly kind: 'data'; readonly stream: number; readonly bytes: Uint8Array }
  | { readonly kind: 'acknowledged'; readonly stream: number; readonly count: number }
  | { readonly kind: 'end'; readonly stream: number }
  | { readonly kind: 'reset'; readonly stream: number };

const CHUNK_BYTES = 65_536;
/** A chunk with less room than a full TLS record is given out, so that no record is cut small for its sake. */
const CHUNK_FULL_BYTES = CHUNK_BYTES - 16_384 - 512;

const Timer = { session: 0, linger: 1, stalled: 2 } as const;

interface Stream extends HeapEntry {
  readonly session: Session;
  readonly timers: TimerTable;
  outstandingBytes: number;
  inputEnded: boolean;
  outputEnded: boolean;
}

/** The streams of a run, from logical time 0 on. Nothing is thrown for any input. */
export class Streams {
  readonly #services: ReadonlyMap<number, SessionFactory>;
  readonly #trace: Trace | undefined;
  readonly #streams = new Map<number, Stream>();
  readonly #heap = new DeadlineHeap<Stream>();
  readonly #chunk = new Uint8Array(CHUNK_BYTES);
  #outputs: StreamOutput[] = [];
  #outputHead = 0;
  #nowUs: Micros = 0;
  #closing = false;

  constructor(config: StreamsConfig) {
    this.#services = config.services;
    this.#trace = config.trace;
  }

  /** Streams that are not yet closed both ways, or whose last bytes are not taken over yet. */
  get openFlows(): number {
    return this.#streams.size;
  }

  /**
   * One timed input. Streams are numbered 0, 1, 2, ... in the order in which they are opened; a refused one is reset.
   * `bytes` is valid during the call only. Inputs about a stream that is gone are ignored.
   */
  receive(nowUs: Micros, input: StreamInput): void {
    this.advance(nowUs);
    if (input.kind === 'open') {
      this.#open(input.stream, input.localPort);
      return;
    }
    const stream = this.#streams.get(input.stream);
    if (stream === undefined) return;
    switch (input.kind) {
      case 'data':
        if (!stream.inputEnded && stream.session.state === 'open') stream.session.receive(this.#nowUs, input.bytes);
        break;
      case 'acknowledged':
        stream.outstandingBytes = Math.max(0, stream.outstandingBytes - input.count);
        // Linux's tcp_fin_timeout begins when our FIN is acknowledged: a slow reader of our last bytes is not cut off.
        if (stream.outputEnded) stream.timers.set(Timer.linger, this.#nowUs + limits.streams.lingerUs);
        else stream.timers.clear(Timer.stalled);
        break;
      case 'end':
        if (!stream.inputEnded) {
          stream.inputEnded = true;
          stream.session.endOfInput(this.#nowUs);
        }
        break;
      case 'reset':
        this.#forget(stream);
        return;
      default:
        input satisfies never;
    }
    this.#settle(stream);
  }

  /** An answer from outside to a request that a handler deferred; a timed input like those of `receive`. */
  respond(nowUs: Micros, token: string, answer: Answer): void {
    this.advance(nowUs);
    const flow = tokenFlow(token);
    const name = /^accept#([0-9]{1,15})$/.exec(flow);
    const stream = name === null ? undefined : this.#streams.get(Number(name[1]));
    if (stream === undefined || stream.outputEnded) {
      if (this.#trace) traceUnanswered(this.#trace, this.#nowUs, flow, token, 'warning', 'no such stream any more');
      return;
    }
    stream.session.respond?.(this.#nowUs, token, answer);
    this.#settle(stream);
  }

  /** Whether the stream's owner should go on reading from the peer. */
  wantsInput(serial: number): boolean {
    const stream = this.#streams.get(serial);
    return stream !== undefined && (stream.session.state !== 'open' || stream.session.room() > 0);
  }

  /** True when nothing more is given out until `acknowledged` is called. */
  isFull(serial: number): boolean {
    return (this.#streams.get(serial)?.outstandingBytes ?? 0) >= limits.streams.outstandingBytes;
  }

  /** Fires the timers due at or before `nowUs`, each at its own deadline, in the order (deadline, stream, kind). */
  advance(nowUs: Micros): void {
    for (;;) {
      const stream = this.#heap.first();
      if (stream === undefined || stream.deadlineUs > nowUs) break;
      const deadlineUs = stream.deadlineUs;
      this.#nowUs = deadlineUs;
      this.#fire(stream, deadlineUs);
      if (stream.heapIndex >= 0 && stream.deadlineUs <= deadlineUs) {
        throw new Error(`a timer of accept#${stream.serial} made no progress at ${deadlineUs} us`);
      }
    }
    if (nowUs > this.#nowUs) this.#nowUs = nowUs;
  }

  nextDeadlineUs(): Micros | undefined {
    return this.#heap.first()?.deadlineUs;
  }

  /** Refuses new streams and closes the open ones in order. */
  close(nowUs: Micros): void {
    this.advance(nowUs);
    this.#closing = true;
    for (const stream of [...this.#streams.values()]) {
      stream.session.close(this.#nowUs);
      this.#settle(stream);
    }
  }

  /** Resets what is still open: the run ends now. */
  abort(nowUs: Micros): void {
    this.advance(nowUs);
    this.#closing = true;
    for (const stream of [...this.#streams.values()]) {
      this.#outputs.push({ kind: 'reset', atUs: this.#nowUs, stream: stream.serial });
      this.#forget(stream);
    }
  }

  /** The next thing to do, in order; drain after each call of another method. */
  poll(): StreamOutput | undefined {
    const output = this.#outputs[this.#outputHead];
    if (output === undefined) {
      this.#outputs = [];
      this.#outputHead = 0;
      return undefined;
    }
    this.#outputHead++;
    return output;
  }

  #open(serial: number, port: number): void {
    const factory = this.#services.get(port);
    if (factory === undefined || this.#closing || !this.#makeRoom()) {
      this.#outputs.push({ kind: 'reset', atUs: this.#nowUs, stream: serial });
      return;
    }
    const stream: Stream = {
      serial,
      session: factory(this.#nowUs, `accept#${serial}`),
      timers: new TimerTable(3),
      deadlineUs: Number.POSITIVE_INFINITY,
      heapIndex: -1,
      outstandingBytes: 0,
      inputEnded: false,
      outputEnded: false,
    };
    this.#streams.set(serial, stream);
    this.#settle(stream);
  }

  /**
   * Room for one more: at the bound the oldest handshake that is not done is given up for it. Those who only begin, and
   * hold what they began, can so keep nobody out for longer than a handshake takes.
   */
  #makeRoom(): boolean {
    if (this.#streams.size < limits.streams.open) return true;
    for (const stream of this.#streams.values()) {
      if (stream.session.handshaking !== true) continue;
      this.#outputs.push({ kind: 'reset', atUs: this.#nowUs, stream: stream.serial });
      this.#forget(stream);
      return true;
    }
    return false;
  }

  #fire(stream: Stream, nowUs: Micros): void {
    const kind = stream.timers.popDue(nowUs);
    if (kind === Timer.linger || kind === Timer.stalled) {
      this.#outputs.push({ kind: 'reset', atUs: nowUs, stream: stream.serial });
      this.#forget(stream);
      return;
    }
    stream.session.advance(nowUs);
    this.#settle(stream);
  }

  /** After every event on a stream: give out what may be given out, then look at how the session stands. */
  #settle(stream: Stream): void {
    if (!stream.outputEnded) this.#pull(stream);
    const { session } = stream;
    if (session.state === 'aborted') {
      this.#outputs.push({ kind: 'reset', atUs: this.#nowUs, stream: stream.serial });
      this.#forget(stream);
      return;
    }
    if (session.state === 'closed' && !stream.outputEnded) {
      stream.outputEnded = true;
      this.#outputs.push({ kind: 'end', atUs: this.#nowUs, stream: stream.serial });
      stream.timers.set(Timer.linger, this.#nowUs + limits.streams.lingerUs);
      stream.timers.clear(Timer.stalled);
    }
    // Until our last bytes are taken over the stream counts: peers that never read them would be without a bound.
    if (stream.outputEnded && stream.inputEnded && stream.outstandingBytes === 0) {
      this.#forget(stream);
      return;
    }
    const isFull = stream.outstandingBytes >= limits.streams.outstandingBytes;
    if (isFull && !stream.outputEnded && !stream.timers.isSet(Timer.stalled)) {
      stream.timers.set(Timer.stalled, this.#nowUs + limits.streams.stalledUs);
    }
    const deadlineUs = stream.outputEnded ? undefined : session.nextDeadlineUs();
    stream.timers.set(Timer.session, deadlineUs ?? Number.POSITIVE_INFINITY);
    this.#heap.update(stream, stream.timers.nextDeadlineUs());
  }

  #pull(stream: Stream): void {
    const chunk = this.#chunk;
    let used = 0;
    while (stream.outstandingBytes < limits.streams.outstandingBytes) {
      const bytes = stream.session.take(this.#nowUs, CHUNK_BYTES - used);
      if (bytes.length === 0) break;
      chunk.set(bytes, used);
      used += bytes.length;
      stream.outstandingBytes += bytes.length;
      if (used > CHUNK_FULL_BYTES) {
        this.#outputs.push({ kind: 'data', atUs: this.#nowUs, stream: stream.serial, bytes: chunk.slice(0, used) });
        used = 0;
      }
    }
    if (used > 0) {
      this.#outputs.push({ kind: 'data', atUs: this.#nowUs, stream: stream.serial, bytes: chunk.slice(0, used) });
    }
  }

  #forget(stream: Stream): void {
    this.#heap.update(stream, Number.POSITIVE_INFINITY);
    this.#streams.delete(stream.serial);
    stream.session.lost?.(this.#nowUs);
  }
}
