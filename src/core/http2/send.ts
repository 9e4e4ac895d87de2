// What goes out (RFC 9113 §4.1, §5.2, §6.1, §6.2, §8.1): packs control frames, then response heads and DATA of the streams
// whose turn it is, into one reused buffer. Nothing is made before it is asked for, so nothing piles up; what a `take`
// could not carry is kept for the next one.

import { cancelSource } from '../http/body.js';
import { limits } from '../limits.js';
import type { Field, Trace } from '../trace.js';
import type { Micros } from '../types.js';
import { contentLengthOf, lastPiece, trailersOf } from './content.js';
import type { ControlQueue } from './control.js';
import { type Verdict, verdicts } from './errors.js';
import { windowOverflows } from './flow.js';
import { DEFAULT_WINDOW_SIZE, Flag, FRAME_HEADER_BYTES, FrameType, frameTypeName, writeFrameHeader } from './frame.js';
import { isLeftOut } from './headers.js';
import { BLOCK_START_OCTETS, fieldOctets, HpackEncoder } from './hpack/encode.js';
import type { PeerSettings } from './settings.js';
import { type Stream, StreamTimer } from './stream.js';
import type { StreamTable } from './streams.js';

/** However little is asked for, this much is made at once; below `LEAST_SPACE` a turn waits for the next `take`. */
const LEAST_FILL = 2_048;
const LEAST_SPACE = 512;

export interface SenderOptions {
  readonly flow: string;
  readonly date: (nowUs: Micros) => string;
  readonly trace?: Trace;
}

export class Sender {
  readonly encoder: HpackEncoder;
  /** What the peer lets us send on the connection; only WINDOW_UPDATE widens it (RFC 9113 §6.9.2). */
  connectionWindow = DEFAULT_WINDOW_SIZE;
  /** The peer has closed its side: no window will open any more. */
  inputEnded = false;
  /** DATA frames that were worth one: they ended a stream or had `limits.http2.dribbleBytes` octets. */
  fullFrames = 0;

  readonly #options: SenderOptions;
  readonly #trace: Trace | undefined;
  readonly #control: ControlQueue;
  readonly #streams: StreamTable;
  readonly #peer: PeerSettings;
  readonly #onError: (stream: Stream, verdict: Verdict) => void;
  #out: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  /** Made and not yet taken. */
  #start = 0;
  #end = 0;

  /** `onError` resets a stream whose body failed us. */
  constructor(
    options: SenderOptions,
    control: ControlQueue,
    streams: StreamTable,
    peer: PeerSettings,
    onError: (stream: Stream, verdict: Verdict) => void,
  ) {
    this.#options = options;
    this.#trace = options.trace;
    this.#control = control;
    this.#streams = streams;
    this.#peer = peer;
    this.#onError = onError;
    this.encoder = new HpackEncoder(peer.headerTableSize);
  }

  get pendingBytes(): number {
    return this.#end - this.#start + this.#control.length;
  }

  take(nowUs: Micros, maxBytes: number): Uint8Array {
    if (maxBytes <= 0) return NOTHING;
    if (this.#start === this.#end) {
      this.#start = this.#end = 0;
      // A large header section may have made it grow.
      if (this.#out.length > limits.http2.outputBytes) this.#out = NOTHING;
      this.#fill(nowUs, Math.min(Math.max(maxBytes, LEAST_FILL), limits.http2.outputBytes));
    }
    const start = this.#start;
    this.#start = Math.min(this.#end, start + maxBytes);
    return this.#out.subarray(start, this.#start);
  }

  /** The stream's window, or the connection's, was widened. */
  unblock(stream: Stream): void {
    if (!stream.blocked || stream.sendWindow <= 0 || this.connectionWindow <= 0) return;
    stream.blocked = false;
    this.#streams.ready.add(stream);
  }

  unblockAll(): void {
    for (const stream of this.#streams.all()) this.unblock(stream);
  }

  /** RFC 9113 §6.9.2: a new initial window size moves the window of every stream, below 0 if need be. False: above 2^31-1. */
  moveWindows(change: number): boolean {
    for (const stream of this.#streams.all()) {
      if (windowOverflows(stream.sendWindow, change)) return false;
      stream.sendWindow += change;
      this.unblock(stream);
    }
    return true;
  }

  /** Packs frames up to `limit`; only a header section or waiting control frames may overshoot it. */
  #fill(nowUs: Micros, limit: number): void {
    const ready = this.#streams.ready;
    this.#moveControl();
    if (ready.count > 0) this.#reserve(limit);
    // Streams in a row that had nothing to send: after a whole round of them there is nothing to do. They leave the list
    // meanwhile, so the round is as long as it was at its beginning.
    let idle = 0;
    let round = ready.count;
    while (limit - this.#end >= LEAST_SPACE) {
      const stream = ready.next();
      if (stream === undefined) break;
      const before = this.#end;
      this.#serve(nowUs, stream, limit);
      this.#moveControl();
      if (this.#end > before) {
        idle = 0;
        round = ready.count;
      } else if (++idle > round) break;
    }
  }

  #moveControl(): void {
    const length = this.#control.length;
    if (length === 0) return;
    this.#reserve(this.#end + length);
    this.#control.moveTo(this.#out, this.#end);
    this.#end += length;
  }

