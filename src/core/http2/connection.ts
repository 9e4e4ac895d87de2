// An HTTP/2 server connection (RFC 9113) over one byte stream: what each frame does, what is due when, and how the
// connection ends. Frames come from `input.ts`, requests are made of field blocks by `requests.ts`, responses leave by
// `send.ts`; TLS and TCP are below and are not seen here. There is no server push.

import type { Answer, ConnectionInfo, Handler } from '../http/message.js';
import { limits } from '../limits.js';
import { TimerTable } from '../time.js';
import type { Trace } from '../trace.js';
import type { Micros, Session, SessionState } from '../types.js';
import { Answers } from './answer.js';
import { Budget } from './budget.js';
import { ControlQueue, isShutdownPing } from './control.js';
import { type Verdict, verdicts } from './errors.js';
import { ReceiveFlow, windowOverflows } from './flow.js';
import { ErrorCode, Flag, FrameType, MAX_STREAM_ID, readU32 } from './frame.js';
import { FrameInput } from './input.js';
import { Requests } from './requests.js';
import { isProhibitedSuite } from './security.js';
import { Sender } from './send.js';
import { applySetting, createPeerSettings, ourSettings } from './settings.js';
import { type Stream, StreamTimer } from './stream.js';
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
 * open: frames are worked on. leaving: we want an end and have said so, new streams are still taken (RFC 9113 §6.8).
 * closing: either side has sent its last GOAWAY, streams are being finished. ended: no input is wanted any more (error, end
 * of input, or all is done); what was made is still to be taken.
 */
type Phase = 'open' | 'leaving' | 'closing' | 'ended';

