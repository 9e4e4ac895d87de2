// Those who answer requests outside the core: an application of the user's own, files of a directory. Requests come from the
// handler of the core, answers go back as timed inputs (`Loop.respond`), content in pieces both ways and never more of it
// at a time than the bounds below. Nothing here decides what goes on the wire.

import {
  type Answer,
  type DeferralEnd,
  type Deferred,
  type Field,
  type Handler,
  type Request,
  requestToken,
  type SyncHandler,
} from '../core/http/message.js';
import { allowsContent } from '../core/http/status.js';
import { limits } from '../core/limits.js';
import { OutsideRequest, RequestContent } from './outside-request.js';
import { checkedResponse, isChunk, isStatus, toBytes, trailersOf } from './outside-response.js';
import type { AppFunction, AppResponse, AppResult, Chunk } from './outside-types.js';

/** Bytes of one request and its response that `Desk` holds. */
export const outsideLimits = {
  /** Content of one request that is asked for ahead of who reads it. */
  readBytes: 65_536,
  /** Content of one response that is given to the core ahead of the client. */
  aheadBytes: 262_144,
} as const;

export type Respond = (token: string, answer: Answer) => void;

export interface DeskOptions {
  /** Asked one after the other, until one answers. */
  readonly answerers: readonly AppFunction[];
  /** Answers, inside the core, what none of them wants. It must be that of the replay. */
  readonly otherwise: SyncHandler;
  /** Told what an answerer threw; the client gets a 500, and the run goes on. */
  readonly onError: (error: unknown, request: Request) => void;
}

/** A body is not as long as was told. */
class LengthError extends RangeError {}

/** Stands between the core and those who answer. */
export class Desk {
  /** For the core. */
  readonly handler: Handler;
  readonly #options: DeskOptions;
  readonly #open = new Set<Exchange>();
  #respond: Respond = () => {};

  constructor(options: DeskOptions) {
    this.#options = options;
    this.handler = (request) => this.#begin(request);
  }

  /** Requests that are being answered. */
  get open(): number {
    return this.#open.size;
  }

  /** Where answers go: called before the first request can come. */
  connect(respond: Respond): void {
    this.#respond = respond;
  }

