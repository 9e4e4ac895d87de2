// One HTTP/2 stream (RFC 9113 §5.1): its state as a table, what it has to remember, and the request's content as a
// source that gives window back as it is read. Which streams there are is kept in `streams.ts`.

import { ByteQueue } from '../bytes/queue.js';
import type { Deferral } from '../http/deferral.js';
import type { BodySource, Field, Response } from '../http/message.js';
import { limits } from '../limits.js';
import type { HeapEntry, TimerTable } from '../time.js';
import type { Micros } from '../types.js';
import { type Verdict, verdicts } from './errors.js';
import { type ReceiveFlow, ReceiveWindow } from './flow.js';
import { type Priority, UNSPOKEN } from './priority.js';

export type StreamState = 'idle' | 'open' | 'half-closed (local)' | 'half-closed (remote)' | 'closed';

/** END_STREAM counts as an event of its own, after the frame that bears it (RFC 9113 §5.1). */
export type StreamEvent =
  | 'recv HEADERS'
  | 'recv DATA'
  | 'recv END_STREAM'
  | 'recv RST_STREAM'
  | 'recv WINDOW_UPDATE'
  | 'recv PRIORITY'
  | 'send HEADERS'
  | 'send DATA'
  | 'send END_STREAM'
  | 'send RST_STREAM';

//                  recv H                         RFC 9113 §5.1, figure 2, as a server sees it that never pushes:
//      +--------+ ------> +--------+              the reserved states cannot come up, because PUSH_PROMISE is an
//      |  idle  |         |  open  |              error when it is received and is never sent.
//      +--------+         +---+----+
//                recv ES /    |     \ send ES
//     +-------------+ <-'     |      `-> +------------+
//     | half-closed |         |          | half-closed|
//     |  (remote)   |  send R / recv R   |  (local)   |
//     +------+------+         |          +-----+------+
//            | send ES / R    v     recv ES / R|
//            `----------> +--------+ <---------'
//              recv R     | closed |   send R
//                         +--------+
//
// A cell is the next state, or what the frame does wrong in this one. Frames on a closed stream that we have reset
// ourselves never get here: they were under way (`StreamTable.ignores`).

const { frameOnIdle, headersOnHalfClosed, headersOnClosed, dataOnClosed, notOurTurn } = verdicts;

const states = ['idle', 'open', 'half-closed (local)', 'half-closed (remote)', 'closed'] as const;
type Cell = StreamState | Verdict;

// biome-ignore format: a table
export const transitions: { readonly [event in StreamEvent]: { readonly [state in StreamState]: Cell } } = {
  //                         idle         open                    half-closed (local)    half-closed (remote)    closed
  'recv HEADERS':       row('open',       'open',                 'half-closed (local)', headersOnHalfClosed,    headersOnClosed),
  'recv DATA':          row(frameOnIdle,  'open',                 'half-closed (local)', dataOnClosed,           dataOnClosed),
  'recv END_STREAM':    row(frameOnIdle,  'half-closed (remote)', 'closed',              dataOnClosed,           dataOnClosed),
  'recv RST_STREAM':    row(frameOnIdle,  'closed',               'closed',              'closed',               'closed'),
  'recv WINDOW_UPDATE': row(frameOnIdle,  'open',                 'half-closed (local)', 'half-closed (remote)', 'closed'),
  'recv PRIORITY':      row('idle',       'open',                 'half-closed (local)', 'half-closed (remote)', 'closed'),
  'send HEADERS':       row(notOurTurn,   'open',                 notOurTurn,            'half-closed (remote)', notOurTurn),
  'send DATA':          row(notOurTurn,   'open',                 notOurTurn,            'half-closed (remote)', notOurTurn),
  'send END_STREAM':    row(notOurTurn,   'half-closed (local)',  notOurTurn,            'closed',               notOurTurn),
  'send RST_STREAM':    row(notOurTurn,   'closed',               'closed',              'closed',               notOurTurn),
};

function row(...cells: [Cell, Cell, Cell, Cell, Cell]): { readonly [state in StreamState]: Cell } {
  return Object.fromEntries(states.map((state, column) => [state, cells[column]])) as {
    [state in StreamState]: Cell;
  };
}

/**
 * delay: the response, or more of it, is due. linger: the rest of a request that nobody reads stalls. body: is the request coming
 * fast enough? blocked: the peer's window stays closed. answer: the outside has not answered.
 */
export const StreamTimer = { delay: 0, linger: 1, body: 2, blocked: 3, answer: 4 } as const;
export const STREAM_TIMERS = 5;

export class Stream implements HeapEntry {
  readonly id: number;
  state: StreamState = 'idle';

  /** Undefined: none was ever armed. */
  timers: TimerTable | undefined = undefined;
  // The first of them, as the timer heap wants it.
  deadlineUs: Micros = Number.POSITIVE_INFINITY;
  heapIndex = -1;

  /** As the client gave it (RFC 9218). */
  priority: Priority = UNSPOKEN;

  /** What the peer lets us send; negative after a reduction by SETTINGS (RFC 9113 §6.9.2). */
  sendWindow: number;

