// A request whose answer comes from outside: what was asked for, what has come, what waits (limits.http). Asking a handler
// and checking what it gives is here too, for both versions of HTTP (RFC 9110 §15.6.1, §6.5.1). What goes on the wire, and
// when, is the connection's.

import { ByteQueue } from '../bytes/queue.js';
import { limits } from '../limits.js';
import type { Trace } from '../trace.js';
import type { Micros } from '../types.js';
import { bytesBody } from './body.js';
import {
  type Answer,
  type BodySource,
  type DeferralEnd,
  type Deferred,
  type Field,
  type Handler,
  type Request,
  type Response,
  type ResponseAnswer,
  requestToken,
} from './message.js';
import { latin1Bytes } from './text.js';

/** Asks the handler. Throws what it throws, and an Error for what is neither a response nor a Deferred. */
export function ask(handler: Handler, request: Request): Response | Deferred {
  const answer = handler(request);
  if (!isDeferred(answer)) checkResponse(answer);
  return answer;
}

export function isDeferred(answer: Response | Deferred): answer is Deferred {
  return (answer as Partial<Deferred>).deferred === true;
}

/** Throws an Error unless the types are right; what a version cannot send in them it finds out itself. */
export function checkResponse(response: Response): void {
  const { status, headers, body, delayUs } = response;
  if (!Number.isInteger(status)) throw new Error('status is no number');
  checkFields(headers);
  if (body !== undefined && !isBody(body)) throw new Error('the body is none, or its length is no size');
  if (!isSize(delayUs)) throw new Error('delayUs is no time');
}

/** A text or bytes, which plain JavaScript may give, have a length too. */
export function isBody(body: BodySource): boolean {
  return typeof body.read === 'function' && isSize(body.length);
}

export function isSize(value: number | undefined): boolean {
  return value === undefined || (Number.isSafeInteger(value) && value >= 0);
}

function checkFields(fields: readonly Field[]): number {
  if (!Array.isArray(fields)) throw new Error('fields are no list');
  let bytes = 0;
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i] as unknown;
    if (!Array.isArray(field) || typeof field[0] !== 'string' || typeof field[1] !== 'string') {
      throw new Error('a field is no pair of texts');
    }
    bytes += field[0].length + field[1].length + 32;
  }
  return bytes;
}

/** RFC 9110 §6.5.1: what frames, routes, authenticates or describes the content must come before it. */
const NO_TRAILERS: ReadonlySet<string> = new Set(
  (
    'transfer-encoding content-length host trailer connection keep-alive proxy-connection upgrade te expect max-forwards ' +
    'cache-control range if-match if-none-match if-modified-since if-unmodified-since if-range authorization ' +
    'proxy-authenticate proxy-authorization www-authenticate set-cookie cookie age date expires location retry-after vary ' +
    'warning content-encoding content-type content-range'
  ).split(' '),
);

/** Throws an Error for what cannot be a trailer section, in its types, its size or its names. */
export function checkTrailers(trailers: readonly Field[]): readonly Field[] {
  if (checkFields(trailers) > limits.http.trailerFieldBytes) throw new Error('the trailer section is too large');
  for (const [name] of trailers) {
    if (NO_TRAILERS.has(name) || name.startsWith(':')) throw new Error(`${name} is no trailer field`);
  }
  return trailers;
}

/** The number behind the last `/` of a token of this flow, otherwise -1. */
export function tokenSerial(token: string, flow: string): number {
  if (!token.startsWith(flow) || token[flow.length] !== '/') return -1;
  const digits = token.slice(flow.length + 1);
  return /^[0-9]{1,10}$/.test(digits) ? Number(digits) : -1;
}

/** What is before the last `/` of a token. */
export function tokenFlow(token: string): string {
  return token.slice(0, Math.max(0, token.lastIndexOf('/')));
}

/** An answer that nobody waits for is ignored, but not without a word. */
export function traceUnanswered(
  trace: Trace,
  nowUs: Micros,
  flow: string,
  token: string,
  severity: 'warning' | 'error',
  reason: string,
): void {
  trace(nowUs, { layer: 'http', kind: 'unanswered', severity, flow, token, reason });
}

function contentLength(answer: Answer): number | undefined {
  if (answer.kind === 'content') return answer.bytes.length;
  if (answer.kind === 'read') return answer.maxBytes;
  return answer.kind === 'response' && typeof answer.content === 'object' ? answer.content.length : undefined;
}

/** What an answer leads to. */
export type Outcome =
  /** It begins the response; `final`: what follows has nothing to do with the outside any more. */
  | { readonly kind: 'response'; readonly response: Response; readonly final: boolean }
  /** There is more to send, or more content is asked for. */
  | { readonly kind: 'more' }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'ignored'; readonly reason: string };

const MORE: Outcome = { kind: 'more' };
const NOTHING = new Uint8Array(0);
const NO_FIELDS: readonly Field[] = [];

