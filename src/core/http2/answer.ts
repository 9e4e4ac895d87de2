// From a request to its response: the handler's, ours where the request is not for the handler (RFC 9110 §7.4, §9.1,
// RFC 6585 §5), or one that comes from outside, piece by piece; and what of a response has content at all. Whose turn it is
// to be sent is decided elsewhere.

import { cancelSource } from '../http/body.js';
import { Deferral, isDeferred, tokenSerial, traceUnanswered } from '../http/deferral.js';
import type { Answer, BodySource, ConnectionInfo, Handler, Request, Response } from '../http/message.js';
import type { Trace } from '../trace.js';
import type { Micros } from '../types.js';
import { type Verdict, verdicts } from './errors.js';
import { isSendable, type RequestHead } from './headers.js';
import { type Stream, StreamTimer } from './stream.js';
import type { StreamTable } from './streams.js';
import { traceError } from './tell.js';

export interface AnswerOptions {
  readonly flow: string;
  readonly scheme: 'http' | 'https';
  readonly handler: Handler;
  readonly connection: ConnectionInfo;
  readonly trace?: Trace;
}

export class Answers {
  readonly #options: AnswerOptions;
  readonly #streams: StreamTable;
  readonly #onError: (stream: Stream, verdict: Verdict) => void;

  /** `onError` resets a stream whose response cannot be completed. */
  constructor(options: AnswerOptions, streams: StreamTable, onError: (stream: Stream, verdict: Verdict) => void) {
    this.#options = options;
    this.#streams = streams;
    this.#onError = onError;
  }

  /** A request is there. `oversize`: its header list was too large to be kept. */
  ask(nowUs: Micros, stream: Stream, head: RequestHead, body: BodySource, oversize: boolean): void {
    const own = ownAnswer(this.#options, head, oversize);
    if (own !== undefined) {
      this.#begin(nowUs, stream, own);
      return;
    }
    const request: Request = {
      version: 'HTTP/2',
      method: head.method,
      scheme: this.#options.scheme,
      authority: head.authority,
      path: head.path,
      headers: head.headers,
      body,
      connection: this.#options.connection,
      serial: stream.id,
    };
    try {
      // What a response is made of is looked at once, by `isSendable`.
      const answer = this.#options.handler(request);
      if (!isDeferred(answer)) {
        this.#beginSendable(nowUs, stream, answer);
        return;
      }
      stream.deferral = new Deferral(nowUs, request, answer, this.#options.trace);
      this.#streams.arm(stream, StreamTimer.answer, stream.deferral.dueUs);
    } catch {
      this.#fail(nowUs, stream, verdicts.handlerFailed, 500);
    }
  }

  /** An answer from outside, or a part of it. */
  respond(nowUs: Micros, token: string, answer: Answer): void {
    const { flow, trace } = this.#options;
    const stream = this.#streams.get(tokenSerial(token, flow));
    const deferral = stream?.deferral;
    if (stream === undefined || deferral === undefined) {
      if (trace) traceUnanswered(trace, nowUs, flow, token, 'warning', 'no request waits for this answer');
      return;
    }
    const outcome = deferral.accept(nowUs, answer);
    if (outcome.kind === 'ignored') return;
    this.#streams.arm(stream, StreamTimer.answer, deferral.dueUs);
    if (outcome.kind === 'failed') this.#fail(nowUs, stream, verdicts.handlerFailed, 500);
    else if (outcome.kind === 'response') {
      if (outcome.final) this.#streams.endDeferral(stream, 'passed');
      this.#beginSendable(nowUs, stream, outcome.response);
    } else this.#streams.wake(stream);
  }

  /** The time for an answer from outside is over. */
  due(nowUs: Micros, stream: Stream): void {
    const { deferral } = stream;
    if (deferral === undefined) return;
    if (deferral.isOverdue(nowUs)) this.#fail(nowUs, stream, verdicts.answerTimeout, 504);
    else this.#streams.arm(stream, StreamTimer.answer, deferral.dueUs);
  }

  #beginSendable(nowUs: Micros, stream: Stream, response: Response): void {
    if (isSendable(response)) {
      this.#begin(nowUs, stream, response);
      return;
    }
    if (response.body !== undefined) cancelSource(response.body);
    this.#fail(nowUs, stream, verdicts.handlerFailed, 500);
  }

  #begin(nowUs: Micros, stream: Stream, response: Response): void {
    attach(stream, response);
    stream.readyUs = nowUs;
    const delayUs = response.delayUs ?? 0;
    if (delayUs > 0) this.#streams.arm(stream, StreamTimer.delay, nowUs + delayUs);
    else this.#streams.ready.add(stream);
  }

  /** The response will not come: our own takes its place, unless it has begun. */
  #fail(nowUs: Micros, stream: Stream, verdict: Verdict, status: number): void {
    this.#streams.endDeferral(stream, 'failed');
    if (stream.headSent) {
      this.#onError(stream, verdict);
      return;
    }
    const { flow, trace } = this.#options;
    if (trace) traceError(trace, nowUs, flow, stream.id, verdict);
    if (stream.source !== undefined) cancelSource(stream.source);
    stream.source = undefined;
    this.#begin(nowUs, stream, { status, headers: [] });
  }
}

/** Our own answer to a request that is not for the handler. */
function ownAnswer(options: AnswerOptions, head: RequestHead, oversize: boolean): Response | undefined {
  // RFC 6585 §5.
  if (oversize) return { status: 431, headers: [] };
  // RFC 9110 §9.1: a method that is known and not implemented here; there is no tunnel to offer (RFC 9113 §8.5).
  if (head.method === 'CONNECT') return { status: 501, headers: [] };
  // RFC 9110 §7.4, §15.5.20: a secured and an open connection do not answer for each other's resources.
  if (head.scheme.toLowerCase() !== options.scheme) return { status: 421, headers: [] };
  return undefined;
}

/** Puts the response on the stream. A body that will not be read is told so. */
function attach(stream: Stream, response: Response): void {
  stream.response = response;
  const body = response.body;
  if (body === undefined) return;
  // RFC 9110 §9.3.2: HEAD is answered like GET, without the content.
  const isEmpty = body.length === 0 && body.trailers === undefined;
  if (stream.method === 'HEAD' || hasNoContent(response.status) || isEmpty) {
    cancelSource(body);
    return;
  }
  stream.source = body;
  stream.leftBytes = body.length ?? -1;
}

/** RFC 9110 §15.3.5, §15.3.6, §15.4.5. */
function hasNoContent(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}