  #serve(nowUs: Micros, stream: Stream, limit: number): void {
    if (!stream.headSent) {
      if (stream.response === undefined) {
        // The outside wants content that a client holds back until it is told to go on.
        this.#streams.ready.remove(stream);
        this.#sendContinue(nowUs, stream);
        return;
      }
      if (stream.source === undefined && !this.#streams.mayComplete(stream)) {
        if (stream.expectsContinue) this.#sendContinue(nowUs, stream);
        this.#streams.hold(nowUs, stream);
        return;
      }
      this.#sendHead(nowUs, stream);
      if (stream.source === undefined || limit - this.#end < LEAST_SPACE) return;
    }
    this.#sendData(nowUs, stream, limit);
  }

  // ---- HEADERS ----

  #sendHead(nowUs: Micros, stream: Stream): void {
    const response = stream.response!;
    // RFC 9110 §10.1.1: a client that waits for 100 (Continue) gets it, unless the final status tells it not to send.
    if (stream.expectsContinue && !stream.requestEnded && response.status < 400) this.#sendContinue(nowUs, stream);
    const date = this.#options.date(stream.readyUs);
    const status = String(response.status);
    const contentLength = contentLengthOf(stream);
    let room = BLOCK_START_OCTETS + fieldOctets(':status', status) + fieldOctets('date', date);
    room += fieldOctets('content-length', contentLength);
    for (const [name, value] of response.headers) room += fieldOctets(name, value);

    const start = this.#beginHead(room);
    const out = this.#out;
    const encoder = this.encoder;
    let at = encoder.begin(out, start);
    at = encoder.field(out, at, ':status', status);
    at = encoder.field(out, at, 'date', date);
    for (const [name, value] of response.headers) {
      if (!isLeftOut(name)) at = encoder.field(out, at, name, value);
    }
    if (contentLength !== '') at = encoder.field(out, at, 'content-length', contentLength);
    const endStream = stream.source === undefined;
    this.#endHead(nowUs, stream, at - start, endStream);
    stream.headSent = true;

