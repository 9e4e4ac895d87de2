// An HTTP/2 server connection (RFC 9113) over one byte stream: what each frame does, when a request is handed to the
// handler, and how the connection ends. Frames come from `input.ts`, responses leave by `send.ts`; TLS and TCP are below
// and are not seen here. There is no server push.

import { ParseError } from '../bytes/reader.js';
import { type Answer, type BodySource, type ConnectionInfo, EMPTY_BODY, type Handler } from '../http/message.js';
import { limits } from '../limits.js';
import type { Trace } from '../trace.js';
import type { Micros, Session, SessionState } from '../types.js';
import { Answers } from './answer.js';
import { FieldBlock } from './block.js';
import { Budget } from './budget.js';
import { ControlQueue } from './control.js';
import { type Verdict, verdicts } from './errors.js';
import { ReceiveFlow, windowOverflows } from './flow.js';
import { ErrorCode, Flag, FrameType, readU32 } from './frame.js';
import { RequestHead, trailersVerdict } from './headers.js';
import { createHeaderList, HpackDecoder } from './hpack/decode.js';
import { FrameInput } from './input.js';
import { Sender } from './send.js';
import { applySetting, createPeerSettings, ourSettings } from './settings.js';
import { RequestBody, type Stream } from './stream.js';
import { StreamTable } from './streams.js';
import { traceError, traceInput } from './tell.js';

export interface Http2Options {
  readonly flow: string;
  readonly scheme: 'http' | 'https';
  readonly handler: Handler;
  readonly connection: ConnectionInfo;
  /** IMF-fixdate (RFC 9110 §5.6.7) for the `date` field. */
  readonly date: (nowUs: Micros) => string;
  readonly trace?: Trace;
}

/**
 * open: frames are worked on. closing: an orderly end was asked for by either side (GOAWAY), streams are being finished.
 * ended: no input is wanted any more (error, end of input, or all is done); what was made is still to be taken.
 */
type Phase = 'open' | 'closing' | 'ended';

export class Http2Connection implements Session {
  readonly #options: Http2Options;
  readonly #trace: Trace | undefined;
  readonly #input = new FrameInput();
  readonly #control: ControlQueue;
  readonly #flow: ReceiveFlow;
  readonly #streams: StreamTable;
  readonly #peer = createPeerSettings();
  readonly #sender: Sender;
  readonly #answers: Answers;
  readonly #decoder = new HpackDecoder(limits.http2.decoderTableBytes);
  readonly #list = createHeaderList();
  readonly #block = new FieldBlock();
  readonly #head = new RequestHead();
  readonly #resets = new Budget(limits.http2.resetBurst, limits.http2.resetPerSecond);
  readonly #settings = new Budget(limits.http2.settingsBurst, limits.http2.settingsPerSecond);
  readonly #idleFrames = new Budget(limits.http2.idleFrameBurst, limits.http2.idleFramesPerSecond);

  #phase: Phase = 'open';
  #started = false;
  #settingsReceived = false;
  /** The last stream of the GOAWAY that we sent; -1: none sent. */
  #goawayLastStreamId = -1;

  constructor(options: Http2Options) {
    this.#options = options;
    this.#trace = options.trace;
    this.#control = new ControlQueue(options.flow, options.trace);
    this.#flow = new ReceiveFlow(this.#control);
    this.#streams = new StreamTable(this.#control, options.flow, options.trace);
    const onError = (stream: Stream, verdict: Verdict): void => this.#streamError(stream.id, verdict);
    this.#sender = new Sender(options, this.#control, this.#streams, this.#peer, onError);
    this.#answers = new Answers(options, this.#streams, onError);
  }

