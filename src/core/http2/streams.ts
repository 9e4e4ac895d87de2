// The streams of one connection (RFC 9113 §5.1): which are alive, which we have reset, which were passed over, and what
// has to be let go when one closes. Every change of state and every timer of a stream goes through here.

import { cancelSource } from '../http/body.js';
import type { DeferralEnd, Field } from '../http/message.js';
import { limits } from '../limits.js';
import { DeadlineHeap, TimerTable } from '../time.js';
import type { Trace } from '../trace.js';
import type { Micros } from '../types.js';
import type { ControlQueue } from './control.js';
import { type Verdict, verdicts } from './errors.js';
import { ErrorCode } from './frame.js';
import { ReadyList } from './schedule.js';
import { STREAM_TIMERS, Stream, type StreamEvent, StreamTimer, transitions } from './stream.js';

export class StreamTable {
  readonly ready = new ReadyList();
  /** Streams with a timer. */
  readonly timed = new DeadlineHeap<Stream>();
  /** The highest identifier that the peer has opened; lower ones that are not alive are closed (RFC 9113 §5.1.1). */
  lastStreamId = 0;
  /** The last stream of the GOAWAY that we sent; -1: none sent. */
  goawayLastStreamId = -1;
  readonly #alive = new Map<number, Stream>();
  /** In the order of the resets. */
  readonly #reset = new Set<number>();
  /** Ranges of odd identifiers that the peer left out, first and last, in pairs; the newest ranges. */
  readonly #skipped: number[] = [];
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

  /** The peer opens `streamId`, above all that it has opened: those between are closed by that (RFC 9113 §5.1.1). */
  advanceTo(streamId: number): void {
    if (streamId > this.lastStreamId + 2) {
      const skipped = this.#skipped;
      skipped.push(this.lastStreamId === 0 ? 1 : this.lastStreamId + 2, streamId - 2);
      if (skipped.length > 2 * limits.http2.skippedRanges) skipped.splice(0, 2);
    }
    this.lastStreamId = streamId;
  }