    if (this.#trace !== undefined) {
      const fields: Field[] = [
        [':status', status],
        ['date', date],
        ...response.headers.filter(([name]) => !isLeftOut(name)),
      ];
      if (contentLength !== '') fields.push(['content-length', contentLength]);
      this.#traceHeaders(nowUs, stream, endStream, fields);
      this.#trace(nowUs, {
        layer: 'http',
        kind: 'response',
        flow: this.#options.flow,
        dir: 'out',
        status: response.status,
        method: stream.method,
        path: stream.path,
      });
    }
    this.#streams.apply(stream, 'send HEADERS');
    if (endStream) this.#finish(nowUs, stream);
  }

  #sendContinue(nowUs: Micros, stream: Stream): void {
    stream.expectsContinue = false;
    const start = this.#beginHead(BLOCK_START_OCTETS + fieldOctets(':status', '100'));
    const at = this.encoder.field(this.#out, this.encoder.begin(this.#out, start), ':status', '100');
    this.#endHead(nowUs, stream, at - start, false);
    if (this.#trace !== undefined) this.#traceHeaders(nowUs, stream, false, [[':status', '100']]);
  }

  /** Makes room for `room` octets of field block and the headers of all its frames; gives the block's offset. */
  #beginHead(room: number): number {
    const frames = 1 + Math.trunc(room / this.#peer.maxFrameSize);
    this.#reserve(this.#end + frames * FRAME_HEADER_BYTES + room);
    return this.#end + FRAME_HEADER_BYTES;
  }

  /** Puts the field block of `length` octets into HEADERS, and CONTINUATION where the peer's frames are too small for it. */
  #endHead(nowUs: Micros, stream: Stream, length: number, endStream: boolean): void {
    const most = this.#peer.maxFrameSize;
    const endFlag = endStream ? Flag.END_STREAM : 0;
    const first = Math.min(length, most);
    const flags = endFlag | (first === length ? Flag.END_HEADERS : 0);
    writeFrameHeader(this.#out, this.#end, first, FrameType.HEADERS, flags, stream.id);
    this.#end += FRAME_HEADER_BYTES + first;
    if (this.#trace) this.#traceFrame(nowUs, FrameType.HEADERS, flags, stream.id, first);
    for (let rest = length - first; rest > 0; ) {
      // The rest of the block moves up to make room for one more frame header.
      this.#out.copyWithin(this.#end + FRAME_HEADER_BYTES, this.#end, this.#end + rest);
      const part = Math.min(rest, most);
      const partFlags = part === rest ? Flag.END_HEADERS : 0;
      writeFrameHeader(this.#out, this.#end, part, FrameType.CONTINUATION, partFlags, stream.id);
      this.#end += FRAME_HEADER_BYTES + part;
      rest -= part;
      if (this.#trace) this.#traceFrame(nowUs, FrameType.CONTINUATION, partFlags, stream.id, part);
    }
  }

  // ---- DATA ----

  #sendData(nowUs: Micros, stream: Stream, limit: number): void {
    const source = stream.source!;
    // What is left is the end of a body with trailers.
    if (stream.leftBytes === 0) {
      this.#blocked(nowUs, stream);
      return;
    }
    const space = Math.min(limit - this.#end - FRAME_HEADER_BYTES, limits.http2.dataBytes, this.#peer.maxFrameSize);
    const wanted = stream.leftBytes >= 0 ? Math.min(space, stream.leftBytes) : space;
    const window = Math.min(stream.sendWindow, this.connectionWindow);
    if (window <= 0) {
      this.#blocked(nowUs, stream);
      return;
    }
    const most = Math.min(wanted, window);

    const payload = this.#end + FRAME_HEADER_BYTES;
    let length = 0;
    if (stream.ahead >= 0) {
      this.#out[payload] = stream.ahead;
      stream.ahead = -1;
      length = 1;
    }
    let ended = false;
    if (length < most) {
      const chunk = this.#read(nowUs, stream, most - length);
      if (chunk === FAILED) return;
      if (chunk === undefined) ended = true;
      else {
        if (chunk.length === 0 && length === 0) {
          this.#wait(nowUs, stream);
          return;
        }
        this.#out.set(chunk, payload + length);
        length += chunk.length;
      }
    }
    if (stream.leftBytes >= 0) {
      stream.leftBytes -= length;
      // RFC 9113 §8.1.1: content that is shorter than its content-length must not end as if it were whole.
      if (ended && stream.leftBytes > 0) {
        this.#onError(stream, verdicts.sourceFailed);
        return;
      }
      if (stream.leftBytes === 0) {
        if (source.trailers === undefined) {
          ended = true;
          cancelSource(source);
        } else {
          // Trailers are there when nothing more is read; what is already here can end with this very frame.
          const more = this.#read(nowUs, stream, 1);
          if (more === FAILED) return;
          if (more !== undefined && more.length > 0) {
            this.#onError(stream, verdicts.sourceFailed);
            return;
          }
          ended = more === undefined;
        }
      }
    }
    this.#writeData(nowUs, stream, length, ended);
  }

  /** DATA, whose payload of `length` octets is in its place already; `ended`: it is the last of the content. */
  #writeData(nowUs: Micros, stream: Stream, length: number, ended: boolean): void {
    const trailers = ended ? trailersOf(stream.source!) : NO_FIELDS;
    if (trailers === undefined) {
      this.#onError(stream, verdicts.sourceFailed);
      return;
    }
    if (ended && !this.#streams.mayComplete(stream)) {
      const payload = this.#end + FRAME_HEADER_BYTES;
      stream.source = lastPiece(this.#out.slice(payload, payload + length), trailers);
      stream.leftBytes = length;
      this.#streams.hold(nowUs, stream);
      return;
    }
    stream.sendWindow -= length;
    this.connectionWindow -= length;
    if (ended || length >= limits.http2.dribbleBytes) this.fullFrames++;
    if (length > 0 || trailers.length === 0) {
      const flags = ended && trailers.length === 0 ? Flag.END_STREAM : 0;
      writeFrameHeader(this.#out, this.#end, length, FrameType.DATA, flags, stream.id);
      this.#end += FRAME_HEADER_BYTES + length;
      if (this.#trace) this.#traceFrame(nowUs, FrameType.DATA, flags, stream.id, length);
    }
    if (!ended) return;
    if (trailers.length > 0) this.#sendTrailers(nowUs, stream, trailers);
    stream.source = undefined;
    this.#finish(nowUs, stream);
  }

  /** RFC 9113 §8.1: a HEADERS frame with END_STREAM behind the content. */
  #sendTrailers(nowUs: Micros, stream: Stream, trailers: readonly Field[]): void {
    let room = BLOCK_START_OCTETS;
    for (const [name, value] of trailers) room += fieldOctets(name, value);
    const start = this.#beginHead(room);
    let at = this.encoder.begin(this.#out, start);
    for (const [name, value] of trailers) at = this.encoder.field(this.#out, at, name, value);
    this.#endHead(nowUs, stream, at - start, true);
    this.#streams.apply(stream, 'send HEADERS');
    if (this.#trace !== undefined) this.#traceHeaders(nowUs, stream, true, trailers);
  }

  /**
   * The source's next octets; FAILED when it broke its contract, and then the stream has been reset. When the request is
   * complete and the source waits neither for time nor for the outside, nothing could wake it: it is asked a few times more and then given up.
   */
  #read(nowUs: Micros, stream: Stream, most: number): Uint8Array | undefined {
    let chunk: Uint8Array | undefined = FAILED;
    const source = stream.source!;
    try {
      for (let tries = 0; tries < limits.http2.emptyReads; tries++) {
        chunk = source.read(most, nowUs);
        if (chunk === undefined || chunk.length > 0 || !stream.requestEnded || source.dueUs !== undefined) break;
        if (stream.deferral !== undefined) break;
        chunk = FAILED;
      }
    } catch {
      chunk = FAILED;
    }
    if (chunk === FAILED || (chunk !== undefined && chunk.length > most)) {
      this.#onError(stream, verdicts.sourceFailed);
      return FAILED;
    }
    return chunk;
  }

  /** The source has nothing yet: it is asked again when it says so, or when more of the request arrives. */
  #wait(nowUs: Micros, stream: Stream): void {
    this.#streams.ready.remove(stream);
    const dueUs = stream.source!.dueUs;
    if (dueUs === undefined) return;
    if (Number.isSafeInteger(dueUs) && dueUs > nowUs) this.#streams.arm(stream, StreamTimer.delay, dueUs);
    else this.#onError(stream, verdicts.sourceFailed);
  }

  /**
   * A window is closed: the stream waits for WINDOW_UPDATE, unless it turns out to have nothing more to send. Also the way
   * to the end of a body that has given all its content and has trailers.
   */
  #blocked(nowUs: Micros, stream: Stream): void {
    // RFC 9113 §6.9.1: an empty DATA frame with END_STREAM needs no window, and the peer may not grant any for it. A
    // source that does not know its length is therefore asked for one octet ahead.
    if (stream.leftBytes <= 0 && stream.ahead < 0) {
      const chunk = this.#read(nowUs, stream, 1);
      if (chunk === FAILED) return;
      if (chunk === undefined) {
        this.#writeData(nowUs, stream, 0, true);
        return;
      }
      if (chunk.length === 0) {
        this.#wait(nowUs, stream);
        return;
      }
      // RFC 9113 §8.1.1: more than the content-length that we have sent.
      if (stream.leftBytes === 0) {
        this.#onError(stream, verdicts.sourceFailed);
        return;
      }
      stream.ahead = chunk[0]!;
    }
    if (this.inputEnded) {
      this.#onError(stream, verdicts.inputEnded);
      return;
    }
    stream.blocked = true;
    stream.blockedUs = nowUs;
    if (!stream.timers?.isSet(StreamTimer.blocked)) {
      this.#streams.arm(stream, StreamTimer.blocked, nowUs + limits.http2.blockedUs);
    }
    this.#streams.ready.remove(stream);
  }

  /** The response is complete. */
  #finish(nowUs: Micros, stream: Stream): void {
    this.#streams.endDeferral(stream, 'sent');
    this.#streams.ready.remove(stream);
    this.#streams.apply(stream, 'send END_STREAM');
    if (stream.state === 'closed') return;
    if (this.inputEnded) this.#streams.endLinger(stream);
    else this.#streams.linger(nowUs, stream);
  }

  #reserve(capacity: number): void {
    if (capacity <= this.#out.length) return;
    const larger = new Uint8Array(Math.max(capacity, Math.min(this.#out.length * 2, limits.http2.outputBytes)));
    larger.set(this.#out.subarray(0, this.#end));
    this.#out = larger;
  }

  #traceFrame(nowUs: Micros, typeCode: number, flags: number, streamId: number, length: number): void {
    this.#trace?.(nowUs, {
      layer: 'http2',
      kind: 'frame',
      flow: this.#options.flow,
      dir: 'out',
      type: frameTypeName(typeCode),
      typeCode,
      streamId,
      flags,
      length,
    });
  }

  #traceHeaders(nowUs: Micros, stream: Stream, endStream: boolean, fields: readonly Field[]): void {
    this.#trace?.(nowUs, {
      layer: 'http2',
      kind: 'headers',
      flow: this.#options.flow,
      dir: 'out',
      streamId: stream.id,
      endStream,
      fields,
    });
  }
}

const NO_FIELDS: readonly Field[] = [];
const NOTHING: Uint8Array<ArrayBuffer> = new Uint8Array(0);
/** What `#read` gives for a source that failed. */
const FAILED = new Uint8Array(0);