  // The request.
  method = '';
  path = '';
  /** Undefined when the header section ended the stream. */
  body: RequestBody | undefined = undefined;
  /** The content-length field, or -1. */
  contentLength = -1;
  /** DATA octets without padding. */
  receivedBytes = 0;
  /** `receivedBytes` when the body's timer was armed. */
  receivedBefore = 0;
  expectsContinue = false;

  /** The answer comes from outside, and is not complete. */
  deferral: Deferral | undefined = undefined;

  // The response.
  response: Response | undefined = undefined;
  /** When it was given, or its delay was over: the `date`. */
  readyUs: Micros = 0;
  headSent = false;
  /** Undefined when there is no content, or none is left. */
  source: BodySource | undefined = undefined;
  /** Octets that the source still owes; -1 when it does not know. */
  leftBytes = -1;
  /** One octet that was read to find out whether there is more than the window lets through; -1: none. */
  ahead = -1;
  /** A window is closed: WINDOW_UPDATE or SETTINGS will tell. */
  blocked = false;
  /** Since when. */
  blockedUs: Micros = 0;
  /** The end of the response waits for that of the request, see `StreamTable.mayComplete`. */
  held = false;
  /** It has waited for long enough. */
  released = false;
  /** The response is complete, the request is not: what still comes of it is thrown away. */
  lingering = false;
  /** In the ready list: there may be something to send. */
  ready = false;

  constructor(id: number, sendWindow: number) {
    this.id = id;
    this.sendWindow = sendWindow;
  }

  /** Streams whose delays end together go in the order of their identifiers. */
  get serial(): number {
    return this.id;
  }

  /** The peer has ended its half. */
  get requestEnded(): boolean {
    return this.state === 'half-closed (remote)' || this.state === 'closed';
  }
}

/** The content of a request. Reading it is what grants the peer more window. */
export class RequestBody implements BodySource {
  readonly length: number | undefined;
  readonly window = new ReceiveWindow(limits.http2.streamWindowBytes);
  readonly #streamId: number;
  readonly #flow: ReceiveFlow;
  /** Bounded by the window: what does not fit was refused. */
  readonly #queue = new ByteQueue();
  /** Octets at the front that the last `read` gave out as a view. */
  #lent = 0;
  #ended = false;
  #cancelled = false;
  #trailers: readonly Field[] = [];
  /** Octets that may still be thrown away with credit for the stream. */
  #drainBytes = 0;
  #drains = false;

  constructor(streamId: number, length: number | undefined, flow: ReceiveFlow) {
    this.length = length;
    this.#streamId = streamId;
    this.#flow = flow;
  }

  /** Fields behind the content; empty until all of it was read. */
  trailers(): readonly Field[] {
    return this.#ended && this.#queue.length === 0 ? this.#trailers : [];
  }

  read(maxBytes: number): Uint8Array | undefined {
    if (this.#cancelled) return undefined;
    if (this.#lent > 0) {
      this.#queue.drop(this.#lent);
      this.#lent = 0;
    }
    if (this.#queue.length === 0) return this.#ended ? undefined : NOTHING;
    const view = this.#queue.front(maxBytes);
    this.#lent = view.length;
    this.#flow.consumeConnection(view.length);
    // A peer that has ended the stream has no more use for its window.
    if (!this.#ended) this.#flow.consumeStream(this.#streamId, this.window, view.length);
    return view;
  }

  /** Nobody reads on: what is here, and what still comes, goes back to the connection's window at once. */
  cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#flow.consumeConnection(this.#queue.length - this.#lent);
    this.#lent = 0;
    this.#queue.clear();
  }

  /**
   * The response is made, and the request is still coming. That is thrown away; up to `drainBytes` of it the stream
   * gets new credit, so that a client that looks at its response only when it has sent everything gets to that point.
   */
  drain(drainBytes: number): void {
    if (this.#drains) return;
    this.#drains = true;
    const unread = this.#queue.length - this.#lent;
    const wasCancelled = this.#cancelled;
    this.cancel();
    this.#drainBytes = drainBytes;
    if (!wasCancelled) this.#giveBack(unread);
  }

  /** One DATA payload that passed both windows: content and `paddingBytes` around it. */
  push(content: Uint8Array, paddingBytes: number): void {
    if (this.#cancelled) {
      this.#flow.consumeConnection(content.length + paddingBytes);
      this.#giveBack(content.length + paddingBytes);
      return;
    }
    if (paddingBytes > 0) {
      this.#flow.consumeConnection(paddingBytes);
      this.#flow.consumeStream(this.#streamId, this.window, paddingBytes);
    }
    if (content.length > 0) this.#queue.push(content);
  }

  #giveBack(length: number): void {
    const count = Math.min(length, this.#drainBytes);
    this.#drainBytes -= count;
    if (count > 0 && !this.#ended) this.#flow.consumeStream(this.#streamId, this.window, count);
  }

  end(trailers: readonly Field[] = []): void {
    this.#trailers = trailers;
    this.#ended = true;
  }
}

const NOTHING = new Uint8Array(0);
