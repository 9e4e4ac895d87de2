// One HTTP/1.1 connection (RFC 9112): requests in, one after the other, responses out in the same order. It is pulled:
// content of the request is read, and the next request is begun, only as `take` makes room for what that leads to.
// Leaves out TLS, TCP and what is answered (the handler's), upgrades and CONNECT.

import { cancelSource } from '../http/body.js';
import { ask, Deferral, isDeferred, tokenSerial, traceUnanswered } from '../http/deferral.js';
import type { Answer, BodySource, Deferred, Field, Response } from '../http/message.js';
import { EMPTY_BODY } from '../http/message.js';
import { allowsContent } from '../http/status.js';
import { limits } from '../limits.js';
import type { Micros, Session, SessionState } from '../types.js';
import { PIECE_BYTES, RequestBody } from './body.js';
import { Http1Events } from './events.js';
import { ResponseFraming, refusalResponse, staysOpen } from './framing.js';
import { InputBuffer } from './input.js';
import type { RequestHead } from './message.js';
import type { Http1Options } from './options.js';
import { CHUNK_OVERHEAD, CONTINUE, fieldBytes, headBytes, OutputBuffer } from './output.js';
import { handlerRefusal, type Refusal, refusals } from './refusals.js';
import { RequestReader, requestOf } from './request.js';
import { Timeouts } from './timeouts.js';

/**
 * request: reading a head. waiting: for the answer from outside. response: there is an answer, nothing of the final
 * response is out. content: its head is out. drain: it is out, content of the request is read over. end: nothing more is
 * made; `take` empties what there is.
 */
type Phase = 'request' | 'waiting' | 'response' | 'content' | 'drain' | 'end';

