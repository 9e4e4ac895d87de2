// A request as an application sees it: its content is asked for as it is read, a bounded number of bytes ahead.

import { type ConnectionInfo, type Field, fieldValue, type HttpVersion, type Request } from '../core/http/message.js';
import { type AppRequest, HttpError } from './outside-types.js';

const WHOLE_BYTES = 1_048_576;

/** Content on its way from the core to who reads it. */
export class RequestContent implements AsyncIterable<Uint8Array> {
  /** Something was asked for: the request cannot be passed on any more. */
  wasAsked = false;
  trailers: readonly Field[] = [];
  readonly #aheadBytes: number;
  readonly #ask: (maxBytes: number) => void;
  #pieces: Uint8Array[] = [];
  /** Asked for and neither here nor at its end. */
  #askedBytes = 0;
  #ended = false;
  /** How the exchange ended before the content did. */
  #over: string | undefined;
  #isRead = false;
  #wake: (() => void) | undefined;

  constructor(aheadBytes: number, ask: (maxBytes: number) => void) {
    this.#aheadBytes = aheadBytes;
    this.#ask = ask;
  }

  push(bytes: Uint8Array, end: boolean, trailers: readonly Field[]): void {
    if (bytes.length > 0) this.#pieces.push(bytes.slice());
    this.#askedBytes -= bytes.length;
    if (end) {
      this.#ended = true;
      this.trailers = trailers;
    }
    this.#wakeUp();
  }

  /** No more will come. What is here can still be read. */
  fail(how: string): void {
    if (!this.#ended) this.#over ??= how;
    this.#wakeUp();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#isRead) throw new Error('the content of a request is read once');
    this.#isRead = true;
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece !== undefined) {
        yield piece;
        continue;
      }
      if (this.#ended) return;
      if (this.#over !== undefined) throw new Error(`the exchange is over: ${this.#over}`);
      if (this.#askedBytes <= 0) {
        this.wasAsked = true;
        this.#askedBytes = this.#aheadBytes;
        this.#ask(this.#aheadBytes);
      }
      // The core may have had it at hand.
      if (this.#pieces.length > 0 || this.#ended) continue;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async whole(maxBytes: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    let length = 0;
    for await (const piece of this) {
      length += piece.length;
      if (length > maxBytes) throw new HttpError(413, `the content is larger than ${maxBytes} bytes`);
      pieces.push(piece);
    }
    const all = new Uint8Array(length);
    let at = 0;
    for (const piece of pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

/** The request as an application sees it. */
export class OutsideRequest implements AppRequest {
  readonly method: string;
  readonly path: string;
  readonly scheme: 'http' | 'https';
  readonly authority: string;
  readonly version: HttpVersion;
  readonly headers: readonly Field[];
  readonly connection: ConnectionInfo;
  readonly token: string;
  readonly body: RequestContent;
  readonly #signal: () => AbortSignal;

  constructor(request: Request, token: string, body: RequestContent, signal: () => AbortSignal) {
    this.method = request.method;
    this.path = request.path;
    this.scheme = request.scheme;
    this.authority = request.authority;
    this.version = request.version;
    this.headers = request.headers;
    this.connection = request.connection;
    this.token = token;
    this.body = body;
    this.#signal = signal;
  }

  get url(): string {
    return `${this.scheme}://${this.authority}${this.path}`;
  }

  get signal(): AbortSignal {
    return this.#signal();
  }

  header(name: string): string | undefined {
    return fieldValue(this.headers, name.toLowerCase());
  }

  bytes(maxBytes = WHOLE_BYTES): Promise<Uint8Array> {
    return this.body.whole(maxBytes);
  }

  async text(maxBytes = WHOLE_BYTES): Promise<string> {
    return new TextDecoder().decode(await this.body.whole(maxBytes));
  }

  trailers(): readonly Field[] {
    return this.body.trailers;
  }
}