  /** The run is over: whoever still answers is told to stop. */
  close(): void {
    for (const exchange of this.#open) exchange.ended('cancelled');
  }

  #begin(request: Request): Deferred {
    const exchange = new Exchange(request, this.#options, (token, answer) => this.#respond(token, answer));
    this.#open.add(exchange);
    void exchange.run(this.#open);
    return exchange;
  }
}

class Exchange implements Deferred {
  readonly deferred = true;
  readonly otherwise: SyncHandler;
  readonly #request: Request;
  readonly #token: string;
  readonly #options: DeskOptions;
  readonly #respond: Respond;
  readonly #content: RequestContent;
  /** Made when it is asked for: most answers are there before anybody looks. */
  #aborter: AbortController | undefined;
  #aborted = false;
  #waitingBytes = 0;
  #answered = false;
  #wake: (() => void) | undefined;
  #over = false;
  /** The client has all that it was promised. */
  #sent = false;
  /** It was told why. */
  #failedItself = false;

  constructor(request: Request, options: DeskOptions, respond: Respond) {
    this.#request = request;
    this.#token = requestToken(request);
    this.#options = options;
    this.otherwise = options.otherwise;
    this.#respond = respond;
    this.#content = new RequestContent(outsideLimits.readBytes, (maxBytes) => this.#give({ kind: 'read', maxBytes }));
  }

  // ---- told by the core ----

  content(bytes: Uint8Array, end: boolean, trailers: readonly Field[]): void {
    this.#content.push(bytes, end, trailers);
  }

  drained(waitingBytes: number): void {
    this.#waitingBytes = waitingBytes;
    this.#wakeUp();
  }

  ended(how: DeferralEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.#sent = how === 'sent';
    this.#content.fail(how);
    this.#wakeUp();
    if (how === 'sent' || how === 'passed') return;
    this.#aborted = true;
    // Who listens is called at once, and may ask for the content of another request: not within the call of the core.
    if (this.#aborter !== undefined) queueMicrotask(() => this.#aborter!.abort());
    if (how === 'failed' && !this.#failedItself) {
      this.#options.onError(new Error('what the application gave cannot be sent'), this.#request);
    }
  }

  #signal(): AbortSignal {
    if (this.#aborter === undefined) {
      this.#aborter = new AbortController();
      if (this.#aborted) this.#aborter.abort();
    }
    return this.#aborter.signal;
  }

  // ---- the way to an answer ----

  /** `open` holds it until its answer is given. Rejects only with what `onError` throws. */
  async run(open: Set<Exchange>): Promise<void> {
    // Not within the call of the core that brought the request.
    await undefined;
    try {
      const request = new OutsideRequest(this.#request, this.#token, this.#content, () => this.#signal());
      for (const answerer of this.#options.answerers) {
        const result = await answerer(request);
        if (this.#over) return;
        if (result !== undefined) {
          await this.#send(result);
          return;
        }
      }
      if (this.#content.wasAsked)
        throw new Error('an application that has read the content cannot pass the request on');
      this.#give({ kind: 'pass' });
    } catch (error) {
      this.#failed(error);
    } finally {
      open.delete(this);
    }
  }

  #failed(error: unknown): void {
    // Who was told to stop may well end in an error.
    if (this.#over && !(error instanceof LengthError)) return;
    const status = error instanceof Error ? (error as { status?: unknown }).status : undefined;
    if (!this.#answered && isStatus(status, 400) && status < 500) {
      const content = new TextEncoder().encode(`${status}: ${String((error as Error).message)}\n`);
      const headers: Field[] = [['content-type', 'text/plain; charset=utf-8']];
      this.#give({ kind: 'response', status, headers, content: content.subarray(0, limits.http.answerPieceBytes) });
      return;
    }
    this.#failedItself = true;
    this.#give({ kind: 'fail' });
    this.#options.onError(error, this.#request);
  }

  async #send(result: Exclude<AppResult, undefined>): Promise<void> {
    const { status, headers, body, length, trailers } = checkedResponse(result);
    if (body === undefined) {
      this.#give({ kind: 'response', status, headers });
      return;
    }
    if (isChunk(body)) await this.#sendWhole(status, headers, toBytes(body), trailers);
    else await this.#sendPieces(status, headers, body, length, trailers);
  }

  async #sendWhole(
    status: number,
    headers: readonly Field[],
    bytes: Uint8Array,
    trailers: AppResponse['trailers'],
  ): Promise<void> {
    if (bytes.length <= limits.http.answerPieceBytes) {
      const section = trailersOf(trailers);
      this.#give({ kind: 'response', status, headers, content: bytes, ...(section && { trailers: section }) });
      return;
    }
    // With trailers its length is left out: HTTP/1.1 has trailers behind chunks only.
    const length = trailers === undefined ? { length: bytes.length } : {};
    this.#give({ kind: 'response', status, headers, content: 'follows', ...length });
    await this.#piece(bytes);
    this.#end(trailers);
  }

  async #sendPieces(
    status: number,
    headers: readonly Field[],
    body: Iterable<Chunk> | AsyncIterable<Chunk>,
    length: number | undefined,
    trailers: AppResponse['trailers'],
  ): Promise<void> {
    const head = { kind: 'response', status, headers, content: 'follows' } as const;
    this.#give(length === undefined ? head : { ...head, length });
    let sent = 0;
    for await (const chunk of body) {
      const bytes = toBytes(chunk);
      sent += bytes.length;
      if (length !== undefined && sent > length) throw new LengthError(`the body is longer than its length, ${length}`);
      await this.#piece(bytes);
      // Leaving the loop tells the iterable that nobody reads on. What is behind a body that was sent in full is told.
      if (this.#over && !(this.#sent && sent === length)) return;
    }
    // RFC 9110 §8.6: of content that is not sent (§9.3.2, §6.4.1) the length is told all the same.
    const isSent = this.#request.method !== 'HEAD' && allowsContent(status);
    if (length !== undefined && sent < length && isSent && !this.#over) {
      throw new LengthError(`the body ends after ${sent} bytes, its length was to be ${length}`);
    }
    this.#end(trailers);
  }

  #end(trailers: AppResponse['trailers']): void {
    const section = trailersOf(trailers);
    this.#give({ kind: 'content', bytes: NOTHING, end: true, ...(section && { trailers: section }) });
  }

  /** Gives content as the client takes it. */
  async #piece(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + limits.http.answerPieceBytes);
      while (!this.#over && this.#waitingBytes > 0 && this.#waitingBytes + piece.length > outsideLimits.aheadBytes) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
      if (this.#over) return;
      this.#waitingBytes += piece.length;
      this.#give({ kind: 'content', bytes: piece, end: false });
      at += piece.length;
    }
  }

  #give(answer: Answer): void {
    if (answer.kind === 'response') this.#answered = true;
    if (!this.#over) this.#respond(this.#token, answer);
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

const NOTHING = new Uint8Array(0);
