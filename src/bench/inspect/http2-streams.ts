// The streams of an HTTP/2 connection as somebody sees them who looks on: states of both ends in one table (RFC 9113 §5.1, from
// the server's side), flow-control windows (§5.2, §6.9) and settings (§6.5) of both directions. `in` is the client's.

import { type Verdict, verdicts } from '../../core/http2/errors.js';
import {
  DEFAULT_HEADER_TABLE_SIZE,
  DEFAULT_MAX_FRAME_SIZE,
  DEFAULT_WINDOW_SIZE,
  MAX_WINDOW_SIZE,
  SettingId,
} from '../../core/http2/frame.js';
import { type StreamState, transitions } from '../../core/http2/stream.js';
import type { Direction } from '../../core/trace.js';
import type { ExchangeBuilder } from './exchanges.js';
import { streamLimits } from './stream-limits.js';

export type SeenState = StreamState | 'reserved (local)';

/** Memory of one, and of an identifier that is remembered, roughly. */
const STREAM_BYTES = 590;
const RESET_BYTES = 40;

export class SeenStream {
  readonly id: number;
  state: SeenState = 'idle';
  method = '';
  path = '';
  requestSeen = false;
  /** The packet with the end of its header section, and when that was; 0: it was not seen. */
  requestPacket = 0;
  requestNs: number | undefined;
  /** The final header section of the response was seen. */
  responseSeen = false;
  exchange: ExchangeBuilder | undefined;
  /** What each side may still send. */
  readonly window: Record<Direction, number>;
  /** DATA octets without padding. */
  readonly received: Record<Direction, number> = { in: 0, out: 0 };
  /** Frames that may have been of it are missing. */
  readonly damaged: Record<Direction, boolean> = { in: false, out: false };
  /** The content-length fields; -1: none, or not to be compared. */
  readonly announced: Record<Direction, number> = { in: -1, out: -1 };

  constructor(id: number, window: Record<Direction, number>) {
    this.id = id;
    this.window = window;
  }
}