  /** Left out by the peer, and never open; as far as that is remembered. */
  wasSkipped(streamId: number): boolean {
    const skipped = this.#skipped;
    for (let i = 0; i < skipped.length; i += 2) {
      if (streamId >= skipped[i]! && streamId <= skipped[i + 1]!) return true;
    }
    return false;
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

  /** Never opened because of our GOAWAY (RFC 9113 §6.8). */
  isBeyondGoaway(streamId: number): boolean {
    return this.goawayLastStreamId >= 0 && streamId > this.goawayLastStreamId;
  }

  /** Closed by our RST_STREAM, or beyond our GOAWAY: its frames are processed as far as the connection needs it. */
  isPassedOver(streamId: number): boolean {
    return this.ignores(streamId) || this.isBeyondGoaway(streamId);
  }

  /** Arms one of the stream's timers; Infinity disarms it. A closed stream has none. */
  arm(stream: Stream, kind: number, deadlineUs: Micros): void {
    if (stream.state === 'closed') return;
    if (stream.timers === undefined) {
      if (deadlineUs === Number.POSITIVE_INFINITY) return;
      stream.timers = new TimerTable(STREAM_TIMERS);
    }
    stream.timers.set(kind, deadlineUs);
    this.timed.update(stream, stream.timers.nextDeadlineUs());
  }

  /** Disarms and names the timer of `stream` that is due first. */
  popTimer(stream: Stream): number {
    const kind = stream.timers!.popDue(stream.deadlineUs);
    this.timed.update(stream, stream.timers!.nextDeadlineUs());
    return kind;
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

  /** END_STREAM came, with DATA or trailers. */
  endRequest(stream: Stream, trailers?: readonly Field[]): Verdict | undefined {
    if (stream.contentLength >= 0 && stream.receivedBytes !== stream.contentLength) {
      return verdicts.contentLengthDiffers;
    }
    const verdict = this.apply(stream, 'recv END_STREAM');
    if (verdict !== undefined) return verdict;
    if (stream.timers !== undefined) this.arm(stream, StreamTimer.body, Number.POSITIVE_INFINITY);
    stream.body?.end(trailers);
    if (stream.held) this.release(stream);
    else this.wake(stream);
    return undefined;
  }

  /** More of the request or of the answer is here, or more is asked for: what waited for it may go on. */
  wake(stream: Stream): void {
    const { deferral } = stream;
    // A client that holds its content back until it is told to go on is told so.
    if (deferral?.wantsContent && !deferral.feed() && stream.expectsContinue && !stream.headSent) {
      this.ready.add(stream);
    }
    if (stream.headSent && stream.source !== undefined && !stream.blocked) this.ready.add(stream);
  }

  /** Sends RST_STREAM and closes. */
  reset(stream: Stream, errorCode: number): void {
    this.refuse(stream.id, errorCode);
    this.apply(stream, 'send RST_STREAM');
  }

  /**
   * Whether the response may be completed, now that it could be. RFC 9113 §8.1 lets a server answer before the request has
   * ended, and call the rest off with NO_ERROR. But a client in the middle of its upload may take that badly: curl 7.88
   * fails when the reset comes with the response, and waits for ever when it does not, because it looks for no more window
   * once it has all of the response. So a successful response ends when the request has, which is read over meanwhile, as
   * long as it is not too much; with any other status clients stop by themselves.
   */
  mayComplete(stream: Stream): boolean {
    if (stream.requestEnded || stream.released || stream.response!.status >= 300) return true;
    return this.#isTooLong(stream);
  }

  #isTooLong(stream: Stream): boolean {
    return stream.contentLength - stream.receivedBytes > limits.http2.drainBytes;
  }

  /** The end of the response waits; called again when more of the request comes. */
  hold(nowUs: Micros, stream: Stream): void {
    if (!stream.held) {
      stream.held = true;
      this.ready.remove(stream);
      this.endDeferral(stream, 'sent');
      stream.body?.drain(limits.http2.drainBytes);
    }
    if ((stream.body?.window.available ?? 0) > 0) this.arm(stream, StreamTimer.linger, nowUs + limits.http2.holdUs);
    else this.release(stream);
  }

  /** It waits no longer. */
  release(stream: Stream): void {
    stream.held = false;
    stream.released = true;
    this.arm(stream, StreamTimer.linger, Number.POSITIVE_INFINITY);
    this.ready.add(stream);
  }

  /**
   * The response is complete, the request is not; called again when more of it comes. It is read over up to a bound, so
   * that a client gets to look at the response, and called off when it stalls, which it does when its window is used up.
   */
  linger(nowUs: Micros, stream: Stream): void {
    const body = stream.body;
    stream.lingering = true;
    body?.drain(limits.http2.drainBytes);
    const mayCome = (body?.window.available ?? 0) > 0;
    // A client that does not stop by itself, and that is not going to be heard to the end, may as well know.
    if (stream.response!.status < 300 && (!mayCome || this.#isTooLong(stream))) this.endLinger(stream);
    else this.arm(stream, StreamTimer.linger, nowUs + (mayCome ? limits.http2.lingerUs : limits.http2.lingerBlockedUs));
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
    if (stream.heapIndex >= 0) this.timed.update(stream, Number.POSITIVE_INFINITY);
    if (stream.source !== undefined) cancelSource(stream.source);
    stream.source = undefined;
    this.endDeferral(stream, 'cancelled');
    stream.body?.cancel();
  }

  /** Whatever comes from outside for the stream is ignored from here on. */
  endDeferral(stream: Stream, how: DeferralEnd): void {
    const { deferral } = stream;
    if (deferral === undefined) return;
    stream.deferral = undefined;
    if (stream.state !== 'closed') this.arm(stream, StreamTimer.answer, Number.POSITIVE_INFINITY);
    deferral.end(this.#control.nowUs, how);
  }
}
