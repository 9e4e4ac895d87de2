// One HTTP/1.1 connection (RFC 9112): requests in, one after the other, responses out in the same order. It is pulled:
// content of the request is read, and the next request is begun, only as `take` makes room for what that leads to.
// Leaves out TLS, TCP and what is answered (the handler's), upgrades and CONNECT.

import { ask, Deferral, isDeferred, tokenSerial, traceUnanswered } from '../http/deferral.js';
import type { Answer, BodySource, ConnectionInfo, Deferred, Field, Handler, Response } from '../http/message.js';
import { cancelSource, EMPTY_BODY } from '../http/message.js';
import { allowsContent } from '../http/status.js';
import { limits } from '../limits.js';
import type { Trace } from '../trace.js';
import type { Micros, Session, SessionState } from '../types.js';
import { RequestBody } from './body.js';
import { Http1Events } from './events.js';
import { ResponseFraming, refusalResponse } from './framing.js';
import { InputBuffer } from './input.js';
import type { RequestHead } from './message.js';
import { CHUNK_OVERHEAD, CONTINUE, headBytes, OutputBuffer } from './output.js';
import { handlerRefusal, outsideRefusal, type Refusal, refusals } from './refusals.js';
import { RequestReader, requestOf } from './request.js';
import { Timeouts } from './timeouts.js';

export interface Http1Options {
  readonly flow: string;
  readonly scheme: 'http' | 'https';
  readonly handler: Handler;
  readonly connection: ConnectionInfo;
  /** The value of `date` at a logical time: IMF-fixdate (RFC 9110 §5.6.7). */
  readonly date: (nowUs: Micros) => string;
  readonly trace?: Trace | undefined;
}

/**
 * request: reading a head. waiting: for the answer from outside. response: there is an answer, nothing of the final
 * response is out. content: its head is out. drain: it is out, content of the request is read over. end: nothing more is
 * made; `take` empties what there is.
 */
type Phase = 'request' | 'waiting' | 'response' | 'content' | 'drain' | 'end';

/** The first piece of content is read before the head is written, see `#beginResponse`. */
const FIRST_PIECE = 4_096;
/** What the connection adds to a header section: date, content-length or transfer-encoding, connection. */
const OWN_FIELD_BYTES = 128;
const NEVER = Number.POSITIVE_INFINITY;

export class Http1Connection implements Session {
  readonly #options: Http1Options;
  readonly #events: Http1Events | undefined;
  readonly #input = new InputBuffer();
  readonly #output = new OutputBuffer();
  readonly #reader = new RequestReader();
  readonly #timeouts = new Timeouts();
  #phase: Phase = 'request';
  #aborted = false;
  /** A refusal was met or the end was reached: further input is thrown away. */
  #deaf = false;
  #closeWanted = false;
  #failed = false;

  // The request under way.
  #head: RequestHead | undefined;
  #requestBody: RequestBody | undefined;
  #continueSent = false;
  /** Of the request under way, or of the last one. */
  #serial = 0;

  // Its response.
  #deferral: Deferral | undefined;
  #response: Response | undefined;
  #body: BodySource = EMPTY_BODY;
  readonly #framing = new ResponseFraming();
  #persistent = false;
  #delayedUntilUs = NEVER;
  /** When its content wants to be read again. */
  #dueUs = NEVER;
  #date: Field = ['date', ''];

  constructor(options: Http1Options) {
    this.#options = options;
    if (options.trace !== undefined) this.#events = new Http1Events(options.flow, options.trace);
  }

