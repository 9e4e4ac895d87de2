// Field blocks in (RFC 9113 §4.3, §5.1.1, §8.1): from HEADERS and CONTINUATION frames to a request that the handler answers,
// or to the trailers of one. Owns the HPACK decoder and the block under way; what goes wrong is given back as a verdict.

import { ParseError } from '../bytes/reader.js';
import { type BodySource, EMPTY_BODY } from '../http/message.js';
import { limits } from '../limits.js';
import type { Trace } from '../trace.js';
import type { Micros } from '../types.js';
import type { Answers } from './answer.js';
import { FieldBlock } from './block.js';
import { type Verdict, verdicts } from './errors.js';
import type { ReceiveFlow } from './flow.js';
import { Flag, MAX_STREAM_ID, readU32 } from './frame.js';
import { RequestHead, trailersVerdict } from './headers.js';
import { createHeaderList, HpackDecoder } from './hpack/decode.js';
import type { FrameInput } from './input.js';
import { EarlyPriorities, parsePriority, UNSPOKEN } from './priority.js';
import type { PeerSettings } from './settings.js';
import { RequestBody, type Stream, StreamTimer } from './stream.js';
import type { StreamTable } from './streams.js';

export interface RequestsOptions {
  readonly flow: string;
  readonly trace?: Trace;
}

export class Requests {
  /** Of streams that are idle yet. */
  readonly early = new EarlyPriorities();
  /** Field blocks that went over more than one frame. */
  longBlocks = 0;
  readonly #options: RequestsOptions;
  readonly #streams: StreamTable;
  readonly #flow: ReceiveFlow;
  readonly #peer: PeerSettings;
  readonly #answers: Answers;
  readonly #decoder = new HpackDecoder(limits.http2.decoderTableBytes);
  readonly #list = createHeaderList();
  readonly #block = new FieldBlock();
  readonly #head = new RequestHead();

  constructor(options: RequestsOptions, streams: StreamTable, flow: ReceiveFlow, peer: PeerSettings, answers: Answers) {
    this.#options = options;
    this.#streams = streams;
    this.#flow = flow;
    this.#peer = peer;
    this.#answers = answers;
  }

  /** A field block has begun and lacks its end: nothing but its CONTINUATION may come. */
  get blockIsOpen(): boolean {
    return this.#block.streamId !== 0;
  }

  /** What a frame's error is in the end. RFC 9113 §6.10: inside of a field block it is none of a stream alone. */
  unsound(verdict: Verdict): Verdict {
    return verdict.scope === 'stream' && this.blockIsOpen ? verdicts.blockInterrupted : verdict;
  }

  /** The HEADERS frame in `input`. */
  headers(nowUs: Micros, input: FrameInput): Verdict | undefined {
    const { streamId, flags, bytes, start, end } = input;
    // RFC 9113 §5.1.1: clients open odd ones.
    if ((streamId & 1) === 0) return verdicts.evenStream;
    const endStream = (flags & Flag.END_STREAM) !== 0;
    if ((flags & Flag.END_HEADERS) !== 0) return this.#fieldBlock(nowUs, streamId, endStream, bytes, start, end);
    this.longBlocks++;
    return this.#block.begin(input);
  }

  /** The frame in `input`, while a block is open. */
  continuation(nowUs: Micros, input: FrameInput): Verdict | undefined {
    const block = this.#block;
    const { streamId, endStream } = block;
    const verdict = block.proceed(input);
    if (verdict !== undefined || block.streamId !== 0) return verdict;
    return this.#fieldBlock(nowUs, streamId, endStream, block.bytes, 0, block.length);
  }