/** So that a `take` of a few bytes does not make chunks of a few bytes. */
const SMALLEST_PIECE = 1_024;
/** The first piece of content is read before the head is written, see `#beginResponse`. */
const FIRST_PIECE = 4_096;
/** What the connection adds to a header section: date, content-length or transfer-encoding, connection. */
const OWN_FIELD_BYTES = 128;
const NEVER = Number.POSITIVE_INFINITY;
const NO_FIELDS: readonly Field[] = [];
/** Of a last chunk besides its fields: `0` and two line ends. */
const LAST_CHUNK_BYTES = 5;

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
  #drainedBytes = 0;
  /** Of the request under way, or of the last one. */
  #serial = 0;

  // Its response.
  #deferral: Deferral | undefined;
  #response: Response | undefined;
  #body: BodySource = EMPTY_BODY;
  readonly #framing = new ResponseFraming();
  #sent = 0;
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
    if (this.#timeouts.deadlineUs <= nowUs) this.#tooSlow(nowUs);
    if (this.#deferral?.isOverdue(nowUs)) this.#refuse(nowUs, refusals.answerTooSlow);
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
    if (outcome.kind === 'failed') this.#fail(nowUs, outcome.reason);
    else if (outcome.kind === 'response') this.#respond(nowUs, outcome.response);
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
    const scheme = head.scheme ?? this.#options.scheme;
    this.#events?.request(nowUs, head);
    if (scheme === 'https' && this.#options.scheme === 'http') {
      // RFC 9110 §7.4: an https URI is answered on a secured connection only.
      this.#refuse(nowUs, refusals.targetScheme, this.#reader.refusedAt);
      return;
    }
    this.#events?.semantics(nowUs, head, scheme);

    const length = head.contentLength;
    const body = length === 0 ? undefined : new RequestBody(this.#input, this.#reader.texts, length);
    this.#head = head;
    this.#requestBody = body;
    this.#continueSent = false;
    this.#persistent = head.persistent;
    this.#timeouts.beginContent();
    const request = requestOf(head, scheme, body ?? EMPTY_BODY, this.#options.connection, ++this.#serial);
    this.#deferral = undefined;
    let response: Response | Deferred;
    try {
      response = ask(this.#options.handler, request);
    } catch {
      response = this.#failure(nowUs, refusals.handlerFailed);
    }
    if (isDeferred(response)) {
      this.#deferral = new Deferral(nowUs, request, response, this.#options.trace);
      this.#phase = 'waiting';
    } else this.#respond(nowUs, response);
  }

  /** RFC 9112 §9.3: content that nobody read is read over, up to a limit, or it would be taken for the next request. */
  #drain(nowUs: Micros): void {
    const body = this.#requestBody;
    if (body !== undefined) {
      for (;;) {
        const piece = body.pull(PIECE_BYTES);
        this.#events?.bodyIn(nowUs, body);
        if (piece === undefined) break;
        if (piece.length === 0) return;
        this.#drainedBytes += piece.length;
        if (this.#drainedBytes > limits.http1.drainBytes) {
          this.#events?.error(nowUs, refusals.contentUnread);
          this.#end(nowUs);
          return;
        }
      }
      if (body.refusal !== undefined) {
        this.#events?.error(nowUs, body.refusal, body.refusedAt);
        this.#end(nowUs);
        return;
      }
      this.#requestBody = undefined;
    }
    this.#head = undefined;
    this.#phase = 'request';
    this.#readRequest(nowUs);
  }

  // ---- Responses ----

  #respond(nowUs: Micros, response: Response): void {
    this.#response = response;
    this.#body = response.body ?? EMPTY_BODY;
    this.#sent = 0;
    this.#phase = 'response';
    if (response.delayUs) this.#delayedUntilUs = nowUs + response.delayUs;
  }

  /** Hands content of the request that was asked for up to the outside; false when nothing was done. */
  #feed(nowUs: Micros, deferral: Deferral): boolean {
    const body = this.#requestBody;
    const moved = deferral.feed(() => body?.refusal !== undefined);
    this.#events?.bodyIn(nowUs, body);
    if (body?.refusal !== undefined) this.#refuse(nowUs, body.refusal, body.refusedAt);
    // Behind the head of the final response a 100 has no place any more.
    else if (!moved) return this.#phase !== 'content' && this.#sendContinue(nowUs);
    return true;
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
    const framing = this.#framing;
    framing.decide(response, version);
    // Known when the head is written; a close that is wanted later still comes after the response.
    const stays = !this.#closeWanted && staysOpen(this.#head, this.#requestBody, this.#continueSent);
    if (framing.framing === 'close' || !stays) this.#persistent = false;
    const { headers } = response;
    const own = framing.fields(this.#persistent, version);
    if (!this.#output.putHead(status, this.#date, headers, own))
      return this.#fail(nowUs, 'a field that cannot be sent');

    this.#events?.response(nowUs, status, [this.#date, ...headers, ...own], this.#head);
    this.#events?.bodyIn(nowUs, this.#requestBody);
    this.#phase = 'content';
    if (!withContent || (framing.framing === 'length' && framing.left === 0)) this.#finish(nowUs);
    else if (first !== undefined && first.length > 0) this.#putContent(nowUs, first);
    return true;
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
    const output = this.#output;
    const { framing, left } = this.#framing;
    let room = wanted - output.length;
    if (framing === 'chunked') {
      if (output.space < SMALLEST_PIECE) return false;
      room = Math.min(Math.max(room, SMALLEST_PIECE), output.space) - CHUNK_OVERHEAD;
    } else if (framing === 'length') room = Math.min(room, left);
    room = Math.min(room, PIECE_BYTES - (this.#sent % PIECE_BYTES));
    output.reserve(framing === 'chunked' ? room + CHUNK_OVERHEAD : room);
    const piece = this.#readBody(nowUs, room);
    if (this.#phase !== 'content') return true;
    if (piece === undefined) {
      if (framing === 'length') return this.#fail(nowUs, 'too little content');
      if (framing === 'chunked' && !this.#endChunks(nowUs)) return false;
      if (this.#phase !== 'content') return true;
      this.#events?.bodyOut(nowUs, this.#sent, true);
      this.#finish(nowUs);
      return true;
    }
    if (piece.length === 0) return false;
    this.#putContent(nowUs, piece);
    return true;
  }

  /** The room for it is reserved. */
  #putContent(nowUs: Micros, piece: Uint8Array): void {
    const framing = this.#framing;
    this.#sent += piece.length;
    if (framing.framing === 'chunked') this.#output.putChunk(piece);
    else this.#output.put(piece);
    if (framing.framing === 'length') framing.left -= piece.length;
    const end = framing.framing === 'length' && framing.left === 0;
    this.#events?.bodyOut(nowUs, this.#sent, end);
    if (end) this.#finish(nowUs);
  }

  /** The last chunk and the trailer section (RFC 9112 §7.1.2); false when there is no room for them yet. */
  #endChunks(nowUs: Micros): boolean {
    let fields: readonly Field[];
    try {
      fields = this.#body.trailers?.() ?? NO_FIELDS;
    } catch {
      return this.#fail(nowUs, 'its trailers failed');
    }
    const size = fieldBytes(fields) + LAST_CHUNK_BYTES;
    if (size > limits.http1.responseHeadBytes) return this.#fail(nowUs, 'the trailer section is too large');
    if (!this.#output.reserve(size)) return false;
    return this.#output.putLastChunk(fields) || this.#fail(nowUs, 'a trailer field that cannot be sent');
  }

  /** The next content of the response. What went wrong in reading has changed the phase or the response. */
  #readBody(nowUs: Micros, maxBytes: number): Uint8Array | undefined {
    let piece: Uint8Array | undefined;
    try {
      piece = this.#body.read(maxBytes, nowUs);
      if (piece?.length === 0) this.#sleep(nowUs, this.#body.dueUs);
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

  /** Its content waits for logical time. */
  #sleep(nowUs: Micros, dueUs: Micros | undefined): void {
    if (dueUs !== undefined && Number.isSafeInteger(dueUs)) this.#dueUs = Math.max(dueUs, nowUs + 1);
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
    this.#drainedBytes = 0;
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
    if (this.#phase === 'content') this.#cutOff(nowUs);
    else this.#respond(nowUs, response);
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

  /** RFC 9112 §8: the peer sees by the framing that the response is incomplete, or else by a reset. */
  #cutOff(nowUs: Micros): void {
    if (this.#framing.framing === 'close') this.#abort(nowUs);
    else this.#end(nowUs);
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