/** What each side has told the other. Values that allow more count at once, others with the acknowledgment: of those under way the highest counts. */
export class SeenSettings {
  readonly #values = new Map<number, number>([
    [SettingId.HEADER_TABLE_SIZE, DEFAULT_HEADER_TABLE_SIZE],
    [SettingId.ENABLE_PUSH, 1],
    [SettingId.MAX_CONCURRENT_STREAMS, Number.POSITIVE_INFINITY],
    [SettingId.INITIAL_WINDOW_SIZE, DEFAULT_WINDOW_SIZE],
    [SettingId.MAX_FRAME_SIZE, DEFAULT_MAX_FRAME_SIZE],
    [SettingId.ENABLE_CONNECT_PROTOCOL, 0],
  ]);
  readonly #pending: ReadonlyMap<number, number>[] = [];

  get(id: number): number {
    return this.#values.get(id) ?? 0;
  }

  /** Calls `changed` for each value that counts at once, which is what lets the other side do more. */
  receive(
    settings: readonly (readonly [id: number, value: number])[],
    changed: (id: number, from: number) => void,
  ): void {
    if (this.#pending.length >= streamLimits.pendingSettings) this.acknowledge(changed);
    // Of each the last: a frame may name one again and again.
    const values = new Map(settings.filter(([id]) => this.#values.has(id)));
    this.#pending.push(values);
    for (const [id, value] of values) if (value > this.get(id)) this.#set(id, value, changed);
  }

  acknowledge(changed: (id: number, from: number) => void): void {
    for (const [id, value] of this.#pending.shift() ?? []) {
      let most = value;
      for (const later of this.#pending) most = Math.max(most, later.get(id) ?? value);
      this.#set(id, most, changed);
    }
  }

  #set(id: number, value: number, changed: (id: number, from: number) => void): void {
    const from = this.get(id);
    this.#values.set(id, value);
    if (from !== value) changed(id, from);
  }
}

export type FrameKind = 'HEADERS' | 'DATA' | 'RST_STREAM' | 'WINDOW_UPDATE' | 'PRIORITY' | 'END_STREAM';

const RECEIVE = {
  HEADERS: transitions['recv HEADERS'],
  DATA: transitions['recv DATA'],
  END_STREAM: transitions['recv END_STREAM'],
  RST_STREAM: transitions['recv RST_STREAM'],
  WINDOW_UPDATE: transitions['recv WINDOW_UPDATE'],
  PRIORITY: transitions['recv PRIORITY'],
} as const;
/** Without those that change nothing. */
const SEND = {
  HEADERS: transitions['send HEADERS'],
  DATA: transitions['send DATA'],
  END_STREAM: transitions['send END_STREAM'],
  RST_STREAM: transitions['send RST_STREAM'],
} as const;

export class SeenStreams {
  readonly #streams = new Map<number, SeenStream>();
  readonly settings: Record<Direction, SeenSettings> = { in: new SeenSettings(), out: new SeenSettings() };
  readonly #window: Record<Direction, number> = { in: DEFAULT_WINDOW_SIZE, out: DEFAULT_WINDOW_SIZE };
  /** The highest identifier of each side's streams. */
  readonly #highest: Record<Direction, number> = { in: 0, out: 0 };
  readonly #resets = new Set<number>();
  #nameBytes = 0;
  /** How many the server has opened. */
  #pushed = 0;
  #forgotten = false;
  /** Frames are missing: what is odd need not be anybody's fault. */
  uncertain: boolean;
  readonly #changed: (stream: SeenStream, from: SeenState) => void;
  readonly #closed: (stream: SeenStream) => void;

  constructor(
    partial: boolean,
    changed: (stream: SeenStream, from: SeenState) => void,
    closed: (stream: SeenStream) => void,
  ) {
    this.uncertain = partial;
    this.#changed = changed;
    this.#closed = closed;
  }

  /** Memory, roughly. */
  get heldBytes(): number {
    return this.#streams.size * STREAM_BYTES + this.#nameBytes + this.#resets.size * RESET_BYTES;
  }

  /** What is asked for on it. */
  name(stream: SeenStream, method: string, path: string): void {
    this.#nameBytes += method.length + path.length - stream.method.length - stream.path.length;
    stream.method = method;
    stream.path = path;
  }

  get(id: number): SeenStream | undefined {
    return this.#streams.get(id);
  }

  all(): Iterable<SeenStream> {
    return this.#streams.values();
  }

  /** Streams that the client has open: those that are pushed count against its own limit (§5.1.2). */
  get open(): number {
    return this.#streams.size - this.#pushed;
  }

  /** Of the side that opens streams of this parity (§5.1.1). */
  #isIdle(id: number): boolean {
    return id > this.#highest[id % 2 === 1 ? 'in' : 'out'];
  }

  /**
   * The stream that a frame of `dir` is on, made when the frame opens it; the verdict against the frame when it has no
   * business there; undefined when it has, and there is no stream.
   */
  at(dir: Direction, id: number, kind: FrameKind): SeenStream | Verdict | undefined {
    const stream = this.#streams.get(id);
    if (stream !== undefined) return stream;
    if (this.#isIdle(id)) {
      if (kind === 'PRIORITY') return undefined;
      const opens = dir === 'in' && kind === 'HEADERS' && id % 2 === 1;
      if (opens || this.uncertain) return this.add(id);
      if (dir === 'in' && kind === 'HEADERS') return verdicts.evenStream;
      return verdicts.frameOnIdle;
    }
    if (kind !== 'HEADERS' && kind !== 'DATA') return undefined;
    // RFC 9113 §5.1: frames that were under way when the other side reset the stream.
    if (this.uncertain || this.#forgotten || this.#resets.has(id)) return undefined;
    return kind === 'DATA' ? verdicts.dataOnClosed : verdicts.headersOnClosed;
  }

  add(id: number): SeenStream {
    if (this.#streams.size >= streamLimits.streams) {
      const [oldest] = this.#streams.values();
      this.#forgotten = true;
      this.#drop(oldest!);
    }
    const window = {
      in: this.settings.out.get(SettingId.INITIAL_WINDOW_SIZE),
      out: this.settings.in.get(SettingId.INITIAL_WINDOW_SIZE),
    };
    const stream = new SeenStream(id, window);
    this.#streams.set(id, stream);
    if (id % 2 === 0) this.#pushed++;
    const opener = id % 2 === 1 ? 'in' : 'out';
    this.#highest[opener] = Math.max(this.#highest[opener], id);
    return stream;
  }

  /** §6.6. */
  promise(id: number): SeenStream {
    const stream = this.#streams.get(id) ?? this.add(id);
    this.#move(stream, 'reserved (local)');
    return stream;
  }

  /** RFC 7540 §3.2: the request of HTTP/1.1 is the client's half of stream 1. */
  upgrade(): void {
    const stream = this.add(1);
    stream.requestSeen = true;
    this.#move(stream, 'half-closed (remote)');
  }

  /** Frames of `dir` are missing, of whatever streams. */
  damage(dir: Direction): void {
    this.uncertain = true;
    for (const { state, damaged } of this.#streams.values()) {
      if (dir === 'in' ? state === 'open' : state !== 'half-closed (local)') damaged[dir] = true;
    }
  }

  step(stream: SeenStream, dir: Direction, kind: FrameKind): Verdict | undefined {
    const next = this.#next(stream, dir, kind);
    if (typeof next !== 'string') return this.uncertain ? undefined : next;
    if (kind === 'RST_STREAM') this.#remember(stream.id);
    this.#move(stream, next);
    if (next === 'closed') this.#drop(stream);
    return undefined;
  }

  #next(stream: SeenStream, dir: Direction, kind: FrameKind): SeenState | Verdict {
    const { state } = stream;
    if (state === 'reserved (local)') {
      if (kind === 'RST_STREAM') return 'closed';
      if (dir === 'out') return kind === 'HEADERS' ? 'half-closed (remote)' : verdicts.frameOnIdle;
      return kind === 'WINDOW_UPDATE' || kind === 'PRIORITY' ? state : verdicts.frameOnIdle;
    }
    if (dir === 'in') return RECEIVE[kind][state];
    // What the table leaves out since our own server does not send it.
    if (kind === 'WINDOW_UPDATE' || kind === 'PRIORITY') return state;
    // A stream that was opened where the capture has a hole.
    if (state === 'idle' && this.uncertain) return kind === 'RST_STREAM' ? 'closed' : 'open';
    return SEND[kind][state];
  }

  #move(stream: SeenStream, to: SeenState): void {
    const from = stream.state;
    if (from === to) return;
    stream.state = to;
    this.#changed(stream, from);
  }

  #drop(stream: SeenStream): void {
    this.#streams.delete(stream.id);
    if (stream.id % 2 === 0) this.#pushed--;
    this.#nameBytes -= stream.method.length + stream.path.length;
    this.#closed(stream);
  }

  #remember(id: number): void {
    if (this.#resets.size >= streamLimits.resets) {
      const [oldest] = this.#resets;
      this.#resets.delete(oldest!);
      this.#forgotten = true;
    }
    this.#resets.add(id);
  }

  // ---- Flow control ----

  /** `length` octets of DATA, padding included. */
  spend(dir: Direction, stream: SeenStream | undefined, length: number): Verdict | undefined {
    this.#window[dir] -= length;
    if (stream !== undefined) stream.window[dir] -= length;
    if (this.uncertain) return undefined;
    if (this.#window[dir] < 0) {
      // Told once for each excess: the next octets are not another one.
      this.#window[dir] = 0;
      return verdicts.connectionWindowExceeded;
    }
    if (stream === undefined || stream.window[dir] >= 0) return undefined;
    stream.window[dir] = 0;
    return verdicts.streamWindowExceeded;
  }

  /** WINDOW_UPDATE of `dir`: the other side may send more. */
  grant(dir: Direction, stream: SeenStream | undefined, increment: number): Verdict | undefined {
    const receiver = dir === 'in' ? 'out' : 'in';
    const holder = stream === undefined ? this.#window : stream.window;
    const before = holder[receiver];
    holder[receiver] = Math.min(MAX_WINDOW_SIZE, before + increment);
    if (this.uncertain || before + increment <= MAX_WINDOW_SIZE) return undefined;
    return stream === undefined ? verdicts.connectionWindowOverflow : verdicts.windowOverflow;
  }

  /** §6.9.2: SETTINGS_INITIAL_WINDOW_SIZE of `dir` has changed. */
  changeInitialWindow(dir: Direction, from: number): void {
    const receiver = dir === 'in' ? 'out' : 'in';
    const delta = this.settings[dir].get(SettingId.INITIAL_WINDOW_SIZE) - from;
    for (const stream of this.#streams.values()) stream.window[receiver] += delta;
  }
}