  /** The PRIORITY_UPDATE frame in `input` (RFC 9218 §7.1). */
  priorityUpdate(input: FrameInput): Verdict | undefined {
    const { bytes, start, end } = input;
    const streamId = readU32(bytes, start) & MAX_STREAM_ID;
    if (streamId === 0) return verdicts.updateOfNone;
    // There are no push streams, so each of them is idle.
    if ((streamId & 1) === 0) return verdicts.updateOfPush;
    const streams = this.#streams;
    const stream = streams.get(streamId);
    const isIdle = stream === undefined && streams.isIdle(streamId);
    if (isIdle && !this.early.has(streamId) && this.early.count + streams.count >= limits.http2.concurrentStreams) {
      return verdicts.tooManyUpdates;
    }
    const valueEnd = Math.min(end, start + 4 + limits.http2.priorityOctets + 1);
    const priority = parsePriority(String.fromCharCode(...bytes.subarray(start + 4, valueEnd)));
    if (priority === undefined) return undefined;
    if (stream !== undefined) streams.ready.move(stream, priority);
    else if (isIdle) this.early.set(streamId, priority);
    return undefined;
  }

  /** A whole field block. It is decoded whatever becomes of its stream: the tables of both sides must agree (§4.3). */
  #fieldBlock(
    nowUs: Micros,
    streamId: number,
    endStream: boolean,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): Verdict | undefined {
    const list = this.#list;
    try {
      this.#decoder.decode(bytes, start, end, list);
    } catch (error) {
      if (error instanceof ParseError) return { ...verdicts.compression, reason: error.what };
      throw error;
    }
    this.#options.trace?.(nowUs, {
      layer: 'http2',
      kind: 'headers',
      flow: this.#options.flow,
      dir: 'in',
      streamId,
      endStream,
      fields: list.entries.map((entry) => entry.field),
    });
    if (list.size > limits.http2.headerListHardBytes) return verdicts.listTooLarge;
    const streams = this.#streams;
    const stream = streams.get(streamId);
    if (stream !== undefined) return this.#trailers(stream, endStream);
    if (streamId <= streams.lastStreamId) {
      if (streams.isPassedOver(streamId)) return undefined;
      return streams.wasSkipped(streamId) ? verdicts.skippedStream : verdicts.headersOnClosed;
    }
    streams.advanceTo(streamId);
    const priority = this.early.take(streamId);
    if (streams.isBeyondGoaway(streamId)) return undefined;
    if (streams.count >= limits.http2.concurrentStreams) return verdicts.tooManyStreams;
    return this.#request(nowUs, streamId, endStream, priority);
  }

  #trailers(stream: Stream, endStream: boolean): Verdict | undefined {
    const verdict = this.#streams.apply(stream, 'recv HEADERS');
    if (verdict !== undefined) return verdict;
    if (!endStream) return verdicts.trailersOpen;
    const list = this.#list;
    if (list.oversize) return verdicts.trailersTooLarge;
    const fields = list.entries.map((entry) => entry.field);
    return trailersVerdict(list) ?? this.#streams.endRequest(stream, fields);
  }

  #request(nowUs: Micros, streamId: number, endStream: boolean, priority: number | undefined): Verdict | undefined {
    const streams = this.#streams;
    const stream = streams.create(streamId, this.#peer.initialWindowSize);
    streams.apply(stream, 'recv HEADERS');
    if (endStream) streams.apply(stream, 'recv END_STREAM');
    const head = this.#head;
    const verdict = head.parse(this.#list, endStream);
    if (verdict !== undefined) return verdict;
    stream.method = head.method;
    stream.path = head.path;
    stream.contentLength = head.contentLength;
    stream.expectsContinue = head.expectsContinue;
    // RFC 9218 §7: a PRIORITY_UPDATE frame counts for more than the field of the request.
    stream.priority = priority ?? head.priority ?? UNSPOKEN;
    let content: BodySource = EMPTY_BODY;
    if (!endStream) {
      const length = head.contentLength >= 0 ? head.contentLength : undefined;
      content = stream.body = new RequestBody(streamId, length, this.#flow);
      streams.arm(stream, StreamTimer.body, nowUs + limits.http2.bodyUs);
    }
    this.#options.trace?.(nowUs, {
      layer: 'http',
      kind: 'request',
      flow: this.#options.flow,
      dir: 'in',
      version: 'HTTP/2',
      method: head.method,
      scheme: head.scheme,
      authority: head.authority,
      path: head.path,
    });
    this.#answers.ask(nowUs, stream, head, content, this.#list.oversize);
    return undefined;
  }
}