  get state(): SessionState {
    if (this.#aborted) return 'aborted';
    if (this.#phase === 'end' && this.#output.length === 0) return 'closed';
    return this.#deaf ? 'draining' : 'open';
  }

  room(): number {
    // After the last response input is still taken and thrown away, or the peer's unread bytes would reset the
    // connection before it has read that response (RFC 9112 §9.6).
    if (this.#deaf) return limits.http1.inputBytes;
    return Math.max(0, limits.http1.inputBytes - this.#input.length);
  }

  receive(nowUs: Micros, bytes: Uint8Array): void {
    if (this.#deaf || this.#input.ended || bytes.length === 0) return;
    if (this.room() === 0 && this.#input.length + bytes.length > limits.http1.inputOvershootBytes) {
      this.#events?.error(nowUs, refusals.beyondRoom, this.#input.streamOffset(this.#input.end));
      this.#abort(nowUs);
      return;
    }
    this.#input.append(bytes);
    if (this.#requestBody !== undefined) this.#requestBody.starved = false;
    if (this.#timeouts.wait !== 'head') this.#timeouts.stop(nowUs);
    this.#readOn(nowUs);
    this.#watch(nowUs);
  }

  endOfInput(nowUs: Micros): void {
    this.#input.ended = true;
    this.#readOn(nowUs);
    this.#watch(nowUs);
  }

  take(nowUs: Micros, maxBytes: number): Uint8Array {
    const wanted = Math.min(maxBytes, limits.http1.outputBytes);
    while (this.#output.length < wanted && this.#produce(nowUs, wanted)) {
      // Each round writes something or leads to the next phase.
    }
    this.#watch(nowUs);
    return this.#output.take(maxBytes);
  }

  advance(nowUs: Micros): void {
    if (this.#delayedUntilUs <= nowUs) this.#delayedUntilUs = NEVER;
    if (this.#dueUs <= nowUs) this.#dueUs = NEVER;
    const deferral = this.#deferral;
    while (deferral !== undefined && deferral.dueUs <= nowUs) this.#answerDue(deferral.dueUs, deferral);
    if (this.#timeouts.deadlineUs <= nowUs) this.#tooSlow(nowUs);
  }

  nextDeadlineUs(): Micros | undefined {
    const answerUs = this.#deferral?.dueUs ?? NEVER;
    const deadlineUs = Math.min(this.#delayedUntilUs, this.#dueUs, this.#timeouts.deadlineUs, answerUs);
    return deadlineUs === NEVER ? undefined : deadlineUs;
  }

  close(nowUs: Micros): void {
    this.#closeWanted = true;
    if (this.#phase === 'request' || this.#phase === 'drain') this.#end(nowUs);
    this.#watch(nowUs);
  }

  respond(nowUs: Micros, token: string, answer: Answer): void {
    const { flow, trace } = this.#options;
    const deferral = this.#deferral;
    if (deferral === undefined || tokenSerial(token, flow) !== this.#serial) {
      if (trace) traceUnanswered(trace, nowUs, flow, token, 'warning', 'no request waits for this answer');
      return;
    }
    const outcome = deferral.accept(nowUs, answer);
    if (outcome.kind === 'failed') this.#refuse(nowUs, outsideRefusal(outcome.reason));
    else if (outcome.kind === 'response') {
      if (outcome.final) deferral.end(nowUs, 'passed');
      this.#begin(nowUs, outcome.response);
    }
    this.#watch(nowUs);
  }

  lost(nowUs: Micros): void {
    this.#deferral?.end(nowUs, 'cancelled');
  }

  // ---- Time ----

  /** After each event: what the peer owes us now. */
  #watch(nowUs: Micros): void {
    const timeouts = this.#timeouts;
    const body = this.#requestBody;
    if (this.#input.ended || this.#phase === 'end') timeouts.stop(nowUs);
    else if (this.#phase === 'request') {
      timeouts.expect(nowUs, this.#reader.idle && this.#input.length === 0 ? 'request' : 'head', 0);
    } else timeouts.expect(nowUs, body?.starved ? 'content' : 'nothing', body?.received ?? 0);
  }

  #tooSlow(nowUs: Micros): void {
    const { wait } = this.#timeouts;
    this.#timeouts.stop(nowUs);
    // RFC 9112 §9.5: a connection that nobody uses is closed without a word.
    if (wait === 'request') this.#end(nowUs);
    else if (wait === 'head') this.#refuse(nowUs, refusals.headTooSlow, this.#input.streamOffset(this.#input.end));
    else if (this.#phase !== 'drain') this.#refuse(nowUs, refusals.contentTooSlow);
    else {
      this.#events?.error(nowUs, refusals.contentTooSlow);
      this.#end(nowUs);
    }
  }

  // ---- Requests ----

  /** New input, or the end of it, for the phases that do nothing but read. The others are pulled by `take`. */
  #readOn(nowUs: Micros): void {
    if (this.#phase === 'drain') this.#drain(nowUs);
    else if (this.#phase === 'request') this.#readRequest(nowUs);
  }

  #readRequest(nowUs: Micros): void {
    const read = this.#reader.read(this.#input);
    if (read === undefined) {
      if (!this.#input.ended) return;
      if (this.#reader.idle && this.#input.length === 0) this.#end(nowUs);
      // RFC 9112 §8: incomplete, so nothing of it is done.
      else this.#refuse(nowUs, refusals.headCutOff, this.#input.streamOffset(this.#input.end));
    } else if ('status' in read) this.#refuse(nowUs, read, this.#reader.refusedAt);
    else this.#beginRequest(nowUs, read);
  }

  #beginRequest(nowUs: Micros, head: RequestHead): void {
    const { contentLength } = head;
    const scheme = head.scheme ?? this.#options.scheme;
    this.#events?.request(nowUs, head);
    if (scheme === 'https' && this.#options.scheme === 'http') {
      // RFC 9110 §7.4: an https URI is answered on a secured connection only.
      this.#refuse(nowUs, refusals.targetScheme, this.#reader.refusedAt);
      return;
    }
    this.#events?.semantics(nowUs, head, scheme);

    const body = contentLength === 0 ? undefined : new RequestBody(this.#input, this.#reader.texts, contentLength);
    this.#head = head;
    this.#requestBody = body;
    this.#continueSent = false;
    this.#persistent = head.persistent;
    this.#timeouts.beginContent();
    const request = requestOf(head, scheme, body ?? EMPTY_BODY, this.#options.connection, ++this.#serial);
    let response: Response | Deferred;
    try {
      response = ask(this.#options.handler, request);
    } catch {
      response = this.#failure(nowUs, refusals.handlerFailed);
    }
    if (isDeferred(response)) {
      this.#deferral = new Deferral(nowUs, request, response, this.#options.trace);
      this.#phase = 'waiting';
    } else {
      this.#deferral = undefined;
      this.#begin(nowUs, response);
    }
  }

  /** RFC 9112 §9.3: content that nobody read is read over, up to a limit, or it would be taken for the next request. */
  #drain(nowUs: Micros): void {
    const body = this.#requestBody;
    if (body !== undefined) {
      const waits = body.discard();
      this.#events?.bodyIn(nowUs, body);
      if (waits) return;
      if (body.refusal !== undefined) {
        // How far it was read over depends on how the input was cut, so that is not told.
        const unread = body.refusal === refusals.contentUnread;
        this.#events?.error(nowUs, body.refusal, unread ? undefined : body.refusedAt);
        this.#end(nowUs);
        return;
      }
      this.#requestBody = undefined;
    }
    this.#head = undefined;
    this.#phase = 'request';
    this.#readRequest(nowUs);
  }

  // ---- Answers from outside ----

  /** Hands up content of the request that was asked for; false when nothing was done. */
  #feed(nowUs: Micros, deferral: Deferral): boolean {
    const moved = deferral.feed();
    const body = this.#requestBody;
    this.#events?.bodyIn(nowUs, body);
    if (body?.refusal !== undefined) this.#refuse(nowUs, body.refusal, body.refusedAt);
    else if (!moved) {
      // Behind the head of the final response a 100 has no place any more.
      return this.#phase !== 'content' && this.#output.reserve(CONTINUE.length) && this.#sendContinue(nowUs);
    }
    return true;
  }

  #answerDue(nowUs: Micros, deferral: Deferral): void {
    if (!deferral.isOverdue(nowUs)) return;
    deferral.end(nowUs, 'timeout');
    this.#refuse(nowUs, refusals.outsideTooSlow);
  }

  // ---- Responses ----

  #begin(nowUs: Micros, response: Response): void {
    this.#respond(response);
    const { delayUs = 0 } = response;
    if (delayUs > 0) this.#delayedUntilUs = nowUs + delayUs;
  }

  #respond(response: Response): void {
    this.#response = response;
    this.#body = response.body ?? EMPTY_BODY;
    this.#phase = 'response';
  }

  /** Makes some more output, or goes on to the next phase; false when nothing can be done now. */
  #produce(nowUs: Micros, wanted: number): boolean {
    if (this.#deferral?.wantsContent && this.#feed(nowUs, this.#deferral)) return true;
    if (this.#phase === 'response') return this.#beginResponse(nowUs);
    if (this.#phase === 'content') return this.#sendContent(nowUs, wanted);
    return false;
  }

  #beginResponse(nowUs: Micros): boolean {
    // RFC 9110 §10.1.1: whoever cannot have the final status now is not kept waiting for the 100 as well.
    if (this.#delayedUntilUs !== NEVER) return this.#input.length === 0 && this.#sendContinue(nowUs);
    const response = this.#response!;
    const { status } = response;
    if (!Number.isInteger(status) || status < 200 || status > 599) return this.#fail(nowUs, 'no final status');
    const size = headBytes(status, response.headers) + OWN_FIELD_BYTES;
    if (size > limits.http1.responseHeadBytes) return this.#fail(nowUs, 'the header section is too large');
    const withContent = this.#reader.method !== 'HEAD' && allowsContent(status);
    const length = this.#body.length ?? NEVER;
    const unread = this.#requestBody !== undefined && !this.#requestBody.ended;
    const early = withContent && length > 0 && unread && !this.#deferral?.open;
    if (!this.#output.reserve(early ? size + FIRST_PIECE : size)) return false;

    let first: Uint8Array | undefined;
    if (early) {
      // The response may be made of content that is still to come. Its first piece is read before the head is out, while
      // there is a choice yet: 100 before the final status, 400 for content that is malformed.
      first = this.#readBody(nowUs, Math.min(FIRST_PIECE - CHUNK_OVERHEAD, length));
      if (this.#response !== response || this.#phase !== 'response') return true;
      if (first === undefined && length !== NEVER) return this.#fail(nowUs, 'too little content');
      if (first?.length === 0 && !this.#requestBody!.ended) return this.#sendContinue(nowUs);
    }
    return this.#sendHead(nowUs, response, withContent, first);
  }

  #sendHead(nowUs: Micros, response: Response, withContent: boolean, first: Uint8Array | undefined): boolean {
    const { status } = response;
    const version = this.#head?.version;
    const date = this.#options.date(nowUs);
    if (date !== this.#date[1]) this.#date = ['date', date];
    const fields: Field[] = [this.#date, ...response.headers];
    const framing = this.#framing;
    framing.decide(response, version);
    if (framing.framing === 'close' || !this.#staysOpen()) this.#persistent = false;
    framing.addTo(fields, this.#persistent, version);
    if (!this.#output.putHead(status, fields)) return this.#fail(nowUs, 'a field that cannot be sent');

    this.#events?.response(nowUs, status, fields, this.#head);
    this.#events?.bodyIn(nowUs, this.#requestBody);
    this.#phase = 'content';
    if (!withContent || (framing.framing === 'length' && framing.left === 0)) this.#finish(nowUs);
    else if (first !== undefined && first.length > 0) this.#putContent(nowUs, first);
    return true;
  }

  /** Known when the head is written; a close that is wanted later still comes after the response. */
  #staysOpen(): boolean {
    if (this.#closeWanted) return false;
    const body = this.#requestBody;
    if (body === undefined || body.ended || body.received > 0) return true;
    // RFC 9110 §10.1.1: a final status without a 100 before it may keep the client from sending the content, or may not.
    if (this.#head!.expectsContinue && !this.#continueSent) return false;
    return body.wanted || (body.length ?? 0) <= limits.http1.drainBytes;
  }

  /** RFC 9110 §10.1.1: once, when content is wanted that is not here yet. */
  #sendContinue(nowUs: Micros): boolean {
    const body = this.#requestBody;
    if (!this.#head?.expectsContinue || this.#continueSent || body === undefined || body.received > 0) return false;
    if (!this.#output.reserve(CONTINUE.length)) return false;
    this.#continueSent = true;
    this.#output.put(CONTINUE);
    this.#events?.interim(nowUs, 100);
    return true;
  }

  #sendContent(nowUs: Micros, wanted: number): boolean {
    const framing = this.#framing;
    const room = framing.reserve(this.#output, wanted);
    if (room <= 0) return false;
    const piece = this.#readBody(nowUs, room);
    if (this.#phase !== 'content') return true;
    if (piece === undefined) return this.#endContent(nowUs);
    if (piece.length === 0) return false;
    this.#putContent(nowUs, piece);
    return true;
  }

  /** The room for it is reserved. */
  #putContent(nowUs: Micros, piece: Uint8Array): void {
    const end = this.#framing.put(this.#output, piece);
    this.#events?.bodyOut(nowUs, this.#framing.sent, end);
    if (end) this.#finish(nowUs);
  }

  /** The body has ended; false when the output has no room yet for what ends the content. */
  #endContent(nowUs: Micros): boolean {
    let ended: boolean | string;
    try {
      ended = this.#framing.end(this.#output, this.#body);
    } catch {
      ended = 'its trailers failed';
    }
    if (typeof ended === 'string') return this.#fail(nowUs, ended);
    if (!ended) return false;
    this.#events?.bodyOut(nowUs, this.#framing.sent, true);
    this.#finish(nowUs);
    return true;
  }

  /** The next content of the response. What went wrong in reading has changed the phase or the response. */
  #readBody(nowUs: Micros, maxBytes: number): Uint8Array | undefined {
    let piece: Uint8Array | undefined;
    try {
      piece = this.#body.read(maxBytes, nowUs);
      const { dueUs } = this.#body;
      if (piece?.length === 0 && Number.isSafeInteger(dueUs)) this.#dueUs = Math.max(dueUs!, nowUs + 1);
    } catch {
      this.#fail(nowUs, 'its content failed');
      return undefined;
    }
    // How much comes before the head depends on how the input was cut, so it is told after it (`#sendHead`).
    if (this.#phase === 'content') this.#events?.bodyIn(nowUs, this.#requestBody);
    const body = this.#requestBody;
    if (body?.refusal !== undefined) this.#refuse(nowUs, body.refusal, body.refusedAt);
    return piece !== undefined && piece.length > maxBytes ? piece.subarray(0, maxBytes) : piece;
  }

  #finish(nowUs: Micros): void {
    this.#deferral?.end(nowUs, 'sent');
    this.#requestBody?.cancel();
    this.#cancelBody();
    this.#response = undefined;
    if (!this.#persistent || this.#closeWanted) {
      this.#end(nowUs);
      return;
    }
    this.#phase = 'drain';
    this.#drain(nowUs);
  }

  // ---- Ends ----

  /** Answers with the verdict and closes (RFC 9112 §2.2, §9.6). A response that has begun is cut off instead. */
  #refuse(nowUs: Micros, refusal: Refusal, offset?: number): void {
    const response = this.#failure(nowUs, refusal, offset);
    this.#requestBody = undefined;
    this.#deaf = true;
    this.#input.clear();
    if (this.#phase !== 'content') this.#respond(response);
    // RFC 9112 §8: the peer sees by the framing that the response is incomplete, or else by a reset.
    else if (this.#framing.framing === 'close') this.#abort(nowUs);
    else this.#end(nowUs);
  }

  /** The handler's response cannot be sent. Always true: something was done. */
  #fail(nowUs: Micros, what: string): true {
    // The answer to a failure cannot fail, unless the date that we are given cannot be sent.
    if (this.#failed) this.#abort(nowUs);
    else {
      this.#failed = true;
      this.#refuse(nowUs, handlerRefusal(what));
    }
    return true;
  }

  #failure(nowUs: Micros, refusal: Refusal, offset?: number): Response {
    this.#events?.error(nowUs, refusal, offset);
    this.#deferral?.end(nowUs, refusal.status === 500 ? 'failed' : 'cancelled');
    this.#persistent = false;
    this.#delayedUntilUs = NEVER;
    this.#requestBody?.cancel();
    this.#cancelBody();
    return refusalResponse(refusal);
  }

  #end(nowUs: Micros): void {
    this.#deferral?.end(nowUs, 'cancelled');
    this.#phase = 'end';
    this.#deaf = true;
    this.#delayedUntilUs = NEVER;
    this.#requestBody?.cancel();
    this.#requestBody = undefined;
    this.#cancelBody();
    this.#input.clear();
  }

  #abort(nowUs: Micros): void {
    this.#end(nowUs);
    this.#aborted = true;
    this.#output.clear();
  }

  /** Nobody reads on. */
  #cancelBody(): void {
    const body = this.#body;
    this.#body = EMPTY_BODY;
    this.#dueUs = NEVER;
    cancelSource(body);
  }
}