/** settings: our SETTINGS are to be acknowledged. input: a frame or field block is to come to its end. leaving, idle: as named. */
const Timer = { settings: 0, input: 1, leaving: 2, idle: 3 } as const;
const TIMERS = 4;
const NEVER = Number.POSITIVE_INFINITY;

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
  readonly #requests: Requests;
  readonly #timers = new TimerTable(TIMERS);
  readonly #resets = new Budget(limits.http2.resetBurst, limits.http2.resetPerSecond);
  readonly #settings = new Budget(limits.http2.settingsBurst, limits.http2.settingsPerSecond);
  readonly #idleFrames = new Budget(limits.http2.idleFrameBurst, limits.http2.idleFramesPerSecond);

  #phase: Phase = 'open';
  #started = false;
  #settingsReceived = false;
  #lastInputUs: Micros = 0;
  /** What the input timer is armed for: a frame by its number, a field block by its number below 0; see `#watchInput`. */
  #watched = 0;
  #windowUpdates = 0;

  constructor(options: Http2Options) {
    this.#options = options;
    this.#trace = options.trace;
    this.#control = new ControlQueue(options.flow, options.trace);
    this.#flow = new ReceiveFlow(this.#control);
    this.#streams = new StreamTable(this.#control, options.flow, options.trace);
    const onError = (stream: Stream, verdict: Verdict): void => this.#streamError(stream.id, verdict);
    this.#sender = new Sender(options, this.#control, this.#streams, this.#peer, onError);
    this.#answers = new Answers(options, this.#streams, onError);
    this.#requests = new Requests(options, this.#streams, this.#flow, this.#peer, this.#answers);
  }

  get state(): SessionState {
    if (this.#phase !== 'ended') return 'open';
    return this.#sender.pendingBytes > 0 || this.#streams.count > 0 ? 'draining' : 'closed';
  }

  receive(nowUs: Micros, bytes: Uint8Array): void {
    this.#enter(nowUs);
    if (this.#phase === 'ended') return;
    this.#lastInputUs = nowUs;
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
      const verdict = found === true ? this.#frame(nowUs) : this.#requests.unsound(found);
      if (verdict !== undefined) this.#error(nowUs, input.streamId, verdict);
      if (this.#control.full) this.#connectionError(0, verdicts.tooManyReplies);
      // After each frame, so that it does not depend on where the input was cut.
      this.#finishIfDone();
      if (this.#ended()) return;
    }
    this.#watchInput(nowUs);
  }

  endOfInput(nowUs: Micros): void {
    this.#enter(nowUs);
    if (this.#phase === 'ended') return;
    this.#end();
    this.#sender.inputEnded = true;
    // What was asked for in full is answered. The rest can neither be completed nor, with its window closed, be sent.
    for (const stream of [...this.#streams.all()]) {
      if (stream.lingering) this.#streams.endLinger(stream);
      else if (stream.held) this.#streams.release(stream);
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
    const timed = this.#streams.timed;
    for (;;) {
      const ownUs = this.#timers.nextDeadlineUs();
      const stream = timed.first();
      const streamUs = stream === undefined ? NEVER : stream.deadlineUs;
      const dueUs = Math.min(ownUs, streamUs);
      if (dueUs > nowUs || dueUs === NEVER) return;
      this.#control.nowUs = dueUs;
      if (stream === undefined || ownUs <= streamUs) this.#fire(dueUs, this.#timers.popDue(dueUs));
      else this.#fireStream(dueUs, stream, this.#streams.popTimer(stream));
    }
  }

  nextDeadlineUs(): Micros | undefined {
    const dueUs = Math.min(this.#timers.nextDeadlineUs(), this.#streams.timed.first()?.deadlineUs ?? NEVER);
    return dueUs === NEVER ? undefined : dueUs;
  }

  close(nowUs: Micros): void {
    this.#enter(nowUs);
    this.#leave(nowUs);
    this.#finishIfDone();
  }

  respond(nowUs: Micros, token: string, answer: Answer): void {
    this.#enter(nowUs);
    this.#answers.respond(nowUs, token, answer);
    this.#finishIfDone();
  }

  lost(nowUs: Micros): void {
    this.#control.nowUs = nowUs;
    this.#end();
    this.#streams.dropAll();
  }

  #enter(nowUs: Micros): void {
    this.advance(nowUs);
    this.#control.nowUs = nowUs;
    if (this.#started) return;
    this.#started = true;
    // RFC 9113 §3.4: our preface is a SETTINGS frame, and it need not wait for the client's.
    this.#control.settings(ourSettings);
    const suite = this.#options.connection.tls?.cipherSuite;
    if (suite !== undefined && isProhibitedSuite(suite)) {
      this.#connectionError(0, verdicts.inadequateSecurity);
      return;
    }
    this.#flow.announce();
    this.#timers.set(Timer.settings, nowUs + limits.http2.settingsAckUs);
    this.#timers.set(Timer.idle, nowUs + limits.http2.idleUs);
    this.#lastInputUs = nowUs;
  }

  // ---- time ----

  #fire(nowUs: Micros, kind: number): void {
    switch (kind) {
      case Timer.settings:
        this.#connectionError(0, verdicts.settingsTimeout);
        break;
      case Timer.input:
        this.#connectionError(0, verdicts.slowBlock);
        break;
      case Timer.leaving:
        this.#lastGoaway();
        break;
      default: {
        const sinceUs = this.#streams.count > 0 ? nowUs : this.#lastInputUs;
        if (sinceUs + limits.http2.idleUs > nowUs) this.#timers.set(Timer.idle, sinceUs + limits.http2.idleUs);
        else this.#leave(nowUs);
      }
    }
    this.#finishIfDone();
  }

  #fireStream(nowUs: Micros, stream: Stream, kind: number): void {
    switch (kind) {
      case StreamTimer.delay:
        // Once its head is out it is a body that waited for this time.
        if (!stream.headSent) stream.readyUs = nowUs;
        else if (stream.source === undefined || stream.blocked) break;
        this.#streams.ready.add(stream);
        break;
      case StreamTimer.linger:
        if (stream.held) this.#streams.release(stream);
        else this.#streams.endLinger(stream);
        break;
      case StreamTimer.body:
        this.#checkBody(nowUs, stream);
        break;
      case StreamTimer.answer:
        this.#answers.due(nowUs, stream);
        break;
      default: {
        if (!stream.blocked) break;
        const dueUs = stream.blockedUs + limits.http2.blockedUs;
        if (dueUs > nowUs) this.#streams.arm(stream, StreamTimer.blocked, dueUs);
        else this.#streamError(stream.id, verdicts.slowReader);
      }
    }
    this.#finishIfDone();
  }

  /** RFC 9113 §10.5: content that comes too slowly, where it is not we who hold it up. */
  #checkBody(nowUs: Micros, stream: Stream): void {
    const received = stream.receivedBytes + this.#input.partialData(stream.id);
    // One that was not told to go on yet waits for us, too.
    const waits = stream.expectsContinue && received === 0;
    const couldCome = !waits && this.#flow.available > 0 && (stream.body?.window.available ?? 0) > 0;
    if (couldCome && received - stream.receivedBefore < limits.http2.bodyBytes) {
      if (stream.lingering) this.#streams.endLinger(stream);
      else if (stream.held) this.#streams.release(stream);
      else this.#streamError(stream.id, verdicts.slowBody);
      return;
    }
    stream.receivedBefore = received;
    this.#streams.arm(stream, StreamTimer.body, nowUs + limits.http2.bodyUs);
  }

  /** Arms the timer when a frame or field block has begun and is not whole; one after the other have their time each. */
  #watchInput(nowUs: Micros): void {
    const { blockIsOpen, longBlocks } = this.#requests;
    if (!blockIsOpen && !this.#input.stalls) {
      if (this.#watched === 0) return;
      this.#watched = 0;
      this.#timers.clear(Timer.input);
      return;
    }
    const mark = blockIsOpen ? -longBlocks : this.#input.frames + 1;
    if (mark === this.#watched) return;
    this.#watched = mark;
    this.#timers.set(Timer.input, nowUs + limits.http2.inputUs);
  }

  // ---- frames in ----

  /** Works on the frame in `#input`; gives what is wrong with it. */
  #frame(nowUs: Micros): Verdict | undefined {
    const input = this.#input;
    if (!this.#settingsReceived && (input.typeCode !== FrameType.SETTINGS || (input.flags & Flag.ACK) !== 0)) {
      return verdicts.settingsNotFirst;
    }
    if (this.#requests.blockIsOpen) return this.#requests.continuation(nowUs, input);
    switch (input.typeCode) {
      case FrameType.DATA:
        return this.#data(nowUs);
      case FrameType.HEADERS:
        return this.#requests.headers(nowUs, input);
      case FrameType.RST_STREAM:
        return this.#rstStream(nowUs);
      case FrameType.SETTINGS:
        return this.#settingsFrame(nowUs);
      case FrameType.PUSH_PROMISE:
        return verdicts.pushFromClient;
      case FrameType.PING:
        if ((input.flags & Flag.ACK) === 0) this.#control.pingAck(input.bytes, input.start);
        else this.#pingAck();
        return this.#idleFrame(nowUs);
      case FrameType.GOAWAY:
        return this.#goawayFrame(nowUs);
      case FrameType.WINDOW_UPDATE:
        return this.#windowUpdate(nowUs);
      case FrameType.CONTINUATION:
        return verdicts.strayContinuation;
      case FrameType.PRIORITY_UPDATE:
        return this.#requests.priorityUpdate(input) ?? this.#idleFrame(nowUs);
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
    if ((this.#input.flags & Flag.END_STREAM) !== 0) return this.#streams.endRequest(stream);
    if (content > 0) {
      if (stream.lingering) this.#streams.linger(nowUs, stream);
      else if (stream.held) this.#streams.hold(nowUs, stream);
      else this.#streams.wake(stream);
    }
    return content > 0 ? undefined : this.#idleFrame(nowUs);
  }

  #strayData(streamId: number): Verdict | undefined {
    if (this.#streams.isIdle(streamId)) return verdicts.frameOnIdle;
    return this.#streams.isPassedOver(streamId) ? undefined : verdicts.dataOnClosed;
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

  #windowUpdate(nowUs: Micros): Verdict | undefined {
    const { streamId, bytes, start } = this.#input;
    if (this.#windowUpdates < this.#sender.fullFrames * limits.http2.windowUpdatesPerData) this.#windowUpdates++;
    else if (!this.#idleFrames.spend(nowUs)) return verdicts.tooManyIdleFrames;
    const increment = readU32(bytes, start) & 0x7f_ff_ff_ff;
    if (streamId === 0) {
      if (increment === 0) return verdicts.zeroConnectionIncrement;
      if (windowOverflows(this.#sender.connectionWindow, increment)) return verdicts.connectionWindowOverflow;
      this.#sender.connectionWindow += increment;
      this.#sender.unblockAll();
      return undefined;
    }
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return this.#streams.isIdle(streamId) ? verdicts.frameOnIdle : undefined;
    if (increment === 0) return verdicts.zeroIncrement;
    if (windowOverflows(stream.sendWindow, increment)) return verdicts.windowOverflow;
    stream.sendWindow += increment;
    this.#sender.unblock(stream);
    return undefined;
  }

  #settingsFrame(nowUs: Micros): Verdict | undefined {
    const { flags, length, bytes, start, end } = this.#input;
    if ((flags & Flag.ACK) !== 0) {
      // It changes nothing else: our settings are enforced as the larger of old and new from the beginning.
      this.#timers.clear(Timer.settings);
      return this.#idleFrame(nowUs);
    }
    this.#settingsReceived = true;
    if (!this.#settings.spend(nowUs) || length > limits.http2.settingsPerFrame * 6) return verdicts.tooManySettings;
    const peer = this.#peer;
    for (let at = start; at < end; at += 6) {
      const before = peer.initialWindowSize;
      const verdict = applySetting(peer, (bytes[at]! << 8) | bytes[at + 1]!, readU32(bytes, at + 2));
      if (verdict !== undefined) return verdict;
      const change = peer.initialWindowSize - before;
      if (change !== 0 && !this.#sender.moveWindows(change)) return verdicts.settingsWindowOverflow;
      // One by one (RFC 9113 §6.5.3): the peer's table has been as small as the smallest of them (RFC 7541 §4.2).
      this.#sender.encoder.setMaxTableSize(peer.headerTableSize);
    }
    this.#control.settingsAck();
    return undefined;
  }

  #pingAck(): void {
    const { bytes, start } = this.#input;
    if (this.#phase === 'leaving' && isShutdownPing(bytes, start)) this.#lastGoaway();
  }

  /** RFC 9113 §6.8: the client opens no more streams; when those that it has are finished, so is the connection. */
  #goawayFrame(nowUs: Micros): Verdict | undefined {
    if (this.#phase === 'open') this.#phase = 'closing';
    return this.#idleFrame(nowUs);
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
    this.#end();
  }

  /**
   * RFC 9113 §6.8: a GOAWAY that refuses nothing tells the client to open no more streams; what it has under way meanwhile
   * is still taken. When it has read that, which its answer to a PING says, the last stream is named.
   */
  #leave(nowUs: Micros): void {
    if (this.#phase !== 'open') return;
    if (!this.#settingsReceived) {
      this.#lastGoaway();
      return;
    }
    this.#phase = 'leaving';
    this.#streams.goawayLastStreamId = MAX_STREAM_ID;
    this.#control.goaway(MAX_STREAM_ID, ErrorCode.NO_ERROR);
    this.#control.shutdownPing();
    this.#timers.clear(Timer.idle);
    this.#timers.set(Timer.leaving, nowUs + limits.http2.goawayUs);
  }

  /** Later streams are passed over and may be tried again elsewhere. */
  #lastGoaway(): void {
    this.#phase = 'closing';
    this.#timers.clear(Timer.leaving);
    this.#goaway(ErrorCode.NO_ERROR);
  }

  #goaway(errorCode: number): void {
    const streams = this.#streams;
    // RFC 9113 §6.8: the number may not rise from one GOAWAY to the next.
    const sent = streams.goawayLastStreamId;
    if (sent < 0 || sent > streams.lastStreamId) streams.goawayLastStreamId = streams.lastStreamId;
    this.#control.goaway(streams.goawayLastStreamId, errorCode);
  }

  #ended(): boolean {
    return this.#phase === 'ended';
  }

  /** Input is not wanted any more. */
  #end(): void {
    this.#phase = 'ended';
    this.#timers.clearAll();
  }

  /** Nothing is left to answer, and an end is wanted. */
  #finishIfDone(): void {
    if (this.#phase === 'open' || this.#phase === 'leaving' || this.#streams.count > 0) return;
    // RFC 9113 §6.8: a GOAWAY that names the last stream before the end, whoever wanted it.
    const sent = this.#streams.goawayLastStreamId;
    if (sent < 0 || sent === MAX_STREAM_ID) this.#goaway(ErrorCode.NO_ERROR);
    if (this.#phase !== 'ended') this.#end();
  }

  #tellError(streamId: number, verdict: Verdict): void {
    if (this.#trace) traceError(this.#trace, this.#control.nowUs, this.#options.flow, streamId, verdict);
  }
}