  get state(): SessionState {
    if (this.#phase !== 'ended') return 'open';
    return this.#sender.pendingBytes > 0 || this.#streams.count > 0 ? 'draining' : 'closed';
  }

  receive(nowUs: Micros, bytes: Uint8Array): void {
    this.#enter(nowUs);
    if (this.#phase === 'ended') return;
    const input = this.#input;
    input.push(bytes);
    for (;;) {
      const prefaceDone = input.prefaceDone;
      const found = input.next();
      if (!prefaceDone && input.prefaceDone) {
        this.#trace?.(nowUs, { layer: 'http2', kind: 'preface', flow: this.#options.flow, dir: 'in' });
      }
      if (found === false) break;
      if (this.#trace !== undefined && input.prefaceDone) {
        traceInput(this.#trace, nowUs, this.#options.flow, input, found === true);
      }
      const verdict = found === true ? this.#frame(nowUs) : found;
      if (verdict !== undefined) this.#error(nowUs, input.streamId, verdict);
      if (this.#control.full) this.#connectionError(0, verdicts.tooManyReplies);
      if (this.#ended()) return;
    }
    this.#finishIfDone();
  }

  endOfInput(nowUs: Micros): void {
    this.#enter(nowUs);
    if (this.#phase === 'ended') return;
    this.#phase = 'ended';
    this.#sender.inputEnded = true;
    // What was asked for in full is answered. The rest can neither be completed nor, with its window closed, be sent.
    for (const stream of [...this.#streams.all()]) {
      if (stream.lingering) this.#streams.endLinger(stream);
      else if (!stream.requestEnded || stream.blocked) this.#streamError(stream.id, verdicts.inputEnded);
    }
    this.#finishIfDone();
  }

  take(nowUs: Micros, maxBytes: number): Uint8Array {
    this.#enter(nowUs);
    const bytes = this.#sender.take(nowUs, maxBytes);
    this.#finishIfDone();
    return bytes;
  }

  room(): number {
    return limits.http2.roomBytes;
  }

  advance(nowUs: Micros): void {
    const delayed = this.#streams.delayed;
    for (;;) {
      const stream = delayed.first();
      if (stream === undefined || stream.deadlineUs > nowUs) return;
      const deadlineUs = stream.deadlineUs;
      delayed.update(stream, Number.POSITIVE_INFINITY);
      if (stream.lingering) {
        this.#control.nowUs = deadlineUs;
        this.#streams.endLinger(stream);
        continue;
      }
      if (stream.deferral !== undefined) {
        this.#control.nowUs = deadlineUs;
        this.#answers.due(deadlineUs, stream, stream.deferral);
        continue;
      }
      stream.readyUs = deadlineUs;
      this.#streams.ready.add(stream);
    }
  }

  nextDeadlineUs(): Micros | undefined {
    return this.#streams.delayed.first()?.deadlineUs;
  }

  /**
   * RFC 9113 §6.8: GOAWAY names the last stream that will be answered; later ones are passed over and may be retried.
   * The first GOAWAY with 2^31-1 that the RFC proposes is left out: it needs a round trip and changes nothing else.
   */
  close(nowUs: Micros): void {
    this.#enter(nowUs);
    if (this.#phase !== 'open') return;
    this.#phase = 'closing';
    this.#goaway(ErrorCode.NO_ERROR);
    this.#finishIfDone();
  }

  respond(nowUs: Micros, token: string, answer: Answer): void {
    this.#enter(nowUs);
    this.#answers.respond(nowUs, token, answer);
    this.#finishIfDone();
  }

  lost(nowUs: Micros): void {
    this.#control.nowUs = nowUs;
    this.#phase = 'ended';
    this.#streams.dropAll();
  }

  #enter(nowUs: Micros): void {
    this.advance(nowUs);
    this.#control.nowUs = nowUs;
    if (this.#started) return;
    this.#started = true;
    // RFC 9113 §3.4: our preface is a SETTINGS frame, and it need not wait for the client's.
    this.#control.settings(ourSettings);
    this.#flow.announce();
  }

  // ---- frames in ----

  /** Works on the frame in `#input`; gives what is wrong with it. */
  #frame(nowUs: Micros): Verdict | undefined {
    const input = this.#input;
    if (!this.#settingsReceived && (input.typeCode !== FrameType.SETTINGS || (input.flags & Flag.ACK) !== 0)) {
      return verdicts.settingsNotFirst;
    }
    if (this.#block.streamId !== 0) return this.#continuation(nowUs);
    switch (input.typeCode) {
      case FrameType.DATA:
        return this.#data(nowUs);
      case FrameType.HEADERS:
        return this.#headers(nowUs);
      case FrameType.RST_STREAM:
        return this.#rstStream(nowUs);
      case FrameType.SETTINGS:
        return this.#settingsFrame(nowUs);
      case FrameType.PUSH_PROMISE:
        return verdicts.pushFromClient;
      case FrameType.PING:
        if ((input.flags & Flag.ACK) === 0) this.#control.pingAck(input.bytes, input.start);
        return this.#idleFrame(nowUs);
      case FrameType.GOAWAY:
        return this.#goawayFrame(nowUs);
      case FrameType.WINDOW_UPDATE:
        return this.#windowUpdate();
      case FrameType.CONTINUATION:
        return verdicts.strayContinuation;
      default:
        // PRIORITY, in whatever state (RFC 9113 §5.3.2), and what we do not know (§5.5).
        return this.#idleFrame(nowUs);
    }
  }

  /** A frame that moves nothing: allowed, but not without end. */
  #idleFrame(nowUs: Micros): Verdict | undefined {
    return this.#idleFrames.spend(nowUs) ? undefined : verdicts.tooManyIdleFrames;
  }

  #data(nowUs: Micros): Verdict | undefined {
    const { streamId, length, bytes, start, end } = this.#input;
    // RFC 9113 §6.9: the connection window counts every DATA frame, also one that is in error.
    if (!this.#flow.receive(length)) return verdicts.connectionWindowExceeded;
    const stream = this.#streams.get(streamId);
    const verdict = stream === undefined ? this.#strayData(streamId) : this.#streams.apply(stream, 'recv DATA');
    const body = stream?.body;
    if (stream === undefined || body === undefined || verdict !== undefined) {
      this.#flow.consumeConnection(length);
      return verdict;
    }
    if (!body.window.receive(length)) {
      this.#flow.consumeConnection(length);
      return verdicts.streamWindowExceeded;
    }
    const content = end - start;
    stream.receivedBytes += content;
    body.push(bytes.subarray(start, end), length - content);
    if (stream.contentLength >= 0 && stream.receivedBytes > stream.contentLength) return verdicts.contentLengthDiffers;
    if ((this.#input.flags & Flag.END_STREAM) !== 0) return this.#endRequest(stream);
    if (content > 0) {
      if (stream.lingering) this.#streams.linger(nowUs, stream);
      else this.#answers.wake(stream);
    }
    return content > 0 ? undefined : this.#idleFrame(nowUs);
  }

  #strayData(streamId: number): Verdict | undefined {
    if (this.#streams.isIdle(streamId)) return verdicts.frameOnIdle;
    return this.#isPassedOver(streamId) ? undefined : verdicts.dataOnClosed;
  }

  /** Closed by our RST_STREAM, or never opened because of our GOAWAY (RFC 9113 §5.1, §6.8). */
  #isPassedOver(streamId: number): boolean {
    return this.#streams.ignores(streamId) || this.#isBeyondGoaway(streamId);
  }

  #isBeyondGoaway(streamId: number): boolean {
    return this.#goawayLastStreamId >= 0 && streamId > this.#goawayLastStreamId;
  }

  /** END_STREAM came, with DATA or trailers. */
  #endRequest(stream: Stream): Verdict | undefined {
    if (stream.contentLength >= 0 && stream.receivedBytes !== stream.contentLength) {
      return verdicts.contentLengthDiffers;
    }
    const verdict = this.#streams.apply(stream, 'recv END_STREAM');
    if (verdict !== undefined) return verdict;
    stream.body?.end();
    this.#answers.wake(stream);
    return undefined;
  }

  #rstStream(nowUs: Micros): Verdict | undefined {
    const { streamId } = this.#input;
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      return this.#streams.isIdle(streamId) ? verdicts.frameOnIdle : this.#idleFrame(nowUs);
    }
    this.#streams.apply(stream, 'recv RST_STREAM');
    return this.#resets.spend(nowUs) ? undefined : verdicts.tooManyResets;
  }

  #windowUpdate(): Verdict | undefined {
    const { streamId, bytes, start } = this.#input;
    const increment = readU32(bytes, start) & 0x7f_ff_ff_ff;
    if (streamId === 0) {
      if (increment === 0) return verdicts.zeroConnectionIncrement;
      if (windowOverflows(this.#sender.connectionWindow, increment)) return verdicts.connectionWindowOverflow;
      this.#sender.connectionWindow += increment;
      for (const stream of this.#streams.all()) this.#unblock(stream);
      return undefined;
    }
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return this.#streams.isIdle(streamId) ? verdicts.frameOnIdle : undefined;
    if (increment === 0) return verdicts.zeroIncrement;
    if (windowOverflows(stream.sendWindow, increment)) return verdicts.windowOverflow;
    stream.sendWindow += increment;
    this.#unblock(stream);
    return undefined;
  }

  #unblock(stream: Stream): void {
    if (!stream.blocked || stream.sendWindow <= 0 || this.#sender.connectionWindow <= 0) return;
    stream.blocked = false;
    this.#streams.ready.add(stream);
  }

  #settingsFrame(nowUs: Micros): Verdict | undefined {
    const { flags, length, bytes, start, end } = this.#input;
    // An acknowledgment changes nothing: our settings are enforced as the larger of old and new from the beginning.
    if ((flags & Flag.ACK) !== 0) return this.#idleFrame(nowUs);
    this.#settingsReceived = true;
    if (!this.#settings.spend(nowUs) || length > limits.http2.settingsPerFrame * 6) return verdicts.tooManySettings;
    const peer = this.#peer;
    for (let at = start; at < end; at += 6) {
      const before = peer.initialWindowSize;
      const verdict = applySetting(peer, (bytes[at]! << 8) | bytes[at + 1]!, readU32(bytes, at + 2));
      if (verdict !== undefined) return verdict;
      const change = peer.initialWindowSize - before;
      if (change !== 0 && !this.#moveWindows(change)) return verdicts.settingsWindowOverflow;
    }
    this.#sender.encoder.setMaxTableSize(peer.headerTableSize);
    this.#control.settingsAck();
    return undefined;
  }

  /** RFC 9113 §6.9.2: a new initial window size moves the window of every stream, below 0 if need be. */
  #moveWindows(change: number): boolean {
    for (const stream of this.#streams.all()) {
      if (windowOverflows(stream.sendWindow, change)) return false;
      stream.sendWindow += change;
      this.#unblock(stream);
    }
    return true;
  }

  /** RFC 9113 §6.8: the client opens no more streams; when those that it has are finished, so is the connection. */
  #goawayFrame(nowUs: Micros): Verdict | undefined {
    if (this.#phase === 'open') this.#phase = 'closing';
    return this.#idleFrame(nowUs);
  }

  // ---- field blocks in ----

  #headers(nowUs: Micros): Verdict | undefined {
    const { streamId, flags, bytes, start, end } = this.#input;
    // RFC 9113 §5.1.1: clients open odd ones.
    if ((streamId & 1) === 0) return verdicts.evenStream;
    const endStream = (flags & Flag.END_STREAM) !== 0;
    if ((flags & Flag.END_HEADERS) !== 0) return this.#fieldBlock(nowUs, streamId, endStream, bytes, start, end);
    return this.#block.begin(this.#input);
  }

  #continuation(nowUs: Micros): Verdict | undefined {
    const block = this.#block;
    const { streamId, endStream } = block;
    const verdict = block.proceed(this.#input);
    if (verdict !== undefined || block.streamId !== 0) return verdict;
    return this.#fieldBlock(nowUs, streamId, endStream, block.bytes, 0, block.length);
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
    this.#trace?.(nowUs, {
      layer: 'http2',
      kind: 'headers',
      flow: this.#options.flow,
      dir: 'in',
      streamId,
      endStream,
      fields: list.entries.map((entry) => entry.field),
    });
    const stream = this.#streams.get(streamId);
    if (stream !== undefined) return this.#trailers(stream, endStream);
    if (streamId <= this.#streams.lastStreamId) {
      return this.#isPassedOver(streamId) ? undefined : verdicts.headersOnClosed;
    }
    this.#streams.lastStreamId = streamId;
    if (this.#isBeyondGoaway(streamId)) return undefined;
    if (this.#streams.count >= limits.http2.concurrentStreams) return verdicts.tooManyStreams;
    return this.#request(nowUs, streamId, endStream);
  }

  #trailers(stream: Stream, endStream: boolean): Verdict | undefined {
    const verdict = this.#streams.apply(stream, 'recv HEADERS');
    if (verdict !== undefined) return verdict;
    if (!endStream) return verdicts.trailersOpen;
    return trailersVerdict(this.#list) ?? this.#endRequest(stream);
  }

  #request(nowUs: Micros, streamId: number, endStream: boolean): Verdict | undefined {
    const stream = this.#streams.create(streamId, this.#peer.initialWindowSize);
    this.#streams.apply(stream, 'recv HEADERS');
    if (endStream) this.#streams.apply(stream, 'recv END_STREAM');
    const head = this.#head;
    const verdict = head.parse(this.#list, endStream);
    if (verdict !== undefined) return verdict;
    stream.method = head.method;
    stream.path = head.path;
    stream.contentLength = head.contentLength;
    stream.expectsContinue = head.expectsContinue;
    let content: BodySource = EMPTY_BODY;
    if (!endStream) {
      content = stream.body = new RequestBody(
        streamId,
        head.contentLength >= 0 ? head.contentLength : undefined,
        this.#flow,
      );
    }
    this.#trace?.(nowUs, {
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

  // ---- errors and the end ----

  #error(nowUs: Micros, streamId: number, verdict: Verdict): void {
    // RST_STREAM must not be sent for an idle stream (RFC 9113 §6.4): there the error is the connection's.
    if (verdict.scope === 'connection' || this.#streams.isIdle(streamId)) {
      this.#connectionError(streamId, { ...verdict, scope: 'connection' });
      return;
    }
    if (!this.#streams.ignores(streamId)) this.#streamError(streamId, verdict);
    if (!this.#resets.spend(nowUs)) this.#connectionError(0, verdicts.tooManyResets);
  }

  #streamError(streamId: number, verdict: Verdict): void {
    this.#tellError(streamId, verdict);
    const stream = this.#streams.get(streamId);
    if (stream === undefined) this.#streams.refuse(streamId, verdict.code);
    else this.#streams.reset(stream, verdict.code);
  }

  /** RFC 9113 §5.4.1: GOAWAY says why, and the connection ends without finishing its streams. */
  #connectionError(streamId: number, verdict: Verdict): void {
    if (this.#ended()) return;
    this.#tellError(streamId, verdict);
    this.#streams.dropAll();
    this.#goaway(verdict.code);
    this.#phase = 'ended';
  }

  #goaway(errorCode: number): void {
    // RFC 9113 §6.8: the number may not rise from one GOAWAY to the next.
    if (this.#goawayLastStreamId < 0) this.#goawayLastStreamId = this.#streams.lastStreamId;
    this.#control.goaway(this.#goawayLastStreamId, errorCode);
  }

  #ended(): boolean {
    return this.#phase === 'ended';
  }

  /** Nothing is left to answer, and an end is wanted. */
  #finishIfDone(): void {
    if (this.#phase === 'open' || this.#streams.count > 0) return;
    // RFC 9113 §6.8: a GOAWAY before the end, whoever wanted it.
    if (this.#goawayLastStreamId < 0) this.#goaway(ErrorCode.NO_ERROR);
    this.#phase = 'ended';
  }

  #tellError(streamId: number, verdict: Verdict): void {
    if (this.#trace) traceError(this.#trace, this.#control.nowUs, this.#options.flow, streamId, verdict);
  }
}