export class Deferral {
  readonly request: Request;
  /** When the outside is given up; Infinity while nothing is expected of it. */
  dueUs: Micros;
  readonly #deferred: Deferred;
  readonly #trace: Trace | undefined;
  #answered = false;
  /** The content that follows a response. */
  #content: AnswerContent | undefined;
  /** Bytes of the request's content that are asked for and not there yet. */
  #wantedBytes = 0;
  #hasRead = false;
  #requestEnded = false;
  #ended = false;

  constructor(nowUs: Micros, request: Request, deferred: Deferred, trace: Trace | undefined) {
    this.request = request;
    this.#deferred = deferred;
    this.#trace = trace;
    this.dueUs = nowUs + limits.http.answerUs;
    const { flow } = request.connection;
    trace?.(nowUs, { layer: 'http', kind: 'deferred', flow, token: requestToken(request) });
  }

  /** Not over yet: answers are taken. */
  get open(): boolean {
    return !this.#ended;
  }

  /** The outside waits for content of the request. */
  get wantsContent(): boolean {
    return this.#wantedBytes > 0 && !this.#requestEnded && !this.#ended;
  }

  /**
   * True: `dueUs` has come, the outside was given up and told so. False: not yet, or it is the peer's turn, to send what is
   * asked for or to take what waits: a slow peer is not the outside's fault, and `dueUs` has moved on.
   */
  isOverdue(nowUs: Micros): boolean {
    if (this.dueUs > nowUs) return false;
    // RFC 9110 §9.3.2: a response whose content is not sent is whole as it is, however long it waits to be taken.
    if (this.#content?.isCancelled) {
      this.dueUs = Number.POSITIVE_INFINITY;
      return false;
    }
    if (!this.wantsContent && (this.#content === undefined || this.#content.waitingBytes === 0)) {
      this.end(nowUs, 'timeout');
      return true;
    }
    while (this.dueUs <= nowUs) this.dueUs += limits.http.answerUs;
    return false;
  }

  accept(nowUs: Micros, answer: Answer): Outcome {
    const outcome = this.#accept(answer);
    if (outcome.kind === 'response' && outcome.final) this.end(nowUs, 'passed');
    else if (outcome.kind !== 'ignored') {
      const complete = this.#answered && (this.#content === undefined || this.#content.ended);
      this.dueUs = complete ? Number.POSITIVE_INFINITY : nowUs + limits.http.answerUs;
    }
    if (this.#trace === undefined) return outcome;
    const { flow } = this.request.connection;
    const token = requestToken(this.request);
    if (outcome.kind === 'ignored') traceUnanswered(this.#trace, nowUs, flow, token, 'warning', outcome.reason);
    else {
      const { kind } = answer;
      const status = kind === 'response' ? { status: answer.status } : {};
      const length = contentLength(answer);
      const event = { layer: 'http', kind: 'answer', flow, token, answer: kind, ...status } as const;
      this.#trace(nowUs, length === undefined ? event : { ...event, length });
    }
    if (outcome.kind === 'failed') traceUnanswered(this.#trace, nowUs, flow, token, 'error', outcome.reason);
    return outcome;
  }

  #accept(answer: Answer): Outcome {
    if (this.#ended) return { kind: 'ignored', reason: 'the exchange is over' };
    try {
      switch (answer.kind) {
        case 'response':
          if (this.#answered) return { kind: 'ignored', reason: 'a response has been given' };
          return { kind: 'response', response: this.#begin(answer), final: false };
        case 'content':
          return this.#append(answer.bytes, answer.end, answer.trailers);
        case 'read':
          if (!isSize(answer.maxBytes)) throw new Error('maxBytes is no size');
          this.#hasRead = true;
          this.#wantedBytes = Math.min(this.#wantedBytes + answer.maxBytes, Number.MAX_SAFE_INTEGER);
          return MORE;
        case 'pass':
          return this.#pass();
        case 'fail':
          return { kind: 'failed', reason: 'the application failed' };
        default:
          answer satisfies never;
          return { kind: 'ignored', reason: 'an answer of an unknown kind' };
      }
    } catch (error) {
      return { kind: 'failed', reason: `the application: ${error instanceof Error ? error.message : 'failed'}` };
    }
  }

  /** Hands up what was asked for and is here. True: something was. `isBroken`: an end of the content is not its true end. */
  feed(isBroken?: () => boolean): boolean {
    let moved = false;
    while (this.wantsContent) {
      const { body } = this.request;
      const piece = body.read(Math.min(this.#wantedBytes, limits.http.answerPieceBytes));
      if (piece === undefined) {
        if (isBroken?.()) return moved;
        this.#requestEnded = true;
        this.#tell(() => this.#deferred.content?.(NOTHING, true, body.trailers?.() ?? NO_FIELDS));
        return true;
      }
      if (piece.length === 0) return moved;
      this.#wantedBytes -= piece.length;
      this.#tell(() => this.#deferred.content?.(piece, false, NO_FIELDS));
      moved = true;
    }
    return moved;
  }

  end(nowUs: Micros, how: DeferralEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.dueUs = Number.POSITIVE_INFINITY;
    if (this.#trace !== undefined && (how === 'cancelled' || how === 'timeout')) {
      const severity = how === 'timeout' ? 'error' : 'warning';
      const reason = how === 'timeout' ? 'the application took too long' : 'nobody waits for the answer any more';
      traceUnanswered(this.#trace, nowUs, this.request.connection.flow, requestToken(this.request), severity, reason);
    }
    this.#content?.cancel();
    this.#tell(() => this.#deferred.ended?.(how));
  }

  #begin(answer: ResponseAnswer): Response {
    const { status, headers, content, length, trailers } = answer;
    if (checkFields(headers) > limits.http.answerFieldBytes) throw new Error('the header section is too large');
    let body: BodySource | undefined;
    if (content === 'follows') {
      this.#content = new AnswerContent(length, (waiting) => this.#tell(() => this.#deferred.drained?.(waiting)));
      body = this.#content.source;
    } else if (content !== undefined) {
      body = bytesBody(checkPiece(content).slice());
      if (trailers !== undefined) body = withTrailers(body, checkTrailers(trailers));
    }
    const response: Response = body === undefined ? { status, headers } : { status, headers, body };
    checkResponse(response);
    this.#answered = true;
    return response;
  }

  #append(bytes: Uint8Array, end: boolean, trailers: readonly Field[] | undefined): Outcome {
    const content = this.#content;
    if (content === undefined) return { kind: 'ignored', reason: 'content without a response that it follows' };
    if (content.ended) return { kind: 'ignored', reason: 'content behind its end' };
    checkPiece(bytes);
    if (content.waitingBytes + bytes.length > limits.http.answerWaitingBytes) throw new Error('too much content waits');
    content.push(bytes, end, trailers === undefined ? NO_FIELDS : checkTrailers(trailers));
    return MORE;
  }

  #pass(): Outcome {
    if (this.#answered) return { kind: 'ignored', reason: 'a response has been given' };
    if (this.#hasRead) throw new Error('passed on after content was read');
    const { otherwise } = this.#deferred;
    const response = otherwise === undefined ? notFound() : otherwise(this.request);
    checkResponse(response);
    this.#answered = true;
    return { kind: 'response', response, final: true };
  }

  /** The outside must not harm the run: what it throws changes nothing. */
  #tell(call: () => void): void {
    try {
      call();
    } catch {
      // Its own errors are its own to tell.
    }
  }
}

function checkPiece(bytes: Uint8Array): Uint8Array {
  if (!(bytes instanceof Uint8Array)) throw new Error('content is no Uint8Array');
  if (bytes.length > limits.http.answerPieceBytes) throw new Error('content is larger than one answer may be');
  return bytes;
}

function withTrailers(body: BodySource, trailers: readonly Field[]): BodySource {
  return { length: body.length, read: (maxBytes, nowUs) => body.read(maxBytes, nowUs), trailers: () => trailers };
}

function notFound(): Response {
  return { status: 404, headers: [['content-type', 'text/plain; charset=utf-8']], body: bytesBody(NOT_FOUND) };
}

const NOT_FOUND = latin1Bytes('404 Not Found\n');

/** Content that came from outside and was not sent yet; the connection reads it at `source`. */
class AnswerContent {
  readonly source: BodySource;
  ended = false;
  readonly #queue = new ByteQueue();
  /** Octets at the front that the last read gave out as a view. */
  #lent = 0;
  #trailers = NO_FIELDS;
  /** Nobody reads it, or reads on. */
  isCancelled = false;

  constructor(length: number | undefined, drained: (waitingBytes: number) => void) {
    const read = (maxBytes: number): Uint8Array | undefined => {
      this.#settle();
      if (this.isCancelled || (this.#queue.length === 0 && this.ended)) return undefined;
      const view = this.#queue.front(maxBytes);
      this.#lent = view.length;
      if (view.length > 0) drained(this.waitingBytes);
      return view;
    };
    const cancel = (): void => this.cancel();
    // HTTP/1.1 would send content of a known length in chunks for the sake of trailers.
    this.source =
      length === undefined ? { length, read, cancel, trailers: () => this.#trailers } : { length, read, cancel };
  }

  get waitingBytes(): number {
    return this.#queue.length - this.#lent;
  }

  push(bytes: Uint8Array, end: boolean, trailers: readonly Field[]): void {
    if (this.isCancelled) return;
    this.#settle();
    if (bytes.length > 0) this.#queue.push(bytes);
    this.ended = end;
    if (end) this.#trailers = trailers;
  }

  cancel(): void {
    this.isCancelled = true;
    this.#lent = 0;
    this.#queue.clear();
  }

  #settle(): void {
    if (this.#lent > 0) this.#queue.drop(this.#lent);
    this.#lent = 0;
  }
}
